"""From samples to days: quantiles, coverage, duplicates, and what goes to temporary files."""

import math
from datetime import UTC, date, datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.usage.imports.model import ImportOptions
from auditor.usage.imports.samples import Extra, Samples, Series

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
START_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
OPTIONS = ImportOptions(now=NOW)


ONE = (Series("", "shop", "web-1", "app"),)


def gather(samples, series=ONE, **more):
    """Return the result of (seconds after November 1st, value[, number of the series]) samples."""
    with Samples("test", OPTIONS, **more) as found:
        found.begin("f")
        for line, (seconds, value, *which) in enumerate(samples, 1):
            number = found.series(line, series[which[0] if which else 0])
            found.add(line, START_MS + round(seconds * 1000), number, value)
        return found.result()


def linear(values, share):
    """Return numpy's linear quantile in exact arithmetic: between the samples around (n - 1) * share."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return math.ceil(ordered[below] + (ordered[above] - ordered[below]) * (place - below))


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=60))
def test_the_numbers_of_a_day_are_the_exact_ones_rounded_up(values):
    (row,) = gather(enumerate(values)).rows
    assert row.samples == len(values)
    assert (row.min_bytes, row.max_bytes) == (min(values), max(values))
    assert row.mean_bytes == math.ceil(Fraction(sum(values), len(values)))
    assert row.p95_bytes == linear(values, Fraction(95, 100))
    assert row.p99_bytes == linear(values, Fraction(99, 100))


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=60))
def test_quantiles_are_those_of_numpys_linear_method(values):
    (row,) = gather(enumerate(values)).rows
    assert row.p95_bytes == pytest.approx(np.quantile(values, 0.95, method="linear"), abs=1.01)


def test_a_day_ends_at_midnight_utc():
    rows = gather([(86_399.999, 1), (86_400, 2)]).rows
    assert [(row.day, row.max_bytes) for row in rows] == [(date(2026, 11, 1), 1), (date(2026, 11, 2), 2)]


def test_a_whole_day_of_samples_a_minute_apart_is_covered_wholly():
    (row,) = gather([(60 * minute, 5) for minute in range(1440)]).rows
    assert row.coverage == 1.0


def test_half_a_day_of_samples_covers_half():
    (row,) = gather([(60 * minute, 5) for minute in range(720)]).rows
    assert row.coverage == 0.5


def test_one_sample_covers_a_minute_and_is_called_a_snapshot():
    result = gather([(0, 5)])
    assert result.rows[0].coverage == pytest.approx(60 / 86_400)
    assert any("snapshot, not a history" in note for note in result.notes)


def test_a_sample_stands_for_an_hour_at_most_however_rare_samples_are():
    rows = gather([(86_400 * day, 5) for day in range(14)]).rows
    assert {row.coverage for row in rows} == {1 / 24}


def test_a_series_with_few_samples_takes_the_interval_of_the_others():
    names = (Series("", "shop", "web-1", "app"), Series("", "shop", "web-2", "app"), Series("", "shop", "web-3", "app"))
    steady = [(60 * minute, 5, which) for minute in range(100) for which in (0, 1)]
    rows = gather([*steady, (0, 5, 2), (36_000, 5, 2)], names).rows
    assert rows[2].pod == "web-3"
    assert rows[2].coverage == pytest.approx(2 * 60 / 86_400)


def test_a_duplicate_is_told_with_its_line_and_counts_once():
    result = gather([(0, 5), (60, 7), (60, 7)])
    assert result.rows[0].samples == 2
    assert [(item.line, item.reason) for item in result.skipped] == [(3, "duplicate: the other one is kept")]


def test_of_two_values_for_one_time_the_larger_counts_wherever_it_stands():
    for values in ((7, 9), (9, 7)):
        result = gather([(60, values[0]), (60, values[1])])
        assert result.rows[0].max_bytes == 9
        assert result.rows[0].samples == 1
        assert [item.line for item in result.skipped] == [values.index(7) + 1]


@given(
    st.lists(st.tuples(st.integers(0, 5 * 86_400), st.integers(0, 2**50), st.integers(0, 4)), min_size=1, max_size=80)
)
def test_what_went_through_temporary_files_is_the_same(samples):
    names = tuple(Series("", "shop", f"web-{number}", "app") for number in range(5))
    assert gather(samples, names, buffered=7) == gather(samples, names)


def test_a_sample_of_the_future_is_a_fault_beyond_five_minutes():
    ahead = (NOW - datetime(2026, 11, 1, tzinfo=UTC)).total_seconds()
    result = gather([(ahead + 299, 1), (ahead + 301, 2)])
    assert [row.max_bytes for row in result.rows] == [1]
    assert [item.line for item in result.skipped] == [2]
    assert "in the future" in result.skipped[0].reason


def test_faults_of_one_sort_are_named_twenty_times_and_then_counted():
    with Samples("test", OPTIONS) as samples:
        samples.begin("f")
        for line in range(1, 51):
            samples.fault(line, "negative", f"-{line} is negative")
        skipped = samples.result().skipped
    assert [item.line for item in skipped] == [*range(1, 21), None]
    assert skipped[-1].reason == "30 more of this sort: negative"


@pytest.mark.parametrize("name", ["web 1", "../x", "a" * 300, "é", "x\n"])
def test_what_is_no_name_is_a_fault(name):
    with Samples("test", OPTIONS) as samples:
        samples.begin("f")
        assert samples.series(3, Series("", "shop", name, "app")) is None
        assert [item.line for item in samples.result().skipped] == [3]


def test_a_day_keeps_maxima_last_limits_and_sums_of_events():
    with Samples("test", OPTIONS) as samples:
        samples.begin("f")
        number = samples.series(1, Series("", "shop", "web-1", "app"))
        first = Extra(rss_bytes=5, cache_bytes=1, limit_bytes=100, pressure_ratio=0.2, oom_kills=1)
        samples.add(1, START_MS, number, 1, first)
        samples.add(2, START_MS + 1000, number, 1, Extra(rss_bytes=3, limit_bytes=200, oom_kills=2, restarts=1))
        (row,) = samples.result().rows
    assert (row.rss_max_bytes, row.cache_max_bytes, row.swap_max_bytes) == (5, 1, None)
    assert (row.limit_bytes, row.request_bytes) == (200, None)
    assert (row.oom_kills, row.restarts, row.pressure_waiting_ratio) == (3, 1, 0.2)


def test_rows_say_their_source_and_when_they_were_collected():
    (row,) = gather([(0, 5)]).rows
    assert (row.source, row.collected_at) == ("test", NOW)
