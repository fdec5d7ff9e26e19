"""The memory of workloads on one side, and what of it a change changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from auditor.diff.model import (
    ADDED,
    BASE,
    CHANGED,
    HEAD,
    MOVED,
    REMOVED,
    Amounts,
    ContainerFootprint,
    Footprint,
    Memory,
    Unknown,
    WorkloadChange,
)
from auditor.facts.members import Member, counted_members
from auditor.facts.model import ContainerFacts, VolumeFacts
from auditor.facts.record import Record
from auditor.findings import WorkloadRef

_RUNNING = ("app", "sidecar")
NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload of one side with its memory."""

    ref: WorkloadRef
    cluster: int
    """Which PATH it belongs to; RENDERED for what a chart or a kustomization gives."""
    folder: str
    """The folder of its file, or of its chart with its environment: the one that is in fingerprints."""
    member: Member
    footprint: Footprint

    @property
    def identity(self) -> "Identity":
        """What tells it from others wherever its file is."""
        return identity_of(self.cluster, self.ref)


Identity = tuple[int, str, str, str | None, str]
"""PATH, group, kind, namespace and name."""

RENDERED = -1


def identity_of(cluster: int, ref: WorkloadRef) -> Identity:
    """Return the identity of an object: the version of its group does not count."""
    return cluster, ref.api_version.rpartition("/")[0], ref.kind, ref.namespace, ref.name


@dataclass(frozen=True, slots=True)
class Pair:
    """One workload on both sides; None where a side does not have it."""

    before: Workload | None
    after: Workload | None

    @property
    def change(self) -> str:
        """`added`, `removed`, `moved` or `changed`, which may be no change at all; in a cluster nothing has a place."""
        if self.before is None or self.after is None:
            return ADDED if self.before is None else REMOVED
        return MOVED if self.moved and self.before.footprint.file and self.after.footprint.file else CHANGED

    @property
    def moved(self) -> bool:
        """Whether it is on both sides, in different folders: its findings then have other fingerprints."""
        return self.before is not None and self.after is not None and self.before.folder != self.after.folder


def workload_of(record: Record, member: Member, cluster: int, folder: str) -> Workload:
    """Return a workload with its memory, as if its pods are its own."""
    facts = record.workload
    ref = WorkloadRef(facts.api_version, facts.kind, facts.namespace, facts.name)
    return Workload(ref, cluster, folder, member, _footprint(record, member))


def counted(workloads: Sequence[Workload]) -> list[Workload]:
    """Return the workloads of one side; those whose pods another one makes, or that have ended, add nothing."""
    making = {id(member) for some in _by_cluster(workloads) for member in counted_members(w.member for w in some)}
    return [item if id(item.member) in making else _adding_nothing(item) for item in workloads]


def _by_cluster(workloads: Iterable[Workload]) -> Iterable[list[Workload]]:
    found: dict[tuple[int, str], list[Workload]] = {}
    for item in workloads:
        found.setdefault((item.cluster, item.folder if item.cluster == RENDERED else ""), []).append(item)
    return found.values()


def _adding_nothing(item: Workload) -> Workload:
    footprint = msgspec.structs.replace(item.footprint, total=NOTHING, unknown=None)
    return replace(item, footprint=footprint)


def _footprint(record: Record, member: Member) -> Footprint:
    workload, pod = record.workload, record.pod
    volumes = [volume for volume in record.volumes if volume.medium == "Memory"]
    sizes = [volume.size_limit_bytes for volume in volumes if volume.size_limit_bytes]
    loose = tuple(volume.name for volume in volumes if _is_unbounded(volume))
    running = [item for item in record.containers if item.type in _RUNNING]
    unknown = _unknown(member)
    tmpfs = sum(sizes) if sizes else None
    return Footprint(
        file=workload.file or "",
        line=workload.line or 0,
        replicas=member.replicas,
        min_replicas=workload.min_replicas,
        max_replicas=workload.max_replicas,
        request_bytes=pod.request_bytes,
        limit_bytes=pod.limit_bytes,
        total=None if unknown else _total(member, workload.min_replicas, tmpfs or 0, loose),
        unknown=unknown,
        qos_class=pod.qos_class,
        bounded=pod.bounded,
        tmpfs_bytes=tmpfs,
        unbounded_tmpfs=loose,
        p95_bytes=_history(running, "p95_bytes"),
        peak_bytes=_history(running, "max_bytes"),
        containers=tuple(_container(item) for item in record.containers),
    )


def _is_unbounded(volume: VolumeFacts) -> bool:
    """Return whether nothing bounds a memory volume: a size limit of zero is none."""
    return not volume.size_limit_bytes and not volume.pod_bounded


