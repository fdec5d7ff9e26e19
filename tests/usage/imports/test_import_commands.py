"""The commands `import` and `cgroup`: what they write, tell and return."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from auditor.cli.usage_import import cgroup, import_
from auditor.usage.table import read_days

CSV = "time,namespace,pod,container,bytes\n2026-11-01T00:00:00Z,shop,web-1,app,100000\n"
TOP = "NAMESPACE   POD     NAME   CPU(cores)   MEMORY(bytes)\nshop        web-1   app    1m           250Mi\n"
UID = "0a1b2c3d-0000-1111-2222-333344445555"


def run(command, *arguments):
    """Return exit code and standard error of a command run in this process."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)
    if result.exception is not None:
        if not hasattr(result.exception, "exit_code"):
            raise result.exception
        return result.exception.exit_code, str(result.exception)
    return result.return_value, result.stderr


def catches(pid, number):
    """Return whether a process has a handler for a signal."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    return int(status["SigCgt"], 16) >> (number - 1) & 1 == 1


def stored(folder):
    found = read_days(Path(folder))[0]
    rows = found if isinstance(found, list | tuple) else found.to_pylist()
    return [(row.pod, row.container, row.max_bytes, row.source) for row in rows]


@pytest.fixture
def node(tmp_path, monkeypatch):
    """Make a node's cgroup tree with one container, and work beside it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cgroup" / "kubepods" / f"pod{UID}" / ("a" * 64)
    folder.mkdir(parents=True)
    (tmp_path / "cgroup" / "cgroup.controllers").write_text("memory\n")
    (folder / "memory.current").write_text("1048576\n")
    return tmp_path / "cgroup"


def test_files_of_many_forms_are_told_apart_and_stored(written):
    metrics = {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": "web-3", "namespace": "shop"},
        "timestamp": "2026-11-01T00:00:00Z",
        "containers": [{"name": "app", "usage": {"memory": "1Mi"}}],
    }
    stats = {"Name": f"k8s_app_web-4_shop_{UID}_0", "MemUsage": "2MiB / 1GiB"}
    files = [
        written("a.csv", CSV),
        written("top.txt", TOP.replace("web-1", "web-2")),
        written("m.json", json.dumps(metrics)),
        written("s.json", json.dumps(stats) + "\n"),
    ]
    code, said = run(import_, *files, "--to", "h", "--at", "2026-11-01T00:00:00Z")
    assert (code, "skipped" in said) == (0, False)
    assert stored("h") == [
        ("web-1", "app", 100000, "csv"),
        ("web-2", "app", 250 * 2**20, "kubectl-top"),
        ("web-3", "app", 2**20, "metrics-api"),
        ("web-4", "app", 2 * 2**20, "docker-stats"),
    ]
    assert "4 pod-days of 1 day read into h" in said


def test_instanas_answers_and_checkpoints_are_known_by_their_content(written):
    points = {"memory.usage": [[1793491200000, 17113088]]}
    answer = {"items": [{"label": f"k8s_app_web-1_shop_{UID}_0", "metrics": points}]}
    assert run(import_, written("i.json", json.dumps(answer)), "--to", "h")[0] == 0
    assert stored("h") == [("web-1", "app", 17113088, "instana")]
    assert run(import_, written("i.txt", json.dumps(answer)), "--preset", "instana", "--to", "h2")[0] == 0
    code, said = run(import_, written("c.yaml", "kind: VerticalPodAutoscalerCheckpoint\napiVersion: x/v1\n"))
    assert code == 3
    assert "spec must be a mapping" in said


def test_a_store_that_cannot_be_written_is_wrong_use(written):
    code, said = run(import_, written("a.csv", CSV), "--to", written("taken", ""))
    assert code == 2
    assert "taken" in said


def test_names_reach_the_sampler(node):
    log = node.parent / "log"
    (log / "pods" / f"shop_web-1_{UID}").mkdir(parents=True)
    (log / "containers").mkdir()
    (log / "containers" / f"web-1_shop_app-{'a' * 64}.log").touch()
    assert run(cgroup, "--root", node, "--logs", log, "--to", "h")[0] == 0
    labels = {
        "io.kubernetes.container.name": "app",
        "io.kubernetes.pod.name": "web-1",
        "io.kubernetes.pod.namespace": "shop",
    }
    listed = {"containers": [{"id": "a" * 64, "podSandboxId": "b" * 64, "labels": labels}]}
    (node.parent / "ps.json").write_text(json.dumps(listed))
    assert run(cgroup, "--root", node, "--crictl", node.parent / "ps.json", "--to", "h2")[0] == 0
    assert stored("h") == stored("h2") == [("web-1", "app", 2**20, "cgroup")]


