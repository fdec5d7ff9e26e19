"""How long the table keeps its days."""

import shutil
from datetime import date, timedelta
from pathlib import Path

from auditor.usage.errors import UsageError
from auditor.usage.files import Window, find_files
from auditor.usage.store import LEFTOVER, sync, writing


def keep(folder: Path, *, days: int = 90, today: date) -> tuple[Path, ...]:
    """Remove the days of a store that are older than the last `days`, today included; return their folders, in order.

    A day goes whole. Files that are in no folder of a day are let alone. Raises UsageError for less than one day, a
    store that is not there, and as `writing` does.
    """
    if days < 1:
        raise UsageError(f"a store keeps at least 1 day, not {days}")
    first = today - timedelta(days=days - 1)
    if not folder.is_dir():
        raise UsageError(f"no history in {folder}: there is no such folder")
    with writing(folder):
        files, _ = find_files(folder, Window(until=first - timedelta(days=1)))
        old = sorted({file.path.parent for file in files if file.day is not None and file.path.parent != folder})
        for place in old:
            aside = place.parent / f"{LEFTOVER}{place.name}"
            place.replace(aside)
            sync(place.parent)
            shutil.rmtree(aside)
            if place.parent != folder and not any(place.parent.iterdir()):
                place.parent.rmdir()
    return tuple(old)
