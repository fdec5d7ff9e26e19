"""Waiver comments in a source text."""

import re
from collections.abc import Sequence

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
        spans = list(scalar_spans(text))
        for match in _WAIVER.finditer(text):
            if any(start <= match.start() < end for start, end in spans):
                continue
            line, _ = lines.position(document.offset + len(text[: match.start()].encode()))
            found.append(Comment(line, match.group().rstrip()))
    return tuple(found)


def own_comments(obj: Object, objects: Sequence[Object]) -> tuple[Comment, ...]:
    """Return those of a file's comments that stand in an object, or on the line above its first; `objects` are all."""
    after = min((other.line for other in objects if other.line > obj.line), default=None)
    return tuple(
        comment
        for comment in obj.comments
        if comment.line >= obj.line - 1 and (after is None or comment.line < after - 1)
    )
