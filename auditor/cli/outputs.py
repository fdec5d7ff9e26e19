"""Writing the reports that a command was asked for."""

import shutil
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from auditor.cli.common import Output, write_output
from auditor.reports import FORMATS


def needs_records(outputs: Sequence[Output]) -> bool:
    """Return whether a report needs the facts of every workload."""
    return any(output.format == "csv-inventory" for output in outputs)


def needs_replacements(outputs: Sequence[Output]) -> bool:
    """Return whether a report tells fixes as lines of their files."""
    return any(output.format in ("json", "sarif") for output in outputs)


def write_reports(outputs: Sequence[Output], audit: Any, seconds: float) -> None:
    """Write the reports of an `Audit` that took so long. Raises click.UsageError for a file that cannot be written."""
    report = msgspec.structs.replace(audit.report, seconds=seconds)
    for output in outputs:
        write_output(output, _render(output, report, audit.records))


def _render(output: Output, report: Any, records: Any) -> str:
    render = FORMATS[output.format]
    if output.format == "csv-inventory":
        return render(records)
    if output.format == "table":
        if output.path is None and sys.stdout.isatty():
            return render(report, width=shutil.get_terminal_size().columns, colour=True)
        return FORMATS["text"](report)
    if output.format != "text":
        # Reports are the same bytes for the same inputs; only the table tells the time.
        report = msgspec.structs.replace(report, seconds=None)
    return render(report)
