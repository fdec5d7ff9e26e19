"""A whole cluster judged: live facts, places without a file, sums over what really runs, what is missing."""

import signal
from datetime import UTC, date, datetime

import msgspec
import pytest

from auditor.api import Options, run
from auditor.reports import json as json_report
from auditor.sources.cluster.entries import End, Missing
from auditor.usage.model import UsageDay
from auditor.usage.table import write_days
from tests.sources.cluster.objects import GI, MI, container, deployment, entries, node, pod, replica_set


@pytest.fixture(autouse=True)
def _folder_without_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def judge(*objects, jobs=1, profile="all", cluster="prod", **more):
    header = {key: more.pop(key) for key in ("namespaces", "selector", "version", "end") if key in more}
    options = Options(profile=profile, jobs=jobs, keep_records=True, **more)
    return run((), options, clusters=[entries(*objects, cluster=cluster, **header)])


def findings(audit, policy):
    return [item for item in audit.report.findings if item.policy == policy]


def owner_and_set(**options):
    owner = deployment(**options)
    return owner, replica_set(owner)


UNLIMITED = {"containers": [container(resources={"requests": {"memory": "256Mi"}})]}


def test_a_finding_names_cluster_object_and_path_in_the_template_and_no_file():
    owner, rs = owner_and_set(spec=UNLIMITED)
    (found,) = findings(judge(owner, rs, pod("web-1", owner=rs, spec=UNLIMITED)), "memory-limit-missing")
    assert (found.cluster, found.place) == ("prod", None)
    assert (found.workload.kind, found.workload.namespace, found.workload.name) == ("Deployment", "shop", "web")
    assert found.path == "spec.template.spec.containers[0].resources.limits.memory"


def test_the_fingerprint_is_that_of_the_manifest_so_that_one_baseline_serves_both(tmp_path):
    owner, rs = owner_and_set(spec=UNLIMITED)
    live = findings(judge(owner, rs, pod("web-1", owner=rs, spec=UNLIMITED)), "memory-limit-missing")
    (tmp_path / "web.json").write_bytes(msgspec.json.encode(owner))
    written = findings(run(["web.json"], Options(jobs=1)), "memory-limit-missing")
    assert [item.fingerprint for item in live] == [item.fingerprint for item in written]


def test_one_fact_of_pods_with_several_specs_is_one_finding():
    owner, rs = owner_and_set(spec=UNLIMITED)
    older = {"containers": [UNLIMITED["containers"][0] | {"image": "registry.example/app:0"}]}
    pods = [pod("web-1", owner=rs, spec=UNLIMITED), pod("web-2", owner=rs, spec=older)]
    audit = judge(owner, rs, *pods)
    assert len(findings(audit, "memory-limit-missing")) == 1
    assert (audit.report.summary.objects, audit.report.summary.workloads) == (4, 1)
    assert [record.pod.pods_total for record in audit.records] == [1, 1]


def test_an_injected_container_counts_in_the_pod_and_its_finding_says_who_injected_it():
    owner, rs = owner_and_set()
    proxy = container("istio-proxy", resources={"requests": {"memory": "128Mi"}})
    strange = container("agent", resources={"requests": {"memory": "64Mi"}})
    audit = judge(owner, rs, pod("web-1", owner=rs, spec={"containers": [proxy, container(), strange]}))
    (record,) = audit.records
    assert record.pod.request_bytes == (128 + 256 + 64) * MI
    assert {item.name: item.injected_by for item in record.containers} == {
        "istio-proxy": "Istio",
        "app": None,
        "agent": "a webhook",
    }
    (injected,) = (item for item in record.containers if item.name == "istio-proxy")
    assert (injected.written_request_bytes, injected.request_from, injected.limit_from) == (None, "admission", None)
    messages = {item.container: item.message for item in findings(audit, "sidecar-memory-unaccounted")}
    assert messages["istio-proxy"].endswith("(not in the template: injected by Istio)")


