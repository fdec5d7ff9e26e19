"""The table of history: Parquet files, one for each day of a cluster, that any tool can read."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.findings import Skipped
from auditor.usage.duck import COLUMNS, connection, judge_files, sources, words
from auditor.usage.files import PART, Window, day_folder
from auditor.usage.model import KEY, UsageDay
from auditor.usage.rows import fault_of, in_utc
from auditor.usage.store import LEFTOVER, sync, writing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_BATCH = 50_000
_ARROW = {"VARCHAR": "string", "BIGINT": "int64", "DOUBLE": "float64", "DATE": "date32"}
_IN_FOLDERS = ("cluster", "day")
_KEY = tuple(name for name in KEY if name not in _IN_FOLDERS)
_ORDER = ("namespace", "workload_kind", "workload_name", "pod", "container")


class WriteResult(msgspec.Struct, frozen=True):
    """What writing did to a store."""

    days: tuple[tuple[str, date], ...]
    """The cluster and day of each file that was written, in order; days that stayed as they were are not there."""
    added: int
    """Rows that are new."""
    replaced: int
    """Rows that took the place of one collected earlier."""
    unchanged: int
    """Rows that the store has already, as new or newer."""
    skipped: tuple[Skipped, ...]
    """Rows that cannot be true, by reason and source; they were not written. Files that were set aside."""


def write_days(folder: Path, rows: Iterable[UsageDay], *, today: date | None = None) -> WriteResult:
    """Merge rows into a store, and return what came of it. With `today`, a later day is a fault.

    Of two rows with the same key (`KEY`) the later collected one stays, of equally old ones the one that was there
    first. A day appears whole or not at all, and one that does not change is not written. Memory grows with about
    150 bytes a row. A file of a day that cannot be read is set aside under a hidden name, and told. Raises UsageError
    as `writing` does.
    """
    faults: Counter[tuple[str, str]] = Counter()
    aside: list[Skipped] = []
    with writing(folder):
        batches = _batches(rows, faults, today)
        changes = {key: _merge(day_folder(folder, *key), tables, aside) for key, tables in sorted(batches.items())}
    added, replaced, unchanged = (sum(counts[place] for counts in changes.values()) for place in range(3))
    skipped = tuple(
        Skipped(source, None, None, words(count, fault)) for (source, fault), count in sorted(faults.items())
    )
    written = tuple(key for key, (new, newer, _) in changes.items() if new or newer)
    return WriteResult(written, added, replaced, unchanged, (*aside, *skipped))


def _batches(
    rows: Iterable[UsageDay], faults: Counter[tuple[str, str]], today: date | None
) -> dict[tuple[str, date], list["pa.Table"]]:
    """Return the rows of each cluster and day as Arrow tables, which take a tenth of the memory."""
    import pyarrow as pa

    made: dict[tuple[str, date], list[pa.Table]] = {}
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH)):
        by_day: dict[tuple[str, date], list[UsageDay]] = {}
        for row in batch:
            fault = fault_of(row, today)
            if fault is None:
                by_day.setdefault((row.cluster, row.day), []).append(row)
            else:
                faults[row.source, fault] += 1
        for key, same in by_day.items():
            made.setdefault(key, []).append(_table(same))
    return made


def _schema() -> "pa.Schema":
    import pyarrow as pa

    kinds = {name: kind for name, kind in COLUMNS.items() if name not in _IN_FOLDERS}
    return pa.schema(
        [
            (name, pa.timestamp("us", tz="UTC") if kind == "TIMESTAMP" else getattr(pa, _ARROW[kind])())
            for name, kind in kinds.items()
        ]
    )


def _table(rows: list[UsageDay]) -> "pa.Table":
    import pyarrow as pa

    columns = []
    for field in _schema():
        values = [getattr(row, field.name) for row in rows]
        if field.name == "collected_at":
            values = [in_utc(value) for value in values]
        columns.append(pa.array(values, field.type))
    return pa.table(columns, schema=_schema())


def _merge(place: Path, tables: list["pa.Table"], aside: list[Skipped]) -> tuple[int, int, int]:
    """Merge rows into the file of a day; return how many were added, replaced, and there already."""
    import pyarrow as pa

    before = _stored(place / PART, aside)
    every = pa.concat_tables([before, *tables])
    newest: dict[tuple[Any, ...], int] = {}
    times = every["collected_at"].cast(pa.int64()).to_pylist()
    for index, name in enumerate(zip(*(every[column].to_pylist() for column in _KEY), strict=True)):
        if name not in newest or times[index] > times[newest[name]]:
            newest[name] = index
    replaced = sum(index >= before.num_rows for index in newest.values()) - (len(newest) - before.num_rows)
    added = len(newest) - before.num_rows
    unchanged = every.num_rows - before.num_rows - added - replaced
    if added or replaced:
        merged = every.take(pa.array(list(newest.values()), pa.int64()))
        _replace(place, merged.sort_by([(name, "ascending") for name in _ORDER]))
    return added, replaced, unchanged


def _stored(path: Path, aside: list[Skipped]) -> "pa.Table":
    """Return the rows of a day's file, none when it is not there.

    One that cannot be read, or is of another schema, is set aside so that its day can be collected again.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return _schema().empty_table()
    try:
        found = pq.ParquetFile(path).read()
        columns = [
            found[field.name].cast(field.type) if field.name in found.column_names else pa.nulls(len(found), field.type)
            for field in _schema()
        ]
        return pa.table(columns, schema=_schema())
    except (pa.ArrowException, OSError, KeyError):
        hidden = path.replace(path.with_name(f".unreadable-{path.name}"))
        aside.append(Skipped(str(path), None, None, f"cannot be read: it was set aside as {hidden.name}"))
        return _schema().empty_table()


