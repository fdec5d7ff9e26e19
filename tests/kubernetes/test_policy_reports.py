"""Report objects in a real API server: written, applied again, removed, and nothing else touched."""

import json

import msgspec
import pytest

from auditor.deliver.errors import DeliveryError
from auditor.deliver.policy_reports import OPENREPORTS, WGPOLICYK8S, report_objects
from auditor.deliver.report_objects import Writer
from auditor.nightly_config import PolicyReportsConfig
from auditor.sources.cluster.connect import connect
from tests.deliver import samples
from tests.deliver.samples import NIGHT, NODE, SKIPPED, WAIVED, report
from tests.kubernetes import report_apis
from tests.kubernetes.accounts import kubeconfig, token_of

APIS = {"openreports": (OPENREPORTS, report_apis.openreports), "wgpolicyk8s": (WGPOLICYK8S, report_apis.wgpolicyk8s)}
SPACES = ("reports-a", "reports-b")
CONFIG = PolicyReportsConfig()
WEB, DB = (
    msgspec.structs.replace(workload, namespace=space)
    for workload, space in zip((samples.WEB, samples.DB), SPACES, strict=True)
)


def finding(number, **changes):
    return samples.finding(number, **({"workload": WEB} | changes))


@pytest.fixture(scope="module")
def writer(lab, tmp_path_factory):
    """Return a writer of the cluster's admin, and the namespaces of the samples."""
    for name in SPACES:
        lab.create("/api/v1/namespaces", {"metadata": {"name": name}})
    with connect(kubeconfig=kubeconfig(lab, tmp_path_factory.mktemp("config") / "admin")) as connection:
        yield Writer(connection, sleep=lambda _: None)
    for name in SPACES:
        lab.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module", params=APIS)
def api(request, lab, writer):  # noqa: ARG001 - the namespaces come first
    """Return an API that is installed in the server."""
    made, definitions = APIS[request.param]
    report_apis.install(lab, definitions())
    yield made
    report_apis.remove(lab, definitions())


@pytest.fixture(autouse=True)
def no_objects(request, lab):
    yield
    if "api" in request.fixturenames:
        made = request.getfixturevalue("api")
        for _, path in objects_of(lab, made):
            lab.call("DELETE", path)


def objects_of(lab, api):
    """Return every report object of the server with its path."""
    found = []
    for plural in (api.plural, api.cluster_plural):
        code, answer = lab.call("GET", f"{api.path}/{plural}")
        assert code == 200, answer
        for item in answer["items"]:
            space = item["metadata"].get("namespace")
            where = f"namespaces/{space}/{plural}" if space else plural
            found.append((item, f"{api.path}/{where}/{item['metadata']['name']}"))
    return found


def by_place(lab, api):
    return {(item["metadata"].get("namespace"), item["metadata"]["name"]): item for item, _ in objects_of(lab, api)}


def write(writer, api, *findings, prune=True, skipped=(), **config):
    made = report(*findings, skipped=skipped)
    changed = msgspec.structs.replace(CONFIG, **config)
    return writer.write(api, report_objects(made, api, changed, NIGHT)[0], prune=prune)


def test_the_apis_that_a_cluster_has_are_found(lab, writer):
    with pytest.raises(DeliveryError, match=r"neither the API openreports\.io nor wgpolicyk8s\.io"):
        writer.apis("auto")
    report_apis.install(lab, report_apis.wgpolicyk8s())
    assert writer.apis("auto") == (WGPOLICYK8S,)
    with pytest.raises(DeliveryError, match=r"does not have the API openreports\.io/v1alpha1$"):
        writer.apis("both")
    report_apis.install(lab, report_apis.openreports())
    assert writer.apis("auto") == (OPENREPORTS,)
    assert writer.apis("wgpolicyk8s") == (WGPOLICYK8S,)
    assert writer.apis("both") == (OPENREPORTS, WGPOLICYK8S)
    for definitions in (report_apis.wgpolicyk8s(), report_apis.openreports()):
        report_apis.remove(lab, definitions)


def test_findings_are_results_of_their_namespace_and_of_the_cluster(lab, writer, api):
    applied = write(
        writer,
        api,
        finding(1, actual_bytes=None, expected_bytes=2**28),
        finding(2, workload=DB, severity="info", waived=WAIVED),
        finding(3, workload=NODE, subject_type="node", subject="", container=None, container_type=None),
        skipped=(SKIPPED,),
    )
    assert (applied.written, applied.removed) == (3, 0)
    there = by_place(lab, api)
    assert sorted(there, key=str) == [
        ("reports-a", "memory-auditor"),
        ("reports-b", "memory-auditor"),
        (None, "memory-auditor"),
    ]
    first = there["reports-a", "memory-auditor"]
    assert first["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "kube-memory-auditor"}
    assert first["summary"] == {"pass": 0, "fail": 1, "warn": 0, "error": 0, "skip": 0}
    (result,) = first["results"]
    # nothing of what was sent has been pruned: the schema knows every key
    assert (
        result == report_objects(report(finding(1, expected_bytes=2**28)), api, CONFIG, NIGHT)[0][0].body["results"][0]
    )
    assert result["resources"] == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "reports-a"}
    ]
    assert result["timestamp"]["seconds"] == int(NIGHT.timestamp())
    (skip,) = there["reports-b", "memory-auditor"]["results"]
    assert skip["result"] == "skip"
    assert "sized by the mesh" in skip["message"]
    error, node = there[None, "memory-auditor"]["results"]
    assert error["result"] == "error"
    assert "list pods in namespace team-c is forbidden" in error["message"]
    assert node["resources"] == [{"apiVersion": "v1", "kind": "Node", "name": "worker-1"}]


