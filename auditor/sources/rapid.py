"""The fast path: rapidyaml for plain documents, msgspec for JSON.

rapidyaml is asked only for documents in which it and Kubernetes' decoder surely agree; `needs_exact` says which do
not. A false alarm there costs time, a miss would be a wrong fact.
"""

import ctypes
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import ryml

from auditor.findings import Place
from auditor.kube.paths import Path
from auditor.sources.exact import MAX_DEPTH, DocumentError
from auditor.sources.lines import Lines
from auditor.sources.model import Locator

# Numbers that JSON writes as YAML does need no second look: plain integers and short decimals.
_SAME_IN_JSON = rb"(?!-?(?:0|[1-9][0-9]{0,17})END)(?!-?(?:0|[1-9][0-9]{0,8})\.[0-9]{0,6}[1-9]END)(?!-0(?:\.|END))"
_SUSPICIOUS = rb"""(?=[-|>&*!@`%<?:,\]}~NnYyOoTF+.0-9])(?:
    [&*!@`%]                                            # anchors, aliases, tags, reserved signs
  | <<
  | (?<![\[{])[\]},]                                     # rapidyaml takes a stray bracket for text
  | [?:][ \t\r\n]                                       # an explicit or an empty key
  | null[ ]*+:
  | [|>](?![-+0-9]{0,2}[ ]*+(?:\#|\r?\n))               # rapidyaml takes an odd block header for a good one
  | (?:~|[Nn]ull|NULL|[Yy](?:es)?|YES|[Nn]o?|NO|[Oo]n|ON|[Oo]ff|OFF|True|TRUE|False|FALSE)END
  | NUMBER(?:[-+]?_*(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+0-9_]+)?|[-+]?_*0_*[xXoObB][0-9a-fA-F_]+)END
  | [-+]?\.(?:[iI][nN][fF]|[nN][aA][nN])END
)"""
# Where a plain scalar may start: behind a mark of flow style, a key's colon, or the indentation and dashes of a line.
# Possessive: backtracking through indentation would cost nine tenths of the time.
_START = rb"(?:\[|\{|,|\n|:[ \r\n]|\"[ ]*:|'[ ]*:)[ \r\n]*+(?:-[ ]++)*+"
_END = rb"(?=[ \t\r]*+(?:[\n\#:,\]}]|\Z))"
_NEEDS_EXACT = re.compile(
    (_START + _SUSPICIOUS).replace(b"NUMBER", b"(?=[-+.0-9])" + _SAME_IN_JSON).replace(b"END", _END), re.VERBOSE
)
_TABS = re.compile(rb"[:\-?,\[{\n][ ]*+\t")
"""A tab where rapidyaml sees text, or indentation."""
_ESCAPES = re.compile(rb'\\[^nt"\\/]')
# So far the tree walks to a child faster than a table of them is made.
_NEAR = 32
_CONTROLS = bytes((*range(9), 11, 12, *range(14, 32), 127))
_UNUSUAL = re.compile(rb"\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf|\xef\xbf[\xbe\xbf]")
_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_INNERMOST = re.compile(rb"\[\]|\{\}")
_JSON_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'', re.DOTALL)

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class NotRapid(Exception):  # noqa: N818 - no error: the other path reads the document
    """The document belongs on the exact path."""


def unusual(content: bytes) -> bool:
    """Whether a file holds characters on which YAML parsers differ: controls, lone CR, NEL, separators."""
    if len(content.translate(None, _CONTROLS)) < len(content):
        return True
    if b"\r" in content and content.count(b"\r") > content.count(b"\r\n"):
        return True
    return not content.isascii() and _UNUSUAL.search(content) is not None


def needs_exact(document: bytes) -> bool:
    """Whether a document may mean something else to rapidyaml than to Kubernetes."""
    text = b"\n" + document
    return (
        text.endswith((b" ", b"\t"))  # a last line of blanks without an end is read differently in block scalars
        or (not text.endswith(b"\n") and (b"|" in text or b">" in text))  # a block scalar that ends the text
        or _NEEDS_EXACT.search(text) is not None
        or (b"\\" in text and _ESCAPES.search(text) is not None)
        or (b"\t" in text and _TABS.search(text) is not None)
    )


class _Buffer(ctypes.Structure):
    """CPython's Py_buffer, to learn at which address a view stands."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = (ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int)
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = (ctypes.POINTER(_Buffer),)


def _address(view: Any) -> int:
    buffer = _Buffer()
    _get_buffer(view, ctypes.byref(buffer), 0)
    try:
        return int(buffer.buf or 0)
    finally:
        _release_buffer(ctypes.byref(buffer))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what rapidyaml itself writes to file descriptor 2 from the user's terminal, while it reads a file."""
    try:
        saved = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


