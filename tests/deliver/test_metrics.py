"""Metrics of a run: what Prometheus, its node exporter's format and a Pushgateway make of them."""

import json
import subprocess
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from auditor.deliver.compare import compare
from auditor.deliver.errors import DeliveryError
from auditor.deliver.metrics import push, write_textfile
from auditor.deliver.openmetrics import Numbers, render
from auditor.deliver.recommended import Key, Sizes
from auditor.findings import WorkloadRef
from tests.deliver.samples import DB, NIGHT, NODE, SKIPPED, WAIVED, finding, report
from tests.deliver.web_server import WebServer
from tests.tools import need
from tests.usage.prometheus.lab import free_port, running

NASTY = WorkloadRef("v1", "Pod", 'a"b\\c\nd\u202e', "x")
MIB = 2**20
SIZES = {
    Key("", "team-a", "Deployment", "web", "app"): Sizes(512 * MIB, 1024 * MIB, 256 * MIB, 512 * MIB),
    Key("", "team-b", "StatefulSet", "db", "db"): Sizes(None, None, 100 * MIB, None),
}


def numbers(*findings, **changes):
    made = report(*findings, skipped=changes.pop("skipped", ()))
    values = {
        "started": NIGHT,
        "report": made,
        "comparison": compare(made, None, ()),
        "incomplete": False,
        "sizes": SIZES,
        "max_containers": 100,
        "cluster": "prod",
    }
    return Numbers(**(values | changes))


ALL = numbers(
    finding(1),
    finding(2),
    finding(3, workload=DB, severity="low", waived=WAIVED),
    finding(4, workload=NODE),
    finding(5, workload=NASTY),
    finding(6, cluster="other"),
    skipped=(SKIPPED,),
    incomplete=True,
)


