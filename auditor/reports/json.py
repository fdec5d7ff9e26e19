"""The JSON report, version 1, and its JSON Schema."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from auditor.findings import Edit, Finding, Place, Replacement, Report, Skipped
from auditor.kube.paths import path_text
from auditor.reports.text import TOOL_NAME, encode_json

VERSION: Literal["1"] = "1"

_Severity = Literal["critical", "high", "medium", "low", "info"]
# fmt: off
SubjectType = Literal[
    "container", "volume", "pod", "workload",
    "namespace", "limitrange", "quota", "autoscaler", "kubelet", "node", "cluster",
]
# fmt: on
_Number = Annotated[int, Meta(ge=1, description="1-based; columns in code points, the end exclusive.")]


class Tool(msgspec.Struct, frozen=True):
    """The program that wrote the report."""

    name: str
    version: str


class Summary(msgspec.Struct, frozen=True):
    """Counts of the audit."""

    objects: Annotated[int, Meta(description="Kubernetes objects read.")]
    workloads: int
    containers: int
    findings: Annotated[dict[str, int], Meta(description="Severity to findings that are neither waived nor known.")]
    waived: int
    known: Annotated[int, Meta(description="Findings that the baseline holds.")]
    skipped: Annotated[int, Meta(description="Inputs that could not be judged; above zero the audit is incomplete.")]


class Workload(msgspec.Struct, frozen=True):
    """The object that the finding is about."""

    api_version: str
    kind: str
    namespace: Annotated[str | None, Meta(description="null when nobody says it.")]
    name: str


class Related(msgspec.Struct, frozen=True):
    """Another place of the same fact, such as the alias through which it is reached."""

    file: str
    line: _Number
    column: _Number
    end_line: _Number
    end_column: _Number


class Waiver(msgspec.Struct, frozen=True):
    """Why the finding is accepted."""

    reason: str
    expires: Annotated[str, Meta(description="ISO date, inclusive, UTC.")]
    by: Annotated[str, Meta(description="`annotation`, `comment FILE:LINE` or `FILE:LINE` of a waiver file.")]


class FixStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a fix: write a value, give a key another name, or remove it."""

    path: Annotated[str, Meta(description="Path in the object; parents that are missing are made.")]
    value: Annotated[str | None, Meta(description="The text to write there.")] = None
    rename: Annotated[str | None, Meta(description="The name to give to the key there.")] = None
    remove: Annotated[bool, Meta(description="True where the key is to be removed.")] = False


class ReplacementEntry(msgspec.Struct, frozen=True):
    """Whole lines of a file and what to write instead of them."""

    file: str
    line: Annotated[int, Meta(ge=1, description="The first line that is replaced.")]
    end_line: Annotated[int, Meta(ge=1, description="The last line that is replaced, inclusive.")]
    text: Annotated[str, Meta(description="The new lines with their line breaks, as the file has them.")]


class FindingEntry(msgspec.Struct, frozen=True):
    """A policy's verdict about one subject at one place."""

    policy: str
    severity: _Severity
    message: str
    values: Annotated[dict[str, Any], Meta(description="The facts that the message is made of; bytes are integers.")]
    workload: Workload
    container: str | None
    container_type: Literal["app", "init", "sidecar", "ephemeral"] | None
    subject_type: SubjectType
    subject: Annotated[
        str, Meta(description="Name of the container or volume, key of a quota; else empty: the object itself.")
    ]
    file: Annotated[str | None, Meta(description="null, as the places are, for an object that came from no text.")]
    line: _Number | None
    column: _Number | None
    end_line: _Number | None
    end_column: _Number | None
    related: tuple[Related, ...]
    path: Annotated[str, Meta(description="Path in the object, also of a key that is missing.")]
    actual_bytes: Annotated[int | None, Meta(description="The number that is wrong, where the policy names one.")]
    expected_bytes: Annotated[int | None, Meta(description="The number that it is held against.")]
    fingerprint: Annotated[str, Meta(description="The finding's identity; made of names, never of lines or numbers.")]
    waived: Waiver | None
    baseline: Annotated[Literal["new", "unchanged"] | None, Meta(description="null without a baseline.")]
    fix: Annotated[tuple[FixStep, ...] | None, Meta(description="What the policy or history says to change.")]
    replacements: Annotated[
        tuple[ReplacementEntry, ...] | None,
        Meta(description="The fix as text; null where it cannot be written or makes another policy fire."),
    ]
    cluster: Annotated[str | None, Meta(description="The cluster of a live object; null for an object of a file.")]


