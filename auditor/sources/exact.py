"""The exact path: libyaml's events composed into plain data whose every node knows its text.

libyaml is what go-yaml is a port of, so it accepts and refuses what Kubernetes does. The events are composed here,
with limits, because PyYAML's own composer recurses in C and a deep document would end the process.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from auditor.findings import Place
from auditor.kube.paths import Path
from auditor.sources.lines import Lines
from auditor.sources.scalars import Scalar, key_text, resolve_plain

MAX_DEPTH = 64
MAX_EXPANDED_NODES = 100_000
MAX_ALIASES = 1_000
"""Anchors and aliases of one document."""

_TAG = "tag:yaml.org,2002:"


class DocumentError(Exception):
    """Why a document cannot be read; `offset` is a byte offset in the file, None when no place is known."""

    def __init__(self, reason: str, offset: int | None = None, second: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.second = second
        """The offset of the other place that the reason is about: the first of two equal keys."""


@dataclass(slots=True)
class Node:
    """A composed node: its data and where its text stands, in characters of the document."""

    start: int
    end: int
    data: Any = None
    entries: "dict[str | int, Entry]" = field(default_factory=dict)
    """Children by key or index."""
    size: int = 1
    """Nodes below and including this one, aliases expanded."""
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A child of a node."""

    token: tuple[int, int] | None
    """The key's text; None for a list item."""
    node: Node
    merged: tuple[int, int] | None = None
    """The alias of the merge key that the entry came through."""
    alias: tuple[int, int] | None = None
    """The alias that stands for the node."""


class ExactLocator:
    """Places of a document that libyaml composed."""

    def __init__(self, root: Node, text: str, base: int, lines: Lines) -> None:
        self._root = root
        self._text = text
        self._base = base
        self._lines = lines

    def place(self, path: Path) -> Place:
        """Return the place of the key at `path`, or of its nearest existing parent."""
        token, _ = self._walk(path)
        return self._place(token)

    def alias_place(self, path: Path) -> Place | None:
        """Return the place of the first alias on the way to `path`, None when there is none."""
        _, alias = self._walk(path)
        return self._place(alias) if alias else None

    def _walk(self, path: Path) -> tuple[tuple[int, int], tuple[int, int] | None]:
        node, token, alias, pending = self._root, first_token(self._root), None, None
        for step in path:
            entry = node.entries.get(step)
            if entry is None:
                break
            # The key of an aliased value stands in its own text; only what is below, or an item itself, does not.
            alias = alias or pending or entry.merged
            if entry.token is None:
                alias = alias or entry.alias
            pending = entry.alias
            token = entry.token or first_token(entry.node)
            node = entry.node
        return token, alias

    def _place(self, token: tuple[int, int]) -> Place:
        start = self._base + len(self._text[: token[0]].encode())
        return self._lines.place(start, start + len(self._text[token[0] : token[1]].encode()))


def first_token(node: Node) -> tuple[int, int]:
    """Return the first key or scalar of a node; of an empty container its own text."""
    while node.entries:
        entry = next(iter(node.entries.values()))
        if entry.token is not None and entry.merged is None:
            return entry.token
        if entry.merged is not None:
            return node.start, node.start + 2  # the merge key `<<` itself
        node = entry.node
    return node.start, node.end


def compose(text: str, base: int, lines: Lines) -> tuple[Any, ExactLocator]:
    """Return the data of one document and its locator; raises DocumentError.

    `base` is the byte offset of the document in the file.
    """
    composer = _Composer(text, base)
    try:
        root = composer.document()
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise DocumentError(f"YAML error: {problem}", composer.offset(getattr(mark, "index", 0))) from error
    except yaml.YAMLError as error:
        # A reader error has no mark of its own; its position counts bytes.
        position = getattr(error, "position", None)
        offset = None if position is None or position < 0 else min(base + position, base + len(text.encode()))
        raise DocumentError(f"YAML error: {getattr(error, 'reason', error)}", offset) from error
    return root.data, ExactLocator(root, text, base, lines)


