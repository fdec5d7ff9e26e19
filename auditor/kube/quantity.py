"""Kubernetes quantities: the grammar, the rounding and the quirks of `resource.Quantity`.

Source: k8s.io/apimachinery pkg/api/resource (quantity.go, suffix.go, amount.go), read at 1.37.
"""

import re
from fractions import Fraction
from functools import lru_cache

import msgspec

MAX_INT64 = 2**63 - 1
NANO = 10**9

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
}
_WHOLE = {**_BINARY, "": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_PLAIN = re.compile(r"([0-9]{1,8})(Ki|Mi|Gi|k|M|G)?")
_GRAMMAR = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?((?:[KMGTPE]i)|[eE][+-]?[0-9]+|[numkMGTPE]?)")
_MAX_CHARS = 1_000
_MAX_EXPONENT = 400
"""Beyond it a value is past every cap (or rounds up to one nano) all the same, and 10**n would be too large to make."""
_FAST_DIGITS = 18
"""Numbers up to so many digits are int64 amounts in Go, whose overflow reads as 0; longer ones wrap."""
_WORDS = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class Quantity(msgspec.Struct, frozen=True):
    """A quantity that parses."""

    amount: Fraction | int
    """The exact value, rounded away from zero to 10^-9 and, with a binary suffix, capped at 2^63-1."""
    value: int
    """`Value()`: rounded away from zero to a whole number; what an overflow reads as in Go."""
    suffix: str
    """As written: `Mi`, `m`, `e3`, empty."""

    @property
    def milli(self) -> int:
        """`MilliValue()`: in thousandths, rounded away from zero."""
        return _away(self.amount * 1000)

    @property
    def fractional(self) -> bool:
        """Whether it is not a whole number after rounding up to milli, which the API server warns about for memory."""
        return self.milli % 1000 != 0


class QuantityError(msgspec.Struct, frozen=True):
    """Why a value is no quantity, in the API server's words."""

    reason: str


ZERO = Quantity(amount=0, value=0, suffix="")


def parse(value: object) -> Quantity | QuantityError:
    """Return the quantity of a YAML or JSON value: a string, a bare number, or null, which is a present zero."""
    if type(value) is str:
        return parse_text(value)
    if value is None:
        return ZERO
    if isinstance(value, bool) or not isinstance(value, int | float):
        return QuantityError(f"{_kind(value)} is not a quantity")
    return parse_text(str(value) if isinstance(value, int) else repr(value))


def _kind(value: object) -> str:
    kinds = {bool: "a boolean", dict: "a mapping", list: "a list"}
    return kinds.get(type(value), "this value")


@lru_cache(maxsize=4096)
def parse_text(text: str) -> Quantity | QuantityError:
    """Return the quantity of a text; white space around it is trimmed, as JSON decoding does."""
    plain = _PLAIN.fullmatch(text)
    if plain:
        whole = int(plain[1]) * _WHOLE[plain[2] or ""]
        return Quantity(amount=whole, value=whole, suffix=plain[2] or "")
    text = text.strip(" \t\n\r")
    match = _GRAMMAR.fullmatch(text) if len(text) <= _MAX_CHARS else None
    if not text or match is None:
        return QuantityError(_WORDS)
    sign, digits, fraction, suffix = match.groups()
    fraction = fraction or ""
    number = Fraction(int((digits + fraction) or "0"), 10 ** len(fraction)) * _scale(suffix)
    amount: Fraction | int = Fraction(_away(number * NANO), NANO)
    if suffix in _BINARY:
        amount = min(amount, MAX_INT64)
    amount = -amount if sign == "-" else amount
    if amount.denominator == 1:
        amount = int(amount)
    return Quantity(amount=amount, value=_go_int64(_away(amount), len(digits + fraction)), suffix=suffix)


def _scale(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(_BINARY[suffix])
    if suffix in _DECIMAL:
        return _DECIMAL[suffix]
    exponent = max(-_MAX_EXPONENT, min(_MAX_EXPONENT, int(suffix[1:])))
    return Fraction(10) ** exponent


def _away(number: Fraction | int) -> int:
    """Round away from zero to a whole number."""
    if isinstance(number, int):
        return number
    whole, rest = divmod(abs(number.numerator), number.denominator)
    whole += 1 if rest else 0
    return whole if number >= 0 else -whole


def _go_int64(number: int, digits: int) -> int:
    """Return what `Value()` gives: the number, or what its overflow reads as."""
    if -MAX_INT64 - 1 <= number <= MAX_INT64:
        return number
    return 0 if digits <= _FAST_DIGITS else (number + 2**63) % 2**64 - 2**63


def canonical(quantity: Quantity) -> str:
    """Return the canonical form: the largest suffix of the quantity's family that leaves no fraction."""
    amount = Fraction(quantity.amount)
    if quantity.suffix.endswith("i") and amount.denominator == 1 and abs(amount) >= 1024:
        for suffix, scale in reversed(_BINARY.items()):
            if amount % scale == 0:
                return f"{int(amount / scale)}{suffix}"
        return str(int(amount))
    exponent = quantity.suffix[:1] in ("e", "E") and len(quantity.suffix) > 1
    for power in range(18, -10, -3):
        scaled = amount / Fraction(10) ** power
        if scaled.denominator == 1:
            suffix = next(name for name, scale in _DECIMAL.items() if scale == Fraction(10) ** power)
            text = f"e{power}" if exponent and power else suffix
            return "0" if amount == 0 else f"{int(scaled)}{text}"
    return str(amount)


def parse_bytes(text: str) -> int:
    """Return the bytes of a text such as `512Mi`. Raises ValueError when it is no quantity."""
    quantity = parse_text(text)
    if isinstance(quantity, QuantityError):
        raise ValueError(f"{text!r} is not a quantity")  # noqa: TRY004 - the value is wrong, not its type
    return quantity.value
