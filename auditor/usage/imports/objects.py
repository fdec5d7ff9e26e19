"""Kubernetes objects of an import's file, with their lines."""

import dataclasses
from collections.abc import Iterator

from auditor.sources.model import Object
from auditor.sources.read import MAX_FILE_BYTES, read_bytes
from auditor.usage.imports.samples import Samples
from auditor.usage.imports.text import opened


def read_objects(path: str, samples: Samples) -> Iterator[Object]:
    """Yield the objects of a YAML or JSON file, lists opened; JSON lines one line at a time, however many.

    What cannot be read is a fault. Raises UsageError for a file that does not exist.
    """
    with opened(path, samples) as text:
        if text is None:
            return
        first = text.readline(MAX_FILE_BYTES)
        if first.startswith("{") and first.rstrip().endswith("}"):
            yield from _objects(first, 1, path, samples)
            for number, line in enumerate(text, 2):
                yield from _objects(line, number, path, samples)
        else:
            yield from _objects(first + text.read(MAX_FILE_BYTES + 1), 1, path, samples)


def _objects(text: str, number: int, path: str, samples: Samples) -> Iterator[Object]:
    """Yield the objects of a text that starts at a line of the file."""
    if not text.strip():
        return
    if len(text) > MAX_FILE_BYTES:
        samples.fault(number, "too large", f"is larger than {MAX_FILE_BYTES // 2**20} MiB: write one object a line")
        return
    found = read_bytes(text.encode(), path)
    for fault in found.skipped:
        samples.fault((fault.line or 1) + number - 1, "cannot be read", fault.reason)
    if found.foreign_documents:
        samples.fault(number, "no object", "is no Kubernetes object")
    for item in found.objects:
        yield dataclasses.replace(item, line=item.line + number - 1)
