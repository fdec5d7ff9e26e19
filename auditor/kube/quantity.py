"""Kubernetes quantities: the grammar, the rounding and the printing of `resource.Quantity`.

Source: k8s.io/apimachinery/pkg/api/resource (quantity.go, amount.go, suffix.go, math.go) of Kubernetes 1.37.
"""

import math
import re
from functools import lru_cache

import msgspec

MAX_BYTES = 2**63 - 1
"""The largest value that consumers read right."""

BEYOND = f"above {MAX_BYTES}: "
"""How the problem of an amount beyond 63 bits starts: the API server admits it."""

FORMAT_ERROR = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"  # ErrFormatWrong
)
SUFFIX_ERROR = "unable to parse quantity's suffix"  # ErrSuffix
NUMERIC_ERROR = "unable to parse numeric part of quantity"  # ErrNumeric

_NANO = 10**9
_MILLI_IN_NANOS = 10**6
_SHAPE = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_OF = {power: suffix for suffix, power in _DECIMAL.items()}
# 18 decimal digits always fit into an int64 (maxInt64Factors).
_FAST_DIGITS = 18
# positiveScaleInt64 looks at a product by these powers only after it has wrapped.
_WRAPPING_SCALES = (0, 1, 2, 3, 6, 9)
# No value with a larger exponent differs from another to any consumer: all read as 0.
_EXPONENT_CAP = 1000
# The API server has no such bound; Python refuses to convert more than 4,300 digits.
_TEXT_CAP = 2000
_PLAIN = re.compile(r"([1-9][0-9]{0,5})([KMG]i|[MGk]|)", re.ASCII)
_PLAIN_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class Quantity(msgspec.Struct, frozen=True):
    """A quantity that the API server can decode."""

    text: str
    """As written, without the white space around it."""
    suffix: str
    """As written: empty, `m`, `k`, `Mi`, `e3` ..."""
    nanos: int
    """The value in units of 10**-9, rounded away from zero; exponents over 1000 are cut."""
    milli: int
    """The value in thousandths, rounded away from zero: what API defaulting keeps."""
    bytes: int
    """`Value()`: rounded away from zero to a whole number, with Kubernetes' overflow (`12E` reads as 0)."""
    problem: str | None
    """Why it may not stand for an amount of memory: negative, or beyond 63 bits; None when it may."""

    @property
    def fractional(self) -> bool:
        """True when it is not a whole number."""
        return self.nanos % _NANO != 0

    def canonical(self) -> str:
        """Return the canonical form, in the family of suffixes that it was written in."""
        if self.suffix in _BINARY:
            return _canonical_binary(self.nanos)
        return _canonical_decimal(self.nanos, exponent_form=self.suffix[:1] in ("e", "E") and self.suffix != "E")


class QuantityError(msgspec.Struct, frozen=True):
    """A value that the API server cannot decode as a quantity."""

    text: str
    problem: str
    """In the words of the API server where it has them."""


def parse(value: object) -> Quantity | QuantityError:
    """Return what the API server reads from a JSON value; null is zero, a bare number is a quantity. Never raises."""
    if type(value) is str:
        return _parse_text(value)
    return _parse_text(text_of(value)) if value is not None else _NULL


def capped(number: int) -> int:
    """Return a sum or product of amounts, at most MAX_BYTES: no consumer holds more, and it is above every bound."""
    return min(number, MAX_BYTES)


