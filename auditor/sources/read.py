"""Reading one file into Kubernetes objects: bounded, one bad document apart from the others, never raising."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.findings import Skipped
from auditor.kube.paths import Path
from auditor.sources.comments import waiver_comments
from auditor.sources.documents import Document, read_document, split
from auditor.sources.exact import DocumentError
from auditor.sources.lines import Lines
from auditor.sources.model import FileResult, InputFile, Locator, Object
from auditor.sources.objects import Origin, objects_of
from auditor.sources.rapid import quiet, unusual
from auditor.sources.rendered import as_rendered

MAX_FILE_BYTES = 64 * 2**20
"""A larger file is not read."""

_CONTEXT = re.compile(
    rb"kind[\"']?[ \t]*:[ \t\r\n]*(?:[&!][^ \t\r\n]+[ \t]+)?[\"']?"
    rb"(?:\w*List|LimitRange|ConfigMap|RuntimeClass|Node|ResourceQuota|PriorityClass|Namespace|KubeletConfiguration"
    rb"|HorizontalPodAutoscaler|VerticalPodAutoscaler|ScaledObject)\b"
)


def may_hold_context(content: bytes) -> bool:
    """Return whether a file may hold context objects, or lists, which may hold anything."""
    # Two searches: a choice at the top of the pattern would cost it its literal beginning, and five times the time.
    return _CONTEXT.search(content) is not None or b'"kubeletconfig"' in content


_BOM = b"\xef\xbb\xbf"
_UTF_16_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What reading needs from the config."""

    template_paths: Mapping[str, Path] = field(default_factory=dict)
    """Kind to the path of its pod template, or of its pod spec."""
    namespace: str | None = None
    """For namespaced objects that name none."""


_DEFAULTS = ReadOptions()


def file_bytes(file: InputFile) -> bytes | None:
    """Return the content of a file, None when it cannot be read or is larger than MAX_FILE_BYTES."""
    content = _load(file)
    return content if isinstance(content, bytes) else None


def read_file(file: InputFile, options: ReadOptions = _DEFAULTS) -> FileResult:
    """Return the objects of a file and what in it could not be read; never raises for bad input."""
    content = _load(file)
    if isinstance(content, Skipped):
        return FileResult((), (content,), 0)
    if file.rendered is None:
        return read_bytes(content, file.shown, options, file.identity_folder)
    options = replace(options, namespace=file.rendered.namespace or options.namespace)
    return as_rendered(read_bytes(content, file.shown, options, file.identity_folder), file.rendered)


def _load(file: InputFile) -> bytes | Skipped:
    content = file.content
    if content is None:
        try:
            with open(file.path, "rb") as stream:  # noqa: PTH123 - the path may hold bytes that are no text
                content = stream.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            return Skipped(file.shown, None, None, f"cannot be read: {error.strerror or error}")
        except ValueError as error:
            return Skipped(file.shown, None, None, f"cannot be read: {error}")
    if len(content) > MAX_FILE_BYTES:
        return Skipped(file.shown, None, None, f"larger than {MAX_FILE_BYTES // 2**20} MiB")
    return content


def read_bytes(
    content: bytes, shown: str = "-", options: ReadOptions = _DEFAULTS, identity_folder: str = ""
) -> FileResult:
    """Return the objects of a text that is shown as `shown`; never raises for bad input."""
    lines = Lines(content, shown)
    fault = _unreadable(content, lines)
    if fault is not None:
        return FileResult((), (fault,), 0)
    documents, strange = _documents(content)
    comments = waiver_comments(documents, lines) if b"waive:" in content else ()
    objects: list[Object] = []
    skipped: list[Skipped] = []
    foreign = 0
    with quiet():
        for document in documents:
            try:
                data, locator = read_document(document, lines, unusual=strange)
            except DocumentError as error:
                skipped.append(_explain(error, lines))
                continue
            if data is None:
                continue
            line = lines.position(document.content)[0] if document.plain else locator.place(()).line
            origin = Origin(shown, identity_folder, locator, line, comments, options.template_paths, options.namespace)
            for item in objects_of(data, origin):
                if isinstance(item, Object):
                    objects.append(item)
                elif isinstance(item, Skipped):
                    skipped.append(item)
                else:
                    foreign += 1
    return FileResult(tuple(objects), tuple(skipped), foreign)


def plain_documents(content: bytes, shown: str = "-") -> list[tuple[Any, Locator]]:
    """Return the data of the documents that can be read; the others are left out."""
    lines = Lines(content, shown)
    if _unreadable(content, lines) is not None:
        return []
    found = []
    documents, strange = _documents(content)
    with quiet():
        for document in documents:
            try:
                found.append(read_document(document, lines, unusual=strange))
            except DocumentError:
                continue
    return found


def our_document(content: bytes, shown: str) -> tuple[Any, Locator | None]:
    """Return data and locator of a file of our own kind, one YAML document; (None, None) for an empty one.

    Raises ValueError whose text is `place: fault`; bounded like manifests, since a pull request may bring it.
    """
    lines = Lines(content, shown)
    fault = _unreadable(content, lines)
    found: list[tuple[Any, Locator]] = []
    if fault is None:
        documents, strange = _documents(content)
        with quiet():
            for document in documents:
                try:
                    found.append(read_document(document, lines, unusual=strange))
                except DocumentError as error:
                    fault = _explain(error, lines)
                    break
    if fault is not None:
        raise ValueError(f"{shown}:{fault.line or 1}:{fault.column or 1}: {fault.reason}")
    found = [item for item in found if item[0] is not None]
    if len(found) > 1:
        raise ValueError(f"{shown}:1:1: must be one YAML document")
    return found[0] if found else (None, None)


def _documents(content: bytes) -> tuple[list[Document], bool]:
    """Return the documents, and whether the file holds characters that only the exact path knows."""
    start = len(_BOM) if content.startswith(_BOM) else 0
    return list(split(content, start)), unusual(content[start:])


def _unreadable(content: bytes, lines: Lines) -> Skipped | None:
    """Return why a text as a whole cannot be read."""
    if content.startswith(_UTF_16_32):
        return Skipped(lines.shown, None, None, "not UTF-8: save it as UTF-8")
    if not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError as error:
            return Skipped(lines.shown, *lines.position(error.start), "not UTF-8")
    zero = content.find(b"\0")
    if zero >= 0:
        return Skipped(lines.shown, *lines.position(zero), "holds a NUL byte: not a text")
    return None


def _explain(error: DocumentError, lines: Lines) -> Skipped:
    reason = error.reason
    if error.second is not None:
        line, column = lines.position(error.second)
        reason = f"{reason}: the first is at line {line}, column {column}"
    if error.offset is None:
        return Skipped(lines.shown, None, None, reason)
    return Skipped(lines.shown, *lines.position(error.offset), reason)