def test_who_wrote_an_amount_is_read_from_the_template():
    owner, rs = owner_and_set(spec={"containers": [container(resources={}), container("side", resources={})]})
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "limits", "namespace": "shop"},
        "spec": {"limits": [{"type": "Container", "default": {"memory": "512Mi"}}]},
    }
    ran = {
        "containers": [
            container(resources={"requests": {"memory": "512Mi"}, "limits": {"memory": "512Mi"}}),
            container("side", resources={"requests": {"memory": "300Mi"}, "limits": {"memory": "900Mi"}}),
        ]
    }
    (record,) = judge(limits, owner, rs, pod("web-1", owner=rs, spec=ran)).records
    app, side = record.containers
    assert (app.written_limit_bytes, app.limit_bytes, app.limit_from) == (None, 512 * MI, "LimitRange shop/limits")
    assert (side.written_limit_bytes, side.limit_bytes, side.limit_from) == (None, 900 * MI, "admission")


LATER = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "limits", "namespace": "shop"},
    "spec": {"limits": [{"type": "Container", "default": {"memory": "512Mi"}, "max": {"memory": "128Mi"}}]},
}


def test_a_limit_range_that_is_younger_than_a_pod_gives_it_nothing():
    audit = judge(LATER, pod("web", spec=UNLIMITED))
    (record,) = audit.records
    assert (record.containers[0].limit_bytes, record.pod.memory_max_bytes) == (None, None)
    assert len(findings(audit, "memory-limit-missing")) == 1
    # It runs: nothing refused it.
    assert findings(audit, "limitrange-rejects-pod") == []


def test_what_admission_says_today_is_said_of_the_next_pod_of_the_template():
    owner, rs = owner_and_set(spec=UNLIMITED)
    audit = judge(LATER, owner, rs, pod("web-1", owner=rs, spec=UNLIMITED))
    assert audit.records[0].containers[0].limit_bytes is None
    assert [item.workload.kind for item in findings(audit, "limitrange-rejects-pod")] == ["Deployment"]


def test_limit_ranges_that_cannot_be_read_leave_pods_that_run_to_be_judged():
    forbidden = Missing("list limitranges", "forbidden: grant list on limitranges", "LimitRange")
    idle = deployment("idle", replicas=0, spec=UNLIMITED)
    audit = judge(forbidden, idle, pod("web", spec=UNLIMITED))
    assert [item.workload.name for item in findings(audit, "memory-limit-missing")] == ["web"]


def test_a_resize_in_place_tells_spec_allocated_and_actuated_apart():
    owner, rs = owner_and_set()
    status = {
        "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}],
        "containerStatuses": [
            {
                "name": "app",
                "allocatedResources": {"memory": "1Gi"},
                "resources": {"requests": {"memory": "512Mi"}, "limits": {"memory": "768Mi"}},
            }
        ],
    }
    grown = {"containers": [container(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}})]}
    audit = judge(owner, rs, pod("web-1", owner=rs, spec=grown, status=status))
    (record,) = audit.records
    (app,) = record.containers
    assert (app.request_bytes, app.allocated_request_bytes) == (2 * GI, GI)
    assert (app.actuated_request_bytes, app.actuated_limit_bytes) == (512 * MI, 768 * MI)
    assert record.pod.resize == "Deferred"
    assert len(findings(audit, "pod-resize-pending")) == 1


def test_status_facts_are_those_of_all_pods_of_the_workload():
    owner, rs = owner_and_set()
    killed = {"name": "app", "restartCount": 4, "lastState": {"terminated": {"reason": "OOMKilled"}}}
    waits = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2 nodes: 2 Insufficient memory."}],
    }
    audit = judge(
        owner,
        rs,
        pod("web-1", owner=rs, status={"containerStatuses": [killed]}),
        pod("web-2", owner=rs, status=waits, node=None),
    )
    (record,) = audit.records
    assert (record.workload.running_pods, record.workload.pending_for_memory) == (2, 1)
    assert (record.containers[0].oom_killed_pods, record.containers[0].restarts_total) == (1, 4)
    assert [item.message for item in findings(audit, "container-oom-killed")] == [
        "was ended by the OOM killer in 1 pod, with 4 restarts"
    ]
    assert len(findings(audit, "pods-pending-for-memory")) == 1


def test_a_workload_at_zero_replicas_is_judged_from_its_template():
    audit = judge(deployment(replicas=0, spec=UNLIMITED))
    (record,) = audit.records
    assert (record.workload.replicas, record.workload.running_pods) == (0, 0)
    assert len(findings(audit, "memory-limit-missing")) == 1


