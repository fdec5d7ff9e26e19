"""The small history that an example of a policy carries: a line for each container, expanded to days."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from auditor.kube.quantity import parse_bytes
from auditor.usage.join import ContainerHistory, History
from auditor.usage.model import UsageDay
from auditor.usage.statistics import facts_of

LAST_DAY = date(2026, 1, 31)
"""The last day of every example's history, a Saturday."""

_COLLECTED = datetime(2026, 2, 1, tzinfo=UTC)
_BYTES = ("min", "mean", "p95", "p99", "max", "request", "limit", "swap_max", "rss_max", "cache_max")
_NUMBERS = ("oom_kills", "restarts", "pressure_waiting_ratio")


def history_of(items: Iterable[Mapping[str, Any]]) -> History:
    """Return the history of some lines. Raises ValueError for a quantity that is none, or a list of another length."""
    rows: dict[tuple[str, str, str, str], list[UsageDay]] = {}
    window = 1
    for item in items:
        window = max(window, int(item.get("days", 14)))
        for row in _rows(item):
            rows.setdefault((row.namespace, row.workload_kind, row.workload_name, row.container), []).append(row)
    found = []
    for (*workload, container), some in rows.items():
        facts = facts_of(some, until=LAST_DAY, window_days=window)
        if facts is not None:
            namespace, kind, name = workload
            found.append(ContainerHistory((namespace, kind, name), container, some[0].container_type, facts))
    return History.build(found, last_day=LAST_DAY.isoformat())


def _rows(item: Mapping[str, Any]) -> Iterator[UsageDay]:
    kind, _, name = str(item["workload"]).partition("/")
    days, coverage = int(item.get("days", 14)), float(item.get("coverage", 1))
    for pod in range(int(item.get("pods", 1))):
        for index in range(days):
            told = {key: _value(item[key], index, days) for key in (*_BYTES, *_NUMBERS) if key in item}
            yield UsageDay(
                day=LAST_DAY - timedelta(days=days - 1 - index),
                namespace=str(item.get("namespace", "shop")),
                workload_kind=kind,
                workload_name=name,
                pod=f"{name}-{pod}",
                container=str(item["container"]),
                container_type=item.get("type"),
                samples=round(1440 * coverage),
                coverage=coverage,
                source="example",
                collected_at=_COLLECTED,
                **{f"{key}_bytes" if key in _BYTES else key: value for key, value in told.items()},
            )


def _value(value: Any, index: int, days: int) -> Any:
    if isinstance(value, list):
        if len(value) != days:
            raise ValueError(f"a list of {len(value)} for {days} days")
        value = value[index]
    return parse_bytes(value) if isinstance(value, str) else value
