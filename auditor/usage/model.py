"""One row of history, and what the rows of a container say together.

A row is what one container of one pod did on one day (UTC). Sources make rows, the table keeps them, statistics join
them. Bytes are whole numbers; None is unknown, never zero.
"""

from datetime import date, datetime

import msgspec


class UsageDay(msgspec.Struct, frozen=True, kw_only=True):
    """The memory use of one container of one pod on one day."""

    cluster: str = ""
    """The cluster's name; empty when nobody names it."""
    day: date
    """The day in UTC."""
    namespace: str
    """The pod's namespace."""
    workload_kind: str = ""
    """The kind of the pod's top owner, such as `Deployment` or `CronJob`; `Pod` for a pod without one; empty when not
    known."""
    workload_name: str = ""
    """The name of that owner; empty when not known."""
    pod: str
    """The pod's name."""
    container: str
    """The container's name."""
    container_type: str | None = None
    """`app`, `init`, `sidecar` or `ephemeral`; None when the source does not say."""
    samples: int
    """How many samples the numbers are made of."""
    coverage: float | None
    """Share of the samples that a whole day would have had, 0 to 1; None when the interval is not known."""
    min_bytes: int | None = None
    """The smallest working set."""
    mean_bytes: int | None = None
    """The mean working set, over the samples."""
    p95_bytes: int | None = None
    """The 95th percentile of the day's samples."""
    p99_bytes: int | None = None
    """The 99th percentile of the day's samples."""
    max_bytes: int | None = None
    """The largest working set."""
    rss_max_bytes: int | None = None
    """The largest anonymous memory."""
    cache_max_bytes: int | None = None
    """The largest page cache, files in memory volumes included."""
    swap_max_bytes: int | None = None
    """The most that was swapped out."""
    request_bytes: int | None = None
    """The memory request of that day."""
    limit_bytes: int | None = None
    """The memory limit of that day."""
    oom_kills: int | None = None
    """OOM kills on that day, counted by their termination times."""
    restarts: int | None = None
    """Restarts on that day."""
    pressure_waiting_ratio: float | None = None
    """The largest share of time in which something waited for memory (PSI), 0 to 1."""
    source: str
    """Where the row comes from, such as `prometheus`, `csv`, `cgroup`."""
    collected_at: datetime
    """When it was collected (UTC)."""


KEY = ("cluster", "day", "namespace", "pod", "container")
"""What makes two rows the same one: a later `collected_at` replaces an earlier one."""


class UsageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What history says of one container of a workload, over a window of days that ends at its last day.

    Quantiles over days are of each pod's day: p95 of the window is the largest daily p95 that 95 % of pod-days stay
    under, a bound and not a quantile of samples.
    """

    first_day: str
    """The first day with samples, such as `2026-11-01`."""
    last_day: str
    """The last day with samples."""
    window_days: int
    """The length of the window in days, days without samples included."""
    days: int
    """Days of the window with samples."""
    pods: int
    """Different pods that were seen."""
    coverage_ratio: float
    """Share of the window's samples that are there, 0 to 1: the mean of the days, missing days count as 0."""
    mean_bytes: int | None
    """The mean working set, weighted by samples; absent when no row has one."""
    p50_bytes: int | None
    """The median over pod-days of the daily mean; absent when no row has one."""
    p95_bytes: int | None
    """The 95th percentile over pod-days of the daily p95; absent when no row has one."""
    p99_bytes: int | None
    """The 99th percentile over pod-days of the daily p99; absent when no row has one."""
    max_bytes: int | None
    """The largest working set of the window; absent when no row has one."""
    max_day: str | None
    """The day of that peak; absent as above."""
    limit_bytes: int | None
    """The limit of the last day that has one; absent when none has."""
    weekday: str | None
    """The weekday with the highest typical peak, such as `Friday`; absent under two weeks of days."""
    weekday_peak_ratio: float | None
    """The median peak of that weekday over the median peak of all days; absent as above."""
    near_limit_ratio: float | None
    """At least this share of time was spent at 95 % of the limit or more, read off the daily quantiles; absent without
    limits in history."""
    oom_kills: int
    """OOM kills in the window."""
    oom_days: tuple[str, ...]
    """Their days, in order, each once."""
    oom_limit_bytes: int | None
    """The limit on the last of these days; absent without kills or when it is not known."""
    restarts: int
    """Restarts in the window."""
    leak_bytes_per_day: int | None
    """The robust slope of the daily minima of the pods that lived long enough; absent when it is not significant."""
    leak_confidence_ratio: float | None
    """How sure the slope is, 0 to 1; absent without one."""
    leak_days_to_limit: int | None
    """Days until the limit at that slope; absent without a slope or a limit."""
    pressure_waiting_ratio: float | None
    """The largest share of time waiting for memory; absent when not collected."""
    swap_max_bytes: int | None
    """The most that was swapped out; absent when not collected."""
    rss_max_bytes: int | None
    """The largest anonymous memory; absent when not collected."""
    cache_max_bytes: int | None
    """The largest page cache; absent when not collected."""
