"""The snapshot of a cluster: its entries as compressed JSON lines, written while they pass by, read back with bounds.

A snapshot may come from anybody: nothing in it ends the run but a first line that is no header of this version.
"""

import gzip
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import msgspec

from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Entries, Entry, Header, Item, Missing
from auditor.sources.cluster.kubeconfig import ClusterError, tidy
from auditor.sources.cluster.selector import Selector, SelectorError

MAX_LINE_BYTES = 16 << 20
"""Of one entry; etcd keeps no object above 1.5 MiB."""
MAX_BYTES = 8 << 30
"""Of all entries: some millions of pods."""
_MAX_FAULTS = 100
"""After so many lines that cannot be read the rest is left."""
_MAX_DEPTH = 64
_FIRST_LINE_BYTES = 1 << 20
_LEVEL = 5
_GZIP = b"\x1f\x8b"
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_BROKEN = (OSError, EOFError, zlib.error)
"""What unpacking may raise."""

_File = gzip.GzipFile | BufferedReader
_encode = msgspec.json.Encoder().encode
_HEADER = msgspec.json.Decoder(Header)
_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Header | Item | Missing | End)


class _AnyHeader(msgspec.Struct, frozen=True, tag="cluster", tag_field="entry"):
    """What headers of all versions have."""

    version: int


_ANY_HEADER = msgspec.json.Decoder(_AnyHeader)


class SnapshotError(ClusterError):
    """A snapshot that cannot be written at all, or a file that is none of this version: wrong use (exit code 2)."""


