"""What the commands share: options, outputs, progress. Nothing here decides what is a finding."""

import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import click

from auditor.findings import SEVERITIES
from auditor.policy.keys import PROFILES

F = TypeVar("F", bound=Callable[..., Any])

FAIL_ON = (*SEVERITIES, "never")


def audit_options(command: F) -> F:
    """Add the paths and options of every command that audits."""
    return click.argument("paths", nargs=-1, required=True, metavar="PATH...")(reading_options(command))


def paths_and_options(command: F) -> F:
    """Add the same, of a command that can do without paths."""
    return click.argument("paths", nargs=-1, metavar="[PATH]...")(reading_options(command))


def judging_options(command: F) -> F:
    """Add the options of every command that judges, wherever its objects come from."""
    return _with(
        command,
        click.option(
            "--policies",
            multiple=True,
            metavar="FOLDER",
            help="Policies besides the shipped ones; they override by id.",
        ),
        click.option(
            "--profile",
            type=click.Choice(PROFILES),
            help="Which policies judge. [default: recommended]",
        ),
        click.option("--config", metavar="FILE", help="Config file. [default: the nearest .auditor.yaml upwards]"),
        click.option("--kubernetes-version", metavar="VERSION", help=_VERSION_HELP),
        click.option(
            "--feature-gate",
            "feature_gates",
            multiple=True,
            metavar="NAME=BOOL",
            help="A gate of that version, switched.",
        ),
        click.option("--waivers", metavar="FILE", help="A file of waivers."),
        click.option("--no-waivers", is_flag=True, help="Ignore every waiver: file, annotation and comment."),
        click.option(
            "--usage", metavar="PATH", help="History of use to join: a folder of its table, or a Parquet file."
        ),
        click.option("--usage-window", metavar="DAYS", help="Days of it, such as 14d. [default: 14d]"),
        click.option("--usage-cluster", metavar="NAME", help="The cluster to read, of a table with several."),
        click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes. [default: the cores]"),
    )


_VERSION_HELP = "Such as 1.34. [default: the cluster's own, else the newest known]"


def report_options(formats: Sequence[str]) -> Callable[[F], F]:
    """Return what adds the options of a command that writes reports and fails by severity."""

    def add(command: F) -> F:
        return _with(
            command,
            click.option("--baseline", metavar="FILE", help="Findings that are known; only new ones count."),
            click.option(
                "--fail-on",
                type=click.Choice(FAIL_ON),
                help="Lowest severity that makes the exit code 1. [default: medium]",
            ),
            click.option(
                "--output",
                "outputs",
                multiple=True,
                metavar="FORMAT[=PATH]",
                help=f"Report to write; repeatable. Formats: {', '.join(formats)}.",
            ),
            click.option("--quiet", is_flag=True, help="No table on standard output when reports go to files."),
        )

    return add


def reading_options(command: F) -> F:
    """Add the options of a command that reads files."""
    files = (
        click.option("--namespace", metavar="NAME", help="Namespace of objects that name none."),
        click.option("--exclude", multiple=True, metavar="GLOB", help="Files and folders to leave out."),
    )
    return judging_options(_with(rendering_options(command), *files))


def rendering_options(command: F) -> F:
    """Add the options of a command that renders charts and kustomizations."""
    return _with(
        command,
        click.option("--helm-values", multiple=True, metavar="FILE", help="Values for each chart; the last file wins."),
        click.option("--helm-set", multiple=True, metavar="KEY=VALUE", help="A value for each chart, as helm --set."),
        click.option("--helm-release", metavar="NAME", help="Name of each release. [default: the chart's]"),
        click.option("--helm-api-versions", multiple=True, metavar="VERSION", help="An API that the cluster has."),
        click.option(
            "--helm-environments",
            is_flag=True,
            help="Judge each chart with each of its values files that looks like an environment.",
        ),
        click.option("--helm", metavar="PROGRAM", envvar="AUDITOR_HELM", help="helm. [default: the one on PATH]"),
        click.option(
            "--kustomize",
            metavar="PROGRAM",
            envvar="AUDITOR_KUSTOMIZE",
            help="kustomize or kubectl. [default: the one on PATH]",
        ),
        click.option(
            "--render-timeout",
            "render_seconds",
            type=click.FloatRange(min=0, min_open=True),
            default=60.0,
            metavar="SECONDS",
            help="How long one rendering may take. [default: 60]",
        ),
    )


HELM_OPTIONS = (
    "helm_values",
    "helm_set",
    "helm_release",
    "helm_api_versions",
    "helm_environments",
    "helm",
    "kustomize",
    "render_seconds",
)
"""The names of those."""


def _with(command: F, *options: Callable[[F], F]) -> F:
    """Add options so that the help lists them in this order, before those that are there."""
    for option in reversed(options):
        command = option(command)
    return command


def options_from(arguments: dict[str, Any], **more: Any) -> Any:
    """Return the audit's `Options` from the arguments that `audit_options` gives."""
    from auditor.api import Options

    names = (
        "policies",
        "profile",
        "config",
        "kubernetes_version",
        "feature_gates",
        "namespace",
        "exclude",
        "waivers",
        "usage",
        "usage_cluster",
        "jobs",
        *HELM_OPTIONS,
    )
    window = arguments["usage_window"]
    return Options(
        **{name: arguments[name] for name in names if name in arguments},
        usage_window_days=None if window is None else days_of(window),
        use_waivers=not arguments["no_waivers"],
        **more,
    )


