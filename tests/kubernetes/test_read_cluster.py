"""Reading a real API server: its pages, its expired tokens, its refusals, its certificates, its definitions."""

import base64
import json
from contextlib import contextmanager

import pytest

from auditor.sources.cluster.connect import ClusterError, connect
from auditor.sources.cluster.entries import End, Header, Item, Missing
from auditor.sources.cluster.read import Wanted, read_cluster
from tests.kubernetes.access import account, allow, client_certificate, compact, user
from tests.kubernetes.accounts import kubeconfig, token_of, wait_for

SPACE, OTHER = "reading", "reading-other"
POD_SPEC = {"containers": [{"name": "app", "image": "app:1", "resources": {"limits": {"memory": "64Mi"}}}]}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": POD_SPEC}
WORKLOAD = {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
READ = ["get", "list"]


def pod(name, **labels):
    return {"metadata": {"name": name, "labels": labels}, "spec": POD_SPEC}


@pytest.fixture(scope="module", autouse=True)
def _objects(lab):
    """Fill two namespaces with objects of every kind that is read."""
    for space in (SPACE, OTHER):
        lab.create("/api/v1/namespaces", {"metadata": {"name": space}})
    core, apps = f"/api/v1/namespaces/{SPACE}", f"/apis/apps/v1/namespaces/{SPACE}"
    for name in "abcdefg":
        lab.create(f"{core}/pods", pod(f"pod-{name}", app="web" if name < "c" else "db"))
    lab.create(f"/api/v1/namespaces/{OTHER}/pods", pod("pod-other", app="web"))
    lab.create("/api/v1/nodes", {"metadata": {"name": "reading-node"}})
    lab.create(f"{core}/limitranges", {"metadata": {"name": "limits"}, "spec": {"limits": [{"type": "Pod"}]}})
    lab.create(f"{core}/resourcequotas", {"metadata": {"name": "quota"}, "spec": {"hard": {"limits.memory": "9Gi"}}})
    lab.create(f"{core}/configmaps", {"metadata": {"name": "settings"}, "data": {"GOMEMLIMIT": "1GiB"}})
    lab.create(f"{core}/secrets", {"metadata": {"name": "secret"}, "stringData": {"password": "hunter2"}})
    scaled = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 2}
    lab.create(
        f"/apis/autoscaling/v2/namespaces/{SPACE}/horizontalpodautoscalers",
        {"metadata": {"name": "web"}, "spec": scaled},
    )
    made = lab.create(f"{apps}/deployments", {"metadata": {"name": "web"}, "spec": WORKLOAD})
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": made["metadata"]["uid"]}
    linked = {"name": "web-1", "ownerReferences": [owner | {"controller": True}]}
    lab.create(f"{apps}/replicasets", {"metadata": linked, "spec": WORKLOAD})
    lab.create(f"{apps}/replicasets", {"metadata": {"name": "bare"}, "spec": WORKLOAD})
    lab.create(f"{apps}/statefulsets", {"metadata": {"name": "db"}, "spec": WORKLOAD | {"serviceName": "db"}})
    lab.create(f"{apps}/daemonsets", {"metadata": {"name": "agent"}, "spec": WORKLOAD})
    plain = {"selector": {"app": "web"}, "template": TEMPLATE}
    lab.create(f"{core}/replicationcontrollers", {"metadata": {"name": "old"}, "spec": plain})
    job = {"template": {"spec": POD_SPEC | {"restartPolicy": "Never"}}}
    lab.create(f"/apis/batch/v1/namespaces/{SPACE}/jobs", {"metadata": {"name": "once"}, "spec": job})
    nightly = {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}}
    lab.create(f"/apis/batch/v1/namespaces/{SPACE}/cronjobs", {"metadata": {"name": "nightly"}, "spec": nightly})
    yield
    for space in (SPACE, OTHER):
        lab.call("DELETE", f"/api/v1/namespaces/{space}")
    lab.call("DELETE", "/api/v1/nodes/reading-node")


@pytest.fixture
def connected(lab, tmp_path):
    """Return what connects: as the admin, or with a token."""

    @contextmanager
    def made(token=None):
        with connect(kubeconfig=kubeconfig(lab, tmp_path / "kubeconfig", token)) as connection:
            yield connection

    return made


def read(connection, **wanted):
    return list(read_cluster(connection, Wanted(**wanted), reduce=lambda data: data, sleep=lambda _: None))


