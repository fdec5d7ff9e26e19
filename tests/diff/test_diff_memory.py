"""Memory before and after: requests, limits, autoscalers, QoS classes, memory volumes, history."""

import pytest

from auditor.diff.words import size_words
from tests.diff.repository import GIB, MIB, deployment, history


def changed(repo, before, after, **more):
    """Return how two texts of one file differ."""
    for text in (before, after):
        for name, content in (text if isinstance(text, dict) else {"a.yaml": text}).items():
            repo.put(name, content)
        repo.commit()
    return repo.compare("HEAD~1", "HEAD", **more)


def test_requests_and_limits_are_multiplied_by_replicas(repo):
    diff = changed(repo, deployment(request="1Gi", limit="2Gi"), deployment(request="1536Mi", limit="2Gi", replicas=3))
    assert diff.memory.before.request_bytes == 2 * GIB
    assert diff.memory.after.request_bytes == 3 * 1536 * MIB
    assert diff.memory.delta.request_bytes == 2.5 * GIB
    assert diff.memory.delta.limit_bytes == 2 * GIB
    assert diff.memory.delta.pods == 1
    assert diff.sentence == "This change requests 2.5 GiB more memory, and raises limits by 2 GiB."


def test_the_sentence_names_who_changes_its_qos_class(repo):
    # Guaranteed: requests equal limits for cpu and memory in every container (Kubernetes, "Pod Quality of Service").
    before = deployment("api", "1Gi", "1Gi", namespace="payments", replicas=4)
    after = deployment("api", "1843Mi", "2Gi", namespace="payments", replicas=4)
    diff = changed(repo, before, after)
    assert diff.memory.delta.request_bytes == 4 * (1843 - 1024) * MIB
    expected = (
        "requests 3.2 GiB more memory, raises limits by 4 GiB, and moves payments/api from Guaranteed to Burstable"
    )
    assert diff.sentence == f"This change {expected}."
    change = diff.memory.workloads[0]
    assert (change.before.qos_class, change.after.qos_class) == ("Guaranteed", "Burstable")


HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: %d
  maxReplicas: %d