class SkippedEntry(msgspec.Struct, frozen=True):
    """An input, or a part of one, that could not be judged."""

    file: Annotated[str | None, Meta(description="null for a part of a cluster.")]
    line: _Number | None
    column: _Number | None
    reason: str
    cluster: Annotated[str | None, Meta(description="The cluster that was not read whole; null for a file.")]


class Document(msgspec.Struct, frozen=True):
    """The result of one audit. New keys may appear within a version; a key never changes its meaning."""

    version: Literal["1"]
    tool: Tool
    kubernetes_version: str
    summary: Summary
    findings: Annotated[tuple[FindingEntry, ...], Meta(description="Sorted by file, line, column and policy.")]
    skipped: tuple[SkippedEntry, ...]
    notes: tuple[str, ...]


def render(report: Report) -> str:
    """Return the report as JSON that `schema()` describes."""
    counts = report.summary
    document = Document(
        version=VERSION,
        tool=Tool(TOOL_NAME, report.tool_version),
        kubernetes_version=report.kubernetes_version,
        summary=Summary(
            counts.objects,
            counts.workloads,
            counts.containers,
            counts.findings,
            counts.waived,
            counts.known,
            counts.skipped,
        ),
        findings=tuple(finding_entry(finding) for finding in report.findings),
        skipped=tuple(skipped_entry(item) for item in report.skipped),
        notes=report.notes,
    )
    return encode_json(document, indent=2) + "\n"


def schema() -> str:
    """Return the JSON Schema of the report; docs/report.schema.json holds it."""
    return schema_of(Document, f"{TOOL_NAME} report, version {VERSION}")


def schema_of(document: type[msgspec.Struct], title: str) -> str:
    """Return the JSON Schema of a document."""
    described = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **msgspec.json.schema(document),
    }
    return encode_json(described, indent=2) + "\n"


def finding_entry(finding: Finding) -> FindingEntry:
    """Return a finding as the report tells it."""
    place = finding.place
    ref = finding.workload
    waived = finding.waived
    return FindingEntry(
        policy=finding.policy,
        severity=finding.severity,  # type: ignore[arg-type]  # findings hold only words of SEVERITIES
        message=finding.message,
        values=finding.values,
        workload=Workload(ref.api_version, ref.kind, ref.namespace, ref.name),
        container=finding.container,
        container_type=finding.container_type,  # type: ignore[arg-type]
        subject_type=finding.subject_type,  # type: ignore[arg-type]
        subject=finding.subject,
        file=place.file if place else None,
        line=place.line if place else None,
        column=place.column if place else None,
        end_line=place.end_line if place else None,
        end_column=place.end_column if place else None,
        related=tuple(_related(other) for other in finding.related),
        path=finding.path,
        actual_bytes=finding.actual_bytes,
        expected_bytes=finding.expected_bytes,
        fingerprint=finding.fingerprint,
        waived=Waiver(waived.reason, waived.expires, waived.by) if waived else None,
        baseline=finding.baseline,  # type: ignore[arg-type]
        fix=None if finding.fix is None else tuple(_step(edit) for edit in finding.fix),
        replacements=None if finding.replacements is None else tuple(_lines(item) for item in finding.replacements),
        cluster=finding.cluster,
    )


def skipped_entry(item: Skipped) -> SkippedEntry:
    """Return what could not be judged as the report tells it."""
    return SkippedEntry(item.file or None, item.line, item.column, item.reason, item.cluster)


def _step(edit: Edit) -> FixStep:
    path = path_text(edit.path)
    if edit.op == "set":
        return FixStep(path, value=edit.value)
    return FixStep(path, rename=edit.value) if edit.op == "rename" else FixStep(path, remove=True)


def _lines(item: Replacement) -> ReplacementEntry:
    return ReplacementEntry(item.file, item.line, item.end_line, item.text)


def _related(place: Place) -> Related:
    return Related(place.file, place.line, place.column, place.end_line, place.end_column)
