"""Samples of many containers, gathered and turned into days; what does not fit into memory waits in temporary files."""

import re
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from typing import IO, Any, NamedTuple, Self

import msgspec

from auditor.usage.imports.days import DAY_MS, DayNumbers, Duplicate, Interval, summarise
from auditor.usage.imports.faults import Faults
from auditor.usage.imports.model import EPOCH, FUTURE_TOLERANCE, ImportOptions, ImportResult
from auditor.usage.model import UsageDay

BUFFERED = 2_000_000
"""Samples that are held in memory before they go to temporary files: about 64 MB, thrice that while they are sorted."""
SNAPSHOT_SECONDS = 60
"""What a sample stands for when nothing tells how often samples are taken."""
LONGEST_SECONDS = 3600
"""The longest time that a sample may stand for."""
UNKNOWN_NAMESPACE = "_"
"""Stands for a namespace that a source cannot tell; no namespace can be called so."""

_PARTITIONS = 64
_FEW_GAPS = 10
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:\-]{0,251}[A-Za-z0-9])?", re.ASCII)
_FIELDS = (("series", "<u4"), ("file", "<u4"), ("line", "<i8"), ("time", "<i8"), ("value", "<i8"))


class Series(NamedTuple):
    """Whose memory it is."""

    cluster: str
    namespace: str
    pod: str
    container: str


class Extra(NamedTuple):
    """What a sample says besides the working set; None is unknown."""

    rss_bytes: int | None = None
    cache_bytes: int | None = None
    swap_bytes: int | None = None
    request_bytes: int | None = None
    limit_bytes: int | None = None
    pressure_ratio: float | None = None
    oom_kills: int | None = None
    """Since the sample before."""
    restarts: int | None = None
    """Since the sample before."""


