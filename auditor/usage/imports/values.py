"""Times and amounts as exports write them."""

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from auditor.kube.quantity import Quantity, parse
from auditor.usage.errors import UsageError
from auditor.usage.imports.model import MAX_SAMPLE_BYTES

_POWERS = ("k", "m", "g", "t")
UNITS = (
    {"b": 1, "byte": 1, "bytes": 1}
    | {f"{letter}b": 1000 ** (power + 1) for power, letter in enumerate(_POWERS)}
    | {f"{letter}ib": 1024 ** (power + 1) for power, letter in enumerate(_POWERS)}
    | {f"{letter}i": 1024 ** (power + 1) for power, letter in enumerate(_POWERS)}
)
"""Names of units in small letters, to bytes."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_WITH_UNIT = re.compile(rf"({_NUMBER.pattern})\s*([A-Za-z]+)", re.ASCII)
_UNIT_AT_END = re.compile(r"(?:[_ .\-]|[(\[])(bytes?|[kmgt]i?b)[)\]]?$", re.ASCII)
_EPOCH_SCALES = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))
_LONGEST = 64


class AmountError(Exception):
    """Why a value is no amount of memory; `kind` is the sort of fault."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def unit_bytes(name: str) -> int:
    """Return the bytes of a unit such as `MiB`. Raises UsageError for a name that is none."""
    found: int | None = UNITS.get(name.strip().lower())
    if found is None:
        raise UsageError(f"unit {name!r}: not one of bytes, kB, KiB, MB, MiB, GB, GiB, TB, TiB")
    return found


def unit_of_column(name: str) -> str | None:
    """Return the unit that a column's name ends in (`memory_mib`, `value (MiB)`), None when it names none."""
    return split_unit(name)[1]


def split_unit(name: str) -> tuple[str, str | None]:
    """Return a column's name in lower case without the unit that it ends in, and that unit; None when it names none."""
    text = name.strip().lower()
    found = _UNIT_AT_END.search(text)
    return (text[: found.start()].rstrip("_ .-"), found[1]) if found else (text, None)


def amount_bytes(value: Any, factor: int = 1) -> tuple[int, bool]:
    """Return the bytes of a value, rounded up, and whether it had a unit of its own.

    Numbers are multiples of `factor`; texts may be numbers, quantities (`512Mi`) or amounts (`1.5 GiB`).
    Raises AmountError for what is none, negative, or beyond MAX_SAMPLE_BYTES.
    """
    if isinstance(value, str):
        found, own = _text_amount(value.strip(), factor)
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise AmountError("number", f"{shown(value)} is not a number")
    elif not math.isfinite(value):
        raise AmountError("number", f"{value} is not a number")
    else:
        found, own = math.ceil(value * factor), False
    if found < 0:
        raise AmountError("negative", f"{shown(value)} is negative")
    if found > MAX_SAMPLE_BYTES:
        raise AmountError("absurd", f"{shown(value)} is over a PiB: a wrong unit, or an unsigned underflow")
    return found, own


@lru_cache(maxsize=4096)
def _text_amount(text: str, factor: int) -> tuple[int, bool]:
    if len(text) > _LONGEST:
        raise AmountError("number", f"{shown(text)} is not a number")
    if _NUMBER.fullmatch(text):
        return math.ceil(Decimal(text) * factor), False
    quantity = parse(text)
    if isinstance(quantity, Quantity) and quantity.suffix:
        return -(-quantity.nanos // 10**9), True
    amount = _WITH_UNIT.fullmatch(text)
    scale = UNITS.get(amount[2].lower()) if amount else None
    if amount is None or scale is None:
        raise AmountError("number", f"{shown(text)} is not a number")
    return math.ceil(Decimal(amount[1]) * scale), True


def shown(value: object) -> str:
    """Return a value as a message may hold it: on one line, and short."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


class Clock:
    """Reads times: ISO 8601, or seconds, milli-, micro- or nanoseconds since 1970, told apart by their size."""

    def __init__(self, time_zone: str) -> None:
        try:
            self._zone: Any = UTC if time_zone == "UTC" else ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UsageError(f"time zone {time_zone!r}: not known") from error
        self.without_zone = 0
        """How many times named no zone."""

    def milliseconds(self, value: Any) -> int | None:
        """Return milliseconds since 1970 UTC; None for what is no time."""
        if isinstance(value, datetime):
            return self._of_datetime(value)
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float | Decimal):
            return _of_number(value)
        if not isinstance(value, str) or len(value) > _LONGEST:
            return None
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return _of_number(Decimal(text))
        try:
            return self._of_datetime(datetime.fromisoformat(text.removesuffix(" UTC")))
        except ValueError:
            return None

    def _of_datetime(self, value: datetime) -> int | None:
        if value.tzinfo is None:
            self.without_zone += 1
            value = value.replace(tzinfo=self._zone)
        try:
            return round(value.timestamp() * 1000)
        except (OverflowError, ValueError):
            return None


def _of_number(value: float | Decimal) -> int | None:
    if not math.isfinite(value) or value < 0:
        return None
    for limit, per_second in _EPOCH_SCALES:
        if value < limit:
            return int(Decimal(value) * 1000 / per_second)
    return None