"""


def test_an_autoscaler_gives_a_lower_and_an_upper_bound(repo):
    old = deployment(request="1Gi", limit="1Gi")
    new = deployment(request="2Gi", limit="2Gi")
    diff = changed(repo, {"a.yaml": old, "h.yaml": HPA % (1, 10)}, {"a.yaml": new, "h.yaml": HPA % (2, 20)})
    before, after = diff.memory.before, diff.memory.after
    assert (before.request_min_bytes, before.request_max_bytes) == (1 * GIB, 10 * GIB)
    assert (after.request_min_bytes, after.request_max_bytes) == (4 * GIB, 40 * GIB)
    change = diff.memory.workloads[0]
    assert (change.after.replicas, change.after.min_replicas, change.after.max_replicas) == (2, 2, 20)
    assert "30 GiB more with autoscalers at their upper bound" in diff.sentence


@pytest.mark.parametrize(("replicas", "pods"), [(None, 5), (2, 5), (7, 7), (30, 20), (0, 0)])
def test_pods_are_counted_within_the_bounds_of_their_autoscaler(repo, replicas, pods):
    # horizontal.go, reconcileAutoscaler: fewer than the minimum are raised to it, more than the maximum lowered, before
    # any metric is looked at; a target of zero is left alone. Without `replicas` there is one (apps/v1 defaults).
    old = deployment(request="1Gi", limit="1Gi", replicas=replicas)
    old = old.replace("  replicas: None\n", "")
    new = old.replace("1Gi", "2Gi")
    diff = changed(repo, {"a.yaml": old, "h.yaml": HPA % (5, 20)}, {"a.yaml": new, "h.yaml": HPA % (5, 20)})
    assert diff.memory.before.pods == pods
    assert diff.memory.delta.request_bytes == pods * GIB
    assert diff.memory.delta.request_min_bytes == min(pods, 5) * GIB
    assert diff.memory.delta.request_max_bytes == 20 * GIB


def test_an_autoscaler_alone_changes_the_workload_that_it_scales(repo):
    web = deployment(request="1Gi", limit="1Gi")
    diff = changed(repo, {"a.yaml": web, "h.yaml": HPA % (1, 10)}, {"a.yaml": web, "h.yaml": HPA % (1, 20)})
    assert [change.workload.name for change in diff.memory.workloads] == ["web"]
    assert diff.memory.delta.request_bytes == 0
    assert diff.memory.delta.request_max_bytes == 10 * GIB


def test_a_pod_without_a_bound_is_counted_and_its_limit_is_not_zero(repo):
    diff = changed(
        repo, deployment(request="1Gi", limit="1Gi", replicas=3), deployment(request="1Gi", limit=None, replicas=3)
    )
    assert diff.memory.delta.unbounded_pods == 3
    assert diff.memory.delta.limit_bytes == -3 * GIB
    assert diff.memory.workloads[0].after.limit_bytes is None
    # The sum of limits is smaller, but nobody's limit was lowered.
    assert diff.sentence == (
        "This change leaves 3 more pods without a memory bound, and moves shop/web from Guaranteed to Burstable."
    )


def test_a_request_that_nobody_sets_is_absent_and_adds_nothing(repo):
    diff = changed(repo, deployment(request=None, limit=None), deployment(request="1Gi", limit=None))
    change = diff.memory.workloads[0]
    assert change.before.request_bytes is None
    assert change.before.qos_class == "BestEffort"
    assert diff.memory.delta.request_bytes == 2 * GIB
    zero = changed(repo, deployment(request=None, limit=None), deployment(request="0", limit=None))
    assert zero.memory.workloads[0].after.request_bytes == 0


def test_a_limit_alone_is_the_request(repo):
    # The API server defaults a missing request to the limit (apis/core/v1/defaults.go, SetDefaults_Pod).
    diff = changed(repo, deployment(request="1Gi", limit="2Gi"), deployment(request=None, limit="2Gi"))
    assert diff.memory.delta.request_bytes == 2 * GIB


DAEMON = deployment("agent", "1Gi", "1Gi").replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 2\n", "")


def test_what_is_not_known_is_named_and_not_summed(repo):
    web = deployment(request="1Gi", limit="1Gi")
    bigger = deployment(request="2Gi", limit="2Gi")
    old = {"a.yaml": web, "d.yaml": DAEMON}
    diff = changed(repo, old, {"a.yaml": bigger, "d.yaml": DAEMON.replace("1Gi", "3Gi")})
    assert diff.memory.delta.request_bytes == 2 * GIB
    assert diff.memory.before.request_bytes == 2 * GIB
    assert [(item.side, item.workload.name) for item in diff.memory.unknown] == [("base", "agent"), ("head", "agent")]
    agent = next(change for change in diff.memory.workloads if change.workload.name == "agent")
    assert (agent.before.request_bytes, agent.after.request_bytes) == (GIB, 3 * GIB)
    assert agent.after.total is None
    assert diff.sentence == (
        "This change requests 2 GiB more memory; not in the sums: DaemonSet shop/agent (requests 2 GiB more a pod)."
    )


def test_a_daemon_that_comes_or_goes_tells_what_one_pod_requests(repo):
    web = {"a.yaml": deployment()}
    came = changed(repo, web, {"d.yaml": DAEMON})
    assert came.sentence == (
        "This change adds shop/agent; not in the sums: DaemonSet shop/agent (requests 1 GiB a pod)."
    )
    repo.remove("d.yaml")
    assert repo.compare().sentence == (
        "This change removes shop/agent; not in the sums: DaemonSet shop/agent (requested 1 GiB a pod)."
    )


def test_a_workload_that_becomes_another_kind_is_told_with_both_kinds(repo):
    web = deployment()
    diff = changed(repo, web, web.replace("kind: Deployment", "kind: StatefulSet"))
    assert diff.sentence == "This change adds StatefulSet shop/web, and removes Deployment shop/web."


def test_limits_that_change_beside_one_that_is_taken_away_are_told_alone(repo):
    old = {"a.yaml": deployment("a", "1Gi", "1Gi"), "b.yaml": deployment("b", "1Gi", "2Gi")}
    new = {"a.yaml": deployment("a", "1Gi", None), "b.yaml": deployment("b", "1Gi", "3Gi")}
    diff = changed(repo, old, new)
    assert diff.memory.delta.limit_bytes == 0
    assert "raises limits by 2 GiB, leaves 2 more pods without a memory bound" in diff.sentence


def test_an_amount_that_cannot_be_read_on_one_side_is_in_no_difference(repo):
    diff = changed(repo, deployment(request="1Gi", limit="1Gi"), deployment(request="lots", limit="1Gi"))
    assert diff.memory.delta.request_bytes == 0
    assert diff.memory.before.request_bytes == 2 * GIB
    assert [item.side for item in diff.memory.unknown] == ["head"]


def test_added_and_removed_workloads_count_whole(repo):
    repo.put("gone.yaml", deployment("gone", "1Gi", "1Gi"))
    repo.put("stays.yaml", deployment("stays"))
    repo.commit()
    repo.remove("gone.yaml")
    repo.put("new.yaml", deployment("new", "3Gi", "3Gi"))
    diff = repo.compare()
    assert diff.memory.delta.request_bytes == 4 * GIB
    assert [(change.workload.name, change.change) for change in diff.memory.workloads] == [
        ("new", "added"),
        ("gone", "removed"),
    ]
    assert diff.sentence == "This change requests 4 GiB more memory, adds shop/new, and removes shop/gone."


VOLUME = """\
        volumeMounts: [{name: cache, mountPath: /cache}]
      volumes:
      - name: cache
        emptyDir: {medium: Memory%s}
