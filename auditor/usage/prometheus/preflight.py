"""What a server has, before the expensive questions: metrics, their labels, the scrape interval, the size of it all."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import msgspec

from auditor.usage.errors import UsageError
from auditor.usage.prometheus.answers import Answer, QueryError, Series, Why
from auditor.usage.prometheus.client import Client
from auditor.usage.prometheus.model import Days, Matcher, PullConfig
from auditor.usage.prometheus.parts import (
    OWNER_RULE,
    RENAMED,
    RESTARTS,
    STAT,
    SWAP_NAMES,
    WORKING_SET,
    Labels,
    Server,
    containers,
    matchers,
    told_apart,
)
from auditor.usage.prometheus.plan import day_of, evaluated_at, midnight

_GRID_SECONDS = 5 * 3600
"""Not a divisor of a day: over a window the grid meets every hour of the day, also of clusters that sleep at night."""
_TRIES = 4

_COMMON_SECONDS = (1, 2, 5, 10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240, 300, 600)

_LEAVES_UNKNOWN = {
    "container_memory_rss": "anonymous memory",
    "container_memory_cache": "page cache",
    "kube_pod_container_resource_limits": "limits",
    "kube_pod_container_resource_requests": "requests",
    RESTARTS: "restarts",
    "kube_pod_owner": "owners",
    "kube_replicaset_owner": "the Deployments of ReplicaSets",
}
"""Metrics that every cluster with pods has, and what stays unknown without them."""

_SOMETIMES = (*SWAP_NAMES, OWNER_RULE)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What preflight found."""

    server: Server
    """What expressions depend on."""
    present: frozenset[str]
    """The metrics that exist."""
    series: dict[str, int]
    """Namespace to the most series of the working set that it had at once."""
    first_day: date | None
    """The first day that may have samples; None when there are none at all."""
    intervals: dict[date, float]
    """Day to its scrape interval in seconds, where it was seen."""
    missing: tuple[str, ...]
    """Metrics that the server lacks."""
    notes: tuple[str, ...]
    """What that leaves unknown."""

    @property
    def interval_seconds(self) -> float | None:
        """Return the interval that most days have; None when it was not seen."""
        return Counter(self.intervals.values()).most_common(1)[0][0] if self.intervals else None

    def interval_of(self, day: date) -> float | None:
        """Return the scrape interval of a day, of most days where that day does not tell."""
        known = self.intervals.get(day)
        return self.interval_seconds if known is None else known


def look(client: Client, config: PullConfig, days: Days) -> Found:
    """Return what a server has for some days. Raises UsageError when it does not answer or mixes clusters."""
    cluster: tuple[Matcher, ...] = ()
    if config.cluster_label:
        cluster = ((config.cluster_label, "=", config.cluster_value),)
    names = _ask(client, _names(config, cluster), days)
    present = frozenset(series.metric.get("__name__", "") for series in names.series)
    features = _ask(client, _features(cluster, present), days)
    seen = _by_stat(features.series)
    server = Server(
        cadvisor=_labels(seen, "plain_cadvisor", "renamed_cadvisor"),
        kubernetes=_labels(seen, "plain_kubernetes", "renamed_kubernetes"),
        cluster=cluster,
        has_image="image" in seen,
        swap=next((name for name in SWAP_NAMES if name in present), None),
        pressure_rule=config.pressure_rule if config.pressure_rule in present else None,
    )
    counted = _ask(client, _sizes(server, clusters=not cluster), days)
    if not cluster:
        _refuse_mixture(counted.series)
    missing, notes = _missing(present)
    return Found(
        server=server,
        present=present,
        series=_series_by_namespace(counted.series, server.cadvisor),
        first_day=_first_day(counted.series, days),
        intervals=_intervals(counted.series),
        missing=missing,
        notes=notes,
    )


