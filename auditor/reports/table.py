"""The report for a terminal: grouped by file and workload, in colour, wrapped to the width."""

# NOTE: plain ANSI sequences, not rich: importing rich takes 60 ms and more of the 400 ms that one file may take, its
# layout of 40,000 findings takes many seconds, and untrusted text must not meet a markup language.

from auditor.findings import Finding, Report, severity_rank
from auditor.reports.layout import advice_lines, by_file_and_workload, note_lines, skipped_lines
from auditor.reports.text import (
    display_width,
    is_complete,
    judged,
    pad,
    plain,
    subject_words,
    verdict,
    waiver_words,
    with_status,
    without_commands,
    workload_words,
    wrap,
)

RESET = "\x1b[0m"
STYLES = {
    "critical": "\x1b[1;97;41m",
    "high": "\x1b[1;31m",
    "medium": "\x1b[33m",
    "low": "\x1b[36m",
    "info": "\x1b[34m",
    "bold": "\x1b[1m",
    "file": "\x1b[1;4m",
    "dim": "\x1b[2m",
    "good": "\x1b[32m",
}
_SEVERITY_WIDTH = len("critical")
_NARROWEST = 40
"""Below this many cells the columns leave no room for words, and lines run over the edge instead."""


def render(report: Report, *, width: int = 100, colour: bool = True) -> str:
    """Return the report as a table of at most `width` cells; waived findings are dim and at the end."""
    # One cell stays free for the backslash before a line that a CI runner would obey.
    pen = _Pen(colour=colour, width=max(width, _NARROWEST) - 1)
    lines = _findings(with_status(report, "new"), pen)
    waived = _findings(with_status(report, "waived"), pen)
    lines += _list("What to do", advice_lines(report), "dim", pen)
    lines += [pen.style("bold", "Waived"), "", *waived] if waived else []
    lines += _list("Not judged", skipped_lines(report), "high", pen)
    lines += _list("Notes", note_lines(report), "dim", pen)
    lines += [*_verdict(report, pen), *(pen.style("dim", line) for line in wrap(judged(report), pen.width)), ""]
    return without_commands("\n".join(lines))


def _words(text: str) -> str:
    """Return untrusted text as one safe line, made safe before it is wrapped, so that the width holds."""
    return without_commands(plain(text))


class _Pen:
    """Knows the width, and whether there is colour."""

    def __init__(self, *, colour: bool, width: int) -> None:
        self._colour = colour
        self.width = width

    def style(self, name: str, text: str) -> str:
        return f"{STYLES[name]}{text}{RESET}" if self._colour and text else text


def _findings(findings: list[Finding], pen: _Pen) -> list[str]:
    lines: list[str] = []
    for file, workloads in by_file_and_workload(findings).items():
        lines += [pen.style("file", part) for part in wrap(_words(file), pen.width)]
        for workload, members in workloads.items():
            heading = _words(f"{workload_words(workload)} ({workload.api_version})")
            lines += ["  " + pen.style("bold", part) for part in wrap(heading, pen.width - 2)]
            place_width = max(len(_place(finding)) for finding in members)
            for finding in members:
                lines += _rows(finding, place_width, pen)
        lines.append("")
    return lines


def _rows(finding: Finding, place_width: int, pen: _Pen) -> list[str]:
    """Return the lines of one finding: place, severity and message, then dim its subject, its policy and its waiver."""
    indent = 4 + place_width + 2 + _SEVERITY_WIDTH + 2
    # A narrow terminal gets the words below the place, not beside it.
    beside = indent + 20 <= pen.width
    hang = " " * (indent if beside else 6)
    room = pen.width - len(hang)
    severity = pen.style("dim" if finding.waived else finding.severity, finding.severity)
    head = f"    {pad(_place(finding), place_width)}  {severity}"
    message = wrap(_words(finding.message), room)
    at = f" · {finding.path}" if finding.cluster is not None and finding.path else ""
    details = wrap(_words(f"{subject_words(finding)} · {finding.policy}{at}"), room)
    details += wrap(_words(waiver_words(finding)), room) if finding.waived else []
    if beside:
        first, *message = message
        head += " " * (_SEVERITY_WIDTH - len(finding.severity) + 2) + _muted(first, finding, pen)
    rows = [head, *(hang + _muted(line, finding, pen) for line in message)]
    return [*rows, *(hang + pen.style("dim", line) for line in details)]


def _muted(text: str, finding: Finding, pen: _Pen) -> str:
    return pen.style("dim", text) if finding.waived else text


def _place(finding: Finding) -> str:
    return f"{finding.place.line}:{finding.place.column}" if finding.place else ""


def _list(title: str, items: list[str], style: str, pen: _Pen) -> list[str]:
    if not items:
        return []
    lines = [pen.style(style if style != "dim" else "bold", title)]
    for item in items:
        first, *rest = wrap(without_commands(item), pen.width - 4)
        lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    return [*lines, ""]


def _verdict(report: Report, pen: _Pen) -> list[str]:
    counts = {name: number for name, number in report.summary.findings.items() if number}
    if counts:
        style = min(counts, key=severity_rank)
        style = "high" if style == "critical" else style
    else:
        style = "good" if is_complete(report) else "medium"
    rule = "─" * min(pen.width, max(display_width(verdict(report)), display_width(judged(report))))
    return [pen.style("dim", rule), *(pen.style(style, line) for line in wrap(verdict(report), pen.width))]
