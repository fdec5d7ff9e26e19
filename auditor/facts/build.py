"""Builds the facts of one workload from its untrusted object: the only place where manifests become facts.

The manifest may hold anything anywhere. A part of the wrong shape is a Problem, the rest is judged; what can then not be
certain is absent, never zero.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from auditor.facts.context import Context
from auditor.facts.model import (
    AdmissionFacts,
    ContainerFacts,
    HeapFacts,
    Path,
    PodFacts,
    Record,
    Subject,
    VolumeFacts,
    WorkloadFacts,
)
from auditor.facts.quantities import Reader
from auditor.kube import admission, cgroup, oom, qos, resources
from auditor.kube.humane import format_bytes
from auditor.kube.objects import NOTHING, Container, PodResources
from auditor.kube.versions import Target
from auditor.runtimes.jvm import read_heap
from auditor.sources.model import Object

SIDECAR_NAMES = (
    "istio-proxy", "linkerd-proxy", "envoy", "envoy-proxy", "cloud-sql-proxy", "cloudsql-proxy", "vault-agent", "daprd",
    "consul-dataplane", "otc-container", "fluent-bit", "fluentbit", "filebeat", "promtail", "jaeger-agent",
)  # fmt: skip
"""Names by which an app container is known as a sidecar."""
SIDECAR_IMAGES = (
    "*/istio/proxyv2*", "*/linkerd/proxy*", "*envoyproxy/envoy*", "*cloud-sql-proxy*", "*/daprio/daprd*", "*/fluent-bit*",
    "fluent/fluent-bit*", "*/beats/filebeat*", "grafana/promtail*", "*opentelemetry-collector*",
)  # fmt: skip
"""Globs of images by which an app container is known as a sidecar."""

_LISTS = ("initContainers", "containers", "ephemeralContainers")


class FactOptions(msgspec.Struct, frozen=True):
    """What a config adds to the facts: more sidecars by glob of name or image."""

    sidecar_names: tuple[str, ...] = ()
    sidecar_images: tuple[str, ...] = ()


class _Written(msgspec.Struct, frozen=True):
    """One container as the manifest has it."""

    data: dict[str, Any]
    list_name: str
    index: int
    spec: Container
    subject: Subject
    mounts: tuple[str, ...]
    """Names of the volumes that it mounts writable."""


def build_record(obj: Object, context: Context, target: Target, options: FactOptions = FactOptions()) -> Record:
    """Return all facts about one workload (an Object with a pod_path), for a context and a Kubernetes version."""
    path = obj.pod_path or ()
    spec = _at(obj.data, path)
    reader = Reader()
    if not isinstance(spec, dict):
        reader.problem(path, "the pod spec must be a mapping")
        spec = {}
    containers, complete = _containers(spec, path, reader, target)
    pod_subject = Subject("pod", "", None, path)
    pod, notes = _admit(spec, containers, reader, pod_subject, obj, context, target)
    pod = msgspec.structs.replace(pod, known=pod.known and complete and _certain(pod))
    rejections = [*notes, *_refusals(pod, obj, context)]
    pod_facts = _pod_facts(spec, pod, rejections, target)
    volumes = _volumes(spec, path, containers, pod, pod_facts, reader, context, target)
    facts = tuple(
        _container_facts(item, containers, pod, pod_facts, volumes, context, target, options) for item in containers
    )
    invalid = [held.quantity for held in reader.quantities if held.quantity.error and held.quantity.known]
    records = [AdmissionFacts("validation", rejects=True, reason=f"{q.at}: {q.text!r} {q.error}") for q in invalid]
    return Record(
        workload=_workload_facts(obj, context),
        pod=msgspec.structs.replace(pod_facts, rejected=pod_facts.rejected or bool(invalid)),
        containers=facts,
        volumes=volumes,
        quantities=tuple(reader.quantities),
        admission=(
            *records,
            *_defaulted(pod),
            *(AdmissionFacts(r.by, rejects=True, reason=r.reason) for r in rejections),
        ),
        problems=tuple(reader.problems),
        pod_path=path,
    )


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _containers(spec: dict[str, Any], path: Path, reader: Reader, target: Target) -> tuple[list[_Written], bool]:
    """Return the readable containers in pod order, and whether all were readable."""
    found: list[_Written] = []
    complete = True
    for list_name in _LISTS:
        items = spec.get(list_name)
        if items is None:
            continue
        if not isinstance(items, list):
            reader.problem((*path, list_name), f"{list_name} must be a list")
            complete = False
            continue
        for index, item in enumerate(items):
            if isinstance(item, dict):
                found.append(_container(item, list_name, index, path, reader, target))
            else:
                reader.problem((*path, list_name, index), "a container must be a mapping")
                complete = False
    return found, complete


def _container(
    item: dict[str, Any], list_name: str, index: int, path: Path, reader: Reader, target: Target
) -> _Written:
    here = (*path, list_name, index)
    name = item.get("name")
    name = name if isinstance(name, str) else "" if name is None else str(name)
    kind = _type(item, list_name, target)
    subject = Subject("container", name, kind, here)
    written = reader.resources(item.get("resources"), (*here, "resources"), subject)
    requests, limits, requests_known, limits_known = written
    if "limits" in item or "requests" in item:
        reader.misplaced_blocks(item, subject)
    container = Container(
        name=name,
        type=kind,
        requests=requests,
        limits=limits,
        request_from="manifest" if requests.memory is not None else None,
        limit_from="manifest" if limits.memory is not None else None,
        request_known=requests_known,
        limit_known=limits_known,
    )
    return _Written(item, list_name, index, container, subject, _writable_mounts(item, here, reader))


def _type(item: dict[str, Any], list_name: str, target: Target) -> str:
    if list_name == "containers":
        return "app"
    if list_name == "ephemeralContainers":
        return "ephemeral"
    return "sidecar" if item.get("restartPolicy") == "Always" and target.enabled("SidecarContainers") else "init"


def _writable_mounts(item: dict[str, Any], path: Path, reader: Reader) -> tuple[str, ...]:
    mounts = item.get("volumeMounts")
    if mounts is None:
        return ()
    if not isinstance(mounts, list):
        reader.problem((*path, "volumeMounts"), "volumeMounts must be a list")
        return ()
    names = [m.get("name") for m in mounts if isinstance(m, dict) and m.get("readOnly") is not True]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _admit(
    spec: dict[str, Any],
    containers: Sequence[_Written],
    reader: Reader,
    subject: Subject,
    obj: Object,
    context: Context,
    target: Target,
) -> tuple[PodResources, list[admission.Rejection]]:
    """Return the pod's resources after defaulting, LimitRanges, overhead and pod-level defaults; and overhead refusals."""
    ranges = context.limit_ranges.get(obj.namespace, ()) if obj.namespace is not None else ()
    admitted = []
    for item in containers:
        if item.spec.type == "ephemeral":
            continue
        container = admission.default_requests(item.spec)
        if not container.limit_known and container.requests.memory is None:
            # The request would default from a limit that cannot be read.
            container = msgspec.structs.replace(container, request_known=False)
        if ranges and container.limit_known and container.request_known:
            container = admission.limit_range_defaults(container, ranges)
        admitted.append(container)
    overhead, rejections, overhead_known = _overhead(spec, reader, subject, context)
    requests = limits = NOTHING
    known = overhead_known
    pod_level = spec.get("resources") is not None and target.enabled("PodLevelResources")
    if pod_level:
        requests, limits, requests_known, limits_known = reader.resources(
            spec["resources"], (*subject.path, "resources"), subject
        )
        known = known and requests_known and limits_known
    pod = PodResources(tuple(admitted), requests, limits, pod_level=pod_level, overhead=overhead, known=known)
    return admission.default_pod_level(pod, target), rejections


