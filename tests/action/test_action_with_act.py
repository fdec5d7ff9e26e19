"""The examples run for real with act: on made repositories, with events for pull request, push, fork and schedule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from act_lab import Project
from action_lab import UNLIMITED
from github_server import TOKEN, GitHub

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
