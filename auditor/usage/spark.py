"""The same aggregation on Spark, for stores that are larger than one machine: local, or the session that is running."""

import re
from datetime import date
from typing import Any
from urllib.parse import unquote, urlsplit

from auditor.findings import Skipped
from auditor.usage.duck import COLUMNS, NEVER_NULL, Source, statements, words
from auditor.usage.errors import UsageError
from auditor.usage.files import Window

Rows = list[tuple[Any, ...]]

_TYPES = {"VARCHAR": "string", "BIGINT": "bigint", "DOUBLE": "double", "DATE": "date", "TIMESTAMP": "timestamp"}
_SETTINGS = {"spark.sql.session.timeZone": "UTC", "spark.sql.sources.partitionColumnTypeInference.enabled": "false"}


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
    before = {name: session.conf.get(name) for name in _SETTINGS}
    for name, value in _SETTINGS.items():
        session.conf.set(name, value)
    rows = _rows(session, made, f)
    if window.since is not None:
        rows = rows.where(f.col("day").isNull() | (f.col("day") >= f.lit(window.since)))
    if window.until is not None:
        future = f.coalesce(f.col("day") > f.lit(window.today).cast("date"), f.lit(False))
        rows = rows.where(f.col("day").isNull() | (f.col("day") <= f.lit(window.until)) | future)
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
        for name, value in before.items():
            session.conf.set(name, value)
    skipped = [Skipped(_named(made, file), None, None, words(count, fault)) for file, fault, count in sorted(told)]
    return (by_day, by_container, floors), skipped


def _local(session: Any) -> Any:
    quiet = session.builder.appName("auditor").master("local[*]").config("spark.ui.enabled", "false")
    return (
        quiet.config("spark.driver.bindAddress", "127.0.0.1").config("spark.sql.shuffle.partitions", "8").getOrCreate()
    )


def _rows(session: Any, made: list[Source], f: Any) -> Any:
    """Return the rows of all files with the columns of the table and their `file`, as Spark calls it.

    The files of a store are read at once: Spark takes cluster and day from their folders.
    """
    empty = ", ".join(f"{name} {_TYPES[kind]}" for name, kind in COLUMNS.items()) + ", file string"
    every = session.createDataFrame([], empty)
    groups: dict[tuple[Any, ...], list[Source]] = {}
    for one in made:
        path = one.file.path.absolute()
        in_folders = one.file.cluster is not None and one.file.day is not None
        place = (path.parents[2], None, None) if in_folders else (path.parent, one.file.cluster, one.file.day)
        groups.setdefault((*place, tuple(one.types.items())), []).append(one)
    for (root, cluster, day, _), group in groups.items():
        paths = [_literal(str(one.file.path.absolute())) for one in group]
        read = session.read.option("basePath", str(root)).parquet(*paths)
        fixed = {"cluster": cluster, "day": day}
        names = {*group[0].types, *(name for name in fixed if name in read.columns)}
        columns = [_column(read, name, names, fixed.get(name), f).alias(name) for name in COLUMNS]
        every = every.unionByName(read.select(*columns, f.col("_metadata.file_path").alias("file")))
    return every


def _column(read: Any, name: str, names: set[str], fixed: str | date | None, f: Any) -> Any:
    kind = _TYPES[COLUMNS[name]]
    if fixed is not None:
        return f.lit(fixed)
    value = read[name].cast(kind) if name in names else f.lit(None).cast(kind)
    return f.coalesce(value, f.lit("")) if name in NEVER_NULL else value


def _literal(path: str) -> str:
    """Return a path that Hadoop takes as it is: its readers look for patterns."""
    return re.sub(r"([\\*?\[\]{},])", r"\\\1", path)


def _named(made: list[Source], file: str) -> str:
    """Return a file by the name that the other engine tells it by."""
    path = unquote(urlsplit(file).path)
    return next((str(one.file.path) for one in made if str(one.file.path.absolute()) == path), path)
