"""Every row of the corpus holds."""

import re
from pathlib import Path

import pytest
import yaml

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.kube.quantity import Quantity, parse
from auditor.kube.versions import parse_target
from tests.facts.objects import make_object

ROWS = [row for path in sorted(Path(__file__).parent.glob("*.yaml")) for row in yaml.safe_load(path.read_text())]
PODS = [row for row in ROWS if "spec" in row]
QUANTITIES = [row for row in ROWS if "quantity" in row]
SCALE = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
API_VERSIONS = {"Pod": "v1", "Deployment": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1"}
KEYS = {
    *("name", "why", "version", "gates", "context", "kind", "owner", "metadata", "spec", "status"),
    *("workload", "pod", "containers", "volumes", "nodes", "quotas", "rejects"),
}
QUANTITY_KEYS = {"name", "why", "quantity", "bytes", "milli", "canonical", "valid", "fractional", "error"}


def value(expected):
    """Return what a row expects, with its amounts in bytes."""
    if isinstance(expected, dict):
        return {key: value(item) for key, item in expected.items()}
    match = re.fullmatch(r"(\d+)([KMGT]i)", expected) if isinstance(expected, str) else None
    return int(match[1]) * SCALE[match[2]] if match else expected


def seen(facts, expected):
    """Return what is found for every key that a row names."""
    if isinstance(expected, dict) and facts is not None:
        return {key: seen(getattr(facts, key), item) for key, item in expected.items()}
    return list(facts) if isinstance(facts, tuple) else facts


def holds(facts, expected):
    assert seen(facts, expected) == value(expected)


def by_name(items, name):
    return next(item for item in items if item.name == name)


def holds_by_name(items, expected):
    for name, facts in expected.items():
        holds(by_name(items, name), facts)


def made(row):
    """Return the object that a row describes."""
    kind, metadata, spec = row.get("kind", "Pod"), row.get("metadata", {}), row["spec"]
    data = {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": {"name": "p", "namespace": "team-a"}}
    if kind == "Pod":
        data |= {"metadata": data["metadata"] | metadata, "spec": spec}
        data |= {"status": row["status"]} if "status" in row else {}
    else:
        data["spec"] = row.get("owner", {}) | {"template": {"metadata": metadata, "spec": spec}}
    return make_object(data)


@pytest.mark.parametrize("row", PODS, ids=[row["name"] for row in PODS])
def test_pod(row):
    assert row["why"]
    assert row.keys() <= KEYS
    target = parse_target(row.get("version"), row.get("gates", []))
    context, skipped = Context.build([make_object(data) for data in row.get("context", [])], target.minor)
    assert skipped == ()
    record = build_record(made(row), context, target)
    assert record.problems == ()
    reasons = [item.reason for item in record.admission if item.rejects]
    assert record.pod.rejected == bool(reasons)
    assert any(row["rejects"] in reason for reason in reasons) if "rejects" in row else reasons == []
    holds(record.pod, row.get("pod", {}))
    holds(record.workload, row.get("workload", {}))
    holds_by_name(record.containers, row.get("containers", {}))
    holds_by_name(record.volumes, row.get("volumes", {}))
    assert list(record.quotas) == row.get("quotas", list(record.quotas))
    for name, expected in row.get("nodes", {}).items():
        group = next(item for item in record.nodes if name in item.names)
        holds(group, expected.get("pod", {}))
        holds_by_name(group.containers, expected.get("containers", {}))
        holds_by_name(group.volumes, expected.get("volumes", {}))


@pytest.mark.parametrize("row", QUANTITIES, ids=[row["name"] for row in QUANTITIES])
def test_quantity(row):
    assert row["why"]
    assert row.keys() <= QUANTITY_KEYS
    found = parse(row["quantity"])
    if not isinstance(found, Quantity):
        assert row["valid"] is False
        assert row["error"] in found.problem
        assert not row.keys() & {"bytes", "milli", "canonical", "fractional"}
        return
    assert row.get("error", "") in (found.problem or "")
    told = {"bytes": found.bytes, "milli": found.milli, "canonical": found.canonical()}
    told |= {"valid": found.problem is None, "fractional": found.fractional}
    wanted = {"valid": True} | {key: row[key] for key in told if key in row}
    assert {key: told[key] for key in wanted} == wanted


def test_every_row_is_about_a_pod_or_a_quantity():
    assert len(PODS) + len(QUANTITIES) == len(ROWS)


def test_names_are_unique():
    names = [row["name"] for row in ROWS]
    assert len(names) == len(set(names))


def test_the_examples_of_the_readme_are_rows():
    blocks = re.findall(r"```yaml\n(.*?)```", Path(__file__).with_name("README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    assert all(row in ROWS for block in blocks for row in yaml.safe_load(block))


def test_the_readme_names_every_key_and_file():
    readme = Path(__file__).with_name("README.md").read_text()
    files = {path.name for path in Path(__file__).parent.glob("*.yaml")}
    assert {name for name in KEYS | QUANTITY_KEYS | files if f"`{name}`" not in readme} == set()
