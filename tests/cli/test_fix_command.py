"""`auditor fix` as a user runs it: files, patches for git, links, modes, exit codes."""

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

from auditor.fixes.write import WriteError, write_fixed
from tests.tools import need

ROOT = Path(__file__).resolve().parents[2]
POD = """\
# the head
apiVersion: v1
kind: Pod
metadata: {name: demo, namespace: shop}   # odd
spec:
  containers:
  - name: app
    image: "registry.example/app:1"
    resources:
        requests: {cpu: 1,  memory: 512m}  # half
        limits:
            mem: '1Gi'   # the most

# the tail
"""
FIXED = POD.replace("512m", "512Mi").replace("mem:", "memory:")


def git(folder, *arguments, **more):
    program = need("git")["git"]
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "core.autocrlf=false"]
    done = subprocess.run([program, *identity, *arguments], cwd=folder, capture_output=True, check=False, **more)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_files_are_fixed_and_a_second_run_changes_nothing(run, tmp_path):
    (tmp_path / "pod.yaml").write_text(POD)
    first = run("fix", "pod.yaml", text=True)
    assert (first.returncode, (tmp_path / "pod.yaml").read_text()) == (0, FIXED)
    assert first.stdout.splitlines() == [
        "pod.yaml:10:29: memory-quantity-fractional: fixed: spec.containers[0].resources.requests.memory = 512Mi",
        "pod.yaml:12:13: memory-resource-name-unknown: fixed: spec.containers[0].resources.limits.mem is named memory",
    ]
    assert first.stderr == "2 findings fixed in 1 file\n"
    second = run("fix", "pod.yaml", text=True)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "nothing to fix\n")
    assert (tmp_path / "pod.yaml").read_text() == FIXED


NAMES = ["pod.yaml", "a b.yaml", 'qu"ote\\.yaml', "tab\t.yaml", "ü.yaml", "deep/er/pod.yml", "-dash.yaml"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text", [POD, POD.replace("\n", "\r\n"), POD.rstrip(), "\ufeff" + POD], ids=["lf", "crlf", "eof", "bom"]
)
@pytest.mark.parametrize("below", ["", "sub folder"])
def test_git_applies_the_patch(run, tmp_path, name, text, below):
    """From the top of the repository and from a folder in it."""
    work = tmp_path / below
    file = work / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    git(tmp_path, "init", "-q", ".")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    done = run("fix", "--diff", below or ".")
    assert (done.returncode, file.read_bytes()) == (0, text.encode())
    if below:
        # Names of a patch are relative to the folder in which the auditor ran.
        git(tmp_path, "apply", "--check", "-", input=done.stdout)
    git(tmp_path, "apply", "-", input=done.stdout)
    assert file.read_bytes() == text.replace("512m", "512Mi").replace("mem:", "memory:").encode()


def test_a_patch_holds_the_changed_files_in_order_and_nothing_else(run, tmp_path):
    for name in ("b.yaml", "a.yaml"):
        (tmp_path / name).write_text(POD)
    (tmp_path / "c.yaml").write_text(FIXED)
    done = run("fix", "--diff", ".", text=True)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith(("---", "+++"))] == [
        "--- a/a.yaml",
        "+++ b/a.yaml",
        "--- a/b.yaml",
        "+++ b/b.yaml",
    ]
    changed = [line[:1] + line.split()[1] for line in lines if line[:1] in "+-" and line[:3] not in ("---", "+++")]
    assert changed == 2 * ["-requests:", "+requests:", "-mem:", "+memory:"]
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "4 findings fixed in 2 files")


def test_mode_and_links_stay_and_the_file_behind_a_link_is_fixed_once(run, tmp_path):
    (tmp_path / "real.yaml").write_text(POD)
    (tmp_path / "real.yaml").chmod(0o640)
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    done = run("fix", ".", text=True)
    assert (done.returncode, done.stderr) == (0, "2 findings fixed in 1 file\n")
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == FIXED
    assert (tmp_path / "real.yaml").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "real.yaml"]


def test_one_policy_alone(run, tmp_path):
    (tmp_path / "pod.yaml").write_text(POD)
    assert run("fix", "--policy", "memory-quantity-fractional", "pod.yaml").returncode == 0
    assert (tmp_path / "pod.yaml").read_text() == POD.replace("512m", "512Mi")


def test_a_policy_that_is_not_there_is_wrong_use(run, tmp_path):
    (tmp_path / "pod.yaml").write_text(POD)
    done = run("fix", "--policy", "memory-quantity-fractionel", "pod.yaml", text=True)
    assert done.returncode == 2
    assert "no such policy" in done.stderr
    assert "memory-quantity-fractional" in done.stderr
    assert (tmp_path / "pod.yaml").read_text() == POD


