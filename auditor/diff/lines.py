"""Which lines of HEAD's files the change wrote."""

import filecmp
import shutil
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.diff.judge import Result
from auditor.diff.memory import Pair
from auditor.diff.sides import Sides
from auditor.findings import Place
from auditor.sources.git import changed_lines

_EVERY = ((1, 1 << 62),)

Ranges = Sequence[tuple[int, int]]
"""First and last line, in order, apart."""


@dataclass(frozen=True, slots=True)
class ChangedLines:
    """The changed lines of the files that were asked for."""

    ranges: Mapping[str, Ranges | None]
    """By the file's name in reports; None for a file that is no text on disk."""

    def touch(self, place: Place | None) -> bool | None:
        """Return whether a place is on a changed line, None where there are no lines."""
        ranges = self.ranges.get(place.file) if place is not None else None
        if place is None or ranges is None:
            return None
        after = bisect_right(ranges, (place.end_line, 1 << 62))
        return after > 0 and ranges[after - 1][1] >= place.line


def changed_in(files: Iterable[str], sides: Sides, base: Result, head: Result, found: Iterable[Pair]) -> ChangedLines:
    """Return the changed lines of some of HEAD's files; of a file that moved, those since it was in its old place."""
    olds, news = (
        {file.shown: Path(file.path) for file in side.files.values() if file.rendered is None} for side in (base, head)
    )
    before = {
        pair.after.footprint.file: pair.before.footprint.file
        for pair in found
        if pair.before is not None and pair.after is not None
    }
    ranges: dict[str, Ranges | None] = {}
    compared: list[tuple[str, Path, Path]] = []
    for name in sorted(set(files)):
        new = news.get(name, sides.head.folder / name)
        old = olds.get(name, sides.base.folder / name)
        if not old.is_file() and name in before:
            old = olds.get(before[name], old)
        if not name or not new.is_file():
            ranges[name] = None
        elif not old.is_file():
            ranges[name] = _EVERY
        elif filecmp.cmp(old, new, shallow=False):
            ranges[name] = ()
        else:
            compared.append((name, old, new))
    return ChangedLines(ranges | _compared(compared, sides.scratch / "lines"))


def _compared(files: Sequence[tuple[str, Path, Path]], scratch: Path) -> dict[str, Ranges | None]:
    """Compare files under plain names, which git does not quote."""
    old, new = scratch / "a", scratch / "b"
    for folder in (old, new):
        folder.mkdir(parents=True)
    for number, (_, before, after) in enumerate(files):
        shutil.copyfile(before, old / str(number))
        shutil.copyfile(after, new / str(number))
    found = changed_lines(old, new)
    return {name: found.get(str(number), ()) for number, (name, _, _) in enumerate(files)}
