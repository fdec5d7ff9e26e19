"""`auditor facts`: what the auditor knows, without a verdict."""

from typing import Any

import click

from auditor.cli.common import exit_code, run_audit, write_output
from auditor.cli.common import parse_outputs as _parse_outputs
from auditor.cli.options import audit_options


@click.command()
@audit_options
@click.option(
    "--output", "outputs", multiple=True, metavar="FORMAT[=PATH]", help="table (default) or json, a record a line."
)
@click.option("--node", metavar="NAME", help="Tell the facts as they are on this Node of the input.")
def facts(**arguments: Any) -> int:
    """Show the effective memory of each pod, and why.

    Exit codes: 0, 2 wrong use, 3 something could not be judged.
    """
    from auditor.reports.facts import render_json, render_table

    outputs = _parse_outputs(arguments["outputs"], ("table", "json"), quiet=False)
    audit = run_audit(arguments, keep_records=True, node=arguments["node"])
    for output in outputs:
        render = render_json if output.format == "json" else render_table
        write_output(output, render(audit.records, audit.report.skipped))
    return exit_code(failed=False, complete=audit.complete)
