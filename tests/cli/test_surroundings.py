"""Objects around the pods, through the command line: nodes, kubelets, quotas, autoscalers, whole clusters."""

import json

import pytest

NODES = """\
apiVersion: v1
kind: Node
metadata: {name: small, labels: {pool: small}}
status:
  capacity: {memory: 8Gi}
  allocatable: {memory: 7Gi}
  nodeInfo: {kernelVersion: 6.8.0, kubeletVersion: v1.37.2, swap: {capacity: 4294967296}}
---
apiVersion: v1
kind: Node
metadata: {name: large, labels: {pool: large}}
status:
  capacity: {memory: 64Gi}
  allocatable: {memory: 60Gi}
  nodeInfo: {kernelVersion: 6.8.0, kubeletVersion: v1.37.2}
"""
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: app:1
        resources:
          requests: {memory: 1Gi}
          limits: {memory: 2Gi}
"""
SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
  namespace: shop
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
  metrics:
  - type: Resource
    resource:
      name: memory
      target: {type: Utilization, averageUtilization: 200}
"""
KUBELET = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failSwapOn: false
memorySwap: {swapBehavior: LimitedSwap}
kubeReserved: {memory: 1Gi}
"""


@pytest.fixture
def scan(run, tmp_path):
    def scan(files, *options):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        result = run("scan", ".", "--output", "json", *options)
        assert result.returncode in {0, 1, 3}, result.stderr
        return json.loads(result.stdout)

    return scan


def found(report):
    return [(item["policy"], item["file"], item["line"], item["column"]) for item in report["findings"]]


def test_an_autoscaler_is_judged_with_its_target_from_another_file_at_its_metric(scan):
    report = scan({"web.yaml": WEB, "scaler.yaml": SCALER})
    assert found(report) == [("hpa-memory-target-above-limit", "scaler.yaml", 10, 5)]
    finding = report["findings"][0]
    assert finding["workload"]["kind"] == "HorizontalPodAutoscaler"
    assert (finding["subject_type"], finding["subject"], finding["container"]) == ("autoscaler", "", None)
    assert finding["path"] == "spec.metrics[0]"
    assert (finding["actual_bytes"], finding["expected_bytes"]) == (2 * 2**30, 2 * 2**30)


def test_files_given_as_arguments_of_their_own_are_clusters_of_their_own(run, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "web.yaml").write_text(WEB)
    (tmp_path / "b" / "scaler.yaml").write_text(SCALER)
    apart = json.loads(run("scan", "a", "b", "--output", "json").stdout)
    together = json.loads(run("scan", ".", "--output", "json").stdout)
    assert (len(apart["findings"]), len(together["findings"])) == (0, 1)


def test_a_comment_waives_a_finding_on_an_autoscaler_and_one_on_a_workload_stays_with_it(scan):
    waived = SCALER.replace(
        "  - type: Resource",
        '  # waive: hpa-memory-target-above-limit until=2999-01-01 reason="trial"\n  - type: Resource',
    )
    report = scan({"all.yaml": WEB + "---\n" + waived})
    assert [item["waived"]["reason"] for item in report["findings"]] == ["trial"]
    assert not any("unused" in note for note in report["notes"])


def test_an_annotation_waives_a_finding_on_an_autoscaler(scan):
    note = "[{policy: hpa-memory-target-above-limit, reason: trial, until: 2999-01-01}]"
    text = SCALER.replace("  name: web\n", f"  name: web\n  annotations:\n    memory-auditor.io/waive: '{note}'\n", 1)
    assert [item["waived"]["reason"] for item in scan({"w.yaml": WEB, "s.yaml": text})["findings"]] == ["trial"]


def test_an_unused_comment_in_an_autoscaler_is_told_once(scan):
    text = SCALER.replace("spec:\n", 'spec: # waive: vpa-limit-unbounded until=2999-01-01 reason="x"\n')
    notes = scan({"all.yaml": WEB + "---\n" + text})["notes"]
    assert len([note for note in notes if "unused" in note]) == 1


def test_a_quota_in_another_file_counts_replicas_at_the_autoscalers_bound(scan):
    quota = (
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: shop}\n"
        "spec:\n  hard:\n    pods: 10\n    requests.memory: 2Gi\n"
    )
    report = scan({"web.yaml": WEB, "quota.yaml": quota, "scaler.yaml": SCALER.replace("200", "70")})
    assert found(report) == [
        ("quota-memory-exceeded", "quota.yaml", 7, 5),
        ("hpa-memory-max-unschedulable", "scaler.yaml", 8, 3),
    ]
    assert report["findings"][0]["path"] == 'spec.hard["requests.memory"]'
    assert report["findings"][0]["subject"] == "requests.memory"


def test_what_is_missing_is_a_finding_only_when_the_input_is_the_whole_cluster(scan):
    assert found(scan({"web.yaml": WEB})) == []
    whole = scan({"web.yaml": WEB}, "--complete")
    assert [policy for policy, *_ in found(whole)] == ["limitrange-missing", "memory-quota-missing"]
    assert {(item["file"], item["line"]) for item in whole["findings"]} == {("web.yaml", 1)}
    assert {item["workload"]["kind"] for item in whole["findings"]} == {"Namespace"}


def test_a_context_object_without_a_namespace_joins_nothing_and_that_is_told(scan):
    text = SCALER.replace("  namespace: shop\n", "")
    report = scan({"web.yaml": WEB, "scaler.yaml": text, "limits.yaml": "apiVersion: v1\nkind: LimitRange\n"})
    assert report["findings"] == []
    assert "1 object of the context names no namespace and joins no workload: give --namespace" in report["notes"]
    beside = "1 autoscaler names no namespace: it bounds what lies beside it and names none either, and is not judged"
    assert f"{beside}: give --namespace" in report["notes"]
    assert len(scan({"web.yaml": WEB, "scaler.yaml": text}, "--namespace", "shop")["findings"]) == 1


def test_facts_are_told_for_each_kind_of_node_and_for_one_node_by_its_name(run, tmp_path):
    for name, text in (("nodes.yaml", NODES), ("web.yaml", WEB), ("kubelet.yaml", KUBELET)):
        (tmp_path / name).write_text(text)

    def facts(*options):
        return json.loads(run("facts", ".", "--output", "json", *options).stdout.splitlines()[0])

    both = facts()
    # request 1Gi: 1000 - 1024/8 = 875 on 8Gi, 1000 - 15 = 985 on 64Gi; swap is 1/8 of 4Gi, or none.
    assert both["containers"][0]["oom_score_adj"] is None
    assert [(node["names"], node["containers"][0]["oom_score_adj"]) for node in both["nodes"]] == [
        (["small"], 875),
        (["large"], 985),
    ]
    assert [node["containers"][0]["swap_max_bytes"] for node in both["nodes"]] == [512 * 2**20, 0]
    assert both["containers"][0]["swap_nodes"] == "node small"
    small = facts("--node", "small")
    assert (small["containers"][0]["oom_score_adj"], small["containers"][0]["swap_max_bytes"]) == (875, 512 * 2**20)
    table = run("facts", ".", "--node", "small").stdout.decode()
    assert "on node small:" in table
    assert "875" in table
    assert "512Mi" in table


def test_a_node_that_is_not_in_the_input_is_wrong_use(run, tmp_path):
    (tmp_path / "nodes.yaml").write_text(NODES)
    result = run("facts", "nodes.yaml", "--node", "other")
    assert result.returncode == 2
    assert b"--node other: no such Node in the input; nodes are small, large" in result.stderr


def test_a_saved_configz_belongs_to_the_node_that_its_file_is_named_after(run, tmp_path):
    (tmp_path / "nodes.yaml").write_text(NODES)
    (tmp_path / "web.yaml").write_text(WEB)
    saved = {"kubeletconfig": {"failSwapOn": False, "memorySwap": {"swapBehavior": "LimitedSwap"}}}
    (tmp_path / "small.json").write_text(json.dumps(saved))
    line = json.loads(run("facts", ".", "--output", "json").stdout.splitlines()[0])
    assert [node["containers"][0]["swap_max_bytes"] for node in line["nodes"]] == [512 * 2**20, None]


def test_a_kubelet_configuration_is_judged_at_its_key(scan):
    text = KUBELET + "evictionHard:\n  nodefs.available: 10%\n"
    report = scan({"kubelet.yaml": text})
    assert found(report) == [("kubelet-eviction-memory-missing", "kubelet.yaml", 6, 1)]


def test_a_malformed_context_object_is_skipped_at_its_place_and_the_rest_is_judged(scan):
    broken = SCALER.replace("averageUtilization: 200", "averageUtilization: many")
    report = scan({"web.yaml": WEB.replace("limits: {memory: 2Gi}", "limits: {}"), "scaler.yaml": broken})
    assert [item["policy"] for item in report["findings"]] == ["memory-limit-missing"]
    assert [(item["file"], item["line"]) for item in report["skipped"]] == [("scaler.yaml", 13)]
    assert "averageUtilization" in report["skipped"][0]["reason"]


def test_the_report_of_a_cluster_is_the_same_bytes_for_any_number_of_processes(run, tmp_path):
    for number in range(8):
        name = f"web{number}"
        (tmp_path / f"{name}.yaml").write_text(WEB.replace("name: web,", f"name: {name},"))
        (tmp_path / f"s{number}.yaml").write_text(SCALER.replace("name: web}", f"name: {name}}}"))
    one, four = (run("scan", ".", "--complete", "--output", "json", "--jobs", jobs).stdout for jobs in (1, 4))
    assert one == four
    assert len(json.loads(one)["findings"]) == 2


def test_a_workload_that_another_one_of_the_input_owns_is_not_counted_twice(scan):
    owned = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-abc12-x\n  namespace: shop\n  ownerReferences:\n"
        "  - {apiVersion: apps/v1, kind: ReplicaSet, name: web-abc12, uid: u, controller: true}\n"
        "spec:\n  containers:\n  - {name: app, resources: {requests: {memory: 1Gi}, limits: {memory: 1Gi}}}\n"
    )
    quota = (
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: shop}\n"
        "spec: {hard: {requests.memory: 2Gi}}\n"
    )
    assert found(scan({"web.yaml": WEB, "pod.yaml": owned, "quota.yaml": quota})) == []


def test_a_policy_is_started_edited_and_tested_from_the_command_line(run, tmp_path):
    started = run("policies", "new", "big-limit", "--folder", "mine")
    assert (started.returncode, started.stdout) == (
        0,
        b"wrote mine/big-limit.yaml; edit it, then run: auditor policies test mine/big-limit.yaml\n",
    )
    tested = run("policies", "test", "mine/big-limit.yaml")
    assert (tested.returncode, tested.stdout) == (0, b"2 passed, 0 failed: 2 examples of 1 policy\n")
    path = tmp_path / "mine" / "big-limit.yaml"
    path.write_text(path.read_text().replace("memory limit 2Gi is above", "memory limit 3Gi is above"))
    failed = run("policies", "test", "mine")
    assert failed.returncode == 1
    assert b"-memory limit 3Gi is above 1Gi\n  +memory limit 2Gi is above 1Gi" in failed.stdout
    assert run("policies", "new", "big-limit", "--folder", "mine").returncode == 2
    assert b"big-limit" in run("scan", "--policies", "mine", "-", "--output", "text", stdin=BIG).stdout


BIG = b"""\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a, resources: {limits: {memory: 2Gi}}}]}
"""
