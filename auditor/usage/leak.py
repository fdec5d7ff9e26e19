"""Whether memory leaks: a robust slope of the daily minima of each pod, and the tests that it must pass.

A leak shows in the minima: whatever the load does, a little more of what was held at the quietest moment stays held.
The slope is Theil and Sen's, its significance Mann and Kendall's, both pooled over the series of pods. A series ends
at a restart, a kill, a change of the limit, and with the pod. Steps, warm-up and cycles rise too: they must be told
apart, see docs/leaks.md for how often that works.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, groupby
from statistics import median

import msgspec

from auditor.usage.aggregate_model import Floor

_MIB = 1024 * 1024
_MIN_POINTS = 7
"""Days that a series must have: in less than a week the cycle of the week looks like a slope."""
_MAX_SERIES = 30
"""The longest ones are looked at: more change nothing but the time."""
_MIN_CONFIDENCE = 0.995
_MIN_SHARE_OF_LIMIT = 0.01
"""A day; slower, an empty limit lasts over 100 days."""
_MIN_HALF = 0.4
"""The slope of each half over that of the whole: a step or a warm-up is flat in one of them."""
_MAX_LINE_ERROR = (0.9, 1.1)
"""The error of the line over that of the best single step, and over that of the best two."""
_MAX_CUTS = 30
"""Days that are tried for a step, evenly spread: more change nothing but the time."""

Point = tuple[int, int]
"""Day as a number, and bytes."""
Series = tuple[Point, ...]
"""The daily minima of one pod, in order of days."""


class Leak(msgspec.Struct, frozen=True):
    """A slope that passed the tests."""

    bytes_per_day: int
    """How much more is held each day, at least 1."""
    confidence_ratio: float
    """One minus the chance that minima without any trend would rise so steadily, 0 to 1."""


def find_leak(floors: Sequence[Floor], *, limit_bytes: int | None) -> Leak | None:
    """Return the leak that the daily minima show; None when they show none, or are too few to say.

    With a limit, the slope must be at least 1 % of it a day; without one at least 1 MiB and 1 % of the typical minimum.
    """
    every = series_of(floors)
    if _rise(every) <= 0:
        return None
    first_day = min(floor.day for floor in floors).toordinal()
    series = _worth_looking_at(every, first_day)
    if not series:
        return None
    confidence = _confidence(series)
    slope = _slope(series)
    least = _least_bytes_per_day(series, limit_bytes)
    if confidence < _MIN_CONFIDENCE or slope < least or not _rises_all_the_time(series, slope):
        return None
    return Leak(round(slope), confidence)


def rising(floors: Iterable[Floor]) -> bool:
    """Return whether the minima rise at all: more pairs of days inside a series rise than fall."""
    return _rise(series_of(floors)) > 0


def days_to_limit(leak: Leak, *, peak_bytes: int | None, limit_bytes: int | None) -> int | None:
    """Return the whole days until the peak meets the limit; 0 when it has, None when either is not known."""
    if peak_bytes is None or limit_bytes is None:
        return None
    return max(0, limit_bytes - peak_bytes) // leak.bytes_per_day


def series_of(floors: Iterable[Floor]) -> tuple[Series, ...]:
    """Return the minima of each pod, cut where a restart, a kill or another limit begins a new series.

    The day of a restart or kill begins the new one. A limit that is not known is no change.
    """
    made: list[Series] = []
    for _, group in groupby(sorted(floors, key=lambda floor: (floor.pod, floor.day)), key=lambda floor: floor.pod):
        points: list[Point] = []
        limit_bytes: int | None = None
        for floor in group:
            changed = None not in (limit_bytes, floor.limit_bytes) and limit_bytes != floor.limit_bytes
            if points and (floor.restarts or floor.oom_kills or changed):
                made.append(tuple(points))
                points = []
            limit_bytes = floor.limit_bytes if floor.limit_bytes is not None else limit_bytes
            points.append((floor.day.toordinal(), floor.min_bytes))
        made.append(tuple(points))
    return tuple(made)


def _worth_looking_at(every: Iterable[Series], first_day: int) -> tuple[Series, ...]:
    """Return the series that are long enough, each without the day it began: a part of a day, still starting up.

    What is there on the first day of the window began before it.
    """
    begun = (one if one[0][0] == first_day else one[1:] for one in every)
    longest = sorted((one for one in begun if len(one) >= _MIN_POINTS), key=len, reverse=True)
    return tuple(longest[:_MAX_SERIES])


def _concordance(series: Series) -> int:
    """Return Kendall's S: pairs of days that rise, less those that fall."""
    return sum((later > earlier) - (later < earlier) for (_, earlier), (_, later) in combinations(series, 2))


