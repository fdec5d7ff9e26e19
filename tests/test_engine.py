"""One fact is one finding, and fingerprints survive edits elsewhere."""

import json
import subprocess
import sys
from datetime import date

import pytest

from auditor.assembly import assemble
from auditor.config import Config, Selection
from auditor.facts.options import FactOptions
from auditor.findings import Skipped
from auditor.kube.paths import parse_path, path_text
from auditor.kube.versions import parse_target
from auditor.plan import Besides, Judged, Plan


def scan(tmp_path, text, *options, name="a.yaml"):
    (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "auditor", "scan", name, "--output", "json", "--fail-on", "never", *options]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert result.returncode in {0, 3}, result.stderr
    return json.loads(result.stdout)


def found(tmp_path, spec, *options):
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n" + spec
    return sorted((item["policy"], item["container"]) for item in scan(tmp_path, text, *options)["findings"])


CASES = {
    "a pod without anything is BestEffort and no list of what is missing": (
        "  containers: [{name: a}, {name: b}]\n",
        [("qos-best-effort", None)],
    ),
    "a sidecar without a limit is one finding": (
        (
            "  initContainers: [{name: s, restartPolicy: Always}]\n"
            "  containers: [{name: a, resources: {limits: {memory: 64Mi}}}]\n"
        ),
        [("sidecar-memory-unaccounted", "s")],
    ),
    "one unlimited container among limited ones is one finding": (
        (
            "  containers:\n  - {name: a, resources: {limits: {memory: 64Mi}}}\n"
            "  - {name: b, resources: {requests: {memory: 64Mi}}}\n"
        ),
        [("pod-memory-unbounded-by-one-container", "b")],
    ),
    "512m as a limit below the request is one finding": (
        "  containers: [{name: a, resources: {requests: {memory: 64Mi}, limits: {memory: 512m}}}]\n",
        [("memory-quantity-fractional", "a")],
    ),
    "a forgotten unit in a request is not a ratio": (
        "  containers: [{name: a, resources: {requests: {memory: 256}, limits: {memory: 512Mi}}}]\n",
        [("memory-quantity-unit-forgotten", "a")],
    ),
    "a misspelt limit is not a missing one": (
        "  containers: [{name: a, resources: {requests: {memory: 64Mi}, limits: {mem: 64Mi}}}]\n",
        [("memory-resource-name-unknown", "a")],
    ),
    "a misspelt request does not hide a missing limit": (
        "  containers: [{name: a, resources: {requests: {mem: 64Mi, cpu: 1}}}]\n",
        [("memory-limit-missing", "a"), ("memory-resource-name-unknown", "a")],
    ),
    "two volumes that do not fit are one finding although one alone does not": (
        (
            "  containers:\n  - name: a\n    resources: {limits: {memory: 1Gi}}\n"
            "    volumeMounts: [{name: v, mountPath: /v}, {name: w, mountPath: /w}]\n"
            "  volumes:\n  - {name: v, emptyDir: {medium: Memory, sizeLimit: 2Gi}}\n"
            "  - {name: w, emptyDir: {medium: Memory, sizeLimit: 16Mi}}\n"
        ),
        [("tmpfs-above-memory-limit", "a")],
    ),
    "limits only are legal": ("  containers: [{name: a, resources: {limits: {memory: 64Mi}}}]\n", []),
    "a heap above the limit is one finding, whatever else it exceeds": (
        (
            "  containers:\n  - name: a\n    command: [java, -Xms2g, -Xmx2g, -jar, a.jar]\n"
            "    resources: {limits: {memory: 1Gi}}\n"
        ),
        [("jvm-heap-above-limit", "a")],
    ),
    "a heap of all memory is above the limit, not a high percentage": (
        (
            "  containers:\n  - name: a\n    command: [java, -XX:MaxRAMPercentage=100, -jar, a.jar]\n"
            "    resources: {limits: {memory: 1Gi}}\n"
        ),
        [("jvm-heap-above-limit", "a")],
    ),
    "an old space above the limit has no low headroom besides": (
        (
            "  containers:\n  - name: a\n    command: [node, --max-old-space-size=2048, a.js]\n"
            "    resources: {limits: {memory: 1Gi}}\n"
        ),
        [("node-heap-above-limit", "a")],
    ),
    "a tiny limit below the request is one finding": (
        "  containers: [{name: a, resources: {requests: {memory: 64Mi}, limits: {memory: 5Mi}}}]\n",
        [("memory-limit-below-request", "a")],
    ),
    "a tiny limit without a unit is a forgotten unit": (
        "  containers: [{name: a, resources: {limits: {memory: 512}}}]\n",
        [("memory-quantity-unit-forgotten", "a")],
    ),
    "a volume of nearly the whole limit is ineffective, not a high share besides": (
        (
            "  containers:\n  - name: a\n    resources: {limits: {memory: 64Mi}}\n"
            "    volumeMounts: [{name: v, mountPath: /v}]\n"
            "  volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 64Mi}}]\n"
        ),
        [("tmpfs-size-limit-ineffective", None)],
    ),
    "pod-level hugepages that are not their limit are one finding": (
        (
            "  resources: {requests: {memory: 64Mi, hugepages-2Mi: 2Mi}, limits: {memory: 64Mi, hugepages-2Mi: 4Mi}}\n"
            "  containers: [{name: a}]\n"
        ),
        [("pod-hugepages-request-limit-mismatch", None)],
    ),
    "Windows pods have no cgroup to be unlimited": (
        (
            "  os: {name: windows}\n  containers:\n  - {name: a, resources: {limits: {memory: 64Mi}}}\n"
            "  - {name: b, resources: {requests: {memory: 64Mi}}}\n"
        ),
        [("memory-limit-missing", "b")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_fact_is_one_finding(tmp_path, case):
    spec, expected = CASES[case]
    assert found(tmp_path, spec) == expected


RANGE = """\
apiVersion: v1
kind: LimitRange
metadata: {name: l, namespace: n}
spec: {limits: [{type: Container, default: {memory: 64Mi}, defaultRequest: {memory: 32Mi}}]}
---
"""
QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: q, namespace: n}
spec: {hard: {requests.memory: 1Gi, limits.memory: 1Gi}}
---
"""
IN_NAMESPACE = {
    "a default limit below a written request is one finding": (
        RANGE,
        "[{name: a, resources: {requests: {memory: 128Mi}}}]",
        [("limitrange-default-below-request", "a")],
    ),
    "what a quota demands is not missing besides": (
        QUOTA,
        "[{name: a, resources: {requests: {memory: 128Mi}}}, {name: b, resources: {limits: {memory: 64Mi}}}]",
        [("quota-requires-memory", "a")],
    ),
    "a pod without anything under a quota is refused, not BestEffort besides": (
        QUOTA,
        "[{name: a}]",
        [("quota-requires-memory", "a")],
    ),
    "defaults of a LimitRange satisfy a quota and are told": (
        RANGE + QUOTA,
        "[{name: a}]",
        [("limitrange-default-hides-choice", "a")],
    ),
}


@pytest.mark.parametrize("case", IN_NAMESPACE)
def test_one_fact_about_a_namespaced_pod_is_one_finding(tmp_path, case):
    context, containers, expected = IN_NAMESPACE[case]
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: n}}\nspec: {{containers: {containers}}}\n"
    findings = scan(tmp_path, context + pod)["findings"]
    assert sorted((item["policy"], item["container"]) for item in findings) == expected


def test_a_refusal_of_one_container_does_not_hide_anothers_findings(tmp_path):
    limits = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: n}\n"
    limits += "spec: {limits: [{type: Container, min: {memory: 64Mi}}]}\n---\n"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\nspec:\n  containers:\n"
    pod += "  - {name: a, resources: {requests: {memory: 16Mi}, limits: {memory: 64Mi}}}\n"
    pod += "  - {name: b, resources: {requests: {memory: 64Mi}}}\n"
    findings = scan(tmp_path, limits + pod)["findings"]
    assert sorted((item["policy"], item["line"], item["path"]) for item in findings) == [
        ("limitrange-rejects-pod", 11, "spec.containers[0].resources.requests.memory"),
        ("pod-memory-unbounded-by-one-container", 12, "spec.containers[1].resources.limits.memory"),
    ]


BASE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
      - name: app
        resources: {requests: {memory: 64Mi}}
"""


def fingerprints(report):
    return [item["fingerprint"] for item in report["findings"]]


@pytest.mark.parametrize(
    "edited",
    [
        "# a comment\n\n" + BASE,
        BASE.replace(
            "      - name: app", "      - {name: first, resources: {limits: {memory: 1Gi}}}\n      - name: app"
        ),
        BASE.replace("64Mi", "65Mi"),
        BASE.replace("apps/v1", "apps/v1beta1"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n" + BASE,
    ],
)
def test_a_fingerprint_survives_edits_elsewhere(tmp_path, edited):
    # memory-limit-missing and pod-memory-unbounded are other policies: compare like with like.
    options = ("--config", "c.yaml")
    (tmp_path / "c.yaml").write_text("rules: {pod-memory-unbounded-by-one-container: {enabled: false}}\n")
    assert fingerprints(scan(tmp_path, BASE, *options)) == fingerprints(scan(tmp_path, edited, *options, name="b.yaml"))


@pytest.mark.parametrize(("old", "new"), [("name: web", "name: api"), ("shop", "pay"), ("name: app", "name: proxy")])
def test_another_object_or_container_has_another_fingerprint(tmp_path, old, new):
    assert fingerprints(scan(tmp_path, BASE)) != fingerprints(scan(tmp_path, BASE.replace(old, new)))


def test_paths_are_read_and_written_alike():
    text = "spec.containers[0].env[12].value"
    assert parse_path(text) == ("spec", "containers", 0, "env", 12, "value")
    assert path_text(parse_path(text)) == text
    assert path_text(("metadata", "annotations", "a.b/c")) == 'metadata.annotations["a.b/c"]'


def test_what_could_not_be_read_is_in_one_order_however_it_arrives():
    plan = Plan(Selection((), Config(), "all", "c"), parse_target(None), FactOptions(), (), True, {}, date(2026, 1, 1))
    items = [Skipped("a.yaml", 1, 1, reason) for reason in "zyx"]
    reports = [
        assemble([Judged(skipped=tuple(items[:cut]))], plan, None, "1", Besides(skipped=tuple(items[cut:])))
        for cut in range(4)
    ]
    assert {tuple(item.reason for item in report.skipped) for report in reports} == {("x", "y", "z")}
    assert {report.summary.skipped for report in reports} == {3}
    assert reports[0].notes == ("nothing to judge: no Kubernetes object was read",)
