"""Facts of history: each number is the one that the docstrings of `UsageFacts` define."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median_low

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.usage.aggregate import aggregate
from auditor.usage.model import UsageDay
from auditor.usage.statistics import WEEKDAYS, aggregate_of, facts, facts_of
from auditor.usage.table import write_days

MIB = 1024 * 1024
MONDAY = date(2026, 11, 2)
UNTIL = MONDAY + timedelta(days=13)


def row(n=0, **values):
    """Return a row of day n of the two weeks that begin on a Monday."""
    defaults = {
        "day": MONDAY + timedelta(days=n),
        "namespace": "shop",
        "workload_kind": "Deployment",
        "workload_name": "web",
        "pod": "web-1",
        "container": "web",
        "samples": 1440,
        "coverage": 1.0,
        "source": "test",
        "collected_at": datetime(2026, 11, 20, tzinfo=UTC),
    }
    return UsageDay(**{**defaults, **values})


def said(*rows, window_days=14, until=UNTIL):
    made = facts_of(rows, until=until, window_days=window_days)
    assert made is not None
    return made


# The window


def test_a_window_without_rows_has_no_facts():
    assert facts_of([], until=UNTIL, window_days=14) is None
    assert facts_of([row(-1, max_bytes=5), row(14, max_bytes=5)], until=UNTIL, window_days=14) is None


def test_the_window_holds_its_last_day_and_as_many_before_it_as_its_length():
    rows = [row(n, max_bytes=n + 100) for n in range(-3, 17)]
    made = said(*rows, window_days=3)
    assert (made.first_day, made.last_day, made.window_days, made.days) == ("2026-11-13", "2026-11-15", 3, 3)
    assert (made.max_bytes, made.max_day) == (113, "2026-11-15")


def test_days_are_those_with_samples_and_pods_are_counted_once():
    made = said(row(2), row(3), row(3, pod="web-2"), row(5, samples=0, coverage=0.0))
    assert (made.first_day, made.last_day) == ("2026-11-04", "2026-11-05")
    assert (made.days, made.pods) == (2, 2)


def test_a_container_killed_before_its_first_sample_keeps_its_kills():
    made = said(row(4, samples=0, coverage=0.0, oom_kills=3, restarts=3, limit_bytes=64 * MIB))
    assert (made.first_day, made.last_day, made.days, made.coverage_ratio) == ("2026-11-06", "2026-11-06", 0, 0.0)
    assert (made.oom_kills, made.oom_days, made.oom_limit_bytes) == (3, ("2026-11-06",), 64 * MIB)


def test_of_two_rows_with_one_key_the_later_collected_counts():
    older = row(max_bytes=900, oom_kills=2, collected_at=datetime(2026, 11, 3, tzinfo=UTC))
    newer = row(max_bytes=500, collected_at=datetime(2026, 11, 4, tzinfo=UTC))
    for rows in ((older, newer), (newer, older)):
        made = said(*rows)
        assert (made.max_bytes, made.oom_kills, made.pods) == (500, 0, 1)
    same = row(max_bytes=501, collected_at=datetime(2026, 11, 4, tzinfo=UTC))
    assert said(newer, same).max_bytes == said(same, newer).max_bytes == 501


def test_a_row_that_cannot_be_true_does_not_count():
    wrong = row(1, max_bytes=-5)
    assert said(row(max_bytes=7), wrong).days == 1
    assert facts_of([wrong], until=UNTIL, window_days=14) is None


def test_unknown_stays_absent():
    made = said(row())
    absent = (
        "mean_bytes",
        "p50_bytes",
        "p95_bytes",
        "p99_bytes",
        "max_bytes",
        "max_day",
        "limit_bytes",
        "weekday",
        "weekday_peak_ratio",
        "near_limit_ratio",
        "oom_limit_bytes",
        "leak_bytes_per_day",
        "leak_confidence_ratio",
        "leak_days_to_limit",
        "pressure_waiting_ratio",
        "swap_max_bytes",
        "rss_max_bytes",
        "cache_max_bytes",
    )
    assert {name: getattr(made, name) for name in absent} == dict.fromkeys(absent)
    assert (made.oom_kills, made.oom_days, made.restarts) == (0, (), 0)


def test_zero_is_kept_apart_from_unknown():
    made = said(row(mean_bytes=0, max_bytes=0, swap_max_bytes=0, pressure_waiting_ratio=0.0))
    assert (made.mean_bytes, made.p50_bytes, made.max_bytes, made.max_day) == (0, 0, 0, "2026-11-02")
    assert (made.swap_max_bytes, made.pressure_waiting_ratio) == (0, 0.0)


# Coverage


@pytest.mark.parametrize(
    ("rows", "ratio"),
    [
        ([row(n) for n in range(14)], 1.0),
        ([row(n) for n in range(7)], 0.5),
        ([row(n, coverage=0.5) for n in range(14)], 0.5),
        ([row(0)], 1 / 14),
        ([row(0, coverage=1.0), row(0, pod="web-2", coverage=0.5)], 0.75 / 14),
        ([row(0, coverage=None)], 0.0),
        ([row(0, coverage=None), row(0, pod="web-2", coverage=0.5)], 0.5 / 14),
        ([row(0, samples=1, coverage=1 / 1440)], round(1e6 / 1440) / 14e6),
    ],
)
def test_coverage_is_the_mean_of_the_days_where_missing_and_unknown_ones_are_zero(rows, ratio):
    assert said(*rows).coverage_ratio == pytest.approx(ratio, abs=1e-12)


# Amounts


def test_the_mean_is_weighted_by_samples_and_rounded_up():
    # (100 * 1 + 200 * 2) / 3 = 166.67.
    made = said(row(0, mean_bytes=100, samples=1), row(1, mean_bytes=200, samples=2), row(2, samples=9))
    assert made.mean_bytes == 167
    assert said(row(mean_bytes=5, samples=0)).mean_bytes is None


def test_quantiles_over_pod_days_are_values_at_the_nearest_rank():
    # 20 pod-days: rank ceil(0.5 * 20) = 10, ceil(0.95 * 20) = 19, ceil(0.99 * 20) = 20.
    rows = [row(n % 10, pod=f"web-{n // 10}", mean_bytes=n, p95_bytes=100 + n, p99_bytes=200 + n) for n in range(20)]
    made = said(*rows)
    assert (made.p50_bytes, made.p95_bytes, made.p99_bytes) == (9, 118, 219)


def test_the_99th_percentile_of_200_pod_days_is_the_198th():
    rows = [row(n % 10, pod=f"web-{n // 10}", mean_bytes=n, p95_bytes=n, p99_bytes=n) for n in range(1, 201)]
    made = said(*rows)
    assert (made.p50_bytes, made.p95_bytes, made.p99_bytes) == (100, 190, 198)


def test_95_percent_of_pod_days_stay_at_or_under_p95():
    rows = [row(n % 10, pod=f"web-{n // 10}", p95_bytes=n) for n in range(40)]
    made = said(*rows)
    assert made.p95_bytes is not None
    assert sum(n <= made.p95_bytes for n in range(40)) >= 38 > sum(n < made.p95_bytes for n in range(40))


def test_the_peak_has_its_first_day():
    made = said(row(3, max_bytes=7), row(1, max_bytes=9), row(5, max_bytes=9), row(6))
    assert (made.max_bytes, made.max_day) == (9, "2026-11-03")


def test_the_limit_is_the_largest_of_the_last_day_that_has_one():
    rows = (
        row(0, limit_bytes=900),
        row(3, limit_bytes=500),
        row(3, pod="web-2", limit_bytes=600),
        row(4),
    )
    assert said(*rows).limit_bytes == 600


@pytest.mark.parametrize("name", ["rss_max_bytes", "cache_max_bytes", "swap_max_bytes", "pressure_waiting_ratio"])
def test_maxima_are_over_all_rows_that_know_them(name):
    assert getattr(said(row(0, **{name: 0.25}), row(1, **{name: 0.75}), row(2)), name) == 0.75


# Kills


def test_kills_are_added_with_their_days_and_the_limit_of_the_last():
    made = said(
        row(5, oom_kills=1, limit_bytes=300, restarts=1),
        row(2, oom_kills=2, limit_bytes=200, restarts=4),
        row(5, pod="web-2", oom_kills=1, limit_bytes=350),
        row(5, pod="web-3", oom_kills=0, limit_bytes=900),
        row(6, limit_bytes=400, oom_kills=0),
    )
    assert (made.oom_kills, made.oom_days, made.oom_limit_bytes) == (4, ("2026-11-04", "2026-11-07"), 350)
    assert made.restarts == 5


def test_the_limit_of_a_kill_is_absent_when_its_day_has_none():
    assert said(row(1, oom_kills=1, limit_bytes=300), row(2, oom_kills=1)).oom_limit_bytes is None


# Near the limit


@pytest.mark.parametrize(
    ("values", "ratio"),
    [
        ({"min_bytes": 95}, 1.0),
        ({"min_bytes": 94, "p95_bytes": 95}, 0.05),
        ({"min_bytes": 95, "p95_bytes": 99, "p99_bytes": 100}, 1.0),
        ({"p95_bytes": 94, "p99_bytes": 95}, 0.01),
        ({"p95_bytes": 94, "p99_bytes": 94}, 0.0),
        ({"p99_bytes": 94, "max_bytes": 100}, 0.0),
        ({"max_bytes": 100}, None),
        ({"p95_bytes": 95, "limit_bytes": None}, None),
    ],
)
def test_a_day_was_near_its_limit_as_long_as_its_quantiles_prove(values, ratio):
    assert said(row(**{"limit_bytes": 100, **values})).near_limit_ratio == ratio


@pytest.mark.parametrize(("limit_bytes", "near"), [(10000, True), (10001, False), (10010, False)])
def test_near_the_limit_is_95_percent_of_it_exactly(limit_bytes, near):
    assert said(row(min_bytes=9500, limit_bytes=limit_bytes)).near_limit_ratio == float(near)


def test_one_sample_makes_a_day():
    assert said(row(samples=1, coverage=1 / 1440)).days == 1


def test_time_near_the_limit_is_weighted_by_samples():
    # A whole day of 300 samples and 5 % of 100 in 400; the day without a limit is left out.
    rows = (
        row(0, limit_bytes=100, min_bytes=96, samples=300),
        row(1, limit_bytes=100, p95_bytes=96, samples=100),
        row(2, p95_bytes=96, samples=1000),
    )
    assert said(*rows).near_limit_ratio == 305 / 400


def test_each_day_is_held_against_its_own_limit():
    rows = (row(0, limit_bytes=100, min_bytes=96), row(1, limit_bytes=1000, min_bytes=96))
    assert said(*rows).near_limit_ratio == 0.5


# Weekdays


def test_the_weekday_with_the_highest_typical_peak_is_named():
    rows = [row(n, max_bytes=300 if n % 7 == 4 else 100) for n in range(14)]
    made = said(*rows)
    assert (made.weekday, made.weekday_peak_ratio) == ("Friday", 3.0)


def test_one_high_day_is_not_its_weekday_s_habit():
    rows = [row(n, max_bytes=900 if n == 4 else 120 if n % 7 == 2 else 100) for n in range(14)]
    made = said(*rows)
    assert (made.weekday, made.weekday_peak_ratio) == ("Wednesday", 1.2)


def test_the_peak_of_a_day_is_that_of_the_highest_pod():
    rows = [row(n, pod=f"web-{p}", max_bytes=100 + 100 * p * (n % 7 == 6)) for n in range(14) for p in range(3)]
    made = said(*rows)
    assert (made.weekday, made.weekday_peak_ratio) == ("Sunday", 3.0)


@pytest.mark.parametrize("days", [13, 14])
def test_under_two_weeks_of_days_no_weekday_is_named(days):
    made = said(*(row(n, max_bytes=100) for n in range(days)))
    assert (made.weekday is None, made.weekday_peak_ratio is None) == (days < 14, days < 14)


def test_a_weekday_seen_once_in_a_long_window_is_not_typical():
    # Fourteen Mondays and Tuesdays, and one Friday with a high peak.
    rows = [row(7 * week + day, max_bytes=100 + day) for week in range(-6, 1) for day in range(2)]
    made = said(*rows, row(4, max_bytes=900), window_days=70)
    assert made.weekday == "Tuesday"


def test_of_equal_weekdays_the_first_of_the_week_is_named():
    made = said(*(row(n, max_bytes=100) for n in range(14)))
    assert (made.weekday, made.weekday_peak_ratio) == ("Monday", 1.0)


def test_peaks_of_zero_have_no_weekday():
    assert said(*(row(n, max_bytes=0) for n in range(14))).weekday is None


# Leaks


def test_a_leak_has_a_slope_a_confidence_and_days_from_the_last_peak():
    rows = [
        row(n, min_bytes=(200 + 20 * n) * MIB, max_bytes=(300 + 20 * n) * MIB, limit_bytes=1024 * MIB)
        for n in range(14)
    ]
    made = said(*rows)
    # The last peak is 560 MiB: (1024 - 560) / 20 = 23.2 days.
    assert (made.leak_bytes_per_day, made.leak_days_to_limit) == (20 * MIB, 23)
    assert made.leak_confidence_ratio is not None
    assert made.leak_confidence_ratio > 0.999


def test_a_leak_without_a_limit_has_no_days():
    made = said(*(row(n, min_bytes=(200 + 20 * n) * MIB, max_bytes=900 * MIB) for n in range(14)))
    assert (made.leak_bytes_per_day, made.leak_days_to_limit) == (20 * MIB, None)


def test_a_step_is_no_leak_in_the_facts():
    made = said(*(row(n, min_bytes=(200 if n < 6 else 600) * MIB) for n in range(14)))
    assert (made.leak_bytes_per_day, made.leak_confidence_ratio, made.leak_days_to_limit) == (None, None, None)


# The aggregate


def test_an_aggregate_needs_a_row():
    with pytest.raises(ValueError, match="needs a row"):
        aggregate_of([])


def test_floors_are_kept_only_where_minima_rise():
    rises = [row(n, min_bytes=n) for n in range(3)]
    falls = [row(n, min_bytes=9 - n) for n in range(3)]
    assert [floor.min_bytes for floor in aggregate_of(rises).floors] == [0, 1, 2]
    assert aggregate_of(falls).floors == ()


def test_a_day_adds_up_its_pods():
    made = aggregate_of(
        [
            row(0, coverage=0.5, max_bytes=5, request_bytes=3, limit_bytes=9, oom_kills=1, restarts=2),
            row(0, pod="web-2", coverage=None, max_bytes=7, request_bytes=4, limit_bytes=12, oom_kills=0, samples=60),
        ]
    )
    (day,) = made.days
    assert (day.pods, day.samples, day.coverage_ppm_sum, day.coverage_pods) == (2, 1500, 500000, 1)
    assert (day.peak_bytes, day.request_bytes, day.limit_bytes) == (7, 4, 12)
    assert (day.oom_kills, day.oom_limit_bytes, day.restarts) == (1, 9, 2)
    assert (made.pods, made.pod_days, made.samples, made.oom_kills, made.restarts) == (2, 2, 1500, 1, 2)


def test_an_aggregate_names_its_container():
    made = aggregate_of([row(container_type="app", cluster="eu"), row(1, container_type=None, cluster="eu")])
    assert (made.cluster, made.namespace, made.container, made.container_type) == ("eu", "shop", "web", "app")
    assert (made.workload_kind, made.workload_name) == ("Deployment", "web")


# Laws

AMOUNT = st.integers(0, 2**50)
COUNT = st.none() | st.integers(0, 5)


@st.composite
def possible(draw):
    """Draw a row that can be true, any of its amounts absent."""
    low, middle, high, top = sorted(draw(st.lists(AMOUNT, min_size=4, max_size=4)))
    amounts = {
        "min_bytes": low,
        "mean_bytes": draw(st.integers(low, top)),
        "p95_bytes": middle,
        "p99_bytes": high,
        "max_bytes": top,
        "limit_bytes": draw(AMOUNT),
    }
    return row(
        draw(st.integers(-3, 17)),
        pod=draw(st.sampled_from(["web-1", "web-2", "web-3"])),
        samples=draw(st.integers(0, 2000)),
        coverage=draw(st.none() | st.floats(0, 1)),
        oom_kills=draw(COUNT),
        restarts=draw(COUNT),
        collected_at=datetime(2026, 11, draw(st.sampled_from([20, 21])), tzinfo=UTC),
        **{name: value for name, value in amounts.items() if draw(st.booleans())},
    )


ROWS = st.lists(possible(), max_size=30)


@settings(max_examples=200)
@given(ROWS)
def test_facts_stay_inside_their_bounds_whatever_the_rows(rows):
    made = facts_of(rows, until=UNTIL, window_days=14)
    inside = [one for one in rows if MONDAY <= one.day <= UNTIL]
    assert (made is None) == (not inside)
    if made is None:
        return
    assert 0 <= made.days <= 14
    assert 0 <= made.coverage_ratio <= 1
    assert made.near_limit_ratio is None or 0 <= made.near_limit_ratio <= 1
    assert (made.weekday is None) == (made.weekday_peak_ratio is None)
    assert made.weekday is None or made.weekday in WEEKDAYS
    assert list(made.oom_days) == sorted(set(made.oom_days))
    assert made.first_day <= made.last_day
    assert bool(made.oom_kills) == bool(made.oom_days)
    assert msgspec.json.decode(msgspec.json.encode(made), type=type(made)) == made


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=14))
def test_the_median_over_pod_days_is_the_lower_of_two(means):
    assert said(*(row(n, mean_bytes=mean) for n, mean in enumerate(means))).p50_bytes == median_low(means)


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, shuffler):
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert facts_of(shuffled, until=UNTIL, window_days=14) == facts_of(rows, until=UNTIL, window_days=14)


@given(ROWS)
def test_rows_outside_the_window_change_nothing(rows):
    inside = [one for one in rows if MONDAY <= one.day <= UNTIL]
    assert facts_of(rows, until=UNTIL, window_days=14) == facts_of(inside, until=UNTIL, window_days=14)


@settings(max_examples=15, deadline=None)
@given(ROWS)
def test_facts_of_rows_are_the_facts_of_a_table_of_them(rows):
    with tempfile.TemporaryDirectory() as folder:
        if rows:
            write_days(Path(folder), rows)
            aggregates, _ = aggregate(Path(folder), since=MONDAY, until=UNTIL)
        else:
            aggregates = ()
    made = facts_of(rows, until=UNTIL, window_days=14)
    assert [facts(one, window_days=14) for one in aggregates] == ([] if made is None else [made])


def test_a_leak_in_a_table_is_the_leak_of_its_rows(tmp_path):
    rows = [
        row(n, pod=f"web-{pod}", min_bytes=(200 + 20 * n + pod) * MIB, restarts=int(pod == 1 and n == 3))
        for n in range(14)
        for pod in range(3)
    ]
    write_days(tmp_path, rows)
    (one,), _ = aggregate(tmp_path, since=MONDAY, until=UNTIL)
    made = facts(one, window_days=14)
    assert made == said(*rows)
    assert made.leak_bytes_per_day == 20 * MIB