def test_standard_input_cannot_be_fixed_and_is_told(run):
    done = run("fix", "-", stdin=POD, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("not fixed: it stands in no file that could be written") == 2


def test_what_cannot_be_judged_makes_the_fix_incomplete(run, tmp_path):
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "bad.yaml").write_text("a: [")
    done = run("fix", ".", text=True)
    assert done.returncode == 3
    assert "skipped: bad.yaml:" in done.stderr
    assert (tmp_path / "pod.yaml").read_text() == FIXED


def test_a_folder_without_an_object_is_incomplete(run):
    assert run("fix", ".").returncode == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_left_and_told(run, tmp_path):
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "pod.yaml").chmod(0o444)
    done = run("fix", "pod.yaml", text=True)
    assert done.returncode == 3
    assert "pod.yaml: not fixed: is read-only" in done.stderr


def test_the_report_carries_the_lines_that_fix_writes(run, tmp_path):
    (tmp_path / "pod.yaml").write_text(POD)
    found = json.loads(run("scan", "--output", "json", "pod.yaml").stdout)
    jsonschema.validate(found, json.loads((ROOT / "docs" / "report.schema.json").read_text()))
    told = {item["policy"]: (item["fix"], item["replacements"]) for item in found["findings"] if item["fix"]}
    where = "spec.containers[0].resources"
    assert told == {
        "memory-quantity-fractional": (
            [{"path": f"{where}.requests.memory", "value": "512Mi"}],
            [lines(10, "        requests: {cpu: 1,  memory: 512Mi}  # half\n")],
        ),
        "memory-resource-name-unknown": (
            [{"path": f"{where}.limits.mem", "rename": "memory"}],
            [lines(12, "            memory: '1Gi'   # the most\n")],
        ),
    }


def lines(line, text):
    return {"file": "pod.yaml", "line": line, "end_line": line, "text": text}


REMOVED = POD.replace(
    "  containers:\n", "  ephemeralContainers:\n  - name: e\n    image: e\n    resources: {}\n  containers:\n"
)


@pytest.mark.parametrize("text", [POD, POD.rstrip(), REMOVED.replace("{}\n", "{limits: {memory: 1Gi}}\n")])
def test_sarif_carries_the_same_fixes(run, tmp_path, text):
    """A consumer that does what the fixes say gets what `auditor fix` writes."""
    (tmp_path / "pod.yaml").write_text(text)
    sarif = json.loads(run("scan", "--output", "sarif", "pod.yaml").stdout)
    jsonschema.validate(sarif, json.loads((ROOT / "tests/reports/sarif-schema-2.1.0.json").read_text()))
    regions = []
    for result in sarif["runs"][0]["results"]:
        for fix in result.get("fixes", ()):
            (change,) = fix["artifactChanges"]
            assert change["artifactLocation"]["uri"] == "pod.yaml"
            regions += change["replacements"]
    assert regions
    applied = text
    for item in sorted(regions, key=lambda item: -item["deletedRegion"]["startLine"]):
        start, end = span(applied, item["deletedRegion"])
        applied = applied[:start] + item.get("insertedContent", {"text": ""})["text"] + applied[end:]
    assert run("fix", "pod.yaml").returncode == 0
    assert applied == (tmp_path / "pod.yaml").read_text()


def span(text, region):
    """Return the characters of a region as SARIF 2.1.0 counts them: without an end column up to the line break."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    start = starts[region["startLine"] - 1] + region["startColumn"] - 1
    line_start = starts[region["endLine"] - 1]
    if "endColumn" in region:
        return start, line_start + region["endColumn"] - 1
    return start, line_start + len(text[line_start:].split("\n")[0].removesuffix("\r"))


def test_history_fixes_what_it_argues_for(run, tmp_path):
    """The renderer was OOM killed at 768Mi: a fifth more is 922Mi. The archive of 2Gi is sized by two weeks of use."""
    samples = ROOT / "manifests-samples"
    text = (samples / "billing-history.yaml").read_text()
    (tmp_path / "billing.yaml").write_text(text)
    done = run("fix", "--usage", samples / "usage.parquet", "billing.yaml", text=True)
    after = (tmp_path / "billing.yaml").read_text()
    assert done.returncode == 0, done.stderr
    changed = [(old, new) for old, new in zip(text.splitlines(), after.splitlines(), strict=True) if old != new]
    assert all("memory:" in old and "memory:" in new for old, new in changed)
    assert "memory: 922Mi # expect: memory-oom-killed" in after
    found = json.loads(run("scan", "--usage", samples / "usage.parquet", "--output", "json", "billing.yaml").stdout)
    left = {item["policy"] for item in found["findings"]}
    assert "memory-leak-suspected" in left  # more memory is no answer to a leak
    assert not left & {"memory-oom-killed", "memory-limit-near-peak", "memory-request-oversized"}
    assert "memory-request-below-usage" not in left


def test_a_file_that_changed_meanwhile_is_left(tmp_path):
    file = tmp_path / "pod.yaml"
    file.write_bytes(b"new")
    with pytest.raises(WriteError, match="changed by someone else"):
        write_fixed(str(file), b"old", b"fixed")
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["pod.yaml"]
