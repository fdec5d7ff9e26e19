"""The table of history: what is written, merged, read, skipped and kept."""

import fcntl
import os
import warnings
from datetime import UTC, date, datetime, timedelta

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor.usage
from auditor.usage.errors import UsageError
from auditor.usage.files import cluster_folder
from auditor.usage.model import UsageDay
from auditor.usage.retention import keep
from auditor.usage.rows import fault_of, judge
from auditor.usage.table import days_present, read_days, write_days

DAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def row(**fields):
    base = {
        "cluster": "prod",
        "day": DAY,
        "namespace": "shop",
        "workload_kind": "Deployment",
        "workload_name": "cart",
        "pod": "cart-1",
        "container": "main",
        "samples": 1440,
        "coverage": 1.0,
        "max_bytes": 7,
        "source": "test",
        "collected_at": NOON,
    }
    return UsageDay(**{**base, **fields})


def part(folder, cluster="prod", day=DAY):
    return folder / f"cluster={cluster}" / f"day={day}" / "part.parquet"


def told(skipped):
    return [one.reason for one in skipped]


def test_rows_come_back_as_they_were_written_in_the_order_of_their_keys(tmp_path):
    rows = [row(pod="b", container_type="app", pressure_waiting_ratio=0.5, oom_kills=0), row(pod="a", coverage=None)]
    result = write_days(tmp_path, rows)
    assert (result.days, result.added, result.replaced, result.unchanged) == ((("prod", DAY),), 2, 0, 0)
    assert read_days(tmp_path) == ([rows[1], rows[0]], ())


