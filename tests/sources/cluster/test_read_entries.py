"""What is read of a cluster, in which order, and what is told when a part of it cannot be read."""

import pytest

from auditor.sources.cluster.custom import has_template
from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Header, Item, Missing
from auditor.sources.cluster.read import Wanted, read_cluster
from tests.sources.cluster.api import CORE, Reply, groups, page, status

CONTEXT = ["nodes", "namespaces", "runtimeclasses", "priorityclasses", "limitranges", "resourcequotas"]
CONTEXT += ["horizontalpodautoscalers"]
OWNERS = ["deployments", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers", "jobs", "cronjobs"]
POD_SCHEMA = {"properties": {"spec": {"properties": {"containers": {"type": "array", "items": {"type": "object"}}}}}}
TEMPLATE_SCHEMA = {"properties": {"spec": {"properties": {"template": POD_SCHEMA}}}}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def entries(connection):
    def read(reduce=lambda data: data, **wanted):
        return list(read_cluster(connection, Wanted(**wanted), reduce=reduce, sleep=lambda _: None))

    return read


def missing(entries):
    return [entry for entry in entries if isinstance(entry, Missing)]


def kinds(entries):
    return [entry.data["kind"] for entry in entries if isinstance(entry, Item)]


def listed(api):
    """Return the plural names that were listed, in order."""
    return [request.path.rpartition("/")[2] for request in api.requests[2:]]


def definition(group, kind, schema=TEMPLATE_SCHEMA, *, versions=None, scope="Namespaced"):
    versions = versions or [{"name": "v1", "served": True, "storage": True}]
    return {
        "metadata": {"name": f"{kind.lower()}s.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": f"{kind.lower()}s"},
            "versions": [{"schema": {"openAPIV3Schema": schema}} | version for version in versions],
        },
    }


def custom(api, *definitions):
    api.replies[DEFINITIONS] = [page("CustomResourceDefinition", definitions)]


class TestOrder:
    def test_context_then_owners_then_pods_and_no_secret(self, api, entries):
        entries()
        assert [request.path for request in api.requests[:2]] == ["/version", "/apis"]
        assert listed(api) == [*CONTEXT, *OWNERS, "customresourcedefinitions", "pods"]

    def test_every_object_comes_after_the_header_and_before_the_end(self, api, entries):
        for path, kind in CORE.items():
            api.replies[path] = [page(kind, "a")]
        api.replies[DEFINITIONS] = [page("CustomResourceDefinition", ())]
        read = entries()
        assert read[0] == Header(SNAPSHOT_VERSION, "lab", "1.34")
        assert read[-1] == End()
        assert kinds(read[1:-1]) == [
            *("Node", "Namespace", "RuntimeClass", "PriorityClass", "LimitRange", "ResourceQuota"),
            *("HorizontalPodAutoscaler", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"),
            *("ReplicationController", "Job", "CronJob", "Pod"),
        ]

    def test_objects_are_yielded_as_reduced_and_left_out_when_nothing_is_left(self, api, entries):
        api.replies["/api/v1/pods"] = [page("Pod", "ab")]
        read = entries(lambda data: {"n": data["metadata"]["name"]} if data["metadata"]["name"] == "b" else None)
        assert read[1:-1] == [Item({"n": "b"})]

    def test_pods_are_asked_for_page_by_page(self, api, entries):
        api.replies["/api/v1/pods"] = [page("Pod", "ab", "t"), page("Pod", "c")]
        assert kinds(entries(page_size=2)) == ["Pod"] * 3
        assert api.asked("/api/v1/pods") == [{"limit": "2"}, {"limit": "2", "continue": "t"}]


class TestOptional:
    PATHS = (
        "/apis/autoscaling.k8s.io/v1/verticalpodautoscalers",
        "/apis/autoscaling.k8s.io/v1/verticalpodautoscalercheckpoints",
        "/apis/keda.sh/v1alpha1/scaledobjects",
        "/apis/metrics.k8s.io/v1beta1/pods",
    )

    def test_what_is_installed_is_read_after_the_rest_of_the_context(self, api, entries):
        api.replies["/apis"] = [groups("autoscaling.k8s.io", "keda.sh", "metrics.k8s.io")]
        for path, kind in zip(self.PATHS, "VCSM", strict=True):
            api.replies[path] = [page(kind, "a")]
        found = [entry.data for entry in entries() if isinstance(entry, Item)]
        assert [(data["apiVersion"], data["kind"]) for data in found] == [
            ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler"),
            ("autoscaling.k8s.io/v1", "VerticalPodAutoscalerCheckpoint"),
            ("keda.sh/v1alpha1", "ScaledObject"),
            ("metrics.k8s.io/v1beta1", "PodMetrics"),
        ]
        assert api.requests[1].headers["Accept"] == (
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
        )

    def test_the_newer_form_of_discovery_tells_the_same(self, api, entries):
        api.replies["/apis"] = [Reply({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "keda.sh"}}]})]
        api.replies[self.PATHS[2]] = [page("ScaledObject", "a")]
        assert kinds(entries()) == ["ScaledObject"]

    def test_what_is_not_installed_is_neither_asked_for_nor_missing(self, api, entries):
        assert missing(entries()) == []
        assert not any(api.asked(path) for path in self.PATHS)

    def test_a_version_that_is_not_served_is_nothing_to_tell(self, api, entries):
        api.replies["/apis"] = [groups("autoscaling.k8s.io")]
        assert missing(entries()) == []
        assert api.asked(self.PATHS[0])

    def test_an_aggregated_api_that_is_down_is_missing(self, api, entries):
        api.replies["/apis"] = [groups("metrics.k8s.io")]
        api.replies[self.PATHS[3]] = [Reply(b"service unavailable\n", 503)]
        assert missing(entries()) == [
            Missing("list pods.metrics.k8s.io", "HTTP 503: service unavailable", "PodMetrics")
        ]

    @pytest.mark.parametrize("reply", [status(403, "forbidden"), Reply(b"<html>")])
    def test_without_discovery_everything_is_tried(self, reply, api, entries):
        api.replies["/apis"] = [reply]
        api.replies[self.PATHS[2]] = [page("ScaledObject", "a")]
        read = entries()
        assert [entry.what for entry in missing(read)] == ["discover the API groups"]
        assert kinds(read) == ["ScaledObject"]
        assert all(api.asked(path) for path in self.PATHS)


