"""`auditor usage`: collects history, imports it, shows it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli.common import Output, exit_code, write_output
from auditor.cli.options import days_of
from auditor.cli.usage_import import cgroup, import_
from auditor.cli.usage_pull import pull
from auditor.reports.text import plain

if TYPE_CHECKING:
    from auditor.usage.aggregate_model import Aggregate


@click.group()
def usage() -> None:
    """Collect, import and show the history of memory use."""


usage.add_command(pull)
usage.add_command(import_)
usage.add_command(cgroup)


@usage.command()
@click.argument("table", type=click.Path(path_type=Path), metavar="TABLE")
@click.option(
    "--workload", "workloads", multiple=True, metavar="[NAMESPACE/][KIND/]NAME", help="Only these; repeatable."
)
@click.option(
    "--window", default="14d", show_default=True, metavar="DAYS", help="Days up to the last one of the table."
)
@click.option("--cluster", metavar="NAME", help="Only this cluster.")
@click.option(
    "--engine", type=click.Choice(("duckdb", "spark")), default="duckdb", show_default=True, help="Adds it up."
)
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write a page with a picture.")
def show(  # noqa: PLR0913, PLR0917 - its options
    table: Path, workloads: Sequence[str], window: str, cluster: str | None, engine: str, page: Path | None
) -> int:
    """Show what a table of history says: numbers, and the peak of each day.

    Exit codes: 0, 2 wrong use, 3 something could not be read.
    """
    from auditor.reports.usage import Shown, render_html, render_text
    from auditor.usage.aggregate import aggregate
    from auditor.usage.history import window_of
    from auditor.usage.statistics import facts

    today, length = datetime.now(UTC).date(), days_of(window)
    since, last = window_of(table, today=today, window_days=length, cluster=cluster)
    found, skipped = aggregate(table, since=since, until=last, cluster=cluster, engine=engine, today=today)
    items = [
        Shown(item, facts(item, window_days=length))
        for item in found
        if not workloads or any(_is(text, item) for text in workloads)
    ]
    click.echo(render_text(items), nl=False)
    if page is not None:
        write_output(Output("html", page), render_html(items))
    for item in skipped:
        click.echo(f"not read: {plain(item.file)}: {plain(item.reason)}", err=True)
    missing = [text for text in workloads if not any(_is(text, item) for item in found)]
    for text in missing:
        click.echo(f"{table}: no history of {text} from {since} to {last}", err=True)
    return exit_code(failed=False, complete=bool(items) and not skipped and not missing)


def _is(text: str, item: "Aggregate") -> bool:
    """Return whether a container is of the workload that `[NAMESPACE/][KIND/]NAME` names."""
    names, parts = (item.namespace, item.workload_kind, item.workload_name), tuple(text.split("/"))
    return names[-len(parts) :] == parts or (len(parts) == 2 and (names[0], names[2]) == parts)
