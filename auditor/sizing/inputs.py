"""Reads containers with their history from JSON Lines: what any tool can write that joins the two itself."""

import msgspec

from auditor.findings import Skipped
from auditor.sizing.model import SizingInput


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
            found.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            skipped.append(Skipped(shown, number, None, f"is no container with history: {error}"))
    return tuple(found), tuple(skipped)
