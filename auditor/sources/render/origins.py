"""Where the keys of a kustomization's objects stand: in the file that an object comes from, or in a patch.

A place is given only to a key whose text holds the very value that was rendered; everything else is told at the object
in its own file, else at the kustomization.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from auditor.findings import Place
from auditor.kube.paths import Path, value_at
from auditor.sources.kustomize import as_list
from auditor.sources.model import Locator
from auditor.sources.read import plain_documents
from auditor.sources.render.charts import content_of
from auditor.sources.render.kustomizations import Kustomization
from auditor.sources.render.model import Tree

_MAX_PLACES = 100_000
"""Of one rendering; further objects are told as wholes."""
_MAX_AFFIXES = 4
"""So many prefixes of bases are looked for."""


@dataclass(frozen=True, slots=True)
class _Text:
    """An object, or a part of one, as somebody wrote it."""

    data: Any
    place: Callable[[Path], Place]
    target: Any = None
    """What a patch says it is for; None: the object of its own kind and name."""

    def fits(self, kind: Any, name: Any) -> bool:
        """Return whether this is, or changes, an object of that kind and name."""
        if isinstance(self.target, dict):
            return self.target.get("kind") in (None, kind) and _matches(self.target.get("name"), name)
        return isinstance(self.data, dict) and self.data.get("kind") == kind and _name(self.data) == name


class Origins:
    """Finds the places of the objects of one rendering."""

    def __init__(self, members: Sequence[Kustomization], tree: Tree, around: Mapping[str, Any]) -> None:
        self._tree = tree
        self._documents: dict[str, list[tuple[Any, Locator]]] = {}
        self._named: dict[str, dict[tuple[Any, Any], list[_Text]]] = {}
        self._affixes = _affixes([around, *(member.data for member in members)])
        self._patches = [text for member in members for text in self._patches_of(member)]
        self._left = _MAX_PLACES

    def table(self, data: Any, source: str) -> dict[Path, Place]:
        """Return the places of a rendered object that comes from a file; `()` is the object itself."""
        if not isinstance(data, dict):
            return {}
        own = self._own(data, source)
        name = _name(own.data) if own else _name(data)
        patches = [text for text in self._patches if text.fits(data.get("kind"), name)]
        table: dict[Path, Place] = {(): own.place(())} if own else {}
        for path, value, named in _nodes(data, (), ()):
            if self._left <= 0:
                break
            # What a patch sets hides what it is set on; a mapping or list is the object's own.
            mine = [own] if own else []
            texts = [*mine, *patches] if isinstance(value, (dict, list)) else [*patches, *mine]
            place = _place(value, path, named, texts)
            if place is not None:
                self._left -= 1
                table[path] = place
        return table

    def _own(self, data: dict[str, Any], source: str) -> _Text | None:
        """Return the object as its file has it: kustomize may have given its name a prefix or suffix."""
        name = str(_name(data))
        found = []
        for before, after in self._affixes:
            if name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after):
                own = name[len(before) : len(name) - len(after)]
                found += self._objects(source).get((data.get("kind"), own), [])
        return found[0] if len(found) == 1 else None

    def _objects(self, path: str) -> dict[tuple[Any, Any], list[_Text]]:
        """Return the objects of a file by kind and name."""
        if path not in self._named:
            named = self._named.setdefault(path, {})
            for held, locator in self._read(path):
                if isinstance(held, dict) and isinstance(_name(held), str):
                    named.setdefault((held.get("kind"), _name(held)), []).append(_Text(held, locator.place))
        return self._named[path]

    def _read(self, path: str) -> list[tuple[Any, Locator]]:
        if path not in self._documents:
            self._documents[path] = plain_documents(content_of(path), self._tree.shown(path))
        return self._documents[path]

    def _patches_of(self, member: Kustomization) -> Iterator[_Text]:
        for key in ("patchesStrategicMerge", "patches", "patchesJson6902"):
            for index, item in enumerate(as_list(member.data.get(key))):
                target = item.get("target") if isinstance(item, dict) else None
                path = item.get("path") if isinstance(item, dict) else item
                inline = item.get("patch") if isinstance(item, dict) else item
                if isinstance(path, str) and "\n" not in path and os.path.isfile(member.path(path)):  # noqa: PTH113
                    for data, locator in self._read(os.path.realpath(member.path(path))):
                        yield from _patch(data, locator.place, target)
                elif isinstance(inline, str) and member.locator is not None:
                    place = member.locator.place((key, index, "patch") if isinstance(item, dict) else (key, index))
                    for data, _ in plain_documents(inline.encode("utf-8", "surrogatepass")):
                        yield from _patch(data, _always(place), target)


def _affixes(layers: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return what may stand before and behind an object's own name; the first two layers change all names."""
    certain, others = layers[:2], layers[2:]

    def sums(key: str) -> set[str]:
        texts = [str(layer[key]) for layer in others if layer.get(key)][:_MAX_AFFIXES]
        return {"".join(some) for count in range(len(texts) + 1) for some in permutations(texts, count)}

    before = "".join(str(layer.get("namePrefix") or "") for layer in certain)
    after = "".join(str(layer.get("nameSuffix") or "") for layer in reversed(certain))
    return [(before + one, other + after) for one in sums("namePrefix") for other in sums("nameSuffix")]


