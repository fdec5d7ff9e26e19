"""The comparison as JSON, version 1, and its JSON Schema; docs/diff.md describes it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from auditor.diff.model import (
    KNOWN,
    UNCHANGED,
    WAIVED,
    Amounts,
    Compared,
    ContainerFootprint,
    Diff,
    Footprint,
    WorkloadChange,
)
from auditor.diff.model import Memory as DiffMemory
from auditor.findings import WorkloadRef
from auditor.reports.json import FindingEntry, SkippedEntry, Tool, Workload, finding_entry, schema_of, skipped_entry
from auditor.reports.text import TOOL_NAME, encode_json

VERSION: Literal["1"] = "1"

_Severity = Literal["critical", "high", "medium", "low", "info"]
_Bytes = Annotated[int, Meta(description="Whole bytes.")]


class SideEntry(msgspec.Struct, frozen=True):
    """One of the two states."""

    kind: Literal["revision", "worktree", "folder", "snapshot"]
    name: Annotated[str, Meta(description="As it was asked for; empty for the work tree.")]
    commit: Annotated[str | None, Meta(description="null where it is no commit.")]
    objects: int
    workloads: int
    containers: int


class SummaryEntry(msgspec.Struct, frozen=True):
    """Counts of the comparison."""

    new: Annotated[dict[str, int], Meta(description="Severity to new findings; every severity is a key.")]
    fixed: int
    unchanged: int
    waived: int
    known: Annotated[int, Meta(description="Findings that the baseline holds.")]
    skipped: Annotated[int, Meta(description="Inputs that could not be judged on either side.")]
    files_changed: int
    workloads_changed: int


class ComparedEntry(FindingEntry, frozen=True, kw_only=True):
    """A finding of HEAD, and what the change did to it."""

    status: Literal["new", "unchanged", "waived", "known"]
    was: Annotated[_Severity | None, Meta(description="The lower severity that it had in BASE.")]
    on_changed_line: Annotated[bool | None, Meta(description="Whether the change wrote its line; null without lines.")]


class AmountsEntry(msgspec.Struct, frozen=True):
    """Memory of all pods; in a difference the numbers may be negative."""

    workloads: int
    pods: int
    request_bytes: _Bytes
    request_min_bytes: Annotated[int, Meta(description="With each autoscaler at its lower bound.")]
    request_max_bytes: Annotated[int, Meta(description="With each autoscaler at its upper bound.")]
    limit_bytes: Annotated[int, Meta(description="Of bounded pods alone.")]
    limit_min_bytes: _Bytes
    limit_max_bytes: _Bytes
    unbounded_pods: Annotated[int, Meta(description="Pods without a memory.max.")]
    tmpfs_bytes: Annotated[int, Meta(description="Size limits of memory volumes.")]
    unbounded_tmpfs_pods: Annotated[int, Meta(description="Pods with a memory volume that nothing bounds.")]


class UnknownEntry(msgspec.Struct, frozen=True):
    """A workload that no sum holds."""

    side: Literal["base", "head"]
    workload: Workload
    reason: str


class ContainerSide(msgspec.Struct, frozen=True):
    """A container on one side."""

    request_bytes: int | None
    limit_bytes: int | None
    memory_max_bytes: int | None


class ContainerEntry(msgspec.Struct, frozen=True):
    """A container of a workload whose memory changed."""

    name: str
    type: Literal["app", "init", "sidecar", "ephemeral"]
    before: ContainerSide | None
    after: ContainerSide | None
    p95_bytes: Annotated[int | None, Meta(description="From history; null without.")]
    peak_bytes: Annotated[int | None, Meta(description="From history; null without.")]


class FootprintEntry(msgspec.Struct, frozen=True):
    """The memory of a workload on one side."""

    file: Annotated[str | None, Meta(description="null, as the line is, for a workload of a cluster.")]
    line: int | None
    replicas: int | None
    min_replicas: Annotated[int | None, Meta(description="The autoscaler's lower bound.")]
    max_replicas: Annotated[int | None, Meta(description="The autoscaler's upper bound.")]
    request_bytes: Annotated[int | None, Meta(description="Of one pod.")]
    limit_bytes: Annotated[int | None, Meta(description="Of one pod.")]
    total: Annotated[AmountsEntry | None, Meta(description="Of all its pods; null when it is not known.")]
    qos_class: Literal["Guaranteed", "Burstable", "BestEffort"] | None
    bounded: Annotated[bool, Meta(description="Whether a pod has a memory.max.")]
    tmpfs_bytes: int | None
    unbounded_tmpfs: tuple[str, ...]
    p95_bytes: Annotated[int | None, Meta(description="From history: sum over the containers that run together.")]
    peak_bytes: Annotated[int | None, Meta(description="From history: sum of their peaks.")]


class ChangeEntry(msgspec.Struct, frozen=True):
    """A workload whose memory changed."""

    workload: Workload
    change: Literal["added", "removed", "changed", "moved"]
    before: FootprintEntry | None
    after: FootprintEntry | None
    containers: Annotated[tuple[ContainerEntry, ...], Meta(description="Those that differ.")]


class MemoryEntry(msgspec.Struct, frozen=True):
    """Memory before and after."""

    before: AmountsEntry
    after: AmountsEntry
    delta: Annotated[AmountsEntry, Meta(description="Over the workloads whose numbers are known on both sides.")]
    unknown: tuple[UnknownEntry, ...]
    workloads: tuple[ChangeEntry, ...]


class AskedEntry(msgspec.Struct, frozen=True):
    """An inline waiver that suppresses nothing, because BASE does not have it."""

    policy: str
    by: str
    reason: str
    until: str
    workload: Workload
    fingerprint: str


class JudgingEntry(msgspec.Struct, frozen=True):
    """A file that decides how both sides are judged, and that the change touches."""

    what: Literal["config", "policies", "waivers", "baseline"]
    file: str
    change: Literal["added", "changed", "removed"]
    used: Literal["base", "head"]


class SideSkippedEntry(SkippedEntry, frozen=True, kw_only=True):
    """An input that could not be judged, and on which side."""

    side: Literal["base", "head", "both"]


class Document(msgspec.Struct, frozen=True):
    """How two states differ. New keys may appear within a version; a key never changes its meaning."""

    version: Literal["1"]
    tool: Tool
    kubernetes_version: str
    sentence: Annotated[str, Meta(description="What a reviewer wants to know.")]
    base: SideEntry
    head: SideEntry
    complete: Annotated[bool, Meta(description="False where exit code 3 says that something was not judged.")]
    summary: SummaryEntry
    findings: tuple[ComparedEntry, ...]
    fixed: Annotated[tuple[FindingEntry, ...], Meta(description="With their places in BASE.")]
    memory: MemoryEntry
    waivers_asked: tuple[AskedEntry, ...]
    judging: tuple[JudgingEntry, ...]
    skipped: tuple[SideSkippedEntry, ...]
    notes: tuple[str, ...]


def render(diff: Diff) -> str:
    """Return the comparison as JSON that `schema()` describes."""
    document = {
        "version": VERSION,
        "tool": Tool(TOOL_NAME, diff.report.tool_version),
        "kubernetes_version": diff.report.kubernetes_version,
        "sentence": diff.sentence,
        "base": diff.base,
        "head": diff.head,
        "complete": diff.complete,
        "summary": _summary(diff),
        "findings": [_compared(item) for item in diff.findings],
        "fixed": [finding_entry(finding) for finding in diff.fixed],
        "memory": _memory(diff.memory),
        "waivers_asked": [{**_fields(item), "workload": _workload(item.workload)} for item in diff.waivers_asked],
        "judging": diff.judging,
        "skipped": [{"side": item.side, **_fields(skipped_entry(item.item))} for item in diff.skipped],
        "notes": diff.notes,
    }
    return encode_json(document, indent=2) + "\n"


def schema() -> str:
    """Return the JSON Schema of the comparison; docs/diff.schema.json holds it."""
    return schema_of(Document, f"{TOOL_NAME} comparison, version {VERSION}")


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(value)


def _summary(diff: Diff) -> SummaryEntry:
    return SummaryEntry(
        new=diff.new_by_severity(),
        fixed=len(diff.fixed),
        unchanged=len(diff.of(UNCHANGED)),
        waived=len(diff.of(WAIVED)),
        known=len(diff.of(KNOWN)),
        skipped=len(diff.skipped),
        files_changed=diff.files_changed,
        workloads_changed=len(diff.memory.workloads),
    )


def _compared(item: Compared) -> dict[str, Any]:
    more = {"status": item.status, "was": item.was, "on_changed_line": item.on_changed_line}
    return {**_fields(finding_entry(item.finding)), **more}


def _workload(ref: WorkloadRef) -> Workload:
    return Workload(ref.api_version, ref.kind, ref.namespace, ref.name)


def _memory(memory: DiffMemory) -> dict[str, Any]:
    return {
        "before": memory.before,
        "after": memory.after,
        "delta": memory.delta,
        "unknown": [{**_fields(item), "workload": _workload(item.workload)} for item in memory.unknown],
        "workloads": [_change(item) for item in memory.workloads],
    }


def _change(item: WorkloadChange) -> dict[str, Any]:
    return {
        "workload": _workload(item.workload),
        "change": item.change,
        "before": _footprint(item.before),
        "after": _footprint(item.after),
        "containers": _containers(item.before, item.after),
    }


def _footprint(item: Footprint | None) -> dict[str, Any] | None:
    if item is None:
        return None
    kept = {name: getattr(item, name) for name in FootprintEntry.__struct_fields__}
    total: Amounts | None = item.total
    return {**kept, "file": item.file or None, "line": item.line or None, "total": total}


def _containers(before: Footprint | None, after: Footprint | None) -> list[ContainerEntry]:
    """Return the containers that differ, HEAD's first."""
    old = {item.name: item for item in (before.containers if before is not None else ())}
    new = {item.name: item for item in (after.containers if after is not None else ())}
    found = []
    for name in dict.fromkeys([*new, *old]):
        one, other = old.get(name), new.get(name)
        told = other or one
        if one == other or told is None:
            continue
        kind: Any = told.type
        found.append(ContainerEntry(name, kind, _side(one), _side(other), told.p95_bytes, told.peak_bytes))
    return found


def _side(item: ContainerFootprint | None) -> ContainerSide | None:
    return None if item is None else ContainerSide(item.request_bytes, item.limit_bytes, item.memory_max_bytes)
