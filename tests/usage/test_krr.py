"""krr's recommendation: the formula, the rounding and the words of its source (robusta-dev/krr)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.usage.krr import KrrConfig, estimate
from auditor.usage.model import UsageDay

MIB = 1024 * 1024
UNTIL = date(2026, 11, 15)
WITH_KILLS = KrrConfig(use_oom_kills=True)


def row(ago=0, **values):
    defaults = {
        "day": UNTIL - timedelta(days=ago),
        "namespace": "shop",
        "pod": "web-1",
        "container": "web",
        "samples": 1440,
        "coverage": 1.0,
        "source": "test",
        "collected_at": datetime(2026, 11, 20, tzinfo=UTC),
    }
    return UsageDay(**{**defaults, **values})


def said(*rows, until=UNTIL, **values):
    made = estimate(rows, until=until, **values)
    return made.recommended_bytes, made.info


@pytest.mark.parametrize(
    ("peak_mib", "recommended_mib"),
    [(200, 230), (1000, 1150), (201, 232), (87, 101), (86, 100), (10, 100), (0, 100)],
)
def test_the_peak_plus_15_percent_is_rounded_up_to_a_mib_and_at_least_100(peak_mib, recommended_mib):
    # ceil(peak * 1.15 / 1 MiB) in _round_value: 201 * 1.15 = 231.15, 87 * 1.15 = 100.05, 86 * 1.15 = 98.9.
    assert said(row(max_bytes=peak_mib * MIB)) == (recommended_mib * MIB, None)


def test_the_largest_peak_of_all_pods_and_days_counts():
    rows = (row(13, max_bytes=400 * MIB), row(pod="web-2", max_bytes=300 * MIB), row(max_bytes=None))
    assert said(*rows) == (460 * MIB, None)


def test_days_outside_its_two_weeks_do_not_count():
    old, future = row(14, max_bytes=900 * MIB), row(-1, max_bytes=900 * MIB)
    assert said(row(max_bytes=200 * MIB), old, future) == (230 * MIB, None)
    assert said(old) == (None, "No data")


def test_a_row_without_a_peak_is_no_data():
    assert said() == (None, "No data")
    assert said(row()) == (None, "No data")


@pytest.mark.parametrize(
    ("values", "info"),
    [
        ({"samples": 99, "coverage": None}, "Not enough data"),
        ({"samples": 100, "coverage": None}, None),
        ({"samples": 24, "coverage": 0.0861}, "Not enough data"),
        ({"samples": 24, "coverage": 0.0869}, None),
    ],
)
def test_under_100_points_of_75_seconds_nothing_is_recommended(values, info):
    # A full day has 1440 / 1.25 = 1152 of its points, so 100 are a coverage of 0.0868.
    assert said(row(max_bytes=200 * MIB, **values))[1] == info


def test_points_of_pods_add_up():
    rows = [row(pod=f"web-{n}", max_bytes=200 * MIB, samples=50, coverage=None) for n in range(2)]
    assert said(*rows) == (230 * MIB, None)


def test_an_autoscaler_by_memory_stops_it_unless_allowed():
    one = row(max_bytes=200 * MIB)
    assert said(one, scaled_by_memory=True) == (None, "HPA detected")
    assert said(one, scaled_by_memory=True, config=KrrConfig(allow_autoscaler=True)) == (230 * MIB, None)


def test_oom_kills_count_only_when_asked_for():
    killed = row(max_bytes=500 * MIB, limit_bytes=512 * MIB, oom_kills=1)
    assert said(killed) == (575 * MIB, None)
    assert said(killed, config=WITH_KILLS) == (640 * MIB, "OOMKill detected")


def test_the_limit_of_a_killed_pod_counts_from_its_kill_on():
    rows = (
        row(3, max_bytes=100 * MIB, limit_bytes=800 * MIB),
        row(2, max_bytes=100 * MIB, limit_bytes=400 * MIB, oom_kills=2),
        row(1, max_bytes=100 * MIB, limit_bytes=480 * MIB),
        row(1, pod="web-2", max_bytes=100 * MIB, limit_bytes=900 * MIB, oom_kills=0),
    )
    assert said(*rows, config=WITH_KILLS) == (600 * MIB, "OOMKill detected")


def test_a_kill_without_a_limit_changes_nothing():
    assert said(row(max_bytes=200 * MIB, oom_kills=1), config=WITH_KILLS) == (230 * MIB, None)


def test_options_change_buffer_minimum_and_window():
    config = KrrConfig(buffer_percent=50, min_bytes=10 * MIB, window_days=1)
    assert said(row(1, max_bytes=900 * MIB), row(max_bytes=20 * MIB), config=config) == (30 * MIB, None)


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=10))
def test_the_recommendation_is_whole_mib_and_covers_the_peak_with_its_buffer(peaks):
    size, info = said(*(row(n, max_bytes=peak) for n, peak in enumerate(peaks)))
    assert info is None
    assert size % MIB == 0
    assert max(100 * MIB, max(peaks) * 1.15) <= size < max(100 * MIB, max(peaks) * 1.15) + MIB