def samples(text):
    """Return the lines that are samples, by their series."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_findings_are_counted_by_policy_severity_namespace_and_cluster():
    found = samples(render(ALL))
    assert (
        found[
            'memory_auditor_findings{cluster="prod",namespace="team-a",policy="memory-limit-missing",severity="high"}'
        ]
        == "2"
    )
    assert found['memory_auditor_findings{cluster="prod",policy="memory-limit-missing",severity="high"}'] == "1"
    assert (
        found[
            'memory_auditor_findings{cluster="other",namespace="team-a",policy="memory-limit-missing",severity="high"}'
        ]
        == "1"
    )
    assert (
        found[
            'memory_auditor_findings_accepted{cluster="prod",namespace="team-b",policy="memory-limit-missing",severity="low"}'
        ]
        == "1"
    )
    assert found['memory_auditor_skipped{cluster="prod"}'] == "1"
    assert found['memory_auditor_incomplete{cluster="prod"}'] == "1"
    assert found['memory_auditor_findings_new{cluster="prod",severity="high"}'] == "5"
    assert found['memory_auditor_findings_fixed{cluster="prod",severity="critical"}'] == "0"


def test_the_start_of_a_run_is_told_in_seconds():
    started = datetime(2026, 11, 24, 5, 0, 0, tzinfo=timezone(timedelta(hours=2)))
    found = samples(render(numbers(started=started)))
    assert found['memory_auditor_last_run_timestamp_seconds{cluster="prod"}'] == str(int(NIGHT.timestamp()))


def test_recommended_bytes_stand_beside_current_ones_and_what_is_absent_has_no_series():
    found = samples(render(numbers(cluster=None)))
    where = 'namespace="team-a",kind="Deployment",name="web",container="app"'
    assert found[f"memory_auditor_container_request_bytes{{{where}}}"] == str(512 * MIB)
    assert found[f"memory_auditor_container_recommended_request_bytes{{{where}}}"] == str(256 * MIB)
    assert found[f"memory_auditor_container_limit_bytes{{{where}}}"] == str(1024 * MIB)
    assert found[f"memory_auditor_container_recommended_limit_bytes{{{where}}}"] == str(512 * MIB)
    assert sum("_container_limit_bytes" in series for series in found) == 1
    assert found["memory_auditor_container_recommendations_cut"] == "0"


def test_the_number_of_containers_is_bounded_and_those_that_change_most_are_told():
    many = {
        Key("", "n", "Deployment", f"w{number:03}", "c"): Sizes(0, None, number * MIB, None) for number in range(300)
    }
    found = samples(render(numbers(sizes=many, max_containers=10)))
    told = [series for series in found if "recommended_request" in series]
    assert len(told) == 10
    assert all(f"w{number}" in "".join(told) for number in range(290, 300))
    assert found['memory_auditor_container_recommendations_cut{cluster="prod"}'] == "290"


def test_without_runs_to_compare_with_nothing_is_said_of_changes():
    assert not any("findings_new" in series for series in samples(render(numbers(comparison=None))))


@pytest.mark.parametrize("sample", [ALL, numbers(cluster=None), numbers(comparison=None, sizes={})])
def test_promtool_finds_nothing_to_object_to(sample):
    promtool = need("promtool")["promtool"]
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=render(sample), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.fixture
def prometheus_of(tmp_path):
    """Return a function that lets a real Prometheus scrape a text as OpenMetrics, and gives what a query returns."""
    tools = need("prometheus")

    def ask(text, query):
        port = free_port()
        kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        with WebServer([(200, text.encode(), {"Content-Type": kind})]) as target:
            address = target.url.removeprefix("http://")
            config = tmp_path / "prometheus.yml"
            job = {"job_name": "audit", "scrape_interval": "1s", "static_configs": [{"targets": [address]}]}
            config.write_text(json.dumps({"scrape_configs": [job | {"honor_labels": True}]}))
            command = [
                tools["prometheus"],
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ]
            url = f"http://127.0.0.1:{port}"
            with running(command, f"{url}/-/ready", tmp_path / "log"):
                return wait_for_result(f"{url}/api/v1/query?query={urllib.parse.quote(query)}")

    return ask


def wait_for_result(url):
    for _ in range(100):
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http on loopback
            result = json.load(answer)["data"]["result"]
        if result:
            return result
        subprocess.run(["sleep", "0.1"], check=True)
    raise AssertionError(url)


def test_prometheus_reads_it_as_openmetrics_with_every_name_as_it_is(prometheus_of):
    result = prometheus_of(render(ALL), 'memory_auditor_findings{namespace!=""}')
    counts = {item["metric"]["namespace"]: item["value"][1] for item in result if item["metric"]["cluster"] == "prod"}
    # the line break and the mark that turns text around are written as escapes, all else is as it was
    assert counts == {"team-a": "2", 'a"b\\c\\nd\\u202e': "1"}


@pytest.fixture
def pushgateway(tmp_path):
    program = need("prometheus-pushgateway")["prometheus-pushgateway"]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running([program, f"--web.listen-address=127.0.0.1:{port}"], f"{url}/-/ready", tmp_path / "log"):
        yield url


def series_of(pushgateway):
    with urllib.request.urlopen(f"{pushgateway}/metrics", timeout=5) as answer:  # noqa: S310 - http on loopback
        lines = answer.read().decode().splitlines()
    return [line for line in lines if line.startswith("memory_auditor")]


def test_a_pushgateway_takes_the_metrics_and_keeps_those_of_the_last_run_only(pushgateway):
    assert push(pushgateway, render(ALL), job="audit", cluster="prod") == pushgateway
    assert any('namespace="team-a"' in line and 'job="audit"' in line for line in series_of(pushgateway))
    push(f"{pushgateway}/", render(numbers()), job="audit", cluster="prod")
    push(pushgateway, render(numbers(cluster="a/b c")), job="audit", cluster="a/b c")
    series = series_of(pushgateway)
    assert not any("memory_auditor_findings{" in line for line in series)
    runs = [line for line in series if line.startswith("memory_auditor_last_run")]
    assert len(runs) == 2
    assert any('instance="a/b c"' in line for line in runs)


def test_a_pushgateway_that_refuses_is_told(pushgateway):
    with pytest.raises(DeliveryError, match=rf"{pushgateway}: HTTP 400: .*invalid label name"):
        push(pushgateway, "memory_auditor_x{ 1\n", job="audit", cluster=None)


@pytest.mark.parametrize("url", ["pushgateway:9091", "http://me:hunter2@gateway:9091", "file:///etc/passwd"])
def test_an_address_that_is_none_is_told(url):
    with pytest.raises(DeliveryError, match=r"nightly\.metrics\.pushgateway: it must") as caught:
        push(url, "", job="audit", cluster=None)
    assert "hunter2" not in str(caught.value)


def test_a_textfile_appears_whole_and_readable_for_the_collector(tmp_path):
    path = tmp_path / "audit.prom"
    write_textfile(path, render(ALL))
    write_textfile(path, render(numbers()))
    assert path.read_text() == render(numbers())
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_textfile_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(DeliveryError, match="No such file or directory"):
        write_textfile(tmp_path / "missing" / "audit.prom", "")


def test_sizes_that_are_the_same_change_nothing():
    assert msgspec.structs.replace(SIZES[min(SIZES)], request_bytes=256 * MIB).change_bytes == 512 * MIB
