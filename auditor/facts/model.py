"""The fact model: what the auditor knows about a subject, and all that a policy may ask.

Every field is a fact: its docstring is its page, its type is its CEL type. `None` is "absent": the key does not exist
in CEL and is asked for with `has()`; zero is a written zero. Bytes are whole numbers as `resource.Quantity.Value()`
rounds them (away from zero). Structs are frozen and hold tuples only, so a record may cross processes and threads.
"""

from collections.abc import Iterator

import msgspec

Path = tuple[str | int, ...]
"""A path in an object: keys and list indexes, such as `("spec", "containers", 0, "resources")`."""


class QuantityFacts(msgspec.Struct, frozen=True):
    """One entry below a `resources` block, `overhead` or an emptyDir's `sizeLimit`, exactly as the manifest has it.

    There is one for each memory or hugepages entry, for each name that looks like a misspelt `memory`, and for each
    block that looks like a misspelt `requests` or `limits`; entries of other resources have none.
    """

    at: str
    """Path below the subject, such as `resources.limits.memory` (container), `overhead.memory` or
    `resources.requests.memory`
    (pod: below the pod spec), `emptyDir.sizeLimit` (volume)."""
    name: str
    """The key as written: `memory`, `hugepages-2Mi`, `mem`, `limit`."""
    block: str
    """`requests`, `limits`, `overhead`, `sizeLimit`, or the misspelt block itself."""
    text: str
    """The value as written, without quotes; empty for null and for a misspelt block."""
    bytes: int | None
    """The value in bytes as the API server reads it (`Value()`); absent when it does not parse."""
    valid: bool
    """True when the API server can decode it, it is not negative, and fits into 63 bits."""
    error: str | None
    """Why it is not valid; absent when it is."""
    fractional: bool
    """True when the value is not a whole number of bytes (`512m`); the API server warns and rounds up."""
    unit: str
    """The suffix as written: empty, `m`, `k`, `M`, `Mi`, `e3` ..."""
    known: bool
    """False for a resource or block name that Kubernetes does not know."""
    dropped: bool
    """True when the API server drops the unknown name without an error (an unknown field), False when validation
    refuses it."""
    suggestion: str | None
    """The name that was probably meant; absent when the name is known."""


class HeapFacts(msgspec.Struct, frozen=True):
    """What a language runtime in the container was told about its heap."""

    runtime: str
    """`jvm`."""
    max_bytes: int | None
    """The largest heap: -Xmx, or MaxRAMPercentage of the container's memory.max; absent when not declared or not
    known."""
    initial_bytes: int | None
    """The heap at start: -Xms, or InitialRAMPercentage of the container's memory.max; absent when not declared."""
    flag: str | None
    """The flag that decides `max_bytes`, as written, such as `-Xmx4g`; absent when none does."""
    at: str | None
    """Path of that flag below the container, such as `env[2].value` or `args[0]`; absent when none does."""
    always_pre_touch: bool
    """True when -XX:+AlwaysPreTouch makes the heap resident at start."""


