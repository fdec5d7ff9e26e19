"""Facts about a pod and its workload."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from auditor.facts.context import Context, Workload
from auditor.facts.injected import Injected
from auditor.facts.model import PodFacts, WorkloadFacts
from auditor.facts.record import OnNodes, agreed
from auditor.facts.volumes import Volume
from auditor.kube.admission import Event, Pod, says_windows
from auditor.kube.cgroup import pod_memory_max
from auditor.kube.humane import format_bytes
from auditor.kube.objects import Container, Fault, Resources
from auditor.kube.observed import Observed
from auditor.kube.paths import Path, value_at
from auditor.kube.qos import qos_obstacles
from auditor.kube.quantity import bytes_or_none, capped, show, whole_bytes
from auditor.kube.resize import (
    PodStatus,
    in_force,
    level_in_force,
    pod_limit_with_status,
    pod_request_with_status,
)
from auditor.kube.resources import aggregate, init_peak, pod_limit, running
from auditor.kube.versions import Since, Target
from auditor.sources.model import Object
from auditor.usage.join import ContainerHistory


class PodSums(msgspec.Struct, frozen=True):
    """The sums of one pod in thousandths of a byte; None where not set or not known."""

    request: int | None
    limit: int | None
    memory_max_bytes: int | None
    qos: str | None


class PodAround(msgspec.Struct, frozen=True):
    """What a pod's facts need besides the admitted pod."""

    target: Target
    status: PodStatus | None
    fixed_qos: bool
    sidecar_names: frozenset[str]
    """Of native and known sidecars."""
    priority: int | None
    largest_node_bytes: int | None
    injected: Injected
    nodes: tuple[OnNodes, ...]
    indistinguishable: tuple[str, ...]
    units_mixed: tuple[str, str] | None
    """The two quantities in words, and the path of the decimal one."""
    history: Mapping[str, ContainerHistory]
    """Container to its history."""
    tmpfs_size_limit_bytes: int | None
    pods_total: int | None
    """How many pods have this spec; None when that is not known."""


def pod_sums(pod: Pod, some: Sequence[Container], status: PodStatus | None, target: Target) -> PodSums:
    """Return a pod's sums; `some` are its containers without ephemeral ones.

    Request and limit are what the scheduler counts, memory.max what the cgroup was made for.
    """
    level, overhead = pod.pod_level, pod.overhead
    qos = status.qos_class if status is not None and status.qos_class else pod.qos
    if not pod.memory_known:
        return PodSums(None, None, None, qos)
    resize, minor = target.enabled("InPlacePodLevelResourcesVerticalScaling"), target.minor
    request = pod_request_with_status(some, level, overhead, status, "memory", minor=minor, pod_level_resize=resize)
    limit = pod_limit_with_status(some, level, overhead, status, "memory", minor=minor, pod_level_resize=resize)
    return PodSums(request, limit, _maximum(pod, some, status, qos, limit, target), qos)


def _maximum(  # noqa: PLR0913, PLR0917 - a pod and its version
    pod: Pod, some: Sequence[Container], status: PodStatus | None, qos: str | None, limit: int | None, target: Target
) -> int | None:
    if not qos or pod.windows:
        return None
    level = pod.pod_level
    if status is not None:
        some, level = in_force(some, status), level_in_force(level, status)
        limit = pod_limit(some, level, pod.overhead, "memory")
    return pod_memory_max(qos, limit, some, level, minor=target.minor)


