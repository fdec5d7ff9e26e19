"""Pods of a cluster become the objects that are judged: under their workload, each spec once, counted."""

from auditor.sources.cluster.entries import End, Missing
from auditor.sources.cluster.groups import ClusterObjects
from tests.sources.cluster.objects import container, deployment, entries, node, owned, pod, replica_set


def read(*objects, template_paths=None, **header):
    """Return the reader at its end, and the objects by kind and name, those with several specs as lists."""
    reader = ClusterObjects(entries(*objects, **header), template_paths or {})
    around = reader.surroundings()
    found = [obj for batch in reader.batches() for obj in batch]
    return reader, around, found


def found_in(*objects, **options):
    return read(*objects, **options)[2]


def web(*pods, spec=None, **options):
    owner = deployment(spec=spec, **options)
    return owner, replica_set(owner), *pods


def of_web(name, **options):
    return pod(name, owner=replica_set(deployment()), **options)


def test_pods_of_one_spec_are_one_object_of_their_deployment_and_are_counted():
    (obj,) = found_in(*web(of_web("web-6f7d9-a"), of_web("web-6f7d9-b", node="node-b"), of_web("web-6f7d9-c")))
    assert (obj.kind, obj.namespace, obj.name, obj.cluster) == ("Deployment", "shop", "web", "prod")
    assert (obj.live.pods_total, obj.live.nodes) == (3, (("node-a", 2), ("node-b", 1)))
    assert obj.live.observed.pods_total == 3
    assert obj.pod_path == ("spec", "template", "spec")
    assert obj.live.owner is None


def test_the_spec_of_the_pods_stands_in_the_place_of_the_template_which_is_kept():
    ran = {"containers": [container(resources={"limits": {"memory": "1Gi"}})]}
    (obj,) = found_in(*web(of_web("web-6f7d9-a", spec=ran)))
    assert obj.data["spec"]["template"]["spec"]["containers"] == ran["containers"]
    assert obj.live.template["containers"] == [container()]
    assert obj.data["spec"]["replicas"] == 2


def test_each_spec_of_a_workload_is_an_object_and_that_of_most_pods_the_last_and_primary():
    other = {"containers": [container(image="registry.example/app:2")]}
    objects = found_in(*web(of_web("web-6f7d9-a"), of_web("web-6f7d9-b"), of_web("web-6f7d9-c", spec=other)))
    assert [(obj.live.pods_total, obj.live.others_total, obj.live.primary) for obj in objects] == [
        (1, 2, False),
        (2, 1, True),
    ]
    assert [obj.live.observed.pods_total for obj in objects] == [3, 3]


def test_what_is_made_up_for_each_pod_parts_nothing():
    def specific(number):
        token = f"kube-api-access-{number}"
        return {
            "hostname": f"web-{number}",
            "affinity": {"nodeAffinity": {"required": number}},
            "volumes": [{"name": token}],
            "containers": [container(volumeMounts=[{"name": token, "mountPath": "/var/run/secrets"}])],
        }

    (obj,) = found_in(*web(*(of_web(f"web-6f7d9-{number}", spec=specific(number)) for number in range(3))))
    assert obj.live.pods_total == 3


def test_a_memory_volume_and_a_mount_of_shared_memory_part_pods():
    volumes = {"volumes": [{"name": "cache", "emptyDir": {"medium": "Memory"}}]}
    shared = {"containers": [container(volumeMounts=[{"name": "disk", "mountPath": "/dev/shm"}])]}  # noqa: S108
    pods = (of_web("web-6f7d9-a"), of_web("web-6f7d9-b", spec=volumes), of_web("web-6f7d9-c", spec=shared))
    assert len(found_in(*web(*pods))) == 3


