"""The command line as a stranger uses it: every exit code by running the command."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

CLEAN = """\
apiVersion: v1
kind: Pod
metadata: {name: clean, namespace: shop}
spec:
  containers:
  - name: app
    image: app:1
    resources:
      requests: {cpu: 100m, memory: 128Mi}
      limits: {memory: 128Mi}
"""
UNLIMITED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
      - name: app
        image: app:1
        resources:
          requests:
            memory: 128Mi
"""


def put(tmp_path, name, text):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def report(result):
    return json.loads(result.stdout)


def test_exit_0_and_a_plain_word_when_clean(run, tmp_path):
    put(tmp_path, "clean.yaml", CLEAN)
    result = run("scan", ".")
    assert result.returncode == 0, result.stderr
    assert b"\x1b" not in result.stdout
    assert b"1 workload" in result.stdout


def test_exit_1_names_file_line_and_policy(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED)
    result = run("scan", "web.yaml")
    assert result.returncode == 1, result.stderr
    assert b"web.yaml:10:" in result.stdout
    assert b"memory-limit-missing" in result.stdout


def test_fail_on_decides_whether_a_finding_fails(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED)
    assert run("scan", "web.yaml", "--fail-on", "critical").returncode == 0
    assert run("scan", "web.yaml", "--fail-on", "high").returncode == 1
    assert run("scan", "web.yaml", "--fail-on", "never").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scan"], b"PATH"),
        (["scan", "absent.yaml"], b"absent.yaml"),
        (["scan", ".", "--fail-on", "worst"], b"worst"),
        (["scan", ".", "--output", "pdf"], b"no such format"),
        (["scan", ".", "--output", "json", "--output", "sarif"], b"only one report"),
        (["scan", ".", "--output", "json=no/such/folder.json"], b"there is no folder"),
        (["scan", ".", "--kubernetes-version", "1.12"], b"1.12"),
        (["scan", ".", "--feature-gate", "NoSuchGate=true"], b"NoSuchGate"),
        (["scan", ".", "--config", "absent.yaml"], b"absent.yaml"),
        (["scan", ".", "--baseline", "absent.json"], b"absent.json"),
        (["scan", ".", "--waivers", "absent.yaml"], b"absent.yaml"),
        (["scan", ".", "--policies", "absent"], b"absent"),
        (["scan", ".", "--jobs", "0"], b"jobs"),
        (["scn"], b"scn"),
    ],
)
def test_exit_2_for_wrong_use_says_what_is_wrong_without_a_traceback(run, tmp_path, arguments, words):
    put(tmp_path, "clean.yaml", CLEAN)
    result = run(*arguments)
    assert result.returncode == 2, (result.stdout, result.stderr)
    assert words in result.stderr
    assert b"Traceback" not in result.stderr
    assert result.stdout == b""


def test_exit_2_for_a_bad_config_names_its_place(run, tmp_path):
    put(tmp_path, "clean.yaml", CLEAN)
    put(tmp_path, ".auditor.yaml", "profile: recommended\nfial_on: low\n")
    result = run("scan", "clean.yaml")
    assert result.returncode == 2
    assert b".auditor.yaml:2:1: fial_on" in result.stderr


def test_exit_3_when_an_input_could_not_be_judged_and_the_rest_is_judged(run, tmp_path):
    put(tmp_path, "bad.yaml", "a: [\n")
    put(tmp_path, "clean.yaml", CLEAN)
    result = run("scan", ".", "--output", "json")
    assert result.returncode == 3
    found = report(result)
    assert found["summary"]["workloads"] == 1
    assert found["skipped"][0]["file"] == "bad.yaml"


def test_exit_3_when_there_was_nothing_to_judge(run, tmp_path):
    put(tmp_path, "values.yaml", "replicas: 3\n")
    result = run("scan", ".")
    assert result.returncode == 3
    assert b"nothing to judge" in result.stdout


