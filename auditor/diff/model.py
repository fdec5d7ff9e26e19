"""What comparing two sides says: findings by status, memory before and after, what was not judged on which side.

These are the values that every form of the comparison reads. Bytes are whole numbers; None is absent or not known,
never zero.
"""

import msgspec

from auditor.findings import SEVERITIES, Finding, Report, Rule, Skipped, WorkloadRef, severity_rank

NEW, UNCHANGED, WAIVED, KNOWN = "new", "unchanged", "waived", "known"
BASE, HEAD, BOTH = "base", "head", "both"
SNAPSHOT = "snapshot"
ADDED, REMOVED, CHANGED, MOVED = "added", "removed", "changed", "moved"


class Side(msgspec.Struct, frozen=True):
    """One of the two states."""

    kind: str
    """`revision`, `worktree`, `folder` or `snapshot`."""
    name: str
    """As it was asked for; empty for the work tree."""
    commit: str | None
    """None where it is no commit."""
    objects: int = 0
    workloads: int = 0
    containers: int = 0


class Amounts(msgspec.Struct, frozen=True):
    """Memory of all pods of a workload, or of all workloads whose numbers are known."""

    workloads: int = 0
    pods: int = 0
    request_bytes: int = 0
    """A pod that requests nothing adds nothing, as for the scheduler."""
    request_min_bytes: int = 0
    """With each autoscaler at its lower bound."""
    request_max_bytes: int = 0
    """With each autoscaler at its upper bound."""
    limit_bytes: int = 0
    """Of bounded pods alone."""
    limit_min_bytes: int = 0
    limit_max_bytes: int = 0
    unbounded_pods: int = 0
    """Pods without a memory.max."""
    tmpfs_bytes: int = 0
    """Size limits of memory volumes."""
    unbounded_tmpfs_pods: int = 0
    """Pods with a memory volume that nothing bounds."""

    def plus(self, other: "Amounts", times: int = 1) -> "Amounts":
        """Return the sum with some times another."""
        return Amounts(*(getattr(self, name) + times * getattr(other, name) for name in self.__struct_fields__))


class ContainerFootprint(msgspec.Struct, frozen=True):
    """The memory of one container."""

    name: str
    type: str
    request_bytes: int | None
    limit_bytes: int | None
    memory_max_bytes: int | None
    p95_bytes: int | None
    """From history; None without."""
    peak_bytes: int | None
    """From history; None without."""


class Footprint(msgspec.Struct, frozen=True):
    """The memory of one workload on one side."""

    file: str
    """Empty for a workload of a cluster."""
    line: int
    """0 for a workload of a cluster."""
    replicas: int | None
    min_replicas: int | None
    """The autoscaler's lower bound; None without one."""
    max_replicas: int | None
    """The autoscaler's upper bound; None without one."""
    request_bytes: int | None
    """Of one pod."""
    limit_bytes: int | None
    """Of one pod: the sum of what its containers declare."""
    total: Amounts | None
    """Of all its pods; None when it is not known, all zero when another workload makes them."""
    unknown: str | None
    """Why the total is not known; None when it is."""
    qos_class: str | None
    bounded: bool
    tmpfs_bytes: int | None
    """Sum of the size limits of one pod's memory volumes; None without any."""
    unbounded_tmpfs: tuple[str, ...]
    """Memory volumes of a pod with neither a size limit nor a memory.max above them."""
    p95_bytes: int | None
    """From history: sum over the containers that run together; None when one has none."""
    peak_bytes: int | None
    """From history: sum of their peaks, which need not have been at one time."""
    containers: tuple[ContainerFootprint, ...]


class WorkloadChange(msgspec.Struct, frozen=True):
    """A workload whose memory differs between the sides."""

    workload: WorkloadRef
    change: str
    """`added`, `removed`, `changed`; or `moved`: to another folder, and changed."""
    before: Footprint | None
    after: Footprint | None


