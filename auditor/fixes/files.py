"""A fix as a change of a file: found in its documents, written, and read again before anybody may have it."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import msgspec

from auditor.findings import Edit, Finding, Replacement
from auditor.fixes.edits import splice_for
from auditor.fixes.tree import EditError
from auditor.kube.paths import Path
from auditor.sources.documents import Document, read_document, split
from auditor.sources.exact import DocumentError
from auditor.sources.lines import Lines
from auditor.sources.model import Object
from auditor.sources.rapid import quiet
from auditor.sources.read import ReadOptions, read_bytes

_BOM = b"\xef\xbb\xbf"
_NEAR_LINES = 2
"""Changes with at most so many lines between them are told as one."""


class RefusedError(Exception):
    """Why a fix cannot be written, and the line of the file that is in the way."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def fixed(content: bytes, finding: Finding, options: ReadOptions) -> bytes:
    """Return a file's content with the fix of a finding in it. Raises RefusedError.

    What is returned has been read again: the documents are what they were but for the edits.
    """
    if content.count(b"\r") > content.count(b"\r\n"):
        raise RefusedError("the file has line breaks of an old kind (CR)")
    obj = object_of(content, finding, options)
    lines = Lines(content, obj.file)
    start = len(_BOM) if content.startswith(_BOM) else 0
    documents = list(split(content, start))
    position = max(index for index, one in enumerate(documents) if lines.position(one.offset)[0] <= obj.line)
    document = documents[position]
    text = document.text.decode()
    edits = [msgspec.structs.replace(edit, path=(*obj.path, *edit.path)) for edit in finding.fix or ()]
    for edit in edits:
        text = _spliced(text, edit, document, lines)
    changed = content[: document.offset] + text.encode() + content[document.offset + len(document.text) :]
    _compare(documents, position, changed, start, edits)
    return changed


def object_of(content: bytes, finding: Finding, options: ReadOptions) -> Object:
    """Return the one object of the file that a finding is about. Raises RefusedError."""
    shown = finding.place.file if finding.place else "-"
    ref = finding.workload
    key = (ref.api_version, ref.kind, ref.namespace, ref.name)
    objects = read_bytes(content, shown, options).objects
    same = {(o.line, o.path): o for o in objects if (o.api_version, o.kind, o.namespace, o.name) == key}
    if len(same) > 1 and finding.place is not None:
        after = [line for line, _ in same if line <= finding.place.line]
        same = {at: obj for at, obj in same.items() if after and at[0] == max(after)}
    if len(same) != 1:
        raise RefusedError("the object is there more than once" if same else "the object is not there any more")
    return next(iter(same.values()))


def _spliced(text: str, edit: Edit, document: Document, lines: Lines) -> str:
    try:
        splice = splice_for(text, edit)
    except EditError as error:
        at = document.offset + len(text[: error.offset].encode())
        raise RefusedError(error.reason, lines.position(min(at, len(lines.content)))[0]) from error
    return text[: splice.start] + splice.text + text[splice.end :]


def _compare(before: Sequence[Document], position: int, changed: bytes, start: int, edits: Sequence[Edit]) -> None:
    """Raise RefusedError unless the edited document says what it said but for the edits, and the others are the same.

    The last word on every edit: whatever the writer above did not think of ends here.
    """
    after = list(split(changed, start))
    others = [one.text for index, one in enumerate(before) if index != position]
    if others != [one.text for index, one in enumerate(after) if index != position]:
        raise RefusedError("the text cannot be edited without changing another document")
    wanted = _data(before[position])
    for edit in edits:
        wanted = _edited(wanted, edit.path, edit)
    if _data(after[position]) != wanted:
        raise RefusedError("the text cannot be edited without changing something else")


def _data(document: Document) -> Any:
    try:
        with quiet():
            return read_document(document, Lines(document.text, "-"), unusual=True)[0]
    except DocumentError as error:
        raise RefusedError(f"the edited text could not be read: {error.reason}") from error


def _edited(data: Any, path: Path, edit: Edit) -> Any:
    """Return data with an edit made in copies along its path; parts that aliases share stay as they are."""
    step = path[0]
    if isinstance(data, list):
        if not isinstance(step, int) or step >= len(data):
            raise RefusedError("an item of a list is not there")
        return [_edited(item, path[1:], edit) if index == step else item for index, item in enumerate(data)]
    if data is not None and not isinstance(data, dict):
        raise RefusedError("no mapping stands there")
    here: dict[Any, Any] = data or {}
    if len(path) > 1:
        return here | {step: _edited(here.get(step), path[1:], edit)}
    if edit.op == "set":
        return here | {step: edit.value}
    renamed = {edit.value if key == step else key: value for key, value in here.items()}
    return renamed if edit.op == "rename" else {key: value for key, value in here.items() if key != step}


def replacements(before: bytes, after: bytes, file: str) -> tuple[Replacement, ...]:
    """Return how a file changes, as whole lines in order; changes that are near each other are one."""
    old, new = _lines(before), _lines(after)
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    tail = 0
    while tail < min(len(old), len(new)) - same and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    matcher = SequenceMatcher(None, old[same : len(old) - tail], new[same : len(new) - tail], autojunk=False)
    found: list[tuple[int, int, int, int]] = []
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        span = (same + start, same + end, same + new_start, same + new_end)
        if found and span[0] - found[-1][1] <= _NEAR_LINES:
            span = (found[-1][0], span[1], found[-1][2], span[3])
            found.pop()
        found.append(span)
    return tuple(_replacement(span, new, file) for span in found)


def _replacement(span: tuple[int, int, int, int], new: list[bytes], file: str) -> Replacement:
    start, end, new_start, new_end = span
    if start == end and start > 0:
        # New lines alone: told with the line above them, so that there is a line to replace.
        start, new_start = start - 1, new_start - 1
    elif start == end:
        end, new_end = end + 1, new_end + 1
    return Replacement(file, start + 1, end, b"".join(new[new_start:new_end]).decode())


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)
