"""Leaks: known slopes are found, and what only looks like one is not."""

import importlib.util
import math
import random
import sys
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.usage.aggregate_model import Floor
from auditor.usage.leak import Leak, _confidence, days_to_limit, find_leak, rising, series_of

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
GIB = 1024 * MIB
FIRST = date(2026, 11, 1)


def floors(values, *, pod="web-1", limit_bytes=GIB, restarts=(), kills=(), first=FIRST):
    return [
        Floor(
            pod=pod,
            day=first + timedelta(days=n),
            min_bytes=round(value),
            limit_bytes=limit_bytes[n] if isinstance(limit_bytes, list) else limit_bytes,
            restarts=int(n in restarts),
            oom_kills=int(n in kills),
        )
        for n, value in enumerate(values)
    ]


def line(days, mib_per_day, *, start_mib=200):
    return [(start_mib + mib_per_day * n) * MIB for n in range(days)]


def noisy(values, sigma_mib, seed=1):
    source = random.Random(seed)  # noqa: S311 - a seeded series, not a secret
    return [max(0.0, value + source.gauss(0, sigma_mib) * MIB) for value in values]


def slope_of(made):
    return None if made is None else made.bytes_per_day


# What a leak is


@pytest.mark.parametrize("days", [7, 14, 90])
def test_an_exact_slope_is_found_exactly(days):
    made = find_leak(floors(line(days, 20)), limit_bytes=GIB)
    assert slope_of(made) == 20 * MIB


def test_a_noisy_slope_is_found_near_its_value():
    made = find_leak(floors(noisy(line(28, 20), 8)), limit_bytes=GIB)
    assert slope_of(made) == pytest.approx(20 * MIB, rel=0.1)


def test_a_few_wild_days_do_not_move_the_slope():
    values = line(28, 20)
    values[5], values[17], values[20] = 10 * MIB, 900 * MIB, 900 * MIB
    assert slope_of(find_leak(floors(values), limit_bytes=GIB)) == pytest.approx(20 * MIB, rel=0.05)


def test_pods_are_pooled_at_the_median_of_their_pairs():
    pods = floors(line(14, 18)) + floors(line(14, 20), pod="web-2") + floors(line(14, 22), pod="web-3")
    assert slope_of(find_leak(pods, limit_bytes=GIB)) == 20 * MIB


def test_a_restart_begins_a_new_series_that_leaks_as_well():
    # The slope over both would be near zero: the second series starts where the first did.
    values = line(14, 20) + line(14, 20)
    assert slope_of(find_leak(floors(values, restarts={14}), limit_bytes=GIB)) == 20 * MIB
    assert slope_of(find_leak(floors(values, kills={14}), limit_bytes=GIB)) == 20 * MIB


def test_a_changed_limit_begins_a_new_series():
    values = line(14, 20) + line(14, 20)
    changed = floors(values, limit_bytes=[2 * GIB] * 14 + [GIB] * 14)
    assert slope_of(find_leak(changed, limit_bytes=GIB)) == 20 * MIB


def test_a_limit_that_is_not_known_for_a_day_is_no_change():
    values = [5, 6, 7, 8]
    assert len(series_of(floors(values, limit_bytes=[GIB, None, GIB, GIB]))) == 1
    assert len(series_of(floors(values, limit_bytes=[GIB, None, 2 * GIB, 2 * GIB]))) == 2
    assert len(series_of(floors(values, limit_bytes=[None, GIB, GIB, GIB]))) == 1


def test_the_day_of_a_restart_belongs_to_the_new_series():
    assert [len(one) for one in series_of(floors(range(10), restarts={4}, kills={7}))] == [4, 3, 3]


def test_minima_in_any_order_make_the_same_series():
    made = floors(line(9, 5)) + floors(line(9, 5), pod="web-2")
    assert series_of(reversed(made)) == series_of(made)


def test_the_day_a_pod_began_inside_the_window_is_left_out():
    # Six whole days and the first one, which began at 1 MiB, are too few; with a seventh whole day they are enough.
    other = floors([100 * MIB] * 3, pod="old")
    new = floors([MIB, *line(7, 20)], pod="new", first=FIRST + timedelta(days=3))
    assert find_leak(other + new[:-1], limit_bytes=GIB) is None
    assert slope_of(find_leak(other + new, limit_bytes=GIB)) == 20 * MIB


# What it must be at least


