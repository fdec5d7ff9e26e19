"""Servers that differ: renamed labels, missing metrics, replicas, several clusters, certificates."""

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from auditor.cli.usage_pull import pull as command
from auditor.usage.errors import UsageError
from auditor.usage.prometheus import PullConfig, Secret, pull
from tests.tools import need
from tests.usage.prometheus import lab
from tests.usage.prometheus.lab import History
from tests.usage.prometheus.script import (
    DAY,
    MIB,
    NOW,
    START,
    STATE,
    container,
    declared,
    killed,
    link,
    owned,
    times,
)


@pytest.fixture
def served(tmp_path, prometheus_tools):
    """Return a function that gives the URL of a Prometheus with some history."""
    with lab.contextlib.ExitStack() as stack:
        yield lambda history: stack.enter_context(
            lab.prometheus(lab.fill(history, tmp_path, prometheus_tools["promtool"]), prometheus_tools)
        )


def last_day():
    return times(2, 2)


def test_the_labels_of_a_scrape_that_does_not_honour_the_metrics_own_are_found(served, pulled, table):
    history = History()
    container(history, "shop", "web-1", "app", [(second, 10 * MIB) for second in last_day()])
    renamed = {
        "exported_namespace": "shop",
        "exported_pod": "web-1",
        "exported_container": "app",
        "namespace": "monitoring",
        "pod": "kube-state-metrics-0",
        "container": "kube-state-metrics",
    }
    for name, value, more in (
        ("kube_pod_container_resource_limits", 64 * MIB, {"resource": "memory"}),
        ("kube_pod_container_status_restarts_total", 2, {}),
    ):
        history.add(name, [(second, value) for second in last_day()], **renamed, **more)
    owner = {"owner_kind": "StatefulSet", "owner_name": "web"}
    history.add("kube_pod_owner", [(second, 1) for second in last_day()], **renamed, **owner)
    pulled(served(history))
    row = table.one("2026-03-04", "web-1", "app")
    assert (row.namespace, row.limit_bytes, row.restarts) == ("shop", 64 * MIB, 0)
    assert (row.workload_kind, row.workload_name) == ("StatefulSet", "web")


def test_what_is_missing_is_told_and_stays_unknown(served, pulled, table):
    history = History()
    labels = {"namespace": "shop", "pod": "web-1", "container": "app"}
    history.add("container_memory_working_set_bytes", [(second, MIB) for second in last_day()], **labels)
    result = pulled(served(history))
    row = table.one("2026-03-04", "web-1", "app")
    assert (row.max_bytes, row.rss_max_bytes, row.limit_bytes, row.oom_kills, row.restarts) == (MIB, *[None] * 4)
    assert "kube_pod_owner" in result.missing
    assert "container_memory_rss is missing; unknown: anonymous memory" in result.notes
    assert result.skipped == ()


def test_a_server_without_container_memory_says_so(served, pulled, table):
    history = History()
    history.add("up", [(second, 1) for second in last_day()], job="x")
    result = pulled(served(history))
    assert table.rows == []
    assert any("no memory history of containers" in note for note in result.notes)


def test_a_recording_rule_gives_owners_where_the_metric_does_not(served, pulled, table):
    history = History()
    for pod, kind, name in (("web-1", "deployment", "web"), ("tick-29041440-x", "job", "tick-29041440")):
        container(history, "shop", pod, "app", [(second, MIB) for second in last_day()])
        labels = {"namespace": "shop", "pod": pod, "workload_type": kind, "workload": name}
        history.add("namespace_workload_pod:kube_pod_owner:relabel", [(second, 1) for second in last_day()], **labels)
    result = pulled(served(history))
    assert table.one("2026-03-04", "web-1", "app").workload_kind == "Deployment"
    row = table.one("2026-03-04", "tick-29041440-x", "app")
    assert (row.workload_kind, row.workload_name) == ("CronJob", "tick")
    assert "kube_pod_owner" not in result.missing


def test_two_replicas_of_a_prometheus_are_not_added_up(served, pulled, table):
    history = History()
    for replica in ("a", "b"):
        more = {"prometheus_replica": replica}
        container(history, "shop", "web-1", "app", [(second, MIB) for second in last_day()], **more)
        labels = {**STATE, "namespace": "shop", "pod": "web-1", "container": "app", **more}
        restarts = [(second, int(second > START + 2 * DAY + 600)) for second in last_day()]
        history.add("kube_pod_container_status_restarts_total", restarts, **labels)
    pulled(served(history))
    row = table.one("2026-03-04", "web-1", "app")
    assert (row.samples, row.coverage, row.mean_bytes, row.restarts) == (1440, 1.0, MIB, 1)


def two_clusters():
    history = History()
    for name, size in (("east", 1), ("west", 2)):
        container(history, "shop", "web-1", "app", [(second, size * MIB) for second in last_day()], cluster=name)
    return history


