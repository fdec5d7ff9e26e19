"""Edits of a document as replacements of its text: only the characters that must change do."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from auditor.findings import Edit
from auditor.fixes.tree import EditError, Entry, Found, Node, Tree
from auditor.kube.paths import path_text
from auditor.sources.scalars import resolve_plain

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/+-]*[A-Za-z0-9])?")
"""What is surely a plain scalar in every context; whether it is a text is asked besides."""
_STEP = 2
"""How far a block is indented where the document shows no other habit."""


@dataclass(frozen=True, slots=True)
class Splice:
    """A piece of a text and what stands there instead; offsets are characters."""

    start: int
    end: int
    text: str


def splice_for(text: str, edit: Edit) -> Splice:
    """Return the one replacement that makes an edit in a document's text; its path begins at the document's root.

    Raises EditError where it cannot be made: shared text, a key that is not there, what cannot be written safely.
    """
    tree = _tree(text)
    found = tree.find(edit.path)
    if edit.op == "set":
        return _Writer(tree).set(found, edit.value)
    if found.missing:
        raise EditError(f"{path_text(edit.path)} is not written here", found.nodes[-1].start)
    if edit.op == "rename":
        return _renamed(found, edit.value)
    return _removed(found, tree)


@lru_cache(maxsize=2)
def _tree(text: str) -> Tree:
    """Return the tree of a text: of a long list each fix is tried on the same one."""
    return Tree(text)


class _Writer:
    """Writes values in the style of what stands around them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._text = tree.text
        self._json = tree.text.lstrip()[:1] in ("{", "[") and '"' in tree.text
        self._break = "\r\n" if "\r\n" in tree.text else "\n"

    def set(self, found: Found, value: str) -> Splice:
        """Return the replacement that gives a path a value, with the parents that are missing."""
        node = found.nodes[-1]
        if not found.missing:
            return self._replaced(node, value)
        names = [str(step) for step in found.missing]
        if any(isinstance(step, int) for step in found.missing):
            raise EditError("an item of a list is not there", node.start)
        if node.kind == "mapping":
            if any(entry.merge or entry.name is None for entry in node.entries):
                raise EditError("a merge key or an alias stands among the keys here", node.start)
            return self._added(node, names, value)
        if node.kind != "scalar" or node.style or resolve_plain(node.value) is not None or node.tag:
            raise EditError("no mapping stands here", node.start)
        return self._filled(found, names, value)

    def _replaced(self, node: Node, value: str) -> Splice:
        if node.kind == "alias":
            return Splice(node.start, node.end, self._scalar(value, ""))
        self._tree.own(node)
        written = self._text[node.start : node.end]
        if node.kind != "scalar" or node.style in ("|", ">") or "\n" in written:
            raise EditError("no value of one line stands here", node.start)
        if node.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise EditError(f"the value has the tag {node.tag}", node.start)
        if node.start == node.end:
            self._after_colon(node)
            return Splice(node.start, node.start, " " + self._scalar(value, ""))
        return Splice(node.start, node.end, self._scalar(value, node.style))

    def _after_colon(self, node: Node) -> None:
        if self._text[node.start - 1 : node.start] != ":" or node.anchor or node.tag:
            raise EditError("the empty value here has no place of its own", node.start)

    def _scalar(self, value: str, quote: str) -> str:
        """Return a text as a scalar, in the quotes that were there."""
        if self._json or quote == '"' or not value.isprintable():
            return json.dumps(value, ensure_ascii=False)
        if quote == "'" or not _PLAIN.fullmatch(value) or not isinstance(resolve_plain(value), str):
            return "'" + value.replace("'", "''") + "'"
        return value

    def _flow(self, names: list[str], value: str) -> str:
        """Return `key: {key: value}`."""
        text = self._scalar(value, "")
        for position, name in enumerate(reversed(names)):
            text = f"{self._scalar(name, '')}: {text if position == 0 else '{' + text + '}'}"
        return text

    def _lines(self, names: list[str], value: str, indent: int, step: int) -> str:
        """Return a block of keys, a line each, without the last line break."""
        lines = [" " * (indent + depth * step) + f"{self._scalar(name, '')}:" for depth, name in enumerate(names)]
        lines[-1] += " " + self._scalar(value, "")
        return self._break.join(lines)

    def _added(self, node: Node, names: list[str], value: str) -> Splice:
        """Return the replacement that adds a key to a mapping."""
        if not node.flow:
            column = _column(self._text, _key(node.entries[0]).start)
            return self._behind(node, self._lines(names, value, column, _step(node, self._text)))
        if not node.entries:
            return Splice(node.start, node.end, "{" + self._flow(names, value) + "}")
        first, last = _key(node.entries[0]), node.entries[-1].value
        gap = self._text[node.start + 1 : first.start]
        if last.start == last.end:
            raise EditError("the last key here has no value", last.start)
        # One key a line, as JSON is mostly written, stays one key a line.
        between = self._break + self._text[_line_start(self._text, first.start) : first.start]
        separator = "," + (between if "\n" in gap and not between.strip() else " ")
        return Splice(last.end, last.end, separator + self._flow(names, value))

    def _behind(self, node: Node, block: str) -> Splice:
        """Return the replacement that puts lines behind the last entry whose end is known."""
        for entry in reversed(node.entries):
            if not entry.value.block_text:
                return self._below(entry.value.end, block)
        raise EditError("only block scalars stand here, whose end cannot be told", node.start)

    def _below(self, offset: int, block: str) -> Splice:
        """Return the replacement that puts lines below the line of an offset, comments of that line left in it."""
        end = self._text.find("\n", offset)
        if end < 0:
            return Splice(len(self._text), len(self._text), self._break + block)
        return Splice(end + 1, end + 1, block + self._break)

    def _filled(self, found: Found, names: list[str], value: str) -> Splice:
        """Return the replacement that gives a key without a value its first entry."""
        node, parent, key = found.nodes[-1], found.nodes[-2], _key(found.steps[-1])
        self._tree.own(node)
        if node.start < node.end:
            return Splice(node.start, node.end, "{" + self._flow(names, value) + "}")
        self._after_colon(node)
        if parent.flow or any(other.flow for other in found.nodes):
            return Splice(node.start, node.start, " {" + self._flow(names, value) + "}")
        step = _step(parent, self._text)
        return self._below(node.start, self._lines(names, value, _column(self._text, key.start) + step, step))


