"""Whatever a snapshot holds, the audit of it ends in a report."""

import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.api import Options, run
from auditor.kube.paths import value_at
from auditor.sources.cluster.entries import End, Header, Missing
from auditor.sources.cluster.reduce import reduced
from auditor.sources.cluster.snapshot import save
from tests.sources.cluster.objects import container, deployment, entries, node, pod, replica_set
from tests.sources.cluster.test_reduce import PIECES

WRONG = (None, "", "text", 0, -1, 3.0, 2**70, True, [], ["text"], [{}], [[]], {}, {"a": 1}, {"a": []}, {"name": {}})
OWNER = deployment()
SET = replica_set(OWNER)
RESIZED = {
    "conditions": [{"type": "PodResizePending", "reason": "Deferred"}, {"type": "Ready", "status": "True"}],
    "containerStatuses": [{"name": "app", "restartCount": 1, "allocatedResources": {"memory": "64Mi"}}],
}
MOUNTING = {
    "containers": [
        container(volumeMounts=[{"name": "v", "mountPath": "/v"}], env=[{"name": "GOMEMLIMIT", "value": "1GiB"}])
    ],
    "volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}],
}
METRICS = {
    "apiVersion": "metrics.k8s.io/v1beta1",
    "kind": "PodMetrics",
    "metadata": {"name": "web-1", "namespace": "shop"},
    "containers": [{"name": "app", "usage": {"memory": "64Mi"}}],
}
BASE = [
    node("node-a"),
    METRICS,
    OWNER,
    SET,
    pod("web-1", owner=SET, spec=MOUNTING, status=RESIZED),
    pod("web-2", owner=SET),
    pod("alone", namespace="other", status={"phase": "Failed", "reason": "Evicted"}),
]
SOUND = [data for data in map(reduced, PIECES) if data is not None]


@pytest.fixture(autouse=True)
def _folder_without_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def paths(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(inner, (*path, key))


@st.composite
def spoilt(draw):
    """Return objects of a cluster, and some more, of which up to three things are what does not belong there."""
    objects = json.loads(json.dumps(BASE + draw(st.lists(st.sampled_from(SOUND), max_size=2)), default=str))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in paths(objects) if len(path) > 1]))
        value_at(objects, path[:-1])[path[-1]] = json.loads(json.dumps(draw(st.sampled_from(WRONG))))
    return objects


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoilt())
def test_an_audit_of_a_snapshot_of_spoilt_objects_ends_in_a_report(tmp_path, objects):
    path = tmp_path / "s.jsonl.gz"
    list(save(entries(*objects), path))
    audit = run([str(path)], Options(profile="all", jobs=1, keep_records=True))
    assert audit.report.summary.workloads > 0


def test_the_audit_of_a_snapshot_is_that_of_the_cluster(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    forbidden = Missing("list nodes", "forbidden: grant list on nodes", "Node")
    options = Options(profile="all", jobs=1, keep_records=True)
    live = run((), options, clusters=[save(entries(*BASE, forbidden), path)])
    assert live.report.findings
    again = run([str(path)], options)
    assert msgspec.json.encode(again.report) == msgspec.json.encode(live.report)
    assert again.records == live.records


@pytest.mark.parametrize(
    "content", [b"", b'{"entry":"object","data":{"kind":"Pod"}}\n', b"[" * 5000 + b"\n", b"\xff\n" * 50]
)
def test_what_cannot_be_read_is_told_as_skipped(tmp_path, content):
    path = tmp_path / "s.jsonl"
    path.write_bytes(msgspec.json.encode(Header(1, "prod", "1.34")) + b"\n" + content)
    audit = run([str(path)], Options(jobs=1))
    assert not audit.complete
    assert any("it has no end" in item.reason for item in audit.report.skipped)
    assert all(item.cluster == "prod" for item in audit.report.skipped)


def test_an_entry_of_a_snapshot_does_not_end_up_in_another_cluster(tmp_path):
    # Two snapshots are two clusters.
    for name in ("one", "two"):
        list(save(entries(*BASE, cluster=name), tmp_path / name))
    audit = run([str(tmp_path / "one"), str(tmp_path / "two")], Options(profile="all", jobs=1))
    assert {finding.cluster for finding in audit.report.findings} == {"one", "two"}


def test_an_interrupted_snapshot_is_judged_and_incomplete(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    list(save(iter([*list(entries(*BASE, end=False)), End(interrupted=True)]), path))
    audit = run([str(path)], Options(profile="all", jobs=1))
    assert audit.report.summary.workloads
    assert not audit.complete
