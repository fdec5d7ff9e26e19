"""What the report formats share: safe text, widths, words for findings, counts, JSON encoding."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from auditor.findings import SEVERITIES, Finding, Report, Skipped, WorkloadRef, severity_rank
from auditor.kube.humane import format_bytes
from auditor.kube.paths import path_text

TOOL_NAME = "kube-memory-auditor"

LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
"""Severity to the three levels that SARIF, JUnit and workflow commands know."""

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_COMMAND_AT_LINE_START = re.compile(r"^(\s*)::", re.MULTILINE)
_OLD_COMMAND = "##["
_INVISIBLE = ("Mn", "Me", "Cf")


def plain(text: str) -> str:
    """Return the text on one line, with every character that is not printable written as an escape.

    Names and messages come from untrusted manifests: an escape sequence must not reach a terminal, nor a right-to-left
    mark turn a line around, nor a lone surrogate end the run when the report is encoded.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    known = _ESCAPES.get(char)
    if known:
        return known
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def without_commands(text: str) -> str:
    """Return the text for a log, with no line that a CI runner would take as a command.

    GitHub's runner trims a line and obeys it when it starts with `::`, and obeys `##[` anywhere; a manifest's name must
    not get there.
    """
    if "::" in text:
        text = _COMMAND_AT_LINE_START.sub(r"\1\\::", text)
    return text.replace(_OLD_COMMAND, "##\\[")


def display_width(text: str) -> int:
    """Return how many cells of a terminal the text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.category(char) in _INVISIBLE:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, width: int) -> str:
    """Return the text with spaces up to a width in cells; longer text stays whole."""
    return text + " " * (width - display_width(text))


def columns(table: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table, its header among them, as indented lines in which columns stand below each other."""
    widths = [max(display_width(row[column]) for row in table) for column in range(len(table[0]))]
    return ["  " + "  ".join(map(pad, row, widths)).rstrip() for row in table]


