"""The memory estimate of the VerticalPodAutoscaler's recommender, so that people can compare before they switch.

Follows kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender: util/histogram.go, util/histogram_options.go,
util/decaying_histogram.go, model/container.go, model/aggregations_config.go, logic/estimator.go, logic/recommender.go,
with the defaults of config/config.go. Amounts are truncated where the recommender truncates them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

import msgspec

from auditor.usage.model import UsageDay

_MIB = 1024 * 1024
_MAX_BYTES = 10**14
"""The largest amount that the recommender knows (MaxResourceAmount)."""
_ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time, from which instants are rounded."""
_MICROSECOND = timedelta(microseconds=1)
_MAX_DECAY_EXPONENT = 100
_MINUTES_PER_DAY = 1440


class Buckets(Protocol):
    """How a histogram divides values (HistogramOptions)."""

    @property
    def epsilon(self) -> float:
        """A bucket that weighs less is empty."""

    @property
    def count(self) -> int:
        """How many buckets there are."""

    def find(self, value: float) -> int:
        """Return the bucket of a value; the first or last one for values outside."""

    def start(self, bucket: int) -> float:
        """Return where a bucket starts."""


class ExponentialBuckets(msgspec.Struct, frozen=True):
    """Buckets that grow: from 0 to `first`, then each `ratio` times as wide (exponentialHistogramOptions)."""

    largest: float
    """The last bucket starts here or above."""
    first: float
    """The width of the first bucket."""
    ratio: float
    """How much wider each bucket is than the one before, over 1."""
    epsilon: float
    """A bucket that weighs less is empty."""

    @property
    def count(self) -> int:
        """How many buckets there are."""
        return math.ceil(self._log(self.largest)) + 1

    def find(self, value: float) -> int:
        """Return the bucket of a value; the first or last one for values outside."""
        return 0 if value < self.first else min(int(self._log(value)), self.count - 1)

    def start(self, bucket: int) -> float:
        """Return where a bucket starts: first * (ratio^bucket - 1) / (ratio - 1)."""
        return self.first * (self.ratio**bucket - 1) / (self.ratio - 1) if bucket else 0.0

    def _log(self, value: float) -> float:
        return math.log(value * (self.ratio - 1) / self.first + 1) / math.log(self.ratio)


MEMORY_BUCKETS = ExponentialBuckets(largest=1e12, first=1e7, ratio=1.05, epsilon=0.0001)
"""The buckets of memory peaks, in bytes: the first 10 MB wide, each 5 % wider, up to 1 TB (memoryHistogramOptions)."""
MEMORY_HALF_LIFE = timedelta(hours=24)
"""A peak loses half of its weight in this time (DefaultMemoryHistogramDecayHalfLife)."""