def _overhead(
    spec: dict[str, Any], reader: Reader, subject: Subject, context: Context
) -> tuple[int | None, list[admission.Rejection], bool]:
    """Return the memory overhead, why the RuntimeClass admission refuses the pod, and whether the overhead is certain."""
    written = spec.get("overhead")
    value: int | None = None
    if written is not None and not isinstance(written, dict):
        reader.problem((*subject.path, "overhead"), "overhead must be a mapping")
        return None, [], False
    if written and "memory" in written:
        value = reader.quantity(written["memory"], "overhead.memory", "memory", "overhead", subject)
        if value is None:
            return None, [], False
    name = spec.get("runtimeClassName")
    if not isinstance(name, str) or not name:
        reason = "Pod Overhead set without corresponding RuntimeClass defined Overhead"
        return value, [admission.Rejection("RuntimeClass", reason)] if value is not None else [], True
    if name not in context.overheads:
        # The class is not in the input: what the manifest says is all that is known.
        return value, [], True
    fixed = context.overheads[name]
    if value is not None and value != fixed:
        reason = f"overhead {format_bytes(value)} differs from the RuntimeClass's {format_bytes(fixed or 0)}"
        return fixed, [admission.Rejection(f"RuntimeClass {name}", reason)], True
    return fixed, [], True


