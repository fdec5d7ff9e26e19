"""The findings as CSV: one row a finding, columns that stay; docs/csv.md describes them."""

import csv
import io
from collections.abc import Iterable, Sequence

from auditor.findings import Finding, Report
from auditor.reports.text import plain, status

COLUMNS = (
    "policy",
    "severity",
    "status",
    "cluster",
    "namespace",
    "kind",
    "name",
    "subject_type",
    "subject",
    "file",
    "line",
    "column",
    "path",
    "message",
    "actual_bytes",
    "expected_bytes",
    "fingerprint",
)

Cell = str | int | float | None

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render(report: Report) -> str:
    """Return the findings as CSV (RFC 4180), waived and known ones included."""
    return write_rows(COLUMNS, (finding_row(finding, status(finding)) for finding in report.findings))


def write_rows(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a header and rows as CSV: numbers as numbers, None as an empty cell, every text guarded."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return out.getvalue()


def _guarded(text: str) -> str:
    """Return the text on one line, with a leading apostrophe where a spreadsheet would take it for a formula."""
    return "'" + plain(text) if text.startswith(_FORMULA_STARTS) else plain(text)


def finding_row(finding: Finding, status: str) -> tuple[Cell, ...]:
    """Return a finding in the columns above."""
    place, workload = finding.place, finding.workload
    return (
        finding.policy,
        finding.severity,
        status,
        finding.cluster,
        workload.namespace,
        workload.kind,
        workload.name,
        finding.subject_type,
        finding.subject,
        place.file if place else None,
        place.line if place else None,
        place.column if place else None,
        finding.path,
        finding.message,
        finding.actual_bytes,
        finding.expected_bytes,
        finding.fingerprint,
    )
