"""The recommender's estimate: the expectations of its own unit tests, and what rows make of them.

The numbers come from kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender: util/histogram_test.go,
util/decaying_histogram_test.go, util/histogram_options_test.go, model/container_test.go, logic/estimator_test.go and
logic/recommender_test.go.
"""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.usage.model import UsageDay
from auditor.usage.vpa import (
    MEMORY_BUCKETS,
    ExponentialBuckets,
    Histogram,
    VpaConfig,
    confidence_days,
    day_peak_bytes,
    estimate,
    oom_bytes,
    scaled_bytes,
    with_confidence,
    with_margin,
)

MIB = 1024 * 1024
WEIGHT_EPSILON = 1e-15
HOUR = timedelta(hours=1)
START = datetime.fromtimestamp(1234567890, UTC)
DAY = date(2026, 11, 2)


@dataclass(frozen=True)
class LinearBuckets:
    """Buckets of one size, those of the recommender's tests (linearHistogramOptions)."""

    largest: float
    size: float
    epsilon: float = WEIGHT_EPSILON

    @property
    def count(self):
        return math.ceil(self.largest / self.size) + 1

    def find(self, value):
        return min(max(int(value / self.size), 0), self.count - 1)

    def start(self, bucket):
        return bucket * self.size


TENS = LinearBuckets(10.0, 1.0)
WITHOUT_DECAY = timedelta(days=10**6)


def histogram(*samples, buckets=TENS, half_life=HOUR):
    made = Histogram(buckets, half_life)
    for value, weight, at in samples:
        made.add(value, weight, at)
    return made


def row(**values):
    defaults = {
        "day": DAY,
        "namespace": "shop",
        "pod": "web-1",
        "container": "web",
        "samples": 1440,
        "coverage": 1.0,
        "source": "test",
        "collected_at": datetime(2026, 11, 20, tzinfo=UTC),
    }
    return UsageDay(**{**defaults, **values})


# util/histogram_options_test.go


def test_exponential_buckets_start_where_the_recommender_says():
    buckets = ExponentialBuckets(500.0, 40.0, 1.5, 0.001)
    assert buckets.count == 6
    assert [buckets.start(bucket) for bucket in range(6)] == [0.0, 40.0, 100.0, 190.0, 325.0, 527.5]


@pytest.mark.parametrize(("value", "bucket"), [(-1.0, 0), (0.0, 0), (39.99, 0), (40.0, 1), (100.0, 2), (900.0, 5)])
def test_exponential_buckets_find_a_value(value, bucket):
    assert ExponentialBuckets(500.0, 40.0, 1.5, 0.001).find(value) == bucket


def test_memory_buckets_are_10_mb_and_5_percent_wider_each_up_to_1_tb():
    # firstBucketSize 1e7, ratio 1.05, maxValue 1e12: ceil(log1.05(1e12 * 0.05 / 1e7 + 1)) + 1.
    assert MEMORY_BUCKETS.count == 176
    assert MEMORY_BUCKETS.start(1) == pytest.approx(1e7)
    assert MEMORY_BUCKETS.start(2) == pytest.approx(2.05e7)
    assert MEMORY_BUCKETS.start(3) == pytest.approx(3.1525e7)
    assert MEMORY_BUCKETS.start(175) >= 1e12


# util/histogram_test.go


@pytest.mark.parametrize("share", [-0.5, 0.0, 0.5, 1.0, 1.5])
def test_every_percentile_of_an_empty_histogram_is_zero(share):
    assert Histogram(TENS, HOUR).percentile(share) == 0.0


@pytest.mark.parametrize("half_life", [WITHOUT_DECAY, HOUR])
@pytest.mark.parametrize(
    ("share", "value"),
    [
        (0.0, 2),
        (0.1, 2),
        (0.2, 3),
        (0.3, 3),
        (0.4, 4),
        (0.5, 4),
        (0.6, 4),
        (0.7, 5),
        (0.8, 5),
        (0.9, 5),
        (1.0, 5),
    ],
)
def test_samples_of_one_time_have_the_percentiles_of_a_plain_histogram(share, value, half_life):
    made = histogram(*((float(n), float(n), START) for n in range(1, 5)), half_life=half_life)
    assert made.percentile(share) == pytest.approx(value)