class Samples:
    """Gathers the samples of one source. A context: leaving it removes the temporary files."""

    def __init__(self, source: str, options: ImportOptions, *, buffered: int = BUFFERED) -> None:
        self.source = source
        self.options = options
        self.faults = Faults()
        self.notes: list[str] = []
        self.hint_seconds: float = SNAPSHOT_SECONDS
        """What a sample stands for when its series has no other."""
        self._buffered = buffered
        self._latest_ms = 0
        self._earliest_ms = int(EPOCH.timestamp() * 1000)
        self._files: list[str] = []
        self._series: dict[Series, int] = {}
        self._owners: dict[int, tuple[str, str]] = {}
        self._extras: dict[tuple[int, int], Extra] = {}
        self._columns = _columns()
        self._spilled: dict[int, IO[bytes]] = {}
        self._opened = ExitStack()
        self.advance(options.now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def advance(self, now: datetime) -> None:
        """Say that it has become later."""
        self.options = msgspec.structs.replace(self.options, now=now)
        self._latest_ms = int((now + FUTURE_TOLERANCE).timestamp() * 1000)

    def begin(self, shown: str) -> None:
        """Say that what follows is of another file."""
        self._files.append(shown)

    def series(self, line: int | None, name: Series) -> int | None:
        """Return the number of a series; None, and a fault, when a name is missing or none."""
        known = self._series.get(name)
        if known is not None:
            return known
        for word, text in (("namespace", name.namespace), ("pod", name.pod), ("container", name.container)):
            if not text:
                how = ": say it with --namespace" if word == "namespace" else ""
                self.fault(line, f"no {word}", f"names no {word}{how}")
                return None
            if not _NAME.fullmatch(text) and text != UNKNOWN_NAMESPACE:
                short = text if len(text) < 64 else f"{text[:60]}..."
                self.fault(line, f"{word} that is no name", f"{word} {short!r} is no name")
                return None
        return self._series.setdefault(name, len(self._series))

    def owner(self, series: int, kind: str, name: str) -> None:
        """Say whose pod a series is of."""
        self._owners[series] = (kind, name)

    def fault(self, line: int | None, sort: str, reason: str) -> None:
        """Tell a fault of a line of the present file."""
        self.faults.add(self._files[-1], line, sort, reason)

    def add(self, line: int, time_ms: int, series: int, value_bytes: int, extra: Extra | None = None) -> None:
        """Add a sample; one of the future or before 2000 is a fault."""
        if not self._earliest_ms <= time_ms <= self._latest_ms:
            late = time_ms > self._latest_ms
            sort = "in the future" if late else "before the year 2000"
            self.fault(line, sort, f"its time is {sort}: {'a clock is wrong' if late else 'a wrong unit'}")
            return
        for column, number in zip(
            self._columns, (series, len(self._files) - 1, line, time_ms, value_bytes), strict=True
        ):
            column.append(number)
        if extra is not None:
            key = (series, time_ms // DAY_MS)
            self._extras[key] = _joined(self._extras.get(key), extra)
        if len(self._columns[0]) >= self._buffered:
            self._spill()

    def result(self) -> ImportResult:
        """Return the rows, faults and notes of all samples."""
        days: list[DayNumbers] = []
        intervals: dict[int, Interval] = {}
        duplicates: list[Duplicate] = []
        for part in self._parts():
            more, gaps, again = summarise(part)
            days += more
            intervals |= gaps
            duplicates += again
        for item in sorted(duplicates):
            sort = "duplicate" if item.same else "two values for one time"
            kept = "is kept" if item.same else "is larger and is kept"
            self.faults.add(self._files[item.file], item.line, sort, f"{sort}: the other one {kept}")
        seconds = _Seconds(intervals, self.hint_seconds)
        names = list(self._series)
        rows = sorted((self._row(day, names[day.series], seconds) for day in days), key=_order)
        return ImportResult(tuple(rows), self.faults.result(), (*_coverage_notes(rows), *self.notes))

    def _row(self, day: DayNumbers, name: Series, seconds: "_Seconds") -> UsageDay:
        extra = self._extras.get((day.series, day.day), Extra())
        kind, owner = self._owners.get(day.series, ("", ""))
        return UsageDay(
            cluster=name.cluster,
            day=date(1970, 1, 1) + timedelta(days=day.day),
            namespace=name.namespace,
            workload_kind=kind,
            workload_name=owner,
            pod=name.pod,
            container=name.container,
            samples=day.samples,
            coverage=min(1.0, day.samples * seconds.of(day.series) * 1000 / DAY_MS),
            min_bytes=day.min_bytes,
            mean_bytes=day.mean_bytes,
            p95_bytes=day.p95_bytes,
            p99_bytes=day.p99_bytes,
            max_bytes=day.max_bytes,
            rss_max_bytes=extra.rss_bytes,
            cache_max_bytes=extra.cache_bytes,
            swap_max_bytes=extra.swap_bytes,
            request_bytes=extra.request_bytes,
            limit_bytes=extra.limit_bytes,
            oom_kills=extra.oom_kills,
            restarts=extra.restarts,
            pressure_waiting_ratio=extra.pressure_ratio,
            source=self.source,
            collected_at=self.options.now,
        )

    def _records(self) -> Any:
        import numpy as np

        records = np.empty(len(self._columns[0]), dtype=list(_FIELDS))
        for (name, _), column in zip(_FIELDS, self._columns, strict=True):
            records[name] = np.frombuffer(column, dtype=column.typecode) if len(column) else []
        return records

    def _spill(self) -> None:
        import numpy as np

        records = self._records()
        self._columns = _columns()
        homes = records["series"] % _PARTITIONS
        for home in np.unique(homes).tolist():
            if home not in self._spilled:
                stream = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the stack closes it
                self._spilled[home] = self._opened.enter_context(stream)
            self._spilled[home].write(records[homes == home].tobytes())

    def _parts(self) -> Iterator[Any]:
        """Yield the records, all of a series in one part."""
        import numpy as np

        if not self._spilled:
            yield self._records()
            return
        self._spill()
        for stream in self._spilled.values():
            stream.seek(0)
            yield np.frombuffer(stream.read(), dtype=list(_FIELDS))


class _Seconds:
    """What a sample of a series stands for."""

    def __init__(self, intervals: dict[int, Interval], hint_seconds: float) -> None:
        self._intervals = intervals
        medians = sorted(item.median_ms for item in intervals.values())
        self._usual = medians[len(medians) // 2] / 1000 if medians else hint_seconds

    def of(self, series: int) -> float:
        """Return the median gap of the series, of all series when it has few gaps; an hour at most."""
        own = self._intervals.get(series)
        usual = own.median_ms / 1000 if own is not None and own.gaps >= _FEW_GAPS else self._usual
        return min(usual, LONGEST_SECONDS)


def _columns() -> tuple["array[int]", ...]:
    return (array("I"), array("I"), array("q"), array("q"), array("q"))


def _order(row: UsageDay) -> tuple[str, str, str, str, date]:
    return (row.cluster, row.namespace, row.pod, row.container, row.day)


def _joined(before: Extra | None, after: Extra) -> Extra:
    """Return what a day says after one more sample: maxima, the last amounts, and sums of events."""
    if before is None:
        return after
    return Extra(
        _larger(before.rss_bytes, after.rss_bytes),
        _larger(before.cache_bytes, after.cache_bytes),
        _larger(before.swap_bytes, after.swap_bytes),
        before.request_bytes if after.request_bytes is None else after.request_bytes,
        before.limit_bytes if after.limit_bytes is None else after.limit_bytes,
        _larger(before.pressure_ratio, after.pressure_ratio),
        _sum(before.oom_kills, after.oom_kills),
        _sum(before.restarts, after.restarts),
    )


def _larger(one: Any, other: Any) -> Any:
    return one if other is None else other if one is None else max(one, other)


def _sum(one: int | None, other: int | None) -> int | None:
    return one if other is None else (one or 0) + other


def _coverage_notes(rows: list[UsageDay]) -> Iterator[str]:
    """Yield what the samples cover."""
    if not rows:
        return
    samples = sum(row.samples for row in rows)
    days = {row.day for row in rows}
    containers = {(row.cluster, row.namespace, row.pod, row.container) for row in rows}
    covered = sum(row.coverage or 0 for row in rows) / len(rows)
    span = f"{min(days)}" if len(days) == 1 else f"{min(days)} to {max(days)}"
    amount = "1 sample" if samples == 1 else f"{samples} samples"
    whose = "1 container" if len(containers) == 1 else f"{len(containers)} containers"
    yield f"{amount} of {whose}, {span}: {covered:.2%} of each pod-day is covered"
    if all(row.samples == 1 for row in rows):
        yield "one sample a day and container: a snapshot, not a history"