"""


def test_memory_volumes_count_by_their_size_limits_and_unbounded_ones_by_name(repo):
    sized = deployment(limit=None, more=VOLUME % ", sizeLimit: 256Mi")
    loose = deployment(limit=None, more=VOLUME % "")
    diff = changed(repo, loose, sized)
    assert diff.memory.delta.tmpfs_bytes == 2 * 256 * MIB
    assert diff.memory.delta.unbounded_tmpfs_pods == -2
    assert diff.memory.workloads[0].before.unbounded_tmpfs == ("cache",)
    assert "gives memory volumes 512 MiB more" in diff.sentence
    # memory.max of the pod bounds a volume without a size limit: its pages are the containers' memory.
    bounded = changed(repo, sized, deployment(limit="128Mi", more=VOLUME % ""))
    assert bounded.memory.workloads[0].after.unbounded_tmpfs == ()


def test_a_pod_that_another_object_of_the_input_owns_is_counted_once(repo):
    pod = """\
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: a, controller: true}]
spec:
  containers: [{name: app, image: a, resources: {requests: {memory: 1Gi}, limits: {memory: 1Gi}}}]
"""
    repo.put("a.yaml", deployment(request="1Gi", limit="1Gi"))
    repo.commit()
    repo.put("p.yaml", pod)
    assert repo.compare().memory.delta.request_bytes == 0


def test_containers_in_another_order_are_no_change(repo):
    second = """\
      - name: b
        image: b
        resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}
"""
    first = deployment()
    swapped = first.replace("      containers:\n", f"      containers:\n{second}")
    assert not changed(repo, first + second, swapped).memory.workloads


def test_nothing_that_counts_changed(repo):
    diff = changed(repo, deployment(), deployment().replace("app:1", "app:2"))
    assert diff.sentence == "This change does not change the memory of any workload."
    assert not diff.memory.workloads


def test_with_history_both_sides_stand_beside_p95_and_peak(repo, tmp_path):
    history(tmp_path / "usage.parquet")
    diff = changed(
        repo,
        deployment(request="256Mi", limit="1Gi"),
        deployment(request="320Mi", limit="400Mi"),
        options={"usage": str(tmp_path / "usage.parquet")},
    )
    change = diff.memory.workloads[0]
    assert (change.before.p95_bytes, change.before.peak_bytes) == (300 * MIB, 410 * MIB)
    assert (change.after.p95_bytes, change.after.peak_bytes) == (300 * MIB, 410 * MIB)
    assert change.after.containers[0].peak_bytes == 410 * MIB
    new = {item.finding.policy for item in diff.of("new")}
    assert new & {"memory-limit-near-peak", "memory-limit-below-peak"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (MIB, "1 MiB"),
        (3_435_973_837, "3.2 GiB"),
        (-512 * MIB, "-512 MiB"),
        (3 * 2**40, "3 TiB"),
        (1536, "1.5 KiB"),
    ],
)
def test_sizes_are_words_with_one_decimal(value, words):
    assert size_words(value) == words