def _certain(pod: PodResources) -> bool:
    return all(c.request_known and c.limit_known for c in pod.containers)


def _refusals(pod: PodResources, obj: Object, context: Context) -> list[admission.Rejection]:
    """Return why the pod is refused: validation first, since an invalid pod never reaches LimitRanger's limits."""
    invalid = list(admission.validate(pod))
    if invalid or obj.namespace is None:
        return invalid
    return list(admission.limit_range_violations(pod, context.limit_ranges.get(obj.namespace, ())))


def _defaulted(pod: PodResources) -> list[AdmissionFacts]:
    """Return what LimitRanges filled in."""
    told = []
    for container in pod.containers:
        for source, what, amount, known in (
            (container.limit_from, "limit", container.limits.memory, container.limit_known),
            (container.request_from, "request", container.requests.memory, container.request_known),
        ):
            if source is None or not source.startswith("LimitRange ") or amount is None:
                continue
            reason = f"container {container.name}: memory {what} defaulted to {format_bytes(amount)}"
            if not known:
                reason = f"container {container.name}: memory {what} is not determined, several LimitRanges default it"
            told.append(AdmissionFacts(source, rejects=False, reason=reason))
    return told


def _pod_facts(
    spec: dict[str, Any], pod: PodResources, rejections: Sequence[admission.Rejection], target: Target
) -> PodFacts:
    known = pod.known
    windows = _windows(spec)
    qos_class = qos.qos_class(pod, target) if known else None
    memory_max = cgroup.pod_memory_max(pod, qos_class) if qos_class and not windows else None
    peak, peak_container = resources.init_peak(pod) if known else (None, None)
    by_range = [f"{r.by}: {r.reason}" for r in rejections if r.by.startswith("LimitRange ")]
    pairs = [(pod.requests, pod.limits)] if pod.pod_level_set else [(c.requests, c.limits) for c in pod.containers]
    return PodFacts(
        qos_class=qos_class,
        request_bytes=resources.effective_request(pod) if known else None,
        limit_bytes=resources.effective_limit(pod) if known else None,
        memory_max_bytes=memory_max,
        bounded=memory_max is not None,
        overhead_bytes=pod.overhead,
        pod_level_request_bytes=pod.requests.memory,
        pod_level_limit_bytes=pod.limits.memory,
        running_request_bytes=resources.running_request(pod) if known else None,
        init_request_bytes=peak,
        init_peak_container=peak_container,
        containers_total=len(pod.containers),
        containers_without_limit=tuple(c.name for c in pod.containers if c.limit_known and not c.limits.memory),
        memory_guaranteed=known and bool(pairs) and all(lim.memory and req.memory == lim.memory for req, lim in pairs),
        qos_obstacles=tuple(qos.obstacles(pod, target)) if known and qos_class != qos.GUARANTEED else (),
        rejected=bool(rejections),
        limitrange_rejection="; ".join(by_range) or None,
        host_ipc=spec.get("hostIPC") is True,
        windows=windows,
    )