def test_exit_0_with_a_note_for_objects_without_a_workload(run, tmp_path):
    put(tmp_path, "cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    result = run("scan", ".")
    assert result.returncode == 0
    assert b"no workload to judge" in result.stdout


def test_findings_win_over_incompleteness(run, tmp_path):
    put(tmp_path, "bad.yaml", "a: [\n")
    put(tmp_path, "web.yaml", UNLIMITED)
    assert run("scan", ".").returncode == 1


def test_exit_4_for_a_fault_of_ours(tmp_path):
    code = (
        "import auditor.cli.common as c, auditor.cli.scan as s\n"
        "def broken(*a, **k): raise KeyError('x')\n"
        "s.run_audit = broken\n"
        "from auditor.cli.main import main\n"
        "main(['scan', '.'])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert result.returncode == 4
    assert b"internal error" in result.stderr


def test_exit_130_for_ctrl_c_without_a_traceback(tmp_path):
    command = [sys.executable, "-m", "auditor", "scan", "-"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_a_closed_pipe_ends_quietly(tmp_path):
    for number in range(300):
        put(tmp_path, f"many/{number}.yaml", UNLIMITED)
    command = f"{sys.executable} -m auditor scan many | head -1"
    result = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert result.stdout.count(b"\n") == 1
    assert result.stderr == b""


def test_standard_input_is_judged_as_a_file_named_dash(run):
    result = run("scan", "-", "--output", "json", stdin=UNLIMITED.encode())
    assert result.returncode == 1, result.stderr
    assert {item["file"] for item in report(result)["findings"]} == {"-"}


def test_several_outputs_in_one_run_and_the_table_unless_quiet(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED)
    result = run("scan", ".", "--output", "sarif=a.sarif", "--output", "csv=a.csv", "--output", "csv-inventory=i.csv")
    assert result.returncode == 1, result.stderr
    assert b"memory-limit-missing" in result.stdout
    assert json.loads((tmp_path / "a.sarif").read_text())["version"] == "2.1.0"
    assert (tmp_path / "a.csv").read_text().startswith("policy,severity,status")
    assert "app" in (tmp_path / "i.csv").read_text()
    assert run("scan", ".", "--output", "json=a.json", "--quiet").stdout == b""
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_report_into_a_pipe_leaves_the_pipe_and_one_behind_a_link_leaves_the_link(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED)
    pipe, link = tmp_path / "pipe", tmp_path / "link.json"
    os.mkfifo(pipe)
    link.symlink_to("behind.json")
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        result = run("scan", "web.yaml", "--quiet", "--output", "json=pipe", "--output", "sarif=link.json")
        told, _ = reader.communicate(timeout=60)
    assert result.returncode == 1, result.stderr
    assert json.loads(told)["version"] == "1"
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert json.loads((tmp_path / "behind.json").read_text())["version"] == "2.1.0"


@pytest.mark.parametrize("form", ["json", "sarif", "csv", "csv-inventory", "markdown", "junit", "github"])
def test_the_report_is_the_same_bytes_for_any_number_of_processes(run, tmp_path, form):
    for number in range(150):
        put(tmp_path, f"many/{number}.yaml", UNLIMITED if number % 2 else CLEAN)
    put(tmp_path, "many/bad.yaml", "a: [\n")
    one = run("scan", "many", "--jobs", "1", "--output", form)
    three = run("scan", "many", "--jobs", "3", "--output", form)
    assert one.stdout == three.stdout
    assert one.stdout


def test_a_baseline_makes_only_new_findings_count(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED)
    assert run("baseline", "write", ".", "--to", "known.json").returncode == 0
    assert run("scan", ".", "--baseline", "known.json").returncode == 0
    (tmp_path / "web.yaml").rename(tmp_path / "renamed.yaml")
    moved = "# a new line\n" + UNLIMITED
    put(tmp_path, "renamed.yaml", moved)
    assert run("scan", ".", "--baseline", "known.json").returncode == 0
    put(tmp_path, "renamed.yaml", UNLIMITED.replace("name: web", "name: other"))
    assert run("scan", ".", "--baseline", "known.json").returncode == 1


def day(offset):
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


def test_a_comment_on_the_line_above_waives_and_no_waivers_ignores_it(run, tmp_path):
    comment = f'        # waive: memory-limit-missing until={day(30)} reason="cache"\n        resources:'
    put(tmp_path, "web.yaml", UNLIMITED.replace("        resources:", comment))
    result = run("scan", ".", "--output", "json")
    assert result.returncode == 0, result.stdout
    assert report(result)["findings"][0]["waived"] == {
        "reason": "cache",
        "expires": day(30),
        "by": "comment web.yaml:10",
    }
    assert run("scan", ".", "--no-waivers").returncode == 1


def test_an_annotation_on_the_pod_template_waives_named_containers(run, tmp_path):
    waiver = f"[{{policy: memory-limit-missing, containers: [app], reason: cache, until: {day(30)}}}]"
    template = f"  template:\n    metadata:\n      annotations:\n        memory-auditor.io/waive: '{waiver}'\n"
    put(tmp_path, "web.yaml", UNLIMITED.replace("  template:\n", template))
    assert run("scan", ".").returncode == 0
    put(tmp_path, "web.yaml", UNLIMITED.replace("  template:\n", template.replace("[app]", "[other]")))
    result = run("scan", ".")
    assert result.returncode == 1
    assert b"is unused" in result.stdout


def test_a_waiver_file_waives_and_an_expired_one_does_not(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED)
    entry = "waivers:\n- {policy: memory-limit-missing, kind: Deployment, name: web, reason: cache, until: %s}\n"
    put(tmp_path, "w/waivers.txt", entry % day(0))
    assert run("scan", "web.yaml", "--waivers", "w/waivers.txt").returncode == 0
    put(tmp_path, "w/waivers.txt", entry % day(-1))
    result = run("scan", "web.yaml", "--waivers", "w/waivers.txt")
    assert result.returncode == 1
    assert b"expired on" in result.stdout


def test_a_config_disables_a_policy_and_sets_the_threshold(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED)
    put(tmp_path, ".auditor.yaml", "rules:\n  memory-limit-missing: {enabled: false}\n")
    assert run("scan", "web.yaml").returncode == 0
    put(tmp_path, ".auditor.yaml", "fail_on: never\n")
    assert run("scan", "web.yaml").returncode == 0


def test_two_objects_of_one_name_in_two_files_are_two_workloads(run, tmp_path):
    put(tmp_path, "a.yaml", UNLIMITED)
    put(tmp_path, "b.yaml", UNLIMITED)
    assert report(run("scan", ".", "--output", "json"))["summary"]["workloads"] == 2


def test_a_limit_range_in_another_file_defaults_the_container(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED)
    limits = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: shop}\n"
    put(tmp_path, "z.yaml", limits + "spec: {limits: [{type: Container, default: {memory: 256Mi}}]}\n")
    assert run("scan", ".").returncode == 0
    line = json.loads(run("facts", ".", "--output", "json").stdout.splitlines()[0])
    assert line["containers"][0]["limit_bytes"] == 256 * 1024 * 1024
    assert line["containers"][0]["written_limit_bytes"] is None


def test_one_bad_container_does_not_hide_the_others_findings(run, tmp_path):
    put(tmp_path, "web.yaml", UNLIMITED + "      - name: bad\n        resources: []\n")
    result = run("scan", ".", "--output", "json")
    assert [item["line"] for item in report(result)["skipped"]] == [14]
    assert "memory-limit-missing" in {item["policy"] for item in report(result)["findings"]}


def test_a_native_crash_of_the_parser_does_not_take_the_run_down(tmp_path):
    put(tmp_path, "clean.yaml", CLEAN)
    put(tmp_path, "crash.yaml", CLEAN.replace("name: clean", "name: crash-me"))
    code = (
        "import os, auditor.workers as w\n"
        "real = w.read_file\n"
        "def read(file, options):\n"
        "    if file.shown == 'crash.yaml': os.abort()\n"
        "    return real(file, options)\n"
        "w.read_file = read\n"
        "from auditor.cli.main import main\n"
        "main(['scan', '.', '--output', 'json', '--jobs', '2'])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert result.returncode == 3, result.stderr
    found = report(result)
    assert found["summary"]["workloads"] == 1
    assert [(item["file"], item["reason"]) for item in found["skipped"]] == [
        ("crash.yaml", "the parser crashed on this file")
    ]


def test_help_names_every_command(run):
    result = run("--help")
    assert result.returncode == 0
    for command in (b"scan", b"facts", b"policies", b"baseline"):
        assert re.search(rb"^  " + command + rb"\b", result.stdout, re.MULTILINE)
