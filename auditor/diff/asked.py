"""Inline waivers of HEAD that BASE does not have: they suppress nothing, and are listed as asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from auditor.diff.judge import Result
from auditor.diff.memory import Identity, Pair, identity_of
from auditor.diff.model import AskedWaiver
from auditor.findings import Finding
from auditor.kube.paths import Path, parse_path
from auditor.plan import Plan
from auditor.sources.model import InputFile, Object
from auditor.sources.read import ReadOptions, read_file
from auditor.waivers import Waiver, annotation_waivers, comment_waivers, waive

_INLINE = ("annotation ", "comment ")
_Owner = tuple[Identity, str]


@dataclass(frozen=True, slots=True)
class Believed:
    """HEAD's findings with the waivers that count, and those that do not."""

    findings: tuple[Finding, ...]
    asked: tuple[AskedWaiver, ...]


@dataclass(slots=True)
class Believer:
    """Tells which inline waivers BASE has too: of the same object, for the same, and at least as long."""

    base: Result
    head: Result
    pairs: Iterable[Pair]
    plan: Plan
    read: ReadOptions
    _objects: dict[str, tuple[Object, ...]] = field(default_factory=dict)
    _asked: list[AskedWaiver] = field(default_factory=list)
    _before: dict[_Owner | None, tuple[str, int]] = field(default_factory=dict)
    """Where the objects of HEAD were in BASE."""
    _after: dict[_Owner | None, tuple[str, int]] = field(default_factory=dict)
    """Where they are."""

    def believed(self) -> Believed:
        """Return HEAD's findings, waived where a waiver that counts covers them."""
        for before, after in ((pair.before, pair.after) for pair in self.pairs):
            if after is not None:
                owner = (after.identity, after.folder)
                self._after[owner] = (after.footprint.file, after.footprint.line)
                if before is not None:
                    self._before[owner] = (before.footprint.file, before.footprint.line)
        findings = tuple(self._checked(finding) for finding in self.head.report.findings)
        return Believed(findings, tuple(self._asked))

    def _checked(self, finding: Finding) -> Finding:
        waived, place = finding.waived, finding.place
        if waived is None or place is None or not waived.by.startswith(_INLINE):
            return finding
        after = self._object(self.head, finding, place.file, place.line) or self._rendered(finding)
        before = None if after is None else self._counterpart(finding, after)
        allowed = [] if after is None or before is None else _allowed(finding, after, before)
        bare = msgspec.structs.replace(finding, waived=None)
        result, _ = waive(bare, [*allowed, *self.plan.waivers], self.plan.aliases, self.plan.today)
        if result.waived is None:
            told = (waived.by, waived.reason, waived.expires)
            self._asked.append(AskedWaiver(finding.policy, *told, finding.workload, finding.fingerprint))
        return result

    def _rendered(self, finding: Finding) -> Object | None:
        """Return the object of a finding whose place is in another file: what decides it in a chart."""
        known = self._after.get(self.head.owners.get(finding.fingerprint))
        return None if known is None else self._object(self.head, finding, *known)

    def _counterpart(self, finding: Finding, after: Object) -> Object | None:
        """Return the object in BASE: a workload wherever it was, another object in the same file."""
        owner = self.head.owners.get(finding.fingerprint)
        if owner is not None:
            known = self._before.get(owner)
            return None if known is None else self._object(self.base, finding, *known)
        return self._object(self.base, finding, after.file, after.line)

    def _object(self, side: Result, finding: Finding, file: str, line: int) -> Object | None:
        """Return the object that a finding is about: of several of one identity the last that starts above a line."""
        identity = identity_of(0, finding.workload)
        same = [obj for obj in self._read(side, file) if _identity(obj) == identity]
        above = [obj for obj in same if obj.line <= line]
        return next(iter([*reversed(above), *same]), None)

    def _read(self, side: Result, file: str) -> tuple[Object, ...]:
        key = f"{id(side)}\0{file}"
        if key not in self._objects:
            some = [item for item in side.files.values() if file in (item.shown, _template(item))]
            self._objects[key] = tuple(obj for item in some for obj in read_file(item, self.read).objects)
        return self._objects[key]


def _template(file: InputFile) -> str | None:
    return None if file.rendered is None else file.rendered.template


def _identity(obj: Object) -> Identity:
    return 0, obj.api_version.rpartition("/")[0], obj.kind, obj.namespace, obj.name


def _allowed(finding: Finding, after: Object, before: Object) -> list[Waiver]:
    """Return HEAD's inline waivers that may cover a finding and that BASE has too."""
    place = before.place(_same_path(parse_path(finding.path), after.data, before.data))
    known = (*_near(before, place.line if place else 0), *annotation_waivers(before)[0])
    return [waiver for waiver in _inline(finding, after) if any(_covers(old, waiver) for old in known)]


def _inline(finding: Finding, obj: Object) -> Sequence[Waiver]:
    """Return the inline waivers that may cover a finding, in the order in which they are tried."""
    return (*_near(obj, finding.place.line if finding.place else 0), *annotation_waivers(obj)[0])


def _near(obj: Object, line: int) -> tuple[Waiver, ...]:
    """Return the waivers in comments on a line and the one above."""
    by_line, _ = comment_waivers(obj.comments, obj.file)
    return (*by_line.get(line, ()), *by_line.get(line - 1, ()))


def _covers(old: Waiver, new: Waiver) -> bool:
    """Return whether BASE's waiver allows what HEAD's does."""
    same = ("policy", "kind", "namespace", "name", "containers")
    written_so = old.by.partition(" ")[0] == new.by.partition(" ")[0]
    return written_so and old.until >= new.until and all(getattr(old, key) == getattr(new, key) for key in same)


def _same_path(path: Path, after: object, before: object) -> Path:
    """Return a path of HEAD's object in BASE's: items of lists are told by their names."""
    found: list[str | int] = []
    for step in path:
        after = _item(after, step)
        if isinstance(step, int) and isinstance(before, list) and isinstance(after, dict) and "name" in after:
            name = after["name"]
            same = [n for n, item in enumerate(before) if isinstance(item, dict) and item.get("name") == name]
            if not same:
                break
            step = same[0]  # noqa: PLW2901 - the item's place in BASE
        found.append(step)
        before = _item(before, step)
    return tuple(found)


def _item(value: object, step: str | int) -> object:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None
