"""Reads containers with their history from JSON Lines: what any tool can write that joins the two itself."""

from collections.abc import Iterator
from typing import Any

import msgspec

from auditor.findings import Skipped
from auditor.sizing.model import SizingInput
from auditor.sizing.program import LARGEST_BYTES

_LARGEST_COUNT = 2**31 - 1
"""Kubernetes counts replicas in 32 bits."""


def read_lines(content: bytes, shown: str) -> tuple[tuple[SizingInput, ...], tuple[Skipped, ...]]:
    """Return the containers of a text with one JSON object a line (the fields of SizingInput), and the faulty lines.

    Empty lines are left out. Never raises for what the text holds.
    """
    decoder = msgspec.json.Decoder(SizingInput)
    found: list[SizingInput] = []
    skipped: list[Skipped] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            item = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            skipped.append(Skipped(shown, number, None, f"is no container with history: {error}"))
            continue
        fault = next(_faults(item), None)
        if fault is None:
            found.append(item)
        else:
            skipped.append(Skipped(shown, number, None, f"is no container with history: {fault}"))
    return tuple(found), tuple(skipped)


def _faults(item: SizingInput) -> Iterator[str]:
    for key in ("replicas", "pod_containers", "index"):
        value = getattr(item, key)
        if value is not None and not 0 <= value <= _LARGEST_COUNT:
            yield f"{key} is {value}, which is no count"
    yield from _absurd("", item)
    yield from _absurd("usage.", item.usage)
    yield from _absurd("heap.", item.heap)
    for index, row in enumerate(item.days):
        yield from _absurd(f"days[{index}].", row)


def _absurd(where: str, struct: Any) -> Iterator[str]:
    """Yield the fields of a struct that say bytes and hold no amount of memory."""
    for key in () if struct is None else struct.__struct_fields__:
        value = getattr(struct, key)
        if key.endswith("_bytes") and value is not None and not 0 <= value <= LARGEST_BYTES:
            yield f"{where}{key} is {value}, which is no amount of memory"