def scalar_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the scalars of one document stand, in characters; ends quietly at an error."""
    next_event: Callable[[], Any] = CParser(text).get_event
    try:
        while not isinstance(event := next_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.ScalarEvent):
                yield _span(event)
    except yaml.YAMLError:
        return


class _Composer:
    def __init__(self, text: str, base: int) -> None:
        self._text = text
        self._base = base
        self._next: Callable[[], Any] = CParser(text).get_event
        self._anchors: dict[str, Node] = {}
        self._aliases = 0
        self._expanded = 0

    def offset(self, index: int) -> int:
        """Return the byte offset in the file of a character of the document."""
        return self._base + len(self._text[:index].encode())

    def _error(self, reason: str, index: int, second: int | None = None) -> DocumentError:
        return DocumentError(reason, self.offset(index), None if second is None else self.offset(second))

    def document(self) -> Node:
        event: Any = self._next()
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return Node(0, 0, complete=True)
        root, _ = self._node(event, 1)
        while not isinstance(event := self._next(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                raise self._error("YAML error: more than one document here", _span(event)[0])
        return root

    def _node(self, event: Any, depth: int) -> tuple[Node, tuple[int, int] | None]:
        """Return the node that starts with an event, and the alias's text when it is one."""
        start, end = _span(event)
        if depth > MAX_DEPTH and isinstance(event, yaml.CollectionStartEvent):
            raise self._error(f"deeper than {MAX_DEPTH} levels", start)
        if event.anchor is not None:
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise self._error(f"more than {MAX_ALIASES} anchors and aliases", start)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), start), (start, end)
        node = Node(start, end)
        if event.anchor is not None:
            node.start = self._after_properties(start)
            self._anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.data = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._sequence(node, depth)
        else:
            self._mapping(node, depth)
        node.complete = True
        return node, None

    def _after_properties(self, start: int) -> int:
        """Return where the node's own text starts behind `&anchor` and `!tag`."""
        text, end = self._text, len(self._text)
        while start < end and text[start] in "&!":
            while start < end and not text[start].isspace():
                start += 1
            while start < end and text[start].isspace():
                start += 1
        return start

    def _alias(self, name: str, start: int) -> Node:
        node = self._anchors.get(name)
        if node is None:
            raise self._error(f"YAML error: unknown anchor {name!r}", start)
        if not node.complete:
            raise self._error(f"the alias {name!r} contains itself", start)
        self._expanded += node.size
        if self._expanded > MAX_EXPANDED_NODES:
            raise self._error(f"aliases expand to more than {MAX_EXPANDED_NODES} nodes", start)
        return node

    def _scalar(self, event: Any) -> Scalar:
        value: str = event.value
        plain = event.implicit[0]
        tag = event.tag or ""
        if tag.startswith(_TAG):
            return self._tagged(tag[len(_TAG) :], value, _span(event)[0])
        resolved = resolve_plain(value) if plain and not tag else value
        return self._json(resolved, event.start_mark.index)

    def _tagged(self, tag: str, value: str, start: int) -> Scalar:
        if tag == "str":
            return value
        resolved = resolve_plain(value)
        kinds: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "null": type(None), "timestamp": str}
        if tag == "binary":
            raise self._error("the tag !!binary is not supported: write base64 text without a tag", start)
        if tag not in kinds:
            return value
        if not isinstance(resolved, kinds[tag]) or (tag in ("int", "float") and isinstance(resolved, bool)):
            raise self._error(f"YAML error: cannot decode {value[:40]!r} as !!{tag}", start)
        return self._json(resolved, start)

    def _json(self, value: Scalar, start: int) -> Scalar:
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124 - NaN
            raise self._error("infinity and NaN are no JSON numbers: Kubernetes refuses them", start)
        return value

    def _sequence(self, node: Node, depth: int) -> None:
        items: list[Any] = []
        event: Any
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            child, alias = self._node(event, depth + 1)
            node.entries[len(items)] = Entry(None, child, alias=alias)
            items.append(child.data)
            node.size += child.size
        node.data = items
        node.end = _span(event)[1]

    def _mapping(self, node: Node, depth: int) -> None:
        data: dict[str, Any] = {}
        written: dict[str, int] = {}
        event: Any
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if _is_merge(event):
                self._merge(node, data, depth)
                continue
            token = _span(event)
            key = self._key(event, depth)
            if key in written:
                raise self._error(f"duplicate key {key!r}", token[0], written[key])
            written[key] = token[0]
            child, alias = self._node(self._next(), depth + 1)
            node.entries[key] = Entry(token, child, alias=alias)
            data[key] = child.data
            node.size += 1 + child.size
        node.data = data
        node.end = _span(event)[1]

    def _key(self, event: Any, depth: int) -> str:
        start = event.start_mark.index
        if not isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)):
            raise self._error("a key must be a scalar", start)
        node, _ = self._node(event, depth + 1)
        text = None if isinstance(node.data, (dict, list)) else key_text(node.data)
        if text is None:
            raise self._error("a key must be a scalar that is not null", start)
        return text

    def _merge(self, node: Node, data: dict[str, Any], depth: int) -> None:
        """Copy the entries of a `<<` into the mapping: the first of a list wins.

        NOTE: go-yaml v2 merges where the key stands, so a merge key below an explicit key overwrites it.
        """
        event = self._next()
        value, alias = self._node(event, depth + 1)
        node.size += value.size
        sources = [(value, alias)]
        if isinstance(value.data, list):
            sources = [(entry.node, entry.alias or alias) for entry in reversed(value.entries.values())]
        for source, through in sources:
            if not isinstance(source.data, dict):
                raise self._error("a merge key needs a mapping or a list of mappings", event.start_mark.index)
            for key, entry in source.entries.items():
                node.entries[key] = Entry(entry.token, entry.node, through or entry.merged, entry.alias)
                data[str(key)] = entry.node.data


def _span(event: Any) -> tuple[int, int]:
    """Return where an event's text stands, in characters."""
    return event.start_mark.index, event.end_mark.index


def _is_merge(event: Any) -> bool:
    """Whether an event is the plain key `<<`."""
    if not isinstance(event, yaml.ScalarEvent) or event.value != "<<":
        return False
    return bool(event.implicit[0]) or event.tag == _TAG + "merge"
