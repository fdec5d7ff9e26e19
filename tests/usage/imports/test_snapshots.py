"""A snapshot of a cluster tells of use as the saved objects that are in it do."""

import json
from pathlib import Path

import pytest

from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Header, Item, Missing
from auditor.sources.cluster.reduce import reduced
from auditor.sources.cluster.snapshot import save
from auditor.usage.errors import UsageError
from auditor.usage.imports import read_checkpoints, read_pod_metrics
from tests.usage.imports.test_checkpoints import checkpoint

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop"}, "spec": {}}
AUTOSCALER = {
    "apiVersion": "autoscaling.k8s.io/v1",
    "kind": "VerticalPodAutoscaler",
    "metadata": {"name": "web-vpa", "namespace": "shop"},
    "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
}
METRICS = {
    "apiVersion": "metrics.k8s.io/v1beta1",
    "kind": "PodMetrics",
    "metadata": {"name": "web-1", "namespace": "shop"},
    "timestamp": "2026-11-20T10:00:30Z",
    "window": "15.5s",
    "containers": [{"name": "app", "usage": {"cpu": "1m", "memory": "73912Ki"}}],
}


@pytest.fixture
def snapshot(tmp_path):
    def write(*some):
        path = tmp_path / "cluster.jsonl.gz"
        kept = [item if isinstance(item, Missing) else Item(reduced(item)) for item in some]
        list(save(iter([Header(SNAPSHOT_VERSION, "prod", "1.34"), *kept, End()]), path))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("read", "objects"), [(read_checkpoints, [AUTOSCALER, checkpoint()]), (read_pod_metrics, [METRICS])]
)
def test_rows_of_a_snapshot_are_those_of_the_saved_objects(read, objects, snapshot, written, options):
    saved = read([written("o.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))], options)
    found = read([snapshot(*objects, POD)], options)
    assert len(found.rows) == 1
    assert found.rows == saved.rows
    assert found.skipped == ()


def test_what_the_snapshot_lacks_of_use_is_a_fault_and_what_else_it_lacks_is_none(snapshot, options):
    down = Missing("list pods.metrics.k8s.io", "HTTP 503", "PodMetrics")
    result = read_pod_metrics([snapshot(down, Missing("list nodes", "forbidden", "Node"), METRICS)], options)
    assert len(result.rows) == 1
    (fault,) = result.skipped
    assert fault.reason == "list pods.metrics.k8s.io: HTTP 503"


def test_a_snapshot_of_a_later_version_is_wrong_use(tmp_path, options):
    path = Path(tmp_path / "later.jsonl")
    path.write_text(json.dumps({"entry": "cluster", "version": 99}))
    with pytest.raises(UsageError, match="version 99"):
        read_pod_metrics([str(path)], options)