def test_the_folders_are_those_that_hive_readers_know(tmp_path):
    write_days(tmp_path, [row(), row(cluster="eu/west:1=é"), row(cluster="")])
    assert part(tmp_path).is_file()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        "cluster=__HIVE_DEFAULT_PARTITION__",
        "cluster=eu%2Fwest%3A1%3Dé",
        "cluster=prod",
    ]
    assert {one.cluster for one in read_days(tmp_path)[0]} == {"", "eu/west:1=é", "prod"}


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_every_name_of_a_cluster_comes_back_from_its_folder(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("store")
    assert "/" not in cluster_folder(name)
    write_days(folder, [row(cluster=name)])
    assert [one.cluster for one in read_days(folder)[0]] == [name]


def test_other_tools_read_the_store(tmp_path):
    write_days(tmp_path, [row()])
    read = duckdb.read_parquet(f"{tmp_path}/*/*/*.parquet", hive_partitioning=True)
    assert read.project("cluster, CAST(day AS VARCHAR), max_bytes").fetchall() == [("prod", "2026-11-02", 7)]
    assert pd.read_parquet(tmp_path)["max_bytes"].to_list() == [7]


def test_a_later_collected_row_replaces_and_an_equally_old_one_does_not(tmp_path):
    write_days(tmp_path, [row(max_bytes=1), row(pod="b", max_bytes=1), row(pod="c", max_bytes=1)])
    later, earlier = NOON + timedelta(seconds=1), NOON - timedelta(seconds=1)
    result = write_days(
        tmp_path,
        [
            row(max_bytes=2, collected_at=later),
            row(pod="b", max_bytes=2),
            row(pod="c", max_bytes=2, collected_at=earlier),
        ],
    )
    assert (result.added, result.replaced, result.unchanged) == (0, 1, 2)
    assert [one.max_bytes for one in read_days(tmp_path)[0]] == [1, 1, 2]


def test_writing_the_same_again_touches_no_file(tmp_path):
    write_days(tmp_path, [row(), row(pod="b")])
    before = part(tmp_path).stat()
    result = write_days(tmp_path, [row(pod="b"), row()])
    assert (result.days, result.unchanged) == ((), 2)
    after = part(tmp_path).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@settings(max_examples=25)
@given(
    st.lists(
        st.builds(
            row,
            pod=st.sampled_from("abc"),
            max_bytes=st.integers(0, 9),
            collected_at=st.integers(0, 2).map(lambda seconds: NOON + timedelta(seconds=seconds)),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_however_rows_are_split_into_writes_the_first_of_the_latest_stays(tmp_path_factory, rows, cut):
    folder = tmp_path_factory.mktemp("store")
    write_days(folder, rows[:cut])
    write_days(folder, rows[cut:])
    latest = {pod: max(one.collected_at for one in rows if one.pod == pod) for pod in {one.pod for one in rows}}
    expected = [
        next(one for one in rows if one.pod == pod and one.collected_at == latest[pod]) for pod in sorted(latest)
    ]
    assert read_days(folder)[0] == expected


def test_a_time_without_a_zone_is_utc_and_another_zone_is_the_same_moment(tmp_path):
    write_days(tmp_path, [row(collected_at=NOON.replace(tzinfo=None))])
    assert read_days(tmp_path)[0] == [row()]


def test_rows_that_cannot_be_true_are_not_written_and_told(tmp_path):
    result = write_days(tmp_path, [row(), row(pod="b", max_bytes=-1), row(pod="c", day=date(2030, 1, 1))], today=DAY)
    assert result.added == 1
    assert sorted(told(result.skipped)) == [
        "1 row left out: lies in the future",
        "1 row left out: max_bytes is negative",
    ]


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path):
    write_days(tmp_path, [row()])
    with (tmp_path / ".lock").open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="is being written by another run"):
            write_days(tmp_path, [row(pod="b")])
        assert len(read_days(tmp_path)[0]) == 1
    assert write_days(tmp_path, [row(pod="b")]).added == 1


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file cannot be written: "):
        write_days(tmp_path / "file", [row()])


def test_what_a_crash_left_is_not_read_and_is_swept(tmp_path):
    write_days(tmp_path, [row()])
    left = part(tmp_path).with_name(".writing-part.parquet")
    left.write_bytes(b"PAR1half")
    assert read_days(tmp_path) == ([row()], ())
    write_days(tmp_path, [row()])
    assert not left.exists()


def _full_disk(_):
    raise OSError(28, "No space left")


def test_a_write_that_fails_leaves_the_day_as_it_was(tmp_path, monkeypatch):
    write_days(tmp_path, [row()])
    monkeypatch.setattr("auditor.usage.table.sync", _full_disk)
    with pytest.raises(UsageError, match="cannot be written: No space left"):
        write_days(tmp_path, [row(pod="b")])
    assert read_days(tmp_path) == ([row()], ())


@pytest.mark.parametrize("content", [b"", b"PAR1", b"hello, this is text\n" * 9])
def test_a_file_that_is_no_parquet_is_named_and_the_others_are_read(content, tmp_path):
    write_days(tmp_path, [row()])
    bad = part(tmp_path, day=date(2026, 11, 3))
    bad.parent.mkdir()
    bad.write_bytes(content)
    rows, skipped = read_days(tmp_path)
    assert rows == [row()]
    assert [one.file for one in skipped] == [str(bad)]
    assert skipped[0].reason.startswith("is not a whole Parquet file: ")
    assert days_present(tmp_path, "prod") == {DAY}


def test_a_half_written_file_is_named(tmp_path):
    write_days(tmp_path, [row()])
    whole = part(tmp_path).read_bytes()
    part(tmp_path).write_bytes(whole[: len(whole) // 2])
    rows, skipped = read_days(tmp_path)
    assert (rows, len(skipped)) == ([], 1)
    assert days_present(tmp_path, "prod") == set()


def test_pages_that_cannot_be_read_are_named_and_the_other_days_are_read(tmp_path):
    write_days(tmp_path, [row(), row(day=date(2026, 11, 3))])
    path = part(tmp_path)
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(content)
    rows, skipped = read_days(tmp_path)
    assert [one.day.day for one in rows] == [3]
    assert [one.file for one in skipped] == [str(path)]
    assert skipped[0].reason.startswith("cannot be read: ")


def test_writing_a_day_whose_file_is_broken_keeps_its_bytes_aside_and_says_so(tmp_path):
    write_days(tmp_path, [row()])
    part(tmp_path).write_bytes(b"broken")
    result = write_days(tmp_path, [row(pod="b")])
    assert told(result.skipped) == ["cannot be read: it was set aside as .unreadable-part.parquet"]
    assert part(tmp_path).with_name(".unreadable-part.parquet").read_bytes() == b"broken"
    assert read_days(tmp_path) == ([row(pod="b")], ())


def test_foreign_files_are_named_and_hidden_ones_are_not(tmp_path):
    write_days(tmp_path, [row()])
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / "_SUCCESS").write_text("")
    wrong = part(tmp_path, day="2026-13-45")
    wrong.parent.mkdir()
    wrong.write_bytes(part(tmp_path).read_bytes())
    rows, skipped = read_days(tmp_path)
    assert rows == [row()]
    assert told(skipped) == [
        "is not a Parquet file, and no part of a history",
        "its folder names no day: day=2026-13-45",
    ]


def plain(**columns):
    base = {
        "day": [DAY],
        "namespace": ["shop"],
        "pod": ["cart-1"],
        "container": ["main"],
        "samples": [5],
        "source": ["test"],
        "collected_at": [NOON],
    }
    return pa.table({name: value for name, value in {**base, **columns}.items() if value is not None})


def test_a_single_file_has_cluster_and_day_as_columns_and_may_lack_what_is_optional(tmp_path):
    pq.write_table(plain(cluster=["prod"], extra=[[1]]), tmp_path / "export.parquet")
    expected = row(workload_kind="", workload_name="", samples=5, coverage=None, max_bytes=None)
    assert read_days(tmp_path / "export.parquet") == ([expected], ())
    assert read_days(tmp_path) == ([expected], ())
    assert days_present(tmp_path / "export.parquet", "prod") == {DAY}
    assert days_present(tmp_path / "export.parquet", "other") == set()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"samples": None}, "the column samples is missing"),
        ({"day": ["2026-11-02"]}, "the column day must be DATE, not VARCHAR"),
        ({"max_bytes": [1.5]}, "the column max_bytes must be BIGINT, not DOUBLE"),
        ({"max_bytes": pa.array([1], pa.uint64())}, "the column max_bytes must be BIGINT, not UBIGINT"),
        ({"pod": [["a"]]}, "the column pod must be VARCHAR, not VARCHAR[]"),
        ({"coverage": ["all"]}, "the column coverage must be DOUBLE, not VARCHAR"),
    ],
)
def test_a_wrong_schema_says_which_column(columns, reason, tmp_path):
    pq.write_table(plain(**columns), tmp_path / "export.parquet")
    rows, skipped = read_days(tmp_path)
    assert (rows, told(skipped)) == ([], [reason])


