"""The table in DuckDB: rows of files, judged, beside what of them cannot be used."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.findings import Skipped
from auditor.usage.files import DayFile, Window, find_files
from auditor.usage.rows import BYTES

if TYPE_CHECKING:
    import duckdb

COLUMNS = {
    "cluster": "VARCHAR",
    "day": "DATE",
    "namespace": "VARCHAR",
    "workload_kind": "VARCHAR",
    "workload_name": "VARCHAR",
    "pod": "VARCHAR",
    "container": "VARCHAR",
    "container_type": "VARCHAR",
    "samples": "BIGINT",
    "coverage": "DOUBLE",
    **dict.fromkeys(BYTES, "BIGINT"),
    "oom_kills": "BIGINT",
    "restarts": "BIGINT",
    "pressure_waiting_ratio": "DOUBLE",
    "source": "VARCHAR",
    "collected_at": "TIMESTAMP",
}
"""The columns of the table, in order, as DuckDB calls their types."""

_NEEDED = ("day", "namespace", "pod", "container", "samples", "source", "collected_at")
NEVER_NULL = ("cluster", "workload_kind", "workload_name")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_NULL = '"NULL"'
_MEMORY_BYTES = 10**9
"""What DuckDB may take before it writes to disk, where its container does not give less."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""The memory limit of the container that this runs in, with cgroup v2."""
_SECTION = re.compile(r"^-- (\w+)\n", re.MULTILINE)


class Source(msgspec.Struct, frozen=True):
    """A file that can be read, with the types of its columns."""

    file: DayFile
    """The file."""
    types: dict[str, str]
    """The types of the columns that history knows, as DuckDB calls them."""