def test_percentiles_out_of_bounds_are_the_smallest_and_the_largest():
    buckets = LinearBuckets(1.0, 0.1)
    made = histogram((0.1, 0.1, START), (0.2, 0.2, START), buckets=buckets)
    assert made.percentile(-0.1) == pytest.approx(0.2)
    assert made.percentile(1.1) == pytest.approx(0.3)
    made.add(0.0, 0.1, START)
    made.add(1.0, 0.2, START)
    assert made.percentile(-0.1) == pytest.approx(0.1)
    assert made.percentile(1.1) == pytest.approx(1.0)


def test_a_weight_under_epsilon_leaves_a_histogram_as_empty_as_it_was():
    # The recommender's tests have no decay, so the sample is of the reference time: an hour of Go's calendar.
    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = histogram((0.1, WEIGHT_EPSILON * 0.5, at))
    assert made.empty
    made.add(9.9, WEIGHT_EPSILON * 3, at)
    assert not made.empty
    made.add(0.1, WEIGHT_EPSILON * 0.3, at)
    assert not made.empty
    made.add(999.9, WEIGHT_EPSILON * 0.3, at)
    assert not made.empty


def test_a_checkpoint_shares_its_total_weight_by_its_whole_numbers():
    made = Histogram(TENS, HOUR)
    made.load({0: 1, 1: 2}, 6.0, START)
    assert made.weights == {0: 2.0, 1: 4.0}


@pytest.mark.parametrize(("weights", "total"), [({-1: 1}, 1.0), ({99: 1}, 1.0), ({}, -1.0)])
def test_a_checkpoint_that_the_recommender_refuses_is_refused(weights, total):
    with pytest.raises(ValueError, match=r"negative total weight|bucket"):
        Histogram(TENS, HOUR).load(weights, total, START)


def test_a_checkpoint_without_weights_is_empty():
    made = Histogram(TENS, HOUR)
    made.load({}, 0.0, START)
    assert made.empty


def test_a_checkpoint_whose_smallest_weight_falls_under_epsilon_is_not_empty():
    # kubernetes/autoscaler issue 7726: weights epsilon and 10000 * epsilon - epsilon are saved as 1 and 10000.
    made = Histogram(TENS, HOUR)
    made.load({1: 1, 2: 10000}, 10000 * WEIGHT_EPSILON, START)
    assert not made.empty
    assert made.percentile(1.0) == 3.0


def test_later_samples_weigh_against_the_reference_time_of_a_checkpoint():
    # One sample of weight 1 at the reference, another 20 half-lives later: 2^20 times as heavy.
    made = Histogram(TENS, HOUR)
    made.load({2: 10000}, 1.0, START)
    made.add(1, 1, START + 20 * HOUR)
    assert made.weights == {1: 2.0**20, 2: 1.0}


# util/decaying_histogram_test.go


def test_a_heavy_sample_is_almost_forgotten_20_half_lives_later():
    made = histogram((2, 1000, START), (1, 1, START + 20 * HOUR))
    assert made.percentile(0.999) == pytest.approx(2)
    assert made.percentile(1.0) == pytest.approx(3)


def test_a_sample_over_100_half_lives_older_is_forgotten():
    made = histogram((2, 1, START), (1, 1, START + 101 * HOUR))
    assert made.percentile(1.0) == pytest.approx(2)


@pytest.mark.parametrize(
    ("share", "value"),
    [(0.0, 2), (0.02, 2), (0.03, 3), (0.10, 3), (0.11, 4), (0.34, 4), (0.35, 5), (1.0, 5)],
)
def test_samples_one_half_life_apart_have_the_percentiles_of_the_recommender(share, value):
    made = histogram(*((float(n), float(n), START + (n - 1) * HOUR) for n in range(1, 5)))
    assert made.percentile(share) == pytest.approx(value)


def test_samples_in_any_order_weigh_by_their_time():
    samples = [(1, 1, START), (2, 1, START + HOUR), (2, 1, START + 2 * HOUR), (3, 1, START + HOUR)]
    one, other = histogram(*samples), histogram(*reversed(samples))
    for made in (one, other):
        shares = {bucket: weight / made.weights[1] for bucket, weight in made.weights.items()}
        assert shares == pytest.approx({1: 1, 2: 6, 3: 2})