def test_a_column_inside_of_another_is_not_taken_for_one_of_the_table(tmp_path):
    pq.write_table(plain(extra=[{"max_bytes": "text", "pod": 1}]), tmp_path / "export.parquet")
    assert len(read_days(tmp_path)[0]) == 1


def test_rows_of_a_file_that_do_not_count_are_told_with_the_file(tmp_path):
    table = pa.concat_tables(
        [
            plain(max_bytes=[5]),
            plain(max_bytes=[6]),
            plain(max_bytes=[9], collected_at=[NOON - timedelta(days=1)]),
            plain(pod=["b"], max_bytes=[2**60 + 1]),
            plain(pod=["c"], max_bytes=[1], day=[date(2030, 1, 1)]),
            plain(pod=pa.array([None], pa.string()), max_bytes=[1]),
        ]
    )
    pq.write_table(table, tmp_path / "export.parquet")
    rows, skipped = read_days(tmp_path, today=DAY)
    assert [one.max_bytes for one in rows] == [6]
    assert {one.file for one in skipped} == {str(tmp_path / "export.parquet")}
    assert told(skipped) == [
        "1 row left out: lies in the future",
        "1 row left out: max_bytes is too large to be true",
        "1 row left out: pod is missing",
        "1 row left out: repeats another row of the same time: the larger one counts",
    ]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"pod": ""}, "pod is missing"),
        ({"samples": -1}, "samples is negative"),
        ({"samples": 2**31 + 1}, "samples is too large to be true"),
        ({"limit_bytes": 2**60 + 1}, "limit_bytes is too large to be true"),
        ({"limit_bytes": 2**60}, None),
        ({"coverage": 1.01}, "coverage is not between 0 and 1"),
        ({"coverage": float("nan")}, "coverage is not between 0 and 1"),
        ({"pressure_waiting_ratio": -0.1}, "pressure_waiting_ratio is not between 0 and 1"),
        ({"p95_bytes": 8}, "p95_bytes is above max_bytes"),
        ({"min_bytes": 6, "mean_bytes": 5}, "min_bytes is above mean_bytes"),
        ({"mean_bytes": 6, "p95_bytes": 5}, None),
        ({}, None),
    ],
)
def test_rows_in_memory_and_in_files_have_the_same_faults(fields, fault, tmp_path):
    one = row(**fields)
    assert fault_of(one, DAY) == fault
    values = {name: [getattr(one, name)] for name in UsageDay.__struct_fields__}
    values |= {"rss_max_bytes": None, "workload_kind": None}
    pq.write_table(plain(**values), tmp_path / "export.parquet")
    _, skipped = read_days(tmp_path)
    assert told(skipped) == ([] if fault is None else [f"1 row left out: {fault}"])


