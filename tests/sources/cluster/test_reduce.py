"""What is left of an object is enough for its facts, and is not more."""

from pathlib import Path

import pytest

from auditor.policy.load import load_policies, shipped_folder
from auditor.sources.read import read_bytes
from tests.sources.cluster.law import less, told

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
