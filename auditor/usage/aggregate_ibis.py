"""The one aggregation of history, as Ibis expressions: what every engine computes is generated from here.

`usage_rows` is what an engine reads: the columns of `UsageDay`, the `file` of each row, and `today`, after which no day
can lie (absent: no check). `usage_days` is the same rows judged: `fault` says why one does not count. The statements
are committed as SQL, so that a scan needs no Ibis; `pytest --update-golden tests/usage/test_aggregate.py` writes them.
"""

from functools import reduce
from typing import Any

from auditor.usage import duck
from auditor.usage.model import KEY
from auditor.usage.rows import (
    BYTES,
    COUNTS,
    FUTURE,
    MAX_BYTES,
    MAX_COUNT,
    NAMES,
    ORDERED,
    RATIOS,
    REPEATED,
    REPLACED,
    TIES,
)

DIALECTS = {"duckdb": "duckdb", "spark": "databricks"}
"""The engines, and how Ibis calls their SQL: its writer for Spark itself asks for an installed one."""

_TYPES = {"VARCHAR": "string", "BIGINT": "int64", "DOUBLE": "float64", "DATE": "date", "TIMESTAMP": "timestamp"}
COLUMNS = {name: _TYPES[kind] for name, kind in duck.COLUMNS.items()}
"""The columns of the table and their types; times are UTC."""

GROUP = ("cluster", "namespace", "workload_kind", "workload_name", "container")
"""What makes rows those of one container of one workload."""


def statements(engine: str) -> dict[str, str]:
    """Return the SQL of every statement by name, in the order in which they run; `engine` is `duckdb` or `spark`."""
    import ibis

    days = _days()
    return {
        name: ibis.to_sql(expression, dialect=DIALECTS[engine]) + "\n"
        for name, expression in (
            ("judged", _judged()),
            ("faults", _faults(days)),
            ("by_day", _by_day(_counted(days))),
            ("by_container", _by_container(_counted(days))),
            ("floors", _floors(_counted(days))),
        )
    }


def _judged() -> Any:
    """Return every row with its fault, or None where it counts."""
    import ibis

    rows = ibis.table({**COLUMNS, "file": "string", "today": "date"}, name="usage_rows")
    rows = rows.mutate(wrong=_wrong(rows))
    same = [*(rows[name] for name in KEY), rows.wrong.isnull()]
    order = [ibis.desc(rows.collected_at), *(ibis.desc(rows[name], nulls_first=False) for name in TIES)]
    place = ibis.window(group_by=same, order_by=order)
    ranked = rows.mutate(place=ibis.row_number().over(place), latest=rows.collected_at.first().over(place))
    again = ibis.cases((ranked.collected_at == ranked.latest, REPEATED), else_=REPLACED)
    fault = ibis.coalesce(ranked.wrong, ibis.cases((ranked.place > 0, again)))
    return ranked.mutate(fault=fault).select(*COLUMNS, "file", "fault")


def _wrong(rows: Any) -> Any:
    """Return the reason for which a row cannot be true, as `rows.fault_of` does."""
    import ibis

    cases = [(rows[name].isnull() | (rows[name] == ""), f"{name} is missing") for name in NAMES]
    cases += [(rows[name].isnull(), f"{name} is missing") for name in ("day", "collected_at", "samples")]
    cases.append((rows.day > rows.today, FUTURE))
    for name in COUNTS + BYTES:
        bound = MAX_COUNT if name in COUNTS else MAX_BYTES
        cases.append((rows[name] < 0, f"{name} is negative"))
        cases.append((rows[name] > bound, f"{name} is too large to be true"))
    cases += [((rows[name] < 0) | (rows[name] > 1), f"{name} is not between 0 and 1") for name in RATIOS]
    cases += [(rows[lower] > rows[upper], f"{lower} is above {upper}") for lower, upper in ORDERED]
    return ibis.cases(*cases)


def _days() -> Any:
    import ibis

    return ibis.table({**COLUMNS, "file": "string", "fault": "string"}, name="usage_days")


def _counted(days: Any) -> Any:
    return days.filter(days.fault.isnull())


def _faults(days: Any) -> Any:
    """Return how many rows of which file do not count for which reason."""
    told = days.filter(days.fault.notnull(), days.fault != REPLACED)
    return told.group_by("file", "fault").agg(rows=told.count())


def _by_day(rows: Any) -> Any:
    """Return one row for each container and day: the fields of `AggregateDay`."""
    return rows.group_by(*GROUP, "day").agg(
        pods=rows.pod.nunique(),
        samples=rows.samples.sum().cast("int64"),
        coverage_ppm_sum=_in_millionths(rows.coverage).sum().coalesce(0).cast("int64"),
        coverage_pods=rows.coverage.count(),
        peak_bytes=rows.max_bytes.max(),
        request_bytes=rows.request_bytes.max(),
        limit_bytes=rows.limit_bytes.max(),
        oom_kills=rows.oom_kills.sum().cast("int64"),
        oom_limit_bytes=rows.limit_bytes.max(where=rows.oom_kills > 0),
        restarts=rows.restarts.sum().cast("int64"),
    )


