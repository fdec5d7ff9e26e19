"""Manifests after well-known public examples: the findings that we defend, with a word why, and none besides."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

CORPUS = Path(__file__).resolve().parent / "corpus"
FILES = sorted(path.name for path in CORPUS.glob("*.yaml") if not path.name.endswith(".expect.yaml"))


@pytest.fixture(scope="module", params=FILES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def report(name):
    """Return an audit of a manifest; one run a file, so that none is context of another."""
    command = [sys.executable, "-m", "auditor", "scan", name, "--output", "json", "--fail-on", "never"]
    result = subprocess.run(command, cwd=CORPUS, capture_output=True, timeout=120, check=False)
    assert result.returncode == 0, f"{name}: {result.stderr.decode()}{result.stdout.decode()[:2000]}"
    return json.loads(result.stdout)


def test_corpus_gives_the_findings_that_we_defend(report, name):
    found = Counter()
    for finding in report["findings"]:
        workload = finding["workload"]
        found[finding["policy"], f"{workload['kind']}/{workload['name']}", finding["container"]] += 1
    entries = yaml.safe_load((CORPUS / name.replace(".yaml", ".expect.yaml")).read_text())
    assert all(entry["because"].strip() for entry in entries)
    expected = Counter((entry["policy"], entry["workload"], entry["container"]) for entry in entries)
    assert found - expected == Counter(), "findings that the corpus does not defend"
    assert expected - found == Counter(), "findings that are missing"


def test_corpus_is_judged_completely(report):
    assert report["skipped"] == []
    assert report["summary"]["workloads"] > 0
