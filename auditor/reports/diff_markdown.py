"""The comparison as Markdown, for a step summary or a comment: escaped, and cut at a number of bytes."""

from collections.abc import Sequence

from auditor.diff.model import Diff
from auditor.reports.diff import (
    CHANGE_COLUMNS,
    HISTORY_COLUMNS,
    change_cells,
    has_history,
    lists,
    shown_findings,
    sides,
    totals,
    verdict,
)
from auditor.reports.markdown import HEADER, LIMIT, NOTE_ROOM, Page, bullets, escaped, finding_row, table
from auditor.reports.text import counted, worst_first

_MAX_LISTED = 50


def render(diff: Diff, *, limit: int = LIMIT) -> str:
    """Return the comparison as Markdown of at most `limit` bytes in UTF-8 (above 1,000)."""
    page = Page(limit - NOTE_ROOM)
    top = (f"**{escaped(diff.sentence)}**", "", escaped(verdict(diff)), "", _sides(diff), "")
    for line in ("## Memory audit of this change", "", *top):
        page.add(line)
    listed = dict(lists(diff))
    bullets(page, "Not judged", _bounded(listed.pop("Not judged")))
    missing = _sums(page, diff)
    title = "New and unchanged findings" if diff.count_all else "New findings"
    missing += table(page, title, HEADER, [finding_row(finding) for finding in shown_findings(diff)])
    missing += _workloads(page, diff)
    missing += table(page, "Fixed findings", HEADER, [finding_row(finding) for finding in worst_first(diff.fixed)])
    for title, items in listed.items():
        bullets(page, title, _bounded(items))
    return page.text(missing, limit)


def _sides(diff: Diff) -> str:
    counts = f"{counted(diff.files_changed, 'file')} and {counted(len(diff.memory.workloads), 'workload')} changed"
    return f"{escaped(sides(diff))} · {counts}"


def _bounded(items: Sequence[str]) -> list[str]:
    lines = [escaped(item) for item in items]
    more = len(lines) - _MAX_LISTED
    return [*lines[:_MAX_LISTED], f"and {more} more"] if more > 0 else lines


def _sums(page: Page, diff: Diff) -> int:
    header = ("| | Before | After | Change |", "|---|---:|---:|---:|")
    return table(page, "Memory", header, [_line(row) for row in totals(diff)])


def _workloads(page: Page, diff: Diff) -> int:
    history = has_history(diff)
    columns = (*CHANGE_COLUMNS, *HISTORY_COLUMNS) if history else CHANGE_COLUMNS
    header = (f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}")
    rows = [_line(change_cells(change, history=history)) for change in diff.memory.workloads]
    return table(page, "Workloads", header, rows)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"