@cache
def statements(engine: str) -> dict[str, str]:
    """Return the committed SQL of an engine, `duckdb` or `spark`, by the names that `aggregate_ibis` gives."""
    text = resources("auditor.usage").joinpath("sql", f"{engine}.sql").read_text(encoding="utf-8")
    parts = _SECTION.split(text)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def memory_bytes(limit: Path) -> int:
    """Return what DuckDB may take: half of a container's limit at most, since the other half judges."""
    try:
        text = limit.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return _MEMORY_BYTES
    return min(_MEMORY_BYTES, int(text) // 2) if text.isdecimal() else _MEMORY_BYTES


@contextmanager
def connection() -> Iterator["duckdb.DuckDBPyConnection"]:
    """Give a DuckDB of its own, in UTC, that asks no network and leaves nothing behind."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": folder,
            "memory_limit": f"{memory_bytes(CGROUP_LIMIT)}B",
            "autoinstall_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
        with duckdb.connect(config=config) as opened:
            opened.execute("SET TimeZone = 'UTC'")
            yield opened


def sources(
    database: "duckdb.DuckDBPyConnection",
    root: Path,
    window: Window,
) -> tuple[list[Source], list[Skipped]]:
    """Return the files of a history that have its columns, and what was skipped.

    Raises UsageError as `find_files` does. A folder without a file is a Skipped.
    """
    found, skipped = find_files(root, window)
    if not found and not skipped and not _has_any(root):
        skipped.append(Skipped(str(root), None, None, f"no history in {root}"))
    made: list[Source] = []
    for file, types in _types(database, found, skipped):
        reason = _wrong_column(file, types)
        if reason is None:
            made.append(Source(file, {name: types[name] for name in COLUMNS if name in types}))
        else:
            skipped.append(Skipped(str(file.path), None, None, reason))
    return made, skipped


def _has_any(root: Path) -> bool:
    return bool(find_files(root, Window())[0])


def _types(
    database: "duckdb.DuckDBPyConnection", found: list[DayFile], skipped: list[Skipped]
) -> Iterator[tuple[DayFile, dict[str, str]]]:
    """Yield each file with the types of its columns; one that is no Parquet file is skipped."""
    import duckdb

    if not found:
        return
    query = "SELECT file_name, name, duckdb_type, coalesce(num_children, 0) FROM parquet_schema(?)"
    try:
        all_rows = database.execute(query, [[str(file.path) for file in found]]).fetchall()
    except duckdb.Error as error:
        if len(found) == 1:
            skipped.append(
                Skipped(str(found[0].path), None, None, f"is not a whole Parquet file: {_first_line(error)}")
            )
            return
        half = len(found) // 2
        yield from _types(database, found[:half], skipped)
        yield from _types(database, found[half:], skipped)
        return
    by_file: dict[str, list[tuple[Any, ...]]] = {}
    for name, *row in all_rows:
        by_file.setdefault(name, []).append(tuple(row))
    for file in found:
        yield file, _top_columns(by_file.get(str(file.path), []))


def _top_columns(rows: list[tuple[Any, ...]]) -> dict[str, str]:
    """Return the columns of a file without those inside of others: rows come as a tree, depth first."""
    columns: dict[str, str] = {}
    inside = 0
    for name, kind, children in rows[1:]:
        if inside:
            inside += children - 1
        else:
            columns[name] = kind
            inside = children
    return columns


def _wrong_column(file: DayFile, types: dict[str, str]) -> str | None:
    """Return why a file is none of a history: a column that is missing or of another type."""
    for name, wanted in COLUMNS.items():
        if (name == "day" and file.day is not None) or (name == "cluster" and file.cluster is not None):
            continue
        kind = types.get(name)
        if kind is None:
            if name in _NEEDED:
                return f"the column {name} is missing"
        elif kind != _NULL and not _fits(kind, wanted):
            return f"the column {name} must be {wanted}, not {kind}"
    return None


def _fits(kind: str, wanted: str) -> bool:
    if wanted == "BIGINT":
        return kind in _WHOLE
    if wanted == "DOUBLE":
        return kind in ("DOUBLE", "FLOAT", *_WHOLE)
    return kind.startswith("TIMESTAMP") if wanted == "TIMESTAMP" else kind == wanted


def judge_files(
    database: "duckdb.DuckDBPyConnection",
    made: list[Source],
    window: Window,
) -> list[Skipped]:
    """Make the table `usage_days` of the rows of files, and return what of them does not count.

    A file whose pages cannot be read is skipped, and the others are read.
    """
    import duckdb

    skipped: list[Skipped] = []
    while True:
        database.execute("DROP TABLE IF EXISTS usage_days")
        try:
            _create(database, made, window)
            break
        except duckdb.Error:
            broken = [(one, reason) for one in made if (reason := _broken(database, one)) is not None]
            if not broken:
                raise
            skipped += (Skipped(str(one.file.path), None, None, f"cannot be read: {reason}") for one, reason in broken)
            made = [one for one in made if all(one is not other for other, _ in broken)]
    told = database.execute(statements("duckdb")["faults"]).fetchall()
    skipped += (Skipped(file, None, None, words(count, fault)) for file, fault, count in sorted(told))
    return skipped


def words(count: int, fault: str) -> str:
    """Return the reason for which rows were left out, with their number."""
    return f"{count} row{'' if count == 1 else 's'} left out: {fault}"


def _create(database: "duckdb.DuckDBPyConnection", made: list[Source], window: Window) -> None:
    rows = " UNION ALL ".join(_selects(made)) or _no_rows()
    last = _day(window.today)
    view = f"CREATE OR REPLACE TEMP VIEW usage_rows AS SELECT *, {last} AS today FROM ({rows}){_condition(window)}"  # noqa: S608 - literals are quoted
    database.execute(view)
    database.execute(f"CREATE TEMP TABLE usage_days AS {statements('duckdb')['judged']}")


def _broken(database: "duckdb.DuckDBPyConnection", one: Source) -> str | None:
    import duckdb

    (query,) = _selects([one])
    columns = ", ".join(f"max({name})" for name in COLUMNS)
    try:
        database.execute(f"SELECT {columns} FROM ({query})").fetchall()  # noqa: S608 - literals are quoted
    except duckdb.Error as error:
        return _first_line(error)
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["unknown error"])[0]


def _selects(made: list[Source]) -> list[str]:
    """Return one SELECT for each set of files with the same columns, all with the columns of the table and `file`."""
    groups: dict[tuple[Any, ...], list[Source]] = {}
    for one in made:
        key = (one.file.cluster is None, one.file.day is None, tuple(one.types.items()))
        groups.setdefault(key, []).append(one)
    return [_select(group) for group in groups.values()]


def _select(group: list[Source]) -> str:
    first = group[0]
    paths = ", ".join(quoted(str(one.file.path)) for one in group)
    named = ", ".join(
        f"({quoted(str(one.file.path))}, {quoted(one.file.cluster or '')}, {_day(one.file.day)})" for one in group
    )
    columns = ", ".join(f"{_column(first, name)} AS {name}" for name in COLUMNS)
    return (
        f"SELECT {columns}, rows.filename AS file "  # noqa: S608 - literals are quoted
        f"FROM read_parquet([{paths}], filename = true, hive_partitioning = false) AS rows "
        f"JOIN (VALUES {named}) AS folders (filename, cluster, day) ON rows.filename = folders.filename"
    )


def _column(source: Source, name: str) -> str:
    if name == "cluster" and source.file.cluster is not None:
        return "folders.cluster"
    if name == "day" and source.file.day is not None:
        return "folders.day"
    value = f"CAST(rows.{name} AS {COLUMNS[name]})" if name in source.types else f"CAST(NULL AS {COLUMNS[name]})"
    return f"coalesce({value}, '')" if name in NEVER_NULL else value


def _day(day: date | None) -> str:
    return "CAST(NULL AS DATE)" if day is None else f"DATE '{day.isoformat()}'"


def _no_rows() -> str:
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in COLUMNS.items())
    return f"SELECT {columns}, '' AS file WHERE false"


def _condition(window: Window) -> str:
    """Return the condition of a window; a row without a day, or with one that lies in the future, stays to be told."""
    parts = [] if window.since is None else [f"(day IS NULL OR day >= {_day(window.since)})"]
    if window.until is not None:
        parts.append(f"(day IS NULL OR day <= {_day(window.until)} OR (day > {_day(window.today)}) IS TRUE)")
    if window.clusters is not None:
        parts.append(f"cluster IN ({', '.join(quoted(one) for one in sorted(window.clusters)) or 'NULL'})")
    return " WHERE " + " AND ".join(parts) if parts else ""


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