def _windows(spec: dict[str, Any]) -> bool:
    os_name = spec.get("os")
    selector = spec.get("nodeSelector")
    named = isinstance(os_name, dict) and os_name.get("name") == "windows"
    return named or (isinstance(selector, dict) and selector.get("kubernetes.io/os") == "windows")


def _volumes(
    spec: dict[str, Any],
    path: Path,
    containers: Sequence[_Written],
    pod: PodResources,
    facts: PodFacts,
    reader: Reader,
    context: Context,
    target: Target,
) -> tuple[VolumeFacts, ...]:
    items = spec.get("volumes")
    if items is None:
        return ()
    if not isinstance(items, list):
        reader.problem((*path, "volumes"), "volumes must be a list")
        return ()
    found = []
    for index, item in enumerate(items):
        here = (*path, "volumes", index)
        if not isinstance(item, dict):
            reader.problem(here, "a volume must be a mapping")
        elif item.get("emptyDir") is not None:
            if isinstance(item["emptyDir"], dict):
                name = str(item.get("name") or "")
                limit, known = _size_limit(item["emptyDir"], reader, Subject("volume", name, None, here))
                if known:
                    found.append(_volume(name, index, item["emptyDir"], limit, containers, pod, facts, context, target))
            else:
                reader.problem((*here, "emptyDir"), "emptyDir must be a mapping")
    return tuple(found)


def _size_limit(empty_dir: dict[str, Any], reader: Reader, subject: Subject) -> tuple[int | None, bool]:
    """Return the sizeLimit in bytes, and False when it is written but not readable."""
    if empty_dir.get("sizeLimit") is None:
        return None, True
    limit = reader.quantity(empty_dir["sizeLimit"], "emptyDir.sizeLimit", "sizeLimit", "sizeLimit", subject)
    return limit, limit is not None


def _volume(
    name: str,
    index: int,
    empty_dir: dict[str, Any],
    limit: int | None,
    containers: Sequence[_Written],
    pod: PodResources,
    facts: PodFacts,
    context: Context,
    target: Target,
) -> VolumeFacts:
    medium = empty_dir.get("medium")
    medium = medium if isinstance(medium, str) else ""
    admitted = {c.name: c for c in pod.containers}
    writers = [item.spec.name for item in containers if name in item.mounts]
    limits = [(cgroup.container_memory_max(admitted[w], pod), w) for w in writers if w in admitted]
    known = [(size, writer) for size, writer in limits if size is not None and admitted[writer].limit_known]
    smallest = min(known, key=lambda pair: pair[0], default=(None, None))
    in_memory = medium == "Memory" and not facts.windows
    size = cgroup.tmpfs_size(limit, facts.memory_max_bytes, context.allocatable(), target) if in_memory else None
    return VolumeFacts(
        name=name,
        index=index,
        medium=medium,
        size_limit_bytes=limit,
        mount_size_bytes=size if pod.known else None,
        growth=_growth(facts, context) if medium == "Memory" else "",
        pod_bounded=medium == "Memory" and facts.bounded,
        writers=tuple(writers),
        smallest_writer_limit_bytes=None if facts.windows else smallest[0],
        smallest_writer=None if facts.windows else smallest[1],
    )


def _growth(facts: PodFacts, context: Context) -> str:
    if facts.qos_class is None:
        return "a size that depends on what could not be read"
    if facts.memory_max_bytes is not None:
        return f"the pod's memory.max of {format_bytes(facts.memory_max_bytes)}"
    allocatable = context.allocatable()
    return "the node's allocatable memory" + (f" of {format_bytes(allocatable)}" if allocatable is not None else "")


