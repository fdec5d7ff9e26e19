"""What the rows of one container of one workload add up to, over a window of days.

This is what an engine computes over a table that may be larger than memory; statistics make facts of it. Every number
but the pressure is a whole one, so that all engines agree to the bit.
"""

from datetime import date

import msgspec


class AggregateDay(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One day of a container, over all pods of the workload. Days without rows have none."""

    day: date
    """The day in UTC."""
    pods: int
    """Pods that have a row."""
    samples: int
    """Their samples."""
    coverage_ppm_sum: int
    """The coverages of the pods that say one, each rounded to millionths, added up."""
    coverage_pods: int
    """How many pods say their coverage; 0 when none does."""
    peak_bytes: int | None
    """The largest working set of any pod; None when no row has one."""
    request_bytes: int | None
    """The largest request of any pod; None when no row has one."""
    limit_bytes: int | None
    """The largest limit of any pod; None when no row has one."""
    oom_kills: int | None
    """OOM kills of all pods; None when no row says."""
    oom_limit_bytes: int | None
    """The largest limit among the pods that were OOM killed; None without kills, or when none of them says one."""
    restarts: int | None
    """Restarts of all pods; None when no row says."""


class Floor(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The smallest working set of one pod on one day, with what begins a new series."""

    pod: str
    """The pod's name."""
    day: date
    """The day in UTC."""
    min_bytes: int
    """The smallest working set."""
    limit_bytes: int | None
    """The limit of that day; None when not known."""
    restarts: int | None
    """Restarts of the container on that day; None when not known."""
    oom_kills: int | None
    """OOM kills on that day; None when not known."""


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one container of one workload, joined over a window.

    A pod-day is a row: one pod on one day. A quantile over pod-days is a value that occurs (nearest rank): of n values
    in order, the one at rank ceil(q * n).
    """

    cluster: str
    """The cluster's name; empty when nobody names it."""
    namespace: str
    """The namespace."""
    workload_kind: str
    """The kind of the top owner; empty when not known."""
    workload_name: str
    """Its name; empty when not known."""
    container: str
    """The container's name."""
    container_type: str | None
    """`app`, `init`, `sidecar` or `ephemeral`, the last in the alphabet where rows differ; None when none says."""
    days: tuple[AggregateDay, ...]
    """The days with rows, in order; never empty."""
    pods: int
    """Different pods."""
    pod_days: int
    """Rows."""
    samples: int
    """Samples of all rows."""
    mean_bytes: int | None
    """The mean working set weighted by samples, rounded up; None when no row with samples has one."""
    p50_bytes: int | None
    """The median over pod-days of the daily mean, the lower of two; None when no row has one."""
    p95_bytes: int | None
    """The 95th percentile over pod-days of the daily p95; None when no row has one."""
    p99_bytes: int | None
    """The 99th percentile over pod-days of the daily p99; None when no row has one."""
    max_bytes: int | None
    """The largest working set; None when no row has one."""
    max_day: date | None
    """The first day of that peak; None as above."""
    near_limit_samples: int
    """At least so many hundredths of a sample stood at 95 % of the limit or more. Each pod-day with a limit counts its
    samples 100 times when its minimum is there, 5 times when its p95 is, once when its p99 is, else 0."""
    limited_samples: int
    """The samples of the pod-days that have a limit and a minimum, p95 or p99: `near_limit_samples` / 100 of them are
    near it. 0 when there are none."""
    oom_kills: int | None
    """OOM kills; None when no row says."""
    restarts: int | None
    """Restarts; None when no row says."""
    rss_max_bytes: int | None
    """The largest anonymous memory; None when no row has it."""
    cache_max_bytes: int | None
    """The largest page cache; None when no row has it."""
    swap_max_bytes: int | None
    """The most that was swapped out; None when no row has it."""
    pressure_waiting_ratio: float | None
    """The largest share of time waiting for memory, 0 to 1; None when no row has it."""
    floors: tuple[Floor, ...]
    """The daily minima of every pod, by pod and day. Empty unless minima rise: more pairs of days rise than
    fall, inside the pods' series between restarts, kills and changes of the limit, and added up over them."""
