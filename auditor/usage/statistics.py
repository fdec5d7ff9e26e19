"""What history says of a container: facts from an aggregate, or from rows directly with the same results."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby
from statistics import median_low

from auditor.usage.aggregate_model import Aggregate, AggregateDay, Floor
from auditor.usage.leak import days_to_limit, find_leak, rising
from auditor.usage.model import UsageDay, UsageFacts
from auditor.usage.rows import judge

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""As facts name them, in the order of `date.weekday()`."""

_MILLION = 1_000_000
_WEEKLY_DAYS = 14
"""Days with a peak that a weekly pattern needs."""
_WEEKDAY_TIMES = 2
"""How often a weekday must have been seen: once is not typical."""


def facts_of(rows: Iterable[UsageDay], *, until: date, window_days: int) -> UsageFacts | None:
    """Return the facts of one container of a workload from the rows of the window that ends with `until`.

    None when the window has no row that counts: of two rows of one key the later collected one does, and none that
    cannot be true (`rows.judge`).
    """
    since = until - timedelta(days=window_days - 1)
    kept, _ = judge((row for row in rows if since <= row.day <= until), None)
    return facts(aggregate_of(kept), window_days=window_days) if kept else None


def facts(aggregate: Aggregate, *, window_days: int) -> UsageFacts:
    """Return the facts of an aggregate over a window of so many days.

    A container without any sample, killed before the first one, has the days of its rows as first and last day.
    """
    sampled = [day for day in aggregate.days if day.samples > 0]
    shown = sampled or aggregate.days
    limit_bytes = _last([day.limit_bytes for day in aggregate.days])
    killed = [day for day in aggregate.days if day.oom_kills]
    weekday, weekday_ratio = _weekday_peak(aggregate.days)
    leak = find_leak(aggregate.floors, limit_bytes=limit_bytes)
    peak_bytes = _last([day.peak_bytes for day in aggregate.days])
    return UsageFacts(
        first_day=shown[0].day.isoformat(),
        last_day=shown[-1].day.isoformat(),
        window_days=window_days,
        days=len(sampled),
        pods=aggregate.pods,
        coverage_ratio=_coverage_ratio(aggregate.days, window_days),
        mean_bytes=aggregate.mean_bytes,
        p50_bytes=aggregate.p50_bytes,
        p95_bytes=aggregate.p95_bytes,
        p99_bytes=aggregate.p99_bytes,
        max_bytes=aggregate.max_bytes,
        max_day=None if aggregate.max_day is None else aggregate.max_day.isoformat(),
        limit_bytes=limit_bytes,
        weekday=weekday,
        weekday_peak_ratio=weekday_ratio,
        near_limit_ratio=_near_limit_ratio(aggregate),
        oom_kills=aggregate.oom_kills or 0,
        oom_days=tuple(day.day.isoformat() for day in killed),
        oom_limit_bytes=killed[-1].oom_limit_bytes if killed else None,
        restarts=aggregate.restarts or 0,
        leak_bytes_per_day=None if leak is None else leak.bytes_per_day,
        leak_confidence_ratio=None if leak is None else leak.confidence_ratio,
        leak_days_to_limit=None
        if leak is None
        else days_to_limit(leak, peak_bytes=peak_bytes, limit_bytes=limit_bytes),
        pressure_waiting_ratio=aggregate.pressure_waiting_ratio,
        swap_max_bytes=aggregate.swap_max_bytes,
        rss_max_bytes=aggregate.rss_max_bytes,
        cache_max_bytes=aggregate.cache_max_bytes,
    )


def aggregate_of(rows: Iterable[UsageDay]) -> Aggregate:
    """Return what the rows of one container add up to, as an engine computes it over a table.

    Only rows that count, each key once (`rows.judge`). Raises ValueError without rows.
    """
    kept = sorted(rows, key=lambda row: (row.day, row.pod))
    if not kept:
        raise ValueError("an aggregate needs a row")
    max_bytes = _largest(row.max_bytes for row in kept)
    floors = _floors(kept)
    near_limit_samples, limited_samples = _near_limit(kept)
    one = kept[-1]
    return Aggregate(
        cluster=one.cluster,
        namespace=one.namespace,
        workload_kind=one.workload_kind,
        workload_name=one.workload_name,
        container=one.container,
        container_type=max((row.container_type for row in kept if row.container_type is not None), default=None),
        days=tuple(_day(list(group)) for _, group in groupby(kept, key=lambda row: row.day)),
        pods=len({row.pod for row in kept}),
        pod_days=len(kept),
        samples=sum(row.samples for row in kept),
        mean_bytes=_weighted_mean(kept),
        p50_bytes=_nearest_rank((row.mean_bytes for row in kept), 50),
        p95_bytes=_nearest_rank((row.p95_bytes for row in kept), 95),
        p99_bytes=_nearest_rank((row.p99_bytes for row in kept), 99),
        max_bytes=max_bytes,
        max_day=None if max_bytes is None else min(row.day for row in kept if row.max_bytes == max_bytes),
        near_limit_samples=near_limit_samples,
        limited_samples=limited_samples,
        oom_kills=_total(row.oom_kills for row in kept),
        restarts=_total(row.restarts for row in kept),
        rss_max_bytes=_largest(row.rss_max_bytes for row in kept),
        cache_max_bytes=_largest(row.cache_max_bytes for row in kept),
        swap_max_bytes=_largest(row.swap_max_bytes for row in kept),
        pressure_waiting_ratio=max(
            (row.pressure_waiting_ratio for row in kept if row.pressure_waiting_ratio is not None), default=None
        ),
        floors=floors if rising(floors) else (),
    )