def save(entries: Entries, path: Path) -> Iterator[Entry]:
    """Return the same entries; they are written to a file beside `path`, which takes its name at the end.

    Reading that was interrupted leaves a snapshot that says so; whoever takes no more entries interrupts too. A disk
    that is full loses the file, not the audit: a `Missing` tells. Raises SnapshotError at once for a place that cannot
    be written.
    """
    if path.is_dir():
        raise SnapshotError(f"{path}: is a folder; name a file such as cluster.jsonl.gz")
    if path.exists() and not path.is_file():
        raise SnapshotError(f"{path}: is a device or a pipe; name a file such as cluster.jsonl.gz")
    if not path.parent.is_dir():
        raise SnapshotError(f"{path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise SnapshotError(f"{path}: the folder cannot be written")
    return _saved(entries, path.resolve())


def _saved(entries: Entries, path: Path) -> Iterator[Entry]:
    writer = _Writer(path)
    ended = False
    try:
        for entry in entries:
            if isinstance(entry, End):
                yield from writer.finish(entry)
                ended = True
            elif not writer.write(entry):
                yield writer.missing()
            yield entry
    except KeyboardInterrupt:
        yield from writer.finish(End(interrupted=True))
        yield End(interrupted=True)
    except GeneratorExit:
        if not ended:
            tuple(writer.finish(End(interrupted=True)))
        raise
    finally:
        writer.drop()


class _Writer:
    """Writes entries to a file beside the one that is wanted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        self._file: gzip.GzipFile | None = None
        self._raw: IO[bytes] | None = None
        self._fault = ""

    def write(self, entry: Entry) -> bool:
        """Write an entry; return False when that has just failed, and do nothing after that."""
        if self._fault:
            return True
        try:
            if self._file is None:
                self._raw = self._beside.open("xb")
                # No name and no time: the same cluster gives the same bytes.
                self._file = gzip.GzipFile("", "wb", _LEVEL, self._raw, mtime=0)
            self._file.write(_encode(entry) + b"\n")
        except OSError as error:
            self._fault = error.strerror or str(error)
            self.drop()
            return False
        return True

    def missing(self) -> Missing:
        """Return that there is no snapshot."""
        return Missing(f"save {self._path}", f"cannot be written: {self._fault}")

    def finish(self, end: End) -> Iterator[Missing]:
        """Write the end and give the file its name; yield why that failed."""
        if self._fault:
            return
        try:
            if not self.write(end):
                yield self.missing()
                return
            self._close()
            self._beside.replace(self._path)
        except OSError as error:
            self._fault = error.strerror or str(error)
            yield self.missing()

    def drop(self) -> None:
        """Remove what has not got its name."""
        with suppress(OSError):
            self._close()
        self._beside.unlink(missing_ok=True)

    def _close(self) -> None:
        file, raw, self._file, self._raw = self._file, self._raw, None, None
        try:
            if file is not None:
                file.close()
        finally:
            if raw is not None:
                raw.close()


def is_snapshot(path: Path) -> bool:
    """Return whether a file begins as a snapshot does, of whichever version; False for what cannot be read."""
    if not path.is_file():
        return False
    try:
        with _opened(path) as file:
            first = file.readline(_FIRST_LINE_BYTES)
    except _BROKEN:
        return False
    return _version(first) is not None


def load(path: Path) -> Entries:
    """Return the entries of a snapshot, packed or not; a line that cannot be read is a `Missing`, and so is an end.

    Raises SnapshotError at once for a file that is no snapshot, or one of a later version.
    """
    try:
        file = _opened(path)
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or error}") from error
    try:
        header = _header(file.readline(_FIRST_LINE_BYTES))
    except _BROKEN as error:
        header = f"is no snapshot: {tidy(error)}"
    if isinstance(header, str):
        file.close()
        raise SnapshotError(f"{path}: {header}")
    return _loaded(file, header)


def _loaded(file: _File, header: Header) -> Entries:
    with file:
        yield header
        reader = _Lines(file)
        for entry in reader.entries():
            yield entry
            if isinstance(entry, End):
                return
        yield Missing("read the snapshot", reader.cut or "it has no end: it was cut off")


class _Lines:
    """Reads the lines behind the header."""

    def __init__(self, file: _File) -> None:
        self._file = file
        self.cut = ""
        """Why reading stopped before the end."""

    def entries(self) -> Entries:
        """Yield entries; stop behind the last line that can be read."""
        faults, room, number = 0, MAX_BYTES, 1
        while True:
            number += 1
            try:
                line = self._file.readline(MAX_LINE_BYTES + 1)
            except _BROKEN as error:
                self.cut = f"line {number}: it breaks off: {tidy(error)}"
                return
            room -= len(line)
            if not line:
                return
            if len(line) > MAX_LINE_BYTES or room < 0:
                self.cut = f"line {number}: is too large: the rest is not read"
                return
            entry = _entry(line)
            if isinstance(entry, str):
                faults += 1
                if faults > _MAX_FAULTS:
                    self.cut = f"line {number}: so many lines cannot be read that the rest is left"
                    return
                yield Missing(f"read line {number} of the snapshot", entry)
            else:
                yield entry


def _entry(line: bytes) -> Item | Missing | End | str:
    """Return what a line holds, or why it cannot be read."""
    try:
        entry = _ENTRY.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return tidy(error)
    except RecursionError:
        return f"is nested deeper than {_MAX_DEPTH}"
    if isinstance(entry, Header):
        return "a second header"
    if isinstance(entry, Item) and line.count(b"{") + line.count(b"[") > _MAX_DEPTH and _is_deep(entry.data):
        return f"is nested deeper than {_MAX_DEPTH}"
    if isinstance(entry, Item) and _LONG_NUMBER.search(line) and not _fits(entry.data):
        return "holds a number of more than 64 bits"
    if isinstance(entry, Missing):
        return msgspec.structs.replace(entry, what=tidy(entry.what), reason=tidy(entry.reason))
    return entry


def _is_deep(data: Any) -> bool:
    level = [data]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _fits(data: Any) -> bool:
    """Return whether data can be kept packed, as objects are while they wait."""
    try:
        msgspec.msgpack.encode(data)
    except OverflowError:
        return False
    return True


def _version(line: bytes) -> int | None:
    try:
        return _ANY_HEADER.decode(line).version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _header(line: bytes) -> Header | str:
    """Return the header that the first line is, or why it is none that can be read."""
    version = _version(line)
    if version is None or version < 1:
        return "is no snapshot of a cluster: its first line is no header"
    if version > SNAPSHOT_VERSION:
        known = f"this auditor reads up to version {SNAPSHOT_VERSION}"
        return f"is a snapshot of version {version}, and {known}: use a newer one"
    try:
        header = _HEADER.decode(line)
        if header.selector is not None:
            Selector.parse(header.selector)
    except (msgspec.MsgspecError, UnicodeDecodeError, SelectorError) as error:
        return f"its header cannot be read: {tidy(error)}"
    return msgspec.structs.replace(header, cluster=tidy(header.cluster))


def _opened(path: Path) -> _File:
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")
