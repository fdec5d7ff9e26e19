"""From answers to rows: each number finds its day, pod and container."""

import math
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime

import msgspec

from auditor.usage.model import UsageDay
from auditor.usage.prometheus.answers import Series
from auditor.usage.prometheus.owners import Owners
from auditor.usage.prometheus.parts import CADVISOR, DAY_SECONDS, ORIGIN, STAT, Part, Server
from auditor.usage.prometheus.plan import day_of
from auditor.usage.prometheus.preflight import Found
from auditor.usage.rows import MAX_BYTES

Key = tuple[str, str, str]
"""Namespace, pod, container."""

"""Beyond this a number of bytes is no memory: swap of some kernels is an underflow of an unsigned number."""

_ORIGINS = ("count", "sum", "restarts")


class Cell(msgspec.Struct):
    """What the answers say of one container of one pod on one day."""

    numbers: dict[str, float] = {}
    """Expression to its value."""
    origins: dict[tuple[str, ...], dict[str, float]] = {}
    """Scrape to the values that are told apart by it."""


class Block:
    """The numbers of some days, until all their requests are answered."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cells: dict[tuple[date, Key], Cell] = {}
        self.dropped = 0
        """Values left out since they are no amount of memory."""

    def add(self, found: Iterable[Series], parts: Iterable[Part]) -> None:
        """Add the series of an answer to a question of some expressions."""
        families = {part.stat: part.family for part in parts}
        for series in found:
            stat = series.metric.get(STAT, "")
            if stat not in families:
                continue
            labels = self._server.labels(families[stat])
            metric = series.metric
            key = labels.key(metric)
            if not all(key):
                continue
            origin = tuple(metric.get(name, "") for name in ORIGIN)
            amount = families[stat] == CADVISOR and stat not in ("count", "sum", "pressure")
            for seconds, text in series.values:
                number = _number(text)
                if number is None or number < 0 or (amount and number > MAX_BYTES):
                    self.dropped += 1
                    continue
                self._put(day_of(seconds), key, stat, number, origin)

    def _put(self, day: date, key: Key, stat: str, number: float, origin: tuple[str, ...]) -> None:
        cell = self._cells.get((day, key))
        if cell is None:
            cell = self._cells[day, key] = Cell({}, {})
        if stat in _ORIGINS:
            told = cell.origins.setdefault(origin, {})
            told[stat] = told.get(stat, 0.0) + number
        else:
            cell.numbers[stat] = number

    def rows(self, context: "Context", days: Collection[date], *, is_complete: bool) -> list[UsageDay]:
        """Return a row for each container with samples of its working set.

        When nothing failed, also one without samples for each container that was killed or restarted before a scrape
        could see it.
        """
        if is_complete:
            for day, key in context.kills.timed(days):
                self._cells.setdefault((day, key), Cell({}, {}))
        found = (_row(day, key, cell, context) for (day, key), cell in self._cells.items())
        return [row for row in found if row.samples or (is_complete and (row.oom_kills or row.restarts))]


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What rows need besides the numbers of their day."""

    found: Found
    """What preflight found."""
    owners: Owners
    """Whose the pods are."""
    kills: "Kills"
    """The OOM kills of the window."""
    cluster: str
    """The cluster's name."""
    collected_at: datetime
    """When this is collected."""


def _row(day: date, key: Key, cell: Cell, context: Context) -> UsageDay:
    samples, total = _fullest(cell)
    owners = context.owners
    namespace, pod, container = key
    kind, name = owners.top(namespace, pod)
    restarts = max((told["restarts"] for told in cell.origins.values() if "restarts" in told), default=None)
    numbers = cell.numbers
    pressure = numbers.get("pressure")
    interval = context.found.interval_of(day)
    return UsageDay(
        cluster=context.cluster,
        day=day,
        namespace=namespace,
        workload_kind=kind,
        workload_name=name,
        pod=pod,
        container=container,
        container_type=owners.init.get(key, "app" if restarts is not None else None),
        samples=samples,
        coverage=None if interval is None else min(1.0, samples * interval / DAY_SECONDS),
        min_bytes=_bytes(numbers.get("min")),
        mean_bytes=_bytes(None if total is None or not samples else total / samples),
        p95_bytes=_bytes(numbers.get("p95")),
        p99_bytes=_bytes(numbers.get("p99")),
        max_bytes=_bytes(numbers.get("max")),
        rss_max_bytes=_bytes(numbers.get("rss")),
        cache_max_bytes=_bytes(numbers.get("cache")),
        swap_max_bytes=_bytes(numbers.get("swap")),
        request_bytes=_bytes(numbers.get("request")),
        limit_bytes=_bytes(numbers.get("limit")),
        oom_kills=context.kills.of(day, key, is_known=restarts is not None),
        restarts=None if restarts is None else round(restarts),
        pressure_waiting_ratio=None if pressure is None else min(1.0, pressure),
        source="prometheus",
        collected_at=context.collected_at,
    )


def _fullest(cell: Cell) -> tuple[int, float | None]:
    """Return count and sum of the scrape that saw most: replicas see the same, and must not be added up."""
    best = max(cell.origins.values(), key=lambda told: told.get("count", 0.0), default={})
    return round(best.get("count", 0.0)), best.get("sum")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bytes(number: float | None) -> int | None:
    return None if number is None else math.ceil(number)


class Kills:
    """OOM kills, each counted once, on the day that it happened."""

    def __init__(self) -> None:
        self._times: dict[Key, set[int]] = {}
        self._dead: dict[Key, date] = {}
        self._unknown_days: set[date] = set()
        self._unknown: set[Key] = set()

    def add_time(self, key: Key, seconds: int) -> None:
        """Add the time of a kill, in seconds since 1970; the same time again is the same kill."""
        self._times.setdefault(key, set()).add(seconds)

    def add_dead(self, key: Key, day: date) -> None:
        """Add a container that was killed and never started again, on the first day that says so."""
        self._dead[key] = day

    def forget(self, days: Iterable[date]) -> None:
        """Make unknown what happened on some days."""
        self._unknown_days.update(days)

    def forget_container(self, key: Key) -> None:
        """Make unknown what happened to a container: it was killed, nobody knows when or how often."""
        self._unknown.add(key)

    def timed(self, days: Collection[date]) -> Iterator[tuple[date, Key]]:
        """Yield each day and container of the kills whose time is known, for some days."""
        for key, times in self._times.items():
            for day in {day_of(seconds) for seconds in times}:
                if day in days and day not in self._unknown_days:
                    yield day, key

    def of(self, day: date, key: Key, *, is_known: bool) -> int | None:
        """Return the kills of a container on a day; None when nobody can know."""
        if day in self._unknown_days or key in self._unknown:
            return None
        times = self._times.get(key)
        if times:
            return sum(day_of(seconds) == day for seconds in times)
        if key in self._dead:
            return int(self._dead[key] == day)
        return 0 if is_known else None
