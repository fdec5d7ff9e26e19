"""The back-test: what a profile knew, and how it is judged on what came after."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.sizing.backtest import backtest, split_days
from auditor.usage.statistics import facts_of
from tests.sizing.containers import GIB, MIB, day, item, profile, usage


def facts(rows, until, window):
    return facts_of(rows, until=until, window_days=window)


def judged(source, *profiles, facts_of=facts, **more):
    return {found.profile: found for found in backtest([source], profiles, facts_of, **more)}


def history(second_week_peak, **changes):
    """A week at 400 MiB, then one at another peak; 512Mi requested, limited to 1Gi."""
    set_then = {"request_bytes": 512 * MIB, "limit_bytes": GIB} | changes
    rows = [day(number, **set_then) for number in range(7)]
    rows += [day(number, max_bytes=second_week_peak, **set_then) for number in range(7, 14)]
    return item(days=tuple(rows))


def test_peaks_above_the_limit_that_the_first_week_argued_for_are_oom_pod_days():
    found = judged(history(500 * MIB), profile(str(300 * MIB), "usage.max_bytes"))["plain"]
    assert (found.containers, found.pod_days, found.oom_pod_days, found.over_request_pod_days) == (1, 7, 7, 7)


def test_peaks_at_the_limit_are_none():
    found = judged(history(400 * MIB), profile(str(400 * MIB), "usage.max_bytes"))["plain"]
    assert (found.oom_pod_days, found.over_request_pod_days) == (0, 0)


def test_what_was_really_set_is_judged_beside_the_profiles():
    found = judged(history(600 * MIB), profile(str(300 * MIB)))["current"]
    assert (found.pod_days, found.oom_pod_days, found.over_request_pod_days) == (7, 0, 7)
    # 512 MiB requested, 200 MiB used on average
    assert (found.slack_bytes, found.slack_ratio) == (312 * MIB, pytest.approx(312 / 512))


def test_where_history_does_not_say_what_was_set_the_manifest_does():
    found = judged(item(request_bytes=300 * MIB, limit_bytes=350 * MIB), profile())["current"]
    assert (found.pod_days, found.oom_pod_days, found.over_request_pod_days) == (7, 7, 7)


def test_a_limit_alone_was_the_request_too():
    rows = tuple(day(number, limit_bytes=500 * MIB) for number in range(14))
    found = judged(item(days=rows), profile())["current"]
    assert (found.oom_pod_days, found.slack_bytes) == (0, 300 * MIB)


def test_a_limit_without_a_request_of_that_day_is_not_taken_from_the_manifest():
    rows = tuple(day(number, request_bytes=300 * MIB) for number in range(14))
    assert judged(item(days=rows, limit_bytes=350 * MIB), profile())["current"].oom_pod_days == 0


def test_slack_is_the_request_minus_mean_use_and_never_negative():
    found = judged(history(400 * MIB), profile(str(300 * MIB)))["plain"]
    assert (found.slack_bytes, found.slack_ratio) == (100 * MIB, pytest.approx(1 / 3))
    none = judged(history(400 * MIB), profile(str(100 * MIB)))["plain"]
    assert (none.slack_bytes, none.slack_ratio) == (0, 0.0)


def test_a_day_without_a_mean_counts_with_its_peak():
    rows = tuple(day(number, mean_bytes=200 * MIB if number < 7 else None) for number in range(14))
    assert judged(item(days=rows), profile(str(450 * MIB)))["plain"].slack_bytes == 50 * MIB


def test_a_day_without_a_peak_is_not_judged():
    rows = tuple(day(number, max_bytes=None if number == 9 else 400 * MIB) for number in range(14))
    assert judged(item(days=rows), profile(str(300 * MIB)))["plain"].pod_days == 6


def test_no_limit_kills_nothing():
    found = judged(history(GIB, limit_bytes=None), profile(str(300 * MIB), None))
    assert found["current"].oom_pod_days == 0
    assert judged(item(limit_bytes=None), profile(str(300 * MIB), None))["plain"].oom_pod_days == 0


def test_the_values_of_the_last_day_that_the_profile_sees_are_the_current_ones():
    # Three days of history lower nothing: the request stays what it was then, not what it is now.
    rows = tuple(day(number, request_bytes=(700 if number < 3 else 900) * MIB) for number in range(6))
    source = item(days=rows, request_bytes=900 * MIB)
    found = judged(source, profile(str(300 * MIB), None))["plain"]
    assert found.slack_bytes == 500 * MIB


def test_a_profile_sees_nothing_of_the_days_it_is_judged_on():
    @dataclass
    class Seen:
        calls: list = field(default_factory=list)

        def facts_of(self, rows, until, window):
            self.calls.append((max(row.day for row in rows), until, window))
            return usage()

    seen = Seen()
    source = item()
    judged(source, profile(), facts_of=seen.facts_of)
    sixth = source.days[6].day
    assert seen.calls == [(sixth, sixth, 7)]


@pytest.mark.parametrize("days", [(), (day(0),)])
def test_a_container_with_too_few_days_is_counted_as_not_sized(days):
    found = judged(item(days=days), profile())
    assert [(each.containers, each.unsized) for each in found.values()] == [(0, 1), (0, 1)]
    assert found["plain"].slack_bytes is None
    assert found["plain"].slack_ratio is None


def test_a_container_without_facts_is_counted_as_not_sized():
    found = judged(item(), profile(), facts_of=lambda *_: None)
    assert found["plain"].unsized == 1


def test_a_container_that_the_profile_cannot_size_is_counted():
    found = judged(item(), profile("0"))
    assert (found["plain"].unsized, found["current"].containers) == (1, 1)


def test_the_part_that_is_fitted_can_be_chosen():
    assert judged(item(), profile(str(MIB)), fit_ratio=0.75)["plain"].pod_days == 14 - 10


@given(st.lists(st.integers(0, 30), max_size=40), st.floats(0.01, 0.99))
def test_every_row_is_either_seen_or_judged_and_never_before_what_was_seen(numbers, fit_ratio):
    rows = [day(number) for number in numbers]
    seen, rest = split_days(rows, fit_ratio)
    assert len(seen) + len(rest) == len(rows)
    assert not (seen and rest) or max(row.day for row in seen) < min(row.day for row in rest)


def test_a_change_in_the_first_part_leaves_the_values_of_its_last_day():
    rows = tuple(
        day(number, request_bytes=100 * MIB, limit_bytes=(900 if number < 6 else 350) * MIB) for number in range(14)
    )
    # A limit that the profile leaves alone is the one of the seventh day, under the peaks of 400 MiB.
    found = judged(item(days=rows, limit_bytes=GIB), profile(str(300 * MIB), None))["plain"]
    assert found.oom_pod_days == 7
