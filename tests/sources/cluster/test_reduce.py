"""What is left of an object is enough for its facts, and is not more."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.kube.paths import value_at
from auditor.kube.versions import parse_target
from auditor.policy.load import load_policies, shipped_folder
from auditor.sources.cluster.reduce import reduced
from auditor.sources.read import read_bytes
from tests.facts.objects import make_object
from tests.kubernetes.generate import MALFORMED, Generator
from tests.sources.cluster.law import less, told, values

API_VERSIONS = {"Pod": "v1", "Deployment": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1"}

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = sorted(
    path
    for folder in ("tests/corpus", "manifests-samples")
    for path in (ROOT / folder).iterdir()
    if path.suffix in {".yaml", ".json"} and ".expect" not in path.name
)
EXAMPLES = [
    pytest.param(example.manifest, id=f"{policy.id}-{index}")
    for policy in load_policies([shipped_folder()])
    for index, example in enumerate((*policy.good, *policy.bad))
]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_everything_told_of_a_manifest_is_told_of_what_is_left_of_it(path):
    objects = read_bytes(path.read_bytes(), path.name).objects
    assert objects
    assert told(less(objects)) == told(objects)


@pytest.mark.parametrize("manifest", EXAMPLES)
def test_everything_told_of_an_example_of_a_policy_is_told_of_what_is_left_of_it(manifest):
    objects = read_bytes(manifest.encode(), "example.yaml").objects
    assert told(less(objects)) == told(objects)


ROWS = [
    pytest.param(row, id=row["name"])
    for path in sorted((ROOT / "tests/conformance").glob("*.yaml"))
    for row in yaml.safe_load(path.read_text())
    if "spec" in row
]


@pytest.mark.parametrize("row", ROWS)
def test_facts_of_a_row_of_the_conformance_corpus_are_those_of_what_is_left(row):
    kind, metadata, spec = row.get("kind", "Pod"), row.get("metadata", {}), row["spec"]
    data = {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": {"name": "p", "namespace": "team-a"}}
    if kind == "Pod":
        data |= {"metadata": data["metadata"] | metadata, "spec": spec}
        data |= {"status": row["status"]} if "status" in row else {}
    else:
        data["spec"] = row.get("owner", {}) | {"template": {"metadata": metadata, "spec": spec}}
    target = parse_target(row.get("version"), row.get("gates", []))
    around = [make_object({"apiVersion": "v1"} | item) for item in row.get("context", [])]
    whole, _ = Context.build(around, target.minor)
    small, _ = Context.build(less(around), target.minor)
    assert values(small) == values(whole)
    obj = make_object(data)
    (left,) = less([obj])
    assert build_record(left, small, target) == build_record(obj, whole, target)


def made_pod(spec):
    metadata = {"name": "p", "namespace": "team-a"}
    return make_object({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


@pytest.mark.parametrize("seed", range(20))
def test_facts_of_generated_pods_are_those_of_what_is_left(seed):
    generator = Generator(seed)
    objects = [made_pod(generator.spec_with_class()) for _ in range(15)]
    objects += [made_pod(generator.spec_with_overhead()) for _ in range(15)]
    assert told(less(objects)) == told(objects)


@pytest.mark.parametrize("spec", MALFORMED)
def test_what_is_told_of_a_malformed_pod_is_told_of_what_is_left(spec):
    objects = [made_pod(spec)]
    assert told(less(objects)) == told(objects)
    assert told(objects)[2].skipped


def pieces():
    """Return objects of all kinds that the shipped examples and the corpus hold, each of one shape once."""
    found = {}
    texts = [param.values[0].encode() for param in EXAMPLES] + [path.read_bytes() for path in MANIFESTS]
    for text in texts:
        for obj in read_bytes(text, "a.yaml").objects:
            if obj.kind != "Secret":
                found.setdefault((obj.kind, tuple(sorted(map(str, _paths(obj.data))))), obj.data)
    return list(found.values())


def _paths(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(inner, (*path, key))


PIECES = pieces()
WRONG = (
    None,
    "",
    "text",
    0,
    -1,
    3.0,
    1.5,
    2**70,
    True,
    False,
    [],
    ["text"],
    [{}],
    {},
    {"a": 1},
    {"name": "a"},
    "512Mi",
)


@st.composite
def spoilt(draw):
    """Return an object of which something was replaced by what does not belong there."""
    data = json.loads(json.dumps(draw(st.sampled_from(PIECES)), default=str))
    for _ in range(draw(st.integers(1, 2))):
        paths = [path for path in _paths(data) if path not in {(), ("kind",), ("apiVersion",)}]
        if paths:
            path = draw(st.sampled_from(paths))
            value_at(data, path[:-1])[path[-1]] = json.loads(json.dumps(draw(st.sampled_from(WRONG))))
    return data


def read_live(data):
    """Return the objects of a document as if a cluster had told of them, and why others are none."""
    read = read_bytes(json.dumps(data).encode(), "a.json")
    objects = [replace(obj, locator=None, file="", line=0, cluster="c", comments=()) for obj in read.objects]
    return objects, [item.reason for item in read.skipped]


@settings(max_examples=400)
@given(spoilt())
def test_what_is_told_of_a_spoilt_object_is_told_of_what_is_left(data):
    objects, skipped = read_live(data)
    left, left_skipped = read_live(reduced(data))
    assert left_skipped == skipped
    assert told(left) == told(objects)
