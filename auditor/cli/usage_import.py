"""`auditor usage import` and `auditor usage cgroup`: history from exports, texts and a node's own files."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.common import KEEP, exit_code, keep_days
from auditor.reports.text import counted, place_words, plain

if TYPE_CHECKING:
    from auditor.usage.imports.model import ImportOptions, ImportResult

_FORMATS = ("csv", "parquet", "kubectl-top", "pod-metrics", "docker-stats", "vpa-checkpoint", "instana")
_PRESETS = ("datadog", "newrelic", "dynatrace", "instana")


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option("--to", "folder", default="history", show_default=True, metavar="FOLDER", help="The store to add to.")
@click.option("--format", "format_", type=click.Choice(_FORMATS), help="What the files are. [default: by looking]")
@click.option("--preset", type=click.Choice(_PRESETS), help="Whose export it is: its columns are known.")
@click.option("--columns", metavar="FIELD=COLUMN,...", help="Columns of a table, such as time=ts,bytes=value.")
@click.option("--metric", metavar="NAME", help="The metric to read where there are several.")
@click.option("--unit", metavar="UNIT", help="Unit of plain numbers, such as MiB. [default: as the column says]")
@click.option("--namespace", metavar="NAME", help="Namespace of samples that name none.")
@click.option("--cluster", default="", metavar="NAME", help="Cluster of samples that name none.")
@click.option("--at", metavar="TIME", help="When a text without times was taken. [default: the file's own time]")
@click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Zone of times that name none.")
@KEEP
def import_(**arguments: Any) -> int:
    """Add history from files: tables, kubectl top, the metrics API, docker stats, VPA checkpoints.

    `-` is standard input. Bad lines are told with their places, and the others count.

    Exit codes: 0, 2 wrong use, 3 something could not be read.
    """
    from auditor.usage.errors import UsageError

    try:
        results = [read(list(paths)) for read, paths in _readers(arguments)]
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    return _finish(results, arguments)


def _readers(arguments: dict[str, Any]) -> Iterator[tuple[Callable[[list[str]], "ImportResult"], list[str]]]:
    """Yield a reader and its files, for each format."""
    from auditor.usage.imports.guess import guess_format

    options = _options(arguments)
    chosen = arguments["format_"] or ("instana" if arguments["preset"] == "instana" else None)
    by_format: dict[str, list[str]] = {}
    for path in arguments["paths"]:
        by_format.setdefault(chosen or guess_format(path, options), []).append(path)
    for name, paths in by_format.items():
        yield _reader(name, options, arguments), paths


def _options(arguments: dict[str, Any]) -> "ImportOptions":
    from auditor.usage.imports.model import ImportOptions
    from auditor.usage.imports.values import Clock

    at = None
    if arguments["at"]:
        found = Clock(arguments["time_zone"]).milliseconds(arguments["at"])
        if found is None:
            raise click.UsageError(f"--at {arguments['at']}: is no time; write 2026-11-01T12:00:00Z")
        at = datetime.fromtimestamp(found / 1000, UTC)
    return ImportOptions(
        now=datetime.now(UTC),
        cluster=arguments["cluster"],
        namespace=arguments["namespace"],
        time_zone=arguments["time_zone"],
        unit=arguments["unit"],
        at=at,
    )


def _reader(name: str, options: "ImportOptions", arguments: dict[str, Any]) -> Callable[[list[str]], "ImportResult"]:
    from auditor.usage import imports
    from auditor.usage.imports.columns import ColumnChoice, parse_columns

    metric = arguments["metric"]
    if name in ("csv", "parquet"):
        preset = None if arguments["preset"] == "instana" else arguments["preset"]
        choice = ColumnChoice(preset, parse_columns(arguments["columns"] or ""))
        table = imports.read_csv if name == "csv" else imports.read_parquet
        return lambda paths: table(paths, options, choice, metric=metric)
    for option in ("columns", "unit"):
        if arguments[option]:
            raise click.UsageError(f"--{option}: only for csv and parquet, not for {name}")
    if name == "instana":
        return lambda paths: imports.read_instana(paths, options, metric=metric)
    plain = {
        "kubectl-top": imports.read_kubectl_top,
        "pod-metrics": imports.read_pod_metrics,
        "docker-stats": imports.read_docker_stats,
        "vpa-checkpoint": imports.read_checkpoints,
    }[name]
    return lambda paths: plain(paths, options)


def _duration(_: click.Context, __: click.Parameter, value: str | None) -> timedelta | None:
    """Return the time of a text such as `90s`, `10m`, `24h` or `1h30m`."""
    from auditor.usage.imports.pod_metrics import seconds_of

    if value is None:
        return None
    seconds = seconds_of(value)
    if not seconds:
        raise click.BadParameter(f"{value!r} is no duration such as 15s, 10m or 24h")
    return timedelta(seconds=seconds)


@click.command()
@click.option("--root", default="/sys/fs/cgroup", show_default=True, metavar="FOLDER", help="The node's cgroup tree.")
@click.option("--once", is_flag=True, help="Take one sample: a snapshot. [default without --for]")
@click.option("--for", "duration", callback=_duration, metavar="TIME", help="How long to sample, such as 24h.")
@click.option("--every", callback=_duration, default="15s", show_default=True, metavar="TIME", help="How often.")
@click.option("--logs", metavar="FOLDER", help="The node's /var/log, which tells names of pods and containers.")
@click.option("--crictl", metavar="FILE", help="Output of `crictl ps -a -o json`, which tells names.")
@click.option("--cluster", default="", metavar="NAME", help="The cluster's name.")
@click.option("--to", "folder", default="history", show_default=True, metavar="FOLDER", help="The store to add to.")
@KEEP
def cgroup(**arguments: Any) -> int:
    """Add history from the cgroups of the node that this runs on.

    Ctrl-C or a SIGTERM ends the sampling early; what was sampled is kept. A later run on the same day replaces what an
    earlier one says of the same containers.

    Exit codes: 0, 2 wrong use, 3 something could not be read, 130 Ctrl-C.
    """
    from auditor.usage.errors import UsageError
    from auditor.usage.imports.cgroup import Sampler, sample_for
    from auditor.usage.imports.model import ImportOptions

    if arguments["once"] and arguments["duration"]:
        raise click.UsageError("--once and --for exclude each other")
    duration = arguments["duration"] or timedelta(0)
    try:
        names = _names(arguments)
        options = ImportOptions(now=datetime.now(UTC), cluster=arguments["cluster"])
        with Sampler(Path(arguments["root"]), options, names) as sampler, _stopping() as stop:
            sample_for(sampler, duration, arguments["every"], lambda: datetime.now(UTC), stop.wait)
            result = sampler.result()
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    code = _finish([result], arguments)
    return 130 if stop.interrupted else code


def _names(arguments: dict[str, Any]) -> Callable[[], Any]:
    """Return what tells names: logs anew at each sample, as containers come and go."""
    from auditor.usage.imports.cgroup_names import Names, names_of_crictl, names_of_logs

    if arguments["logs"] and arguments["crictl"]:
        raise click.UsageError("--logs and --crictl exclude each other")
    if arguments["logs"]:
        logs = Path(arguments["logs"])
        names_of_logs(logs)
        return lambda: names_of_logs(logs)
    names = names_of_crictl(Path(arguments["crictl"])) if arguments["crictl"] else Names()
    return lambda: names


class _Stop:
    """Whether to end early."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.interrupted = False

    def wait(self, seconds: float) -> bool:
        """Sleep, and return whether to stop."""
        return self._event.wait(seconds)

    def on_signal(self, number: int, _: object) -> None:
        """Stop as soon as possible."""
        self.interrupted = number == signal.SIGINT
        self._event.set()


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Give what SIGINT and SIGTERM set, for as long as it takes."""
    stop = _Stop()
    before = {number: signal.signal(number, stop.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(results: list["ImportResult"], arguments: dict[str, Any]) -> int:
    """Write the rows, tell faults and notes on standard error, and return the exit code."""
    from auditor.usage.errors import UsageError
    from auditor.usage.table import write_days

    folder = arguments["folder"]
    rows = [row for result in results for row in result.rows]
    skipped = [item for result in results for item in result.skipped]
    if rows:
        try:
            skipped += write_days(Path(folder), rows).skipped
        except UsageError as error:
            raise click.UsageError(str(error)) from error
    for item in skipped:
        place = place_words(item.file, item.line, None)
        click.echo(f"{plain(place)}: skipped: {plain(item.reason)}", err=True)
    for note in dict.fromkeys(note for result in results for note in result.notes):
        click.echo(f"note: {note}", err=True)
    days = len({row.day for row in rows})
    click.echo(f"{counted(len(rows), 'pod-day')} of {counted(days, 'day')} read into {folder}", err=True)
    keep_days(folder, arguments["keep"])
    return exit_code(failed=False, complete=bool(rows) and not skipped)