KEEP = click.option("--keep", metavar="DAYS", help="Then remove days that are older, such as 90d.")
"""The option of commands that write a table of history."""


def keep_days(folder: str, keep: str | None) -> None:
    """Remove the days of a table that are older than a text such as `90d` says; nothing for None."""
    if keep is None:
        return
    from datetime import UTC, datetime

    from auditor.reports.text import counted
    from auditor.usage.retention import keep as keep_table

    removed = keep_table(Path(folder), days=days_of(keep), today=datetime.now(UTC).date())
    if removed:
        click.echo(f"removed {counted(len(removed), 'day')} older than {keep}", err=True)


def days_of(text: str) -> int:
    """Return the days of a text such as `14d`, `2w` or `14`. Raises click.UsageError."""
    match = re.fullmatch(r"([1-9][0-9]{0,3})([dw]?)", text)
    if not match:
        raise click.UsageError(f"{text!r} is no number of days: write 14d or 2w")
    return int(match[1]) * (7 if match[2] == "w" else 1)


def run_audit(arguments: dict[str, Any], **more: Any) -> Any:
    """Run the audit that the arguments ask for, with a progress bar on a terminal; return the `Audit`."""
    from auditor.api import run

    paths = arguments["paths"]
    with Bar() as bar:
        return run(paths, options_from(arguments, **more), stdin=standard_input(paths), progress=bar.advance)


def standard_input(paths: Sequence[str]) -> bytes | None:
    """Return what standard input holds when a path asks for it, one byte more than is read at most."""
    from auditor.sources.read import MAX_FILE_BYTES

    return sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if "-" in paths else None


class LateBar:
    """A progress bar on standard error, for work over a second on a terminal; silent otherwise."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._progress: Any = None

    def __enter__(self) -> Self:
        return self

    def columns(self) -> Sequence[Any]:
        """Return the columns of the bar; asked when it appears, so that nobody else imports its library."""
        raise NotImplementedError

    def update(self, **state: Any) -> None:
        """Show a state, the fields of rich's task; the bar appears when the work has taken a second."""
        if self._progress is None and sys.stderr.isatty() and time.monotonic() - self._started > 1:
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(*self.columns(), console=Console(stderr=True), transient=True)
            self._progress.add_task("", total=None)
            self._progress.start()
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], **state)

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()


class Bar(LateBar):
    """Counts what was done, in words such as `files judged`."""

    def __init__(self, words: str = "files judged") -> None:
        super().__init__()
        self._words = words
        self._done = 0

    def columns(self) -> Sequence[Any]:
        """Return a spinner, the words and the number."""
        from rich.progress import MofNCompleteColumn, SpinnerColumn, TextColumn

        return SpinnerColumn(), TextColumn(self._words), MofNCompleteColumn()

    def advance(self, files: int) -> None:
        """Count files that were finished."""
        self._done += files
        self.update(completed=self._done)


@dataclass(frozen=True, slots=True)
class Output:
    """Where one report goes; `path` None is standard output."""

    format: str
    path: Path | None


def parse_outputs(
    texts: Sequence[str], formats: Sequence[str], *, quiet: bool, default: str = "table"
) -> tuple[Output, ...]:
    """Return the outputs of `FORMAT` and `FORMAT=PATH` texts. Raises click.UsageError for a wrong one.

    With only files named, the default format goes to standard output too, unless quiet.
    """
    outputs = [_parse_output(text, formats) for text in texts]
    on_stdout = [output for output in outputs if output.path is None]
    if len(on_stdout) > 1:
        raise click.UsageError("--output: only one report can go to standard output; write the others as FORMAT=PATH")
    files = [output.path.resolve() for output in outputs if output.path]
    if len(files) != len(set(files)):
        raise click.UsageError("--output: two reports go to one file")
    if not on_stdout and not quiet:
        outputs.append(Output(default, None))
    return tuple(outputs)


def _parse_output(text: str, formats: Sequence[str]) -> Output:
    name, _, path = text.partition("=")
    if name not in formats:
        raise click.UsageError(f"--output {text}: no such format; formats are {', '.join(formats)}")
    if "=" in text and not path:
        raise click.UsageError(f"--output {text}: a path must follow the equals sign")
    target = Path(path) if path else None
    if target and target.is_dir():
        raise click.UsageError(f"--output {text}: is a folder; name a file in it")
    if target and not target.parent.is_dir():
        raise click.UsageError(f"--output {text}: there is no folder {target.parent}")
    if target and not os.access(target.parent, os.W_OK):
        raise click.UsageError(f"--output {text}: the folder {target.parent} cannot be written")
    return Output(name, target)


def write_output(output: Output, text: str) -> None:
    """Write a report to standard output or its file: beside it and renamed, so that it appears whole or not at all.

    A device or a pipe, such as /dev/null, is written into; of a link, the file behind it is replaced.
    """
    if output.path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        if output.path.exists() and not output.path.is_file():
            output.path.write_text(text, encoding="utf-8", newline="")
        else:
            _replace(output.path.resolve(), text)
    except OSError as error:
        raise click.UsageError(f"--output: {output.path}: {error.strerror}") from error


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def exit_code(*, failed: bool, complete: bool) -> int:
    """Return 1 for findings at or above the threshold, 3 for an incomplete audit, 0 otherwise; 1 wins over 3."""
    if failed:
        return 1
    return 0 if complete else 3
