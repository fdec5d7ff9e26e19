"""kubectl top, the metrics API and docker stats."""

import json
import os
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.usage.errors import UsageError
from auditor.usage.imports import read_docker_stats, read_kubectl_top, read_pod_metrics
from auditor.usage.imports.docker_stats import pod_of
from auditor.usage.imports.pod_metrics import seconds_of

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MIB = 2**20

# As metrics_printer.go prints it: a tab writer with three blanks between columns.
ALL = """\
NAMESPACE     POD          NAME      CPU(cores)   MEMORY(bytes)
kube-system   coredns-1    coredns   3m           15Mi
shop          web-1        app       12m          250Mi
shop          web-1        proxy     1m           40Mi
"""
ONE = """\
POD     NAME    CPU(cores)   MEMORY(bytes)   SWAP(bytes)
web-1   app     12m          250Mi           3Mi
"""


@pytest.fixture
def at(options):
    return msgspec.structs.replace(options, at=AT)


def named(result):
    return [(row.namespace, row.pod, row.container, row.max_bytes) for row in result.rows]


def test_kubectl_top_of_all_namespaces_is_a_snapshot_of_each_container(written, at):
    result = read_kubectl_top([written("top.txt", ALL)], at)
    assert named(result) == [
        ("kube-system", "coredns-1", "coredns", 15 * MIB),
        ("shop", "web-1", "app", 250 * MIB),
        ("shop", "web-1", "proxy", 40 * MIB),
    ]
    assert {row.day for row in result.rows} == {date(2026, 11, 1)}
    assert {row.coverage for row in result.rows} == {60 / 86_400}
    assert any("snapshot, not a history" in note for note in result.notes)
    assert any("rounded down" in note for note in result.notes)


def test_without_headers_the_columns_are_told_by_their_number(written, at):
    assert len(read_kubectl_top([written("top.txt", ALL.split("\n", 1)[1])], at).rows) == 3


def test_kubectl_top_of_one_namespace_takes_the_namespace_that_is_given(written, at):
    result = read_kubectl_top([written("top.txt", ONE)], msgspec.structs.replace(at, namespace="shop"))
    assert named(result) == [("shop", "web-1", "app", 250 * MIB)]


def test_a_namespace_that_nobody_says_is_a_fault_that_tells_the_option(written, at):
    (fault,) = read_kubectl_top([written("top.txt", ONE)], at).skipped
    assert (fault.line, fault.reason) == (2, "names no namespace: say it with --namespace")


def test_lines_of_times_between_outputs_make_a_history(written, options):
    text = "".join(f"2026-11-01T{hour:02}:{minute:02}:00Z\n{ALL}" for hour in range(24) for minute in range(60))
    result = read_kubectl_top([written("top.log", text)], options)
    assert {(row.samples, row.coverage) for row in result.rows} == {(1440, 1.0)}
    assert result.skipped == ()


def test_the_time_of_a_text_is_else_that_of_its_file(written, options):
    path = written("top.txt", ALL)
    os.utime(path, (AT.timestamp(), AT.timestamp()))
    assert {row.day for row in read_kubectl_top([path], options).rows} == {date(2026, 11, 1)}


def test_a_table_of_pods_is_refused_with_what_to_write_instead(written, at):
    result = read_kubectl_top([written("top.txt", "NAME    CPU(cores)   MEMORY(bytes)\nweb-1   1m   2Mi\n")], at)
    assert result.rows == ()
    assert [item.reason for item in result.skipped] == ["tells pods, not containers: run it with --containers"]


def test_the_sum_is_no_container(written, at):
    text = ALL + "                                    ________     ________\n                      16m          305Mi\n"
    result = read_kubectl_top([written("top.txt", text)], at)
    assert (len(result.rows), result.skipped) == (3, ())


@pytest.mark.parametrize("line", ["error: Metrics not available for pod shop/web-2", "shop web-2 app 1m many", "shop"])
def test_a_bad_line_of_kubectl_top_is_told_with_its_place(written, at, line):
    result = read_kubectl_top([written("top.txt", ALL + line + "\n")], at)
    assert len(result.rows) == 3
    assert [(item.file, item.line) for item in result.skipped] == [("top.txt", 5)]


def test_the_same_output_twice_is_told_as_duplicates(written, at):
    result = read_kubectl_top([written("a.txt", ALL), written("b.txt", ALL)], at)
    assert {row.samples for row in result.rows} == {1}
    assert {(item.file, item.reason) for item in result.skipped} == {("b.txt", "duplicate: the other one is kept")}


@given(st.text(max_size=300))
def test_no_text_makes_a_reader_raise(tmp_path_factory, text):
    from auditor.usage.imports import ImportOptions, read_checkpoints, read_instana

    path = tmp_path_factory.mktemp("fuzz") / "x"
    path.write_text(text, encoding="utf-8", errors="replace", newline="")
    options = ImportOptions(now=datetime(2026, 11, 24, tzinfo=UTC))
    for read in (read_kubectl_top, read_docker_stats, read_pod_metrics, read_checkpoints, read_instana):
        read([str(path)], options)


def metrics(name="web-1", timestamp="2026-11-01T00:00:00Z", memory="15360Ki", window="30s"):
    return {
        "metadata": {"name": name, "namespace": "shop"},
        "timestamp": timestamp,
        "window": window,
        "containers": [{"name": "app", "usage": {"cpu": "1n", "memory": memory}}],
    }