class ContainerFacts(msgspec.Struct, frozen=True):
    """One container of a pod, of any type, as written and as admitted."""

    name: str
    """Its name; empty when the manifest has none."""
    type: str
    """`app`, `init` (runs to its end before the app containers), `sidecar` (init container with restartPolicy Always,
    1.28 and SidecarContainers) or `ephemeral`."""
    list_name: str
    """`containers`, `initContainers` or `ephemeralContainers`."""
    index: int
    """Its place in that list, from 0."""
    image: str | None
    """The image reference as written."""
    written_request_bytes: int | None
    """The memory request in the manifest; absent when not written or not readable."""
    written_limit_bytes: int | None
    """The memory limit in the manifest; absent when not written or not readable."""
    request_bytes: int | None
    """The memory request as admitted: written, else the limit, else a LimitRange default."""
    limit_bytes: int | None
    """The memory limit as admitted: written, else a LimitRange default."""
    request_missing: bool
    """True when there is certainly no memory request after admission, neither here nor at pod level."""
    limit_missing: bool
    """True when there is certainly no memory limit (or one of 0) after admission, neither here nor at pod level."""
    request_from: str | None
    """Who set the admitted request: `manifest`, `limit`, or `LimitRange team-a/limits`; absent without one."""
    limit_from: str | None
    """Who set the admitted limit: `manifest` or `LimitRange team-a/limits`; absent without one."""
    limit_to_request_ratio: float | None
    """Admitted limit divided by admitted request; absent unless both are above zero."""
    cpu_request_millis: int | None
    """The CPU request as admitted, in thousandths of a core; only QoS needs it."""
    cpu_limit_millis: int | None
    """The CPU limit as admitted, in thousandths of a core."""
    memory_max_bytes: int | None
    """memory.max of the container's cgroup: its own limit, else the pod-level limit; absent when unlimited, or on
    Windows."""
    memory_high_bytes: int | None
    """memory.high of the container's cgroup; absent when none is written or node configuration is not known."""
    swap_max_bytes: int | None
    """memory.swap.max of the container's cgroup; absent when none is written or node configuration is not known."""
    oom_score_adj: int | None
    """oom_score_adj of its processes; absent where it depends on a node that is not known, or on Windows."""
    is_sidecar: bool
    """True for a native sidecar and for an app container known as one by its name or image."""
    tmpfs_volumes: tuple[str, ...]
    """The emptyDir volumes of medium Memory that it mounts writable, in mount order."""
    tmpfs_size_limit_bytes: int | None
    """Sum of those volumes' sizeLimits; absent when it has none of them or one has no sizeLimit."""
    heap: HeapFacts | None
    """What its language runtime was told; absent when no runtime is recognised."""


class VolumeFacts(msgspec.Struct, frozen=True):
    """One emptyDir volume of a pod; volumes of other kinds have no facts."""

    name: str
    """Its name."""
    index: int
    """Its place in `volumes`, from 0."""
    medium: str
    """`Memory`, `HugePages`, `HugePages-2Mi` ..., or empty for the node's disk."""
    size_limit_bytes: int | None
    """The written sizeLimit; absent when there is none, zero counts as written."""
    mount_size_bytes: int | None
    """The size of the tmpfs mount; absent for other media, on Windows, and where it depends on a node that is not
    known."""
    growth: str
    """In words, what a Memory volume can grow to, such as `the pod's memory.max of 512Mi` or `the node's allocatable
    memory`; empty for other media."""
    pod_bounded: bool
    """True when the pod cgroup's memory.max bounds it."""
    writers: tuple[str, ...]
    """The containers that mount it writable, in pod order, init containers included."""
    smallest_writer_limit_bytes: int | None
    """The smallest memory.max among its writers; absent when none has one."""
    smallest_writer: str | None
    """The name of that container."""


class PodFacts(msgspec.Struct, frozen=True):
    """The pod that a workload makes, as admitted. Sums are absent when a container could not be read."""

    qos_class: str | None
    """`Guaranteed`, `Burstable` or `BestEffort`; absent when a container could not be read."""
    request_bytes: int | None
    """The effective memory request that the scheduler uses: init peak, sidecars, pod level and overhead included."""
    limit_bytes: int | None
    """The effective sum of declared memory limits, overhead included; not the cgroup's limit."""
    memory_max_bytes: int | None
    """memory.max of the pod's cgroup; absent when unlimited, or on Windows."""
    bounded: bool
    """True when the pod's cgroup has a memory.max."""
    overhead_bytes: int | None
    """The memory overhead of the pod's RuntimeClass; absent without one."""
    pod_level_request_bytes: int | None
    """spec.resources.requests.memory as admitted; absent where not set or the version ignores it."""
    pod_level_limit_bytes: int | None
    """spec.resources.limits.memory as admitted; absent where not set or the version ignores it."""
    running_request_bytes: int | None
    """What app containers and sidecars request together while the pod runs, overhead included."""
    init_request_bytes: int | None
    """The peak request of the init phase, overhead included; absent without plain init containers."""
    init_peak_container: str | None
    """The init container at that peak."""
    init_peak_at: str | None
    """Path of its request below the pod spec, `initContainers[0].resources.requests.memory`."""
    containers_total: int
    """App, init and sidecar containers together."""
    containers_without_limit: tuple[str, ...]
    """App, init and sidecar containers without a memory limit of their own after admission, in pod order."""
    memory_guaranteed: bool
    """True when every app, init and sidecar container (or the pod level) has a memory request equal to its limit."""
    qos_obstacles: tuple[str, ...]
    """What keeps the pod from Guaranteed, such as `container web: no cpu limit`; empty when it is Guaranteed."""
    rejected: bool
    """True when the API server refuses this pod."""
    limitrange_rejection: str | None
    """The reasons of every LimitRange that refuses the pod, joined by `; `; absent when none does."""
    limitrange_rejection_at: str | None
    """Path below the pod spec of the first of them, such as `containers[0].resources.limits.memory`; absent when
    none does."""
    host_ipc: bool
    """spec.hostIPC."""
    windows: bool
    """True for Windows pods (spec.os.name or node selector); cgroup facts are then absent."""