class RapidLocator:
    """Places of a document that rapidyaml parsed; where it cannot tell, the exact path is asked."""

    def __init__(  # noqa: PLR0913, PLR0917 - made in two places below
        self, data: Any, tree: Any, buffer: bytearray, base: int, lines: Lines, exact: Callable[[], Locator] | None
    ) -> None:
        self._data = data
        """What the tree decodes to, its keys in the same order."""
        self._tree = tree
        self._buffer = buffer
        """The bytes that the tree points into; parsing has altered them."""
        self._address = 0
        """Where the buffer stands in memory, once it was asked: it never moves."""
        self._base = base
        self._lines = lines
        self._make_exact = exact
        self._exact: Locator | None = None
        self._known: dict[Path, tuple[int, Any]] = {}
        self._children: dict[int, list[int]] = {}
        """Node and data of paths that were asked below: one container is asked for many of its keys."""

    def place(self, path: Path) -> Place:
        """Return the place of the key at `path`, or of its nearest existing parent."""
        node = self._find(path)
        span = self._span(node)
        if span is not None:
            return self._lines.place(*span)
        if self._make_exact is None:
            return self.place(path[:-1]) if path else self._lines.place(self._base, self._base + 1)
        if self._exact is None:
            self._exact = self._make_exact()
        return self._exact.place(path)

    def alias_place(self, path: Path) -> Place | None:  # noqa: ARG002 - a document with aliases is never here
        """Return None: these documents have no aliases."""
        return None

    def _find(self, path: Path) -> int:
        """Return the node at a path or its nearest parent: by position, since the tree's keys may hold escapes."""
        tree = self._tree
        start = len(path) - 1
        if start <= 0 or path[:start] not in self._known:
            start = len(path) - 3
            if start <= 0 or path[:start] not in self._known:
                start = 0
        node, data = self._known[path[:start]] if start else (tree.root_id(), self._data)
        for depth in range(start, len(path)):
            if depth > start and depth >= len(path) - 3:
                self._known[path[:depth]] = (node, data)
            step = path[depth]
            if isinstance(data, dict) and step in data:
                position = list(data).index(str(step))
            elif isinstance(data, list) and isinstance(step, int) and step < len(data):
                position = step
            else:
                break
            data = data[step]
            node = tree.child(node, position) if position < _NEAR else self._children_of(node)[position]
        return node

    def _children_of(self, node: int) -> list[int]:
        """Return all children of a node: the tree walks to each from the first, which is quadratic in a long list."""
        if node not in self._children:
            found: list[int] = []
            child = self._tree.first_child(node)
            while child != ryml.NONE:
                found.append(child)
                child = self._tree.next_sibling(child)
            self._children[node] = found
        return self._children[node]

    def _span(self, node: int) -> tuple[int, int] | None:
        """Return the byte span of the key token, or of an item's first one; None when the tree cannot tell."""
        tree = self._tree
        while not tree.has_key(node):
            if not tree.has_children(node):
                break
            node = tree.first_child(node)
        if tree.has_key(node):
            return self._token(tree.key(node), quoted=tree.is_key_quoted(node))
        if not tree.has_val(node) or tree.is_val_literal(node) or tree.is_val_folded(node):
            return None
        return self._token(tree.val(node), quoted=tree.is_val_quoted(node))

    def _token(self, view: Any, *, quoted: bool) -> tuple[int, int] | None:
        if not view:
            return None
        if not self._address:
            self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        start = self._base + _address(view) - self._address
        content = self._lines.content
        if quoted:
            match = _QUOTED.match(content, start - 1)
            return match.span() if match else None
        # A plain scalar over several lines is folded: then its text is not the source's.
        return (start, start + len(view)) if content.startswith(bytes(view), start) else None


def read_rapid(document: bytes, base: int, lines: Lines, exact: Callable[[], Locator]) -> tuple[Any, Locator]:
    """Return the data of a YAML document and its locator; raises NotRapid.

    The caller has asked `needs_exact` and holds `quiet`. `base` is the document's byte offset in the file.
    """
    buffer = bytearray(document)
    try:
        tree = ryml.parse_in_place(buffer)
        text = ryml.emit_json(tree)
        if '.inf"' in text or '.nan"' in text:
            raise NotRapid  # also what it makes of the strings "nan", 'Infinity' and the like
        data = _decode(text)
        # A duplicate key is lost in decoding, so that less comes out than went in.
        if len(_encode(data)) != len(msgspec.json.format(text.encode(), indent=-1)):
            raise NotRapid
        if not isinstance(data, (dict, list)):
            raise NotRapid
    except (ryml.ExceptionBasic, msgspec.DecodeError, UnicodeError, TypeError, RecursionError) as error:
        raise NotRapid from error
    return data, RapidLocator(data, tree, buffer, base, lines, exact)


def read_json(document: bytes, base: int, lines: Lines) -> tuple[Any, Locator]:
    """Return the data of a JSON document and its locator; raises NotRapid when it is no JSON, DocumentError."""
    try:
        data = _decode(document)
        same = len(_encode(data)) == len(msgspec.json.format(document, indent=-1))
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotRapid from error
    except RecursionError as error:
        raise DocumentError(f"deeper than {MAX_DEPTH} levels", base) from error
    if _json_deeper(document):
        raise DocumentError(f"deeper than {MAX_DEPTH} levels", base)
    buffer = bytearray(_JSON_ESCAPE.sub(b"__", document).replace(b"\t", b" "))
    try:
        tree = ryml.parse_in_place(buffer)
    except ryml.ExceptionBasic as error:
        raise NotRapid from error
    if not same:
        _refuse_duplicates(document, base)
    return data, RapidLocator(data, tree, buffer, base, lines, None)


def _json_deeper(document: bytes) -> bool:
    """Whether JSON nests deeper than the limit: pairs of brackets are removed from the inside outwards."""
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return False
    left = _JSON_STRING.sub(b"", document).translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        left = _INNERMOST.sub(b"", left)
    return bool(left)


_JSON_TOKEN = re.compile(rb'("(?:[^"\\]|\\.)*")\s*(:?)|[{}\[\]]', re.DOTALL)


def _refuse_duplicates(document: bytes, base: int) -> None:
    """Raise DocumentError at the second of two equal keys of one JSON object, if there are any."""
    stack: list[dict[str, int]] = []
    for match in _JSON_TOKEN.finditer(document):
        sign = match.group()
        if sign in (b"{", b"["):
            stack.append({})
        elif sign in (b"}", b"]"):
            stack.pop()
        elif match.group(2):
            key = "?"
            with suppress(ValueError):
                key = json.loads(match.group(1))
            if key in stack[-1]:
                raise DocumentError(f"duplicate key {key!r}", base + match.start(), base + stack[-1][key])
            stack[-1][key] = match.start()
