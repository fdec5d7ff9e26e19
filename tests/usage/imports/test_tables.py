"""CSV and Parquet in long form: columns, presets, units, and bad lines with their places."""

import gzip
import json
from datetime import UTC, date, datetime

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.usage.errors import UsageError
from auditor.usage.imports import read_csv, read_instana, read_parquet
from auditor.usage.imports.columns import ColumnChoice, find_columns, parse_columns
from auditor.usage.imports.model import ImportOptions

HEADER = "time,namespace,pod,container,bytes\n"
GOOD = "2026-11-01T00:00:00Z,shop,web-1,app,100000\n"


def told(result):
    return [(item.file, item.line, item.reason) for item in result.skipped]


def test_a_long_table_becomes_days(written, options):
    text = HEADER + "".join(f"2026-11-01T00:{minute:02}:00Z,shop,web-1,app,{minute * 100000}\n" for minute in range(60))
    result = read_csv([written("a.csv", text)], options)
    (row,) = result.rows
    assert (row.namespace, row.pod, row.container, row.day) == ("shop", "web-1", "app", date(2026, 11, 1))
    assert (row.samples, row.max_bytes, row.mean_bytes, row.source) == (60, 5_900_000, 2_950_000, "csv")
    assert row.coverage == pytest.approx(60 / 1440)
    assert result.skipped == ()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiter_line_end_and_byte_order_mark_do_not_matter(written, options, end, delimiter, mark):
    text = mark + (HEADER + GOOD).replace(",", delimiter).replace("\n", end)
    result = read_csv([written("a.csv", text)], options)
    assert [row.max_bytes for row in result.rows] == [100000]
    assert result.skipped == ()


def test_a_packed_file_is_unpacked(written, options):
    assert len(read_csv([written("a.csv.gz", gzip.compress((HEADER + GOOD).encode()))], options).rows) == 1