def _always(place: Place) -> Callable[[Path], Place]:
    return lambda _: place


def _patch(data: Any, place: Callable[[Path], Place], target: Any) -> Iterator[_Text]:
    """Yield a patch; a JSON patch as one text for each value that it puts somewhere."""
    if isinstance(data, dict):
        yield _Text(data, place, target)
        return
    for index, operation in enumerate(as_list(data)):
        if isinstance(operation, dict) and isinstance(operation.get("path"), str) and "value" in operation:
            steps = [_unescaped(step) for step in operation["path"].split("/")[1:]]
            yield _Text(_Put(tuple(steps), operation["value"]), _below(place, index, len(steps)), target)


def _below(place: Callable[[Path], Place], index: int, depth: int) -> Callable[[Path], Place]:
    return lambda path: place((index, "value", *path[depth:]))


@dataclass(frozen=True, slots=True)
class _Put:
    """A value that a JSON patch puts at a path."""

    steps: tuple[str, ...]
    value: Any


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _place(value: Any, path: Path, named: tuple[Any, ...], texts: Sequence[_Text]) -> Place | None:
    """Return the place of the first text that holds the rendered value; of a mapping or list, that has one there."""
    for text in texts:
        if isinstance(text.data, _Put):
            steps = text.data.steps
            if tuple(map(str, path[: len(steps)])) == steps:
                held, here = value_at(text.data.value, path[len(steps) :]), path
            else:
                continue
        else:
            found = _found(text.data, path, named)
            if found is None:
                continue
            held, here = found
        if type(held) is type(value) and (isinstance(value, (dict, list)) or held == value):
            return text.place(here)
    return None


def _found(data: Any, path: Path, named: tuple[Any, ...]) -> tuple[Any, Path] | None:
    """Return what a text has at a path of the rendering, and the text's own path: items of lists go by name."""
    here: list[Any] = []
    for step, name in zip(path, named, strict=True):
        index = step
        if isinstance(data, list) and name is not None:
            index = next((i for i, item in enumerate(data) if isinstance(item, dict) and item.get("name") == name), -1)
        is_item = isinstance(data, list) and isinstance(index, int) and 0 <= index < len(data)
        if not is_item and not (isinstance(data, dict) and index in data):
            return None
        data = data[index]
        here.append(index)
    return data, tuple(here)


def _nodes(value: Any, path: Path, named: tuple[Any, ...]) -> Iterator[tuple[Path, Any, tuple[Any, ...]]]:
    """Yield every node below an object with its path, and the names of the items on the way."""
    if path:
        yield path, value, named
    if isinstance(value, dict):
        for key, child in value.items():
            if path or key not in ("apiVersion", "kind", "metadata"):
                yield from _nodes(child, (*path, key), (*named, None))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            name = child.get("name") if isinstance(child, dict) else None
            yield from _nodes(child, (*path, index), (*named, name))


def _name(data: Any) -> Any:
    return value_at(data, ("metadata", "name"))


def _matches(pattern: Any, name: Any) -> bool:
    """Return whether a target's name, a regular expression to kustomize, covers a name; untrusted: a plain one only."""
    if not isinstance(pattern, str):
        return True
    return pattern == name or (re.fullmatch(r"[\w.-]*\.\*", pattern) is not None and str(name).startswith(pattern[:-2]))