def listed(*items):
    return {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": list(items)}


@pytest.mark.parametrize("indent", [None, 2])
def test_pod_metrics_are_read_and_a_sample_covers_its_window(written, options, indent):
    result = read_pod_metrics([written("m.json", json.dumps(listed(metrics()), indent=indent))], options)
    assert named(result) == [("shop", "web-1", "app", 15 * MIB)]
    assert result.rows[0].coverage == 30 / 86_400
    assert result.rows[0].source == "metrics-api"


def test_answers_on_one_line_each_make_a_history(written, options):
    lines = [json.dumps(listed(metrics(timestamp=f"2026-11-01T00:{minute:02}:00Z"))) for minute in range(60)]
    (row,) = read_pod_metrics([written("m.jsonl", "\n".join(lines) + "\n")], options).rows
    assert (row.samples, row.coverage) == (60, 60 * 60 / 86_400)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (metrics(memory="-5Ki"), "'-5Ki' is negative"),
        (metrics(memory="lots"), "'lots' is not a number"),
        (metrics(memory=None), "without usage.memory"),
        (metrics(timestamp=None), "timestamp None is no time"),
        (metrics(timestamp="2027-11-01T00:00:00Z"), "in the future"),
        (metrics() | {"containers": 7}, "containers must be a list"),
        (metrics() | {"containers": [7]}, "without usage.memory"),
        (metrics() | {"containers": [{"usage": {"memory": "1Mi"}}]}, "names no container"),
    ],
)
def test_a_bad_pod_metric_is_told_with_its_line_and_the_others_count(written, options, item, reason):
    lines = json.dumps(listed(metrics("web-2"))) + "\n" + json.dumps(listed(item)) + "\n"
    result = read_pod_metrics([written("m.jsonl", lines)], options)
    assert [row.pod for row in result.rows] == ["web-2"]
    assert [item.line for item in result.skipped] == [2]
    assert reason in result.skipped[0].reason


def test_a_bad_container_in_an_indented_answer_is_told_with_its_own_line(written, options):
    text = json.dumps(listed(metrics("web-2"), metrics(memory="-5Ki")), indent=1)
    (fault,) = read_pod_metrics([written("m.json", text)], options).skipped
    assert '"name": "app"' in "".join(text.splitlines()[fault.line - 1 : fault.line + 1])
    assert fault.line > text.splitlines().index('    "name": "web-1",')


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1m30.5s", 90.5), ("1h0m0s", 3600), ("500ms", 0.5), ("", None), ("5", None)]
)
def test_durations_are_those_of_go(text, seconds):
    assert seconds_of(text) == seconds


def test_other_objects_and_what_is_none_are_counted_or_told(written, options):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n7\n---\na: [\n"
    result = read_pod_metrics([written("m.yaml", text)], options)
    assert result.rows == ()
    assert "1 objects that are no PodMetrics left out" in result.notes
    assert "is no Kubernetes object" in {item.reason for item in result.skipped}
    assert len(result.skipped) == 2


def stats(name, usage="15MiB / 7.6GiB", **more):
    return json.dumps({"Name": name, "MemUsage": usage, "CPUPerc": "1%"} | more) + "\n"


APP = "k8s_app_web-1_shop_0a1b2c3d-0000-1111-2222-333344445555_0"


def test_docker_stats_tells_containers_of_pods_by_their_names(written, at):
    text = stats(APP) + stats(APP.replace("_app_", "_POD_")) + stats("registry")
    result = read_docker_stats([written("s.json", text)], at)
    assert named(result) == [("shop", "web-1", "app", 15 * MIB)]
    assert result.skipped == ()
    assert any(note.startswith("2 lines of containers of no pod") for note in result.notes)
    assert result.rows[0].limit_bytes is None


def test_what_docker_prints_to_a_terminal_is_read_too(written, at):
    assert len(read_docker_stats([written("s.json", "\x1b[2J\x1b[H" + stats(APP) + "\x1b[K\n")], at).rows) == 1


def test_lines_may_have_times_of_their_own_or_before_them(written, options):
    text = stats(APP, time="2026-11-02T00:00:00Z") + "2026-11-01T00:00:00Z\n" + stats(APP)
    result = read_docker_stats([written("s.json", text)], options)
    assert [row.day for row in result.rows] == [date(2026, 11, 1), date(2026, 11, 2)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (stats(APP, "-- / --"), "docker had no numbers"),
        (stats(APP, "many / 1GiB"), "'many' is not a number"),
        (stats(APP, time="noon"), "its time is none"),
        ("{", "is no line of docker stats"),
        ("[]", "is no line of docker stats"),
        ('{"Name": 7}', "is no line of docker stats"),
    ],
)
def test_a_bad_line_of_docker_stats_is_told_with_its_place(written, at, line, reason):
    result = read_docker_stats([written("s.json", stats(APP) + line.strip() + "\n")], at)
    assert len(result.rows) == 1
    assert [(item.file, item.line) for item in result.skipped] == [("s.json", 2)]
    assert reason in result.skipped[0].reason


@pytest.mark.parametrize("name", ["k8s_a_b", "app", "", "x_app_web-1_shop_uid_0"])
def test_other_names_are_of_no_pod(name):
    assert pod_of(name) is None


@pytest.mark.parametrize("read", [read_kubectl_top, read_docker_stats, read_pod_metrics])
def test_a_file_that_is_not_there_is_wrong_use(read, at):
    with pytest.raises(UsageError, match="No such file"):
        read(["nowhere"], at)
