"""Kubernetes objects of an import's file, with their lines."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec

from auditor.sources.cluster.entries import Item, Missing
from auditor.sources.cluster.snapshot import SnapshotError, is_snapshot, load
from auditor.sources.model import Object
from auditor.sources.read import MAX_FILE_BYTES, read_bytes
from auditor.usage.errors import UsageError
from auditor.usage.imports.samples import Samples
from auditor.usage.imports.text import opened

_OF_USE = ("PodMetrics", "VerticalPodAutoscaler", "VerticalPodAutoscalerCheckpoint")


def read_objects(path: str, samples: Samples) -> Iterator[Object]:
    """Yield the objects of a YAML or JSON file, lists opened; JSON lines one line at a time, however many.

    Of the snapshot of a cluster only those are yielded that tell of use. What cannot be read is a fault. Raises
    UsageError for a file that does not exist, or a snapshot of a later version.
    """
    if path != "-" and is_snapshot(Path(path)):
        yield from _of_snapshot(path, samples)
        return
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


def _of_snapshot(path: str, samples: Samples) -> Iterator[Object]:
    samples.begin(Path(path).as_posix())
    try:
        entries = load(Path(path))
    except SnapshotError as error:
        raise UsageError(str(error)) from error
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, Missing) and (entry.kind is None or entry.kind in _OF_USE):
            samples.fault(number, "cannot be read", f"{entry.what}: {entry.reason}")
        elif isinstance(entry, Item) and entry.data.get("kind") in _OF_USE:
            for item in read_bytes(msgspec.json.encode(entry.data), path).objects:
                yield dataclasses.replace(item, line=number, locator=None)


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