def test_of_rows_of_one_time_the_larger_counts_in_any_order():
    small, large = row(max_bytes=1), row(max_bytes=2)
    for rows in ([small, large], [large, small]):
        kept, faults = judge(rows, None)
        assert kept == (large,)
        assert sum(faults.values()) == 1


def test_a_window_and_clusters_choose_rows(tmp_path):
    rows = [row(), row(day=DAY + timedelta(days=1)), row(cluster="test")]
    write_days(tmp_path, rows)
    assert read_days(tmp_path, clusters=["test"])[0] == [rows[2]]
    assert read_days(tmp_path, since=DAY + timedelta(days=1))[0] == [rows[1]]
    assert read_days(tmp_path, until=DAY)[0] == [rows[0], rows[2]]
    assert days_present(tmp_path, "prod") == {DAY, DAY + timedelta(days=1)}
    assert days_present(tmp_path, "test") == {DAY}


def test_a_day_in_the_future_is_told_and_is_no_day_present(tmp_path):
    write_days(tmp_path, [row(), row(day=date(2030, 1, 1))])
    rows, skipped = read_days(tmp_path, today=DAY)
    assert (rows, told(skipped)) == ([row()], ["the day 2030-01-01 lies in the future"])
    assert days_present(tmp_path, "prod", today=DAY) == {DAY}


def test_a_history_that_is_missing_or_empty_says_so(tmp_path):
    with pytest.raises(UsageError, match="there is no such file or folder"):
        read_days(tmp_path / "nowhere")
    rows, skipped = read_days(tmp_path)
    assert (rows, told(skipped)) == ([], [f"no history in {tmp_path}"])
    assert days_present(tmp_path / "nowhere", "prod") == set()


@pytest.mark.parametrize("name", ["with space", "a[b]*?", "it's %2F"])
def test_any_folder_can_be_a_store(name, tmp_path):
    write_days(tmp_path / name, [row()])
    assert read_days(tmp_path / name) == ([row()], ())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path):
    tmp_path.chmod(0)
    with pytest.raises(UsageError, match="cannot be read"):
        read_days(tmp_path)


def test_keeping_days_removes_the_older_ones_whole(tmp_path):
    days = [DAY - timedelta(days=back) for back in range(4)]
    write_days(tmp_path, [row(day=day) for day in days] + [row(cluster="old", day=days[3])])
    removed = keep(tmp_path, days=2, today=DAY)
    assert [path.relative_to(tmp_path).as_posix() for path in removed] == [
        "cluster=old/day=2026-10-30",
        "cluster=prod/day=2026-10-30",
        "cluster=prod/day=2026-10-31",
    ]
    assert days_present(tmp_path) == set(days[:2])
    assert not (tmp_path / "cluster=old").exists()


def test_keeping_nothing_or_a_store_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="at least 1 day, not 0"):
        keep(tmp_path, days=0, today=DAY)
    with pytest.raises(UsageError, match="there is no such folder"):
        keep(tmp_path / "nowhere", today=DAY)


def test_pandas_users_get_a_frame_with_the_columns_of_a_row(tmp_path):
    write_days(tmp_path, [row(), row(pod="b", max_bytes=None)])
    frame = auditor.usage.load(tmp_path)
    assert tuple(frame.columns) == UsageDay.__struct_fields__
    assert frame["max_bytes"].isna().to_list() == [True, False]
    assert frame["max_bytes"].dtype == "Int64"
    assert frame["day"].to_list() == [pd.Timestamp(DAY)] * 2
    (tmp_path / "notes.txt").write_text("")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        auditor.usage.load(str(tmp_path))
    assert "notes.txt: is not a Parquet file" in str(seen[0].message)