class WorkloadFacts(msgspec.Struct, frozen=True):
    """The object that owns the pods."""

    api_version: str
    """As written."""
    kind: str
    """As written."""
    namespace: str | None
    """As written or as given by `--namespace`."""
    name: str
    """metadata.name, or generateName; empty when neither is written."""
    replicas: int | None
    """How many pods it asks for: replicas, a Job's parallelism; absent for a DaemonSet without nodes and where it is
    not a number."""
    file: str
    """The file as reports show it."""
    line: int
    """The line at which the object starts."""


class AdmissionFacts(msgspec.Struct, frozen=True):
    """One thing that the API server's admission did to the pod, or why it refuses it."""

    by: str
    """Who: `LimitRange team-a/limits`, `validation`, `RuntimeClass kata`."""
    rejects: bool
    """True when the pod is refused."""
    reason: str
    """What was done or what is wrong, with the numbers, in Kubernetes' own words where it has them."""


class Subject(msgspec.Struct, frozen=True):
    """What a verdict is about, and where it stands in the object."""

    type: str
    """container, volume, pod or workload."""
    name: str
    """Container or volume name; empty for the others."""
    container_type: str | None
    path: Path
    """The subject's own path in the object: of the container, the volume, the pod spec, or `()` for the workload."""


class Problem(msgspec.Struct, frozen=True):
    """A part of a workload that has the wrong shape; it becomes a skipped input with its place."""

    path: Path
    reason: str


class HeldQuantity(msgspec.Struct, frozen=True):
    """A quantity, the subject that holds it."""

    quantity: QuantityFacts
    subject: Subject


class Record(msgspec.Struct, frozen=True):
    """All facts about one workload."""

    workload: WorkloadFacts
    pod: PodFacts
    containers: tuple[ContainerFacts, ...]
    """In pod order: initContainers, containers, ephemeralContainers."""
    volumes: tuple[VolumeFacts, ...]
    quantities: tuple[HeldQuantity, ...]
    admission: tuple[AdmissionFacts, ...]
    problems: tuple[Problem, ...]
    pod_path: Path
    """The path of the pod spec in the object."""

    def subjects(self, scope: str) -> Iterator[tuple[Subject, dict[str, msgspec.Struct]]]:
        """Yield each subject of a scope with the variables that its policies see (`SCOPES`)."""
        shared: dict[str, msgspec.Struct] = {"pod": self.pod, "workload": self.workload}
        if scope == "container":
            for container in self.containers:
                yield self.container_subject(container), {"container": container, **shared}
        elif scope == "volume":
            for volume in self.volumes:
                path = (*self.pod_path, "volumes", volume.index)
                yield Subject("volume", volume.name, None, path), {"volume": volume, **shared}
        elif scope == "quantity":
            for held in self.quantities:
                yield held.subject, {"quantity": held.quantity, **shared}
        elif scope == "pod":
            yield Subject("pod", "", None, self.pod_path), shared
        elif scope == "workload":
            yield Subject("workload", "", None, ()), shared

    def container_subject(self, container: ContainerFacts) -> Subject:
        """Return the subject of one of this record's containers."""
        path = (*self.pod_path, container.list_name, container.index)
        return Subject("container", container.name, container.type, path)


SCOPES: dict[str, dict[str, type[msgspec.Struct]]] = {
    "container": {"container": ContainerFacts, "pod": PodFacts, "workload": WorkloadFacts},
    "volume": {"volume": VolumeFacts, "pod": PodFacts, "workload": WorkloadFacts},
    "quantity": {"quantity": QuantityFacts, "pod": PodFacts, "workload": WorkloadFacts},
    "pod": {"pod": PodFacts, "workload": WorkloadFacts},
    "workload": {"workload": WorkloadFacts, "pod": PodFacts},
}
"""Scope of a policy to its variables. Every scope also sees `params`."""