def test_a_bad_line_makes_the_import_incomplete_and_keeps_the_rest(written):
    code, said = run(import_, written("a.csv", CSV + "2026-11-01T00:01:00Z,shop,web-1,app,-5\n"), "--to", "h")
    assert code == 3
    assert "a.csv:3: skipped: '-5' is negative" in said
    assert len(stored("h")) == 1


def test_columns_unit_and_preset_reach_the_reader(written):
    path = written("a.csv", CSV.replace("bytes", "mem").replace("100000", "1.5"))
    assert run(import_, path, "--columns", "bytes=mem", "--unit", "MiB", "--to", "h")[0] == 0
    assert stored("h")[0][2] == 1572864
    path = written(
        "b.csv", "timestamp,namespaceName,podName,containerName,memoryWorkingSetBytes\n1793491200000,a,b,c,9\n"
    )
    assert run(import_, path, "--preset", "newrelic", "--to", "h2")[0] == 0
    assert stored("h2") == [("b", "c", 9, "newrelic")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "nowhere.csv"),
        (["a.csv", "--columns", "tine=ts"], "no field 'tine'"),
        (["a.csv", "--unit", "parsec"], "unit 'parsec'"),
        (["a.csv", "--at", "noon"], "--at noon"),
        (["a.csv", "--time-zone", "Moon"], "time zone 'Moon'"),
        (["top.txt", "--columns", "time=ts"], "only for csv and parquet"),
        (["riddle"], "not known by its beginning"),
        (["-"], "--format"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_wrong(written, arguments, said):
    written("a.csv", CSV)
    written("top.txt", TOP)
    written("riddle", "hello\n")
    code, error = run(import_, *arguments, "--to", "h")
    assert code == 2
    assert said in error


def test_a_row_that_the_store_refuses_is_told(written, monkeypatch):
    from auditor.findings import Skipped
    from auditor.usage import table

    refused = table.WriteResult((), 0, 0, 0, (Skipped("csv", None, None, "1 row: cannot be true"),))
    monkeypatch.setattr(table, "write_days", lambda *_: refused)
    code, said = run(import_, written("a.csv", CSV), "--to", "h")
    assert (code, "csv: skipped: 1 row: cannot be true" in said) == (3, True)


def test_nothing_to_store_is_incomplete(written):
    assert run(import_, written("a.csv", CSV.splitlines()[0] + "\n"), "--to", "h")[0] == 3
    assert not Path("h").exists()


def test_one_sample_of_a_nodes_cgroups_is_stored(node):
    code, said = run(cgroup, "--root", node, "--once", "--to", "h")
    assert code == 0
    assert stored("h") == [(UID, "a" * 12, 2**20, "cgroup")]
    assert "snapshot, not a history" in said


def test_sampling_for_a_time_ends_by_itself(node):
    assert run(cgroup, "--root", node, "--for", "300ms", "--every", "100ms", "--to", "h")[0] == 0
    assert len(stored("h")) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--once", "--for", "1m"], "exclude each other"),
        (["--for", "soon"], "'soon' is no duration"),
        (["--every", "0s"], "'0s' is no duration"),
        (["--root", "."], "no cgroup tree"),
        (["--logs", "."], "/var/log"),
        (["--crictl", "nowhere"], "nowhere"),
        (["--logs", "x", "--crictl", "y"], "exclude each other"),
    ],
)
def test_wrong_use_of_sampling_ends_with_2(node, arguments, said):
    code, error = run(cgroup, "--root", node, *arguments, "--to", "h")
    assert code == 2
    assert said in error


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_the_sampling_and_keeps_what_was_sampled(node, number, code):
    program = "import sys; from auditor.cli.usage_import import cgroup; sys.exit(cgroup(standalone_mode=False))"
    arguments = ["--root", str(node), "--for", "1h", "--every", "50ms", "--to", "h"]
    root = str(Path(__file__).resolve().parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": root},
    )
    deadline = time.monotonic() + 30
    while not catches(process.pid, signal.SIGTERM) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == code, error
    assert stored("h") == [(UID, "a" * 12, 2**20, "cgroup")]
