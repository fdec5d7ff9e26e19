"""Which rows of history can be true, and which of two rows of one key counts.

`aggregate_ibis` says the same to an engine; a test holds the two together.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from auditor.usage.model import UsageDay

MAX_BYTES = 2**60
"""More is a counter that went below zero, or no memory at all."""
MAX_COUNT = 2**31
"""More samples, kills or restarts do not fit into a day."""

NAMES = ("namespace", "pod", "container", "source")
"""Texts that a row must have."""
BYTES = (
    "min_bytes",
    "mean_bytes",
    "p95_bytes",
    "p99_bytes",
    "max_bytes",
    "rss_max_bytes",
    "cache_max_bytes",
    "swap_max_bytes",
    "request_bytes",
    "limit_bytes",
)
COUNTS = ("samples", "oom_kills", "restarts")
RATIOS = ("coverage", "pressure_waiting_ratio")
"""Shares from 0 to 1."""
ORDERED = (
    ("min_bytes", "mean_bytes"),
    ("min_bytes", "p95_bytes"),
    ("min_bytes", "p99_bytes"),
    ("min_bytes", "max_bytes"),
    ("mean_bytes", "max_bytes"),
    ("p95_bytes", "p99_bytes"),
    ("p95_bytes", "max_bytes"),
    ("p99_bytes", "max_bytes"),
)
"""Pairs of which the first is never above the second."""
TIES = (
    "samples",
    *BYTES,
    "oom_kills",
    "restarts",
    *RATIOS,
    "workload_kind",
    "workload_name",
    "container_type",
    "source",
)
"""What decides between two rows of one key and time, the larger first: which one counts must not depend on order."""

FUTURE = "lies in the future"
REPEATED = "repeats another row of the same time: the larger one counts"
REPLACED = "replaced"
"""The mark of a row that a later one replaces. It is no fault, and nobody is told."""


def fault_of(row: UsageDay, today: date | None) -> str | None:
    """Return the first reason for which a row cannot be true, None when it can; `today` None trusts every day."""
    return next(_faults(row, today), None)


def _faults(row: UsageDay, today: date | None) -> Iterator[str]:
    yield from (f"{name} is missing" for name in NAMES if not getattr(row, name))
    if today is not None and row.day > today:
        yield FUTURE
    for name in COUNTS + BYTES:
        value, bound = getattr(row, name), MAX_COUNT if name in COUNTS else MAX_BYTES
        if value is not None and not 0 <= value <= bound:
            yield f"{name} is negative" if value < 0 else f"{name} is too large to be true"
    for name in RATIOS:
        ratio = getattr(row, name)
        if ratio is not None and not 0 <= ratio <= 1:
            yield f"{name} is not between 0 and 1"
    for lower, upper in ORDERED:
        low, high = getattr(row, lower), getattr(row, upper)
        if low is not None and high is not None and low > high:
            yield f"{lower} is above {upper}"


def key_of(row: UsageDay) -> tuple[str, date, str, str, str]:
    """Return what makes two rows the same one (`KEY`)."""
    return (row.cluster, row.day, row.namespace, row.pod, row.container)


def in_utc(moment: datetime) -> datetime:
    """Return a moment with its zone UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def judge(rows: Iterable[UsageDay], today: date | None) -> tuple[tuple[UsageDay, ...], Counter[str]]:
    """Return the rows that count, in the order of their keys, and how many others there are for each reason."""
    faults: Counter[str] = Counter()
    by_key: dict[tuple[str, date, str, str, str], list[UsageDay]] = {}
    for row in rows:
        fault = fault_of(row, today)
        if fault is None:
            by_key.setdefault(key_of(row), []).append(row)
        else:
            faults[fault] += 1
    for key, same in by_key.items():
        same.sort(key=_rank, reverse=True)
        faults[REPEATED] += sum(in_utc(row.collected_at) == in_utc(same[0].collected_at) for row in same[1:])
        by_key[key] = same[:1]
    return tuple(by_key[key][0] for key in sorted(by_key)), +faults


def _rank(row: UsageDay) -> tuple[object, ...]:
    values = (getattr(row, name) for name in TIES)
    return (in_utc(row.collected_at), *((value is not None, 0 if value is None else value) for value in values))