def _container_facts(
    item: _Written,
    containers: Sequence[_Written],
    pod: PodResources,
    facts: PodFacts,
    volumes: Sequence[VolumeFacts],
    context: Context,
    target: Target,
    options: FactOptions,
) -> ContainerFacts:
    container = _admitted(item, containers, pod)
    counted = container.type != "ephemeral"
    request, limit = container.requests.memory, container.limits.memory
    memory_max = None if facts.windows or not container.limit_known else cgroup.container_memory_max(container, pod)
    score = None
    if facts.qos_class and not facts.windows and counted:
        score = oom.oom_score_adj(container, pod, facts.qos_class, context.capacity(), target.minor)
    memory_volumes = [volume for volume in volumes if volume.medium == "Memory" and volume.name in item.mounts]
    limits = [volume.size_limit_bytes for volume in memory_volumes]
    sized = [size for size in limits if size is not None]
    image = item.data.get("image")
    heap = read_heap(item.data, memory_max)
    return ContainerFacts(
        name=container.name,
        type=container.type,
        list_name=item.list_name,
        index=item.index,
        image=image if isinstance(image, str) else None,
        written_request_bytes=item.spec.requests.memory,
        written_limit_bytes=item.spec.limits.memory,
        request_bytes=request if container.request_known else None,
        limit_bytes=limit if container.limit_known else None,
        request_missing=counted and request is None and container.request_known and pod.requests.memory is None,
        limit_missing=counted and not limit and container.limit_known and not pod.limits.memory,
        request_from=container.request_from,
        limit_from=container.limit_from,
        limit_to_request_ratio=limit / request if limit and request and facts.qos_class else None,
        cpu_request_millis=container.requests.cpu,
        cpu_limit_millis=container.limits.cpu,
        memory_max_bytes=memory_max,
        memory_high_bytes=None,
        swap_max_bytes=None,
        oom_score_adj=score,
        is_sidecar=container.type == "sidecar" or _known_sidecar(item, containers, options),
        tmpfs_volumes=tuple(volume.name for volume in memory_volumes),
        tmpfs_size_limit_bytes=sum(sized) if sized and len(sized) == len(limits) else None,
        heap=None
        if heap is None
        else HeapFacts("jvm", heap.max_bytes, heap.initial_bytes, heap.flag, heap.at, heap.always_pre_touch),
    )


def _admitted(item: _Written, containers: Sequence[_Written], pod: PodResources) -> Container:
    """Return the container after admission; ephemeral ones are not admitted with resources and stay as written."""
    if item.spec.type == "ephemeral":
        return item.spec
    position = sum(1 for other in containers[: containers.index(item)] if other.spec.type != "ephemeral")
    return pod.containers[position]


def _known_sidecar(item: _Written, containers: Sequence[_Written], options: FactOptions) -> bool:
    """Return whether an app container beside another one is a sidecar by its name or image."""
    if item.spec.type != "app" or sum(other.spec.type == "app" for other in containers) < 2:
        return False
    if item.spec.name in SIDECAR_NAMES or any(fnmatchcase(item.spec.name, glob) for glob in options.sidecar_names):
        return True
    image = item.data.get("image")
    globs = (*SIDECAR_IMAGES, *options.sidecar_images)
    return isinstance(image, str) and any(fnmatchcase(image, glob) for glob in globs)


def _workload_facts(obj: Object, context: Context) -> WorkloadFacts:
    return WorkloadFacts(
        api_version=obj.api_version,
        kind=obj.kind,
        namespace=obj.namespace,
        name=obj.name,
        replicas=_replicas(obj, context),
        file=obj.file,
        line=obj.line,
    )


def _replicas(obj: Object, context: Context) -> int | None:
    """Return how many pods the workload asks for, as the API server defaults it."""
    keys: dict[str, Path] = {"Job": ("spec", "parallelism"), "CronJob": ("spec", "jobTemplate", "spec", "parallelism")}
    if obj.kind == "DaemonSet":
        return len(context.nodes) or None
    if obj.kind == "Pod":
        return 1
    value = _at(obj.data, keys.get(obj.kind, ("spec", "replicas")))
    if value is None and obj.kind in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", *keys):
        return 1
    return value if isinstance(value, int) and not isinstance(value, bool) else None
