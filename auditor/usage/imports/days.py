"""From samples to the numbers of a day, over arrays: minimum, mean, quantiles, maximum, and the usual interval.

Quantiles are numpy's `linear` method (between the two nearest samples, by their distance), computed on whole numbers:
of n samples in order, the one at (n - 1) * q. Fractions of bytes are rounded up.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

DAY_MS = 86_400_000
_LOW_BITS = 20


class DayNumbers(NamedTuple):
    """One day of one series."""

    series: int
    """The number that the series was given."""
    day: int
    """Days since 1970-01-01 UTC."""
    samples: int
    """Samples of that day, duplicates left out."""
    min_bytes: int
    """The smallest sample."""
    mean_bytes: int
    """The mean, rounded up."""
    p95_bytes: int
    """The 95th percentile."""
    p99_bytes: int
    """The 99th percentile."""
    max_bytes: int
    """The largest sample."""


class Interval(NamedTuple):
    """How far apart the samples of a series are."""

    gaps: int
    """How many gaps there are."""
    median_ms: int
    """Their median."""


class Duplicate(NamedTuple):
    """A sample that is left out: its series has another one of the same time, as large or larger."""

    file: int
    """The number of its file."""
    line: int
    """Its line."""
    same: bool
    """Whether the values are equal."""


def summarise(records: Any) -> tuple[list[DayNumbers], dict[int, Interval], list[Duplicate]]:
    """Return the days, the intervals by series, and the duplicates of records (a structured array, see `samples`)."""
    import numpy as np

    if not len(records):
        return [], {}, []
    order = np.lexsort((records["line"], records["file"], -records["value"], records["time"], records["series"]))
    records = records[order]
    again = np.zeros(len(records), dtype=bool)
    again[1:] = (records["series"][1:] == records["series"][:-1]) & (records["time"][1:] == records["time"][:-1])
    duplicates = _duplicates(records, again)
    kept = records[~again]
    series = kept["series"].astype(np.int64)
    return _days(series, kept["time"] // DAY_MS, kept["value"]), _intervals(series, kept["time"]), duplicates


def _duplicates(records: Any, again: Any) -> list[Duplicate]:
    import numpy as np

    if not again.any():
        return []
    firsts = np.maximum.accumulate(np.where(again, 0, np.arange(len(records))))
    same = records["value"] == records["value"][firsts]
    found = np.nonzero(again)[0]
    return [Duplicate(int(records["file"][at]), int(records["line"][at]), bool(same[at])) for at in found]


def _starts(*keys: "Whole") -> "Whole":
    """Return where a run of equal keys starts."""
    import numpy as np

    changes = np.zeros(len(keys[0]), dtype=bool)
    changes[:1] = True
    for key in keys:
        changes[1:] |= key[1:] != key[:-1]
    return np.nonzero(changes)[0]


def _intervals(series: "Whole", times: "Whole") -> dict[int, Interval]:
    import numpy as np

    starts = _starts(series)
    found = {}
    for start, end in zip(starts, [*starts[1:], len(series)], strict=True):
        if end - start > 1:
            gaps = np.diff(times[start:end])
            found[int(series[start])] = Interval(len(gaps), int(np.median(gaps)))
    return found


def _days(series: "Whole", days: "Whole", values: "Whole") -> list[DayNumbers]:
    import numpy as np

    starts = _starts(series, days)
    counts = np.diff(np.append(starts, len(series)))
    values = values[np.lexsort((values, np.repeat(np.arange(len(starts)), counts)))]
    # The sum of a day may have more than 63 bits: in two parts it has not.
    high = np.add.reduceat(values >> _LOW_BITS, starts)
    low = np.add.reduceat(values & (2**_LOW_BITS - 1), starts)
    columns = (
        series[starts],
        days[starts],
        counts,
        values[starts],
        high,
        low,
        _quantile(values, starts, counts, 95),
        _quantile(values, starts, counts, 99),
        values[starts + counts - 1],
    )
    return [
        DayNumbers(name, day, count, least, -(-((top << _LOW_BITS) + rest) // count), p95, p99, most)
        for name, day, count, least, top, rest, p95, p99, most in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _quantile(values: "Whole", starts: "Whole", counts: "Whole", percent: int) -> "Whole":
    """Return the percentile of each group of sorted values, rounded up."""
    import numpy as np

    ranks = (counts - 1) * percent
    below, part = ranks // 100, ranks % 100
    lower = values[starts + below]
    step = values[starts + np.minimum(below + 1, counts - 1)] - lower
    whole, rest = step // 100, step % 100
    result: Whole = lower + whole * part + -(-(rest * part) // 100)
    return result
