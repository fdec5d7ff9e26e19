"""Which days of the table hold less than the server was asked for, so that the next pull asks again."""

import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from urllib.parse import quote

import msgspec

from auditor.usage.errors import UsageError


class _State(msgspec.Struct, frozen=True):
    version: int
    incomplete_days: list[date] = []


def _path(folder: Path, cluster: str) -> Path:
    """Return the file of a cluster; its name starts with a dot, which readers of the table pass over."""
    return folder / f".pull-{quote(cluster, safe='')}.json"


def incomplete_days(folder: Path, cluster: str) -> set[date]:
    """Return the days to ask for again; none when there is no file. Raises UsageError for an unreadable one."""
    path = _path(folder, cluster)
    try:
        return set(msgspec.json.decode(path.read_bytes(), type=_State).incomplete_days)
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: {error}; delete it to pull only the days that the table lacks") from None


def set_incomplete_days(folder: Path, cluster: str, days: Iterable[date]) -> None:
    """Replace the days to ask for again: written beside and renamed. Raises UsageError when that fails."""
    path = _path(folder, cluster)
    wanted = sorted(set(days))
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        if not wanted:
            path.unlink(missing_ok=True)
            return
        folder.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(msgspec.json.encode(_State(1, wanted)))
        beside.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
