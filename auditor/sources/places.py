"""Locators of objects that left their text behind: they cross processes and cost little."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditor.findings import Place
from auditor.kube.paths import Path
from auditor.sources.model import Locator, Object

_MAX_PATHS = 2_000
"""An object with more keys keeps the places of the first ones; the others are told at their nearest parent."""


@dataclass(frozen=True, slots=True)
class KeptPlaces:
    """Knows the place of each path that the object has."""

    start: Place
    places: Mapping[Path, Place]
    aliases: Mapping[Path, Place]

    def place(self, path: Path) -> Place:
        """Return the place of the key at `path`, of its nearest existing parent where it does not exist."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, self.start)

    def alias_place(self, path: Path) -> Place | None:
        """Return the place of the alias through which `path` is reached, None when there is none."""
        return self.aliases.get(path)


def with_kept_places(obj: Object, keys: tuple[str, ...]) -> Object:
    """Return the object with the places of what it holds below some of its keys, and without its text."""
    locator = obj.locator
    if locator is None:
        return obj
    places: dict[Path, Place] = {}
    aliases: dict[Path, Place] = {}
    for key in keys:
        if key in obj.data and len(places) < _MAX_PATHS:
            _keep(obj.data[key], (*obj.path, key), locator, places, aliases)
    return replace(obj, locator=KeptPlaces(locator.place(obj.path), places, aliases))


def _keep(value: Any, path: Path, locator: Locator, places: dict[Path, Place], aliases: dict[Path, Place]) -> None:
    places[path] = locator.place(path)
    alias = locator.alias_place(path)
    if alias is not None:
        aliases[path] = alias
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        if len(places) >= _MAX_PATHS:
            return
        _keep(child, (*path, step), locator, places, aliases)
