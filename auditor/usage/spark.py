"""The same aggregation on Spark, for stores that are larger than one machine: local, or the session that is running."""

from typing import Any

from auditor.findings import Skipped
from auditor.usage.duck import COLUMNS, Source, statements, words
from auditor.usage.errors import UsageError
from auditor.usage.files import Window

Rows = list[tuple[Any, ...]]

_TYPES = {"VARCHAR": "string", "BIGINT": "bigint", "DOUBLE": "double", "DATE": "date", "TIMESTAMP": "timestamp"}
_NEVER_NULL = ("cluster", "workload_kind", "workload_name")


def run(made: list[Source], window: Window) -> tuple[tuple[Rows, Rows, Rows], list[Skipped]]:
    """Return the rows of `by_day`, `by_container` and `floors`, and what of the files does not count.

    Raises UsageError without pyspark.
    """
    try:
        from pyspark.sql import SparkSession
        from pyspark.sql import functions as f
    except ImportError as error:
        raise UsageError("the engine spark needs pyspark and Java: pip install pyspark") from error
    session = SparkSession.getActiveSession() or _local(SparkSession)
    zone = session.conf.get("spark.sql.session.timeZone")
    session.conf.set("spark.sql.session.timeZone", "UTC")
    rows = _rows(session, made, f)
    if window.since is not None:
        rows = rows.where(f.col("day").isNull() | (f.col("day") >= f.lit(window.since)))
    if window.until is not None:
        rows = rows.where(f.col("day").isNull() | (f.col("day") <= f.lit(window.until)))
    if window.clusters is not None:
        rows = rows.where(f.col("cluster").isin(*window.clusters))
    rows.withColumn("today", f.lit(window.today).cast("date")).createOrReplaceTempView("usage_rows")
    queries = statements("spark")
    days = session.sql(queries["judged"]).persist()
    try:
        days.createOrReplaceTempView("usage_days")
        told = session.sql(queries["faults"]).collect()
        by_day, by_container, floors = (
            [tuple(row) for row in session.sql(queries[name]).collect()]
            for name in ("by_day", "by_container", "floors")
        )
    finally:
        days.unpersist()
        session.conf.set("spark.sql.session.timeZone", zone)
    skipped = [Skipped(file, None, None, words(count, fault)) for file, fault, count in sorted(told)]
    return (by_day, by_container, floors), skipped


def _local(session: Any) -> Any:
    quiet = session.builder.appName("auditor").master("local[*]").config("spark.ui.enabled", "false")
    return (
        quiet.config("spark.driver.bindAddress", "127.0.0.1").config("spark.sql.shuffle.partitions", "8").getOrCreate()
    )


def _rows(session: Any, made: list[Source], f: Any) -> Any:
    """Return the rows of all files with the columns of the table and their `file`."""
    empty = ", ".join(f"{name} {_TYPES[kind]}" for name, kind in COLUMNS.items()) + ", file string"
    every = session.createDataFrame([], empty)
    groups: dict[tuple[Any, ...], list[Source]] = {}
    for one in made:
        groups.setdefault((one.file.cluster, one.file.day, tuple(one.types.items())), []).append(one)
    for group in groups.values():
        paths = [str(one.file.path.absolute()) for one in group]
        first = group[0]
        for path, one in zip(paths, group, strict=True):
            read = session.read.parquet(path)
            columns = [_column(read, first, name, f).alias(name) for name in COLUMNS]
            every = every.unionByName(read.select(*columns, f.lit(str(one.file.path)).alias("file")))
    return every


def _column(read: Any, source: Source, name: str, f: Any) -> Any:
    kind = _TYPES[COLUMNS[name]]
    if name == "cluster" and source.file.cluster is not None:
        return f.lit(source.file.cluster)
    if name == "day" and source.file.day is not None:
        return f.lit(source.file.day)
    value = read[name].cast(kind) if name in source.types else f.lit(None).cast(kind)
    return f.coalesce(value, f.lit("")) if name in _NEVER_NULL else value
