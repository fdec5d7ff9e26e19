"""Which lines of HEAD's files the change wrote."""

import filecmp
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auditor.diff.judge import Key, Result
from auditor.diff.memory import Pair
from auditor.diff.sides import Sides
from auditor.findings import Finding, Place
from auditor.sources.git import Changes, changed_lines

_EVERY = Changes(((1, 1 << 62),))
_NOTHING = Changes()
_AROUND = 3
"""So many lines around a change are shown with it, by `git diff` and by GitHub."""


@dataclass(slots=True)
class ChangedLines:
    """What changed in the files that were asked for."""

    changes: Mapping[str, Changes | None]
    """By the file's name in reports; None for what is no text on disk."""
    paths: Mapping[str, Path]
    _texts: dict[str, list[str]] = field(default_factory=dict)

    def touch(self, finding: Finding) -> bool | None:
        """Return whether the change wrote a finding's line, None where there are no lines.

        A key that is missing has no line: the change touches it when it changed something in the block that lacks it.
        """
        place = finding.place
        changes = self.changes.get(place.file) if place is not None else None
        if place is None or changes is None:
            return None
        if _meets(changes, place.line, place.end_line):
            return True
        if changes == _NOTHING or not self._is_missing(finding, place):
            return False
        last, indent = self._last_line(place), place.column - 1
        gone = any(place.line <= above <= last and removed > indent for above, removed in changes.removed)
        return gone or _meets(changes, place.line, last)

    def show(self, finding: Finding) -> bool:
        """Return whether a patch shows a finding's line: a request that grows may spoil the limit below it."""
        place = finding.place
        changes = self.changes.get(place.file) if place is not None else None
        if place is None or changes is None:
            return False
        first, last = place.line - _AROUND, place.line + _AROUND
        return _meets(changes, first, last) or any(first <= above <= last for above, _ in changes.removed)

    def _is_missing(self, finding: Finding, place: Place) -> bool:
        """Return whether a finding is about a key that is not there: its place is then that of a key above it."""
        lines = self._lines(place.file)
        there = lines[place.line - 1][place.column - 1 :] if place.line <= len(lines) else ""
        key = re.split(r"[.\[\]]+", finding.path.rstrip("]"))[-1]
        return not key.isdecimal() and not there.lstrip("'\"").startswith(key)

    def _last_line(self, place: Place) -> int:
        """Return the last line of the block below a key: those that are indented more, or items of its list."""
        last = place.line
        for number, line in enumerate(self._lines(place.file)[place.line :], place.line + 1):
            text = line.lstrip(" ")
            indent = len(line) - len(text)
            if text.strip() and not text.startswith("#"):
                if indent < place.column - 1 or (indent == place.column - 1 and not text.startswith("- ")):
                    break
                last = number
        return last

    def _lines(self, file: str) -> list[str]:
        if file not in self._texts:
            self._texts[file] = self.paths[file].read_bytes().decode("utf-8", "replace").split("\n")
        return self._texts[file]


def _meets(changes: Changes, first: int, last: int) -> bool:
    return any(start <= last and end >= first for start, end in changes.written)


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
    # Content that was judged once need not be read again to be compared.
    same = {key[1] for key, file in head.files.items() if file.rendered is None and _is_same(key, base, head)}
    changes: dict[str, Changes | None] = {}
    paths: dict[str, Path] = {}
    compared: list[tuple[str, Path, Path]] = []
    for name in sorted(set(files)):
        new = news.get(name, sides.head.folder / name)
        old = olds.get(name, sides.base.folder / name)
        if not old.is_file() and name in before:
            old = olds.get(before[name], old)
        paths[name] = new
        if not name or not new.is_file():
            changes[name] = None
        elif name in same:
            changes[name] = _NOTHING
        elif not old.is_file():
            changes[name] = _EVERY
        elif filecmp.cmp(old, new, shallow=False):
            changes[name] = _NOTHING
        else:
            compared.append((name, old, new))
    if compared:
        changes |= _compared(compared, sides.scratch / "lines")
    return ChangedLines(changes, paths)


def _is_same(key: Key, base: Result, head: Result) -> bool:
    return head.digests[key] == base.digests.get(key)


def _compared(files: Sequence[tuple[str, Path, Path]], scratch: Path) -> dict[str, Changes]:
    """Compare files under plain names, which git does not quote."""
    old, new = scratch / "a", scratch / "b"
    for folder in (old, new):
        folder.mkdir(parents=True)
    for number, (_, before, after) in enumerate(files):
        shutil.copyfile(before, old / str(number))
        shutil.copyfile(after, new / str(number))
    found = changed_lines(old, new)
    return {name: found.get(str(number), _NOTHING) for number, (name, _, _) in enumerate(files)}
