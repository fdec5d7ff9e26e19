"""The report as Markdown, for a job summary or a comment: a summary, what was not judged, and a table of findings."""

import re

from auditor.findings import Finding, Report
from auditor.reports.text import (
    counted,
    encodable,
    judged,
    plain,
    skipped_where,
    subject_words,
    verdict,
    where_words,
    with_status,
    without_commands,
    workload_words,
    worst_first,
)

LIMIT = 1 << 20
"""GitHub takes a job summary of at most 1 MiB."""

_MAX_SKIPPED = 50
NOTE_ROOM = 300
"""Bytes kept free for the sentence that says how much is missing."""

_MARKUP = re.compile(r"([\\`*_{}\[\]()#|~!+\-])")
_REFERENCE = re.compile(r"#(?=\w)")
_BREAK = "&#8203;"
"""A zero-width space: it ends a mention, an issue number or an address that a name would otherwise become."""

HEADER = ("| Severity | Place | Workload | Subject | Finding | Policy |", "|---|---|---|---|---|---|")
_WAIVED_HEADER = (
    "| Severity | Place | Workload | Finding | Policy | Reason | Until |",
    "|---|---|---|---|---|---|---|",
)


def escaped(text: str) -> str:
    """Return untrusted text so that Markdown, HTML, mentions and links in it are letters, on one line."""
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = _MARKUP.sub(r"\\\1", safe)
    safe = _REFERENCE.sub(f"#{_BREAK}", safe)
    # NOTE: an entity for `@` would not do: GitHub looks for mentions after it has decoded entities.
    return safe.replace("@", f"@{_BREAK}").replace("://", f":{_BREAK}//").replace("www.", f"www{_BREAK}.")


def render(report: Report, *, limit: int = LIMIT) -> str:
    """Return the report as Markdown of at most `limit` bytes in UTF-8 (above 1,000), the worst findings first."""
    page = Page(limit - NOTE_ROOM)
    for line in ("## Memory audit", "", f"**{escaped(verdict(report))}**", "", judged(report), ""):
        page.add(line)
    bullets(page, "Not judged", _skipped(report))
    missing = table(
        page, "Findings", HEADER, [finding_row(finding) for finding in worst_first(with_status(report, "new"))]
    )
    waived = [_waived_row(finding) for finding in worst_first(with_status(report, "waived"))]
    missing += table(page, "Waived", _WAIVED_HEADER, waived)
    bullets(page, "Notes", [escaped(note) for note in report.notes])
    return page.text(missing, limit)


class Page:
    """Lines within a number of bytes."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self.cut = False
        self._room = room

    def add(self, line: str) -> bool:
        """Add a line and return True, or return False when it does not fit; later lines do not fit either."""
        size = len(line.encode("utf-8", "backslashreplace")) + 1
        if self.cut or size > self._room:
            self.cut = True
            return False
        self._room -= size
        self.lines.append(line)
        return True

    def text(self, missing: int, limit: int) -> str:
        """Return the page, with a last line that says how many rows are missing when it is cut."""
        lines = self.lines
        if missing or self.cut:
            what = counted(missing, "row") if missing else "Some lines"
            lines = [*lines, f"*This page is cut at {limit} bytes: {what} not shown. JSON and CSV hold all.*", ""]
        return without_commands(encodable("\n".join(lines)))


def bullets(page: Page, title: str, items: list[str]) -> None:
    """Add a list under a title; nothing when it is empty."""
    if items:
        for line in (f"### {title}", "", *(f"- {item}" for item in items), ""):
            page.add(line)


def table(page: Page, title: str, header: tuple[str, ...], rows: list[str]) -> int:
    """Add a table and return how many of its rows did not fit."""
    if not rows:
        return 0
    for line in (f"### {title}", "", *header):
        page.add(line)
    added = sum(page.add(row) for row in rows)
    page.add("")
    return len(rows) - added


def _skipped(report: Report) -> list[str]:
    items = [f"{escaped(skipped_where(item))}: {escaped(item.reason)}" for item in report.skipped]
    if len(items) > _MAX_SKIPPED:
        more = len(items) - _MAX_SKIPPED
        items = [*items[:_MAX_SKIPPED], f"and {more} more"]
    return items


def finding_row(finding: Finding) -> str:
    """Return a finding as a row of the table of findings."""
    cells = (
        f"**{finding.severity}**",
        escaped(_place(finding)),
        escaped(workload_words(finding.workload)),
        escaped(subject_words(finding)),
        escaped(finding.message),
        escaped(finding.policy),
    )
    return f"| {' | '.join(cells)} |"


def _waived_row(finding: Finding) -> str:
    reason, expires = (finding.waived.reason, finding.waived.expires) if finding.waived else ("", "")
    cells = (
        finding.severity,
        escaped(_place(finding)),
        escaped(workload_words(finding.workload)),
        escaped(f"{subject_words(finding)}: {finding.message}"),
        escaped(finding.policy),
        escaped(reason),
        escaped(expires),
    )
    return f"| {' | '.join(cells)} |"


def _place(finding: Finding) -> str:
    return where_words(finding) if finding.place or finding.cluster else ""