@pytest.mark.parametrize(
    ("peaks", "percentiles"),
    [
        (
            [(1.2e9, 0), (0.8e9, 1), (2.5e9, 2), (0.9e9, 3), (1.0e9, 4)],
            (1016281388.5540904, 2587739222.16645, 2587739222.16645),
        ),
        (
            [(3e8, 0), (3.1e8, 0), (9e8, 1), (4e8, 120), (5e8, 121)],
            (511134537.58887058, 511134537.58887058, 511134537.58887058),
        ),
        ([(7e10, 0), (1e7, 1), (9999999.0, 2), (5e12, 3)], (1021109408904.86,) * 3),
    ],
)
def test_peaks_in_bytes_have_the_percentiles_that_the_recommender_s_own_code_prints(peaks, percentiles):
    # Printed by its decaying histogram with its memory options, for (peak, days after 2026-11-02 00:00 UTC).
    at = datetime(2026, 11, 2, tzinfo=UTC)
    made = Histogram()
    for peak, days in peaks:
        made.add(peak, 1.0, at + timedelta(days=days))
    assert [made.percentile(share) for share in (0.5, 0.9, 0.95)] == pytest.approx(percentiles, rel=1e-12)


# model/container_test.go


@pytest.mark.parametrize(
    ("request_mib", "peak_mib", "counted_mib"),
    [(1000, 0, 1200), (1, 0, 101), (1000, 3000, 3600), (1000, 2000, 2400), (2000, 0, 2400)],
)
def test_an_oom_kill_counts_as_the_recommender_bumps_it(request_mib, peak_mib, counted_mib):
    assert oom_bytes(request_mib * MIB, peak_mib * MIB) == counted_mib * MIB


def test_several_oom_kills_of_a_day_bump_it_once():
    one = row(request_bytes=1000 * MIB, max_bytes=900 * MIB, oom_kills=1)
    three = row(request_bytes=1000 * MIB, max_bytes=900 * MIB, oom_kills=3)
    assert day_peak_bytes(one) == day_peak_bytes(three) == 1200 * MIB


def test_a_day_without_oom_kills_counts_as_its_peak():
    assert day_peak_bytes(row(max_bytes=5, request_bytes=1000 * MIB, oom_kills=0)) == 5
    assert day_peak_bytes(row(max_bytes=5, request_bytes=1000 * MIB)) == 5


def test_a_kill_before_the_first_sample_counts_as_the_request_bumped():
    assert day_peak_bytes(row(request_bytes=1000 * MIB, oom_kills=1)) == 1200 * MIB


def test_a_day_of_which_nothing_is_known_counts_nothing():
    assert day_peak_bytes(row(oom_kills=1)) is None
    assert day_peak_bytes(row()) is None
    assert estimate([row(), row(oom_kills=2)]) is None
    assert estimate([]) is None


def test_options_change_the_bump():
    config = VpaConfig(oom_bump_ratio=2.0, oom_min_bump_bytes=MIB)
    assert oom_bytes(10 * MIB, 0, config=config) == 20 * MIB


# logic/estimator_test.go


def test_the_median_of_1_2_and_3_gb_is_2_gb_within_a_bucket():
    at = datetime.fromtimestamp(0, UTC)
    made = histogram((1e9, 1.0, at), (2e9, 1.0, at), (3e9, 1.0, at), buckets=MEMORY_BUCKETS)
    assert made.percentile(0.5) == pytest.approx(2e9, rel=0.05)


@pytest.mark.parametrize(
    ("confidence", "multiplier", "exponent", "expected"),
    [(0.00625, 0.1, 2.0, 907460000000), (0.5, 0.1, 2.0, 4521600000)],
)
def test_the_confidence_multiplier_is_that_of_the_recommender(confidence, multiplier, exponent, expected):
    assert with_confidence(3140000000, confidence, multiplier, exponent) == expected


def test_without_history_a_growing_amount_is_the_largest_and_a_shrinking_one_zero():
    assert with_confidence(3140000000, 0.0, 1.0, 1.0) == 10**14
    assert with_confidence(3140000000, 0.0, 1.0, -1.0) == 0
    assert with_confidence(0, 0.0, 1.0, 1.0) == 0


def test_nine_samples_in_18_minutes_are_a_confidence_of_9_in_1440():
    assert confidence_days([row(samples=9, coverage=None)]) == 0.00625


def test_the_margin_is_added_and_truncated():
    assert with_margin(3140000000, 0.1) == int(3.14e9 * 1.1)


def test_no_amount_is_over_the_largest_one():
    assert scaled_bytes(10**14, 2.0) == 10**14
    assert scaled_bytes(1, -1.0) == 0


