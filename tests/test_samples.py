"""The samples' marks: every finding is where its line says, and no line without a mark has one."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.usage.sample_history import table

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "manifests-samples"
STRICT_ONLY = "qos-guaranteed-missed"
SUBJECTS = {path.parent.name for path in (ROOT / "policies").glob("*/*.yaml")}


def scan(profile):
    command = [
        sys.executable,
        "-m",
        "auditor",
        "scan",
        "manifests-samples",
        "--usage",
        "manifests-samples/usage.parquet",
    ]
    command += ["--output", "json", "--fail-on", "never", "--profile", profile]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def recommended():
    return scan("recommended")


def marks(word):
    """Return (policy, file, line) of every mark, with how often it stands there."""
    found = Counter()
    for path in sorted(SAMPLES.iterdir()):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in (".yaml", ".yml"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                mark = re.search(rf"# {word}: (.+)$", line)
                for policy in mark[1].split(",") if mark else ():
                    found[policy.strip(), name, number] += 1
        elif path.suffix == ".expect" and word == "expect":
            for line in path.read_text().splitlines():
                number, policy = line.split()
                found[policy, name.removesuffix(".expect"), int(number)] += 1
    return found


def places(report):
    return Counter((finding["policy"], finding["file"], finding["line"]) for finding in report["findings"])


def test_samples_give_the_marked_findings_and_no_others(recommended):
    expected, found = marks("expect"), places(recommended)
    assert found - expected == Counter(), "findings without a mark"
    assert expected - found == Counter(), "marks without a finding"


def test_samples_show_the_strict_policy_at_its_marks():
    found = Counter({place: count for place, count in places(scan("strict")).items() if place[0] == STRICT_ONLY})
    assert found == marks("expect-strict")


def test_samples_show_policies_of_every_subject_that_manifests_alone_can_show():
    shown = {policy for policy, _, _ in marks("expect") | marks("expect-strict")}
    folders = {path.stem: path.parent.name for path in (ROOT / "policies").glob("*/*.yaml")}
    assert {folders[policy] for policy in shown} == SUBJECTS - {"nodes", "running"}


def test_samples_can_all_be_judged(recommended):
    assert recommended["skipped"] == []


def test_samples_show_both_inline_waivers(recommended):
    waived = {
        finding["workload"]["name"]: finding["waived"]["by"] for finding in recommended["findings"] if finding["waived"]
    }
    assert set(waived) == {"recommender", "cache"}
    assert waived["recommender"].startswith("comment")
    assert waived["cache"].startswith("annotation")
    assert not [note for note in recommended["notes"] if "waive" in note]


def test_the_samples_history_is_what_its_script_makes():
    made, kept = table(), pq.read_table(SAMPLES / "usage.parquet")
    assert kept.schema == made.schema
    assert kept.to_pylist() == made.to_pylist()