def _day(rows: Sequence[UsageDay]) -> AggregateDay:
    coverages = [row.coverage for row in rows if row.coverage is not None]
    return AggregateDay(
        day=rows[0].day,
        pods=len({row.pod for row in rows}),
        samples=sum(row.samples for row in rows),
        coverage_ppm_sum=sum(round(coverage * _MILLION) for coverage in coverages),
        coverage_pods=len(coverages),
        peak_bytes=_largest(row.max_bytes for row in rows),
        request_bytes=_largest(row.request_bytes for row in rows),
        limit_bytes=_largest(row.limit_bytes for row in rows),
        oom_kills=_total(row.oom_kills for row in rows),
        oom_limit_bytes=_largest(row.limit_bytes for row in rows if row.oom_kills),
        restarts=_total(row.restarts for row in rows),
    )


def _floors(rows: Iterable[UsageDay]) -> tuple[Floor, ...]:
    made = [
        Floor(
            pod=row.pod,
            day=row.day,
            min_bytes=row.min_bytes,
            limit_bytes=row.limit_bytes,
            restarts=row.restarts,
            oom_kills=row.oom_kills,
        )
        for row in rows
        if row.min_bytes is not None
    ]
    return tuple(sorted(made, key=lambda floor: (floor.pod, floor.day)))


def _near_limit(rows: Iterable[UsageDay]) -> tuple[int, int]:
    """Return hundredths of samples that are surely near the limit, and the samples of which that is known.

    A p95 there means 5 % of the day, a p99 1 %, a minimum all of it.
    """
    near = known = 0
    for row in rows:
        limit_bytes = row.limit_bytes
        bounds = ((row.min_bytes, 100), (row.p95_bytes, 5), (row.p99_bytes, 1))
        if limit_bytes is None or all(value is None for value, _ in bounds):
            continue
        shares = (share for value, share in bounds if value is not None and value * 100 >= limit_bytes * 95)
        near += row.samples * max(shares, default=0)
        known += row.samples
    return near, known


def _near_limit_ratio(aggregate: Aggregate) -> float | None:
    if not aggregate.limited_samples:
        return None
    return aggregate.near_limit_samples / (100 * aggregate.limited_samples)


def _weighted_mean(rows: Iterable[UsageDay]) -> int | None:
    """Return the mean by samples, rounded up."""
    weighted = [(row.mean_bytes * row.samples, row.samples) for row in rows if row.mean_bytes is not None]
    samples = sum(count for _, count in weighted)
    return -(-sum(product for product, _ in weighted) // samples) if samples else None


def _nearest_rank(values: Iterable[int | None], percent: int) -> int | None:
    """Return the value at rank ceil(percent / 100 * n) in order: one that occurs."""
    known = sorted(value for value in values if value is not None)
    return known[-(-percent * len(known) // 100) - 1] if known else None


def _coverage_ratio(days: Iterable[AggregateDay], window_days: int) -> float:
    """Return the mean over the window of each day's mean over pods.

    A day that is missing counts as 0, and so does one whose coverage nobody knows: nothing shows that it was watched.
    """
    millionths = sum(Fraction(day.coverage_ppm_sum, day.coverage_pods) for day in days if day.coverage_pods)
    return min(1.0, float(millionths / (_MILLION * window_days)))


def _weekday_peak(days: Iterable[AggregateDay]) -> tuple[str | None, float | None]:
    """Return the weekday with the highest median peak and its ratio to that of all days, the lower of two medians.

    None for both with under two weeks of peaks. Of equal weekdays the first of the week.
    """
    peaks = [(day.day.weekday(), day.peak_bytes) for day in days if day.peak_bytes is not None]
    by_weekday = defaultdict(list)
    for weekday, peak_bytes in peaks:
        by_weekday[weekday].append(peak_bytes)
    typical = {key: median_low(values) for key, values in by_weekday.items() if len(values) >= _WEEKDAY_TIMES}
    every = median_low(peak_bytes for _, peak_bytes in peaks) if peaks else 0
    if len(peaks) < _WEEKLY_DAYS or not typical or not every:
        return None, None
    best = max(sorted(typical), key=lambda weekday: typical[weekday])
    return WEEKDAYS[best], typical[best] / every


def _last(values: Sequence[int | None]) -> int | None:
    return next((value for value in reversed(values) if value is not None), None)


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _total(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
