"""Runs in a folder of this machine or of a volume: what appears there appears by a rename."""

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from auditor.deliver.errors import DeliveryError

_LOCK = ".lock"
_LEFTOVER = ".writing-"
_LOCK_SECONDS = 60.0
_LEFTOVER_SECONDS = 24 * 3600
"""After so long a half-written folder belongs to a run that was cut off."""
_TRIES = 100


class LocalPlace:
    """A folder; `Place` says what the methods do."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def shown(self) -> str:
        """Return the folder."""
        return str(self._root)

    def folders(self) -> Sequence[str]:
        """Return the names of the folders in it; a symbolic link is none."""
        with self._faults():
            try:
                return sorted(item.name for item in os.scandir(self._root) if item.is_dir(follow_symlinks=False))
            except FileNotFoundError:
                return ()

    def read(self, folder: str, file: str) -> bytes | None:
        """Return a file, None when it is not there."""
        with self._faults():
            try:
                return (self._root / folder / file).read_bytes()
            except FileNotFoundError:
                return None

    def add(self, folder: str, files: Callable[[str], Mapping[str, bytes]]) -> str:
        """Write a folder beside and rename it; a second run of the same second gets a number."""
        with self._faults():
            self._root.mkdir(parents=True, exist_ok=True)
            for number in range(1, _TRIES):
                name = folder if number == 1 else f"{folder}-{number}"
                if self._added(name, files(name)):
                    _sync(self._root)
                    return name
        raise DeliveryError(f"{self.shown}: there are {_TRIES - 1} runs of one second")

    def _added(self, name: str, files: Mapping[str, bytes]) -> bool:
        """Write a folder and return True, or False when there is one of that name."""
        beside = self._root / f"{_LEFTOVER}{name}-{_unique()}"
        beside.mkdir()
        try:
            for file, data in files.items():
                _write(beside / file, data)
            _sync(beside)
            # NOTE: rename(2) takes the place of an empty folder, but of none that holds something
            beside.rename(self._root / name)
        except OSError as error:
            shutil.rmtree(beside, ignore_errors=True)
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                return False
            raise
        return True

    def replace(self, folder: str, files: Mapping[str, bytes], gone: Sequence[str]) -> None:
        """Write each file beside and rename it."""
        place = self._root / folder
        with self._faults():
            place.mkdir(parents=True, exist_ok=True)
            for file, data in files.items():
                beside = place / f"{_LEFTOVER}{file}-{_unique()}"
                try:
                    _write(beside, data)
                    beside.replace(place / file)
                finally:
                    beside.unlink(missing_ok=True)
            for file in gone:
                (place / file).unlink(missing_ok=True)
            _sync(place)

    def remove(self, folder: str, files: Sequence[str]) -> None:
        """Remove files by name, then the folder when nothing else is in it."""
        with self._faults():
            for file in files:
                (self._root / folder / file).unlink(missing_ok=True)
        with suppress(OSError):
            (self._root / folder).rmdir()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder's lock, which ends with the process; sweep what a run left that was cut off."""
        with self._faults():
            self._root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._lock(handle)
            self._sweep()
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise DeliveryError(f"{self.shown}: another run has held it for {_LOCK_SECONDS:g} s") from None
                time.sleep(0.05)
            except OSError as error:
                raise DeliveryError(f"{self.shown}: cannot be locked: {error.strerror}") from error
            else:
                return

    def _sweep(self) -> None:
        with self._faults():
            for path in self._root.glob(f"{_LEFTOVER}*"):
                if path.is_dir() and time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DeliveryError(f"{error.filename or self.shown}: {error.strerror or error}") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it: it appears whole or not at all. Raises OSError.

    A device or a pipe is written into; of a link, the file behind it is replaced.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    beside = path.with_name(f".{path.name}.{_unique()}.tmp")
    try:
        _write(beside, data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    """Write a new file so that it survives a loss of power."""
    with path.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unique() -> str:
    return f"{os.getpid()}-{secrets.token_hex(3)}"
