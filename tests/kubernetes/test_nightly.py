"""deploy/ in a real API server: it is taken as it is, its pod passes its namespace, its token reads what it must."""

import json
import os
import subprocess
import sys

import pytest

from auditor.sources.cluster.connect import JSON, connect
from auditor.sources.cluster.kinds import CONTEXT, NAMESPACES, NODES, OWNERS, PODS
from tests.deploy.built import COMPONENTS, built, of_kind
from tests.kubernetes import report_apis
from tests.kubernetes.accounts import kubeconfig, token_of

SPACE = "memory-auditor"
AUDITED = "nightly-audited"
CLUSTER_SCOPED = ("Namespace", "ClusterRole", "ClusterRoleBinding")
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": f"/api/v1/namespaces/{SPACE}/serviceaccounts",
    "ConfigMap": f"/api/v1/namespaces/{SPACE}/configmaps",
    "PersistentVolumeClaim": f"/api/v1/namespaces/{SPACE}/persistentvolumeclaims",
    "CronJob": f"/apis/batch/v1/namespaces/{SPACE}/cronjobs",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}
DEPLOYMENT = {
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "app:1"}]},
        },
    },
}


def apply(lab, item):
    """Apply an object on the server's side and return the answer."""
    path = f"{PATHS[item['kind']]}/{item['metadata']['name']}?fieldManager=test&fieldValidation=Strict"
    return lab.call("PATCH", path, item, "application/apply-patch+yaml")


def delete(lab, item):
    lab.call("DELETE", f"{PATHS[item['kind']]}/{item['metadata']['name']}")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return built(tmp_path_factory.mktemp("deploy"))


@pytest.fixture(scope="module")
def applied(lab, base):
    """Return the answers to applying the base, by kind and name; takes everything away in the end."""
    answers = {(item["kind"], item["metadata"]["name"]): apply(lab, item) for item in base}
    lab.create("/api/v1/namespaces", {"metadata": {"name": AUDITED}})
    lab.create(f"/apis/apps/v1/namespaces/{AUDITED}/deployments", DEPLOYMENT)
    yield answers
    for item in reversed(base):
        delete(lab, item)
    for name in (SPACE, AUDITED):
        lab.call("DELETE", f"/api/v1/namespaces/{name}")


def test_everything_is_taken_and_a_second_time_changes_nothing(lab, base, applied):
    assert {key: code for key, (code, _) in applied.items() if code != 201} == {}
    for item in base:
        code, again = apply(lab, item)
        assert (code, without_times(again)) == (200, without_times(applied[item["kind"], item["metadata"]["name"]][1]))


def without_times(item):
    """Return an object without what every write changes."""
    metadata = {
        key: value for key, value in item["metadata"].items() if key not in ("managedFields", "resourceVersion")
    }
    return item | {"metadata": metadata}


