"""The aggregation over a window: in memory, in DuckDB, and as the SQL that is committed."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.findings import Skipped
from auditor.usage import duck
from auditor.usage.aggregate import aggregate
from auditor.usage.aggregate_ibis import COLUMNS, statements
from auditor.usage.errors import UsageError
from auditor.usage.model import UsageDay
from auditor.usage.table import write_days

SQL = Path(__file__).resolve().parents[2] / "auditor" / "usage" / "sql"
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 14)
COLLECTED = datetime(2026, 11, 20, tzinfo=UTC)


def row(**fields):
    base = {
        "cluster": "prod",
        "day": FIRST,
        "namespace": "shop",
        "workload_kind": "Deployment",
        "workload_name": "cart",
        "pod": "cart-1",
        "container": "main",
        "samples": 1440,
        "coverage": 1.0,
        "source": "test",
        "collected_at": COLLECTED,
    }
    return UsageDay(**{**base, **fields})


def over(rows, folder, **more):
    """Aggregate in memory and in DuckDB, and return what both say."""
    write_days(folder, rows)
    window = {"since": FIRST, "until": LAST, **more}
    stored = aggregate(folder, **window)
    assert aggregate(rows, **window) == stored
    return stored


def one(rows, folder):
    (found,), skipped = over(rows, folder)
    assert skipped == ()
    return found


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_the_committed_sql_is_that_of_the_ibis_expressions(engine, golden):
    golden(SQL / f"{engine}.sql", "".join(f"-- {name}\n{text}" for name, text in statements(engine).items()))


def test_the_columns_of_the_table_are_the_fields_of_a_row():
    assert tuple(COLUMNS) == tuple(duck.COLUMNS) == UsageDay.__struct_fields__


def test_the_mean_is_weighted_by_samples_and_rounded_up(tmp_path):
    rows = [row(mean_bytes=100, samples=3), row(pod="cart-2", mean_bytes=201, samples=1), row(pod="cart-3", samples=9)]
    assert one(rows, tmp_path).mean_bytes == 126


def test_the_mean_of_the_largest_numbers_is_exact(tmp_path):
    rows = [row(mean_bytes=2**60 - 1, samples=2**31), row(pod="cart-2", mean_bytes=2**60 - 3, samples=2**31)]
    assert one(rows, tmp_path).mean_bytes == 2**60 - 2


def test_rows_without_numbers_give_none_and_not_zero(tmp_path):
    found = one([row(samples=0, coverage=None)], tmp_path)
    assert found.mean_bytes is found.p50_bytes is found.p95_bytes is found.max_bytes is found.max_day is None
    assert found.oom_kills is found.restarts is found.pressure_waiting_ratio is None
    assert (found.days[0].coverage_ppm_sum, found.days[0].coverage_pods) == (0, 0)


def test_quantiles_over_pod_days_are_values_at_the_nearest_rank(tmp_path):
    rows = [
        row(pod=f"cart-{number:02}", mean_bytes=number, p95_bytes=100 + number, p99_bytes=200 + number)
        for number in range(1, 21)
    ]
    found = one(rows, tmp_path)
    assert (found.p50_bytes, found.p95_bytes, found.p99_bytes) == (10, 119, 220)


def test_the_peak_has_its_first_day(tmp_path):
    days = [FIRST + timedelta(days=number) for number in range(3)]
    rows = [row(day=day, max_bytes=value) for day, value in zip(days, (5, 9, 9), strict=True)]
    found = one(rows, tmp_path)
    assert (found.max_bytes, found.max_day) == (9, days[1])
    assert [day.peak_bytes for day in found.days] == [5, 9, 9]


def test_a_day_joins_its_pods(tmp_path):
    rows = [
        row(coverage=0.25, max_bytes=7, limit_bytes=10, request_bytes=4, oom_kills=2, restarts=3),
        row(pod="cart-2", coverage=0.5, max_bytes=5, limit_bytes=20, request_bytes=8, oom_kills=0),
        row(pod="cart-3", coverage=None),
    ]
    (day,) = one(rows, tmp_path).days
    assert (day.pods, day.samples, day.coverage_ppm_sum, day.coverage_pods) == (3, 4320, 750_000, 2)
    assert (day.peak_bytes, day.limit_bytes, day.request_bytes) == (7, 20, 8)
    assert (day.oom_kills, day.oom_limit_bytes, day.restarts) == (2, 10, 3)


@pytest.mark.parametrize(
    ("fields", "hundredths"),
    [
        ({"min_bytes": 950, "p95_bytes": 950, "p99_bytes": 950}, 100),
        ({"min_bytes": 949, "p95_bytes": 950, "p99_bytes": 950}, 5),
        ({"p95_bytes": 949, "p99_bytes": 950}, 1),
        ({"p95_bytes": 949, "p99_bytes": 949, "max_bytes": 1000}, 0),
    ],
)
def test_time_near_the_limit_is_what_the_quantiles_of_a_day_prove(fields, hundredths, tmp_path):
    rows = [row(samples=10, limit_bytes=1000, **fields), row(pod="cart-2", samples=5, p95_bytes=3)]
    found = one(rows, tmp_path)
    assert (found.near_limit_samples, found.limited_samples) == (10 * hundredths, 10)


def test_ninety_five_percent_of_a_huge_limit_is_exact(tmp_path):
    limit = 20 * 2**55
    assert one([row(samples=1, limit_bytes=limit, p95_bytes=19 * 2**55)], tmp_path).near_limit_samples == 5
    below = one([row(samples=1, limit_bytes=limit, p95_bytes=19 * 2**55 - 1)], tmp_path / "below")
    assert below.near_limit_samples == 0


def minima(values, **more):
    return [row(day=FIRST + timedelta(days=at), min_bytes=value, **more) for at, value in enumerate(values)]


@pytest.mark.parametrize("values", [[3, 2, 1], [5, 5, 5], [1, 9, 1]])
def test_minima_that_do_not_rise_bring_no_floors(values, tmp_path):
    assert one(minima(values), tmp_path).floors == ()


def test_minima_that_rise_bring_every_floor_of_every_pod(tmp_path):
    found = one(minima([1, 2, 3]) + minima([5, 5], pod="cart-0"), tmp_path)
    assert [(floor.pod, floor.day.day, floor.min_bytes) for floor in found.floors] == [
        ("cart-0", 1, 5),
        ("cart-0", 2, 5),
        ("cart-1", 1, 1),
        ("cart-1", 2, 2),
        ("cart-1", 3, 3),
    ]


@pytest.mark.parametrize("change", [{"restarts": 1}, {"oom_kills": 1}, {"limit_bytes": 99}])
def test_a_restart_a_kill_and_another_limit_begin_a_new_series(change, tmp_path):
    before, after = minima([2, 1], limit_bytes=50), minima([0, 0, 9, 8], limit_bytes=50)[2:]
    assert one(before + after, tmp_path / "one").floors
    rest = minima([0, 0, 0, 8], **{"limit_bytes": 50, **({"limit_bytes": 99} if "limit_bytes" in change else {})})[3:]
    assert one([*before, msgspec.structs.replace(after[0], **change), *rest], tmp_path / "two").floors == ()


def test_a_limit_that_is_not_known_for_a_day_begins_no_series(tmp_path):
    rows = [
        row(day=FIRST + timedelta(days=at), min_bytes=at, limit_bytes=limit) for at, limit in enumerate((50, None, 50))
    ]
    assert len(one(rows, tmp_path).floors) == 3


def test_only_the_window_and_the_cluster_count(tmp_path):
    rows = [
        row(),
        row(day=FIRST - timedelta(days=1)),
        row(day=LAST + timedelta(days=1)),
        row(cluster="test", container="other"),
    ]
    found, _ = over(rows, tmp_path, cluster="prod")
    assert [(each.cluster, each.pod_days) for each in found] == [("prod", 1)]
    both, _ = over(rows, tmp_path)
    assert [each.cluster for each in both] == ["prod", "test"]


def test_rows_that_cannot_be_true_are_counted_and_told():
    rows = [row(), row(pod="b", max_bytes=-1), row(pod="c", max_bytes=-2), row(pod="d", p95_bytes=5, max_bytes=4)]
    found, skipped = aggregate(rows, since=FIRST, until=LAST)
    assert found[0].pods == 1
    assert skipped == (
        Skipped("rows", None, None, "2 rows left out: max_bytes is negative"),
        Skipped("rows", None, None, "1 row left out: p95_bytes is above max_bytes"),
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"engine": "flink"}, "there is no engine flink: engines are duckdb, spark"),
        ({"until": FIRST - timedelta(days=1)}, "the window ends on 2026-10-31, before it begins on 2026-11-01"),
    ],
)
def test_wrong_use_is_a_clear_error(more, words):
    with pytest.raises(UsageError, match=words):
        aggregate([], **{"since": FIRST, "until": LAST, **more})


def test_a_history_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match=r"no history in .*: there is no such file or folder"):
        aggregate(tmp_path / "nowhere", since=FIRST, until=LAST)


NUMBER = st.none() | st.integers(0, 20)
RATIO = st.none() | st.floats(0, 1)


@st.composite
def usage_rows(draw):
    def sorted_numbers():
        values = sorted(draw(st.integers(0, 2**60)) for _ in range(5))
        return [value if draw(st.booleans()) else None for value in values]

    low, mean, p95, p99, high = sorted_numbers()
    return row(
        day=FIRST + timedelta(days=draw(st.integers(0, 5))),
        workload_name=draw(st.sampled_from(["cart", "até'x", ""])),
        pod=draw(st.sampled_from(["a", "b", "c"])),
        container=draw(st.sampled_from(["main", "side"])),
        container_type=draw(st.sampled_from([None, "app", "sidecar"])),
        samples=draw(st.integers(0, 2**31)),
        coverage=draw(RATIO),
        min_bytes=low,
        mean_bytes=mean,
        p95_bytes=p95,
        p99_bytes=p99,
        max_bytes=high,
        rss_max_bytes=draw(NUMBER),
        cache_max_bytes=draw(NUMBER),
        swap_max_bytes=draw(NUMBER),
        request_bytes=draw(NUMBER),
        limit_bytes=draw(st.none() | st.integers(0, 2**60)),
        oom_kills=draw(st.none() | st.integers(0, 2)),
        restarts=draw(st.none() | st.integers(0, 2)),
        pressure_waiting_ratio=draw(RATIO),
        collected_at=COLLECTED + timedelta(seconds=draw(st.integers(0, 3))),
    )


def unique(rows):
    return list({(each.day, each.pod, each.container): each for each in rows}.values())


@settings(max_examples=60)
@given(rows=st.lists(usage_rows(), min_size=1, max_size=30).map(unique))
def test_duckdb_says_to_the_bit_what_python_says(rows, tmp_path_factory):
    over(rows, tmp_path_factory.mktemp("store"))