# logic/recommender_test.go


@pytest.mark.parametrize(("containers", "floor_bytes"), [(1, 250 * MIB), (2, 125 * MIB)])
def test_the_minimum_of_a_pod_is_split_over_its_containers(containers, floor_bytes):
    made = estimate([row(max_bytes=1000000)], containers=containers)
    assert made is not None
    assert made.target_bytes == made.lower_bytes == made.upper_bytes == floor_bytes


# Rows


def test_one_full_day_gives_the_end_of_its_bucket_with_margin_and_a_doubled_upper_bound():
    # 1e9 lies in bucket 36, which ends at 1e7 * (1.05^37 - 1) / 0.05; one day of history doubles the upper bound.
    end_bytes = int(1e7 * (1.05**37 - 1) / 0.05)
    with_margin_bytes = end_bytes + int(end_bytes * 0.15)
    made = estimate([row(max_bytes=10**9)])
    assert made is not None
    assert made.target_bytes == with_margin_bytes
    assert made.upper_bytes == 2 * with_margin_bytes
    assert made.lower_bytes == int(with_margin_bytes * 1.001**-2)
    assert made.confidence_days == 1.0


def test_lower_bound_target_and_upper_bound_are_the_percentiles_50_90_and_95():
    # 60 pods at 1, 32 at 2, 4 at 3 and 4 at 4 GB: in order they are the 60th, 92nd, 96th and 100th percentile.
    peaks = [1] * 60 + [2] * 32 + [3] * 4 + [4] * 4
    made = estimate([row(pod=f"web-{n}", max_bytes=peak * 10**9) for n, peak in enumerate(peaks)])
    assert made is not None
    assert made.lower_bytes == pytest.approx(1.15e9, rel=0.05)
    assert made.target_bytes == pytest.approx(2 * 1.15e9, rel=0.05)
    assert made.upper_bytes == pytest.approx(2 * 3 * 1.15e9, rel=0.05)


def test_a_peak_three_days_ago_is_below_the_target():
    # It weighs 1/8 against 1 + 1/2 + 1/4: 1/15 of all, under the tenth that the 90th percentile leaves out.
    rows = [row(day=DAY + timedelta(days=n), max_bytes=3 * 10**9 if n == 0 else 10**9) for n in range(4)]
    forgotten, recent = estimate(rows), estimate(rows[:3])
    assert forgotten is not None
    assert recent is not None
    assert forgotten.target_bytes < 1.3 * 10**9
    assert recent.target_bytes > 3 * 10**9


def test_confidence_is_the_shorter_of_span_and_samples():
    week = [row(day=DAY + timedelta(days=n), coverage=0.5) for n in range(7)]
    assert confidence_days(week) == 3.5
    pods = [row(pod=f"web-{n}") for n in range(5)]
    assert confidence_days(pods) == 1.0
    assert confidence_days([*pods, row(day=DAY + timedelta(days=4), samples=0, coverage=None)]) == 1.0
    assert confidence_days([]) == 0.0
    assert confidence_days([row(samples=0, coverage=0.0)]) == 0.0


def test_a_day_in_which_only_an_oom_kill_is_known_has_an_open_upper_bound():
    made = estimate([row(samples=0, coverage=0.0, oom_kills=1, request_bytes=1000 * MIB)])
    assert made is not None
    assert made.upper_bytes == 10**14
    assert made.lower_bytes == 250 * MIB


AMOUNTS = st.integers(0, 2**50)


@given(st.lists(st.tuples(st.integers(0, 60), AMOUNTS), min_size=1, max_size=30), st.integers(1, 20))
def test_bounds_are_in_order_and_over_the_floor(days, containers):
    rows = [row(day=DAY + timedelta(days=n), max_bytes=amount) for n, amount in days]
    made = estimate(rows, containers=containers)
    assert made is not None
    assert 250 * MIB // containers <= made.lower_bytes <= made.target_bytes <= made.upper_bytes <= 10**14


@given(AMOUNTS)
def test_a_value_lies_in_its_bucket(amount):
    bucket = MEMORY_BUCKETS.find(float(amount))
    assert MEMORY_BUCKETS.start(bucket) <= amount * (1 + 1e-9)
    if bucket < MEMORY_BUCKETS.count - 1:
        assert amount <= MEMORY_BUCKETS.start(bucket + 1) * (1 + 1e-9)
