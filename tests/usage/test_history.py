"""The history that an audit joins: its window, its cluster, and what of a table cannot be used."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import auditor.usage
from auditor.usage.errors import UsageError
from auditor.usage.history import load_history, load_rows
from auditor.usage.model import UsageDay
from auditor.usage.table import write_days

TODAY = date(2026, 11, 20)
MIB = 2**20


def row(day, *, mib=100, cluster="", name="web"):
    return UsageDay(
        cluster=cluster,
        day=date(2026, 11, day),
        namespace="shop",
        workload_kind="Deployment",
        workload_name=name,
        pod=f"{name}-0",
        container="app",
        samples=1440,
        coverage=1.0,
        mean_bytes=mib * MIB,
        max_bytes=mib * MIB,
        source="test",
        collected_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


def peaks(folder, **options):
    history, skipped, _ = load_history(folder, today=TODAY, **options)
    facts = history.of("shop", "Deployment", "web")["app"].facts
    return facts.max_bytes, facts.days, skipped


def test_the_window_ends_with_the_last_day_of_the_table(tmp_path):
    write_days(tmp_path, [row(1, mib=900), *(row(day, mib=day) for day in range(9, 13))])
    assert peaks(tmp_path, window_days=4) == (12 * MIB, 4, ())


def test_a_day_in_the_future_is_told_and_does_not_move_the_window(tmp_path):
    write_days(tmp_path, [row(10), row(11), row(25, mib=900)])
    largest, days, skipped = peaks(tmp_path, window_days=2)
    assert (largest, days) == (100 * MIB, 2)
    (told,) = skipped
    assert told.reason == "the day 2026-11-25 lies in the future"


def test_rows_in_the_future_of_one_file_are_told_too(tmp_path):
    write_days(tmp_path / "store", [row(10), row(11), row(25, mib=900)])
    table = pa.concat_tables(
        pq.read_table(path, partitioning=None)
        .append_column("cluster", pa.array([""]))
        .append_column("day", pa.array([date.fromisoformat(path.parent.name.removeprefix("day="))]))
        for path in sorted((tmp_path / "store").rglob("*.parquet"))
    )
    file = tmp_path / "usage.parquet"
    pq.write_table(table, file)
    largest, days, skipped = peaks(file, window_days=2)
    assert (largest, days) == (100 * MIB, 2)
    assert [(told.file, told.reason.partition(":")[0]) for told in skipped] == [(str(file), "1 row left out")]
    rows, last, skipped = load_rows(file, today=TODAY, window_days=2)
    assert ([each.day.day for each in rows], last.day, len(skipped)) == ([10, 11], 11, 1)


def test_several_clusters_need_a_name(tmp_path):
    write_days(tmp_path, [row(10, cluster="east"), row(10, cluster="west", mib=7)])
    with pytest.raises(UsageError, match="several clusters \\(east, west\\)"):
        load_history(tmp_path, today=TODAY)
    assert peaks(tmp_path, cluster="west")[0] == 7 * MIB


def test_a_table_without_the_cluster_is_an_error(tmp_path):
    write_days(tmp_path, [row(10, cluster="east")])
    with pytest.raises(UsageError, match="no history of cluster west"):
        load_history(tmp_path, today=TODAY, cluster="west")


def test_reading_a_history_leaves_the_function_load_in_place(tmp_path):
    write_days(tmp_path, [row(10)])
    load_history(tmp_path, today=TODAY)
    assert list(auditor.usage.load(tmp_path)["container"]) == ["app"]
