"""Which key of the values decides what stands at a place of a rendering: shown by rendering again with other values.

Many keys are changed at once, each to a value of its own that occurs nowhere else. Where the second rendering has such
a value, and is the first again once it is put back, that key is the one. A value that a template computes with, or that
two keys make, is nobody's; so is what `--set` says. What cannot be shown is told at the template.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from auditor.findings import Place
from auditor.kube.paths import Path
from auditor.sources.read import plain_documents
from auditor.sources.render.layers import Layer
from auditor.sources.render.process import ToolError

Table = dict[Path, Place]
"""For one document: the key that decides what stands at a path."""
Probe = dict[str, Any]
"""Values to render with besides."""
Pieces = Sequence[tuple[str, bytes]]

_MAX_CANDIDATES = 1_000
_MAX_CHARS = 1_000
_FIRST_MARK = 7001
_MARK = re.compile(r"\d{4,}")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?([kKMGTPE]i?|m)?[bB]?")
_FLAGS = re.compile(r"-X|-XX:|max-old-space|max-semi-space|MEMLIMIT|maxmemory|GCHeap|[0-9]+[kKmMgG]\b")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_BLOCKS = re.compile(r"(resources|limits|requests)$", re.IGNORECASE)
_EXTRA = "auditorProbe"


@dataclass(frozen=True, slots=True)
class _Mark:
    """A changed value: what it was and became, as a rendering writes both."""

    before: str
    after: str
    place: Place
    path: Path
    value: Any


def probe_places(pieces: Pieces, stack: Sequence[Layer], render: Callable[[Probe], Pieces]) -> list[Table]:
    """Return the table of each document; `render` renders with a probe besides, and may raise ToolError."""
    tables: list[Table] = [{} for _ in pieces]
    text = b"\n".join(document for _, document in pieces)
    scalars, blocks = _keys(stack)
    marks = list(_marks(scalars, text))
    texts = [mark for mark in marks if isinstance(mark.value, str)]
    # Where a template refuses what it was given, less is tried: without keys in mappings, then without numbers.
    attempts: tuple[tuple[list[_Mark], dict[Path, Place]], ...] = ((marks, blocks), (marks, {}), (texts, {}))
    for index, (some, more) in enumerate(attempts):
        if not (some or more) or (some, more) in attempts[:index]:
            continue
        try:
            again = render(_probe(some, more, stack))
        except ToolError:
            continue
        by_number = {digits: mark for mark in some for digits in _MARK.findall(mark.after)}
        _Comparison(by_number, list(more.values())).fill(pieces, again, tables)
        break
    return tables


def _keys(stack: Sequence[Layer]) -> tuple[dict[Path, tuple[Any, Place]], dict[Path, Place]]:
    """Return the scalars, and the mappings of resources, that hold in the end, each with the key that says it last."""
    scalars: dict[Path, tuple[Any, Place]] = {}
    blocks: dict[Path, Place] = {}
    for layer in stack:
        for path, value in _nodes(layer.data, ()):
            full = (*layer.prefix, *path)
            if not isinstance(value, dict):
                # A list or a scalar replaces all that was there.
                for known in (scalars, blocks):
                    for other in [key for key in known if key[: len(full)] == full]:
                        del known[other]
            place = layer.place(path)
            if place is None or isinstance(value, (list, bool)) or value is None:
                continue
            if not isinstance(value, dict):
                scalars[full] = value, place
            elif path and _BLOCKS.search(str(path[-1])) and not any(isinstance(step, int) for step in path):
                blocks[full] = place
    return scalars, blocks


def _nodes(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield every node below a value, parents first."""
    if path:
        yield path, value
    children: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    for step, child in children:
        yield from _nodes(child, (*path, step))


def _marks(scalars: Mapping[Path, tuple[Any, Place]], text: bytes) -> Iterator[_Mark]:
    """Yield a change for each value that is about an amount and occurs in the rendering."""
    number, made = _FIRST_MARK, 0
    for path, (value, place) in scalars.items():
        before = str(value)
        is_text = isinstance(value, str)
        if is_text and not (_AMOUNT.fullmatch(before) or (_FLAGS.search(before) and _NUMBER.search(before))):
            continue
        if made >= _MAX_CANDIDATES or len(before) > _MAX_CHARS or before.encode() not in text:
            continue
        while str(number).encode() in text:
            number += 1
        after = _NUMBER.sub(str(number), before, count=1) if is_text else str(number)
        yield _Mark(before, after, place, path, after if is_text else number)
        number, made = number + 1, made + 1