def test_nodes_tell_what_their_own_pods_ask_for_and_the_cluster_what_all_do():
    owner, rs = owner_and_set()
    big = {"containers": [container(resources={"requests": {"memory": "4Gi"}, "limits": {"memory": "28Gi"}})]}
    pods = [
        pod("big", namespace="data", spec=big, node="node-a"),
        pod("web-1", owner=rs, node="node-a"),
        pod("web-2", owner=rs, node="node-b"),
        pod("open", namespace="zoo", spec=UNLIMITED, node="node-b"),
    ]
    audit = judge(node("node-a"), node("node-b"), owner, rs, *pods)
    (found,) = findings(audit, "node-memory-limits-uneven")
    assert (found.workload.kind, found.workload.name, found.actual_bytes) == ("Node", "node-a", 28 * GI + 512 * MI)
    assert "its 2 pods add up to 28.5Gi" in found.message
    assert findings(audit, "node-memory-limits-overcommitted") == []


def test_what_is_in_force_is_told_for_the_nodes_that_the_pods_run_on():
    audit = judge(node("node-a", "16Gi"), node("node-b", "64Gi"), pod("web", node="node-b"))
    (record,) = audit.records
    assert [item.names for item in record.nodes] == [("node-b",)]
    # min(999, max(3, 1000 - 1000 * request // capacity)), Kubernetes' pkg/kubelet/qos/policy.go
    assert record.containers[0].oom_score_adj == 1000 - 1000 * 256 * MI // (64 * GI)


def test_policies_that_need_the_whole_cluster_work_when_all_of_it_was_read():
    assert [item.workload.name for item in findings(judge(pod("web")), "limitrange-missing")] == ["shop"]
    forbidden = Missing("list limitranges", "forbidden: grant list on limitranges", "LimitRange")
    audit = judge(forbidden, pod("web"))
    assert findings(audit, "limitrange-missing") == []
    assert not audit.complete


def test_of_a_namespace_that_was_read_whole_what_is_missing_is_missing():
    assert len(findings(judge(pod("web"), namespaces=("shop",)), "limitrange-missing")) == 1
    assert findings(judge(pod("web"), namespaces=("shop",), selector="app=web"), "limitrange-missing") == []


def test_an_autoscaler_of_what_another_workload_makes_has_its_target():
    service = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [container()]}}},
    }
    scaler = {
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    }
    made = deployment(owner=service)
    assert findings(judge(scaler, service, made), "vpa-target-missing") == []
    gone = scaler | {"spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone"}}}
    assert len(findings(judge(gone, service, made), "vpa-target-missing")) == 1


def test_a_quota_is_charged_with_pods_that_are_there_and_those_still_to_come():
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": "shop"},
        "spec": {"hard": {"requests.memory": "1Gi"}},
    }
    owner, rs = owner_and_set(replicas=5)
    (found,) = findings(judge(quota, owner, rs, pod("web-1", owner=rs)), "quota-memory-exceeded")
    assert found.actual_bytes == 5 * 256 * MI


def test_several_clusters_are_judged_in_one_run_and_each_is_named():
    options = Options(profile="all", jobs=1)
    streams = [
        entries(pod("web", spec=UNLIMITED), cluster="prod", version="1.34"),
        entries(pod("web", spec=UNLIMITED), cluster="test", version="1.36"),
    ]
    report = run((), options, clusters=streams).report
    assert [item.cluster for item in report.findings if item.policy == "memory-limit-missing"] == ["prod", "test"]
    assert report.kubernetes_version == "1.34, 1.36"
    assert report.summary.workloads == 2


def write_history(folder, *clusters):
    day = date(2026, 11, 1)
    use = {"day": day, "namespace": "shop", "workload_kind": "Pod", "workload_name": "web", "pod": "web"}
    more = {
        "container": "app",
        "samples": 1440,
        "coverage": 1.0,
        "max_bytes": 100 * MI,
        "source": "csv",
        "collected_at": datetime(2026, 11, 2, tzinfo=UTC),
    }
    write_days(folder, [UsageDay(cluster=name, **use, **more) for name in clusters])


def audit_of(folder, *clusters):
    streams = [entries(pod("web"), cluster=name) for name in clusters]
    return run((), Options(jobs=1, keep_records=True, usage=str(folder)), clusters=streams)


def joined(audit):
    return {record.workload.cluster: record.workload.history for record in audit.records}


