"""`auditor baseline`: accepts today's findings, so that only new ones fail."""

from pathlib import Path
from typing import Any

import click

from auditor.cli.common import Output, exit_code, run_audit, write_output
from auditor.cli.options import audit_options
from auditor.reports.text import skipped_words


@click.group()
def baseline() -> None:
    """Accept today's findings, so that only new ones fail."""


@baseline.command()
@audit_options
@click.option(
    "--to", "target", default=".auditor-baseline.json", metavar="FILE", show_default=True, help="File to write."
)
def write(**arguments: Any) -> int:
    """Audit and write every finding that is not waived to a baseline file.

    Exit codes: 0, 2 wrong use, 3 something could not be judged.
    """
    from auditor.baseline import write_baseline

    target = Path(arguments["target"])
    if not target.parent.is_dir():
        raise click.UsageError(f"--to {target}: there is no folder {target.parent}")
    audit = run_audit(arguments)
    write_output(Output("baseline", target), write_baseline(audit.report.findings))
    kept = sum(finding.waived is None for finding in audit.report.findings)
    click.echo(f"wrote {kept} findings to {target}", err=True)
    for item in audit.report.skipped:
        click.echo(f"skipped: {skipped_words(item)}", err=True)
    return exit_code(failed=False, complete=audit.complete)