def found(entries):
    """Return kind and name of every object that the module made."""
    every = [(entry.data["kind"], entry.data["metadata"]) for entry in entries if isinstance(entry, Item)]
    ours = (SPACE, OTHER, "reading-node")
    return [
        (kind, metadata["name"])
        for kind, metadata in every
        if metadata["name"] in ours or metadata.get("namespace") in ours
    ]


def missing(entries):
    return {entry.what: entry.reason for entry in entries if isinstance(entry, Missing)}


PODS = [("Pod", name) for name in ("pod-other", *(f"pod-{name}" for name in "abcdefg"))]
"""In the order of their keys: reading-other/ comes before reading/, as a dash sorts before a slash."""
WHOLE = [
    ("Node", "reading-node"),
    ("Namespace", SPACE),
    ("Namespace", OTHER),
    ("LimitRange", "limits"),
    ("ResourceQuota", "quota"),
    ("HorizontalPodAutoscaler", "web"),
    ("Deployment", "web"),
    ("StatefulSet", "db"),
    ("DaemonSet", "agent"),
    ("ReplicaSet", "bare"),
    ("ReplicaSet", "web-1"),
    ("ReplicationController", "old"),
    ("Job", "once"),
    ("CronJob", "nightly"),
    *PODS,
]


@pytest.mark.parametrize("size", [1, 3, 500])
def test_everything_is_read_in_order_whatever_the_size_of_pages(size, connected):
    with connected() as connection:
        entries = read(connection, page_size=size)
    assert entries[0] == Header(1, "lab", connection.kubernetes_version)
    assert connection.kubernetes_version.startswith("1.")
    assert entries[-1] == End()
    assert missing(entries) == {}
    assert found(entries) == WHOLE


def test_objects_are_those_that_kubernetes_holds_without_managed_fields(lab, connected):
    with connected() as connection:
        entries = read(connection)
    every = (entry.data for entry in entries if isinstance(entry, Item) and entry.data["kind"] == "Deployment")
    data = next(item for item in every if item["metadata"]["namespace"] == SPACE)
    _, whole = lab.call("GET", f"/apis/apps/v1/namespaces/{SPACE}/deployments/web")
    assert whole["metadata"].pop("managedFields")
    assert data == whole


def test_an_owned_replica_set_comes_without_its_template(connected):
    with connected() as connection:
        entries = read(connection)
    sets = {entry.data["metadata"]["name"]: entry.data for entry in entries if isinstance(entry, Item)}
    assert "spec" not in sets["web-1"]
    assert sets["web-1"]["metadata"]["ownerReferences"][0]["name"] == "web"
    assert sets["bare"]["spec"]["template"]["spec"]["containers"]


def test_no_secret_is_read_and_config_maps_only_on_demand(connected):
    with connected() as connection:
        assert "hunter2" not in str(read(connection, config_maps=()))
        assert ("ConfigMap", "settings") not in found(read(connection))
        assert ("ConfigMap", "settings") in found(read(connection, config_maps=()))
        assert [entry for entry in found(read(connection, config_maps=("settings", "none"))) if entry not in WHOLE] == [
            ("ConfigMap", "settings")
        ]


def test_namespaces_and_selectors_narrow_what_is_read(connected):
    with connected() as connection:
        entries = read(connection, namespaces=(OTHER, SPACE), selector="app in (web)")
        narrow = [entry for entry in found(entries) if entry[0] == "Pod"]
        assert narrow == [("Pod", "pod-other"), ("Pod", "pod-a"), ("Pod", "pod-b")]
        assert ("Deployment", "web") in found(entries)
        assert found(read(connection, namespaces=(OTHER,))) == [
            ("Node", "reading-node"),
            ("Namespace", OTHER),
            ("Pod", "pod-other"),
        ]
        assert (
            missing(read(connection, namespaces=("no-such",)))["get namespace no-such"] == "there is no such namespace"
        )


def test_a_selector_that_is_none_is_told_in_the_servers_words(connected):
    with connected() as connection:
        assert "unable to parse requirement" in missing(read(connection, selector="app in web"))["list pods"]


def aged(token):
    """Return a continue token as old as the cluster."""
    decoded = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return base64.urlsafe_b64encode(json.dumps(decoded | {"rv": 1}).encode()).decode().rstrip("=")


