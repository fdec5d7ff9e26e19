"""`auditor scan`: audits manifests."""

import time
from typing import Any

import click

from auditor.cli.common import exit_code, parse_outputs, run_audit
from auditor.cli.options import audit_options, report_options
from auditor.cli.outputs import needs_records, needs_replacements, write_reports
from auditor.reports import FORMATS


@click.command()
@audit_options
@report_options(tuple(FORMATS))
@click.option("--complete", is_flag=True, help="The input is a whole cluster: what is missing in it is missing.")
def scan(**arguments: Any) -> int:
    """Audit manifests: files, folders, snapshots of clusters, or - for standard input.

    Exit codes: 0 clean, 1 findings at or above --fail-on, 2 wrong use, 3 something could not be judged.
    """
    outputs = parse_outputs(arguments["outputs"], tuple(FORMATS), quiet=arguments["quiet"])
    started = time.monotonic()
    more = {"baseline": arguments["baseline"], "complete": arguments["complete"]}
    told = {"keep_records": needs_records(outputs), "replacements": needs_replacements(outputs)}
    audit = run_audit(arguments, **told, **more)
    write_reports(outputs, audit, time.monotonic() - started)
    fail_on = arguments["fail_on"] or audit.fail_on or "medium"
    return exit_code(failed=audit.failed(fail_on), complete=audit.complete)
