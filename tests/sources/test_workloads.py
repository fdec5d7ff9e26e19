"""Pod specs are found by kind, by shape and by the config's paths."""

# ruff: noqa: E501, PTH, ARG001 - a row of a table is one line; links and odd names need os

import pytest

from auditor.sources.read import ReadOptions, read_bytes

CONTAINERS = "{containers: [{name: c}]}"


def paths(text, **options):
    result = read_bytes(text.encode(), "x", ReadOptions(**options))
    return [obj.pod_path for obj in result.objects], [item.reason for item in result.skipped]


def test_known_kinds():
    deep = ("spec", "template", "spec")
    table = [
        ("v1", "Pod", ("spec",)),
        ("v1", "PodTemplate", ("template", "spec")),
        ("v1", "ReplicationController", deep),
    ]
    table += [("apps/v1", kind, deep) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")]
    table += [("batch/v1", "Job", deep), ("batch/v1", "CronJob", ("spec", "jobTemplate", *deep))]
    for api_version, kind, path in table:
        body = CONTAINERS
        for step in reversed(path):
            body = f"{{{step}: {body}}}"
        text = f"{{apiVersion: {api_version}, kind: {kind}, {body[1:]}"
        assert paths(text) == ([path], [])


@pytest.mark.parametrize(
    ("api_version", "kind", "body", "expected"),
    [
        ("argoproj.io/v1alpha1", "Rollout", f"spec: {{template: {{spec: {CONTAINERS}}}}}", [("spec", "template", "spec")]),
        ("serving.knative.dev/v1", "Service", f"spec: {{template: {{spec: {CONTAINERS}}}}}", [("spec", "template", "spec")]),
        ("keda.sh/v1", "ScaledJob", f"spec: {{jobTargetRef: {{template: {{spec: {CONTAINERS}}}}}}}", [("spec", "jobTargetRef", "template", "spec")]),
        ("batch.volcano.sh/v1alpha1", "Job", f"spec: {{tasks: [{{template: {{spec: {CONTAINERS}}}}}]}}", [("spec", "tasks", 0, "template", "spec")]),
        (
            "ray.io/v1", "RayCluster",
            f"spec: {{head: {{template: {{spec: {CONTAINERS}}}}}, groups: [{{template: {{spec: {CONTAINERS}}}}}]}}",
            [("spec", "head", "template", "spec"), ("spec", "groups", 0, "template", "spec")],
        ),
        ("flink.apache.org/v1", "FlinkDeployment", f"spec: {{podTemplate: {{spec: {CONTAINERS}}}}}", [("spec", "podTemplate", "spec")]),
        ("example.org/v1", "Thing", "spec: {template: {spec: {containers: [a, b]}}}", [None]),
        ("example.org/v1", "Thing", f"spec: {CONTAINERS}", [None]),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"spec: {{template: {{spec: {CONTAINERS}}}}}", [None]),
        ("apps/v1", "ControllerRevision", f"data: {{spec: {{template: {{spec: {CONTAINERS}}}}}}}", [None]),
        ("kyverno.io/v1", "ClusterPolicy", f"spec: {{rules: [{{validate: {{pattern: {{spec: {{template: {{spec: {CONTAINERS}}}}}}}}}}}]}}", [None]),
        ("v1", "ConfigMap", "data: {a: b}", [None]),
    ],
)  # fmt: skip
def test_other_kinds_by_shape(api_version, kind, body, expected):
    assert paths(f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: n}}\n{body}\n") == (expected, [])


@pytest.mark.parametrize(
    ("path", "found"),
    [("spec.job.pod", ("spec", "job", "pod", "spec")), ("spec.job.pod.spec", ("spec", "job", "pod", "spec")), ("spec.list.0", ("spec", "list", 0))],
)  # fmt: skip
def test_paths_of_the_config_name_the_template_or_the_pod_spec(path, found):
    text = f"apiVersion: a/v1\nkind: Own\nspec: {{job: {{pod: {{spec: {CONTAINERS}}}}}, list: [{CONTAINERS}]}}\n"
    assert paths(text, template_paths={"Own": tuple(path.split("."))}) == ([found], [])


def test_a_path_of_the_config_that_leads_nowhere_is_told():
    text = "apiVersion: a/v1\nkind: Own\nspec: {}\n"
    found, reasons = paths(text, template_paths={"Own": ("spec", "job")})
    assert (found, reasons) == ([], ["Own: spec.job is missing: the config names it as a template"])