def wrap(text: str, width: int) -> list[str]:
    """Return the text in lines of at most `width` cells (2 or more), broken at spaces and inside longer words."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        candidate = f"{line} {word}" if line else word
        if display_width(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        *full, line = _chop(word, width)
        lines.extend(full)
    return [*lines, line]


def _chop(word: str, width: int) -> list[str]:
    pieces = [""]
    cells = 0
    for char in word:
        size = _cells(char)
        if cells + size > width:
            pieces.append("")
            cells = 0
        pieces[-1] += char
        cells += size
    return pieces


def status(finding: Finding) -> str:
    """`waived`, `known` (the baseline holds it) or `new`; a waived finding is waived also when it is known."""
    if finding.waived is not None:
        return "waived"
    return "known" if finding.baseline == "unchanged" else "new"


def with_status(report: Report, wanted: str) -> list[Finding]:
    """Return the report's findings of one status, in its order."""
    return [finding for finding in report.findings if status(finding) == wanted]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings by severity, worst first; equals keep their order."""
    return sorted(findings, key=lambda finding: severity_rank(finding.severity))


def workload_words(workload: WorkloadRef) -> str:
    """`Deployment team-a/web`; without the namespace when nobody says it."""
    name = workload.name or "(no name)"
    return f"{workload.kind} {name if workload.namespace is None else f'{workload.namespace}/{name}'}"


def subject_words(finding: Finding) -> str:
    """`container app`, `init container migrate`, `sidecar proxy`, `volume cache`, `pod`, `quota limits.memory` ..."""
    if finding.subject_type not in ("container", "volume"):
        return f"{finding.subject_type} {finding.subject}".strip()
    kind = finding.subject_type
    if finding.container_type == "sidecar":
        kind = "sidecar"
    elif finding.container_type in ("init", "ephemeral"):
        kind = f"{finding.container_type} {kind}"
    return f"{kind} {finding.subject or '(no name)'}"


def finding_words(finding: Finding) -> str:
    """`Deployment team-a/web, container app: no memory limit`; of a cluster its name before that."""
    words = f"{workload_words(finding.workload)}, {subject_words(finding)}: {finding.message}"
    return words if finding.cluster is None else f"cluster {finding.cluster}: {words}"


def place_words(file: str, line: int | None, column: int | None) -> str:
    """`file:line:column`, as far as it is known."""
    return ":".join(str(part) for part in (file, line, column) if part is not None)


NO_FILE = "(no file)"


def group_words(finding: Finding) -> str:
    """Return the file that a finding is in, or its cluster: `cluster prod`."""
    if finding.cluster is not None:
        return f"cluster {finding.cluster}"
    return finding.place.file if finding.place else NO_FILE


def where_words(finding: Finding) -> str:
    """Where a finding is: `file:line:column`, or the cluster and the path in its object."""
    if finding.place is not None:
        return place_words(finding.place.file, finding.place.line, finding.place.column)
    return finding.path if finding.cluster is None else f"{group_words(finding)}: {finding.path}"


def skipped_where(item: Skipped) -> str:
    """Where an input is that could not be judged: `file:line:column`, or `cluster prod`."""
    return place_words(item.file, item.line, item.column) if item.cluster is None else f"cluster {item.cluster}"


def skipped_words(item: Skipped) -> str:
    """Where and why an input could not be judged, on one line."""
    return f"{plain(skipped_where(item))}: {plain(item.reason)}"


def bytes_words(value: int | None) -> str:
    """`512Mi`, or `-` for what is absent."""
    return "-" if value is None else format_bytes(value)


def waiver_words(finding: Finding) -> str:
    """Why a finding is accepted, and until when; empty when it is not waived."""
    if finding.waived is None:
        return ""
    return f"waived until {finding.waived.expires} by {finding.waived.by}: {finding.waived.reason}"


def fix_words(finding: Finding) -> str:
    """Return what a fix changes: `spec.containers[0].resources.limits.memory = 512Mi`; empty without one."""
    forms = {"set": "{path} = {value}", "rename": "{path} is named {value}", "remove": "{path} is removed"}
    steps = [forms[edit.op].format(path=path_text(edit.path), value=edit.value) for edit in finding.fix or ()]
    return plain(", ".join(steps))


def counted(number: int, noun: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def is_complete(report: Report) -> bool:
    """Whether everything could be judged and there was an object to judge: what exit code 3 denies."""
    return not report.skipped and report.summary.objects > 0


def verdict(report: Report) -> str:
    """One sentence: how many findings there are, or that it is clean, or why nothing can be said."""
    summary = report.summary
    total = sum(summary.findings.values())
    if total:
        worst = ", ".join(f"{summary.findings[name]} {name}" for name in SEVERITIES if summary.findings.get(name))
        return f"{counted(total, 'finding')}: {worst}"
    if report.skipped:
        return f"No findings, but incomplete: {counted(summary.skipped, 'input')} could not be judged."
    if summary.objects == 0:
        return "Nothing to judge: no Kubernetes object was read."
    if summary.workloads == 0:
        return f"No findings: there is no workload among {counted(summary.objects, 'object')}."
    return f"Clean: no {'new ' if summary.known else ''}findings against {_policies(report)}."


def _policies(report: Report) -> str:
    number = len(report.rules)
    return f"{number} {'policy' if number == 1 else 'policies'} for Kubernetes {report.kubernetes_version}"


def judged(report: Report) -> str:
    """Return the counts of what was judged and what was set aside, and the time when it is known."""
    summary = report.summary
    parts = [
        counted(summary.objects, "object"),
        counted(summary.workloads, "workload"),
        counted(summary.containers, "container"),
        f"{summary.waived} waived",
        f"{summary.known} known",
        f"{summary.skipped} skipped",
    ]
    if report.seconds is not None:
        parts.append(f"{report.seconds:.2f} s")
    return " · ".join(parts)


def encode_json(value: Any, *, indent: int = 0) -> str:
    r"""Return the value as JSON; `indent` 0 is compact. Lone surrogates become escapes that any reader takes.

    A file name that is not UTF-8, or a `\ud800` in a YAML string, reaches Python as a lone surrogate; JSON in UTF-8
    cannot hold one.
    """
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_encodable(msgspec.to_builtins(value)))
    if indent:
        encoded = msgspec.json.format(encoded, indent=indent)
    return encoded.decode()


def encodable(text: str) -> str:
    """Return the text with lone surrogates written as escapes, so that it has an UTF-8 form."""
    return text.encode("utf-8", "backslashreplace").decode()


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value
