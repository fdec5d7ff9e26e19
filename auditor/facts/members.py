"""What a workload adds to its namespace, its quotas, its autoscalers and the cluster: a small value each."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from auditor.facts.context import Workload
from auditor.facts.record import Record
from auditor.kube.objects import text_or_none
from auditor.kube.observed import is_finished
from auditor.sources.model import Object


class MemberContainer(msgspec.Struct, frozen=True):
    """A container of a workload that an autoscaler acts on."""

    name: str
    type: str
    request_bytes: int | None
    limit_bytes: int | None
    request_missing: bool


class Member(msgspec.Struct, frozen=True):
    """One workload in sums."""

    kind: str
    namespace: str | None
    name: str
    file: str
    line: int
    cluster: str | None
    replicas: int | None
    """How many pods it makes, within its autoscaler's bounds; in a cluster at least those that are there."""
    max_replicas: int | None
    """With its autoscaler at the upper bound; `replicas` without one."""
    nodes: tuple[tuple[str, int], ...]
    """Node to how many of its pods run there, by name; empty when that is not known."""
    request_bytes: int | None
    """Of one pod."""
    limit_bytes: int | None
    """Of one pod."""
    bounded: bool
    """Whether a pod has a memory.max."""
    known: bool
    """False when an amount of the pod could not be read."""
    owners: tuple[str, ...]
    """`Kind/name` of whoever may own it: when one of them is in the input too, this one is not counted."""
    finished: bool
    """True for a pod that has ended."""
    quotas: tuple[str, ...]
    """The quotas that count its pods."""
    pod_level_request: bool
    """Whether requests are set at pod level: a metric then counts the pod's."""
    containers: tuple[MemberContainer, ...]
    """App containers and sidecars, of a workload that an autoscaler acts on; else empty."""

    @property
    def title(self) -> str:
        """Such as `Deployment/web`."""
        return f"{self.kind}/{self.name}"


def member_of(obj: Object, record: Record, targets: frozenset[Workload]) -> Member:
    """Return what a workload adds to sums."""
    pod = record.pod
    targeted = (obj.namespace, obj.kind, obj.name) in targets
    replicas, most = _counts(obj, record)
    return Member(
        obj.kind,
        obj.namespace,
        obj.name,
        obj.file,
        obj.line,
        obj.cluster,
        replicas,
        most,
        _nodes(obj),
        pod.request_bytes,
        pod.limit_bytes,
        pod.bounded,
        pod.qos_class is not None and not record.problems,
        _owners(obj),
        obj.kind == "Pod" and is_finished(obj.data),
        record.quotas,
        pod.pod_level_request_bytes is not None,
        tuple(
            MemberContainer(c.name, c.type, c.request_bytes, c.limit_bytes, c.request_missing)
            for c in record.containers
            if c.type in ("app", "sidecar")
        )
        if targeted
        else (),
    )


def _owners(obj: Object) -> tuple[str, ...]:
    metadata = obj.data.get("metadata")
    references = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("controller") is True:
            kind, name = text_or_none(reference.get("kind")), text_or_none(reference.get("name")) or ""
            # A ReplicaSet or Job that is not in the input itself is named after the Deployment or CronJob above it.
            above = {"ReplicaSet": "Deployment", "Job": "CronJob"}.get(kind or "")
            parent = (f"{above}/{name.rpartition('-')[0]}",) if above else ()
            return (f"{kind}/{name}", *parent)
    return ()


_ENDING = frozenset(("Job", "CronJob", "DaemonSet", "Pod"))
"""Kinds that have no number of pods to come back to: what is there counts."""


def _counts(obj: Object, record: Record) -> tuple[int | None, int | None]:
    """Return how many pods a workload makes, and how many at its autoscaler's upper bound.

    A live one makes those that are there, and those that are still to come; pods with another spec are their own.
    """
    wanted, most, live = record.workload.replicas, record.workload.max_replicas, obj.live
    if live is None:
        return _scaled(wanted, record.workload.min_replicas, most), wanted if most is None else most
    if not live.primary or obj.kind in _ENDING:
        return live.pods_total, live.pods_total
    there = max(live.pods_total, (wanted or 0) - live.others_total)
    return there, there if most is None else max(there, most - live.others_total)


def _scaled(wanted: int | None, least: int | None, most: int | None) -> int | None:
    """Return how many pods there will be at least where an autoscaler acts, which it does not on a target of zero.

    Source: podautoscaler/horizontal.go, reconcileAutoscaler, before any metric is looked at.
    """
    if not wanted:
        return wanted
    raised = wanted if least is None else max(wanted, least)
    return raised if most is None else min(raised, most)


def _nodes(obj: Object) -> tuple[tuple[str, int], ...]:
    if obj.live is not None:
        return obj.live.nodes
    spec = obj.data.get("spec") if obj.kind == "Pod" else None
    name = spec.get("nodeName") if isinstance(spec, dict) else None
    return ((name, 1),) if isinstance(name, str) and name else ()


def counted_members(members: Iterable[Member]) -> tuple[Member, ...]:
    """Return the members that make pods: neither finished nor owned by another member, in order."""
    every = tuple(members)
    known = {(member.namespace, member.title): member for member in every}
    return tuple(member for member in every if not member.finished and not _owned(member, known))


_MAX_OWNERS = 16
"""So many owners above each other are followed: real ones are three."""


def _owned(member: Member, known: Mapping[tuple[str | None, str], Member]) -> bool:
    """Return whether another member makes the pods of this one; members that own each other in a circle do not."""
    above = _owner(member, known)
    for _ in range(_MAX_OWNERS):
        if above is None:
            return False
        higher = _owner(above, known)
        if higher is None:
            return True
        above = higher
    return False


def _owner(member: Member, known: Mapping[tuple[str | None, str], Member]) -> Member | None:
    return next((known[key] for name in member.owners if (key := (member.namespace, name)) in known), None)


def by_workload(members: Sequence[Member]) -> Mapping[Workload, Member]:
    """Return members by namespace, kind and name; of several specs of one workload the last one, which is primary."""
    return {(member.namespace, member.kind, member.name): member for member in members}