def _replace(place: Path, table: "pa.Table") -> None:
    """Write a day beside its place and rename it there: a reader sees the old one or the new one."""
    import pyarrow.parquet as pq

    place.mkdir(parents=True, exist_ok=True)
    beside = place / f"{LEFTOVER}{PART}"
    pq.write_table(table, beside, compression="zstd", use_dictionary=True, version="2.6")
    sync(beside)
    beside.replace(place / PART)
    for folder in (place, place.parent, place.parent.parent):
        sync(folder)


def read_days(
    folder: Path,
    *,
    clusters: Collection[str] | None = None,
    since: date | None = None,
    until: date | None = None,
    today: date | None = None,
) -> tuple[list[UsageDay], tuple[Skipped, ...]]:
    """Return the rows of a store, a Parquet file or a folder of them, by key, and what does not count.

    `since` and `until` are days of the window; `clusters` None takes all. With `today`, a later day is a fault. A
    file that is corrupt, foreign or of another schema is skipped whole; a row that cannot be true is left out and
    counted. Raises UsageError when there is no such file or folder.
    """
    names = ", ".join(COLUMNS)
    order = ", ".join(KEY)
    query = f"SELECT {names} FROM usage_days WHERE fault IS NULL ORDER BY {order}"  # noqa: S608 - no input
    chosen = None if clusters is None else frozenset(clusters)
    window = Window(clusters=chosen, since=since, until=until, today=today)
    with connection() as database:
        made, skipped = sources(database, folder, window)
        told = judge_files(database, made, window)
        rows = [_row(values) for values in _fetched(database.execute(query))]
    return rows, tuple(sorted((*skipped, *told)))


def _fetched(result: Any) -> Iterator[tuple[Any, ...]]:
    while batch := result.fetchmany(_BATCH):
        yield from batch


def _row(values: tuple[Any, ...]) -> UsageDay:
    fields = dict(zip(COLUMNS, values, strict=True))
    fields["collected_at"] = fields["collected_at"].replace(tzinfo=UTC)
    return UsageDay(**fields)


def load(path: Path | str) -> "pd.DataFrame":
    """Return a history as a pandas DataFrame with the columns of `UsageDay`, in the order of their keys.

    Unknown numbers are `<NA>` (Int64), the day and the time of collection are timestamps. What cannot be used is a
    warning. Raises UsageError when there is no such file or folder, and ImportError without pandas.
    """
    import warnings

    import pandas as pd

    rows, skipped = read_days(Path(path))
    for one in skipped:
        warnings.warn(f"{one.file}: {one.reason}", stacklevel=2)
    frame = pd.DataFrame({name: [getattr(row, name) for row in rows] for name in COLUMNS})
    kinds = {"BIGINT": "Int64", "DOUBLE": "Float64", "VARCHAR": "string"}
    frame = frame.astype({name: kinds[kind] for name, kind in COLUMNS.items() if kind in kinds})
    frame["day"] = pd.to_datetime(frame["day"])
    frame["collected_at"] = pd.to_datetime(frame["collected_at"], utc=True)
    return frame


def days_present(folder: Path, cluster: str | None = None, *, today: date | None = None) -> set[date]:
    """Return the days that a history has of a cluster, of all clusters with None; empty when there is no history.

    The days of a store are those of its folders that have a file of a history, so that a broken day is collected
    again; files that carry the day as a column are read for them. With `today`, later days are left out.
    """
    window = Window(clusters=None if cluster is None else frozenset((cluster,)), today=today)
    if not folder.exists():
        return set()
    with connection() as database:
        made, _ = sources(database, folder, window)
        days = {one.file.day for one in made if one.file.day is not None and one.file.cluster is not None}
        in_columns = [one for one in made if one.file.day is None or one.file.cluster is None]
        if in_columns:
            judge_files(database, in_columns, window)
            query = "SELECT DISTINCT day FROM usage_days WHERE fault IS NULL"
            days.update(day for (day,) in database.execute(query).fetchall())
    return days