class TestLinks:
    OWNER = {"kind": "X", "name": "x", "uid": "u", "apiVersion": "v1", "controller": True}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("path", "linked"),
        [
            ("/apis/apps/v1/replicasets", True),
            ("/apis/batch/v1/jobs", True),
            ("/apis/apps/v1/statefulsets", False),
            ("/apis/batch/v1/cronjobs", False),
        ],
    )
    def test_an_owned_replica_set_or_job_is_reduced_to_its_metadata(self, path, linked, api, entries):
        metadata = {"name": "a", "namespace": "n", "ownerReferences": [self.OWNER]}
        api.replies[path] = [page(CORE[path], [{"metadata": metadata, "spec": {"x": 1}, "status": {"y": 2}}])]
        (found,) = [entry.data for entry in entries() if isinstance(entry, Item)]
        assert found["metadata"] == metadata
        assert set(found) == {"apiVersion", "kind", "metadata"} | (set() if linked else {"spec", "status"})

    @pytest.mark.parametrize("owners", [None, [], [OWNER | {"controller": False}], [{"kind": "X"}]])
    def test_one_that_nobody_controls_is_whole(self, owners, api, entries):
        metadata = {"name": "a", "namespace": "n", "ownerReferences": owners}
        api.replies["/apis/apps/v1/replicasets"] = [page("ReplicaSet", [{"metadata": metadata, "spec": {"x": 1}}])]
        (found,) = [entry.data for entry in entries() if isinstance(entry, Item)]
        assert found["spec"] == {"x": 1}


