"""Lines and columns of offsets in a text."""

from bisect import bisect_right
from itertools import accumulate

from auditor.findings import Place


class Lines:
    """A source text that turns byte offsets into places; its table of lines is made at the first question."""

    __slots__ = ("_starts", "content", "shown")

    def __init__(self, content: bytes, shown: str) -> None:
        self.content = content
        self.shown = shown
        self._starts: list[int] | None = None

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, 1-based, the column in code points; a byte-order mark is no column."""
        if self._starts is None:
            self._starts = [0, *accumulate(map(len, self.content.splitlines(keepends=True)))]
        line = bisect_right(self._starts, offset)
        before = self.content[self._starts[line - 1] : offset]
        column = len(before) if before.isascii() else len(before.decode("utf-8", "replace").lstrip("\ufeff"))
        return line, column + 1

    def place(self, start: int, end: int) -> Place:
        """Return the place of the bytes from `start` up to `end`."""
        line, column = self.position(start)
        end_line, end_column = self.position(end)
        return Place(self.shown, line, column, end_line, end_column)