@pytest.mark.parametrize(("days", "found"), [(6, False), (7, True)])
def test_under_a_week_nothing_is_said(days, found):
    assert (find_leak(floors(line(days, 20)), limit_bytes=GIB) is not None) is found


def test_short_lives_of_many_pods_are_not_enough():
    lives = [floors(line(6, 20), pod=f"web-{n}", first=FIRST + timedelta(days=6 * n)) for n in range(5)]
    assert find_leak([floor for life in lives for floor in life], limit_bytes=GIB) is None


@pytest.mark.parametrize(
    ("mib_per_day", "limit_bytes", "found"),
    [
        (10, GIB, False),
        (11, GIB, True),
        (0.3, 32 * MIB, False),
        (0.4, 32 * MIB, True),
        (1.9, None, False),
        (2.2, None, True),
    ],
)
def test_a_slope_is_over_1_percent_a_day_of_the_limit_or_without_one_of_the_typical_minimum(
    mib_per_day, limit_bytes, found
):
    # 1 % of 1 GiB is 10.24 MiB, of 32 MiB 0.32 MiB, of the minima of 200 MiB and more at least 2 MiB.
    made = find_leak(floors(line(14, mib_per_day), limit_bytes=limit_bytes), limit_bytes=limit_bytes)
    assert (made is not None) is found


def test_without_a_limit_a_slope_is_at_least_1_mib_a_day():
    assert find_leak(floors(line(14, 0.9, start_mib=10), limit_bytes=None), limit_bytes=None) is None
    assert find_leak(floors(line(14, 1.1, start_mib=10), limit_bytes=None), limit_bytes=None) is not None


def test_confidence_is_that_of_mann_and_kendall():
    # Seven rising days: S = 21, variance 7 * 6 * 19 / 18, z = 20 / sqrt(44.33) = 3.004, one-sided 0.99867.
    made = find_leak(floors(line(7, 20)), limit_bytes=GIB)
    assert made is not None
    assert made.confidence_ratio == pytest.approx(0.99867, abs=1e-5)


