"""`auditor cluster` as a user starts it, on a small server; tests/kubernetes has a real one."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.sources.cluster.api import Api, Reply, page, status, write_kubeconfig
from tests.sources.cluster.objects import container, pod

UNLIMITED = {"containers": [container(resources={"requests": {"memory": "256Mi"}})]}


@pytest.fixture
def api():
    with Api() as started:
        started.replies["/api/v1/pods"] = [page("Pod", [pod("web", spec=UNLIMITED)])]
        yield started


@pytest.fixture
def kubeconfig(api, tmp_path):
    return write_kubeconfig(tmp_path / "up", api.url, context="up")


@pytest.mark.parametrize("name", ["../nodes", "a/b", "A", "x?limit=1", ""])
def test_what_is_no_name_of_a_namespace_is_wrong_use_and_asks_the_server_for_nothing(run, api, kubeconfig, name):
    done = run("cluster", "--kubeconfig", kubeconfig, "--namespace", name, text=True)
    assert done.returncode == 2
    assert "is no name that a namespace can have" in done.stderr
    assert api.requests == []


def test_one_of_two_clusters_that_is_down_makes_the_audit_incomplete(run, kubeconfig, tmp_path):
    files = [kubeconfig, write_kubeconfig(tmp_path / "down", "http://127.0.0.1:1", context="down")]
    done = run(
        *("cluster", "--context", "up", "--context", "down", "--fail-on", "never", "--output", "json"),
        env={"KUBECONFIG": os.pathsep.join(map(str, files))},
        text=True,
    )
    assert (done.returncode, done.stderr) == (3, "")
    report = json.loads(done.stdout)
    assert {item["cluster"] for item in report["findings"]} == {"up"}
    assert [item["cluster"] for item in report["skipped"]] == ["down"]
    assert "Connection refused" in report["skipped"][0]["reason"]


def test_a_baseline_of_a_snapshot_tells_which_cluster_was_not_read_whole(run, api, kubeconfig):
    api.replies["/api/v1/nodes"] = [status(403, "forbidden")]
    saved = run("cluster", "--kubeconfig", kubeconfig, "--save", "night.jsonl.gz", "--fail-on", "never", "--quiet")
    assert saved.returncode == 3
    done = run("baseline", "write", "night.jsonl.gz", text=True)
    assert done.returncode == 3
    assert "skipped: cluster up: list nodes: forbidden: grant list on nodes\n" in done.stderr


def test_ctrl_c_judges_what_was_read_and_says_that_it_is_not_all(api, kubeconfig, tmp_path):
    pods = page("Pod", [pod("web", namespace="a", spec=UNLIMITED), pod("web", namespace="b", spec=UNLIMITED)], "more")
    api.replies["/api/v1/pods"] = [pods, Reply(delay=20)]
    command = [sys.executable, "-m", "auditor", "cluster", "--kubeconfig", str(kubeconfig), "--output", "json"]
    command += ["--save", "night.jsonl.gz"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 30
        while len(api.asked("/api/v1/pods")) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        told, error = process.communicate(timeout=15)
    assert (process.returncode, error) == (130, b"interrupted\n")
    report = json.loads(told)
    assert {item["workload"]["namespace"] for item in report["findings"]} == {"a", "b"}
    assert [item["cluster"] for item in report["skipped"]] == ["up"]
    assert (tmp_path / "night.jsonl.gz").is_file()


def test_a_night_ends_when_its_container_is_told_to(api, kubeconfig, tmp_path):
    """The first process of a container gets a SIGTERM only when it has a handler for it."""
    config = {"nightly": {"reports": "audits", "cluster": {"kubeconfig": str(kubeconfig)}}}
    (tmp_path / ".auditor.yaml").write_text(json.dumps(config))
    api.replies["/api/v1/pods"] = [page("Pod", [pod("web", spec=UNLIMITED)], "more"), Reply(delay=20)]
    command = [sys.executable, "-m", "auditor", "nightly"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 30
        while len(api.asked("/api/v1/pods")) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        told, error = process.communicate(timeout=15)
    assert (process.returncode, error) == (130, b"interrupted\n")
    assert b"interrupted: nothing was stored or delivered" in told
    assert not (tmp_path / "audits").exists() or not list((tmp_path / "audits").glob("2*"))
