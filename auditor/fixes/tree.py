"""The text of one YAML document as a tree: where each key and value stands, and how it is written.

Aliases are not followed: the tree is the text, not what the text means.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from auditor.kube.paths import Path
from auditor.sources.scalars import key_text, resolve_plain


class EditError(Exception):
    """Why an edit cannot be written; `offset` is a character of the document's text."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


@dataclass(slots=True)
class Node:
    """A node of the text. Offsets are characters of the document."""

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int
    """Behind an anchor and a tag."""
    end: int
    """Of a block collection the end of its last scalar, without the comments that follow."""
    style: str = ""
    """Of a scalar: a quote, `|` or `>`, empty for a plain one. Of a collection in flow style: `{` or `[`."""
    anchor: str | None = None
    """Its anchor, or the anchor that an alias names."""
    tag: str | None = None
    value: str = ""
    """Of a scalar."""
    entries: "list[Entry]" = field(default_factory=list)

    @property
    def flow(self) -> bool:
        """Whether it is a collection in flow style, as all of JSON is."""
        return self.style in ("{", "[")

    @property
    def block_text(self) -> bool:
        """Whether its text ends in a block scalar, whose end cannot be told from blank lines that follow."""
        last = self
        while last.entries and not last.flow:
            last = last.entries[-1].value
        return last.style in ("|", ">")


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value, or an item of a list, whose key is None."""

    key: Node | None
    value: Node

    @property
    def name(self) -> str | None:
        """The key as Kubernetes' decoder has it; None for an item, a merge key and a key that is an alias."""
        if self.key is None or self.key.kind == "alias" or self.merge:
            return None
        return self.key.value if self.key.style else key_text(resolve_plain(self.key.value))

    @property
    def merge(self) -> bool:
        """Whether it is a merge key, `<<`."""
        return self.key is not None and self.key.value == "<<" and not self.key.style


@dataclass(frozen=True, slots=True)
class Found:
    """How far a path exists in the text."""

    steps: tuple[Entry, ...]
    """The entries on the way."""
    nodes: tuple[Node, ...]
    """The root and the value of each entry."""
    missing: Path
    """The rest of the path, which the text does not have."""


class Tree:
    """One document."""

    def __init__(self, text: str) -> None:
        """Raise EditError for a text that is no YAML; the reader has refused what is deep or large."""
        self.text = text
        self._next: Callable[[], Any] = CParser(text).get_event
        self.used: dict[str, int] = {}
        """Anchor to the place of an alias that names it."""
        try:
            event: Any = self._next()
            while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
                event = self._next()
            self.root = self._node(event)
        except yaml.YAMLError as error:
            raise EditError("is no YAML any more", 0) from error

    def find(self, path: Path) -> Found:
        """Return what of a path the text has. Raises EditError where it is shared: behind an alias or a merge key."""
        steps: list[Entry] = []
        nodes = [self.root]
        for depth, step in enumerate(path):
            here = nodes[-1]
            if here.kind == "alias":
                raise EditError(f"stands behind the alias *{here.anchor}, whose text others share", here.start)
            self.own(here)
            entry = _child(here, step)
            if entry is None:
                return Found(tuple(steps), tuple(nodes), path[depth:])
            steps.append(entry)
            nodes.append(entry.value)
        return Found(tuple(steps), tuple(nodes), ())

    def own(self, node: Node) -> None:
        """Raise EditError when an alias elsewhere repeats this node: an edit in it would change both."""
        if node.anchor in self.used and node.kind != "alias":
            raise EditError(f"stands in the text of &{node.anchor}, which an alias elsewhere repeats", node.start)

    def _node(self, first: Any) -> Node:
        start, end = _span(first)
        if isinstance(first, yaml.AliasEvent):
            name = str(first.anchor)
            self.used.setdefault(name, start)
            return Node("alias", start, end, anchor=name)
        start = self._after_properties(start, first)
        if isinstance(first, yaml.ScalarEvent):
            style = "" if first.style in (None, "") else str(first.style)
            return Node("scalar", start, max(start, end), style, first.anchor, first.tag, first.value)
        sequence = isinstance(first, yaml.SequenceStartEvent)
        node = Node("sequence" if sequence else "mapping", start, end, "", first.anchor, first.tag)
        if first.flow_style:
            node.style = "[" if sequence else "{"
        event: Any = self._next()
        while not isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            key = None if sequence else self._node(event)
            node.entries.append(Entry(key, self._node(event if sequence else self._next())))
            event = self._next()
        node.end = _span(event)[1] if node.flow or not node.entries else node.entries[-1].value.end
        return node

    def _after_properties(self, start: int, event: Any) -> int:
        """Return where the node's own text starts behind `&anchor` and `!tag`."""
        text, end = self.text, len(self.text)
        if event.anchor is None and event.tag is None:
            return start
        while start < end and text[start] in "&!":
            while start < end and not text[start].isspace():
                start += 1
            while start < end and text[start] == " ":
                start += 1
        return start


def _span(event: Any) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index


def _child(node: Node, step: str | int) -> Entry | None:
    if node.kind == "sequence" and isinstance(step, int):
        return node.entries[step] if step < len(node.entries) else None
    if node.kind != "mapping":
        return None
    return next((entry for entry in node.entries if entry.name == step), None)