def _renamed(found: Found, name: str) -> Splice:
    key, parent = _key(found.steps[-1]), found.nodes[-2]
    if any(entry.name == name for entry in parent.entries):
        raise EditError(f"{name} stands beside it already", key.start)
    if key.anchor or key.tag:
        raise EditError("the key has an anchor or a tag", key.start)
    return Splice(key.start, key.end, f"{key.style}{name}{key.style}" if _PLAIN.fullmatch(name) else json.dumps(name))


def _removed(found: Found, tree: Tree) -> Splice:
    entry, parent, text = found.steps[-1], found.nodes[-2], tree.text
    key, position = _key(entry), parent.entries.index(entry)
    if len(parent.entries) == 1:
        raise EditError("it is the only key of its mapping", key.start)
    if parent.flow:
        return _unlisted(parent, position, text)
    if text[_line_start(text, key.start) : key.start].strip():
        raise EditError("another key or a dash stands before it in its line", key.start)
    end = entry.value.end
    if entry.value.block_text:
        end = len(text[:end].rstrip())
    stop = text.find("\n", end)
    return Splice(_line_start(text, key.start), len(text) if stop < 0 else stop + 1, "")


def _unlisted(parent: Node, position: int, text: str) -> Splice:
    """Return the replacement that takes an entry out of a mapping in flow style, with one comma."""
    entries = parent.entries
    if position + 1 < len(entries):
        start, end = _key(entries[position]).start, _key(entries[position + 1]).start
    else:
        start, end = entries[position - 1].value.end, entries[position].value.end
    if "#" in text[start:end]:
        raise EditError("a comment may stand in what would be removed", start)
    return Splice(start, end, "")


def _key(entry: Entry) -> Node:
    """Return the key of an entry. Raises EditError for an item of a list, which has none."""
    if entry.key is None:
        raise EditError("an item of a list stands here, no key", entry.value.start)
    return entry.key


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _column(text: str, offset: int) -> int:
    """Return how far a key is indented, a dash before it counted. Raises EditError for an explicit key (`?`)."""
    before = text[_line_start(text, offset) : offset]
    if before.strip(" -"):
        raise EditError("the first key here does not begin its line", offset)
    return len(before)


def _step(mapping: Node, text: str) -> int:
    """Return by how much the document indents a mapping in a mapping, from the entries here."""
    for entry in mapping.entries:
        inner = entry.value
        if inner.kind == "mapping" and not inner.flow and inner.entries and entry.key is not None:
            return max(1, _column(text, _key(inner.entries[0]).start) - _column(text, entry.key.start))
    return _STEP