def pod_facts(pod: Pod, spec: dict[str, Any], some: Sequence[Container], sums: PodSums, around: PodAround) -> PodFacts:
    """Return a pod's facts; `some` are its containers without ephemeral ones."""
    level, known = pod.pod_level, pod.memory_known
    extra = pod.overhead.get("memory")
    steady = running(some, "memory") if known else None
    if extra is not None and known:
        steady = (steady or 0) + extra
    peak = init_peak(some, "memory") if known and sums.request is not None else None
    request, limit = bytes_or_none(sums.request), bytes_or_none(sums.limit)
    largest, mixed = around.largest_node_bytes, around.units_mixed
    refusals = [event for event in pod.events if event.rejects] if pod.events else []
    by_ranges = [event for event in refusals if event.by.startswith("LimitRange ")]
    undeclared = _undeclared(some, around.history) if around.history else ((), None)
    level_pages = hugepages_mismatch(level.requests, level.limits) if level else None
    return PodFacts(
        qos_class=sums.qos,
        request_bytes=request,
        limit_bytes=limit,
        memory_max_bytes=sums.memory_max_bytes,
        bounded=sums.memory_max_bytes is not None,
        overhead_bytes=bytes_or_none(extra),
        pod_level_request_bytes=bytes_or_none(level.requests.get("memory")) if level else None,
        pod_level_limit_bytes=bytes_or_none(level.limits.get("memory")) if level else None,
        running_request_bytes=bytes_or_none(steady),
        init_request_bytes=None if peak is None else bytes_or_none(peak[0] + (extra or 0)),
        init_peak_container=None if peak is None else peak[1].name,
        init_peak_at=None if peak is None else f"{peak[1].list_name}[{peak[1].index}].resources.requests.memory",
        containers_total=len(some),
        containers_without_limit=tuple(
            c.name for c in some if not c.limits.get("memory") and "limits.memory" not in c.unreadable
        ),
        containers_with_limit_total=sum(1 for c in some if c.limits.get("memory")),
        memory_guaranteed=known and bool(some) and _guaranteed(some, level),
        qos_obstacles=qos_obstacles(some, level, fixed=around.fixed_qos)
        if sums.qos not in ("Guaranteed", None)
        else (),
        rejected=bool(refusals),
        limitrange_rejection=_joined(by_ranges),
        # A sum is at the containers.
        limitrange_rejection_at=(by_ranges[0].at or "containers") if by_ranges else None,
        host_ipc=spec.get("hostIPC") is True,
        priority=around.priority,
        priority_class=_text(spec.get("priorityClassName")),
        sidecar_request_bytes=_sidecars(some, around.sidecar_names) if known and around.sidecar_names else None,
        containers_request_bytes=bytes_or_none(aggregate(some, "requests", "memory")) if level and known else None,
        units_mixed=mixed[0] if mixed else None,
        units_mixed_at=mixed[1] if mixed else None,
        pod_level_unsupported=_unsupported(pod, spec, around.target),
        hugepages_mismatch=level_pages,
        hugepages_alone=level is not None and hugepages_alone(level.requests, level.limits),
        largest_node_bytes=largest,
        above_every_node=request is not None and largest is not None and request > largest,
        tmpfs_size_limit_bytes=around.tmpfs_size_limit_bytes,
        injected=around.injected.names,
        unsized_injections=around.injected.unsized,
        request_with_injected_bytes=around.injected.on_top(request, "request"),
        limit_with_injected_bytes=around.injected.on_top(limit, "limit"),
        memory_high_bytes=agreed(node.memory_high_bytes for node in around.nodes),
        indistinguishable=around.indistinguishable,
        quota_rejection=_joined([event for event in refusals if event.by.startswith("ResourceQuota ")]),
        undeclared=undeclared[0],
        undeclared_peak_bytes=undeclared[1],
        resize=_resize(around.status),
        pods_total=around.pods_total,
        windows=pod.windows,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _joined(events: Sequence[Event]) -> str | None:
    return "; ".join(f"{event.by}: {event.reason}" for event in events) or None


def _guaranteed(some: Sequence[Container], level: Resources | None) -> bool:
    if level is not None and level.limits.get("memory") and level.limits["memory"] == level.requests.get("memory"):
        return True
    return all(c.limits.get("memory") and c.limits["memory"] == c.requests.get("memory") for c in some)


def _sidecars(some: Sequence[Container], names: frozenset[str]) -> int:
    return capped(sum(whole_bytes(c.requests.get("memory", 0)) for c in some if c.name in names))


def _unsupported(pod: Pod, spec: dict[str, Any], target: Target) -> str | None:
    raw = spec.get("resources")
    if not isinstance(raw, dict) or not any(entry.name == "memory" for entry in pod.pod_entries.entries):
        return None
    if pod.pod_level is None:
        if target.minor < Since.POD_LEVEL_KNOWN:
            return f"Kubernetes {target.version} does not know pod-level resources and drops them"
        return f"the feature gate PodLevelResources is off in Kubernetes {target.version}, which drops them"
    if not pod.windows:
        return None
    if says_windows(spec):
        return "validation refuses it in a pod of os windows"
    return "nodes with Windows do not apply it"


def _undeclared(
    some: Sequence[Container], history: Mapping[str, ContainerHistory]
) -> tuple[tuple[str, ...], int | None]:
    """Return the containers that only the history has, in words, and the sum of their peaks.

    One that ran as an ephemeral or plain init container is none that a pod's totals would hold.
    """
    names = {container.name for container in some}
    found = {
        name: item.facts.max_bytes
        for name, item in sorted(history.items())
        if name not in names and item.container_type not in ("ephemeral", "init") and item.facts.max_bytes is not None
    }
    if not found:
        return (), None
    return tuple(f"{name} (peak {format_bytes(peak)})" for name, peak in found.items()), capped(sum(found.values()))


def _resize(status: PodStatus | None) -> str | None:
    if status is None or not (status.infeasible or status.deferred):
        return None
    return "Infeasible" if status.infeasible else "Deferred"


def hugepages_mismatch(requests: dict[str, int], limits: dict[str, int]) -> str | None:
    """Return in words a hugepages request that is not its limit, None when there is none."""
    for key, request in requests.items():
        if key[0] == "h" and limits.get(key) != request:
            limit = f"limit {show(limits[key])}" if key in limits else "no limit"
            return f"{key} request {show(request)}, {limit}"
    return None


def hugepages_alone(requests: dict[str, int], limits: dict[str, int]) -> bool:
    """Return whether hugepages are asked for without cpu and memory."""
    keys = requests.keys() | limits.keys()
    return bool(keys) and not keys & {"cpu", "memory"}


def tmpfs_total(volumes: Sequence[Volume], written: set[str]) -> int | None:
    """Return the sum of the sizeLimits of the Memory volumes that a container writes; None when there is none."""
    sizes = [volume.size_limit_bytes for volume in volumes if volume.medium == "Memory" and volume.name in written]
    return capped(sum(size for size in sizes if size)) or None


_ONE_BY_DEFAULT = frozenset(("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"))
_MAX_INT32 = 2**31 - 1
_OWN_GROUPS = frozenset(("", "apps", "extensions", "batch"))


def workload_facts(obj: Object, spec: dict[str, Any], context: Context, seen: Observed | None) -> WorkloadFacts:
    """Return the facts of the object that owns the pods; `seen` is what was observed of them."""
    key: Workload = (obj.namespace, obj.kind, obj.name)
    scaler = context.scaler_of(obj)
    return WorkloadFacts(
        api_version=obj.api_version,
        kind=obj.kind,
        namespace=obj.namespace,
        name=obj.name,
        replicas=_replicas(obj, spec, context),
        min_replicas=scaler.min_replicas if scaler else None,
        max_replicas=scaler.max_replicas if scaler else None,
        history=_joined_history(key, context),
        file=obj.file or None,
        line=obj.line or None,
        cluster=obj.cluster,
        owner=obj.live.owner if obj.live else None,
        running_pods=seen.pods_total if seen else None,
        ready_pods=seen.ready_total if seen else None,
        pending_for_memory=seen.pending_for_memory if seen else None,
        evicted_pods=seen.evicted if seen else None,
    )


def _joined_history(key: Workload, context: Context) -> str:
    if context.history is None:
        return "none"
    return "joined" if context.history.of(*key) else "missing"


def _replicas(obj: Object, spec: dict[str, Any], context: Context) -> int | None:
    kind, group = obj.kind, obj.api_version.rpartition("/")[0]
    own = obj.data.get("spec")
    if obj.live is not None and obj.live.pods_total and obj.live.template is None and kind != "Pod":
        return None  # the workload could not be read: what is there is a pod's
    if group in _OWN_GROUPS:
        if kind == "Pod":
            return 1
        if kind == "DaemonSet":
            wanted = _count(obj.data.get("status"), "desiredNumberScheduled", None)
            if wanted is not None:
                return wanted
            free = not spec.get("nodeSelector") and not spec.get("affinity")
            return len(context.nodes) or None if free else None
        if kind == "CronJob":
            job = own.get("jobTemplate") if isinstance(own, dict) else None
            return _count(job.get("spec") if isinstance(job, dict) else None, "parallelism", 1)
        if kind == "Job":
            return _count(own, "parallelism", 1)
        if kind in _ONE_BY_DEFAULT:
            return _count(own, "replicas", 1)
    return _count(own, "replicas", None)


def _count(owner: object, key: str, default: int | None) -> int | None:
    value = owner.get(key) if isinstance(owner, dict) else None
    if value is None:
        return default
    # Tools write 3.0 as 3 when they turn YAML into JSON.
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= _MAX_INT32 else None


_COUNTS: dict[str, Path] = {
    **dict.fromkeys(_ONE_BY_DEFAULT, ("spec", "replicas")),
    "Job": ("spec", "parallelism"),
    "CronJob": ("spec", "jobTemplate", "spec", "parallelism"),
}


def count_fault(obj: Object) -> Fault | None:
    """Return what is wrong with the number of pods that an object asks for, None when it can be read."""
    path = _COUNTS.get(obj.kind) if obj.api_version.rpartition("/")[0] in _OWN_GROUPS else None
    owner = value_at(obj.data, (path or ())[:-1])
    if path is None or _count(owner, str(path[-1]), 0) is not None:
        return None
    return Fault(path, "must be a whole number of 32 bits, at least 0")