def test_a_cluster_takes_the_history_of_its_name_from_a_table_of_several(tmp_path):
    write_history(tmp_path / "history", "prod", "other")
    audit = audit_of(tmp_path / "history", "prod")
    assert joined(audit) == {"prod": "joined"}
    assert audit.complete


def test_a_table_of_one_cluster_is_that_of_the_one_cluster_that_is_audited(tmp_path):
    write_history(tmp_path / "history", "eu-west-1")
    assert joined(audit_of(tmp_path / "history", "prod")) == {"prod": "joined"}


def test_of_several_clusters_none_takes_the_history_of_another(tmp_path):
    write_history(tmp_path / "history", "prod")
    audit = audit_of(tmp_path / "history", "prod", "test")
    assert joined(audit)["prod"] == "joined"
    assert joined(audit)["test"] != "joined"
    (missing,) = audit.report.skipped
    assert missing.cluster == "test"
    assert missing.reason.endswith("there is no history of a cluster of this name")


def test_a_cluster_is_judged_by_its_own_version_unless_another_is_asked_for():
    assert judge(pod("web"), version="1.30").report.kubernetes_version == "1.30"
    assert judge(pod("web"), version="1.30", kubernetes_version="1.33").report.kubernetes_version == "1.33"
    newer = judge(pod("web"), version="1.99").report
    assert newer.kubernetes_version == "1.37"
    assert "cluster prod: Kubernetes 1.99 is not known: it is judged as 1.37" in newer.notes


def test_the_report_is_the_same_bytes_for_any_number_of_processes():
    owner, rs = owner_and_set(spec=UNLIMITED)
    objects = [node("node-a"), owner, rs]
    objects += [pod(f"p{number:03}", namespace=f"n{number % 7}", spec=UNLIMITED) for number in range(250)]
    objects.sort(key=lambda item: (item["kind"] == "Pod", item["metadata"].get("namespace", "")))
    assert json_report.render(judge(*objects, jobs=1).report) == json_report.render(judge(*objects, jobs=3).report)


def test_an_interrupted_reading_gives_a_report_that_says_so():
    audit = judge(pod("web", spec=UNLIMITED), End(interrupted=True), end=False)
    assert audit.interrupted
    assert not audit.complete
    assert len(findings(audit, "memory-limit-missing")) == 1


def test_ctrl_c_between_pages_judges_what_was_read():
    def stream():
        yield from entries(pod("web", spec=UNLIMITED), end=False)
        raise KeyboardInterrupt

    audit = run((), Options(jobs=1), clusters=[stream()])
    assert audit.interrupted
    assert len(findings(audit, "memory-limit-missing")) == 1
    assert [item.cluster for item in audit.report.skipped] == ["prod"]


def test_ctrl_c_while_workers_are_waited_for_loses_nothing_and_ends_every_cluster():
    def press(_pods):
        if not pressed:
            pressed.append(signal.raise_signal(signal.SIGINT))

    pressed = []
    first = entries(*(pod("web", namespace=name, spec=UNLIMITED) for name in "abc"))
    second = entries(pod("web", spec=UNLIMITED), cluster="test")
    before = signal.getsignal(signal.SIGINT)
    audit = run((), Options(jobs=1), clusters=[first, second], progress=press)
    assert audit.interrupted
    # The first pod of b was read to know that a is complete.
    assert [item.workload.namespace for item in findings(audit, "memory-limit-missing")] == ["a", "b"]
    assert {item.cluster for item in audit.report.skipped} == {"prod", "test"}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_the_run():
    def press_twice(_pods):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run((), Options(jobs=1), clusters=[entries(pod("web", spec=UNLIMITED))], progress=press_twice)


def test_a_waiver_on_the_object_covers_its_live_finding():
    owner, rs = owner_and_set(spec=UNLIMITED)
    owner["metadata"]["annotations"] = {
        "memory-auditor.io/waive": "[{policy: memory-limit-missing, reason: measured, until: 2099-01-01}]"
    }
    (found,) = findings(judge(owner, rs, pod("web-1", owner=rs, spec=UNLIMITED)), "memory-limit-missing")
    assert found.waived is not None
    assert found.waived.by == "annotation on Deployment/web (cluster prod)"


def test_an_empty_cluster_is_nothing_to_judge():
    audit = judge()
    assert not audit.complete
    assert "nothing to judge: no Kubernetes object was read" in audit.report.notes
