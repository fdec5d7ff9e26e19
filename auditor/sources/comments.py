"""Waiver comments in a source text."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from auditor.sources.documents import Document
from auditor.sources.exact import scalar_spans
from auditor.sources.lines import Lines
from auditor.sources.model import Comment, Object

_WAIVER = re.compile(r"(?<![^ \t\r\n\ufeff])#[ \t]*waive:[^\r\n]*")


def waiver_comments(documents: list[Document], lines: Lines) -> tuple[Comment, ...]:
    """Return the `# waive:` comments of the documents, in order; not what stands inside a scalar."""
    found = []
    for document in documents:
        if b"waive:" not in document.text:
            continue
        text = document.text.decode()
        spans = sorted(scalar_spans(text))
        starts = [start for start, _ in spans]
        read, offset = 0, document.offset
        for match in _WAIVER.finditer(text):
            before = bisect_right(starts, match.start()) - 1
            if before >= 0 and match.start() < spans[before][1]:
                continue
            offset += len(text[read : match.start()].encode())
            read = match.start()
            line, _ = lines.position(offset)
            found.append(Comment(line, match.group().rstrip()))
    return tuple(found)


def object_lines(objects: Iterable[Object]) -> tuple[int, ...]:
    """Return the lines on which the objects of a file start, each once, in order."""
    return tuple(sorted({obj.line for obj in objects}))


def own_comments(obj: Object, lines: Sequence[int]) -> tuple[Comment, ...]:
    """Return those of a file's comments that stand in an object, or on the line above its first.

    `lines` are the file's `object_lines`.
    """
    if not obj.comments:
        return ()
    place = bisect_right(lines, obj.line)
    first = bisect_left(obj.comments, obj.line - 1, key=_line)
    after = bisect_left(obj.comments, lines[place] - 1, key=_line) if place < len(lines) else len(obj.comments)
    return obj.comments[first:after]


def _line(comment: Comment) -> int:
    return comment.line
