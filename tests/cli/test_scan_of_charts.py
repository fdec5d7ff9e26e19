"""Commands over charts and kustomizations: options, config, exit codes, places in reports, contexts of renderings."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.sources.render.conftest import CHART, DEPLOYMENT
from tests.tools import need_rendering

LIMIT = "spec.template.spec.containers[0].resources.limits.memory"
RATIO = "        {{- with .Values.resources }}\n        resources: {{- toYaml . | nindent 10 }}\n        {{- end }}\n"
BAD = "resources:\n  requests:\n    memory: 1Gi\n  limits:\n    memory: 512Mi\n"
TEMPLATE = DEPLOYMENT.format(name="web", memory="x").partition("        resources:")[0] + RATIO


@pytest.fixture
def tools():
    return {"AUDITOR_HELM": need_rendering("helm"), "AUDITOR_KUSTOMIZE": need_rendering("kubectl")}


@pytest.fixture
def write(tmp_path):
    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@pytest.fixture
def chart(write):
    write(
        {
            "charts/my web/Chart.yaml": CHART.format(name="web"),
            "charts/my web/values.yaml": BAD,
            "charts/my web/templates/deploy.yaml": TEMPLATE,
        }
    )


def report(done):
    return json.loads(done.stdout)


def found(done, policy="memory-limit-below-request"):
    return [item for item in report(done)["findings"] if item["policy"] == policy]


@pytest.mark.usefixtures("chart")
def test_a_finding_names_the_key_the_template_and_the_object(run, tools, tmp_path):
    done = run("scan", ".", "--output", "json", "--output", "sarif=out.sarif", env=tools)
    assert done.returncode == 1, done.stderr
    (finding,) = found(done)
    assert (finding["file"], finding["line"], finding["column"]) == ("charts/my web/values.yaml", 5, 5)
    assert finding["path"] == LIMIT
    assert finding["workload"]["name"] == "web"
    assert finding["message"].endswith(" (rendered from charts/my web/templates/deploy.yaml)")
    assert [item["file"] for item in finding["related"]] == ["charts/my web/templates/deploy.yaml"]
    assert report(done)["skipped"] == []
    sarif = json.loads((tmp_path / "out.sarif").read_text())
    for result in sarif["runs"][0]["results"]:
        physical = result["locations"][0]["physicalLocation"]
        text = (tmp_path / physical["artifactLocation"]["uri"].replace("%20", " ")).read_text()
        assert physical["region"]["endLine"] <= text.count("\n")
    (result,) = [item for item in sarif["runs"][0]["results"] if item["ruleId"] == "memory-limit-below-request"]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 5
    assert result["relatedLocations"][0]["message"]["text"] == "rendered from this file"


@pytest.mark.usefixtures("chart")
def test_the_report_is_the_same_for_any_number_of_processes(run, tools, write):
    for name in ("a", "b", "c"):
        write({f"charts/{name}/Chart.yaml": CHART.format(name=name), f"charts/{name}/templates/d.yaml": TEMPLATE})
    one, two = (run("scan", ".", "--jobs", n, "--output", "json", env=tools) for n in (1, 2))
    assert one.stdout == two.stdout
    assert report(one)["summary"]["workloads"] == 4


@pytest.mark.usefixtures("chart")
def test_options_reach_the_rendering(run, tools, write):
    write(
        {
            "good.yaml": "resources: {limits: {memory: 2Gi}}\n",
            "charts/my web/values-prod.yaml": "resources: {limits: {memory: 3Gi}}\n",
        }
    )
    assert found(run("scan", ".", "--output", "json", "--helm-values", "good.yaml", env=tools)) == []
    assert found(run("scan", ".", "--output", "json", "--helm-set", "resources.limits.memory=1Gi", env=tools)) == []
    assert found(run("scan", ".", "--output", "json", "--helm-environments", env=tools)) == []
    assert len(found(run("scan", ".", "--output", "json", "--helm", tools["AUDITOR_HELM"]))) == 1
    facts = run("facts", ".", "--output", "json", "--helm-release", "r", "--helm-api-versions", "v/1", env=tools)
    (record,) = [json.loads(line) for line in facts.stdout.splitlines()]
    assert record["workload"]["file"] == "charts/my web/templates/deploy.yaml"
    assert record["containers"][0]["limit_bytes"] == 512 * 2**20


@pytest.mark.usefixtures("chart")
def test_a_config_says_how_charts_are_rendered(run, tools, write):
    write(
        {
            ".auditor.yaml": "helm:\n  charts:\n    charts/my web: {values: [good.yaml]}\n",
            "good.yaml": "resources: {limits: {memory: 2Gi}}\n",
        }
    )
    assert found(run("scan", ".", "--output", "json", env=tools)) == []
    write({".auditor.yaml": "helm: {set: [resources.limits.memory=2Gi]}\n"})
    assert found(run("scan", "charts", "--output", "json", env=tools)) == []


@pytest.mark.parametrize(
    ("config", "arguments", "words"),
    [
        ("", ["--helm-values", "none.yaml"], "--helm-values: none.yaml: there is no such file"),
        ("helm: {values: [none.yaml]}\n", [], "helm.values: none.yaml: there is no such file"),
        ("helm: {charts: {a: {values: [none.yaml]}}}\n", [], "helm.charts.a.values: none.yaml: there is no such file"),
        ("helm: {binary: /bin/sh}\n", [], "helm.binary: object contains unknown field"),
    ],
)
def test_wrong_use_ends_the_run(run, write, config, arguments, words):
    write({".auditor.yaml": config, "d.yaml": DEPLOYMENT.format(name="d", memory="1Gi")})
    done = run("scan", ".", *arguments, text=True)
    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.usefixtures("chart")
def test_a_chart_that_does_not_render_makes_the_run_incomplete(run, tools, write):
    write(
        {
            "charts/my web/templates/bad.yaml": '{{ fail "::error::\\x1b[31m" }}',
            "ok.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
        }
    )
    done = run("scan", ".", "--fail-on", "never", env=tools, text=True)
    assert done.returncode == 3
    assert "charts/my web: helm: execution error at (web/templates/bad.yaml:1:3): ::error::\\x1b[31m" in done.stdout
    done = run("scan", ".", "--fail-on", "never", env={"PATH": "/nonexistent"}, text=True)
    assert done.returncode == 3
    assert done.stdout.count("is not rendered: install helm") == 1


@pytest.mark.usefixtures("chart")
def test_how_long_a_rendering_may_take_is_an_option(run, tools, write):
    write({"charts/my web/templates/loop.yaml": "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"})
    done = run("scan", ".", "--render-timeout", "0.5", "--fail-on", "never", env=tools, text=True)
    assert done.returncode == 3
    assert "charts/my web: helm: it did not end within 0.5 s" in done.stdout


@pytest.mark.usefixtures("chart")
def test_ctrl_c_ends_the_run_and_the_tool(tmp_path):
    tool, marker = tmp_path / "tool", tmp_path / "pid"
    tool.write_text(f"#!/bin/sh\necho $$ > {marker}\nexec /bin/sleep 30\n")
    tool.chmod(0o755)
    command = [sys.executable, "-m", "auditor", "scan", ".", "--helm", str(tool)]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    started = time.monotonic()
    while not (marker.exists() and marker.read_text().strip()):
        assert time.monotonic() - started < 20
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)


def quota(namespace, limit):
    return (
        f"apiVersion: v1\nkind: LimitRange\nmetadata: {{name: l, namespace: {namespace}}}\n"
        f"spec: {{limits: [{{type: Container, default: {{memory: {limit}}}}}]}}\n"
    )


def test_each_overlay_is_judged_in_the_context_of_its_path_and_in_its_own(run, tools, write):
    bare = DEPLOYMENT.format(name="web", memory="x").partition("        resources:")[0]
    write(
        {
            "k/base/kustomization.yaml": "resources: [d.yaml]\n",
            "k/base/d.yaml": bare,
            "k/shared.yaml": quota("dev", "1Gi"),
        }
    )
    write({"k/dev/kustomization.yaml": "resources: [../base]\nnamespace: dev\n"})
    write(
        {
            "k/prod/kustomization.yaml": "resources: [../base, limits.yaml]\nnamespace: prod\n",
            "k/prod/limits.yaml": quota("prod", "2Gi"),
        }
    )
    # The same name in the same namespace, with another content: two clusters, and no contradiction.
    write(
        {
            "k/eu/kustomization.yaml": "resources: [../base, limits.yaml]\nnamespace: prod\n",
            "k/eu/limits.yaml": quota("prod", "3Gi"),
        }
    )
    done = run("facts", "k", "--output", "json", env=tools)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    limits = {
        (item["workload"]["namespace"], item["containers"][0]["limit_bytes"]) for item in records if "workload" in item
    }
    assert limits == {("dev", 2**30), ("prod", 2 * 2**30), ("prod", 3 * 2**30)}
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("chart")
def test_findings_of_two_environments_are_two_findings(run, tools, write):
    write({f"charts/my web/values-{name}.yaml": f"# {name}\n{BAD}" for name in ("dev", "prod")})
    findings = found(run("scan", ".", "--output", "json", "--helm-environments", env=tools))
    assert [(item["file"], item["line"]) for item in findings] == [
        ("charts/my web/values-dev.yaml", 6),
        ("charts/my web/values-prod.yaml", 6),
    ]
    assert len({item["fingerprint"] for item in findings}) == 2


@pytest.mark.usefixtures("chart")
def test_a_fingerprint_does_not_depend_on_where_the_key_is(run, tools):
    (by_key,) = found(run("scan", ".", "--output", "json", env=tools))
    (by_set,) = found(run("scan", ".", "--output", "json", "--helm-set", "resources.limits.memory=512Mi", env=tools))
    assert by_key["file"] != by_set["file"]
    assert by_key["fingerprint"] == by_set["fingerprint"]