class Unknown(msgspec.Struct, frozen=True):
    """A workload that no sum holds."""

    side: str
    workload: WorkloadRef
    reason: str


class Memory(msgspec.Struct, frozen=True):
    """Memory before and after."""

    before: Amounts
    after: Amounts
    delta: Amounts
    """Over the workloads whose numbers are known on both sides."""
    unknown: tuple[Unknown, ...]
    workloads: tuple[WorkloadChange, ...]
    """In HEAD's order, then removed ones in BASE's."""


class Compared(msgspec.Struct, frozen=True):
    """A finding of HEAD."""

    finding: Finding
    status: str
    """`new`, `unchanged`; `waived` by a waiver that counts; `known`: the baseline holds it."""
    was: str | None
    """The lower severity that it had in BASE; None where it was not there or not lower."""
    on_changed_line: bool | None
    """Whether its place is on a line that the change wrote; None without lines."""
    in_view: bool = False
    """Whether its place is on a line that the change wrote or one of the three around that a patch shows."""


class AskedWaiver(msgspec.Struct, frozen=True):
    """An inline waiver of HEAD that suppresses nothing, because BASE does not have it."""

    policy: str
    by: str
    reason: str
    until: str
    workload: WorkloadRef
    fingerprint: str
    """Of the finding that it would cover."""


class Judging(msgspec.Struct, frozen=True, order=True):
    """A file that decides how both sides are judged, and that the change touches."""

    what: str
    """`config`, `policies`, `waivers` or `baseline`."""
    file: str
    change: str
    """`added`, `changed` or `removed`."""
    used: str
    """Whose was used: `base` or `head`."""


class SideSkipped(msgspec.Struct, frozen=True):
    """An input that could not be judged, and on which side: `base`, `head` or `both`."""

    side: str
    item: Skipped


class Diff(msgspec.Struct, frozen=True):
    """How two sides differ."""

    report: Report
    """HEAD's, with the statuses below as `baseline`: what an audit's own forms can show."""
    base: Side
    head: Side
    sentence: str
    """What a reviewer wants to know, in one sentence."""
    findings: tuple[Compared, ...]
    """HEAD's, in the report's order."""
    fixed: tuple[Finding, ...]
    """Those of BASE that HEAD does not have, without those that were waived."""
    memory: Memory
    waivers_asked: tuple[AskedWaiver, ...]
    judging: tuple[Judging, ...]
    skipped: tuple[SideSkipped, ...]
    notes: tuple[str, ...]
    files_changed: int
    """How many of the files that were read differ."""
    fail_on: str | None = None
    """The config's threshold; None when it has none."""
    count_all: bool = False
    """Whether unchanged findings count too."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The policies that took part, by id."""
        return self.report.rules

    @property
    def complete(self) -> bool:
        """Whether everything on both sides could be judged, and one of them had an object."""
        return not self.skipped and self.base.objects + self.head.objects > 0

    @property
    def counted(self) -> tuple[Compared, ...]:
        """The findings that count: new ones, or with `count_all` unchanged ones too."""
        statuses = (NEW, UNCHANGED) if self.count_all else (NEW,)
        return tuple(item for item in self.findings if item.status in statuses)

    def of(self, status: str) -> tuple[Compared, ...]:
        """Return the findings of one status."""
        return tuple(item for item in self.findings if item.status == status)

    def new_by_severity(self) -> dict[str, int]:
        """Return how many new findings there are of each severity, the worst first."""
        counts = dict.fromkeys(SEVERITIES, 0)
        for item in self.of(NEW):
            counts[item.finding.severity] += 1
        return counts

    def failed(self, fail_on: str) -> bool:
        """Return whether a finding that counts is at or above a severity; False for `never`."""
        if fail_on == "never":
            return False
        rank = severity_rank(fail_on)
        return any(severity_rank(item.finding.severity) <= rank for item in self.counted)