class TestFilters:
    def test_namespaces_are_read_one_after_the_other(self, api, entries):
        for name in "ab":
            api.replies[f"/api/v1/namespaces/{name}"] = [Reply({"metadata": {"name": name, "managedFields": []}})]
            api.replies[f"/api/v1/namespaces/{name}/pods"] = [page("Pod", [f"pod-{name}"], namespace=name)]
        read = entries(namespaces=("a", "b"), custom=False)
        assert read[0] == Header(SNAPSHOT_VERSION, "lab", "1.34", ("a", "b"))
        found = [(entry.data["kind"], entry.data["metadata"]["name"]) for entry in read if isinstance(entry, Item)]
        assert found == [("Namespace", "a"), ("Namespace", "b"), ("Pod", "pod-a"), ("Pod", "pod-b")]
        assert not api.asked("/api/v1/pods")
        assert not api.asked("/api/v1/namespaces")
        assert api.asked("/api/v1/nodes")

    def test_a_namespace_that_does_not_exist_is_told(self, entries):
        read = entries(namespaces=("teem-a",), custom=False)
        assert missing(read)[0] == Missing("get namespace teem-a", "there is no such namespace", "Namespace", "teem-a")

    def test_a_namespace_that_may_not_be_seen_names_the_right(self, api, entries):
        api.replies["/api/v1/namespaces/a"] = [status(403)]
        assert missing(entries(namespaces=("a",), custom=False))[0] == Missing(
            "get namespace a", "forbidden: grant get on namespaces in namespace a", "Namespace", "a"
        )

    @pytest.mark.parametrize("reply", [Reply(b"[]"), status(500, "no")])
    def test_a_namespace_that_cannot_be_read_is_told(self, reply, api, entries):
        api.replies["/api/v1/namespaces/a"] = [reply]
        first = missing(entries(namespaces=("a",), custom=False))[0]
        assert first.what == "get namespace a"
        assert first.reason.startswith(("the answer is no object: ", "HTTP 500: no"))

    def test_one_forbidden_namespace_does_not_hide_the_other(self, api, entries):
        for name in "ab":
            api.replies[f"/api/v1/namespaces/{name}"] = [Reply({"metadata": {"name": name}})]
            for path, kind in CORE.items():
                api.replies[
                    path.replace("/v1/", f"/v1/namespaces/{name}/").replace("/v2/", f"/v2/namespaces/{name}/")
                ] = [page(kind, ())]
        api.replies["/api/v1/namespaces/a/pods"] = [status(403)]
        api.replies["/api/v1/namespaces/b/pods"] = [page("Pod", "x")]
        read = entries(namespaces=("a", "b"), custom=False)
        assert missing(read) == [
            Missing("list pods in namespace a", "forbidden: grant list on pods in namespace a", "Pod", "a")
        ]
        assert kinds(read)[-1] == "Pod"

    def test_a_selector_is_for_pods_and_owners_are_read_whole(self, api, entries):
        assert entries(selector="app=web")[0].selector == "app=web"
        assert api.asked("/api/v1/pods") == [{"limit": "500", "labelSelector": "app=web"}]
        assert api.asked("/apis/apps/v1/deployments") == [{"limit": "500"}]

    def test_config_maps_are_read_only_when_asked_for(self, api, entries):
        api.replies["/api/v1/configmaps"] = [page("ConfigMap", "a")]
        assert "ConfigMap" not in kinds(entries())
        assert kinds(entries(config_maps=())) == ["ConfigMap"]
        api.requests.clear()
        assert kinds(entries(config_maps=("jvm", "go"))) == ["ConfigMap"] * 2
        assert [query["fieldSelector"] for query in api.asked("/api/v1/configmaps")] == [
            "metadata.name=jvm",
            "metadata.name=go",
        ]