def _container(facts: ContainerFacts) -> ContainerFootprint:
    return ContainerFootprint(
        name=facts.name,
        type=facts.type,
        request_bytes=facts.request_bytes,
        limit_bytes=facts.limit_bytes,
        memory_max_bytes=facts.memory_max_bytes,
        p95_bytes=None if facts.usage is None else facts.usage.p95_bytes,
        peak_bytes=None if facts.usage is None else facts.usage.max_bytes,
    )


def _history(containers: Sequence[ContainerFacts], name: str) -> int | None:
    """Return the sum of a number of history over containers, None when one has none."""
    sizes: list[int] = []
    for item in containers:
        size = None if item.usage is None else getattr(item.usage, name)
        if size is None:
            return None
        sizes.append(size)
    return sum(sizes) if sizes else None


def _unknown(member: Member) -> str | None:
    if not member.known:
        return "an amount of its pods cannot be read"
    return "how many pods it makes is not known" if member.replicas is None else None


def _total(member: Member, least: int | None, tmpfs: int, loose: Sequence[str]) -> Amounts:
    pods = member.replicas or 0
    lower = pods if least is None else min(pods, least)
    upper = pods if member.max_replicas is None else member.max_replicas
    request = member.request_bytes or 0
    limit = (member.limit_bytes or 0) if member.bounded else 0
    return Amounts(
        workloads=1,
        pods=pods,
        request_bytes=pods * request,
        request_min_bytes=lower * request,
        request_max_bytes=upper * request,
        limit_bytes=pods * limit,
        limit_min_bytes=lower * limit,
        limit_max_bytes=upper * limit,
        unbounded_pods=0 if member.bounded else pods,
        tmpfs_bytes=pods * tmpfs,
        unbounded_tmpfs_pods=pods if loose else 0,
    )


def pairs(before: Sequence[Workload], after: Sequence[Workload]) -> list[Pair]:
    """Return the workloads of both sides in pairs: HEAD's in their order, then those that only BASE has.

    A workload is the same one in the same folder; in another only where its old place is empty and it has a name.
    """
    waiting: dict[Any, list[Workload]] = {}
    for item in before:
        waiting.setdefault((item.identity, item.folder), []).append(item)
    found: list[Workload | None] = []
    for item in after:
        same = waiting.get((item.identity, item.folder))
        found.append(same.pop(_nearest(same, item)) if same else None)
    left: dict[Any, list[Workload]] = {}
    for (identity, _), some in waiting.items():
        left.setdefault(identity, []).extend(some)
    for number, item in enumerate(after):
        if found[number] is None and item.ref.name and (moved := left.get(item.identity)):
            found[number] = moved.pop(0)
    gone = {id(item) for some in left.values() for item in some}
    together = [Pair(one, item) for one, item in zip(found, after, strict=True)]
    return together + [Pair(item, None) for item in before if id(item) in gone]


def _nearest(some: Sequence[Workload], item: Workload) -> int:
    """Return which of several in a folder is meant: the one in the same file, else the first."""
    return next((n for n, one in enumerate(some) if one.footprint.file == item.footprint.file), 0)


def memory_of(found: Iterable[Pair]) -> Memory:
    """Return what pairs of workloads say about memory before and after."""
    before = after = delta = NOTHING
    unknown: list[Unknown] = []
    changes: list[WorkloadChange] = []
    for pair in found:
        old = NOTHING if pair.before is None else pair.before.footprint.total
        new = NOTHING if pair.after is None else pair.after.footprint.total
        before, after = before.plus(old or NOTHING), after.plus(new or NOTHING)
        if old is not None and new is not None:
            delta = delta.plus(new).plus(old, -1)
        for side, item in ((BASE, pair.before), (HEAD, pair.after)):
            if item is not None and item.footprint.unknown is not None:
                unknown.append(Unknown(side, item.ref, item.footprint.unknown))
        change = _change(pair)
        if change is not None:
            changes.append(change)
    return Memory(before, after, delta, tuple(unknown), tuple(changes))


def _change(pair: Pair) -> WorkloadChange | None:
    """Return how a workload changed, None when its memory is what it was."""
    one = pair.after or pair.before
    if one is None:
        return None
    before = None if pair.before is None else pair.before.footprint
    after = None if pair.after is None else pair.after.footprint
    if before is not None and after is not None and _but_place(before) == _but_place(after):
        return None
    return WorkloadChange(one.ref, pair.change, before, after)


def _but_place(footprint: Footprint) -> Footprint:
    """Return what counts as the memory of a workload: neither its place nor the order of its containers."""
    containers = tuple(sorted(footprint.containers, key=lambda item: (item.name, item.type)))
    return msgspec.structs.replace(footprint, file="", line=0, containers=containers)
