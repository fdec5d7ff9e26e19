"""History through the command line: joined by scan and facts, sized, shown, kept."""

import functools
import json
import re
import subprocess
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from auditor.usage.model import UsageDay
from auditor.usage.table import write_days
from tests.cli.web_manifest import WEB
from tests.tools import need

MIB = 2**20
TODAY = datetime.now(UTC).date()


def day_of(day, *, name="web", cluster="", mean=300, p95=380, peak=430):
    return UsageDay(
        cluster=cluster,
        day=day,
        namespace="shop",
        workload_kind="Deployment",
        workload_name=name,
        pod=f"{name}-0",
        container="app",
        samples=1440,
        coverage=1.0,
        min_bytes=mean * MIB,
        mean_bytes=mean * MIB,
        p95_bytes=p95 * MIB,
        max_bytes=peak * MIB,
        request_bytes=256 * MIB,
        limit_bytes=512 * MIB,
        source="test",
        collected_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


def fortnight(last=date(2026, 11, 15), **numbers):
    return [day_of(last - timedelta(days=back), **numbers) for back in range(14)]


@pytest.fixture
def run(run, tmp_path):
    (tmp_path / "web.yaml").write_text(WEB)
    return functools.partial(run, text=True)


def findings(done):
    return {item["policy"]: item for item in json.loads(done.stdout)["findings"]}


def test_a_scan_with_history_judges_use_and_argues_for_numbers(run, tmp_path):
    write_days(tmp_path / "history", fortnight())
    done = run("scan", "web.yaml", "--usage", "history", "--output", "json", "--fail-on", "high")
    assert done.returncode == 1, done.stderr
    found = findings(done)["memory-request-below-usage"]
    assert (found["line"], found["severity"]) == (14, "high")
    assert "300Mi on average over 14 days, more than the 256Mi" in found["message"]
    assert found["fix"][0] == {"path": found["path"], "value": "380Mi"}
    assert "memory-request-below-usage" not in findings(run("scan", "web.yaml", "--output", "json"))


def test_the_table_says_up_to_which_day_the_history_goes(run, tmp_path):
    write_days(tmp_path / "history", fortnight())
    assert "history up to 2026-11-15" in run("scan", "web.yaml", "--usage", "history").stdout


def test_what_does_not_join_is_told_both_ways(run, tmp_path):
    write_days(tmp_path / "history", fortnight(name="other"))
    told = run("scan", "web.yaml", "--usage", "history", "--fail-on", "never").stdout
    assert "1 workload has no history\n" in told
    assert "1 workload of the history is not in the input: Deployment shop/other\n" in told


def test_of_many_workloads_that_are_not_in_the_input_three_are_named(run, tmp_path):
    write_days(tmp_path / "history", [day for name in "dcba" for day in fortnight(name=name)])
    told = run("scan", "web.yaml", "--usage", "history", "--fail-on", "never").stdout
    names = "Deployment shop/a, Deployment shop/b, Deployment shop/c"
    assert f"4 workloads of the history are not in the input: among them {names}\n" in told


def test_names_of_the_cluster_are_renamed_by_the_config(run, tmp_path):
    write_days(tmp_path / "history", fortnight(name="prod-web"))
    rule = "usage:\n  path: history\n  names:\n  - {pattern: 'prod-(.+)', name: '\\1'}\n"
    (tmp_path / ".auditor.yaml").write_text(rule)
    done = run("scan", "web.yaml", "--output", "json")
    assert "memory-request-below-usage" in findings(done), done.stderr


def test_a_faulty_rule_for_names_is_wrong_use(run, tmp_path):
    write_days(tmp_path / "history", fortnight())
    (tmp_path / ".auditor.yaml").write_text("usage: {path: history, names: [{pattern: '(', name: x}]}\n")
    for command in (("scan",), ("size",)):
        done = run(*command, "web.yaml")
        assert done.returncode == 2, (command, done.stdout)
        assert "(" in done.stderr


@pytest.mark.parametrize("command", ["scan", "facts", "size"])
def test_a_history_that_is_not_there_is_wrong_use(run, command):
    done = run(command, "web.yaml", "--usage", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["scan", "size"])
def test_several_clusters_want_a_name(run, tmp_path, command):
    write_days(tmp_path / "history", [*fortnight(cluster="east"), *fortnight(cluster="west", mean=90, p95=100)])
    done = run(command, "web.yaml", "--usage", "history")
    assert done.returncode == 2
    assert "east, west" in done.stderr
    assert run(command, "web.yaml", "--usage", "history", "--usage-cluster", "west").returncode in (0, 1)


@pytest.mark.parametrize("command", ["scan", "size"])
def test_a_corrupt_file_is_named_and_the_result_incomplete(run, tmp_path, command):
    write_days(tmp_path / "history", fortnight())
    bad = tmp_path / "history" / "cluster=__HIVE_DEFAULT_PARTITION__" / "day=2026-11-14" / "part.parquet"
    assert bad.exists()
    bad.write_bytes(b"PAR1 no more")
    limits = ("--fail-on", "never") if command == "scan" else ()
    done = run(command, "web.yaml", "--usage", "history", *limits)
    assert done.returncode == 3
    assert "day=2026-11-14/part.parquet" in done.stdout + done.stderr


@pytest.mark.parametrize("window", ["0d", "-3d", "a fortnight"])
def test_a_window_is_a_number_of_days(run, window):
    done = run("scan", "web.yaml", "--usage", "history", f"--usage-window={window}")
    assert done.returncode == 2
    assert "14d" in done.stderr


def test_a_window_of_fewer_days_reads_fewer(run, tmp_path):
    days = fortnight()
    write_days(tmp_path / "history", [msgspec.structs.replace(days[-1], max_bytes=510 * MIB), *days[:-1]])
    done = run("scan", "web.yaml", "--usage", "history", "--output", "json", "--profile", "all")
    assert "memory-limit-near-peak" in findings(done)
    done = run("scan", "web.yaml", "--usage", "history", "--usage-window", "7d", "--output", "json", "--profile", "all")
    assert "memory-limit-near-peak" not in findings(done)


def test_size_recommends_by_profile_from_manifests_and_history(run, tmp_path):
    write_days(tmp_path / "history", fortnight())
    done = run("size", "web.yaml", "--usage", "history", "--output", "json")
    assert done.returncode == 0, done.stderr
    item = json.loads(done.stdout)["containers"][0]["recommendation"]
    # The larger of p95 (380) and mean * 1.2 (360); the peak, 430, and 15 %: 494.5, rounded up.
    assert (item["recommended_request_bytes"], item["recommended_limit_bytes"]) == (380 * MIB, 495 * MIB)


def test_size_does_not_mix_two_workloads_that_the_rules_give_one_name(run, tmp_path):
    write_days(tmp_path / "history", [*fortnight(name="a-web"), *fortnight(name="b-web", mean=20, p95=30, peak=40)])
    (tmp_path / ".auditor.yaml").write_text("usage: {path: history, names: [{pattern: '[ab]-(.+)', name: '\\1'}]}\n")
    item = json.loads(run("size", "web.yaml", "--output", "json").stdout)["containers"][0]["recommendation"]
    assert item["reasons"] == ["no history"]
    assert (item["recommended_request_bytes"], item["recommended_limit_bytes"]) == (None, None)


def test_size_lowers_nothing_on_less_than_a_week(run, tmp_path):
    write_days(tmp_path / "history", fortnight(mean=50, p95=60, peak=70)[:6])
    done = run("size", "web.yaml", "--usage", "history", "--output", "json")
    item = json.loads(done.stdout)["containers"][0]["recommendation"]
    assert (item["recommended_request_bytes"], item["recommended_limit_bytes"]) == (256 * MIB, 512 * MIB)
    assert any("lowering takes 7" in reason for reason in item["reasons"]), item["reasons"]


def test_size_without_history_is_wrong_use(run):
    done = run("size", "web.yaml")
    assert done.returncode == 2
    assert "--usage" in done.stderr


def test_show_prints_one_workload_and_writes_a_page(run, tmp_path):
    write_days(tmp_path / "history", [*fortnight(), *fortnight(name="other")])
    done = run("usage", "show", "history", "--workload", "shop/web", "--html", "page.html")
    assert done.returncode == 0, done.stderr
    assert "shop/Deployment/web" in done.stdout
    assert "430Mi" in done.stdout
    assert "other" not in done.stdout
    page = (tmp_path / "page.html").read_text()
    assert "<svg" in page
    assert "shop/Deployment/web" in page


MEASURE = """<script>
const boxes = selector => [...document.querySelectorAll(selector)].map(each => each.getBoundingClientRect());
const heights = boxes("svg rect").filter(box => box.width > 0).map(box => Math.round(box.height));
const lines = boxes("svg path, svg polyline, svg line").filter(box => box.width > 0).length;
document.body.innerHTML = `<p id="seen">${JSON.stringify({heights, lines})}</p>`;
</script></body>"""


def test_a_browser_draws_a_bar_for_each_day(run, tmp_path):
    chromium = need("chromium")["chromium"]
    peaks = [430, 860, *[430] * 12]
    days = [day_of(date(2026, 11, 1) + timedelta(days=index), peak=peak) for index, peak in enumerate(peaks)]
    write_days(tmp_path / "history", days)
    assert run("usage", "show", "history", "--html", "page.html").returncode == 0
    page = (tmp_path / "page.html").read_text()
    (tmp_path / "measured.html").write_text(page.replace("</body>", MEASURE))
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom")
    command = [chromium, *options, (tmp_path / "measured.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env={"HOME": str(tmp_path)})
    seen = json.loads(re.search(r'<p id="seen">(.*?)</p>', done.stdout)[1])
    low, *_ = seen["heights"]
    assert low > 10
    assert [round(height / low) for height in seen["heights"]] == [1, 2, *[1] * 12]
    assert seen["lines"] >= 2, "a line for requests and one for limits"


def test_show_of_a_workload_without_history_is_told(run, tmp_path):
    write_days(tmp_path / "history", fortnight())
    done = run("usage", "show", "history", "--workload", "shop/wbe")
    assert done.returncode == 3
    assert "shop/wbe" in done.stderr


def test_a_name_of_a_file_cannot_command_a_terminal(run, tmp_path):
    (tmp_path / "\x1b]0;x\x07red.csv").write_text("time,namespace\n")
    done = run("usage", "import", "\x1b]0;x\x07red.csv", "--to", "history")
    assert done.returncode == 3
    assert "red.csv" in done.stderr
    assert "\x1b" not in done.stderr


def test_keep_removes_days_that_are_older(run, tmp_path):
    csv = "time,namespace,pod,container,bytes\n"
    for back in (1, 40):
        moment = datetime.now(UTC) - timedelta(days=back)
        csv += f"{moment:%Y-%m-%dT%H:%M:%SZ},shop,web-0,app,1000000\n"
    (tmp_path / "usage.csv").write_text(csv)
    done = run("usage", "import", "usage.csv", "--to", "history", "--keep", "30d")
    assert done.returncode == 0, done.stderr
    kept = {path.parent.name for path in (tmp_path / "history").rglob("*.parquet")}
    assert kept == {f"day={TODAY - timedelta(days=1)}"}
