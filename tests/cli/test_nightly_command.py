"""`auditor nightly` as a schedule runs it, over manifests in the cluster's place; tests/kubernetes has a cluster."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from auditor.usage.model import UsageDay
from auditor.usage.table import days_present, write_days
from tests.cli.web_manifest import WEB
from tests.deliver.web_server import WebServer
from tests.tools import need
from tests.usage.prometheus import lab
from tests.usage.prometheus.lab import History, free_port
from tests.usage.prometheus.script import container

MIB = 2**20
DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
WORSE = WEB.replace("limits: {memory: 512Mi}", "limits: {memory: 128Mi}")
NEW_RUN = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")


@pytest.fixture
def night(tmp_path, run):
    """Return a function that writes a manifest and a config, and runs the command in a process."""

    def do(manifest=WEB, *, env=None, paths=("web.yaml",), options=(), config=None, **nightly):
        (tmp_path / "web.yaml").write_text(manifest)
        (tmp_path / ".auditor.yaml").write_text(json.dumps({"nightly": nightly, **(config or {})}))
        return run("nightly", *paths, *options, env=env, text=True)

    return do


def runs(tmp_path):
    return sorted(path for path in (tmp_path / "audits").iterdir() if path.name != "latest" and path.is_dir())


def test_a_night_keeps_its_reports_and_says_what_it_found(night, tmp_path):
    done = night(WORSE, reports="audits")
    assert (done.returncode, done.stderr) == (1, "")
    (folder,) = runs(tmp_path)
    assert NEW_RUN.fullmatch(folder.name)
    names = {"audit.json", "audit.sarif", "audit.csv", "inventory.csv", "audit.md", "run.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert {path.name for path in (tmp_path / "audits" / "latest").iterdir()} == names
    assert "Deployment shop/web, container app" in done.stdout
    assert f"reports: {tmp_path}/audits/{folder.name}" in done.stdout
    assert "web" in (folder / "inventory.csv").read_text()
    findings = json.loads((folder / "audit.json").read_text())["findings"]
    assert "memory-limit-below-request" in {finding["policy"] for finding in findings}


def test_the_next_night_says_what_is_new_and_fixed(night, tmp_path):
    night(WEB, reports="audits")
    worse = night(WORSE, reports="audits")
    previous = runs(tmp_path)[0].name
    assert re.search(rf"since {previous}: [1-9]\d* new, \d+ fixed, \d+ known", worse.stdout)
    assert "\nNew:\n  critical: Deployment shop/web, container app: " in worse.stdout
    better = night(WEB, reports="audits")
    assert "\nFixed:\n  critical: Deployment shop/web: " in better.stdout
    assert json.loads((runs(tmp_path)[-1] / "run.json").read_text())["previous"] == runs(tmp_path)[-2].name


def test_only_new_findings_fail_when_the_config_says_so(night):
    strict = {"reports": "audits", "fail_on_new_only": True}
    assert [night(WORSE, **strict).returncode for _ in range(2)] == [1, 0]
    assert night(WORSE, reports="audits").returncode == 1


def test_a_night_without_a_store_prints_the_whole_report(night):
    done = night(WORSE)
    assert done.returncode == 1
    assert re.search(r"^web\.yaml:15:\d+: critical: container app: ", done.stdout, re.MULTILINE)
    assert "What to do:" in done.stdout
    assert done.stdout.count("critical: ") == 1


def test_old_nights_are_removed(night, tmp_path):
    for _ in range(4):
        night(WEB, reports="audits", keep=2, formats=["csv"])
    assert len(runs(tmp_path)) == 2
    assert {path.name for path in runs(tmp_path)[0].iterdir()} == {"audit.json", "audit.csv", "run.json"}


def test_a_store_that_cannot_be_written_loses_no_report_and_no_other_delivery(night, tmp_path):
    (tmp_path / "audits").write_text("a file")
    done = night(WORSE, reports="audits", metrics={"textfile": "audit.prom"}, config={"fail_on": "never"})
    assert done.returncode == 3
    assert "reports: " in done.stderr
    assert "\nFailed:\n  reports: " in done.stdout
    assert "\nweb.yaml:15:" in done.stdout
    assert "memory_auditor_incomplete 1" in (tmp_path / "audit.prom").read_text()


def test_findings_win_over_what_failed(night, tmp_path):
    (tmp_path / "audits").write_text("a file")
    assert night(WORSE, reports="audits").returncode == 1


def test_what_cannot_be_judged_makes_the_night_incomplete(night, tmp_path):
    done = night(WEB + "---\nkind: [\n", reports="audits", config={"fail_on": "never"})
    assert done.returncode == 3
    assert "\nNot judged:\n  web.yaml:" in done.stdout
    assert json.loads((runs(tmp_path)[0] / "run.json").read_text())["complete"] is False


def test_a_chat_is_told_and_the_address_is_nowhere(night, tmp_path):
    with WebServer() as chat:
        secret = {"CHAT_URL": f"{chat.url}/services/XXXXsecretXXXX"}
        done = night(WORSE, reports="audits", webhook={"url_variable": "CHAT_URL"}, env=secret)
        assert done.returncode == 1
        (sent,) = chat.sent
        body = json.loads(sent.body)
        assert body["blocks"][0]["text"]["text"].startswith("Memory audit ")
        assert "Deployment shop/web, container app" in body["text"]
        assert f"reports: {tmp_path}/audits/" in body["text"]
        chat.answers = [(404, b"no XXXXsecretXXXX", {})]
        failed = night(WEB, webhook={"url_variable": "CHAT_URL"}, env=secret, config={"fail_on": "never"})
    assert failed.returncode == 3
    assert f"webhook: {chat.url}: HTTP 404: no ***" in failed.stderr
    everything = [done.stdout, done.stderr, failed.stdout, failed.stderr]
    everything += [path.read_text() for path in (tmp_path / "audits").rglob("*") if path.is_file()]
    assert "XXXX" not in "".join(everything)


@pytest.mark.parametrize(("when", "sent"), [("always", 3), ("findings", 2), ("new", 2)])
def test_a_chat_is_told_only_what_it_wants_to_know(night, when, sent):
    with WebServer() as chat:
        env = {"AUDITOR_WEBHOOK_URL": chat.url}
        for manifest in (WORSE, WORSE, WEB):  # new, known, fixed
            night(manifest, reports="audits", webhook={"when": when}, env=env)
        assert len(chat.sent) == sent
        # what failed is always told
        night(WEB + "---\nkind: [\n", reports="audits", webhook={"when": when}, env=env)
        assert len(chat.sent) == sent + 1


def test_an_address_that_is_not_set_is_told_and_stops_nothing(night, tmp_path):
    done = night(WEB, reports="audits", webhook={}, config={"fail_on": "never"})
    assert done.returncode == 3
    assert "webhook: the environment variable AUDITOR_WEBHOOK_URL is not set" in done.stderr
    assert runs(tmp_path)


def test_a_pushgateway_that_is_not_there_is_told(night):
    port = free_port()
    metrics = {"pushgateway": f"http://127.0.0.1:{port}", "textfile": "audit.prom"}
    done = night(WEB, metrics=metrics, config={"fail_on": "never"})
    assert done.returncode == 3
    assert f"metrics: http://127.0.0.1:{port}: no connection" in done.stderr


def history_of(day, **changes):
    values = {
        "cluster": "",
        "day": day.date(),
        "namespace": "shop",
        "workload_kind": "Deployment",
        "workload_name": "web",
        "pod": "web-0",
        "container": "app",
        "samples": 1440,
        "coverage": 1.0,
        "min_bytes": 300 * MIB,
        "mean_bytes": 300 * MIB,
        "p95_bytes": 380 * MIB,
        "max_bytes": 430 * MIB,
        "request_bytes": 256 * MIB,
        "limit_bytes": 512 * MIB,
        "source": "test",
        "collected_at": day,
    }
    return UsageDay(**(values | changes))


def test_recommended_bytes_are_told_beside_current_ones(night, run, tmp_path):
    write_days(tmp_path / "history", [history_of(TODAY - number * DAY) for number in range(1, 15)])
    config = {"usage": {"path": "history"}, "fail_on": "never"}
    assert night(WEB, metrics={"textfile": "audit.prom"}, config=config).returncode == 0
    sized = run("size", "web.yaml", "--usage", "history", "--output", "json", text=True)
    (item,) = json.loads(sized.stdout)["containers"]
    where = '{namespace="shop",kind="Deployment",name="web",container="app"}'
    told = (tmp_path / "audit.prom").read_text()
    assert item["recommendation"]["recommended_request_bytes"] > 256 * MIB
    for block in ("request", "limit"):
        current, wanted = item["recommendation"][f"{block}_bytes"], item["recommendation"][f"recommended_{block}_bytes"]
        assert f"memory_auditor_container_{block}_bytes{where} {current}\n" in told
        assert f"memory_auditor_container_recommended_{block}_bytes{where} {wanted}\n" in told


@pytest.fixture
def prometheus(tmp_path):
    """Return the URL of a real Prometheus that has yesterday."""
    tools = need("prometheus", "promtool")
    start = int((TODAY - DAY).timestamp())
    history = History()
    container(history, "shop", "web-0", "app", [(second, 300 * MIB) for second in range(start, start + 86_400, 300)])
    with lab.prometheus(lab.fill(history, tmp_path, tools["promtool"]), tools) as url:
        yield url


def test_missing_days_are_pulled_before_the_audit_and_old_ones_removed(night, prometheus, tmp_path):
    write_days(tmp_path / "history", [history_of(TODAY - number * DAY) for number in (3, 40)])
    config = {"usage": {"path": "history"}, "fail_on": "never"}
    wanted = {"prometheus": {"url": prometheus, "window_days": 3}, "keep_history_days": 30}
    done = night(WEB, config=config, **wanted)
    assert "history: 1 of 2 missing days written, 1 row" in done.stdout
    assert "history: 1 day removed, too old" in done.stdout
    days = {(TODAY - number * DAY).date() for number in (1, 3)}
    assert days_present(tmp_path / "history", "") == days
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("old", [True, False])
def test_a_server_without_an_answer_stops_no_audit_and_old_history_is_used(night, tmp_path, old):
    if old:
        write_days(tmp_path / "history", [history_of(TODAY - number * DAY) for number in range(1, 15)])
    wanted = {"prometheus": {"url": f"http://127.0.0.1:{free_port()}", "window_days": 20}, "keep_history_days": 90}
    config = {"usage": {"path": "history"}, "fail_on": "never"}
    done = night(WEB, reports="audits", metrics={"textfile": "a.prom"}, config=config, **wanted)
    assert done.returncode == 3
    assert re.search("^history: .*no connection", done.stderr, re.MULTILINE)
    assert runs(tmp_path)
    assert ("recommended_request_bytes" in (tmp_path / "a.prom").read_text()) is old


@pytest.mark.parametrize(
    ("nightly", "words"),
    [
        ({"report": "x"}, r"\.auditor\.yaml:1:\d+: nightly\.report: object contains unknown field"),
        ({"keep": 0}, "nightly.keep"),
        ({"fail_on_new_only": True}, "nightly.fail_on_new_only: needs nightly.reports"),
        ({"metrics": {}}, "nightly.metrics: needs textfile or pushgateway"),
        ({"metrics": {"textfile": "a.txt"}}, "must end in .prom"),
        ({"prometheus": {"url": "http://127.0.0.1"}}, "history needs usage.path"),
        ({"webhook": {"url_variable": "https://hooks.example/x"}}, "nightly.webhook.url_variable"),
        ({"reports": "gopher://host/audits"}, "nightly.reports: gopher://host/audits: "),
        ({"policy_reports": {}}, "paths are audited, and those are in no cluster"),
        ({"cluster": {"name": "x", "contexts": ["a", "b"]}}, "nightly.cluster.name: is for one cluster"),
    ],
)
def test_what_cannot_be_meant_is_wrong_use(night, tmp_path, nightly, words):
    done = night(WEB, **nightly)
    assert done.returncode == 2
    assert re.search(words, done.stderr), done.stderr
    assert not (tmp_path / "audits").exists()


def test_without_a_cluster_to_connect_to_it_is_wrong_use(night):
    done = night(WEB, paths=(), reports="audits")
    assert done.returncode == 2
    assert "kubeconfig" in done.stderr


def test_paths_of_the_config_are_relative_to_its_folder(night, run, tmp_path):
    night(WEB)
    deep = tmp_path / "etc"
    deep.mkdir()
    (deep / "auditor.yaml").write_text(yaml.safe_dump({"fail_on": "never", "nightly": {"reports": "audits"}}))
    assert run("nightly", "web.yaml", "--config", "etc/auditor.yaml").returncode == 0
    assert (deep / "audits" / "latest" / "audit.json").exists()