def _ask(client: Client, query: str, days: Days) -> Answer:
    """Return the answer on a coarse grid; after a failure on a coarser one. Raises UsageError in the end."""
    step = min(_GRID_SECONDS, 3600 * (1 + len(days) // 2))
    start = midnight(days.first) + min(step, 3600) - 0.001
    for attempt in range(_TRIES):
        try:
            return client.query_range(query, start=start, end=evaluated_at(days.last), step=step)
        except QueryError as error:
            if error.why is not Why.SMALLER or attempt == _TRIES - 1:
                raise UsageError(f"{client.shown}: {error}") from None
            # coprime with a day, for the same reason
            step = step * 2 + 3600
    raise AssertionError


def _names(config: PullConfig, cluster: Iterable[Matcher]) -> str:
    wanted = "|".join((WORKING_SET, *_LEAVES_UNKNOWN, *_SOMETIMES, config.pressure_rule))
    return f"count by (__name__) ({{{matchers((('__name__', '=~', wanted), *cluster))}}})"


def _features(cluster: tuple[Matcher, ...], present: frozenset[str]) -> str:
    """Return the question which labels there are; for kube-state-metrics of a metric that every container has."""
    kubernetes = next(
        (name for name in (RESTARTS, "kube_pod_container_resource_requests") if name in present), RESTARTS
    )
    asked: dict[str, tuple[str, tuple[Matcher, ...]]] = {
        "image": (WORKING_SET, (("image", "!=", ""),)),
        "plain_cadvisor": (WORKING_SET, (("pod", "!=", ""), ("exported_pod", "=", ""))),
        "renamed_cadvisor": (WORKING_SET, (("exported_pod", "!=", ""),)),
        "plain_kubernetes": (kubernetes, (("pod", "!=", ""), ("exported_pod", "=", ""))),
        "renamed_kubernetes": (kubernetes, (("exported_pod", "!=", ""),)),
    }
    return " or ".join(
        told_apart(f"count({name}{{{matchers((*more, *cluster))}}})", stat) for stat, (name, more) in asked.items()
    )


def _sizes(server: Server, *, clusters: bool) -> str:
    """Return the question how many series each namespace has and how many samples one of them gets in an hour."""
    labels = server.cadvisor
    items = [*server.cluster, *containers(labels, server), (labels.namespace, "!=", "")]
    selector = f"{WORKING_SET}{{{matchers(items)}}}"
    by = f"cluster,{labels.namespace}" if clusters else labels.namespace
    series, hour = f"count by ({by}) ({selector})", f"max(count_over_time({selector}[1h]))"
    return f"{told_apart(series, 'series')} or {told_apart(hour, 'hour')}"


def _by_stat(found: Iterable[Series]) -> dict[str, float]:
    """Return the largest value of each expression."""
    largest: dict[str, float] = {}
    for series in found:
        stat = series.metric.get(STAT, "")
        largest[stat] = max([largest.get(stat, 0.0), *_numbers(series)])
    return largest


def _numbers(series: Series) -> list[float]:
    numbers = []
    for _, text in series.values:
        try:
            number = float(text)
        except ValueError:
            continue
        if math.isfinite(number):
            numbers.append(number)
    return numbers


def _labels(seen: Mapping[str, float], plain: str, renamed: str) -> Labels:
    """Return the labels that most series have."""
    return RENAMED if seen.get(renamed, 0) > seen.get(plain, 0) else Labels()


def _refuse_mixture(found: Iterable[Series]) -> None:
    clusters = sorted({series.metric["cluster"] for series in found if series.metric.get("cluster")})
    if len(clusters) > 1:
        names = ", ".join(clusters[:5]) + (" …" if len(clusters) > 5 else "")
        raise UsageError(
            f"the server holds {len(clusters)} clusters ({names}), which must not be mixed: name one, with the label "
            "cluster and its value"
        )


def _series_by_namespace(found: Iterable[Series], labels: Labels) -> dict[str, int]:
    counts: dict[str, int] = {}
    for series in found:
        name = series.metric.get(labels.namespace, "")
        if series.metric.get(STAT) == "series" and name:
            counts[name] = max([counts.get(name, 0), *(int(number) for number in _numbers(series))])
    return counts


def _first_day(found: Iterable[Series], days: Days) -> date | None:
    """Return the day before the first one that the grid met samples in: it may have met the middle of something."""
    times = [series.values[0][0] for series in found if series.metric.get(STAT) == "series" and series.values]
    return max(days.first, day_of(min(times)) - timedelta(days=1)) if times else None


def _intervals(found: Iterable[Series]) -> dict[date, float]:
    """Return each day's interval: what its fullest hour gives."""
    fullest: dict[date, float] = {}
    for series in found:
        if series.metric.get(STAT) != "hour":
            continue
        for seconds, text in series.values:
            day = day_of(seconds)
            fullest[day] = max(fullest.get(day, 0.0), float(text))
    return {day: interval_of(count) for day, count in fullest.items() if count >= 2}


def interval_of(samples_per_hour: float) -> float:
    """Return the scrape interval in seconds behind a number of samples in an hour: a usual one where one is near."""
    seconds = 3600 / samples_per_hour
    near = min(_COMMON_SECONDS, key=lambda usual: abs(usual - seconds))
    return float(near) if abs(near - seconds) <= 0.08 * near else seconds


def _missing(present: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    absent = [name for name in _LEAVES_UNKNOWN if name not in present]
    if OWNER_RULE in present:
        absent = [name for name in absent if name not in ("kube_pod_owner", "kube_replicaset_owner")]
    notes = [f"{name} is missing; unknown: {_LEAVES_UNKNOWN[name]}" for name in absent]
    if WORKING_SET not in present:
        absent.insert(0, WORKING_SET)
        notes.insert(0, f"{WORKING_SET} is missing: the server has no memory history of containers")
    if not present.intersection(SWAP_NAMES):
        absent.append(" or ".join(SWAP_NAMES))
        notes.append("no metric of swap: swapped memory stays unknown")
    return tuple(absent), tuple(notes)
