"""`auditor cluster` on a real API server: pods as its admission made them, statuses as a kubelet writes them."""

import csv
import io
import json
import re

import pytest

from tests.cli.conftest import run  # noqa: F401 - a fixture
from tests.kubernetes.accounts import kubeconfig

SPACE = "live"
MI = 2**20
_SECONDS = re.compile(r" · [0-9.]+ s$", re.MULTILINE)
"""Only the text tells how long it took."""


def container(name="app", **resources):
    return {"name": name, "image": f"registry.example/{name}:1", "resources": resources}


APP = container(requests={"memory": "100Mi"}, limits={"memory": "200Mi"})
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [APP]}}
KILLED = {
    "name": "app",
    "ready": True,
    "restartCount": 3,
    "image": "",
    "imageID": "",
    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
}


def owned(made):
    kind = "ReplicaSet" if "revision" not in made else made["kind"]
    reference = {"apiVersion": "apps/v1", "kind": kind, "controller": True}
    return [reference | {"name": made["metadata"]["name"], "uid": made["metadata"]["uid"]}]


@pytest.fixture(scope="module", autouse=True)
def _objects(lab):
    """Fill a namespace: nodes, a LimitRange, a Deployment with pods that a webhook changed, one at zero replicas."""
    lab.create("/api/v1/namespaces", {"metadata": {"name": SPACE}})
    core, apps = f"/api/v1/namespaces/{SPACE}", f"/apis/apps/v1/namespaces/{SPACE}"
    for name, size in (("live-a", "4Gi"), ("live-b", "8Gi")):
        made = lab.create("/api/v1/nodes", {"metadata": {"name": name}})
        amounts = {"cpu": "4", "memory": size, "pods": "110"}
        made["status"] = {"capacity": amounts, "allocatable": amounts}
        assert lab.call("PUT", f"/api/v1/nodes/{name}/status", made)[0] == 200
    limits = {"limits": [{"type": "Container", "default": {"memory": "300Mi"}}]}
    lab.create(f"{core}/limitranges", {"metadata": {"name": "limits"}, "spec": limits})
    selector = {"matchLabels": {"app": "web"}}
    web = lab.create(
        f"{apps}/deployments",
        {"metadata": {"name": "web"}, "spec": {"replicas": 3, "selector": selector, "template": TEMPLATE}},
    )
    idle = TEMPLATE | {"spec": {"containers": [container(requests={"memory": "100Mi"})]}}
    lab.create(
        f"{apps}/deployments",
        {"metadata": {"name": "idle"}, "spec": {"replicas": 0, "selector": selector, "template": idle}},
    )
    above = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": web["metadata"]["uid"]}
    rs = lab.create(
        f"{apps}/replicasets",
        {
            "metadata": {"name": "web-1", "labels": {"app": "web"}, "ownerReferences": [above | {"controller": True}]},
            "spec": {"selector": selector, "template": TEMPLATE},
        },
    )
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": rs["metadata"]["uid"]}
    for name, node in (("web-1-a", "live-a"), ("web-1-b", "live-a"), ("web-1-c", "live-b")):
        spec = {"nodeName": node, "containers": [container("istio-proxy", requests={"memory": "50Mi"}), APP]}
        metadata = {"name": name, "labels": {"app": "web"}, "ownerReferences": [reference | {"controller": True}]}
        lab.create(f"{core}/pods", {"metadata": metadata, "spec": spec})
    told(lab, "web-1-a", phase="Running", containerStatuses=[KILLED])
    lab.create(f"{core}/pods", {"metadata": {"name": "done"}, "spec": {"containers": [APP]}})
    told(lab, "done", phase="Succeeded")
    yield
    for name in ("live-a", "live-b"):
        lab.call("DELETE", f"/api/v1/nodes/{name}")
    # No controller empties a namespace here.
    for path in (f"{apps}/deployments", f"{apps}/replicasets", f"{core}/pods", f"{core}/limitranges"):
        assert lab.call("DELETE", f"{path}?gracePeriodSeconds=0")[0] == 200
    lab.call("DELETE", f"/api/v1/namespaces/{SPACE}")


def told(lab, name, **status):
    """Write a part of a pod's status, as its kubelet does."""
    path = f"/api/v1/namespaces/{SPACE}/pods/{name}/status"
    merge = "application/strategic-merge-patch+json"
    answer = lab.call("PATCH", path, {"status": status}, merge)
    assert answer[0] == 200, answer


@pytest.fixture
def audit(lab, tmp_path, run):  # noqa: F811 - the fixture
    config = kubeconfig(lab, tmp_path / "kubeconfig")

    def audit(*arguments):
        result = run("cluster", "--kubeconfig", config, "-n", SPACE, "--fail-on", "never", *arguments)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout.decode()

    return audit


