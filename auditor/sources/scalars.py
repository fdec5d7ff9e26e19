"""What a plain YAML scalar means to Kubernetes: go-yaml v2's rules, then the JSON that sigs.k8s.io/yaml makes of it.

https://github.com/kubernetes-sigs/yaml/blob/master/goyaml.v2/resolve.go
"""

import math
import re
import struct

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DOT_FLOAT = re.compile(r"\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:[Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_BASES = (16, 2, 8, 10)


def resolve_plain(text: str) -> Scalar:
    """Return the value of a plain scalar; a float that JSON writes without a fraction is an int, as the API reads it.

    Decimals beyond 64 bits lose digits as in Go. Infinity and NaN are returned; JSON cannot hold them.
    """
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first == ".":
        return _json_number(float(text)) if _DOT_FLOAT.fullmatch(text) and math.isfinite(float(text)) else text
    if not (first in "+-" or first.isdigit()) or not text.isascii() or _DATE.fullmatch(text):
        return text
    return _number(text.replace("_", ""), text)


def _number(plain: str, text: str) -> Scalar:
    """Return the number that `plain` (without underscores) is, else `text`."""
    match = _INTEGER.fullmatch(plain)
    if match:
        sign, *digits = match.groups()
        base, found = next((base, part) for base, part in zip(_BASES, digits, strict=True) if part is not None)
        if base == 10 and len(found) > 20:  # a longer one is past 64 bits: a float in Go
            return _finite(plain, text)
        value = int(found, base) * (-1 if sign == "-" else 1)
        if base != 10 or -(2**63) <= value < 2**64:
            return value
    return _finite(plain, text) if _FLOAT.fullmatch(plain) else text


def _finite(plain: str, text: str) -> Scalar:
    """Return the float, or the text where Go reports a range error."""
    value = float(plain)
    return _json_number(value) if math.isfinite(value) else text


def _json_number(value: float) -> int | float:
    """Return what remains of a float after Go's JSON encoder, which writes no exponent below 1e21."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def key_text(value: Scalar) -> str | None:
    """Return the JSON key of a YAML key, None for null (an error in Kubernetes)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return None if value is None else _short_float(value)


def _short_float(value: float) -> str:
    """Return Go's FormatFloat(value, 'g', -1, 32): the fewest digits that name the 32-bit float."""
    try:
        (single,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        single = math.inf
    if not math.isfinite(single):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    for digits in range(17):
        text = f"{single:.{digits}e}"
        if struct.pack("f", float(text)) == struct.pack("f", single):
            break
    mantissa, exponent = text.split("e")
    if not -4 <= int(exponent) < 21:
        return text
    return f"{single:.{max(0, len(mantissa.replace('-', '').replace('.', '')) - 1 - int(exponent))}f}"