class Histogram:
    """Weights of values by bucket, where older samples weigh less: 2^(age / half-life) times (decayingHistogram).

    It is filled by `add`; a percentile is the end of its bucket, never a value between.
    """

    __slots__ = ("_buckets", "_count", "_half_life_us", "_high", "_low", "_reference_us", "_total", "_weights")

    def __init__(self, buckets: Buckets = MEMORY_BUCKETS, half_life: timedelta = MEMORY_HALF_LIFE) -> None:
        self._buckets = buckets
        self._half_life_us = half_life // _MICROSECOND
        self._reference_us = 0
        self._count = buckets.count
        self._weights = [0.0] * self._count
        self._total = 0.0
        self._low = self._count - 1
        self._high = 0

    @property
    def empty(self) -> bool:
        """Whether no bucket weighs anything."""
        return self._weights[self._low] < self._buckets.epsilon

    @property
    def weights(self) -> dict[int, float]:
        """The weights of the buckets from the lowest to the highest that holds something."""
        return {bucket: self._weights[bucket] for bucket in range(self._low, self._high + 1)}

    def add(self, value: float, weight: float, at: datetime) -> None:
        """Add a sample of that time."""
        scaled = weight * self._decay_factor(at)
        bucket = self._buckets.find(value)
        self._weights[bucket] += scaled
        self._total += scaled
        if self._weights[bucket] >= self._buckets.epsilon:
            self._low = min(self._low, bucket)
            self._high = max(self._high, bucket)

    def load(self, weights: Mapping[int, int], total_weight: float, reference: datetime) -> None:
        """Add the histogram of a VerticalPodAutoscalerCheckpoint. Raises ValueError for one that VPA would refuse."""
        if total_weight < 0:
            raise ValueError(f"negative total weight {total_weight}")
        for bucket in weights:
            if not 0 <= bucket < self._count:
                raise ValueError(f"bucket {bucket} is not one of 0 to {self._count - 1}")
        self._reference_us = _microseconds(reference)
        whole = sum(weights.values())
        if not whole:
            return
        for bucket, weight in weights.items():
            self._low = min(self._low, bucket)
            self._high = max(self._high, bucket)
            self._weights[bucket] += weight * (total_weight / whole)
        self._total += total_weight
        self._narrow()

    def percentile(self, share: float) -> float:
        """Return the end of the bucket that holds this share (0 to 1) of the weight; 0 for an empty histogram."""
        if self.empty:
            return 0.0
        threshold, partial = share * self._total, 0.0
        for bucket in range(self._low, self._high + 1):
            partial += self._weights[bucket]
            if partial >= threshold:
                break
        return self._buckets.start(min(bucket + 1, self._count - 1))

    def _decay_factor(self, at: datetime) -> float:
        at_us = _microseconds(at)
        if at_us > self._reference_us + self._half_life_us * _MAX_DECAY_EXPONENT:
            self._shift_reference(at_us)
        return math.exp2((at_us - self._reference_us) / self._half_life_us)

    def _shift_reference(self, at_us: int) -> None:
        half_lives = (2 * at_us + self._half_life_us) // (2 * self._half_life_us)
        new_us = half_lives * self._half_life_us
        factor = math.ldexp(1.0, math.floor((self._reference_us - new_us) / self._half_life_us + 0.5))
        self._weights = [weight * factor for weight in self._weights]
        self._total *= factor
        self._reference_us = new_us
        self._narrow()

    def _narrow(self) -> None:
        epsilon = self._buckets.epsilon
        while self._weights[self._low] < epsilon and self._low < self._count - 1:
            self._low += 1
        while self._weights[self._high] < epsilon and self._high > 0:
            self._high -= 1


class VpaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The recommender's options, with its defaults (config/config.go)."""

    target_ratio: float = 0.9
    """The percentile of the daily peaks for the target, 0 to 1."""
    lower_ratio: float = 0.5
    """The percentile for the lower bound."""
    upper_ratio: float = 0.95
    """The percentile for the upper bound."""
    margin_ratio: float = 0.15
    """The safety margin, a share of the percentile."""
    pod_min_bytes: int = 250 * _MIB
    """The least for a pod, in equal parts for its containers."""
    oom_bump_ratio: float = 1.2
    """What memory is multiplied by after an OOM kill."""
    oom_min_bump_bytes: int = 100 * _MIB
    """What memory grows by at least after an OOM kill."""


DEFAULTS = VpaConfig()
"""The recommender without options."""


class VpaEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What the recommender would say of a container: all of them requests, limits keep their proportion."""

    target_bytes: int
    """The request that it would set."""
    lower_bytes: int
    """A pod that requests less is replaced."""
    upper_bytes: int
    """A pod that requests more is replaced."""
    confidence_days: float
    """How much history there is, in days of one sample a minute; bounds are wider with less."""


def estimate(rows: Iterable[UsageDay], *, containers: int = 1, config: VpaConfig = DEFAULTS) -> VpaEstimate | None:
    """Return what the recommender says of one container after these rows; None when no row has a peak.

    `containers` is how many containers of the pod VPA sizes: its minimum is divided among them. Older days stay in,
    as in the recommender; their weight halves each day.
    """
    rows = list(rows)
    histogram = Histogram()
    for row in rows:
        peak_bytes = day_peak_bytes(row, config=config)
        if peak_bytes is not None:
            histogram.add(float(peak_bytes), 1.0, _day_end(row.day))
    if histogram.empty:
        return None
    confidence = confidence_days(rows)
    floor_bytes = scaled_bytes(config.pod_min_bytes, 1.0 / containers)

    def bound(ratio: float, multiplier: float, exponent: float) -> int:
        base = with_margin(_amount(histogram.percentile(ratio)), config.margin_ratio)
        return max(with_confidence(base, confidence, multiplier, exponent), floor_bytes)

    return VpaEstimate(
        target_bytes=bound(config.target_ratio, 0.0, 1.0),
        lower_bytes=bound(config.lower_ratio, 0.001, -2.0),
        upper_bytes=bound(config.upper_ratio, 1.0, 1.0),
        confidence_days=confidence,
    )


def day_peak_bytes(row: UsageDay, *, config: VpaConfig = DEFAULTS) -> int | None:
    """Return the sample that a pod's day adds to the histogram; None when nothing is known of the day.

    A day with an OOM kill counts as the larger of request and peak, bumped. The recommender takes the peak until the
    kill, a row has that of the whole day.
    """
    if not row.oom_kills:
        return row.max_bytes
    if row.max_bytes is None and row.request_bytes is None:
        return None
    return oom_bytes(row.request_bytes or 0, row.max_bytes or 0, config=config)


def oom_bytes(request_bytes: int, peak_bytes: int, *, config: VpaConfig = DEFAULTS) -> int:
    """Return what an OOM kill counts as: the larger of both, plus 100 MiB or 20 %, whichever is more (RecordOOM)."""
    used_bytes = max(request_bytes, peak_bytes)
    return max(used_bytes + config.oom_min_bump_bytes, scaled_bytes(used_bytes, config.oom_bump_ratio))


def confidence_days(rows: Sequence[UsageDay]) -> float:
    """Return how much history there is: the shorter of its span and its samples at one a minute, in days.

    The recommender reads a metrics API once a minute; so a day's coverage says how many samples it would have had,
    and the samples are counted as they are where the interval is not known.
    """
    seen = [row for row in rows if row.samples > 0]
    if not seen:
        return 0.0
    span_days = (max(row.day for row in seen) - min(row.day for row in seen)).days + 1
    sampled_days = math.fsum(row.samples / _MINUTES_PER_DAY if row.coverage is None else row.coverage for row in seen)
    return min(float(span_days), sampled_days)


def with_margin(base_bytes: int, margin_ratio: float) -> int:
    """Return the amount with its safety margin (memoryMarginEstimator)."""
    return base_bytes + scaled_bytes(base_bytes, margin_ratio)


def with_confidence(base_bytes: int, confidence: float, multiplier: float, exponent: float) -> int:
    """Return the amount * (1 + multiplier / confidence)^exponent (memoryConfidenceMultiplier).

    Without any confidence a growing amount is the largest there is and a shrinking one 0.
    """
    if not multiplier:
        return base_bytes
    if confidence <= 0:
        return _MAX_BYTES if exponent > 0 and base_bytes else 0
    return scaled_bytes(base_bytes, (1.0 + multiplier / confidence) ** exponent)


def scaled_bytes(amount_bytes: int, factor: float) -> int:
    """Return the amount times the factor, truncated and between 0 and 10^14 (ScaleResource)."""
    return _amount(amount_bytes * factor)


def _amount(value: float) -> int:
    return int(min(max(value, 0.0), _MAX_BYTES))


def _day_end(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def _microseconds(at: datetime) -> int:
    return (at - _ZERO_TIME) // _MICROSECOND