def test_a_second_run_changes_the_same_objects_and_leaves_nothing_behind(lab, writer, api):
    write(writer, api, finding(1), finding(2), finding(3, workload=DB))
    before = by_place(lab, api)
    applied = write(writer, api, finding(2))
    assert (applied.written, applied.removed) == (1, 1)
    after = by_place(lab, api)
    (only,) = after
    assert after[only]["metadata"]["uid"] == before[only]["metadata"]["uid"]
    assert [item["properties"]["fingerprint"] for item in after[only]["results"]] == [f"{2:032x}"]
    assert after[only]["summary"]["fail"] == 1


def test_a_run_without_findings_leaves_no_object(lab, writer, api):
    write(writer, api, finding(1), finding(2, workload=NODE))
    assert write(writer, api).removed == 2
    assert by_place(lab, api) == {}


def test_an_incomplete_run_keeps_what_it_did_not_see(lab, writer, api):
    write(writer, api, finding(1), finding(2, workload=DB))
    applied = write(writer, api, finding(1), prune=False)
    assert applied.removed == 0
    assert ("reports-b", "memory-auditor") in by_place(lab, api)


def test_many_findings_of_a_namespace_are_split_and_fewer_parts_later_are_removed(lab, writer, api):
    many = [finding(number, severity="low") for number in range(25)]
    write(writer, api, *many, max_results=10)
    there = by_place(lab, api)
    assert {name: len(item["results"]) for (_, name), item in there.items()} == {
        "memory-auditor": 10,
        "memory-auditor-2": 10,
        "memory-auditor-3": 5,
    }
    # also when it is not certain what was fixed: the namespace itself was seen
    write(writer, api, *many[:3], max_results=10, prune=False)
    assert set(by_place(lab, api)) == {("reports-a", "memory-auditor")}


def test_an_object_as_large_as_one_becomes_is_taken(lab, writer, api):
    long = "m" * 3000
    findings = [finding(number, message=long, path="p" * 3000) for number in range(1000)]
    objects, left_out = report_objects(report(*findings), api, CONFIG, NIGHT)
    assert left_out == 0
    assert max(len(json.dumps(item.body)) for item in objects) > 800_000
    assert writer.write(api, objects, prune=True).written == len(objects)
    # a second time: managed fields are part of the object too
    assert writer.write(api, objects, prune=True).written == len(objects)
    assert len(by_place(lab, api)) == len(objects)


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "kyverno"}])
def test_an_object_of_another_stays_as_it_is(lab, writer, api, labels):
    foreign = {
        "apiVersion": f"{api.group}/{api.version}",
        "kind": api.kind,
        "metadata": {"name": "memory-auditor", "labels": labels},
        "summary": {"pass": 7},
    }
    made = lab.create(f"{api.path}/namespaces/reports-a/{api.plural}", foreign)
    with pytest.raises(
        DeliveryError, match=r"1 object written, 0 removed, then: .*reports-a/memory-auditor is there and"
    ):
        write(writer, api, finding(1), finding(2, workload=DB))
    assert write(writer, api, finding(2, workload=DB)).removed == 0
    assert by_place(lab, api)["reports-a", "memory-auditor"] == made


def test_an_object_that_another_run_makes_meanwhile_is_ours(lab, writer, api, monkeypatch):
    write(writer, api, finding(1))
    monkeypatch.setattr(Writer, "_ours", lambda *_: iter(()))
    assert write(writer, api, finding(2)).written == 1
    (item,) = by_place(lab, api).values()
    assert [result["properties"]["fingerprint"] for result in item["results"]] == [f"{2:032x}"]


def test_a_namespace_that_is_gone_is_a_note(lab, writer, api):
    gone = msgspec.structs.replace(WEB, namespace="reports-gone")
    applied = write(writer, api, finding(1, workload=gone), finding(2))
    assert applied.written == 1
    assert applied.notes == (
        f"{api.plural}.{api.group} reports-gone/memory-auditor is not written: its namespace is gone",
    )
    assert set(by_place(lab, api)) == {("reports-a", "memory-auditor")}


def test_a_namespace_that_is_being_deleted_is_a_note(lab, writer, api):
    name = f"ends-{api.kind.lower()}"
    lab.create("/api/v1/namespaces", {"metadata": {"name": name}})
    assert lab.call("DELETE", f"/api/v1/namespaces/{name}")[1]["status"]["phase"] == "Terminating"
    ends = msgspec.structs.replace(WEB, namespace=name)
    assert write(writer, api, finding(1, workload=ends)).notes


def test_pages_of_our_objects_are_followed(lab, writer, api, monkeypatch):
    write(writer, api, *(finding(number) for number in range(7)), finding(9, workload=NODE), max_results=1)
    monkeypatch.setattr("auditor.deliver.report_objects._PAGE", 2)
    assert write(writer, api).removed == 8
    assert by_place(lab, api) == {}


def test_without_the_right_the_verb_and_the_resource_are_told(lab, api, tmp_path):
    config = kubeconfig(lab, tmp_path / "nobody", token_of(lab, SPACES[0], "nobody"))
    with connect(kubeconfig=config) as nobody:
        writer = Writer(nobody, sleep=lambda _: None)
        with pytest.raises(DeliveryError, match=rf'cannot list resource \\?"{api.plural}\\?"'):
            write(writer, api, finding(1))
