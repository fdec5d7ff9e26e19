"""The comparison for a terminal or a log: the sentence, memory, new and fixed findings, what was not judged."""

from collections.abc import Sequence

from auditor.diff.model import Diff
from auditor.findings import Finding
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
from auditor.reports.table import RESET, STYLES
from auditor.reports.text import columns, encodable, plain, subject_words, where_words, without_commands, worst_first
from auditor.reports.text import workload_words as whose


def render(diff: Diff, *, width: int = 0, colour: bool = False) -> str:  # noqa: ARG001 - lines of a table are not broken
    """Return the comparison as text; names in it cannot be commands or escape sequences."""
    lines = [_bold(plain(diff.sentence), colour=colour), plain(sides(diff)), ""]
    lines += _block("Memory", ("", "Before", "After", "Change"), totals(diff), colour=colour)
    history = has_history(diff)
    header = (*CHANGE_COLUMNS, *HISTORY_COLUMNS) if history else CHANGE_COLUMNS
    cells = [change_cells(change, history=history) for change in diff.memory.workloads]
    lines += _block("Workloads", header, cells, colour=colour)
    title = "New and unchanged findings" if diff.count_all else "New findings"
    lines += _findings(title, shown_findings(diff), colour=colour)
    lines += _findings("Fixed findings", worst_first(diff.fixed), colour=colour)
    for name, items in lists(diff):
        if items:
            lines += [_bold(name, colour=colour), *(f"  - {plain(item)}" for item in items), ""]
    lines += [_bold(plain(verdict(diff)), colour=colour), ""]
    return without_commands(encodable("\n".join(lines)))


def _block(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, colour: bool) -> list[str]:
    if not rows:
        return []
    safe = [[plain(cell) for cell in row] for row in rows]
    return [_bold(title, colour=colour), *columns([header, *safe]), ""]


def _findings(title: str, findings: Sequence[Finding], *, colour: bool) -> list[str]:
    if not findings:
        return []
    lines = [_bold(title, colour=colour)]
    for finding in findings:
        place = plain(where_words(finding))
        severity = f"{STYLES[finding.severity]}{finding.severity}{RESET}" if colour else finding.severity
        subject = f"{whose(finding.workload)}, {subject_words(finding)}"
        lines += [
            f"  {place}  {severity}  {plain(finding.message)}",
            f"      {plain(subject)} · {plain(finding.policy)}",
        ]
    return [*lines, ""]


def _bold(text: str, *, colour: bool) -> str:
    return f"{STYLES['bold']}{text}{RESET}" if colour else text
