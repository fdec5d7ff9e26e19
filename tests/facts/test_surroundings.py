"""Facts about what stands around the pods: numbers from Kubernetes' rules."""

from dataclasses import replace

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.facts.members import member_of
from auditor.facts.surroundings import wide_records
from auditor.kube.versions import Target
from tests.facts.objects import make_object

MIB, GIB = 2**20, 2**30


def node(name="a", capacity="16Gi", **status):
    return {
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"capacity": {"memory": capacity}, **status},
    }


def kubelet(**fields):
    return {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", **fields}


def deployment(name="web", request="1Gi", limit="1Gi", replicas=2):
    amounts = {"requests": {"memory": request}, "limits": {"memory": limit} if limit else {}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "app", "resources": amounts}]}}},
    }


def scaler(target="web", most=10, percent=70, **spec):
    metric = {"name": "memory", "target": {"type": "Utilization", "averageUtilization": percent}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": target, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": metric}],
            **spec,
        },
    }


def quota(**hard):
    return {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "shop"},
        "spec": {"hard": {key.replace("_", "."): value for key, value in hard.items()}},
    }


def facts(scope, *manifests):
    objects = [make_object(data, line=number) for number, data in enumerate(manifests, 1)]
    context, skipped = Context.build(obj for obj in objects if obj.pod_path is None)
    assert skipped == ()
    members = [member_of(obj, build_record(obj, context, Target()), context.targets) for obj in objects if obj.pod_path]
    return [
        part
        for _, record in wide_records(context, members, Target())
        if record.scope == scope
        for _, part in record.parts
    ]


def test_a_node_is_told_with_what_its_kubelet_leaves_of_it():
    (found,) = facts("node", node(), kubelet(kubeReserved={"memory": "1Gi"}, systemReserved={"memory": "512Mi"}))
    assert found.eviction_hard_bytes == 100 * MIB
    assert found.pods_max_bytes == 16 * GIB - GIB - 512 * MIB
    assert found.allocatable_bytes == found.pods_max_bytes - 100 * MIB


def test_what_a_node_says_of_its_allocatable_memory_is_taken_as_it_is():
    (found,) = facts("node", node(allocatable={"memory": "15Gi"}))
    assert (found.allocatable_bytes, found.eviction_hard_bytes, found.pods_max_bytes) == (15 * GIB, None, None)


def test_a_cluster_sums_requests_limits_and_pods_without_a_limit():
    (found,) = facts("cluster", node("a"), node("b", "32Gi"), deployment(), deployment("free", limit=None, replicas=3))
    assert (found.nodes_total, found.allocatable_bytes) == (2, None)
    assert (found.request_bytes, found.limit_bytes, found.unbounded_pods) == (5 * GIB, 2 * GIB, 3)


def test_a_quota_counts_replicas_and_the_autoscalers_bound_with_the_pods_that_are_not_known_named():
    agent = deployment("agent")
    agent["kind"] = "DaemonSet"
    found, limits = facts("quota", quota(requests_memory="4Gi", limits_memory="8Gi"), deployment(), scaler(), agent)
    assert (found.key, found.hard_bytes, found.used_bytes, found.used_max_bytes) == (
        "requests.memory",
        4 * GIB,
        2 * GIB,
        10 * GIB,
    )
    assert (found.workloads_total, found.not_counted) == (1, ("DaemonSet/agent",))
    assert (limits.key, limits.used_bytes) == ("limits.memory", 2 * GIB)


def test_a_quota_counts_the_pods_that_an_autoscalers_lower_bound_makes():
    # podautoscaler/horizontal.go, reconcileAutoscaler: fewer replicas than minReplicas are raised to it.
    (found,) = facts("quota", deployment(replicas=1), scaler(most=10, minReplicas=4), quota(requests_memory="3Gi"))
    assert (found.used_bytes, found.used_max_bytes) == (4 * GIB, 10 * GIB)


def unnamed(data, folder="app"):
    """Return an object that names no namespace, in a folder."""
    metadata = {key: value for key, value in data["metadata"].items() if key != "namespace"}
    return replace(make_object(data | {"metadata": metadata}), identity_folder=folder)


def bounds(*autoscalers):
    context, _ = Context.build(autoscalers)
    facts = build_record(unnamed(deployment()), context, Target()).workload
    return facts.min_replicas, facts.max_replicas


def test_an_autoscaler_without_a_namespace_bounds_what_lies_beside_it_without_one():
    # `helm template` and `kubectl apply -n` put what names no namespace into one.
    assert bounds(unnamed(scaler(minReplicas=3))) == (3, 10)
    assert bounds(unnamed(scaler(), "other")) == (None, None)
    assert bounds(make_object(scaler())) == (None, None)
    assert bounds(unnamed(scaler()), unnamed(scaler(most=20))) == (None, None)
    named, _ = Context.build([unnamed(scaler(), "")])
    assert build_record(make_object(deployment()), named, Target()).workload.max_replicas is None


def test_the_threshold_of_an_autoscaler_is_its_share_of_the_sum_of_requests():
    (found,) = facts("autoscaler", deployment(request="1Gi", limit="2Gi"), scaler(percent=70))
    # 70 % of 1 GiB, rounded up: the smallest use that reads as 70.
    assert found.threshold_bytes == 751619277
    assert (found.counted_limit_bytes, found.without_request, found.target_replicas) == (2 * GIB, (), 2)


def test_an_autoscaler_of_an_unknown_target_has_no_threshold():
    (found,) = facts("autoscaler", scaler())
    assert (found.target_found, found.threshold_bytes, found.pod_request_bytes, found.room_pods) == (
        False,
        None,
        None,
        None,
    )


def test_the_room_for_an_autoscaler_is_the_least_of_quota_and_nodes():
    nodes = [node("a", allocatable={"memory": "15Gi"}), node("b", allocatable={"memory": "7Gi"})]
    (by_nodes,) = facts("autoscaler", *nodes, deployment(request="2Gi", limit="2Gi"), scaler())
    # 7 pods of 2 GiB on 15 GiB, 3 on 7 GiB.
    assert (by_nodes.room_pods, by_nodes.room) == (10, "the 2 nodes")
    (by_quota,) = facts(
        "autoscaler", *nodes, quota(requests_memory="9Gi"), deployment(request="2Gi", limit="2Gi"), scaler()
    )
    assert (by_quota.room_pods, by_quota.room) == (4, "ResourceQuota shop/q")


def test_a_pod_level_request_is_what_utilisation_is_measured_by():
    web = deployment(request="1Gi", limit=None)
    web["spec"]["template"]["spec"]["resources"] = {"requests": {"memory": "4Gi"}, "limits": {"memory": "4Gi"}}
    (found,) = facts("autoscaler", web, scaler(percent=50))
    assert (found.threshold_bytes, found.counted_limit_bytes) == (2 * GIB, 4 * GIB)


def test_a_namespace_is_told_at_its_first_workload_when_it_is_not_in_the_input():
    (found,) = facts("namespace", node(), deployment())
    assert (found.name, found.workloads_total, found.limit_range, found.memory_quota) == ("shop", 1, False, False)
    assert (found.request_bytes, found.limit_bytes, found.complete) == (2 * GIB, 2 * GIB, False)
