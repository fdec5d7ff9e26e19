"""Rows of a table in long form: one sample a row, whatever file they come from."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from auditor.usage.imports.columns import ColumnChoice, Found, find_columns
from auditor.usage.imports.samples import Extra, Samples, Series
from auditor.usage.imports.text import zone_note
from auditor.usage.imports.values import AmountError, Clock, amount_bytes, shown, unit_bytes

_EMPTY = (None, "", "NaN", "nan", "null", "None", "-")
_SMALL_BYTES = 64 * 1024
_WHOLE_USAGE = ("memory.usage", "memory_usage_bytes", "usage_bytes")


class RowReader(Protocol):
    """Takes a table row by row."""

    def header(self, names: Sequence[str]) -> bool:
        """Take the header; False, and a fault, when the table cannot be read."""

    def row(self, line: int, cells: Sequence[Any]) -> None:
        """Take a row, or tell its faults."""

    def notes(self) -> Iterator[str]:
        """Yield what a reader must know of all rows."""


class LongReader:
    """Reads rows of time, namespace, pod, container and amount."""

    def __init__(self, samples: Samples, choice: ColumnChoice, metric: str | None = None) -> None:
        self._samples = samples
        self._options = samples.options
        self._choice = choice
        self._metric = metric
        self._clock = Clock(samples.options.time_zone)
        self._given = unit_bytes(samples.options.unit) if samples.options.unit else None
        self._found = Found({}, (), None)
        self._factor = 1
        self._with_unit: bool | None = None
        self._totals = 0
        self._gaps = 0
        self._largest = 0
        self._metrics: set[str] = set()

    def header(self, names: Sequence[str]) -> bool:
        """Take the header; False, and a fault, when a needed column is missing."""
        known = self._options.namespace is not None
        self._found = found = find_columns(names, self._choice, namespace_known=known)
        self._with_unit = None
        if found.missing:
            has = ", ".join(name for name in map(str, names) if name)
            wanted = ", ".join(self._choice.named.get(field, field) for field in found.missing)
            self._samples.fault(
                1, "missing column", f"no column for {wanted}; it has {has[:300]}: say which with --columns"
            )
            return False
        self._factor = self._given or (unit_bytes(found.unit) if found.unit else 1)
        if self._given or found.unit:
            self._with_unit = False
        return True

    @property
    def used(self) -> frozenset[int]:
        """The positions of the columns that are read."""
        return frozenset(self._found.at.values())

    def row(self, line: int, cells: Sequence[Any]) -> None:
        """Take a row, or tell its faults."""
        at = self._found.at
        if len(cells) <= max(at.values()):
            self._samples.fault(line, "too few columns", f"has {len(cells)} columns, fewer than its header")
            return
        if not self._wanted_metric(line, cells):
            return
        container = _text(cells[at["container"]])
        if container in ("", "POD"):
            self._totals += 1
            return
        amount = cells[at["bytes"]]
        if amount in _EMPTY or amount != amount:  # noqa: PLR0124 - only NaN differs from itself
            self._gaps += 1
            return
        series = self._samples.series(line, self._name(cells, container))
        if series is None:
            return
        time_ms = self._clock.milliseconds(cells[at["time"]])
        if time_ms is None:
            self._samples.fault(line, "no time", f"{shown(cells[at['time']])} is no time")
            return
        value = self._amount(line, amount, cells)
        if value is None:
            return
        self._largest = max(self._largest, value)
        if "workload_name" in at and _text(cells[at["workload_name"]]):
            self._samples.owner(series, _text(self._cell(cells, "workload_kind")), _text(cells[at["workload_name"]]))
        self._samples.add(line, time_ms, series, value, self._extra(cells))

    def notes(self) -> Iterator[str]:
        """Yield what a reader must know of all rows."""
        yield from zone_note(self._clock, self._options)
        if self._totals:
            yield f"{self._totals} rows of no container left out: totals of pods, pause containers"
        if self._gaps:
            yield f"{self._gaps} rows without a value left out"
        if 0 < self._largest < _SMALL_BYTES:
            yield f"no value is over {self._largest} bytes: is the unit another one? Say it with --unit"
        name = next((m for m in sorted(self._metrics) if any(word in m for word in _WHOLE_USAGE)), None)
        if name is not None:
            yield f"{name} holds all page cache: more than the working set, and too much to size from"

    def _name(self, cells: Sequence[Any], container: str) -> Series:
        return Series(
            _text(self._cell(cells, "cluster")) or self._options.cluster,
            _text(self._cell(cells, "namespace")) or self._options.namespace or "",
            _text(cells[self._found.at["pod"]]),
            container,
        )

    def _cell(self, cells: Sequence[Any], field: str) -> Any:
        place = self._found.at.get(field)
        return None if place is None else cells[place]

    def _wanted_metric(self, line: int, cells: Sequence[Any]) -> bool:
        name = _text(self._cell(cells, "metric"))
        if not name:
            return True
        if self._metric is None:
            self._metric = name
        if name != self._metric:
            said = f"is of the metric {shown(name)}, not {shown(self._metric)}: choose with --metric"
            self._samples.fault(line, "another metric", said)
            return False
        self._metrics.add(name)
        return True

    def _amount(self, line: int, amount: Any, cells: Sequence[Any]) -> int | None:
        unit = _text(self._cell(cells, "unit"))
        try:
            factor = self._factor if not unit or self._given else _known_unit(unit)
            value, own = amount_bytes(amount, factor)
        except AmountError as error:
            self._samples.fault(line, error.kind, str(error))
            return None
        if self._with_unit is None:
            self._with_unit = own
        if own != self._with_unit:
            words = "has a unit, and others have none" if own else "has no unit, and others have one"
            self._samples.fault(line, "mixed units", f"mixed units: {shown(amount)} {words}")
            return None
        return value

    def _extra(self, cells: Sequence[Any]) -> Extra | None:
        request, limit = self._cell(cells, "request"), self._cell(cells, "limit")
        if request in _EMPTY and limit in _EMPTY:
            return None
        return Extra(request_bytes=_or_none(request), limit_bytes=_or_none(limit))


def _known_unit(name: str) -> int:
    from auditor.usage.errors import UsageError

    try:
        return unit_bytes(name)
    except UsageError as error:
        raise AmountError("unknown unit", f"{shown(name)} is no unit of memory") from error


def _or_none(value: Any) -> int | None:
    """Return an amount in bytes; None for none, and for what is no amount: it is not what the import is for."""
    try:
        return None if value in _EMPTY else amount_bytes(value)[0] or None
    except AmountError:
        return None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)
