"""Lines and columns of offsets in a text."""

from bisect import bisect_right
from itertools import accumulate

from auditor.findings import Place

_BOM = b"\xef\xbb\xbf"
_BLOCK = 1024
_NOT_FIRST = bytes(range(0x80, 0xC0))
"""The bytes of a character in UTF-8 besides its first."""


class Lines:
    """A source text that turns byte offsets into places; its tables are made at the first question."""

    __slots__ = ("_characters", "_starts", "content", "shown")

    def __init__(self, content: bytes, shown: str) -> None:
        self.content = content
        self.shown = shown
        self._starts: list[int] | None = None
        self._characters: list[int] = []

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, 1-based, the column in code points; a byte-order mark is no column."""
        if self._starts is None:
            self._starts = [0, *accumulate(map(len, self.content.splitlines(keepends=True)))]
            if not self.content.isascii():
                self._characters = [0, *accumulate(map(_count, _blocks(self.content)))]
        line = bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        if not self._characters:
            return line, offset - start + 1
        while self.content.startswith(_BOM, start, offset):
            start += len(_BOM)
        return line, self._before(offset) - self._before(start) + 1

    def _before(self, offset: int) -> int:
        """Return how many characters start before an offset; a line may be megabytes long."""
        block = offset // _BLOCK
        return self._characters[block] + _count(self.content[block * _BLOCK : offset])

    def place(self, start: int, end: int) -> Place:
        """Return the place of the bytes from `start` up to `end`."""
        line, column = self.position(start)
        end_line, end_column = self.position(end)
        return Place(self.shown, line, column, end_line, end_column)


def _blocks(content: bytes) -> list[bytes]:
    return [content[start : start + _BLOCK] for start in range(0, len(content), _BLOCK)]


def _count(content: bytes) -> int:
    return len(content.translate(None, _NOT_FIRST))
