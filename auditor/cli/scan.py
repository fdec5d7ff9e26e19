"""`auditor scan`: audits manifests."""

import shutil
import sys
import time
from typing import Any

import click
import msgspec

from auditor.cli.common import FAIL_ON, Output, audit_options, exit_code, parse_outputs, run_audit, write_output
from auditor.reports import FORMATS


@click.command()
@audit_options
@click.option("--baseline", metavar="FILE", help="Findings that are known; only new ones count.")
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON), help="Lowest severity that makes the exit code 1. [default: medium]"
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT[=PATH]",
    help=f"Report to write; repeatable. Formats: {', '.join(FORMATS)}.",
)
@click.option("--complete", is_flag=True, help="The input is a whole cluster: what is missing in it is missing.")
@click.option("--quiet", is_flag=True, help="No table on standard output when reports go to files.")
def scan(**arguments: Any) -> int:
    """Audit manifests: files, folders, or - for standard input.

    Exit codes: 0 clean, 1 findings at or above --fail-on, 2 wrong use, 3 something could not be judged.
    """
    outputs = parse_outputs(arguments["outputs"], tuple(FORMATS), quiet=arguments["quiet"])
    started = time.monotonic()
    inventory = any(output.format == "csv-inventory" for output in outputs)
    more = {"baseline": arguments["baseline"], "complete": arguments["complete"]}
    audit = run_audit(arguments, keep_records=inventory, **more)
    report = msgspec.structs.replace(audit.report, seconds=time.monotonic() - started)
    for output in outputs:
        write_output(output, _render(output, report, audit.records))
    fail_on = arguments["fail_on"] or audit.fail_on or "medium"
    return exit_code(failed=audit.failed(fail_on), complete=audit.complete)


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
