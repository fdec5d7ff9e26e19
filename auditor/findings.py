"""What an audit says: findings, skipped inputs, and the report that holds them.

These are the values that every report format reads. Nothing here computes, reads or prints.
"""

from typing import Any, Literal

import msgspec

SEVERITIES = ("critical", "high", "medium", "low", "info")
"""Worst first; the order of this tuple is the order of severities everywhere."""


def severity_rank(severity: str) -> int:
    """Return 0 for critical up to 4 for info. Raises ValueError for another word."""
    return SEVERITIES.index(severity)


class Place(msgspec.Struct, frozen=True, order=True):
    """Where a key stands in a source text: 1-based, columns in code points, the end exclusive."""

    file: str
    """Path as reports show it: relative to the working folder where possible, `-` for standard input."""
    line: int
    column: int
    end_line: int
    end_column: int


class WorkloadRef(msgspec.Struct, frozen=True, order=True):
    """The identity of the object that a finding is about."""

    api_version: str
    kind: str
    namespace: str | None
    """As written or as given by `--namespace`; None when nobody says it."""
    name: str


class Waived(msgspec.Struct, frozen=True):
    """Why a finding is accepted."""

    reason: str
    expires: str
    """ISO date, inclusive, UTC."""
    by: str
    """Which waiver: `annotation`, `comment FILE:LINE` or `FILE:LINE` of a waiver file."""


class Edit(msgspec.Struct, frozen=True):
    """One step of a fix: what to change in an object, whatever text it came from."""

    op: Literal["set", "rename", "remove"]
    path: tuple[str | int, ...]
    """In the object. Of `set` a path that need not exist: parents that are missing are made."""
    value: str = ""
    """The text to write, of `rename` the new key; empty for `remove`."""
    argued: bool = False
    """Whether history argues for it: by rules of its own that lower nothing without a week."""


class Replacement(msgspec.Struct, frozen=True):
    """Whole lines of a file and what to write instead of them."""

    file: str
    """As reports show it."""
    line: int
    """The first line that is replaced, 1-based."""
    end_line: int
    """The last one; never before the first."""
    text: str
    """The new lines, with their line breaks; without one where the file ends without one."""


class Finding(msgspec.Struct, frozen=True):
    """A policy's verdict about one subject at one place, with the numbers that led to it."""

    policy: str
    severity: str
    message: str
    values: dict[str, Any]
    """The facts that the message is made of, by their names; bytes are int, ratios float."""
    workload: WorkloadRef
    subject_type: str
    """container, volume, pod or workload; or namespace, limitrange, quota, autoscaler, kubelet, node or cluster, whose
    object then stands in the workload's place. A quantity's subject is the container, volume or pod that holds it."""
    subject: str
    """The name of the container or volume, the key of a quota; empty where the subject is the object itself."""
    container: str | None
    container_type: str | None
    """app, init, sidecar or ephemeral; None where the subject is not a container."""
    place: Place | None
    """The key's place; None for an object of a cluster."""
    related: tuple[Place, ...]
    """Other places of the same fact: the alias through which the primary place is reached."""
    path: str
    """The path in the object, `spec.template.spec.containers[0].resources.limits.memory`; where the key is
    absent, the path that is missing."""
    fingerprint: str
    """32 hexadecimal digits, made of policy, object identity, subject and path by names; never of lines or numbers."""
    actual_bytes: int | None = None
    """The number that is wrong, where the policy names one."""
    expected_bytes: int | None = None
    """The number that it is held against, where the policy names one."""
    waived: Waived | None = None
    baseline: str | None = None
    """`new` or `unchanged` when a baseline was given, else None."""
    fix: tuple[Edit, ...] | None = None
    """What the policy, or history, says to change; None when neither does."""
    replacements: tuple[Replacement, ...] | None = None
    """The fix as text, where it was asked for, can be written, takes the finding away and makes no other fire."""
    cluster: str | None = None
    """The cluster that the object is in; None for an object of a file."""


class Skipped(msgspec.Struct, frozen=True, order=True):
    """An input, or a part of one, that could not be judged. It makes the run incomplete."""

    file: str
    """Empty for a part of a cluster."""
    line: int | None
    column: int | None
    reason: str
    cluster: str | None = None
    """The cluster that could not be judged, or not all of it; None for a file."""


class Rule(msgspec.Struct, frozen=True):
    """What a report tells about a policy that took part in the audit."""

    id: str
    severity: str
    scope: str
    why: str
    remediation: str
    references: tuple[str, ...]
    tags: tuple[str, ...]


class Summary(msgspec.Struct, frozen=True):
    """Counts of one audit."""

    objects: int
    workloads: int
    containers: int
    findings: dict[str, int]
    """Severity to number of findings that are neither waived nor in the baseline; every severity is a key."""
    waived: int
    known: int
    """Findings that the baseline holds."""
    skipped: int


class Report(msgspec.Struct, frozen=True):
    """The whole result of one audit, ready to be written in any format."""

    tool_version: str
    kubernetes_version: str
    """Such as `1.37`."""
    summary: Summary
    findings: tuple[Finding, ...]
    """Sorted by file, line, column, policy; waived and known ones included."""
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    """What a reader must know besides: unused waivers, documents left alone, nothing to judge."""
    rules: tuple[Rule, ...]
    """The policies that took part, by id."""
    seconds: float | None = None
    """Wall time, for the table's last line only; the command sets it, the engine does not know it."""
