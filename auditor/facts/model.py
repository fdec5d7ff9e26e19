"""The fact model: what the auditor knows about a subject, and all that a policy may ask.

Every field is a fact: its docstring is its page, its type is its CEL type. `None` is "absent": the key does not exist
in CEL and is asked for with `has()`; zero is a written zero. Bytes are whole numbers as `resource.Quantity.Value()`
rounds them (away from zero). Structs are frozen and hold tuples only, so a record may cross processes and threads.
"""

import msgspec

from auditor.usage.model import UsageFacts


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
    """What the program in the container was told about its memory, by flags and variables that its runtime reads."""

    runtime: str
    """`jvm`, `nodejs`, `go`, `dotnet`, `redis`, `memcached` or `postgresql`."""
    max_bytes: int | None
    """The most that was declared: -Xmx or MaxRAMPercentage, --max-old-space-size, GOMEMLIMIT, GCHeapHardLimit,
    --maxmemory, -m, shared_buffers; absent when not declared or not known."""
    initial_bytes: int | None
    """The heap at start: -Xms, or InitialRAMPercentage of the container's memory.max; absent when not declared."""
    percent: float | None
    """The percentage of memory that decides `max_bytes`; absent where a size decides, or nothing."""
    flag: str | None
    """The flag that decides `max_bytes`, as written, such as `-Xmx4g`; absent when none does."""
    at: str | None
    """Path of that flag below the container, such as `env[2].value` or `args[0]`; absent when none does."""
    declared: bool
    """True when something declares the most, even if its number is not known."""
    unknown: bool
    """True when a source that cannot be read (a Secret, a ConfigMap that is not in the input) may declare it."""
    default_bytes: int | None
    """What the runtime takes by itself when nothing is declared, such as a quarter of memory.max for a JVM; absent when
    not known, or when it takes no bound of its own."""
    always_pre_touch: bool
    """True when -XX:+AlwaysPreTouch makes the heap resident at start."""
    gc_percent: int | None
    """GOGC: the growth in percent that starts a collection, -1 when off; absent when not set, or for other runtimes."""


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
    """Who set the admitted request: `manifest`, `limit`, `LimitRange team-a/limits`, or `admission` when a pod runs
    with another one than its template gives (an autoscaler, a webhook, a resize); absent without one."""
    limit_from: str | None
    """Who set the admitted limit: `manifest`, `LimitRange team-a/limits` or `admission`; absent without one."""
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
    """memory.high of the container's cgroup; absent when none is written, when node configuration is not known, or
    when nodes differ."""
    memory_min_bytes: int | None
    """memory.min of the container's cgroup (MemoryQoS); absent when none is written, not known, or nodes differ."""
    memory_low_bytes: int | None
    """memory.low of the container's cgroup (MemoryQoS); absent when none is written, not known, or nodes differ."""
    swap_max_bytes: int | None
    """memory.swap.max of the container's cgroup; absent when none is written, when node configuration is not known, or
    when nodes differ."""
    swap_largest_bytes: int | None
    """The largest memory.swap.max that a node of the input would give it; absent when no node gives any swap."""
    swap_nodes: str | None
    """Those nodes in words, such as `nodes a, b`; absent when no node gives any swap."""
    oom_score_adj: int | None
    """oom_score_adj of its processes; absent where it depends on a node that is not known or nodes differ, or on
    Windows."""
    is_sidecar: bool
    """True for a native sidecar and for an app container known as one by its name or image."""
    tmpfs_volumes: tuple[str, ...]
    """The emptyDir volumes of medium Memory that it mounts writable, in mount order."""
    tmpfs_size_limit_bytes: int | None
    """Sum of those volumes' sizeLimits; absent when it has none of them or one has no sizeLimit."""
    heap: HeapFacts | None
    """What its language runtime was told; absent when no runtime is recognised."""
    hugepages_mismatch: str | None
    """In words, a hugepages request that is not its limit, such as `hugepages-2Mi request 64Mi, limit 128Mi`; absent
    when there is none."""
    hugepages_alone: bool
    """True when it asks for hugepages but neither for cpu nor memory."""
    limit_above_pod: bool
    """True for an app container whose own memory limit is above the pod-level one."""
    ephemeral_resources: bool
    """True for an ephemeral container with cpu, memory or hugepages, which Kubernetes refuses."""
    quota_unspecified: str | None
    """What a ResourceQuota demands and the container does not set, such as `limits.memory for ResourceQuota
    team-a/quota`; absent when nothing is demanded."""
    shm_program: str | None
    """A program of its image that needs more than the 64 MiB of /dev/shm that runtimes give, such as `PostgreSQL`;
    absent when none is known, or when a volume is mounted there."""
    usage: UsageFacts | None
    """What its history says; absent without one."""
    actuated_request_bytes: int | None
    """The memory request that the kubelet has put in force (status.containerStatuses[].resources); absent without
    status."""
    actuated_limit_bytes: int | None
    """The memory limit that the kubelet has put in force; absent without status."""
    allocated_request_bytes: int | None
    """The memory request that the kubelet has reserved for it (status.containerStatuses[].allocatedResources); absent
    without status."""
    restarts_total: int | None
    """Its restarts, summed over the pods of the workload; absent when no pod's status is in the input."""
    oom_killed_pods: int | None
    """Pods of the workload in which its present or last termination is an OOM kill; absent as above."""
    used_bytes: int | None
    """Its largest working set among the pods of the workload now (metrics.k8s.io); absent when that is not there."""
    injected_by: str | None
    """Who put it into the pods, when they run it and their template does not have it: `Istio`, or `a webhook` when that
    is not known; absent for all others."""


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
    fills_pod: bool
    """True when a Memory volume's sizeLimit is not below the pod's memory.max."""
    running_writers: tuple[str, ...]
    """The writers that run together: app containers and sidecars."""
    hugepages_unrequested: bool
    """True for a HugePages medium when no container of the pod requests hugepages of that size."""
    swappable_on: str | None
    """The nodes on which a Memory volume's pages can reach swap (kernel below 6.4), in words; absent when none is
    known."""


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
    containers_with_limit_total: int
    """How many of `containers_total` have a memory limit of their own after admission."""
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
    priority: int | None
    """spec.priority, or the value of its PriorityClass, or that of the default class, else 0; absent when its class is
    not in the input."""
    priority_class: str | None
    """spec.priorityClassName; absent when none is written."""
    sidecar_request_bytes: int | None
    """What native and known sidecars request together; absent when there are none or one could not be read."""
    containers_request_bytes: int | None
    """The effective sum of the containers' own requests, without pod level and overhead; absent when nobody sets it."""
    units_mixed: str | None
    """Two memory quantities in different families, such as `512M and 1Gi`; absent when all are of one."""
    units_mixed_at: str | None
    """Path below the pod spec of the decimal one; absent when all are of one family."""
    pod_level_unsupported: str | None
    """Why written pod-level memory has no effect, such as `Kubernetes 1.31 does not know pod-level resources and drops
    them`; absent when it is in order or not written."""
    hugepages_mismatch: str | None
    """In words, a pod-level hugepages request that is not its limit; absent when there is none."""
    hugepages_alone: bool
    """True when the pod level asks for hugepages but neither for cpu nor memory."""
    largest_node_bytes: int | None
    """The largest allocatable memory among the nodes that the pod may run on; absent without nodes in the input."""
    above_every_node: bool
    """True when the pod's request is larger than that."""
    tmpfs_size_limit_bytes: int | None
    """Sum of the sizeLimits of its written Memory volumes; absent when there is none, zero sizeLimits do not count."""
    injected: tuple[str, ...]
    """The containers that injectors will add, such as `istio-proxy`."""
    unsized_injections: tuple[str, ...]
    """Of those, the ones without resource annotations, in words: `istio-proxy by Istio (sidecar.istio.io/proxyMemory,
    sidecar.istio.io/proxyMemoryLimit)`."""
    request_with_injected_bytes: int | None
    """`request_bytes` with what the injected containers ask for; absent when that is not known or nothing is
    injected."""
    limit_with_injected_bytes: int | None
    """`limit_bytes` with the limits of the injected containers; absent when that is not known or nothing is
    injected."""
    memory_high_bytes: int | None
    """memory.high of the pod's cgroup (pod-level resources and MemoryQoS); absent when none is written, not known, or
    nodes differ."""
    indistinguishable: tuple[str, ...]
    """Containers whose request is so small for the node that oom_score_adj is 999; empty without nodes."""
    quota_rejection: str | None
    """Why a ResourceQuota refuses even the first such pod, in its words; absent when none does."""
    undeclared: tuple[str, ...]
    """Containers that its history has and the manifest does not declare, with their peaks, such as `istio-proxy (peak
    120Mi)`; empty without history."""
    undeclared_peak_bytes: int | None
    """Sum of their peaks; absent when there are none."""
    resize: str | None
    """The state of an in-place resize that waits, from status: `Infeasible`, `Deferred`; absent without one."""
    pods_total: int | None
    """How many pods have this very spec; absent when the input has no pods."""
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
    min_replicas: int | None
    """The lower bound of the autoscaler that scales it; absent without one in the input."""
    max_replicas: int | None
    """The upper bound of the autoscaler that scales it; absent without one in the input."""
    history: str
    """Whether its containers have a history: `none` when no history was given, `missing` or `joined`."""
    file: str | None
    """The file as reports show it; absent for an object of a cluster."""
    line: int | None
    """The line at which the object starts; absent for an object of a cluster."""
    cluster: str | None
    """The cluster that it is in; absent for an object of a file."""
    owner: str | None
    """The topmost owner above it in the cluster, such as `Prometheus/k8s`; absent when nothing owns it."""
    running_pods: int | None
    """Its pods that have not ended, whatever their spec; absent when the input has no pods."""
    ready_pods: int | None
    """Those of them that are ready; absent as above."""
    pending_for_memory: int | None
    """Those of them that wait because no node has the memory; absent as above."""
    evicted_pods: int | None
    """Its pods that were evicted because their node was low on memory, as long as the cluster keeps them; absent as
    above."""


class AdmissionFacts(msgspec.Struct, frozen=True):
    """One thing that the API server's admission did to the pod, or why it refuses it."""

    by: str
    """Who: `LimitRange team-a/limits`, `validation`, `RuntimeClass kata`."""
    rejects: bool
    """True when the pod is refused."""
    reason: str
    """What was done or what is wrong, with the numbers, in Kubernetes' own words where it has them."""
