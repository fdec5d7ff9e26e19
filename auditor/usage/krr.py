"""The memory recommendation of robusta-dev/krr's `simple` strategy, so that people can compare before they switch.

Follows robusta_krr/strategies/simple.py (the formula), core/runner.py (rounding and minimum), core/models/config.py and
core/abstract/strategies.py (the defaults), and core/integrations/prometheus/metrics/memory.py (what it asks for). Its
README says "the past week"; the code asks for two.
"""

import math
from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from auditor.usage.model import UsageDay

_MIB = 1024 * 1024
_MINUTES_PER_DAY = 1440


class KrrConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy's options, with its defaults."""

    window_days: int = 14
    """How much history it asks for."""
    step_minutes: float = 1.25
    """The distance of the points that it counts."""
    buffer_percent: float = 15
    """What is added to the peak."""
    min_points: int = 100
    """With fewer points, of all pods together, it recommends nothing."""
    min_bytes: int = 100 * _MIB
    """The least that it recommends (its `memory_min_value` says megabytes and means MiB)."""
    use_oom_kills: bool = False
    """Whether limits that were not enough count."""
    oom_buffer_percent: float = 25
    """What is added to such a limit."""
    allow_autoscaler: bool = False
    """Whether it recommends memory for what an autoscaler scales by memory."""


DEFAULTS = KrrConfig()
"""The strategy without options."""


class KrrEstimate(msgspec.Struct, frozen=True):
    """What krr would say of a container."""

    recommended_bytes: int | None
    """Request and limit, which are the same, in whole MiB; None where krr prints `?`."""
    info: str | None
    """Its words beside the number: `No data`, `Not enough data`, `HPA detected` or `OOMKill detected`; None for
    nothing."""


def estimate(
    rows: Iterable[UsageDay], *, until: date, scaled_by_memory: bool = False, config: KrrConfig = DEFAULTS
) -> KrrEstimate:
    """Return what krr says of a container after the days of its window that ends with `until`.

    `scaled_by_memory` says that a HorizontalPodAutoscaler scales the workload by memory.
    """
    since = until - timedelta(days=config.window_days - 1)
    window = [row for row in rows if since <= row.day <= until]
    peaks = [row.max_bytes for row in window if row.max_bytes is not None]
    if not peaks:
        return KrrEstimate(None, "No data")
    if _points(window, config) < config.min_points:
        return KrrEstimate(None, "Not enough data")
    if scaled_by_memory and not config.allow_autoscaler:
        return KrrEstimate(None, "HPA detected")
    killed_limit_bytes = _killed_limit_bytes(window) if config.use_oom_kills else 0
    proposal = max(
        max(peaks) * (1 + config.buffer_percent / 100),
        killed_limit_bytes * (1 + config.oom_buffer_percent / 100),
    )
    rounded_bytes = math.ceil(proposal / _MIB) * _MIB
    return KrrEstimate(max(rounded_bytes, config.min_bytes), "OOMKill detected" if killed_limit_bytes else None)


def _points(window: list[UsageDay], config: KrrConfig) -> float:
    """Return how many points krr's subquery would count: one a step where there were samples."""
    steps_per_day = _MINUTES_PER_DAY / config.step_minutes
    return math.fsum(row.samples if row.coverage is None else row.coverage * steps_per_day for row in window)


def _killed_limit_bytes(window: list[UsageDay]) -> int:
    """Return the largest limit that a pod had on the day of its first OOM kill or later; 0 without one.

    krr multiplies the limit by "the last termination was an OOM kill", which stays true after the kill.
    """
    first_kill: dict[tuple[str, str, str], date] = {}
    for row in sorted(window, key=lambda row: row.day):
        if row.oom_kills:
            first_kill.setdefault((row.cluster, row.namespace, row.pod), row.day)
    limits = [
        row.limit_bytes
        for row in window
        if row.limit_bytes is not None and row.day >= first_kill.get((row.cluster, row.namespace, row.pod), date.max)
    ]
    return max(limits, default=0)