def whole_bytes(milli: int) -> int:
    """Return thousandths as whole bytes, rounded up as the kubelet does, at most MAX_BYTES."""
    return min(-(-milli // 1000), MAX_BYTES)


def bytes_or_none(milli: int | None) -> int | None:
    """Return thousandths as whole bytes, as `whole_bytes` does; None for None."""
    return None if milli is None else whole_bytes(milli)


def text_of(value: object) -> str:
    """Return the text of a scalar as JSON has it; a list or mapping gives its Python form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    return "" if value is None else _integer_text(value)


def _integer_text(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 4 * _TEXT_CAP:
        return "1e2000" if value > 0 else "-1e2000"
    return str(value)


def show(milli: int) -> str:
    """Return an amount in thousandths in the shorter canonical form, binary where both are as short."""
    nanos = milli * _MILLI_IN_NANOS
    binary, decimal = _canonical_binary(nanos), _canonical_decimal(nanos, exponent_form=False)
    return decimal if len(decimal) < len(binary) else binary


@lru_cache(maxsize=8192)
def _parse_text(text: str) -> Quantity | QuantityError:
    plain = _PLAIN.fullmatch(text)
    if plain:
        amount = int(plain[1]) * _PLAIN_FACTORS[plain[2]]
        return Quantity(text, plain[2], amount * _NANO, amount * 1000, amount, None)
    # JSON decoding trims; a tab or line break is escaped in JSON and stays.
    stripped = text.strip(" \u00a0\u0085\u2028\u2029\u3000")
    if not stripped:
        return QuantityError(stripped, FORMAT_ERROR)
    if len(stripped) > _TEXT_CAP:
        return QuantityError(stripped[:40] + "...", f"longer than {_TEXT_CAP} characters")
    match = _SHAPE.fullmatch(stripped)
    if not match:
        return QuantityError(stripped, FORMAT_ERROR)
    return _interpret(stripped, match[1] == "-", match[2] or "0", match[3] or "", match[4])


def _interpret(text: str, negative: bool, whole: str, fraction: str, suffix: str) -> Quantity | QuantityError:  # noqa: FBT001
    binary = _BINARY.get(suffix)
    power = _decimal_power(suffix) if binary is None else 0
    if power is None:
        return QuantityError(text, SUFFIX_ERROR)
    # Without any digit only int64Amount reads a zero, and it takes neither Pi and Ei nor less than nano.
    if (power < -9 or (binary or 0) >= 50) and not text[: len(text) - len(suffix)].strip("+-."):
        return QuantityError(text, NUMERIC_ERROR)
    digits = int(whole + fraction)
    if binary is not None:
        nanos = min(_ceil(digits * 2**binary * _NANO, len(fraction)), MAX_BYTES * _NANO)
        compact = False
    else:
        nanos = _ceil(digits * _NANO, len(fraction) - min(power, _EXPONENT_CAP))
        # NOTE: short decimals are int64Amount, whose Value() is mostly 0 on overflow; others keep the low 64 bits.
        scale = power - len(fraction)
        compact = len(whole) + len(fraction) <= _FAST_DIGITS and scale >= -9 and scale not in _WRAPPING_SCALES
    if negative:
        nanos = -nanos
    value = _value(nanos, compact=compact)
    return Quantity(text, suffix, nanos, _away(nanos, _MILLI_IN_NANOS), value, _problem(nanos, value))


def _decimal_power(suffix: str) -> int | None:
    power = _DECIMAL.get(suffix)
    if power is not None or len(suffix) < 2 or suffix[0] not in "eE":
        return power
    if not re.fullmatch(r"[+-]?[0-9]+", suffix[1:], re.ASCII):
        return None
    exponent = int(suffix[1:])
    if not -(2**63) <= exponent < 2**63:
        return None
    return (exponent + 2**31) % 2**32 - 2**31  # the code keeps 32 bits


def _ceil(number: int, places: int) -> int:
    """Return number / 10**places rounded up, for a number that is not negative."""
    if places <= 0:
        return number * int(10**-places)
    if places > _TEXT_CAP + _EXPONENT_CAP + 20:
        return 1 if number else 0
    return -(-number // int(10**places))


def _away(number: int, divisor: int) -> int:
    """Return number / divisor rounded away from zero."""
    return -(-number // divisor) if number >= 0 else number // divisor


def _value(nanos: int, *, compact: bool) -> int:
    value = _away(nanos, _NANO)
    if -MAX_BYTES - 1 <= value <= MAX_BYTES:
        return value
    return 0 if compact else (value + 2**63) % 2**64 - 2**63


def _problem(nanos: int, value: int) -> str | None:
    if nanos < 0:
        return "must be greater than or equal to 0"
    if nanos > MAX_BYTES * _NANO:
        return f"{BEYOND}Kubernetes reads it as {value}"
    return None


def _canonical_binary(nanos: int) -> str:
    if abs(nanos) < 1024 * _NANO or nanos % _NANO:
        return _canonical_decimal(nanos, exponent_form=False)
    value, found = nanos // _NANO, ""
    for suffix in _BINARY:
        if value % 1024:
            break
        value, found = value // 1024, suffix
    return f"{value}{found}"


def _canonical_decimal(nanos: int, *, exponent_form: bool) -> str:
    """Return the decimal form; without exponents nothing is larger than E (the API server prints no suffix there)."""
    if nanos == 0:
        return "0"
    power = -9
    while nanos % 1000 == 0 and (exponent_form or power < 18):
        nanos //= 1000
        power += 3
    if exponent_form:
        return f"{nanos}e{power}" if power else str(nanos)
    return f"{nanos}{_DECIMAL_OF[power]}"


_NULL = Quantity("", "", 0, 0, 0, None)


def parse_bytes(text: str) -> int:
    """Return the bytes of a text such as `512Mi`. Raises ValueError when it is no quantity."""
    quantity = parse(text)
    if isinstance(quantity, QuantityError):
        raise ValueError(f"{text!r} is not a quantity")  # noqa: TRY004 - the value is wrong, not its type
    return quantity.bytes
