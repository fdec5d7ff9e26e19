"""Reading what was rendered: the objects of the text, told at places that exist in the repository."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditor.findings import Place, Skipped
from auditor.kube.paths import Path
from auditor.sources.model import FileResult, Object, RenderedFrom

_NOWHERE: Mapping[Path, Place] = {}


@dataclass(frozen=True, slots=True)
class RenderedPlaces:
    """Places of one rendered object: keys that decide what it holds, the template for all else."""

    origin: RenderedFrom
    places: Mapping[Path, Place]
    start: Path
    """The object's own path in its document."""
    data: Any

    def place(self, path: Path) -> Place:
        """Return the place of the key that decides what stands at `path`, or at its nearest existing parent."""
        return self._key(path) or self.places.get((), self.origin.place)

    def alias_place(self, path: Path) -> Place | None:
        """Return the template, where the place is in another file."""
        key = self._key(path)
        return self.origin.place if key is not None and key.file != self.origin.place.file else None

    def _key(self, path: Path) -> Place | None:
        known = len(self.start) + _existing(self.data, path[len(self.start) :])
        # A key may be known to decide what is absent now: `resources: {}` in the values.
        return next(
            (self.places[path[:end]] for end in range(len(path), known - 1, -1) if path[:end] in self.places), None
        )


def _existing(data: Any, path: Path) -> int:
    """Return how many steps of a path exist in plain data."""
    for depth, step in enumerate(path):
        is_item = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if not is_item and not (isinstance(data, dict) and step in data):
            return depth
        data = data[step]
    return len(path)


def as_rendered(result: FileResult, origin: RenderedFrom) -> FileResult:
    """Return what a rendered text gave, at places of the repository.

    Comments are left out: they stand beside rendered lines, which no finding names.
    """
    return FileResult(
        objects=tuple(_object(obj, origin) for obj in result.objects),
        skipped=tuple(_skipped(item, origin) for item in result.skipped),
        foreign_documents=result.foreign_documents,
    )


def _object(obj: Object, origin: RenderedFrom) -> Object:
    document = bisect_right(origin.starts, obj.line) - 1
    places = origin.places[document] if 0 <= document < len(origin.places) else _NOWHERE
    start = places.get((), origin.place)
    locator = RenderedPlaces(origin, places, obj.path, obj.data)
    return replace(obj, line=start.line, locator=locator, comments=(), template=origin.template)


def _skipped(item: Skipped, origin: RenderedFrom) -> Skipped:
    where = f"line {item.line} of what it renders to: " if item.line is not None else ""
    place = origin.place
    return Skipped(place.file, place.line, place.column, f"{where}{item.reason}", item.cluster)