@pytest.mark.usefixtures("applied")
def test_the_pod_passes_the_restricted_standard_of_its_namespace(lab, base):
    spec = of_kind(base, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    path = f"/api/v1/namespaces/{SPACE}/pods?dryRun=All"
    assert lab.call("POST", path, {"metadata": {"name": "night"}, "spec": spec})[0] == 201
    container = spec["containers"][0] | {"securityContext": {"allowPrivilegeEscalation": True}}
    loose = {"metadata": {"name": "night"}, "spec": spec | {"containers": [container]}}
    code, answer = lab.call("POST", path, loose)
    assert code == 403
    assert 'violates PodSecurity "restricted' in answer["message"]


@pytest.fixture
def config(lab, applied, tmp_path):  # noqa: ARG001 - the account is applied before
    """Return a kubeconfig of the service account that deploy/ makes."""
    return kubeconfig(lab, tmp_path / "kubeconfig", token_of(lab, SPACE, "memory-auditor"))


def night(tmp_path, config, **nightly):
    """Run the command as the account over one namespace and what every cluster has."""
    cluster = {"kubeconfig": config, "namespaces": [AUDITED], "name": "lab", "custom_kinds": False}
    wanted = {
        "fail_on": "never",
        "nightly": {"cluster": cluster | nightly.pop("cluster", {}), "reports": "audits", **nightly},
    }
    (tmp_path / ".auditor.yaml").write_text(json.dumps(wanted))
    return subprocess.run(
        [sys.executable, "-m", "auditor", "nightly"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def versions(lab):
    """Return the resourceVersion of every object that is read, and of the role's namespace."""
    found = {}
    for resource in (NODES, NAMESPACES, PODS, *CONTEXT, *OWNERS):
        code, answer = lab.call("GET", resource.path())
        assert code == 200
        for item in answer["items"] or ():
            found[item["metadata"]["uid"]] = item["metadata"]["resourceVersion"]
    return found


def test_the_audit_with_this_token_is_complete_and_changes_nothing(lab, config, tmp_path):
    before = versions(lab)
    done = night(tmp_path, config)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "audits" / "latest" / "audit.json").read_text())
    assert report["skipped"] == []
    assert report["summary"]["workloads"] == 1
    assert json.loads((tmp_path / "audits" / "latest" / "run.json").read_text())["complete"] is True
    assert versions(lab) == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/secrets", None),
        ("GET", "/api/v1/configmaps", None),
        ("GET", "/api/v1/nodes/x/proxy/configz", None),
        ("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", None),
        ("POST", f"/api/v1/namespaces/{AUDITED}/pods", {"metadata": {"name": "x"}}),
        ("POST", f"/api/v1/namespaces/{AUDITED}/events", {"metadata": {"name": "x"}}),
        ("DELETE", f"/apis/apps/v1/namespaces/{AUDITED}/deployments/web", {}),
        ("PATCH", f"/api/v1/namespaces/{AUDITED}", {}),
    ],
)
def test_this_token_may_do_nothing_else(config, method, path, body):
    with connect(kubeconfig=config) as connection:
        if body is None:
            answer = connection.get(path)
        else:
            kind = "application/merge-patch+json" if method == "PATCH" else JSON
            answer = connection.send(method, path, (), json.dumps(body).encode(), kind)
    assert (answer.status, json.loads(answer.body)["reason"]) == (403, "Forbidden")


def test_what_may_not_be_read_is_named_with_what_to_grant(config, tmp_path):
    done = night(tmp_path, config, cluster={"custom_kinds": True, "config_maps": True})
    assert done.returncode == 3
    assert "list on customresourcedefinitions.apiextensions.k8s.io" in done.stdout
    assert "list on configmaps" in done.stdout


@pytest.fixture
def components(lab, applied, tmp_path):  # noqa: ARG001 - the base is applied before
    """Apply what every component adds."""
    extra = [item for item in built(tmp_path, *COMPONENTS) if item["metadata"]["name"].startswith("memory-auditor-")]
    extra = [item for item in extra if item["kind"] in CLUSTER_SCOPED]
    assert [apply(lab, item)[0] for item in extra] == [201] * len(extra)
    yield
    for item in extra:
        delete(lab, item)


@pytest.mark.usefixtures("components")
def test_the_components_let_everything_be_read_and_reports_be_written(lab, config, tmp_path):
    report_apis.install(lab, report_apis.openreports())
    try:
        done = night(
            tmp_path, config, cluster={"custom_kinds": True, "config_maps": True}, policy_reports={"api": "openreports"}
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "policy reports: openreports.io: 1 written, 0 removed" in done.stdout
        code, report = lab.call("GET", f"/apis/openreports.io/v1alpha1/namespaces/{AUDITED}/reports/memory-auditor")
        assert code == 200
        stored = json.loads((tmp_path / "audits" / "latest" / "audit.json").read_text())
        assert {item["properties"]["fingerprint"] for item in report["results"]} == {
            finding["fingerprint"]
            for finding in stored["findings"]
            if AUDITED in (finding["workload"]["namespace"], finding["workload"]["name"])
        }
        assert {item["resources"][0]["name"] for item in report["results"]} >= {"web"}
    finally:
        report_apis.remove(lab, report_apis.openreports())
