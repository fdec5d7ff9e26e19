"""`auditor usage pull`: collects the days that a table lacks from a server with the Prometheus API."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.common import KEEP, exit_code, keep_days
from auditor.cli.progress import LateBar
from auditor.reports.text import plain

if TYPE_CHECKING:
    from auditor.usage.prometheus import Progress, PullConfig, PullResult

_SHOWN = 20
TOKEN_VARIABLE = "AUDITOR_PROMETHEUS_TOKEN"  # noqa: S105 - the name of a variable
PASSWORD_VARIABLE = "AUDITOR_PROMETHEUS_PASSWORD"  # noqa: S105 - the name of a variable


@click.command()
@click.option("--prometheus", "url", required=True, metavar="URL", help="Root of a Prometheus API, without /api/v1.")
@click.option("--window", default="14d", show_default=True, metavar="DAYS", help="Whole days before today, in UTC.")
@click.option("--to", "folder", default="history", show_default=True, metavar="FOLDER", help="The table's folder.")
@click.option(
    "--token-file", metavar="FILE", help=f"Bearer token, read at each request. [or the variable {TOKEN_VARIABLE}]"
)
@click.option("--user", metavar="NAME", help=f"User of basic authentication; the password is in {PASSWORD_VARIABLE}.")
@click.option("--certificate", metavar="FILE", help="Client certificate (PEM).")
@click.option("--key", metavar="FILE", help="Key of the certificate (PEM).")
@click.option("--ca", metavar="FILE", help="Authorities to trust instead of the system's (PEM).")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="Header of each request; VALUE may be @FILE."
)
@click.option("--cluster", metavar="NAME", help="The cluster's name in the table. [default: its label's value]")
@click.option("--cluster-label", metavar="LABEL=VALUE", help="Which cluster of a shared store.")
@click.option(
    "--workers", default=4, show_default=True, type=click.IntRange(1, 32), metavar="N", help="Requests at once."
)
@click.option(
    "--timeout", default=60, show_default=True, type=click.IntRange(1, 3600), metavar="SECONDS", help="Of one query."
)
@KEEP
def pull(**arguments: Any) -> int:
    """Collect the days of history that a table lacks.

    Exit codes: 0, 2 wrong use, 3 something could not be had: the next pull asks for it again.
    """
    from auditor.usage.errors import UsageError
    from auditor.usage.prometheus import pull as collect

    try:
        config = config_of(arguments, os.environ)
        with _Bar() as bar:
            result = collect(config, Path(arguments["folder"]), now=datetime.now(UTC), progress=bar.show)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    click.echo(summary(result), nl=False)
    keep_days(arguments["folder"], arguments["keep"])
    for item in result.skipped:
        click.echo(f"{plain(item.file)}: skipped: {plain(item.reason)}", err=True)
    return exit_code(failed=False, complete=not result.skipped)


def config_of(arguments: dict[str, Any], environment: "os._Environ[str] | dict[str, str]") -> "PullConfig":
    """Return what the options ask for. Raises click.UsageError for a wrong one."""
    from auditor.usage.prometheus import PullConfig, Secret

    label, _, value = (arguments["cluster_label"] or "").partition("=")
    if arguments["cluster_label"] and not (label and value):
        raise click.UsageError(f"--cluster-label {arguments['cluster_label']}: must be LABEL=VALUE")
    token, password = environment.get(TOKEN_VARIABLE), environment.get(PASSWORD_VARIABLE)
    if arguments["user"] is not None and password is None:
        raise click.UsageError(f"--user {arguments['user']}: its password must be in the variable {PASSWORD_VARIABLE}")
    is_elsewhere = arguments["token_file"] is not None or arguments["user"] is not None
    return PullConfig(
        url=arguments["url"],
        token=Secret(token) if token and not is_elsewhere else None,
        token_file=_path(arguments["token_file"]),
        username=arguments["user"],
        password=Secret(password) if password is not None and arguments["user"] is not None else None,
        client_certificate=_path(arguments["certificate"]),
        client_key=_path(arguments["key"]),
        ca_file=_path(arguments["ca"]),
        verify=not arguments["insecure"],
        headers=tuple(_header(text) for text in arguments["headers"]),
        cluster=arguments["cluster"] or "",
        cluster_label=label,
        cluster_value=value,
        window_days=_days(arguments["window"]),
        workers=arguments["workers"],
        query_timeout_seconds=arguments["timeout"],
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _days(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,3})(d|w)", text, re.ASCII)
    if found is None:
        raise click.UsageError(f"--window {text}: must be days or weeks, such as 14d or 2w")
    return int(found[1]) * (7 if found[2] == "w" else 1)


def _header(text: str) -> "tuple[str, Any]":
    from auditor.usage.prometheus import Secret

    name, sign, value = text.partition("=")
    if not name or not sign:
        raise click.UsageError(f"--header {name}: must be NAME=VALUE or NAME=@FILE")
    if value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise click.UsageError(f"--header {name}: the file {value[1:]} cannot be read") from None
    return name, Secret(value)


def summary(result: "PullResult") -> str:
    """Return what a pull did, for people."""
    days = f"{len(result.days_written)} of {len(result.days_wanted)} missing days written"
    lines = [
        f"{days}, {result.rows} rows of {result.containers} containers",
        f"{result.requests} requests, {_mib(result.received_bytes)} MiB received, {result.seconds:.1f} s",
    ]
    if result.coverage_ratio is not None and result.interval_seconds is not None:
        lines.append(
            f"a scrape every {result.interval_seconds:g} s, mean coverage of a row {result.coverage_ratio:.0%}"
        )
    for days_of, words in ((result.days_empty, "without samples"), (result.days_incomplete, "incomplete")):
        if days_of:
            more = f" and {len(days_of) - _SHOWN} more" if len(days_of) > _SHOWN else ""
            lines.append(f"{words}: {', '.join(str(day) for day in days_of[:_SHOWN])}{more}")
    lines += [f"note: {note}" for note in result.notes]
    return "".join(f"{line}\n" for line in lines)


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f}"


class _Bar(LateBar):
    """Shows how far the pull is."""

    def columns(self) -> Sequence[Any]:
        """Return a spinner, a bar, the number of requests and what is asked."""
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn

        step = TextColumn("{task.description}", markup=False)
        return SpinnerColumn(), BarColumn(), MofNCompleteColumn(), step

    def show(self, progress: "Progress") -> None:
        """Show how far the pull is."""
        self.update(completed=progress.done, total=progress.total or None, description=progress.step)