def _probe(marks: Sequence[_Mark], blocks: Mapping[Path, Place], stack: Sequence[Layer]) -> Probe:
    """Return the values that change all that: whole lists where one of their items changes."""
    probe: Probe = {}
    for mark in marks:
        steps = mark.path
        depth = next((i for i, step in enumerate(steps) if isinstance(step, int)), None)
        if depth is None:
            _put(probe, steps, mark.value)
            continue
        head, rest = steps[:depth], steps[depth:]
        held = _at(probe, head)
        if held is None:
            held = deepcopy(_last_list(stack, head))
            _put(probe, head, held)
        for step in rest[:-1]:
            held = held[step]
        held[rest[-1]] = mark.value
    for number, path in enumerate(blocks):
        _put(probe, (*path, f"{_EXTRA}{number}"), str(number))
    return probe


def _put(probe: Probe, path: Path, value: Any) -> None:
    here: Any = probe
    for step in path[:-1]:
        here = here.setdefault(step, {})
    here[path[-1]] = value


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data


def _last_list(stack: Sequence[Layer], path: Path) -> Any:
    for layer in reversed(stack):
        if path[: len(layer.prefix)] == layer.prefix:
            found = _at(layer.data, path[len(layer.prefix) :])
            if isinstance(found, list):
                return found
    return []


class _Comparison:
    """Two renderings held against each other."""

    def __init__(self, marks: Mapping[str, _Mark], blocks: Sequence[Place]) -> None:
        self._marks = marks
        self._blocks = blocks

    def fill(self, pieces: Pieces, again: Pieces, tables: Sequence[Table]) -> None:
        """Put what is shown into the tables of the first rendering's documents."""
        others: dict[tuple[str, ...], Any] = {}
        for source, text in again:
            data = _data(text)
            key = self._identity(source, data)
            others[key] = None if key in others else data
        for (source, text), table in zip(pieces, tables, strict=True):
            data = _data(text)
            other = others.get(self._identity(source, data))
            if isinstance(data, dict) and isinstance(other, dict):
                self._compare(data, other, (), table)

    def _identity(self, source: str, data: Any) -> tuple[str, ...]:
        """Return what an object is in both renderings."""
        held = data if isinstance(data, dict) else {}
        metadata = held.get("metadata")
        named = metadata if isinstance(metadata, dict) else {}
        words = (held.get("apiVersion"), held.get("kind"), named.get("namespace"), named.get("name"))
        return (source, *(self._restored(str(word)) for word in words))

    def _restored(self, text: str) -> str:
        mark = self._mark_in(text)
        return text.replace(mark.after, mark.before) if mark else text

    def _mark_in(self, text: str) -> _Mark | None:
        """Return the one mark in a text, None without one or with several."""
        found = {id(mark): mark for digits in _MARK.findall(text) if (mark := self._marks.get(digits))}
        return next(iter(found.values())) if len(found) == 1 else None

    def _block(self, key: Any) -> Place | None:
        """Return the mapping that a key was added to, None for any other key."""
        number = str(key).removeprefix(_EXTRA)
        is_ours = number != str(key) and number.isdecimal() and int(number) < len(self._blocks)
        return self._blocks[int(number)] if is_ours else None

    def _compare(self, first: Any, second: Any, path: Path, table: Table) -> None:
        if isinstance(first, dict) and isinstance(second, dict):
            for key in second.keys() - first.keys():
                block = self._block(key)
                if block is not None:
                    table[path] = block
                # `{{ with .Values.resources }}`: what is absent now is there as soon as the mapping holds something.
                inside = second[key].keys() if isinstance(second[key], dict) else ()
                table.update({(*path, key): found for inner in inside if (found := self._block(inner))})
            for key in first.keys() & second.keys():
                self._compare(first[key], second[key], (*path, key), table)
        elif isinstance(first, list) and isinstance(second, list):
            if len(first) == len(second):
                for index, (one, other) in enumerate(zip(first, second, strict=True)):
                    self._compare(one, other, (*path, index), table)
        elif isinstance(second, (str, int, float)) and first != second:
            mark = self._mark_in(str(second))
            if mark is not None and str(second).replace(mark.after, mark.before) == str(first):
                table[path] = mark.place


def _data(text: bytes) -> Any:
    return next((data for data, _ in plain_documents(text)), None)