def _deviation(series: Series) -> float:
    """Return the standard deviation of S without a trend, with Kendall's correction for ties."""
    count = len(series)
    values = sorted(value for _, value in series)
    ties = [len(list(group)) for _, group in groupby(values)]
    spread = count * (count - 1) * (2 * count + 5) - sum(size * (size - 1) * (2 * size + 5) for size in ties)
    return math.sqrt(spread / 18)


def _rise(series: Iterable[Series]) -> int:
    """Return how many more pairs of days rise than fall, over all series (Kendall's S)."""
    return sum(_concordance(one) for one in series)


def _confidence(series: Sequence[Series]) -> float:
    """Return how sure a rise is, 0 to 1, by the normal approximation of S, one-sided.

    Pods that run at the same time carry the same load, so what they say is taken for one and the same observation:
    their deviations add up. What does not overlap in time is independent: there the variances do.
    """
    total = _rise(series)
    variance = math.fsum(math.fsum(_deviation(one) for one in era) ** 2 for era in _eras(series))
    if total <= 0 or variance <= 0:
        return 0.0
    score = (total - 1) / math.sqrt(variance)
    return 0.5 * math.erfc(-score / math.sqrt(2))


def _eras(series: Iterable[Series]) -> list[list[Series]]:
    """Return the series in groups that overlap in time."""
    eras: list[list[Series]] = []
    end_day = -1
    for one in sorted(series, key=lambda one: one[0][0]):
        if one[0][0] > end_day:
            eras.append([])
        eras[-1].append(one)
        end_day = max(end_day, one[-1][0])
    return eras


def _slope(series: Iterable[Series]) -> float:
    """Return the median slope of all pairs of days inside a series, in bytes a day (Theil, Sen)."""
    return median(
        (later - earlier) / (later_day - earlier_day)
        for one in series
        for (earlier_day, earlier), (later_day, later) in combinations(one, 2)
    )


def _least_bytes_per_day(series: Iterable[Series], limit_bytes: int | None) -> float:
    if limit_bytes:
        return max(1.0, _MIN_SHARE_OF_LIMIT * limit_bytes)
    typical = median(value for one in series for _, value in one)
    return max(_MIB, _MIN_SHARE_OF_LIMIT * typical)


def _rises_all_the_time(series: Sequence[Series], slope: float) -> bool:
    """Return whether both halves rise, and a line is nearer to the points than one or two steps in each series."""
    halves = ([one[: len(one) // 2 + 1] for one in series], [one[len(one) // 2 :] for one in series])
    if min(_slope(half) for half in halves) < _MIN_HALF * slope:
        return False
    line = math.fsum(_error([value - slope * day for day, value in one]) for one in series)
    one_step, two_steps = zip(*(_step_errors([value for _, value in one]) for one in series), strict=True)
    most_one, most_two = _MAX_LINE_ERROR
    return line <= most_one * math.fsum(one_step) and line <= most_two * math.fsum(two_steps)


def _step_errors(values: Sequence[float]) -> tuple[float, float]:
    """Return the error of the best two levels, and that of the best three."""
    count = len(values)
    cuts = range(1, count, -(-count // _MAX_CUTS))
    one = min(_error(values[:cut]) + _error(values[cut:]) for cut in cuts)
    two = min(
        _error(values[:first]) + _error(values[first:second]) + _error(values[second:])
        for first, second in combinations(cuts, 2)
    )
    return one, two


def _error(values: Sequence[float]) -> float:
    """Return the sum of the distances to the median."""
    middle = median(values)
    return math.fsum(abs(value - middle) for value in values)
