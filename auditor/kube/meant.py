"""What a quantity that was written wrong surely means."""

import re

_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", re.ASCII)
_MEANT = {"kb": "k", "kib": "Ki", "ki": "Ki", "mb": "M", "mib": "Mi", "mi": "Mi", "gb": "G", "gib": "Gi", "gi": "Gi"}
_MEANT |= {"tb": "T", "tib": "Ti", "ti": "Ti"}


def with_unit(text: str, unit: str) -> str:
    """Return the number of a quantity with another unit: `512m` with `Mi` is `512Mi`; empty where it is no number."""
    match = _NUMBER.fullmatch(text)
    return match[1] + unit if match else ""


def meant_quantity(text: str) -> str:
    """Return the one amount that a text can mean which Kubernetes refuses: `512MB` is `512M`; empty when unsure.

    Letters in another case and the B of bytes are read as everywhere outside of Kubernetes. A single letter is not:
    `g` and `K` may be of either family. Nor is `Mb`, which is megabits.
    """
    match = _NUMBER.fullmatch(text)
    if not match or match[2][1:] == "b":
        return ""
    unit = _MEANT.get(match[2].lower())
    if unit is None:
        # Nothing but blanks in between is wrong.
        unit = match[2] if match[2] in ("k", "M", "G", "T") and " " in text.strip() else None
    return "" if unit is None else match[1] + unit