def test_pods_that_are_being_resized_are_apart_from_the_others():
    def allocated(size):
        return {"containerStatuses": [{"name": "app", "allocatedResources": {"memory": size}}]}

    pods = [of_web("web-6f7d9-a", status=allocated("1Gi")), of_web("web-6f7d9-b", status=allocated("2Gi"))]
    assert [obj.live.status["containerStatuses"][0]["allocatedResources"] for obj in found_in(*web(*pods))] == [
        {"memory": "1Gi"},
        {"memory": "2Gi"},
    ]


def test_a_pod_that_has_not_started_is_like_the_others_that_are_not_resized():
    resources = container()["resources"]
    told = {"name": "app", "resources": resources, "allocatedResources": resources["requests"]}
    started = of_web("web-6f7d9-a", status={"containerStatuses": [told]})
    (obj,) = found_in(*web(started, of_web("web-6f7d9-b", status={"phase": "Pending"})))
    assert obj.live.pods_total == 2


def test_finished_pods_are_not_judged_but_their_evictions_count():
    evicted = {
        "phase": "Failed",
        "reason": "Evicted",
        "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 84Mi. ",
    }
    (obj,) = found_in(*web(of_web("web-6f7d9-a"), of_web("web-6f7d9-b", status=evicted)))
    assert (obj.live.pods_total, obj.live.observed.pods_total, obj.live.observed.evicted) == (1, 1, 1)
    assert found_in(pod("once", status={"phase": "Succeeded"})) == []


def test_workloads_without_pods_are_judged_from_their_templates():
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report", "namespace": "shop"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}}},
    }
    objects = found_in(deployment("idle", replicas=0), cron, pod("other"))
    assert [(obj.kind, obj.name, obj.live.pods_total) for obj in objects] == [
        ("Pod", "other", 1),
        ("Deployment", "idle", 0),
        ("CronJob", "report", 0),
    ]


def test_a_finished_job_leaves_its_cron_job_with_what_was_observed():
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report", "namespace": "shop"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}}},
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "r1", "namespace": "shop", **owned(cron)}}
    killed = {"containerStatuses": [{"name": "app", "state": {"terminated": {"reason": "OOMKilled"}}}]}
    (obj,) = found_in(cron, job, pod("r1-x", owner=job, status={"phase": "Failed", **killed}))
    assert (obj.kind, obj.live.pods_total, obj.live.observed.oom_killed) == ("CronJob", 0, {"app": 1})


def test_static_pods_of_one_name_are_one_workload_whatever_their_node():
    def mirror(where):
        owner = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": where}}
        return pod(f"etcd-{where}", namespace="kube-system", owner=owner, node=where)

    (obj,) = found_in(mirror("node-a"), mirror("node-b"))
    assert (obj.kind, obj.name, obj.live.pods_total) == ("Pod", "etcd", 2)


def test_pods_of_a_replica_set_that_cannot_be_read_belong_to_the_deployment_of_its_hash():
    orphan = replica_set(deployment("api"))
    labels = {"labels": {"pod-template-hash": "6f7d9"}}
    (obj,) = found_in(pod("api-6f7d9-a", owner=orphan, **labels))
    assert (obj.api_version, obj.kind, obj.name) == ("apps/v1", "Deployment", "api")
    assert (obj.pod_path, obj.live.template) == (("spec",), None)


def test_the_workload_is_the_highest_owner_with_a_template_and_the_topmost_owner_is_told():
    operator = {"apiVersion": "example.org/v1", "kind": "Shop", "metadata": {"name": "main", "namespace": "shop"}}
    owner = deployment(owner=operator)
    (obj,) = found_in(owner, replica_set(owner), pod("web-6f7d9-a", owner=replica_set(owner)))
    assert (obj.kind, obj.name, obj.live.owner) == ("Deployment", "web", "Shop/main")


def test_what_a_custom_kind_with_a_template_makes_is_judged_there_and_not_twice():
    service = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [container()]}}},
    }
    owner = deployment(owner=service)
    reader, _, objects = read(service, owner, replica_set(owner), pod("web-6f7d9-a", owner=replica_set(owner)))
    assert [(obj.kind, obj.name, obj.pod_path) for obj in objects] == [("Service", "web", ("spec", "template", "spec"))]
    assert ("shop", "Deployment", "web") in reader.inner_owners