def test_a_packed_file_that_breaks_off_is_told_and_what_came_before_counts(written, options):
    lines = "".join(f"2026-11-01T00:00:00Z,shop,web-{number},app,{number + 10**6}\n" for number in range(20_000))
    packed = gzip.compress((HEADER + lines).encode())
    result = read_csv([written("a.csv.gz", packed[: len(packed) // 2])], options)
    assert 0 < len(result.rows) < 20_000
    assert "breaks off" in result.skipped[-1].reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2026-11-01T00:00:00Z,shop,web-2,app,-5", "'-5' is negative"),
        ("2026-11-01T00:00:00Z,shop,web-2,app,18446744073709551615", "is over a PiB"),
        ("2026-11-01T00:00:00Z,shop,web-2,app,many", "'many' is not a number"),
        ("2026-11-25T00:00:00Z,shop,web-2,app,5", "in the future"),
        ("1970-01-01T00:00:00Z,shop,web-2,app,5", "before the year 2000"),
        ("noon,shop,web-2,app,5", "'noon' is no time"),
        ("2026-11-01T00:00:00Z,shop,web-2", "has 3 columns"),
        ("2026-11-01T00:00:00Z,shop,,app,5", "names no pod"),
        ("2026-11-01T00:00:00Z,shop,we b,app,5", "'we b' is no name"),
        (GOOD.strip(), "duplicate"),
        ("2026-11-01T00:01:00Z,shop,web-1,app,1Mi", "mixed units"),
        ('2026-11-01T00:00:00Z,shop,"web-2,app,5', "a quote is not closed"),
    ],
)
def test_a_bad_line_is_told_with_its_place_and_the_others_count(written, options, line, reason):
    text = f"{HEADER}{GOOD}{line}\n2026-11-01T00:02:00Z,shop,web-1,app,200000\n"
    result = read_csv([written("a.csv", text)], options)
    assert [(row.samples, row.max_bytes) for row in result.rows] == [(2, 200000)]
    (found,) = told(result)
    assert found[:2] == ("a.csv", 3)
    assert reason in found[2]


def test_a_cell_may_hold_line_breaks_where_the_row_is_whole(written, options):
    text = (
        "time,namespace,pod,container,bytes,labels\n"
        + GOOD.strip()
        + ',"a\nb"\n'
        + GOOD.replace("00:00:00", "00:09:00")
    )
    result = read_csv([written("a.csv", text.replace("100000\n", "100000,x\n"))], options)
    assert result.rows[0].samples == 2
    assert result.skipped == ()


@given(st.text(alphabet='",\n\r;ab1\0\ud800'.replace("\ud800", "é"), max_size=200))
def test_no_text_after_the_header_raises_or_loses_the_good_line_before_it(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_text(HEADER + GOOD + text, encoding="utf-8", newline="")
    result = read_csv([str(path)], ImportOptions(now=datetime(2026, 11, 24, tzinfo=UTC)))
    assert [row.max_bytes for row in result.rows] == [100000]


def test_a_missing_column_is_told_with_what_there_is_and_other_files_count(written, options):
    paths = [written("bad.csv", "when,namespace,pod,container,bytes\n"), written("good.csv", HEADER + GOOD)]
    result = read_csv(paths, options)
    assert len(result.rows) == 1
    ((file, line, reason),) = told(result)
    assert (file, line) == ("bad.csv", 1)
    assert "no column for time; it has when, namespace" in reason


def test_columns_may_be_named_by_the_user(written, options):
    text = "ts,ns,pod,container,mem\n" + GOOD
    choice = ColumnChoice(named=parse_columns("time=ts, namespace=ns,bytes=mem"))
    assert len(read_csv([written("a.csv", text)], options, choice).rows) == 1


def test_a_column_that_the_user_names_and_that_is_not_there_is_a_fault(written, options):
    result = read_csv([written("a.csv", HEADER + GOOD)], options, ColumnChoice(named={"bytes": "rss"}))
    assert "no column for rss" in result.skipped[0].reason


@pytest.mark.parametrize("text", ["time", "time=", "tine=ts", "time=a,time=b"])
def test_a_wrong_mapping_is_wrong_use(text):
    with pytest.raises(UsageError, match="--columns"):
        parse_columns(text)


def test_an_unknown_preset_is_wrong_use():
    with pytest.raises(UsageError, match="--preset"):
        find_columns(["time"], ColumnChoice("splunk"), namespace_known=False)


def test_a_unit_that_no_sign_parts_from_the_name_is_not_guessed():
    # `memorymib` would be read as bytes: its numbers would be a millionth of what they are.
    header = ["time", "namespace", "pod", "container", "memorymib"]
    assert find_columns(header, ColumnChoice(), namespace_known=False).missing == ("bytes",)


@pytest.mark.parametrize(
    ("column", "unit", "cell"),
    [("memory_mib", None, "1.5"), ("value (MiB)", None, "1.5"), ("bytes", "MiB", "1.5"), ("bytes", None, "1.5Mi")],
)
def test_a_unit_is_that_of_the_column_the_option_or_the_cell(written, options, column, unit, cell):
    text = f"time,namespace,pod,container,{column}\n2026-11-01T00:00:00Z,shop,web-1,app,{cell}\n"
    result = read_csv([written("a.csv", text)], msgspec.structs.replace(options, unit=unit))
    assert [row.max_bytes for row in result.rows] == [1572864]


def test_a_column_of_units_holds_line_by_line(written, options):
    text = (
        "time,namespace,pod,container,value,unit\n"
        "2026-11-01T00:00:00Z,shop,web-1,app,3,MiB\n"
        "2026-11-01T00:01:00Z,shop,web-1,app,1000,bytes\n"
        "2026-11-01T00:02:00Z,shop,web-1,app,1000,apples\n"
    )
    result = read_csv([written("a.csv", text)], options)
    assert (result.rows[0].min_bytes, result.rows[0].max_bytes) == (1000, 3 * 2**20)
    assert told(result) == [("a.csv", 4, "'apples' is no unit of memory")]


def test_numbers_too_small_for_bytes_ask_for_the_unit(written, options):
    result = read_csv([written("a.csv", HEADER + GOOD.replace("100000", "512"))], options)
    assert any("is the unit another one" in note for note in result.notes)


def test_totals_of_pods_and_pause_containers_are_left_out_and_counted(written, options):
    more = GOOD.replace("app", "") + GOOD.replace("app", "POD")
    result = read_csv([written("a.csv", HEADER + GOOD + more)], options)
    assert len(result.rows) == 1
    assert result.skipped == ()
    assert any(note.startswith("2 rows of no container") for note in result.notes)


def test_gaps_are_left_out_and_counted(written, options):
    more = GOOD.replace("100000", "") + GOOD.replace("100000", "NaN")
    result = read_csv([written("a.csv", HEADER + GOOD + more)], options)
    assert (result.rows[0].samples, result.skipped) == (1, ())
    assert "2 rows without a value left out" in result.notes


def test_of_two_metrics_in_a_table_the_first_counts_or_the_chosen_one(written, options):
    text = (
        "time,namespace,pod,container,metric,value\n"
        "2026-11-01T00:00:00Z,shop,web-1,app,rss,100000\n"
        "2026-11-01T00:00:00Z,shop,web-1,app,working_set,200000\n"
    )
    path = written("a.csv", text)
    first = read_csv([path], options)
    assert [row.max_bytes for row in first.rows] == [100000]
    assert "choose with --metric" in first.skipped[0].reason
    assert [row.max_bytes for row in read_csv([path], options, metric="working_set").rows] == [200000]


def test_cluster_workload_request_and_limit_come_along(written, options):
    text = (
        "time,cluster,namespace,workload_kind,workload_name,pod,container,bytes,request_bytes,limit_bytes\n"
        "2026-11-01T00:00:00Z,prod,shop,Deployment,web,web-1,app,100000,128Mi,268435456\n"
    )
    (row,) = read_csv([written("a.csv", text)], options).rows
    assert (row.cluster, row.workload_kind, row.workload_name) == ("prod", "Deployment", "web")
    assert (row.request_bytes, row.limit_bytes) == (128 * 2**20, 2**28)


def test_a_file_that_is_not_there_or_is_a_folder_is_wrong_use(tmp_path, options):
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(UsageError):
            read_csv([str(path)], options)
        with pytest.raises(UsageError):
            read_parquet([str(path)], options)


def test_an_empty_file_is_told(written, options):
    assert told(read_csv([written("a.csv", "")], options)) == [("a.csv", 1, "is empty: a header is needed")]


def test_new_relics_samples_are_read_by_their_attributes(written, options):
    text = (
        "timestamp,clusterName,namespaceName,podName,containerName,memoryWorkingSetBytes,memoryRequestedBytes,memoryLimitBytes\n"
        "1793491200000,prod,shop,web-1,app,17113088,67108864,134217728\n"
    )
    (row,) = read_csv([written("a.csv", text)], options, ColumnChoice("newrelic")).rows
    assert (row.cluster, row.namespace, row.pod, row.container) == ("prod", "shop", "web-1", "app")
    assert (row.max_bytes, row.request_bytes, row.limit_bytes) == (17113088, 67108864, 134217728)
    assert (row.day, row.source) == (date(2026, 11, 1), "newrelic")


def test_dynatraces_csv_is_read_with_times_in_utc(written, options):
    text = (
        "metricId,k8s.namespace.name,k8s.pod.name,k8s.container.name,time,value\n"
        "dt.kubernetes.container.memory_working_set,shop,web-1,app,2026-11-01 23:59:00,17113088.5\n"
    )
    result = read_csv([written("a.csv", text)], options, ColumnChoice("dynatrace"))
    assert [(row.day, row.max_bytes) for row in result.rows] == [(date(2026, 11, 1), 17113089)]
    assert "1 times name no zone: taken as UTC" in result.notes


def test_datadogs_tags_are_read_as_columns(written, options):
    text = "time,kube_namespace,pod_name,kube_container_name,value\n2026-11-01T00:00:00Z,shop,web-1,app,17113088\n"
    assert len(read_csv([written("a.csv", text)], options, ColumnChoice("datadog")).rows) == 1


def test_datadogs_table_with_a_column_for_each_series_is_read(written, options):
    first = "kube_container_name:app,kube_namespace:shop,pod_name:web-1"
    second = "kube_container_name:app,kube_namespace:shop,pod_name:web-2"
    text = (
        f',date,metric,"{first}","{second}"\n'
        "0,2026-11-01 00:00:00,kubernetes.memory.working_set (avg),17113088.0,\n"
        "1,2026-11-01 00:05:00,kubernetes.memory.working_set (avg),17113090.2,-1\n"
    )
    result = read_csv([written("a.csv", text)], options, ColumnChoice("datadog"))
    assert [(row.pod, row.samples, row.max_bytes) for row in result.rows] == [("web-1", 2, 17113091)]
    assert told(result) == [("a.csv", 3, "'-1' is negative")]


def test_a_table_of_series_without_times_is_told(written, options):
    result = read_csv([written("a.csv", 'x,"pod_name:web-1"\n1,2\n')], options)
    assert told(result) == [("a.csv", 1, "no column for time: date, time or timestamp")]


def test_a_short_row_of_a_table_of_series_is_told(written, options):
    text = 'date,"kube_namespace:shop,pod_name:web-1,container_name:app"\n2026-11-01,100000\n2026-11-02\n'
    result = read_csv([written("a.csv", text)], options)
    assert len(result.rows) == 1
    assert told(result) == [("a.csv", 3, "has 1 columns, fewer than its header")]


def test_a_file_that_may_not_be_read_is_told_and_others_count(written, options, monkeypatch):
    paths = [written("locked.csv", HEADER + GOOD), written("good.csv", HEADER + GOOD.replace("web-1", "web-2"))]
    opened = open

    def refusing(path, *arguments, **more):
        if path == "locked.csv":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **more)

    monkeypatch.setattr("builtins.open", refusing)
    result = read_csv(paths, options)
    assert [row.pod for row in result.rows] == ["web-2"]
    assert told(result) == [("locked.csv", None, "cannot be read: Permission denied")]


def test_a_path_that_no_system_knows_is_wrong_use(options):
    with pytest.raises(UsageError, match="null"):
        read_csv(["a\0b"], options)


def test_empty_lines_are_none_and_what_follows_an_open_quote_is_read(written, options):
    text = f'{HEADER}\n"open,\n{GOOD}\n"bad"x,"\n'
    result = read_csv([written("a.csv", text)], options)
    assert [row.samples for row in result.rows] == [1]
    assert [line for _, line, _ in told(result)] == [3, 6]


def test_a_limit_that_is_no_amount_is_unknown(written, options):
    text = f"{HEADER.strip()},limit_bytes\n{GOOD.strip()},many\n"
    assert read_csv([written("a.csv", text)], options).rows[0].limit_bytes is None


def test_usage_with_all_cache_is_said_to_be_too_much(written, options):
    text = (
        "time,kube_namespace,pod_name,kube_container_name,metric,value\n"
        "2026-11-01T00:00:00Z,shop,web-1,app,kubernetes.memory.usage,17113088\n"
    )
    result = read_csv([written("a.csv", text)], options, ColumnChoice("datadog"))
    assert any("holds all page cache" in note for note in result.notes)


def table_of(**columns):
    usual = {
        "time": pa.array([datetime(2026, 11, 1, tzinfo=UTC)] * 2, pa.timestamp("ns", "UTC")),
        "namespace": ["shop"] * 2,
        "pod": pa.array(["web-1", "web-2"]).dictionary_encode(),
        "container": ["app"] * 2,
        "bytes": [100_000, 200_000],
    }
    return pa.table(usual | columns)


def test_a_parquet_table_becomes_days(tmp_path, options):
    pq.write_table(table_of(other=[[1], [2]]), tmp_path / "a.parquet")
    result = read_parquet([str(tmp_path / "a.parquet")], options)
    assert [(row.pod, row.max_bytes, row.source) for row in result.rows] == [
        ("web-1", 100_000, "parquet"),
        ("web-2", 200_000, "parquet"),
    ]


@pytest.mark.parametrize("times", [["2026-11-01T00:00:00Z"] * 2, [1793491200] * 2, [1793491200.0] * 2])
def test_times_in_parquet_may_be_texts_or_numbers(tmp_path, options, times):
    pq.write_table(table_of(time=times), tmp_path / "a.parquet")
    assert {row.day for row in read_parquet([str(tmp_path / "a.parquet")], options).rows} == {date(2026, 11, 1)}


def test_a_bad_row_of_parquet_is_told_with_its_number(tmp_path, options):
    pq.write_table(table_of(bytes=[-1, 5]), tmp_path / "a.parquet")
    result = read_parquet([str(tmp_path / "a.parquet")], options)
    assert [row.pod for row in result.rows] == ["web-2"]
    assert [(item.line, item.reason) for item in result.skipped] == [(1, "-1 is negative")]


def test_a_null_or_nan_of_parquet_is_a_gap(tmp_path, options):
    pq.write_table(table_of(bytes=[None, float("nan")]), tmp_path / "a.parquet")
    result = read_parquet([str(tmp_path / "a.parquet")], options)
    assert (result.rows, result.skipped) == ((), ())
    assert "2 rows without a value left out" in result.notes


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_half_written_parquet_file_is_told(tmp_path, options, cut):
    path = tmp_path / "a.parquet"
    pq.write_table(table_of(), path)
    path.write_bytes(path.read_bytes()[:cut])
    result = read_parquet([str(path)], options)
    assert result.rows == ()
    assert "cannot be read as Parquet" in result.skipped[0].reason


def instana_item(**more):
    return {
        "snapshotId": "x",
        "plugin": "docker",
        "label": "k8s_app_web-1_shop_0a1b2c3d-0000-1111-2222-333344445555_0",
        "metrics": {"memory.usage": [[1793491200000, 17113088], [1793491260000, 17113089.5], [1793491320000, None]]},
    } | more


def test_instanas_answer_is_read_by_label_or_by_tags(written, options):
    tags = {
        "kubernetes.namespace.name": "shop",
        "kubernetes.pod.name": "web-2",
        "kubernetes.container.name": "app",
    }
    data = {"items": [instana_item(), instana_item(label="x", tags=tags)]}
    result = read_instana([written("a.json", json.dumps(data))], options)
    assert [(row.namespace, row.pod, row.samples, row.max_bytes) for row in result.rows] == [
        ("shop", "web-1", 2, 17113090),
        ("shop", "web-2", 2, 17113090),
    ]
    assert any("holds all page cache" in note for note in result.notes)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"items": [instana_item(label="nginx")]}, "items[0]: tells no namespace"),
        ({"items": [7]}, "items[0]: tells no namespace"),
        ({"items": [instana_item(metrics={})]}, "has no metric memory.usage"),
        ({"items": [instana_item(metrics=None)]}, "metrics must be an object"),
        ({"items": [instana_item(metrics={"memory.usage": [[1]]})]}, "must be [milliseconds, value]"),
        ({"items": [instana_item(metrics={"memory.usage": [[1793491200000, -4]]})]}, "-4 is negative"),
        ({}, "no answer of Instana"),
        ([], "no answer of Instana"),
    ],
)
def test_what_is_not_in_instanas_form_is_told(written, options, data, reason):
    result = read_instana([written("a.json", json.dumps(data))], options)
    assert result.rows == ()
    assert reason in result.skipped[0].reason