class TestExpired:
    """Tokens of lists that were compacted away."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _forgotten(cls, lab):
        compact(lab)
        _, first = lab.call("GET", "/api/v1/pods?limit=1")
        path = f"/api/v1/pods?limit=1&continue={aged(first['metadata']['continue'])}"
        wait_for(lambda: lab.call("GET", path)[0] == 410, seconds=60)

    class Ages:
        """A connection whose first token of pods is as old as the cluster."""

        def __init__(self, connection, *, offers):
            self._connection, self._offers = connection, offers
            self.answers = []
            self.name, self.kubernetes_version = connection.name, connection.kubernetes_version
            self.clean = connection.clean

        def get(self, path, query=(), accept="application/json"):
            if path == "/api/v1/pods" and 410 not in self.answers:
                query = [(key, aged(value) if key == "continue" else value) for key, value in query]
            answer = self._connection.get(path, query, accept)
            if path == "/api/v1/pods":
                self.answers.append(answer.status)
            if answer.status == 410 and not self._offers:
                status = json.loads(answer.body)
                assert status["metadata"].pop("continue")
                answer = type(answer)(answer.status, json.dumps(status).encode())
            return answer

    @pytest.mark.parametrize("offers", [True, False])
    def test_a_list_goes_on_after_its_token_expired(self, offers, connected):
        with connected() as connection:
            ages = self.Ages(connection, offers=offers)
            entries = read(ages, page_size=3)
        assert ages.answers[:2] == [200, 410]
        assert set(ages.answers[2:]) == {200}
        assert missing(entries) == {}
        assert [entry for entry in found(entries) if entry[0] == "Pod"] == PODS


class TestRights:
    def test_what_a_role_lacks_is_named_and_the_rest_is_read(self, lab, connected):
        token = token_of(lab, SPACE, "part")
        rules = [
            {"apiGroups": ["", "apps", "batch"], "resources": ["pods", "nodes", "deployments", "jobs"], "verbs": READ}
        ]
        allow(lab, account(SPACE, "part"), rules, name="reading-part")
        with connected(token) as connection:
            entries = read(connection)
        assert found(entries) == [entry for entry in WHOLE if entry[0] in ("Pod", "Node", "Deployment", "Job")]
        everywhere = "in all namespaces"
        definitions = "customresourcedefinitions.apiextensions.k8s.io"
        assert missing(entries) == {
            "list namespaces": "forbidden: grant list on namespaces",
            "list runtimeclasses.node.k8s.io": "forbidden: grant list on runtimeclasses.node.k8s.io",
            "list priorityclasses.scheduling.k8s.io": "forbidden: grant list on priorityclasses.scheduling.k8s.io",
            f"list {definitions}": f"forbidden: grant list on {definitions}",
        } | {
            f"list {words}": f"forbidden: grant list on {words} {everywhere}"
            for words in (
                *("limitranges", "resourcequotas", "horizontalpodautoscalers.autoscaling", "statefulsets.apps"),
                *("daemonsets.apps", "replicasets.apps", "replicationcontrollers", "cronjobs.batch"),
            )
        }

    def test_what_is_granted_in_one_namespace_is_read_there(self, lab, connected):
        token = token_of(lab, SPACE, "one")
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": READ}]
        allow(lab, account(SPACE, "one"), rules, SPACE, name="reading-one")
        with connected(token) as connection:
            entries = read(connection, namespaces=(SPACE, OTHER), custom=False)
        assert [entry for entry in found(entries) if entry[0] == "Pod"] == PODS[1:]
        assert ("Namespace", SPACE) in found(entries)
        said = missing(entries)
        assert said[f"get namespace {OTHER}"] == f"forbidden: grant get on namespaces in namespace {OTHER}"
        assert said[f"list pods in namespace {OTHER}"] == f"forbidden: grant list on pods in namespace {OTHER}"
        assert said["list nodes"] == "forbidden: grant list on nodes"
        assert not [what for what in said if what.endswith(f"in namespace {SPACE}")]

    def test_config_maps_by_name_need_only_those_names(self, lab, connected):
        token = token_of(lab, SPACE, "named")
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["settings"], "verbs": ["list"]}]
        allow(lab, account(SPACE, "named"), rules, name="reading-named")
        with connected(token) as connection:
            assert ("ConfigMap", "settings") in found(read(connection, config_maps=("settings",)))
            assert "list configmaps" in missing(read(connection, config_maps=()))

    def test_kubelet_configurations_need_a_right_of_their_own(self, lab, connected):
        token = token_of(lab, SPACE, "nodes")
        allow(
            lab,
            account(SPACE, "nodes"),
            [{"apiGroups": [""], "resources": ["nodes"], "verbs": READ}],
            name="reading-nodes",
        )
        with connected(token) as connection:
            said = missing(read(connection, kubelet_config=True))
        assert said["get kubelet configurations"] == "forbidden: grant get on nodes/proxy"

    def test_a_node_without_kubelet_is_told(self, connected):
        with connected() as connection:
            said = missing(read(connection, kubelet_config=True))
        assert said["get the kubelet configuration of node reading-node"].startswith("HTTP 5")

    def test_a_token_that_is_none_is_wrong_use(self, lab, tmp_path):
        with pytest.raises(ClusterError, match="does not accept the credentials"):
            connect(kubeconfig=kubeconfig(lab, tmp_path / "kubeconfig", "no-such-token"))


class TestWhoAsks:
    def configured(self, lab, tmp_path, **who):
        file = tmp_path / "kubeconfig"
        config = json.loads((tmp_path / kubeconfig(lab, file)).read_text())
        config["users"][0]["user"] = who
        file.write_text(json.dumps(config))
        return str(file)

    def test_a_client_certificate_of_the_clusters_authority_says_it(self, lab, tmp_path):
        client_certificate(lab, tmp_path, "jane")
        allow(lab, user("jane"), [{"apiGroups": [""], "resources": ["pods"], "verbs": READ}], name="reading-jane")
        file = self.configured(lab, tmp_path, **{"client-certificate": "client.crt", "client-key": "client.key"})
        with connect(kubeconfig=file) as connection:
            entries = read(connection, custom=False)
        assert found(entries) == PODS
        assert "list nodes" in missing(entries)

    def test_an_admin_who_impersonates_reads_no_more_than_the_other(self, lab, tmp_path):
        allow(lab, user("joe"), [{"apiGroups": [""], "resources": ["nodes"], "verbs": READ}], name="reading-joe")
        rights = {"as": "joe", "as-groups": ["system:authenticated"], "as-user-extra": {"example.com/why": ["audit"]}}
        with connect(kubeconfig=self.configured(lab, tmp_path, token=lab._token, **rights)) as connection:
            entries = read(connection, custom=False)
        assert found(entries) == [("Node", "reading-node")]
        assert "list pods" in missing(entries)


def definition(group, kind, schema, **more):
    plural = f"{kind.lower()}s"
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"} | schema},
    }
    spec = {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural}, "versions": [version]}
    return {"metadata": {"name": f"{plural}.{group}"}, "spec": spec | more}


def objects(**properties):
    return {"type": "object", "properties": properties}


OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CONTAINERS = {"type": "array", "items": OPEN}


class TestCustomKinds:
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _definitions(cls, lab):
        described = objects(spec=objects(template=objects(spec=objects(containers=CONTAINERS))))
        made = (
            ("reading.example.com", "Rollout", described),
            ("reading.example.com", "Runner", objects(spec=objects(podTemplate=OPEN))),
            ("reading.example.com", "Database", objects(spec=OPEN)),
        )
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for group, kind, schema in made:
            lab.create(path, definition(group, kind, schema))
        for group, kind, _ in made:
            plural = f"{kind.lower()}s"
            where = f"/apis/{group}/v1/namespaces/{SPACE}/{plural}"
            body = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": f"a-{kind.lower()}"}}
            body["spec"] = {"template": TEMPLATE}
            # A definition is served a moment after it is made.
            wait_for(lambda where=where, body=body: lab.call("POST", where, body)[0] == 201)
        yield
        for group, kind, _ in made:
            lab.call("DELETE", f"{path}/{kind.lower()}s.{group}")

    def ours(self, entries):
        return [entry for entry in found(entries) if entry[0] in ("Rollout", "Runner", "Database")]

    def test_kinds_with_a_pod_template_are_found_by_their_schema(self, connected):
        with connected() as connection:
            entries = read(connection)
        assert missing(entries) == {}
        assert self.ours(entries) == [("Rollout", "a-rollout"), ("Runner", "a-runner")]
        kinds = [kind for kind, _ in found(entries)]
        assert kinds.index("CronJob") < kinds.index("Rollout") < kinds.index("Pod")

    def test_the_config_names_others(self, connected):
        with connected() as connection:
            wanted = {"template_paths": {"Database": ("spec", "template")}}
            assert self.ours(read(connection, custom=False)) == []
            assert self.ours(read(connection, custom=False, **wanted)) == [("Database", "a-database")]

    def test_discovery_tells_of_them_who_may_not_read_definitions(self, lab, connected):
        token = token_of(lab, SPACE, "custom")
        rules = [{"apiGroups": ["reading.example.com"], "resources": ["*"], "verbs": READ}]
        allow(lab, account(SPACE, "custom"), rules, name="reading-custom")
        with connected(token) as connection:
            entries = read(connection, custom=False, template_paths={"Database": ("spec", "template")})
        assert self.ours(entries) == [("Database", "a-database")]
        assert not [what for what in missing(entries) if "customresourcedefinitions" in what]