def _in_millionths(ratio: Any) -> Any:
    """Return a ratio in millionths, halves to the even number as Python rounds them."""
    scaled = ratio * 1e6
    whole = scaled.floor().cast("int64")
    rest = scaled - scaled.floor()
    up = (rest > 0.5) | ((rest == 0.5) & (whole % 2 == 1))
    return whole + up.ifelse(1, 0)


def _by_container(rows: Any) -> Any:
    """Return one row for each container: the numbers of `Aggregate` that the days alone do not give."""
    weight = rows.mean_bytes.notnull().ifelse(rows.samples, 0)
    product = rows.mean_bytes.cast("decimal(19, 0)") * rows.samples.cast("decimal(10, 0)")
    return rows.group_by(*GROUP).agg(
        container_type=rows.container_type.max(),
        pods=rows.pod.nunique(),
        pod_days=rows.count(),
        samples=rows.samples.sum().cast("int64"),
        mean_weighted=product.sum().cast("string"),
        mean_samples=weight.sum().cast("int64"),
        p50_bytes=_at_rank(rows.mean_bytes, 50),
        p95_bytes=_at_rank(rows.p95_bytes, 95),
        p99_bytes=_at_rank(rows.p99_bytes, 99),
        max_bytes=rows.max_bytes.max(),
        near_limit_samples=(_near_percent(rows) * rows.samples).sum().coalesce(0).cast("int64"),
        limited_samples=_is_limited(rows).ifelse(rows.samples, 0).sum().cast("int64"),
        oom_kills=rows.oom_kills.sum().cast("int64"),
        restarts=rows.restarts.sum().cast("int64"),
        rss_max_bytes=rows.rss_max_bytes.max(),
        cache_max_bytes=rows.cache_max_bytes.max(),
        swap_max_bytes=rows.swap_max_bytes.max(),
        pressure_waiting_ratio=rows.pressure_waiting_ratio.max(),
    )


def _at_rank(column: Any, percent: int) -> Any:
    """Return the value at rank ceil(percent / 100 * n) of the n that are known: one that occurs."""
    import ibis

    rank = ((column.count() * percent + 99) // 100).cast("int32")  # Spark takes no longer index
    return ibis.cases((column.count() > 0, column.collect().sort()[rank - 1]))


def _near_percent(rows: Any) -> Any:
    """Return the share of a pod-day that surely stood at 95 % of its limit or more, in percent."""
    import ibis

    def near(column: Any) -> Any:
        return column.cast("decimal(19, 0)") * 20 >= rows.limit_bytes.cast("decimal(19, 0)") * 19

    return ibis.cases((near(rows.min_bytes), 100), (near(rows.p95_bytes), 5), (near(rows.p99_bytes), 1), else_=0)


def _is_limited(rows: Any) -> Any:
    known = [rows[name].notnull() for name in ("min_bytes", "p95_bytes", "p99_bytes")]
    return rows.limit_bytes.notnull() & reduce(lambda one, other: one | other, known)


def _floors(rows: Any) -> Any:
    """Return the daily minima of every pod of the containers whose minima rise (`leak.rising`)."""
    floors = rows.filter(rows.min_bytes.notnull()).select(
        *GROUP, "pod", "day", "min_bytes", "limit_bytes", "restarts", "oom_kills"
    )
    rise = _pairs(_series(floors)).group_by(*GROUP).agg(rise=lambda pairs: pairs.sign.sum())
    return floors.semi_join(rise.filter(rise.rise > 0), list(GROUP))


def _series(floors: Any) -> Any:
    """Return the minima with the number of their series: a restart, a kill or another known limit begins a new one."""
    import ibis

    pod = [floors[name] for name in (*GROUP, "pod")]
    known = ibis.window(group_by=[*pod, floors.limit_bytes.isnull()], order_by=floors.day)
    floors = floors.mutate(limit_before=floors.limit_bytes.lag().over(known))
    begins = (
        (floors.restarts.coalesce(0) > 0)
        | (floors.oom_kills.coalesce(0) > 0)
        | (floors.limit_bytes != floors.limit_before).coalesce(ibis.literal(value=False))
    )
    floors = floors.mutate(begins=begins.ifelse(1, 0))
    so_far = ibis.window(group_by=[floors[name] for name in (*GROUP, "pod")], order_by=floors.day, following=0)
    return floors.mutate(series=floors.begins.sum().over(so_far)).select(*GROUP, "pod", "series", "day", "min_bytes")


def _pairs(series: Any) -> Any:
    """Return +1 for each pair of days inside a series that rises, -1 for one that falls (Kendall's S)."""
    import ibis

    earlier, later = series, series.view()
    same = [earlier[name] == later[name] for name in (*GROUP, "pod", "series")]
    sign = ibis.cases((later.min_bytes > earlier.min_bytes, 1), (later.min_bytes < earlier.min_bytes, -1), else_=0)
    pairs = earlier.join(later, [*same, earlier.day < later.day])
    return pairs.select(*(earlier[name] for name in GROUP), sign=sign)
