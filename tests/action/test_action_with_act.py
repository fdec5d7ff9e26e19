"""The examples run for real with act: on made repositories, with events for pull request, push, fork and schedule."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from act_lab import Project
from action_lab import LIMITED, UNLIMITED
from github_server import TOKEN, GitHub

from tests.tools import need, need_rendering
from tests.usage.prometheus import lab

pytestmark = pytest.mark.needs_go


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """A runner's tool cache: the first run installs the auditor for real, as constraints.txt says."""
    return tmp_path_factory.mktemp("tools")


@pytest.fixture
def project(tmp_path, programs, tools):
    return Project(tmp_path / "project", programs / "act", tools)


@pytest.fixture
def github():
    server = GitHub()
    yield server
    server.close()
    assert server.faults == []


def test_a_push_to_the_default_branch_is_audited_whole_with_sarif_and_a_baseline(project):
    project.take("default-branch.yml")
    project.repository.commit({"k8s/web.yaml": UNLIMITED})
    done = project.run(
        "default-branch.yml", "push", {"ref": "refs/heads/main", "repository": {"full_name": "shop/deploy"}}
    )
    assert done.code == 1, done.log
    [sarif] = done.called("upload-sarif")
    assert sarif["category"] == "memory"
    results = json.loads((project.stand_ins / "kept" / "upload-sarif").read_text())["runs"][0]["results"]
    assert [item["ruleId"] for item in results] == ["memory-limit-missing"]
    [artifact] = done.called("upload-artifact")
    assert artifact["name"] == "memory-baseline"
    assert json.loads((project.stand_ins / "kept" / "memory-baseline").read_text())["findings"]
    [cache] = done.called("cache")
    assert cache["key"].startswith("kube-memory-auditor-pip-linux-")
    assert Path(cache["path"]).name == "memory-auditor-pip"
    assert TOKEN not in done.log


def pull_request(project, example, before, after, **more):
    project.take(example)
    return project.repository.pull_request(before, after, **more)


def test_a_pull_request_is_compared_commented_and_its_sarif_uploaded_though_it_fails(project, github):
    event = pull_request(
        project, "manifests-pull-request.yml", {"k8s/a b/web.yaml": LIMITED}, {"k8s/a b/web.yaml": UNLIMITED}
    )
    done = project.run("manifests-pull-request.yml", "pull_request", event, github)
    assert done.code == 1, done.log
    assert "::error file=k8s/a b/web.yaml,line=13," in done.log
    [comment] = github.comments["issues"]
    assert comment["body"].startswith("<!-- kube-memory-auditor: memory -->\n")
    assert "Guaranteed to Burstable" in comment["body"]
    [upload] = done.called("upload-sarif")
    assert upload["sarif_file"] == "memory-audit.sarif"
    assert len(json.loads((project.stand_ins / "kept" / "upload-sarif").read_text())["runs"][0]["results"]) == 1
    assert TOKEN not in done.log
    again = project.run("manifests-pull-request.yml", "pull_request", event, github)
    assert again.code == 1
    assert len(github.comments["issues"]) == 1


def test_a_fix_on_changed_lines_is_suggested(project, github):
    forgotten = LIMITED.replace("limits: {cpu: 100m, memory: 1Gi}", "limits: {cpu: 100m, memory: 1024m}")
    event = pull_request(project, "manifests-pull-request.yml", {"k8s/web.yaml": LIMITED}, {"k8s/web.yaml": forgotten})
    done = project.run("manifests-pull-request.yml", "pull_request", event, github)
    assert done.code == 1, done.log
    [item] = github.comments["pulls"]
    assert (item["path"], item["line"]) == ("k8s/web.yaml", 13)
    fixed = forgotten.splitlines()[12].replace("1024m", "1024Mi")
    assert f"```suggestion\n{fixed}\n```" in item["body"]


def test_a_clean_change_passes_and_says_nothing_to_nobody(project, github):
    event = pull_request(project, "manifests-pull-request.yml", {"k8s/web.yaml": LIMITED}, {"README.md": "words\n"})
    done = project.run("manifests-pull-request.yml", "pull_request", event, github)
    assert done.code == 0, done.log
    assert github.comments["issues"] == []


def test_a_fork_is_audited_without_a_comment_and_without_failing_for_it(project, github):
    event = pull_request(project, "manifests-pull-request.yml", {"k8s/web.yaml": UNLIMITED}, {"k8s/web.yaml": LIMITED})
    event["pull_request"]["head"]["repo"] = {"full_name": "stranger/deploy", "fork": True}
    done = project.run("manifests-pull-request.yml", "pull_request", event, github)
    assert done.code == 0, done.log
    assert "from a fork" in done.log
    assert github.calls == []
    assert done.called("upload-sarif")