def test_of_two_templates_that_one_is_meant_whose_containers_run():
    custom = {
        "apiVersion": "example.org/v1",
        "kind": "Cluster",
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {
            "serverTemplate": {"spec": {"containers": [container("server")]}},
            "proxyTemplate": {"spec": {"containers": [container("proxy")]}},
        },
    }
    (obj,) = found_in(custom, pod("db-0", owner=custom, spec={"containers": [container("proxy")]}))
    assert obj.pod_path == ("spec", "proxyTemplate", "spec")


def test_paths_name_the_container_in_the_template_and_an_injected_one_by_its_name():
    ran = {"containers": [container("istio-proxy"), container()]}
    (obj,) = found_in(*web(of_web("web-6f7d9-a", spec=ran)))
    base = ("spec", "template", "spec", "containers")
    assert obj.path_text((*base, 1, "resources")) == "spec.template.spec.containers[0].resources"
    assert obj.path_text((*base, 0, "resources")) == "spec.template.spec.containers[istio-proxy].resources"
    assert obj.path_text((*base, 0)) == "spec.template.spec.containers[istio-proxy]"
    assert obj.path_text(("spec", "replicas")) == "spec.replicas"


def test_a_namespace_is_handed_out_as_soon_as_the_next_begins():
    seen = []

    def watched():
        for entry in entries(pod("a", namespace="one"), pod("b", namespace="two"), pod("c", namespace="three")):
            seen.append(entry)
            yield entry

    reader = ClusterObjects(watched(), {})
    reader.surroundings()
    batches = reader.batches()
    assert [obj.name for obj in next(batches)] == ["a"]
    assert seen[-1].data["metadata"]["name"] == "b"


def test_what_stands_around_pods_comes_first_and_metrics_give_the_largest_use():
    def metrics(name, size):
        return {
            "apiVersion": "metrics.k8s.io/v1beta1",
            "kind": "PodMetrics",
            "metadata": {"name": name, "namespace": "shop"},
            "containers": [{"name": "app", "usage": {"memory": size}}],
        }

    pods = web(of_web("web-6f7d9-a"), of_web("web-6f7d9-b"))
    _, around, (obj,) = read(
        node("node-a"), metrics("web-6f7d9-a", "1048576Ki"), metrics("web-6f7d9-b", "512Mi"), *pods
    )
    assert [item.kind for item in around] == ["Node"]
    assert obj.live.observed.used_bytes == {"app": 2**30}


def test_an_interrupted_reading_judges_no_template_whose_pods_may_not_have_been_read():
    reader, _, objects = read(*web(), pod("a"), End(interrupted=True), end=False)
    assert [obj.name for obj in objects] == ["a"]
    assert reader.interrupted
    assert not reader.whole
    assert [item.reason for item in reader.skipped] == [
        "reading was interrupted: the rest of the cluster is not judged"
    ]


def test_templates_are_judged_without_live_facts_where_pods_cannot_be_read():
    missing = Missing("list pods", "forbidden: grant list on pods", "Pod")
    reader, _, (obj,) = read(*web(), missing)
    assert (obj.name, obj.live) == ("web", None)
    assert not reader.whole
    assert [(item.cluster, item.reason) for item in reader.skipped] == [
        ("prod", "list pods: forbidden: grant list on pods")
    ]


def test_a_cluster_is_whole_only_without_filter_and_with_nothing_missing():
    assert read(pod("a"))[0].whole
    assert not read(pod("a"), namespaces=("shop",))[0].whole
    assert read(pod("a"), namespaces=("shop",))[0].whole_namespaces == {"shop"}
    assert read(pod("a"), namespaces=("shop",), selector="app=web")[0].whole_namespaces == set()
    assert not read(pod("a"), end=False)[0].whole


