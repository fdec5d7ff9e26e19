"""Writes numbers of bytes as a person writes a Kubernetes quantity."""

from __future__ import annotations

_STEP = 1024
_SUFFIXES = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def format_bytes(value: int) -> str:
    """Return the bytes in the largest binary unit that fits, such as `1.5Gi`, `0` or `100 bytes`.

    A whole number of units is printed exactly; anything else is rounded to one decimal, half away from zero.
    Integer arithmetic throughout, so a value beyond 2**53 is rounded correctly too.
    """
    sign = "-" if value < 0 else ""
    size = abs(value)
    if size == 0:
        return "0"
    if size < _STEP:
        return f"{sign}{size} byte" if size == 1 else f"{sign}{size} bytes"
    return sign + _in_units(size)


def _in_units(size: int) -> str:
    unit, power = _STEP, 0
    while power + 1 < len(_SUFFIXES) and size >= unit * _STEP:
        unit *= _STEP
        power += 1
    tenths = (size * 10 + unit // 2) // unit
    # 1023.96Mi rounds to 1024.0Mi, which a person writes as 1Gi.
    if tenths >= _STEP * 10 and power + 1 < len(_SUFFIXES):
        tenths, power = 10, power + 1
    whole, tenth = divmod(tenths, 10)
    return f"{whole}{_SUFFIXES[power]}" if tenth == 0 else f"{whole}.{tenth}{_SUFFIXES[power]}"