class TestCustomKinds:
    def test_kinds_whose_schema_has_a_pod_template_are_read_before_pods(self, api, entries):
        custom(api, definition("argoproj.io", "Rollout"), definition("example.com", "Database", {"properties": {}}))
        api.replies["/apis/argoproj.io/v1/rollouts"] = [page("Rollout", "a")]
        api.replies["/apis/example.com/v1/databases"] = [page("Database", "a")]
        api.replies["/api/v1/pods"] = [page("Pod", "a")]
        assert kinds(entries()) == ["Rollout", "Pod"]

    def test_definitions_come_in_small_pages(self, api, entries):
        entries()
        assert api.asked(DEFINITIONS) == [{"limit": "20"}]

    def test_the_stored_version_is_read_when_it_is_served(self, api, entries):
        old = {"name": "v1alpha1", "served": True, "storage": False}
        new = {"name": "v1beta1", "served": True, "storage": True}
        gone = {"name": "v1", "served": False, "storage": True}
        custom(api, definition("a.io", "A", versions=[old, new]), definition("b.io", "B", versions=[gone, old]))
        entries()
        assert api.asked("/apis/a.io/v1beta1/as")
        assert api.asked("/apis/b.io/v1alpha1/bs")
        custom(api, definition("c.io", "C", versions=[gone]))
        entries()
        assert not [request for request in api.requests if "/c.io/" in request.path]

    def test_kinds_that_may_not_be_listed_are_missing_by_their_name(self, api, entries):
        custom(api, definition("argoproj.io", "Rollout"))
        api.replies["/apis/argoproj.io/v1/rollouts"] = [status(403)]
        assert missing(entries()) == [
            Missing(
                "list rollouts.argoproj.io",
                "forbidden: grant list on rollouts.argoproj.io in all namespaces",
                "Rollout",
            )
        ]

    def test_definitions_that_may_not_be_listed_are_missing(self, api, entries):
        api.replies[DEFINITIONS] = [status(403)]
        words = "customresourcedefinitions.apiextensions.k8s.io"
        assert missing(entries()) == [
            Missing(f"list {words}", f"forbidden: grant list on {words}", "CustomResourceDefinition")
        ]

    def test_they_can_be_switched_off(self, api, entries):
        custom(api, definition("argoproj.io", "Rollout"))
        entries(custom=False)
        assert not api.asked(DEFINITIONS)

    def test_a_kind_that_the_config_names_is_read_whatever_its_schema(self, api, entries):
        custom(api, definition("example.com", "Database", {}), definition("argoproj.io", "Rollout"))
        api.replies["/apis/example.com/v1/databases"] = [page("Database", "a")]
        assert kinds(entries(template_paths={"Database": ("spec", "pod")}, custom=False)) == ["Database"]
        assert not api.asked("/apis/argoproj.io/v1/rollouts")

    def test_discovery_finds_it_without_the_definitions(self, api, entries):
        resource = {"resource": "databases", "scope": "Namespaced", "verbs": ["get", "list"]}
        resource["responseKind"] = {"group": "", "version": "", "kind": "Database"}
        watch_only = resource | {"resource": "queries", "verbs": ["watch"]}
        versions = [
            {"version": "v2", "resources": [watch_only, resource]},
            {"version": "v1", "resources": [resource]},
        ]
        api.replies["/apis"] = [Reply({"items": [{"metadata": {"name": "example.com"}, "versions": versions}]})]
        api.replies["/apis/example.com/v2/databases"] = [page("Database", "a")]
        api.replies[DEFINITIONS] = [status(403)]
        read = entries(template_paths={"Database": ("spec", "pod")}, custom=False)
        assert kinds(read) == ["Database"]
        assert missing(read) == []

    def test_a_configured_kind_of_kubernetes_itself_is_not_read_twice(self, api, entries):
        api.replies["/apis/apps/v1/deployments"] = [page("Deployment", "a")]
        resource = {
            "resource": "deployments",
            "scope": "Namespaced",
            "verbs": ["list"],
            "responseKind": {"kind": "Deployment"},
        }
        versions = [{"version": "v1", "resources": [resource]}]
        api.replies["/apis"] = [Reply({"items": [{"metadata": {"name": "apps"}, "versions": versions}]})]
        assert kinds(entries(template_paths={"Deployment": ("spec", "template")})) == ["Deployment"]

    def test_a_cluster_scoped_kind_is_of_no_namespace(self, api, entries):
        custom(api, definition("example.com", "Agent", scope="Cluster"))
        api.replies["/apis/example.com/v1/agents"] = [page("Agent", "a")]
        assert kinds(entries()) == ["Agent"]
        assert "Agent" not in kinds(entries(namespaces=("team-a",)))

    @pytest.mark.parametrize("group", ["apps", "autoscaling.k8s.io"])
    def test_kubernetes_own_groups_define_no_workloads(self, group, api, entries):
        custom(api, definition(group, "Thing"))
        entries()
        assert not [request for request in api.requests if request.path.endswith("/things")]

    @pytest.mark.parametrize(
        ("schema", "found"),
        [
            (TEMPLATE_SCHEMA, True),
            ({"properties": {"spec": {"properties": {"jobTemplate": {"properties": {"template": POD_SCHEMA}}}}}}, True),
            ({"properties": {"tasks": {"type": "array", "items": TEMPLATE_SCHEMA}}}, True),
            ({"properties": {"roles": {"additionalProperties": TEMPLATE_SCHEMA}}}, True),
            ({"properties": {"podTemplate": {"x-kubernetes-preserve-unknown-fields": True}}}, True),
            (
                {"properties": {"template": {"properties": {"spec": {"x-kubernetes-preserve-unknown-fields": True}}}}},
                True,
            ),
            # containers, but of no template: the kind's own, which become part of pods that it makes
            ({"properties": {"spec": {"properties": {"containers": {"type": "array"}}}}}, False),
            ({"properties": {"template": {"properties": {"containers": {"type": "integer"}}}}}, False),
            ({"properties": {"spec": {"x-kubernetes-preserve-unknown-fields": True}}}, False),
            # a claim's template leaves its metadata open, which says nothing of pods
            (
                {
                    "properties": {
                        "volumeClaimTemplate": {
                            "properties": {"metadata": {"x-kubernetes-preserve-unknown-fields": True}}
                        }
                    }
                },
                False,
            ),
            ({"properties": {"templates": {"type": "array", "items": POD_SCHEMA}}}, False),
            ({"properties": {"validate": TEMPLATE_SCHEMA}}, False),
            ({}, False),
            (None, False),
        ],
    )
    def test_a_template_is_a_key_named_so_above_containers(self, schema, found):
        assert has_template(schema) is found

    def test_a_schema_of_any_depth_ends(self):
        schema = TEMPLATE_SCHEMA
        for _ in range(100_000):
            schema = {"properties": {"a": schema}}
        assert has_template(schema) is False