def test_a_token_without_permission_does_not_fail_the_run(project, github):
    github.refuse["POST", "issues"] = github.refuse["POST", "pulls"] = 403
    event = pull_request(project, "manifests-pull-request.yml", {"k8s/web.yaml": UNLIMITED}, {"k8s/web.yaml": LIMITED})
    done = project.run("manifests-pull-request.yml", "pull_request", event, github)
    assert done.code == 0, done.log
    assert "pull-requests: write" in done.log


def test_hostile_names_reach_no_shell_and_no_command(project, github):
    name = "k8s/$(touch pwned)`touch pwned`\"';touch pwned;\n::error::pwned.yaml"
    event = pull_request(project, "manifests-pull-request.yml", {name: LIMITED}, {name: UNLIMITED})
    done = project.run("manifests-pull-request.yml", "pull_request", event, github)
    assert done.code == 1, done.log
    assert "❗  ::error::pwned" not in done.log
    assert list(project.tools.rglob("pwned")) == []


CHART = {
    "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "charts/shop/values.yaml": "memory: 1Gi\nreplicas: 1\n",
    "charts/shop/values-production.yaml": "replicas: 3\n",
    "charts/shop/templates/web.yaml": LIMITED.replace("memory: 1Gi", "memory: {{ .Values.memory }}")
    .replace("replicas: 2", "replicas: {{ .Values.replicas }}")
    .replace(", namespace: shop", ""),
}


def test_a_chart_is_rendered_with_the_values_of_production_on_both_sides(project, github):
    project.program("helm", need_rendering("helm"))
    changed = {"charts/shop/values.yaml": "memory: 2Gi\nreplicas: 1\n"}
    event = pull_request(project, "helm-chart-pull-request.yml", CHART, changed)
    done = project.run("helm-chart-pull-request.yml", "pull_request", event, github)
    assert done.code == 0, done.log
    assert f"This change requests {3 * 2**30} bytes more." in done.log
    [comment] = github.comments["issues"]
    assert comment["body"].startswith("<!-- kube-memory-auditor: charts -->\n")
    assert "shop/web" in comment["body"].replace("\\", "")


GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$STAND_INS/gh.txt"
cat "$STAND_INS/last-run" 2>/dev/null || true
"""
MIB = 2**20


@pytest.fixture
def prometheus(tmp_path):
    """A Prometheus with three days of a workload that uses 100 MiB."""
    tools = need("prometheus", "promtool")
    now = int(time.time())
    seconds = range(now - 4 * 86_400, now, 300)
    history = lab.History()
    names = {"namespace": "shop", "pod": "web-1-a", "container": "app"}
    image = "registry.example/web:1"
    history.add("container_memory_working_set_bytes", [(second, 100 * MIB) for second in seconds], image=image, **names)
    owner = {"namespace": "shop", "pod": "web-1-a", "owner_kind": "ReplicaSet", "owner_name": "web-1"}
    history.add("kube_pod_owner", [(second, 1) for second in seconds], uid="u", **owner)
    owner = {"namespace": "shop", "replicaset": "web-1", "owner_kind": "Deployment", "owner_name": "web"}
    history.add("kube_replicaset_owner", [(second, 1) for second in seconds], **owner)
    with lab.prometheus(lab.fill(history, tmp_path, tools["promtool"]), tools) as url:
        yield url


def test_a_night_keeps_history_that_the_next_pull_request_is_held_against(project, github, prometheus):
    event = pull_request(project, "history-pull-request.yml", {"k8s/web.yaml": LIMITED}, {"k8s/web.yaml": UNLIMITED})
    project.take_more("nightly-history.yml")
    project.program("gh", GH)
    project.configuration["PROMETHEUS_URL"] = prometheus
    night = {"schedule": "17 3 * * *", "repository": {"full_name": "shop/deploy", "default_branch": "main"}}
    done = project.run("nightly-history.yml", "schedule", night)
    assert done.code in (0, 1), done.log
    assert done.called("download-artifact") == [], "there is no night before"
    [kept] = done.called("upload-artifact")
    assert (kept["name"], kept["path"]) == ("memory-history", "history")
    assert list((project.stand_ins / "kept" / "memory-history").rglob("*.parquet"))
    (project.stand_ins / "last-run").write_text("42\n")
    done = project.run("history-pull-request.yml", "pull_request", event | night, github)
    [fetched] = done.called("download-artifact")
    assert (fetched["name"], fetched["run-id"], fetched["github-token"]) == ("memory-history", "42", TOKEN)
    asked = (project.stand_ins / "gh.txt").read_text()
    assert asked.count("--branch main --event schedule --status success") == 2
    [comment] = github.comments["issues"]
    assert "| 100Mi | 100Mi |" in comment["body"], "p95 and peak"
