"""Every row of the corpus holds."""

import re
from pathlib import Path

import pytest
import yaml

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.kube.versions import parse_target
from tests.facts.objects import make_object, make_pod

ROWS = [row for path in sorted(Path(__file__).parent.glob("*.yaml")) for row in yaml.safe_load(path.read_text())]
SCALE = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def value(expected):
    match = re.fullmatch(r"(\d+)([KMG]i)", expected) if isinstance(expected, str) else None
    return int(match[1]) * SCALE[match[2]] if match else expected


def compare(facts, expected):
    found = {key: getattr(facts, key) for key in expected}
    found = {key: list(item) if isinstance(item, tuple) else item for key, item in found.items()}
    assert found == {key: value(item) for key, item in expected.items()}


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_row(row):
    assert row["why"]
    target = parse_target(row.get("version"), row.get("gates", []))
    context, skipped = Context.build([make_object(data) for data in row.get("context", [])], target.minor)
    assert skipped == ()
    record = build_record(make_pod(row["spec"]), context, target)
    assert record.problems == ()
    reasons = [item.reason for item in record.admission if item.rejects]
    assert record.pod.rejected == bool(reasons)
    assert any(row["rejects"] in reason for reason in reasons) if "rejects" in row else reasons == []
    compare(record.pod, row.get("pod", {}))
    for name, expected in row.get("containers", {}).items():
        compare(next(item for item in record.containers if item.name == name), expected)
    for name, expected in row.get("volumes", {}).items():
        compare(next(item for item in record.volumes if item.name == name), expected)


def test_names_are_unique():
    names = [row["name"] for row in ROWS]
    assert len(names) == len(set(names))
