"""Opening the files of an import, and the moment that a text without times was taken."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from auditor.usage.errors import UsageError
from auditor.usage.imports.model import ImportOptions
from auditor.usage.imports.samples import Samples
from auditor.usage.imports.values import Clock

BROKEN = (OSError, EOFError, zlib.error)
"""What reading a file may raise after it could be opened."""


@contextmanager
def opened(path: str, samples: Samples) -> Iterator[TextIO | None]:
    """Give the text of a file (`-` is standard input, `.gz` is unpacked); None, and a fault, when it cannot be read.

    Bytes that are no UTF-8 become replacement characters, which no name holds. Raises UsageError for a path that does
    not exist or is a folder. A file that breaks off while it is read is a fault, and what came before counts.
    """
    samples.begin(Path(path).as_posix())
    try:
        stream = _binary(path)
    except PermissionError as error:
        samples.fault(None, "cannot be read", f"cannot be read: {error.strerror}")
        yield None
        return
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="") as text:
        try:
            yield text
        except BROKEN as error:
            words = getattr(error, "strerror", None) or error
            samples.fault(None, "breaks off", f"breaks off: {words}; what came before it counts")


def _binary(path: str) -> gzip.GzipFile | io.BufferedReader:
    if path == "-":
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    try:
        if Path(path).is_dir():
            raise UsageError(f"{path}: is a folder; name its files")
        return gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")  # noqa: PTH123 - `opened` closes
    except FileNotFoundError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path!r}: {error}") from error


def taken_at_ms(path: str, options: ImportOptions) -> int:
    """Return when a text without times was taken: as given, else when its file was last written, else now."""
    at = options.at
    if at is None and path != "-":
        at = datetime.fromtimestamp(Path(path).stat().st_mtime, UTC)
    return int((at or options.now).timestamp() * 1000)


def time_line(line: str, clock: Clock) -> int | None:
    """Return the time of a line that holds only a time, as `date` writes between two outputs; None for any other."""
    text = line.strip()
    return clock.milliseconds(text) if text[:1].isdigit() and len(text) >= 10 else None


def zone_note(clock: Clock, options: ImportOptions) -> Iterator[str]:
    """Yield how times without a zone were taken."""
    if clock.without_zone:
        yield f"{clock.without_zone} times name no zone: taken as {options.time_zone}"