class TestKubelets:
    CONFIG = {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "memorySwap": {}}  # noqa: RUF012

    @pytest.fixture
    def nodes(self, api):
        names = [f"node-{index}" for index in range(8)]
        api.replies["/api/v1/nodes"] = [page("Node", names)]
        for name in names:
            api.replies[f"/api/v1/nodes/{name}/proxy/configz"] = [Reply({"kubeletconfig": self.CONFIG})]
        return names

    def test_each_node_gives_its_configuration_under_its_name(self, nodes, entries):
        found = [entry.data for entry in entries(kubelet_config=True) if isinstance(entry, Item)][len(nodes) :]
        assert found == [self.CONFIG | {"metadata": {"name": name}} for name in nodes]

    def test_an_answer_without_kind_gets_one(self, api, nodes, entries):
        api.replies["/api/v1/nodes/node-0/proxy/configz"] = [Reply({"kubeletconfig": {"memorySwap": {}}})]
        found = [entry.data for entry in entries(kubelet_config=True) if isinstance(entry, Item)]
        assert found[len(nodes)] == self.CONFIG | {"metadata": {"name": "node-0"}}

    @pytest.mark.usefixtures("nodes")
    def test_nobody_is_asked_without_the_wish(self, api, entries):
        entries()
        assert not [request for request in api.requests if "proxy" in request.path]

    def test_the_right_that_is_missing_is_told_once(self, api, nodes, entries):
        for name in nodes:
            api.replies[f"/api/v1/nodes/{name}/proxy/configz"] = [status(403)]
        assert missing(entries(kubelet_config=True)) == [
            Missing("get kubelet configurations", "forbidden: grant get on nodes/proxy", "KubeletConfiguration")
        ]

    @pytest.mark.usefixtures("nodes")
    def test_a_node_that_does_not_answer_is_missing_alone(self, api, entries):
        api.replies["/api/v1/nodes/node-1/proxy/configz"] = [status(503, "no route")]
        api.replies["/api/v1/nodes/node-2/proxy/configz"] = [Reply(b"not found")]
        read = entries(kubelet_config=True)
        what = "get the kubelet configuration of node"
        assert missing(read) == [
            Missing(f"{what} node-1", "HTTP 503: no route", "KubeletConfiguration"),
            Missing(f"{what} node-2", "the answer is no kubelet configuration", "KubeletConfiguration"),
        ]
        assert kinds(read).count("KubeletConfiguration") == 6

    def test_many_silent_nodes_in_a_row_end_the_asking(self, api, nodes, entries):
        for name in nodes:
            api.replies[f"/api/v1/nodes/{name}/proxy/configz"] = [status(404, "gone")]
        said = missing(entries(kubelet_config=True))
        assert len(said) == 6
        assert said[-1] == Missing(
            "get the kubelet configurations of 3 more nodes",
            "5 nodes in a row did not answer",
            "KubeletConfiguration",
        )


class TestInterrupted:
    def test_ctrl_c_while_reading_ends_with_what_there_is(self, api, connection):
        api.replies["/api/v1/pods"] = [page("Pod", "a", "t"), status(500), page("Pod", "b")]

        def interrupt(_seconds):
            raise KeyboardInterrupt

        read = list(read_cluster(connection, Wanted(), reduce=lambda data: data, sleep=interrupt))
        assert kinds(read) == ["Pod"]
        assert read[-1] == End(interrupted=True)
        assert not any(isinstance(entry, Missing) for entry in read)

    def test_ctrl_c_in_a_request_does_the_same(self, connection, monkeypatch):
        def interrupt(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(connection, "get", interrupt)
        read = list(read_cluster(connection, Wanted(), reduce=lambda data: data))
        assert read == [Header(SNAPSHOT_VERSION, "lab", "1.34"), End(interrupted=True)]
