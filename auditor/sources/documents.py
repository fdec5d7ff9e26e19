"""Splitting a stream into documents, and reading one: by the fast path where it is sure, else by the exact one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from auditor.sources.exact import DocumentError, compose
from auditor.sources.lines import Lines
from auditor.sources.model import Locator
from auditor.sources.rapid import NotRapid, needs_exact, read_json, read_rapid

_MARKER = re.compile(rb"^(?:---(?=[ \t\r\n]|\Z)|\.\.\.(?=[ \t\r\n]|\Z))([^\r\n]*)(?:\r\n|\n|\r|\Z)", re.MULTILINE)
_LINE_LIKE_A_MARKER = re.compile(rb"\n(?=---|\.\.\.)")
_NOTHING = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n?|\n|\Z))*")
_DIRECTIVES = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?[\r\n]+)*%")
_COMMENT_OR_NOTHING = re.compile(rb"[ \t]*(?:(?<![^ \t\n\r])#.*)?\Z", re.DOTALL)
_TEMPLATE = re.compile(rb"^[^\"'#\r\n]*\{\{", re.MULTILINE)
HELM_REASON = "template that is not rendered: render it (Helm: `helm template`) and scan the output"


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one document and where it stands."""

    text: bytes
    offset: int
    plain: bool
    """Whether it is only content: no directive and nothing on the line of its marker."""
    content: int
    """Offset of the line in which its content begins, behind comments and blank lines."""


def split(content: bytes, start: int = 0) -> Iterator[Document]:
    """Yield the documents that hold more than comments; `start` skips a byte-order mark.

    `---` at the start of a line is a marker everywhere in YAML, inside block scalars and quotes too.
    """
    begin, plain = start, True
    for match in _markers(content, start):
        is_end = match.group().startswith(b".")
        chunk = content[begin : match.start()]
        if _DIRECTIVES.match(chunk) and plain and not is_end:
            plain = False  # the directives belong to the document that this marker starts
            continue
        yield from _document(chunk, begin, plain=plain)
        plain = is_end or _COMMENT_OR_NOTHING.match(match.group(1)) is not None
        begin = match.end() if plain else match.start()
    yield from _document(content[begin:], begin, plain=plain)


def _markers(content: bytes, start: int) -> Iterator[re.Match[bytes]]:
    """Yield the markers; asking at line ends alone costs a fifth of asking everywhere."""
    first = _MARKER.match(content, start)
    if first:
        yield first
    for end in _LINE_LIKE_A_MARKER.finditer(content, start):
        match = _MARKER.match(content, end.end())
        if match:
            yield match


def _document(chunk: bytes, begin: int, *, plain: bool) -> Iterator[Document]:
    matched = _NOTHING.match(chunk)
    if matched is None or matched.end() < len(chunk):
        yield Document(chunk, begin, plain, begin + (matched.end() if matched else 0))


def read_document(document: Document, lines: Lines, *, unusual: bool = False) -> tuple[Any, Locator]:
    """Return the data of a document and its locator; raises DocumentError.

    `unusual` says that the file holds characters on which the fast path is not sure.
    """
    text, base = document.text, document.offset
    if document.plain and text.lstrip()[:1] in (b"{", b"["):
        try:
            return read_json(text, base, lines)
        except NotRapid:
            pass
    if document.plain and not unusual and not needs_exact(text):
        try:
            return read_rapid(text, base, lines, lambda: compose(text.decode(), base, lines)[1])
        except NotRapid:
            pass
    try:
        return compose(text.decode(), base, lines)
    except DocumentError as error:
        template = _TEMPLATE.search(text)
        if template is None or error.reason.startswith("duplicate key"):
            raise
        raise DocumentError(HELM_REASON, base + template.end() - 2) from error
