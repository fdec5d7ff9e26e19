"""What the commands share besides options: running an audit, outputs, exit codes. Nothing decides what is a finding."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from auditor.cli.options import days_of, options_from
from auditor.cli.progress import Bar

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