def test_equal_days_are_ties():
    # 0 0 1 1 2 2 3: S = 18, variance (7 * 6 * 19 - 3 * 2 * 1 * 9) / 18 = 41.33, z = 17 / 6.429 = 2.644.
    assert _confidence([tuple((n, n // 2) for n in range(7))]) == pytest.approx(0.99591, abs=1e-5)


@pytest.mark.parametrize(("swaps", "found"), [(0, True), (1, True), (2, False)])
def test_a_rise_that_chance_explains_is_no_leak(swaps, found):
    # Each swap of neighbours takes 2 from S = 21; 99.5 % of seven days needs over 1 + 2.576 * 6.658 = 18.15.
    values = line(7, 20)
    for n in range(0, 2 * swaps, 2):
        values[n], values[n + 1] = values[n + 1], values[n]
    assert (find_leak(floors(values), limit_bytes=512 * MIB) is not None) is found


def test_pods_of_one_time_do_not_raise_the_confidence_but_lives_after_another_do():
    one = find_leak(floors(line(7, 20)), limit_bytes=GIB)
    same = find_leak(floors(line(7, 20)) + floors(line(7, 20), pod="web-2"), limit_bytes=GIB)
    later = floors([0, *line(7, 20)], pod="web-2", first=FIRST + timedelta(days=10))
    after = find_leak(floors(line(7, 20)) + later, limit_bytes=GIB)
    assert one is not None
    assert same is not None
    assert after is not None
    # S = 42 over a deviation of 2 * 6.658, and over sqrt(2) * 6.658.
    assert same.confidence_ratio == pytest.approx(0.5 * math.erfc(-41 / (2 * 6.6583) / math.sqrt(2)), abs=1e-5)
    assert after.confidence_ratio == pytest.approx(
        0.5 * math.erfc(-41 / (math.sqrt(2) * 6.6583) / math.sqrt(2)), abs=1e-5
    )
    assert same.confidence_ratio - one.confidence_ratio < 0.001
    assert after.confidence_ratio > 0.99999


# What is no leak


def test_flat_and_falling_minima_are_no_leak():
    assert find_leak(floors([200 * MIB] * 28), limit_bytes=GIB) is None
    assert find_leak(floors(line(28, -5, start_mib=500)), limit_bytes=GIB) is None
    assert find_leak([], limit_bytes=GIB) is None


@pytest.mark.parametrize("at", range(1, 14))
def test_a_step_is_no_leak_on_whatever_day_it_comes(at):
    values = [(200 if n < at else 600) * MIB for n in range(14)]
    assert find_leak(floors(values), limit_bytes=GIB) is None
    assert find_leak(floors(noisy(values, 8)), limit_bytes=GIB) is None


@pytest.mark.parametrize(("first", "second"), list(combinations(range(2, 13, 2), 2)))
def test_two_steps_are_no_leak(first, second):
    values = [(200 + 200 * (n >= first) + 200 * (n >= second)) * MIB for n in range(14)]
    assert find_leak(floors(noisy(values, 8)), limit_bytes=GIB) is None


@pytest.mark.parametrize("half_life_days", [0.5, 1, 2])
def test_a_cache_that_fills_up_is_no_leak(half_life_days):
    values = [(200 + 600 * (1 - 0.5 ** (n / half_life_days))) * MIB for n in range(14)]
    assert find_leak(floors(values), limit_bytes=GIB) is None


@pytest.mark.parametrize("phase", range(7))
@pytest.mark.parametrize("days", range(7, 29))
@pytest.mark.parametrize("shape", ["sine", "weekend", "climb"])
def test_a_week_s_cycle_is_no_leak_whenever_the_window_begins(phase, days, shape):
    shapes = {
        "sine": lambda day: math.sin(2 * math.pi * day / 7),
        "weekend": lambda day: float(day % 7 < 5),
        "climb": lambda day: day % 7 / 6,
    }
    values = [(300 + 100 * shapes[shape](n + phase)) * MIB for n in range(days)]
    if shape == "climb" and days == 7 and phase == 0:
        # Seven days that rise are all there is: nothing tells them from a leak.
        return
    assert find_leak(floors(values), limit_bytes=GIB) is None


def test_growth_that_began_days_ago_is_not_said_to_be_steady():
    values = [(200 + max(0, n - 9) * 50) * MIB for n in range(14)]
    assert find_leak(floors(values), limit_bytes=GIB) is None


# Days until the limit


@pytest.mark.parametrize(
    ("peak_mib", "limit_mib", "days"),
    [(900, 1000, 5), (919, 1000, 4), (1000, 1000, 0), (1200, 1000, 0), (None, 1000, None), (900, None, None)],
)
def test_days_to_the_limit_are_whole_and_end_at_it(peak_mib, limit_mib, days):
    made = days_to_limit(
        Leak(20 * MIB, 0.999),
        peak_bytes=None if peak_mib is None else peak_mib * MIB,
        limit_bytes=None if limit_mib is None else limit_mib * MIB,
    )
    assert made == days


# Laws

VALUES = st.lists(st.integers(0, 2**40), min_size=1, max_size=20)


@given(VALUES, st.integers(0, 2**40))
def test_a_constant_added_to_all_minima_changes_nothing_about_their_rise(values, constant):
    assert rising(floors(values)) == rising(floors([value + constant for value in values]))


@given(VALUES)
def test_what_does_not_rise_does_not_leak(values):
    if not rising(floors(values)):
        assert find_leak(floors(values), limit_bytes=GIB) is None


@settings(max_examples=50)
@given(st.integers(11, 60), st.integers(8, 40), st.integers(0, 600))
def test_every_straight_line_over_the_minimum_size_is_found(mib_per_day, days, start_mib):
    made = find_leak(floors(line(days, mib_per_day, start_mib=start_mib)), limit_bytes=GIB)
    assert slope_of(made) == mib_per_day * MIB


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2**40), st.booleans()), max_size=40), st.integers(1, 2**40) | st.none())
def test_any_minima_give_a_slope_and_a_confidence_or_nothing(days, limit_bytes):
    restarts = {n for n, (_, restarted) in enumerate(days) if restarted}
    made = find_leak(floors([value for value, _ in days], restarts=restarts), limit_bytes=limit_bytes)
    assert made is None or (made.bytes_per_day > 0 and 0.99 < made.confidence_ratio <= 1.0)


# The page


def test_the_rates_in_the_docs_are_those_that_are_measured():
    spec = importlib.util.spec_from_file_location("leaks_benchmark", ROOT / "benchmarks" / "leaks.py")
    leaks = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = leaks
    spec.loader.exec_module(leaks)
    page = leaks.PAGE.read_text(encoding="utf-8")
    assert leaks.render(page) == page, "run python benchmarks/leaks.py"
