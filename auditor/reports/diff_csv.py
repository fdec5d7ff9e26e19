"""The comparison as CSV: one row a finding of HEAD, then one for each that is fixed; docs/diff.md describes it."""

from auditor.diff.model import Diff
from auditor.reports.csv import COLUMNS, Cell, finding_row, write_rows

MORE = ("was", "on_changed_line")


def render(diff: Diff) -> str:
    """Return the findings as CSV (RFC 4180): the columns of an audit, then the severity before, and 1 or 0."""
    rows: list[tuple[Cell, ...]] = [
        (*finding_row(item.finding, item.status), item.was, _flag(item.on_changed_line)) for item in diff.findings
    ]
    rows += [(*finding_row(finding, "fixed"), None, None) for finding in diff.fixed]
    return write_rows((*COLUMNS, *MORE), rows)


def _flag(value: bool | None) -> int | None:  # noqa: FBT001 - a value of three
    return None if value is None else int(value)
