"""A file as its documents: a fix costs the document that it is in, and no more."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from auditor.findings import Finding
from auditor.fixes.files import RefusedError, Slice, fixed, slices
from auditor.sources.read import ReadOptions


class File:
    """One file and its documents."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._documents = [Document(content[one.start : one.end], one) for one in slices(content)]
        self._lines = [one.slice.line for one in self._documents]

    def document(self, finding: Finding) -> "Document":
        """Return the document that a finding is in. Raises RefusedError when there is none."""
        line = finding.place.line if finding.place else 0
        position = bisect_right(self._lines, line) - 1
        if position < 0:
            raise RefusedError("the file has changed meanwhile")
        return self._documents[position]

    def with_texts(self, texts: Mapping[int, bytes]) -> bytes:
        """Return the content with other texts of some documents, by where they start."""
        parts, end = [], 0
        for one in self._documents:
            parts += [self._content[end : one.slice.start], texts.get(one.slice.start, one.text)]
            end = one.slice.end
        return b"".join([*parts, self._content[end:]])


class Document:
    """One document of a file."""

    def __init__(self, text: bytes, where: Slice) -> None:
        self.text = text
        self.slice = where

    def fixed(self, findings: Sequence[Finding], options: ReadOptions, text: bytes | None = None) -> bytes:
        """Return its text with fixes, or another one of it with them. Raises RefusedError, at a line of the file."""
        here = [_moved(finding, 1 - self.slice.line) for finding in findings]
        try:
            return fixed(self.text if text is None else text, here, options)
        except RefusedError as error:
            line = None if error.line is None else error.line + self.slice.line - 1
            raise RefusedError(error.reason, line) from error


def _moved(finding: Finding, lines: int) -> Finding:
    place = finding.place
    if place is None:
        return finding
    return msgspec.structs.replace(finding, place=msgspec.structs.replace(place, line=place.line + lines))