def test_clusters_are_not_mixed(served, pulled, table):
    url = served(two_clusters())
    with pytest.raises(UsageError, match="2 clusters \\(east, west\\)"):
        pulled(url)
    result = pulled(url, cluster_label="cluster", cluster_value="west")
    row = table.one("2026-03-04", "web-1", "app")
    assert (row.cluster, row.max_bytes, result.cluster) == ("west", 2 * MIB, "west")


def test_a_kill_before_any_scrape_saw_the_container_is_a_row_without_samples(served, pulled, table):
    history = History()
    container(history, "shop", "web-1", "app", [(second, MIB) for second in last_day()])
    declared(history, "shop", "web-1", "app", last_day())
    killed(history, "shop", "loop-1", "app", START + 2 * DAY + 3605, START + 3 * DAY)
    declared(history, "shop", "loop-1", "app", last_day(), limit=8 * MIB)
    owned(history, "shop", "loop-1", "ReplicaSet", "loop", last_day())
    link(history, "kube_replicaset_owner", "replicaset", "shop", "loop", "Deployment", "loop")
    pulled(served(history))
    row = table.one("2026-03-04", "loop-1", "app")
    assert (row.samples, row.coverage, row.max_bytes, row.oom_kills) == (0, 0.0, None, 1)
    assert (row.limit_bytes, row.workload_kind) == (8 * MIB, "Deployment")


def test_a_cluster_that_sleeps_at_night_is_seen(served, pulled, table):
    history = History()
    office = [second for day in range(3) for second in times(day, day, begin=9 * 3600, end=17 * 3600)]
    container(history, "shop", "web-1", "app", [(second, MIB) for second in office])
    result = pulled(served(history))
    assert len(result.days_written) == 3
    assert table.one("2026-03-02", "web-1", "app").coverage == pytest.approx(1 / 3)


class Silent(BaseHTTPRequestHandler):
    """Answers each question with no series."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def https(tmp_path):
    """Return the URL of a server that has a certificate of its own and asks for the client's, and the certificate."""
    openssl = need("openssl")["openssl"]
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    request = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"https://localhost:{server.server_port}", certificate, key
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("table")
def test_a_certificate_that_nobody_vouches_for_is_refused_unless_told(https, tmp_path):
    url, certificate, key = https
    client = {"client_certificate": certificate, "client_key": key}
    with pytest.raises(UsageError, match="TLS"):
        pull(PullConfig(url=url, **client), tmp_path, now=NOW)
    assert pull(PullConfig(url=url, ca_file=certificate, **client), tmp_path, now=NOW).rows == 0
    assert pull(PullConfig(url=url, verify=False, **client), tmp_path, now=NOW).rows == 0


@pytest.mark.usefixtures("table")
def test_a_server_that_asks_for_a_client_certificate_gets_none_without_being_told(https, tmp_path):
    url, certificate, _ = https
    with pytest.raises(UsageError):
        pull(PullConfig(url=url, ca_file=certificate), tmp_path, now=NOW)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "prometheus:9090"}, "must be a URL"),
        ({"url": "ftp://x"}, "must be a URL"),
        ({"url": "http://x:y"}, "not a URL"),
        ({"url": "http://x/?a=b"}, "question mark"),
        ({"url": "http://x", "token": Secret("a"), "username": "b"}, "not several"),
        ({"url": "http://x", "window_days": 0}, "at least a day"),
        ({"url": "http://x", "cluster_label": "cluster"}, "label and its value"),
        ({"url": "http://x", "headers": (("a b", Secret("c")),)}, "header"),
        ({"url": "http://x", "headers": (("a", Secret("b\nc: d")),)}, "line break"),
    ],
)
@pytest.mark.usefixtures("table")
def test_wrong_use_is_told_before_anything_is_asked(tmp_path, fields, words):
    with pytest.raises(UsageError, match=words):
        pull(PullConfig(**fields), tmp_path, now=NOW)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("text", ["", "two words", None])
def test_a_token_file_that_holds_no_token_is_told_by_name(tmp_path, text):
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match="token"):
        pull(PullConfig(url="http://127.0.0.1:9", token_file=path), tmp_path, now=NOW)


@pytest.mark.usefixtures("table")
def test_the_command_says_what_it_did_and_what_it_lacks(prometheus_url, tmp_path):
    # the scripted days are long past: no sample in the window
    result = CliRunner().invoke(
        command, ["--prometheus", prometheus_url, "--to", str(tmp_path / "h"), "--window", "1w"], standalone_mode=False
    )
    assert result.return_value == 0
    assert "0 of 7 missing days written" in result.stdout
    assert "no memory history of containers" in result.stdout


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--window", "14"], "such as 14d"),
        (["--cluster-label", "cluster"], "LABEL=VALUE"),
        (["--header", "X"], "NAME=VALUE"),
        (["--header", "X=@/nowhere/at/all"], "cannot be read"),
        (["--user", "u"], "AUDITOR_PROMETHEUS_PASSWORD"),
    ],
)
def test_a_wrong_option_is_wrong_use(arguments, words):
    result = CliRunner().invoke(command, ["--prometheus", "http://127.0.0.1:9", *arguments])
    assert result.exit_code == 2
    assert words in result.output
