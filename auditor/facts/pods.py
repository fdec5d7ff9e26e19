"""Facts about a pod and its workload."""

from collections.abc import Sequence
from typing import Any

from auditor.facts.context import Context
from auditor.facts.model import PodFacts, WorkloadFacts
from auditor.kube.admission import Pod, Rules
from auditor.kube.cgroup import pod_memory_max
from auditor.kube.objects import Container, Resources
from auditor.kube.qos import qos_class, qos_obstacles
from auditor.kube.resources import init_peak, pod_limit, pod_request, running
from auditor.sources.model import Object


def pod_facts(pod: Pod, spec: dict[str, Any], some: Sequence[Container], rules: Rules) -> PodFacts:
    """Return a pod's facts; `some` are its containers without ephemeral ones."""
    level, overhead, known = pod.pod_level, pod.overhead, pod.memory_known
    qos = qos_class(some, level, fixed=rules.fixed_qos) if pod.qos_known else None
    extra = overhead.get("memory")
    request = pod_request(some, level, overhead, "memory") if known else None
    limit = pod_limit(some, level, overhead, "memory") if known else None
    steady = running(some, "memory") if known else None
    peak = init_peak(some, "memory") if known and request is not None else None
    if extra is not None and known:
        steady = (steady or 0) + extra
    maximum = pod_memory_max(qos, limit, some, level) if known and qos and not pod.windows else None
    return PodFacts(
        qos,
        _bytes(request),
        _bytes(limit),
        maximum,
        maximum is not None,
        _bytes(extra),
        _bytes(level.requests.get("memory")) if level else None,
        _bytes(level.limits.get("memory")) if level else None,
        _bytes(steady),
        None if peak is None else _bytes(peak[0] + (extra or 0)),
        None if peak is None else peak[1].name,
        None if peak is None else f"{peak[1].list_name}[{peak[1].index}].resources.requests.memory",
        len(some),
        tuple(c.name for c in some if not c.limits.get("memory") and "limits.memory" not in c.unreadable),
        known and bool(some) and _guaranteed(some, level),
        qos_obstacles(some, level, fixed=rules.fixed_qos) if qos not in ("Guaranteed", None) else (),
        any(event.rejects for event in pod.events) if pod.events else False,
        _limitrange_rejection(pod),
        _limitrange_place(pod),
        spec.get("hostIPC") is True,
        pod.windows,
    )


def _bytes(milli: int | None) -> int | None:
    return None if milli is None else -(-milli // 1000)


def _guaranteed(some: Sequence[Container], level: Resources | None) -> bool:
    if level is not None and level.limits.get("memory") and level.limits["memory"] == level.requests.get("memory"):
        return True
    return all(c.limits.get("memory") and c.limits["memory"] == c.requests.get("memory") for c in some)


def _limitrange_rejection(pod: Pod) -> str | None:
    if not pod.events:
        return None
    words = [f"{e.by}: {e.reason}" for e in pod.events if e.rejects and e.by.startswith("LimitRange ")]
    return "; ".join(words) or None


def _limitrange_place(pod: Pod) -> str | None:
    """Return where the first LimitRange refusal points; a sum is at the containers."""
    refusals = [event for event in pod.events if event.rejects and event.by.startswith("LimitRange ")]
    return (refusals[0].at or "containers") if refusals else None


_ONE_BY_DEFAULT = frozenset(("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"))
_OWN_GROUPS = frozenset(("", "apps", "extensions", "batch"))


def workload_facts(obj: Object, spec: dict[str, Any], context: Context) -> WorkloadFacts:
    """Return the facts of the object that owns the pods."""
    replicas = _replicas(obj, spec, context)
    return WorkloadFacts(obj.api_version, obj.kind, obj.namespace, obj.name, replicas, obj.file, obj.line)


def _replicas(obj: Object, spec: dict[str, Any], context: Context) -> int | None:
    kind, group = obj.kind, obj.api_version.rpartition("/")[0]
    own = obj.data.get("spec")
    if group in _OWN_GROUPS:
        if kind == "Pod":
            return 1
        if kind == "DaemonSet":
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
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
