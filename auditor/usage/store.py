"""Writing into the store: one writer at a time, and files that appear whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.usage.errors import UsageError

LOCK = ".lock"
LEFTOVER = ".writing-"
"""How a file or folder is called that is not yet, or no longer, part of the store."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the store against other writers, and sweep what a crashed one left; readers are never kept out.

    Raises UsageError when another one writes, or when the folder cannot be written. The lock is the kernel's and
    ends with its process.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{folder} is being written by another run: try again when it has ended") from error
        _sweep(folder)
        yield
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    for pattern in (f"cluster=*/{LEFTOVER}*", f"cluster=*/day=*/{LEFTOVER}*"):
        for path in folder.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