def test_what_runs_is_judged_as_admission_made_it(audit):
    rows = {
        (row["name"], row["container"]): row
        for row in csv.DictReader(io.StringIO(audit("--output", "csv-inventory")))
        if row["kind"] == "Deployment"
    }
    assert set(rows) == {("web", "istio-proxy"), ("web", "app"), ("idle", "app")}
    proxy, app, idle = rows["web", "istio-proxy"], rows["web", "app"], rows["idle", "app"]
    # The LimitRanger of the API server gave the injected container its limit.
    assert (proxy["limit_bytes"], proxy["limit_from"]) == (str(300 * MI), "admission")
    assert (app["written_limit_bytes"], app["limit_bytes"], app["limit_from"]) == (*[str(200 * MI)] * 2, "manifest")
    assert (idle["written_limit_bytes"], idle["limit_bytes"]) == ("", str(300 * MI))
    assert app["pod_request_bytes"] == str(150 * MI)
    assert {row["cluster"] for row in rows.values()} == {"lab"}


def test_the_class_of_each_pod_is_the_one_that_the_server_gave_it(lab, audit):
    _, pods = lab.call("GET", f"/api/v1/namespaces/{SPACE}/pods")
    by_server = {item["status"]["qosClass"] for item in pods["items"] if item["metadata"]["name"].startswith("web")}
    rows = list(csv.DictReader(io.StringIO(audit("--output", "csv-inventory"))))
    assert {row["qos_class"] for row in rows if row["name"] == "web"} == by_server == {"Burstable"}


def test_findings_name_the_cluster_the_object_and_the_path_in_its_template(audit):
    report = json.loads(audit("--output", "json", "--profile", "all"))
    found = {(item["policy"], item["workload"]["name"], item["container"]): item for item in report["findings"]}
    killed = found["container-oom-killed", "web", "app"]
    assert killed["message"] == "was ended by the OOM killer in 1 pod, with 3 restarts"
    assert (killed["cluster"], killed["file"], killed["line"]) == ("lab", None, None)
    assert killed["path"] == "spec.template.spec.containers[0].resources.limits.memory"
    proxy = [item for (_, name, of), item in found.items() if (name, of) == ("web", "istio-proxy")]
    assert proxy
    assert all("injected by Istio" in item["message"] for item in proxy)
    assert not [item for item in report["findings"] if item["workload"]["name"] == "done"]


def test_a_resize_that_the_server_accepted_is_told_until_the_kubelet_has_done_it(lab, audit):
    before = {"requests": {"memory": "100Mi"}, "limits": {"memory": "200Mi"}}
    told(
        lab,
        "web-1-c",
        phase="Running",
        conditions=[{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
        containerStatuses=[
            {
                "name": "app",
                "ready": True,
                "restartCount": 0,
                "image": "",
                "imageID": "",
                "resources": before,
                "allocatedResources": before["requests"],
            }
        ],
    )
    grown = {"name": "app", "resources": {"requests": {"memory": "150Mi"}, "limits": {"memory": "250Mi"}}}
    status, answer = lab.call(
        "PATCH",
        f"/api/v1/namespaces/{SPACE}/pods/web-1-c/resize",
        {"spec": {"containers": [grown]}},
        "application/strategic-merge-patch+json",
    )
    assert status == 200, answer
    report = json.loads(audit("--output", "json"))
    (found,) = (item for item in report["findings"] if item["policy"] == "pod-resize-pending")
    assert "can never be done on this node" in found["message"]
    rows = csv.DictReader(io.StringIO(audit("--output", "csv-inventory")))
    grown_rows = [row for row in rows if row["request_bytes"] == str(150 * MI)]
    # The cgroup keeps what the kubelet has put in force.
    assert [(row["name"], row["memory_max_bytes"]) for row in grown_rows] == [("web", str(200 * MI))]


def test_a_snapshot_judged_later_gives_the_same_bytes_in_every_format(audit, run, tmp_path):  # noqa: F811 - the fixture
    formats = ("json", "csv", "sarif", "markdown", "text", "csv-inventory")
    saved = [f"--output={name}=live.{name}" for name in formats]
    audit("--quiet", "--save", "night.jsonl.gz", *saved)
    again = [f"--output={name}=saved.{name}" for name in formats]
    result = run("scan", "night.jsonl.gz", "--quiet", "--fail-on", "never", *again)
    assert result.returncode == 0, result.stderr.decode()
    for name in formats:
        live, scanned = (_SECONDS.sub("", (tmp_path / f"{origin}.{name}").read_text()) for origin in ("live", "saved"))
        assert live == scanned


def test_a_label_selector_leaves_out_what_does_not_match(audit):
    report = json.loads(audit("--output", "json", "-l", "app!=web"))
    assert report["summary"]["workloads"] == 0
