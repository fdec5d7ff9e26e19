"""The files of a history: where they stand, and which of them can be read.

A store is a folder of `cluster=NAME/day=YYYY-MM-DD/*.parquet`, names escaped as Hive does. A single Parquet file, or a
folder of them, carries cluster and day as columns.
"""

import os
import re
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import msgspec

from auditor.findings import Skipped
from auditor.usage.errors import UsageError

PART = "part.parquet"
"""The file of a day."""

_NO_CLUSTER = "__HIVE_DEFAULT_PARTITION__"
_ESCAPED = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{}\[\]^]")
_LONGEST = 255
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a history are asked for."""

    clusters: frozenset[str] | None = None
    """The clusters; None for all."""
    since: date | None = None
    """The first day; None for no bound."""
    until: date | None = None
    """The last day; None for no bound."""
    today: date | None = None
    """The day after which none can lie; None trusts every day."""


class DayFile(msgspec.Struct, frozen=True):
    """One file of a history."""

    path: Path
    """Where it stands."""
    cluster: str | None
    """The cluster that its folders name, empty for none; None when the file itself has it."""
    day: date | None
    """The day that its folders name; None when the file itself has it."""


def day_folder(root: Path, cluster: str, day: date) -> Path:
    """Return the folder of a cluster's day. Raises UsageError for a name that no folder can have."""
    name = cluster_folder(cluster)
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST:
        raise UsageError(f"the cluster's name is too long for a folder: {cluster[:40]}…")
    return root / name / f"day={day.isoformat()}"


def cluster_folder(cluster: str) -> str:
    """Return the name of a cluster's folder, with what a path cannot hold escaped as Hive does (`/` is `%2F`)."""
    escaped = _ESCAPED.sub(lambda match: f"%{ord(match[0]):02X}", cluster)
    return f"cluster={escaped or _NO_CLUSTER}"


def find_files(root: Path, window: Window) -> tuple[list[DayFile], list[Skipped]]:
    """Return the files of a history that can have rows of the window, and what in its folders is none.

    Names that begin with `.` or `_` are passed by in silence, as every reader of such tables does. Raises UsageError
    when `root` is not there or cannot be listed.
    """
    if root.is_file():
        return [DayFile(root, None, None)], []
    if not root.is_dir():
        raise UsageError(f"no history in {root}: there is no such file or folder")
    files: list[DayFile] = []
    skipped: list[Skipped] = []
    for path in _walk(root, skipped):
        made = _day_file(root, path)
        if isinstance(made, str):
            skipped.append(Skipped(str(path), None, None, made))
        elif made.day is not None and window.today is not None and made.day > window.today:
            skipped.append(Skipped(str(path), None, None, f"the day {made.day} lies in the future"))
        elif _in_window(made, window):
            files.append(made)
    return files, skipped


def _walk(root: Path, skipped: list[Skipped]) -> list[Path]:
    """Return all files under a folder in order; a part of it that cannot be listed is skipped and told."""
    found: list[Path] = []

    def refused(error: OSError) -> None:
        if Path(error.filename) == root:
            raise UsageError(f"{root} cannot be read: {error.strerror}")
        skipped.append(Skipped(str(error.filename), None, None, f"cannot be read: {error.strerror}"))

    for place, folders, names in os.walk(root, onerror=refused):
        folder = Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        links = (folder / name for name in folders if (folder / name).is_symlink())
        skipped += (Skipped(str(link), None, None, "a link to a folder is not followed") for link in links)
        found += (folder / name for name in sorted(names) if not name.startswith((".", "_")))
    return found


def _day_file(root: Path, path: Path) -> DayFile | str:
    """Return the file with what its folders say, or why it is none of a history."""
    if path.suffix != ".parquet":
        return "is not a Parquet file, and no part of a history"
    folders = (*root.absolute().parts[-2:], *path.relative_to(root).parts[:-1])
    said = dict(part.split("=", 1) for part in folders if part.startswith(("cluster=", "day=")))
    cluster = said.get("cluster")
    if cluster is not None:
        cluster = "" if cluster == _NO_CLUSTER else unquote(cluster, errors="surrogateescape")
    if "day" not in said:
        return DayFile(path, cluster, None)
    try:
        day = date.fromisoformat(said["day"]) if _DAY.fullmatch(said["day"]) else None
    except ValueError:
        day = None
    return f"its folder names no day: day={said['day']}" if day is None else DayFile(path, cluster, day)


def _in_window(file: DayFile, window: Window) -> bool:
    if window.clusters is not None and file.cluster is not None and file.cluster not in window.clusters:
        return False
    if file.day is None:
        return True
    return (window.since is None or window.since <= file.day) and (window.until is None or file.day <= window.until)
