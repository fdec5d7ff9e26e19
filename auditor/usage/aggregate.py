"""What the rows of each container add up to over a window: in DuckDB, on Spark, or in Python for rows in memory.

The aggregation is written once, in `aggregate_ibis`; the SQL made of it is in `sql/`.
"""

from collections.abc import Callable, Iterable
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from auditor.findings import Skipped
from auditor.usage.aggregate_model import Aggregate, AggregateDay, Floor
from auditor.usage.duck import connection, judge_files, sources, statements, words
from auditor.usage.errors import UsageError
from auditor.usage.files import Window
from auditor.usage.model import UsageDay
from auditor.usage.rows import judge
from auditor.usage.statistics import aggregate_of

ENGINES = ("duckdb", "spark")

_KEY_LENGTH = 5


def aggregate(  # noqa: PLR0913 - all but the history are named
    history: Path | Iterable[UsageDay],
    *,
    since: date,
    until: date,
    cluster: str | None = None,
    engine: str = "duckdb",
    today: date | None = None,
) -> tuple[tuple[Aggregate, ...], tuple[Skipped, ...]]:
    """Return what each container's rows from `since` to `until`, both included, add up to, and what was left out.

    `history` is a store, a Parquet file, a folder of them, or rows; `cluster` None takes all. Aggregates are in the
    order of their keys. With `today`, a later day is a fault. Raises UsageError for a history that is not there, an
    unknown engine, or an engine that is not installed.
    """
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine}: engines are {', '.join(ENGINES)}")
    if since > until:
        raise UsageError(f"the window ends on {until}, before it begins on {since}")
    if not isinstance(history, Path):
        return _of_rows(history, since, until, cluster, today)
    clusters = None if cluster is None else frozenset((cluster,))
    window = Window(clusters=clusters, since=since, until=until, today=today)
    with connection() as database:
        made, skipped = sources(database, history, window)
        if engine == "spark":
            from auditor.usage.spark import run

            results, told = run(made, window)
        else:
            told = judge_files(database, made, window)
            queries = statements("duckdb")
            days, containers, floors = (
                database.execute(queries[name]).fetchall() for name in ("by_day", "by_container", "floors")
            )
            results = (days, containers, floors)
    return _joined(*results), tuple(sorted((*skipped, *told)))


def _of_rows(
    rows: Iterable[UsageDay], since: date, until: date, cluster: str | None, today: date | None
) -> tuple[tuple[Aggregate, ...], tuple[Skipped, ...]]:
    wanted = (row for row in rows if since <= row.day <= until and cluster in (None, row.cluster))
    kept, faults = judge(wanted, today)
    groups: dict[tuple[str, ...], list[UsageDay]] = {}
    for row in kept:
        groups.setdefault(_group(row), []).append(row)
    skipped = tuple(Skipped("rows", None, None, words(count, fault)) for fault, count in sorted(faults.items()))
    return tuple(aggregate_of(groups[key]) for key in sorted(groups)), skipped


def _group(row: UsageDay) -> tuple[str, ...]:
    return (row.cluster, row.namespace, row.workload_kind, row.workload_name, row.container)


def _joined(
    days: list[tuple[Any, ...]], containers: list[tuple[Any, ...]], floors: list[tuple[Any, ...]]
) -> tuple[Aggregate, ...]:
    """Return the aggregates of what an engine found: each result begins with the columns of the key."""
    by_day = _by_key(days, _day)
    by_floor = _by_key(floors, _floor)
    return tuple(
        _one(row, by_day[row[:_KEY_LENGTH]], by_floor.get(row[:_KEY_LENGTH], ()))
        for row in sorted(containers, key=itemgetter(*range(_KEY_LENGTH)))
    )


def _by_key(
    rows: list[tuple[Any, ...]], made: Callable[[tuple[Any, ...]], Any]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return the values that rows hold by key, in the order of their first fields (the day, or the pod and day)."""
    rows.sort(key=itemgetter(*range(_KEY_LENGTH + 2)))
    return {key: tuple(made(row) for row in group) for key, group in groupby(rows, key=itemgetter(*range(_KEY_LENGTH)))}


def _day(row: tuple[Any, ...]) -> AggregateDay:
    day, pods, samples, coverage, coverage_pods, peak, request, limit, oom_kills, oom_limit, restarts = row[
        _KEY_LENGTH:
    ]
    return AggregateDay(
        day=day,
        pods=pods,
        samples=samples,
        coverage_ppm_sum=coverage,
        coverage_pods=coverage_pods,
        peak_bytes=peak,
        request_bytes=request,
        limit_bytes=limit,
        oom_kills=oom_kills,
        oom_limit_bytes=oom_limit,
        restarts=restarts,
    )


def _floor(row: tuple[Any, ...]) -> Floor:
    pod, day, min_bytes, limit, restarts, oom_kills = row[_KEY_LENGTH:]
    return Floor(pod=pod, day=day, min_bytes=min_bytes, limit_bytes=limit, restarts=restarts, oom_kills=oom_kills)


def _one(row: tuple[Any, ...], days: tuple[AggregateDay, ...], floors: tuple[Floor, ...]) -> Aggregate:
    cluster, namespace, workload_kind, workload_name, container, *numbers = row
    container_type, pods, pod_days, samples, weighted, mean_samples, p50, p95, p99, max_bytes, near, limited = numbers[
        :12
    ]
    oom_kills, restarts, rss, cache_max, swap, pressure = numbers[12:]
    peak_days = (day.day for day in days if max_bytes is not None and day.peak_bytes == max_bytes)
    return Aggregate(
        cluster=cluster,
        namespace=namespace,
        workload_kind=workload_kind,
        workload_name=workload_name,
        container=container,
        container_type=container_type,
        days=days,
        pods=pods,
        pod_days=pod_days,
        samples=samples,
        mean_bytes=-(-int(weighted) // mean_samples) if mean_samples else None,
        p50_bytes=p50,
        p95_bytes=p95,
        p99_bytes=p99,
        max_bytes=max_bytes,
        max_day=next(peak_days, None),
        near_limit_samples=near,
        limited_samples=limited,
        oom_kills=oom_kills,
        restarts=restarts,
        rss_max_bytes=rss,
        cache_max_bytes=cache_max,
        swap_max_bytes=swap,
        pressure_waiting_ratio=pressure,
        floors=floors,
    )
