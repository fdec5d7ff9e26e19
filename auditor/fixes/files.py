"""A fix as a change of a file: found in its documents, written, and read again before anybody may have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import msgspec

from auditor.findings import Edit, Finding, Replacement
from auditor.fixes.edits import Splice, splice_for
from auditor.fixes.tree import EditError
from auditor.kube.paths import Path
from auditor.sources.documents import Document, read_document, split
from auditor.sources.exact import DocumentError
from auditor.sources.lines import Lines
from auditor.sources.model import Object
from auditor.sources.rapid import quiet, unusual
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


@dataclass(frozen=True, slots=True)
class Slice:
    """The text of one document in its file: what is in one document alone can be read and judged alone."""

    start: int
    """Byte offset; a byte-order mark belongs to the document behind it."""
    end: int
    line: int
    """The line on which it starts, 1-based."""


def slices(content: bytes) -> tuple[Slice, ...]:
    """Return the documents of a file that hold more than comments."""
    start = _start(content)
    lines = Lines(content, "-")
    found = []
    for one in split(content, start):
        first = 0 if one.offset == start else one.offset
        found.append(Slice(first, one.offset + len(one.text), lines.position(first)[0]))
    return tuple(found)


def _start(content: bytes) -> int:
    return len(_BOM) if content.startswith(_BOM) else 0


def fixed(content: bytes, findings: Sequence[Finding], options: ReadOptions) -> bytes:
    """Return a file's content with the fixes of findings that are in one document of it. Raises RefusedError.

    What is returned has been read again: the documents are what they were but for the edits.
    """
    if content.count(b"\r") > content.count(b"\r\n"):
        raise RefusedError("the file has line breaks of an old kind (CR)")
    objects = objects_of(content, findings, options)
    lines = Lines(content, objects[0].file)
    documents = list(split(content, _start(content)))
    position = max(index for index, one in enumerate(documents) if lines.position(one.offset)[0] <= objects[0].line)
    document = documents[position]
    edits = [
        [msgspec.structs.replace(edit, path=(*obj.path, *edit.path)) for edit in finding.fix or ()]
        for obj, finding in zip(objects, findings, strict=True)
    ]
    text, pending = document.text.decode(), [list(some) for some in edits]
    while any(pending):
        text = _spliced(text, pending, document, lines)
    changed = content[: document.offset] + text.encode() + content[document.offset + len(document.text) :]
    _compare(documents, position, changed, [edit for some in edits for edit in some])
    return changed


def objects_of(content: bytes, findings: Sequence[Finding], options: ReadOptions) -> list[Object]:
    """Return the object of the file that each finding is about. Raises RefusedError."""
    by_identity: dict[tuple[str, str, str | None, str], dict[tuple[int, Path], Object]] = {}
    for obj in read_bytes(content, "-", options).objects:
        key = (obj.api_version, obj.kind, obj.namespace, obj.name)
        by_identity.setdefault(key, {})[obj.line, obj.path] = obj
    return [_object(finding, by_identity.get(_identity(finding), {})) for finding in findings]


def _identity(finding: Finding) -> tuple[str, str, str | None, str]:
    ref = finding.workload
    return ref.api_version, ref.kind, ref.namespace, ref.name


def _object(finding: Finding, same: Mapping[tuple[int, Path], Object]) -> Object:
    """Return the one of the objects of one identity that a finding is in."""
    if len(same) > 1 and finding.place is not None:
        after = [line for line, _ in same if line <= finding.place.line]
        same = {at: obj for at, obj in same.items() if after and at[0] == max(after)}
    if len(same) != 1:
        raise RefusedError("the object is there more than once" if same else "the object is not there any more")
    return next(iter(same.values()))


def _spliced(text: str, pending: Sequence[list[Edit]], document: Document, lines: Lines) -> str:
    """Return the text with the next edit of each fix, as far as they do not touch; what is made is taken out."""
    splices: list[Splice] = []
    for edits in filter(None, pending):
        try:
            splice = splice_for(text, edits[0])
        except EditError as error:
            at = document.offset + len(text[: error.offset].encode())
            raise RefusedError(error.reason, lines.position(min(at, len(lines.content)))[0]) from error
        if all(splice.end < other.start or other.end < splice.start for other in splices):
            splices.append(splice)
            edits.pop(0)
    for splice in sorted(splices, key=lambda one: one.start, reverse=True):
        text = text[: splice.start] + splice.text + text[splice.end :]
    return text


def _compare(before: Sequence[Document], position: int, changed: bytes, edits: Sequence[Edit]) -> None:
    """Raise RefusedError unless the edited document says what it said but for the edits, and the others are the same.

    The last word on every edit: whatever the writer above did not think of ends here.
    """
    after = list(split(changed, _start(changed)))
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
            return read_document(document, Lines(document.text, "-"), unusual=unusual(document.text))[0]
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


def replacements(before: bytes, after: bytes, file: str, first_line: int = 1) -> tuple[Replacement, ...]:
    """Return how a text changes, as whole lines in order; changes that are near each other are one.

    `first_line` is the line of the file on which the text starts.
    """
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
    return tuple(_replacement(span, new, file, first_line) for span in found)


def _replacement(span: tuple[int, int, int, int], new: list[bytes], file: str, first_line: int) -> Replacement:
    start, end, new_start, new_end = span
    if start == end and start > 0:
        # New lines alone: told with the line above them, so that there is a line to replace.
        start, new_start = start - 1, new_start - 1
    elif start == end:
        end, new_end = end + 1, new_end + 1
    return Replacement(file, first_line + start, first_line + end - 1, b"".join(new[new_start:new_end]).decode())


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)
