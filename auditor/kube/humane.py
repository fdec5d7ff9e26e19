"""Writes numbers of bytes as a person writes a Kubernetes quantity, and shares as percentages."""

_STEP = 1024
_SUFFIXES = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = (("T", 10**12), ("G", 10**9), ("M", 10**6))


def format_bytes(value: int) -> str:
    """Return the bytes such as `512Mi`, `1.5Gi`, `1144Mi`, `1G`, `0` or `100 bytes`.

    Exact wherever a unit allows it: two different numbers in one message must not look alike. What no unit holds
    exactly is rounded to one decimal (`716.8Mi`), and told in bytes where that would look whole.
    """
    sign = "-" if value < 0 else ""
    size = abs(value)
    if size == 0:
        return "0"
    if size < _STEP:
        return f"{sign}{size} byte" if size == 1 else f"{sign}{size} bytes"
    return sign + (_exact(size) or _rounded(size))


def percent_text(share: float) -> str:
    """Return a share as a percentage in whole numbers: 0.5 is `50%`."""
    return f"{share * 100:.0f}%"


def _top(size: int) -> int:
    """Return the power of the largest binary unit that fits."""
    return min((size.bit_length() - 1) // 10, len(_SUFFIXES))


def _exact(size: int) -> str | None:
    top = _top(size)
    whole, rest = divmod(size * 10, _STEP**top)
    if rest == 0:
        return _tenths(whole, top)
    for power in range(top - 1, 1, -1):
        if size % _STEP**power == 0:
            return f"{size // _STEP**power}{_SUFFIXES[power - 1]}"
    # Before Ki: who reads 62500Ki wrote 64M.
    for suffix, unit in _DECIMAL:
        if size % unit == 0:
            return f"{size // unit}{suffix}"
    return f"{size // _STEP}Ki" if top > 1 and size % _STEP == 0 else None


def _rounded(size: int) -> str:
    top = _top(size)
    tenths = (size * 10 + _STEP**top // 2) // _STEP**top
    return f"{size} bytes" if tenths % 10 == 0 else _tenths(tenths, top)


def _tenths(tenths: int, power: int) -> str:
    whole, tenth = divmod(tenths, 10)
    return f"{whole}{_SUFFIXES[power - 1]}" if tenth == 0 else f"{whole}.{tenth}{_SUFFIXES[power - 1]}"