def test_with_a_selector_only_matching_templates_without_pods_are_judged():
    objects = found_in(deployment("a", labels={"app": "web"}), deployment("b", labels={"app": "db"}), selector="app=db")
    assert [obj.name for obj in objects] == ["b"]


def test_what_the_api_server_would_never_send_is_skipped_with_its_name():
    broken = pod("odd", spec={"containers": "none"})
    reader, _, objects = read(broken, {"kind": "Pod"}, pod("good"))
    assert [obj.name for obj in objects] == ["good"]
    assert [item.reason for item in reader.skipped] == [
        "Pod shop/odd: spec.containers must be a list of mappings",
        "an object without apiVersion or kind",
    ]


def test_a_workload_whose_template_has_no_containers_is_told():
    owner = deployment()
    owner["spec"]["template"]["spec"] = {}
    reader, _, objects = read(owner)
    assert objects == []
    assert [item.reason for item in reader.skipped] == ["Deployment shop/web: spec.template.spec.containers is missing"]


def job(*, finished, name="load"):
    template = {"spec": {"containers": [container()]}}
    status = {"conditions": [{"type": "Complete", "status": "True" if finished else "False"}]}
    metadata = {"name": name, "namespace": "shop"}
    body = {"parallelism": 5, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": body, "status": status}


def test_a_job_that_has_ended_makes_no_pod_any_more_and_is_not_judged():
    ended = job(finished=True)
    done = pod("load-a", owner=ended, status={"phase": "Succeeded"})
    assert found_in(ended) == []
    assert found_in(ended, done) == []
    assert [obj.name for obj in found_in(job(finished=False), done)] == ["load"]
    forbidden = Missing("list pods", "forbidden", "Pod")
    assert found_in(ended, forbidden) == []


def test_a_job_that_the_oom_killer_ended_is_told():
    failed = job(finished=True)
    killed = {"containerStatuses": [{"name": "app", "state": {"terminated": {"reason": "OOMKilled"}}}]}
    (obj,) = found_in(failed, pod("load-a", owner=failed, status={"phase": "Failed", **killed}))
    assert (obj.kind, obj.live.observed.oom_killed) == ("Job", {"app": 1})


def test_a_pod_whose_containers_have_a_status_stands_for_those_that_have_none_yet():
    started = {"containerStatuses": [{"name": "app", "restartCount": 1}]}
    waits = of_web("web-6f7d9-a", status={"phase": "Pending"})
    (obj,) = found_in(*web(waits, of_web("web-6f7d9-b", status=started), of_web("web-6f7d9-c")))
    assert obj.live.status == {"phase": "Running", **started}
    assert obj.live.pods_total == 3


def test_labels_that_nothing_has_are_told_as_nothing_that_was_judged():
    reader, _, found = read(deployment(labels={"app": "other"}), selector="app=wbe")
    assert found == []
    assert [item.reason for item in reader.skipped] == [
        "nothing has the labels app=wbe: no pod, and no template of a workload"
    ]
    assert read(deployment(labels={"app": "web"}, replicas=0), selector="app=web")[0].skipped == []
    assert read(*web(of_web("web-6f7d9-a")), selector="app=web")[0].skipped == []


def test_labels_are_those_of_the_pods_not_of_the_workload():
    # The server leaves out the pods of this one, and its own metadata has no such label.
    reader, _, found = read(deployment(labels={"app": "web"}), pod("other", labels={}), selector="app!=web")
    assert [obj.name for obj in found] == ["other"]
    assert reader.skipped == []


def test_a_namespace_whose_name_begins_another_is_judged_once():
    # The API server sorts by namespace and name with a slash between: - comes before it.
    objects = found_in(pod("z", namespace="a-b"), pod("a", namespace="a"), pod("b", namespace="a"))
    assert [(obj.namespace, obj.name) for obj in objects] == [("a-b", "z"), ("a", "a"), ("a", "b")]
