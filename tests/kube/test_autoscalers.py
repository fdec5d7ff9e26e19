"""What autoscalers say about memory. Expected values: autoscaling/v2 and its controller, KEDA, the VPA's types.go."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.autoscalers import (
    UPDATE_MODES,
    ContainerPolicy,
    HorizontalAutoscaler,
    MemoryMetric,
    ScaleTarget,
    VerticalAutoscaler,
    acts_on_memory,
    policy_for,
    read_horizontal,
    read_scaled_object,
    read_vertical,
    scale_up_bytes,
    utilization_threshold_bytes,
)
from auditor.kube.objects import Fault

MIB = 2**20
REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
READERS = (read_horizontal, read_scaled_object, read_vertical)


def horizontal(*metrics, **spec):
    spec = {"scaleTargetRef": REF, "maxReplicas": 5, "metrics": list(metrics), **spec}
    return read_horizontal({"metadata": {"name": "web"}, "spec": spec}, "team-a")


def memory(key="resource", kind="Resource", **target):
    return {"type": kind, key: {"name": "memory", "target": target}}


def scaled(*triggers, **spec):
    spec = {"scaleTargetRef": {"name": "web"}, "triggers": list(triggers), **spec}
    return read_scaled_object({"metadata": {"name": "web"}, "spec": spec}, "team-a")


def trigger(value="80", metric_type="Utilization", **metadata):
    return {"type": "memory", "metricType": metric_type, "metadata": {"value": value, **metadata}}


def vertical(**spec):
    return read_vertical({"metadata": {"name": "web"}, "spec": {"targetRef": REF, **spec}}, "team-a")


def policies(*entries):
    return vertical(resourcePolicy={"containerPolicies": list(entries)})


# HorizontalPodAutoscaler


def test_a_horizontal_autoscaler_keeps_target_bounds_and_memory_metric():
    assert horizontal(memory(type="Utilization", averageUtilization=80), minReplicas=2) == HorizontalAutoscaler(
        "HorizontalPodAutoscaler",
        "web",
        "team-a",
        ScaleTarget("apps/v1", "Deployment", "web"),
        2,
        5,
        (MemoryMetric(None, "Utilization", 80, None, ("spec", "metrics", 0)),),
        scales_on_other=False,
    )


def test_absent_min_replicas_is_one_and_zero_stays_zero():
    assert horizontal().min_replicas == 1  # SetDefaults_HorizontalPodAutoscaler
    assert horizontal(minReplicas=0).min_replicas == 0  # HPAScaleToZero


def test_an_absent_maximum_is_unknown_because_nothing_is_its_default():
    assert horizontal(maxReplicas=None).max_replicas is None


def test_average_value_is_bytes_rounded_up():
    [metric] = horizontal(memory(type="AverageValue", averageValue="500.5")).metrics
    assert (metric.target_type, metric.utilization_percent, metric.value_bytes) == ("AverageValue", None, 501)


def test_a_target_of_value_only_is_told_as_such():
    [metric] = horizontal(memory(type="Value", value="1Gi")).metrics
    assert (metric.target_type, metric.value_bytes) == ("Value", 1024 * MIB)


def test_the_values_decide_and_not_the_type():
    # computeStatusForResourceMetricGeneric: averageValue first, then averageUtilization; validation accepts the pair.
    [metric] = horizontal(memory(type="Utilization", averageValue="500Mi")).metrics
    assert (metric.target_type, metric.value_bytes) == ("AverageValue", 500 * MIB)
    [metric] = horizontal(memory(type="AverageValue", averageUtilization=70)).metrics
    assert (metric.target_type, metric.utilization_percent) == ("Utilization", 70)


def test_a_container_metric_names_its_container():
    raw = memory("containerResource", "ContainerResource", type="Utilization", averageUtilization=60)
    raw["containerResource"]["container"] = "app"
    assert horizontal(raw).metrics == (MemoryMetric("app", "Utilization", 60, None, ("spec", "metrics", 0)),)


def test_the_flat_targets_of_v2beta1_are_read():
    first = {"type": "Resource", "resource": {"name": "memory", "targetAverageUtilization": 75}}
    second = {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "1Mi"}}
    metrics = horizontal(first, second).metrics
    assert [(m.target_type, m.utilization_percent, m.value_bytes) for m in metrics] == [
        ("Utilization", 75, None),
        ("AverageValue", None, MIB),
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
        {"type": "Pods", "pods": {"metric": {"name": "requests"}}},
        {"type": "External", "external": {}},
        {"type": ["odd"]},
    ],
)
def test_another_metric_beside_memory_is_told_and_keeps_the_place(other):
    read = horizontal(other, memory(type="Utilization", averageUtilization=80))
    assert read.scales_on_other
    assert [metric.path for metric in read.metrics] == [("spec", "metrics", 1)]


@pytest.mark.parametrize("metrics", [None, []])
def test_no_metric_at_all_scales_on_cpu(metrics):
    read = horizontal(metrics=metrics)  # SetDefaults_HorizontalPodAutoscaler: cpu at 80 %
    assert (read.metrics, read.scales_on_other) == ((), True)


def test_version_1_has_cpu_only_and_its_annotation_is_ignored():
    data = {
        "metadata": {
            "name": "web",
            "annotations": {"autoscaling.alpha.kubernetes.io/metrics": '[{"type":"Resource"}]'},
        },
        "spec": {"scaleTargetRef": REF, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
    }
    read = read_horizontal(data, None)
    assert (read.metrics, read.scales_on_other, read.namespace) == ((), True, None)


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({"scaleTargetRef": None}, ("spec", "scaleTargetRef"), "must be a mapping, not null"),
        ({"scaleTargetRef": {"kind": "Deployment"}}, ("spec", "scaleTargetRef", "name"), "must be a string, not null"),
        ({"scaleTargetRef": {"name": "web"}}, ("spec", "scaleTargetRef", "kind"), "must be a string, not null"),
        ({"scaleTargetRef": {**REF, "name": ""}}, ("spec", "scaleTargetRef", "name"), "must not be empty"),
        ({"minReplicas": "2"}, ("spec", "minReplicas"), "must be a whole number of 32 bits"),
        ({"minReplicas": True}, ("spec", "minReplicas"), "must be a whole number of 32 bits"),
        ({"minReplicas": -1}, ("spec", "minReplicas"), "must be at least 0"),
        ({"maxReplicas": 0}, ("spec", "maxReplicas"), "must be at least 1"),
        ({"maxReplicas": 2**31}, ("spec", "maxReplicas"), "must be a whole number of 32 bits"),
        ({"maxReplicas": 2.5}, ("spec", "maxReplicas"), "must be a whole number of 32 bits"),
        ({"metrics": {}}, ("spec", "metrics"), "must be a list, not a mapping"),
        ({"metrics": ["memory"]}, ("spec", "metrics", 0), "must be a mapping, not a string"),
        ({"metrics": [{"type": "Resource"}]}, ("spec", "metrics", 0, "resource"), "must be a mapping, not null"),
    ],
)
def test_a_malformed_horizontal_autoscaler_is_a_fault_at_its_place(spec, path, words):
    read = horizontal(**spec)
    assert isinstance(read, Fault)
    assert read.path == path
    assert read.reason.endswith(words)


def test_a_fault_names_the_place_as_one_reads_it():
    assert horizontal(memory(averageUtilization=0)) == Fault(
        ("spec", "metrics", 0, "resource", "target", "averageUtilization"),
        "spec.metrics[0].resource.target.averageUtilization must be at least 1",
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"type": "Utilization"}, "must set either a target raw value or a target utilization"),
        ({"averageValue": "12GB"}, "quantities must match the regular expression"),
        ({"averageValue": "-1Mi"}, "must be greater than or equal to 0"),
        ({"averageValue": ["1Mi"]}, "must be a quantity, not a list"),
    ],
)
def test_a_memory_metric_without_a_readable_target_is_a_fault(target, words):
    assert words in horizontal(memory(**target)).reason


def test_a_container_metric_without_container_is_a_fault():
    raw = memory("containerResource", "ContainerResource", averageUtilization=60)
    assert horizontal(raw).path == ("spec", "metrics", 0, "containerResource", "container")


def test_a_whole_float_is_a_whole_number_as_yaml_tools_write_it():
    assert horizontal(maxReplicas=4.0).max_replicas == 4


# ScaledObject


def test_a_scaled_object_gets_kedas_defaults():
    assert scaled(trigger()) == HorizontalAutoscaler(
        "ScaledObject",
        "web",
        "team-a",
        ScaleTarget("apps/v1", "Deployment", "web"),
        0,
        100,
        (MemoryMetric(None, "Utilization", 80, None, ("spec", "triggers", 0)),),
        scales_on_other=False,
    )


def test_a_scaled_object_keeps_its_own_target_and_bounds():
    ref = {"apiVersion": "example.com/v1", "kind": "Rollout", "name": "web"}
    read = scaled(trigger(), scaleTargetRef=ref, minReplicaCount=2, maxReplicaCount=9)
    assert (read.target, read.min_replicas, read.max_replicas) == (
        ScaleTarget("example.com/v1", "Rollout", "web"),
        2,
        9,
    )


def test_the_older_type_counts_where_metric_type_is_absent():
    old = {"type": "memory", "metadata": {"type": "AverageValue", "value": "200Mi"}}
    [metric] = scaled(old).metrics
    assert (metric.target_type, metric.value_bytes) == ("AverageValue", 200 * MIB)
    both = {**old, "metricType": "Utilization", "metadata": {"type": "AverageValue", "value": "70"}}
    assert scaled(both).metrics[0].utilization_percent == 70  # parseResourceMetadata: config.MetricType wins


def test_a_trigger_may_look_at_one_container():
    assert scaled(trigger(containerName="app")).metrics[0].container == "app"
    assert scaled(trigger(containerName="")).metrics[0].container is None  # GetMetricSpecForScaling


def test_other_triggers_are_told_and_keep_the_place():
    read = scaled({"type": "cron", "metadata": {}}, trigger())
    assert read.scales_on_other
    assert read.metrics[0].path == ("spec", "triggers", 1)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("memory", ()),
        ({"type": "memory"}, ("metadata",)),
        ({"type": "memory", "metadata": {"value": "80"}}, ("metricType",)),
        (trigger(metric_type="Value"), ("metricType",)),
        (trigger(80), ("metadata", "value")),  # metadata is a map of strings
        (trigger("80%"), ("metadata", "value")),
        (trigger("0"), ("metadata", "value")),
        (trigger("9" * 5000), ("metadata", "value")),
        (trigger("3000000000"), ("metadata", "value")),
        (trigger("10MB", "AverageValue"), ("metadata", "value")),
        (trigger(containerName=1), ("metadata", "containerName")),
    ],
)
def test_a_malformed_trigger_is_a_fault_at_its_place(raw, path):
    read = scaled(raw)
    assert isinstance(read, Fault)
    assert read.path == ("spec", "triggers", 0, *path)


# VerticalPodAutoscaler


def test_a_vertical_autoscaler_has_the_defaults_of_its_api():
    assert vertical() == VerticalAutoscaler(
        "web", "team-a", ScaleTarget("apps/v1", "Deployment", "web"), None, "Recreate", None, (), ()
    )
    assert policies({"containerName": "*"}).policies == (
        ContainerPolicy("*", 0, "Auto", True, "RequestsAndLimits", None, None),
    )


@pytest.mark.parametrize("mode", UPDATE_MODES)
def test_every_mode_is_kept_as_written(mode):
    read = vertical(updatePolicy={"updateMode": mode, "minReplicas": 2})
    assert (read.update_mode, read.mode, read.min_replicas) == (mode, mode, 2)


@pytest.mark.parametrize("policy", [None, {}, {"updateMode": None}, {"updateMode": ""}])
def test_no_mode_recreates(policy):
    read = vertical(updatePolicy=policy)  # GetUpdateMode, pkg/utils/vpa/api.go
    assert (read.update_mode, read.mode) == (None, "Recreate")


def test_a_policy_keeps_bounds_in_bytes_and_what_it_controls():
    read = policies(
        {"containerName": "log", "mode": "Off"},
        {
            "containerName": "app",
            "controlledResources": ["cpu"],
            "controlledValues": "RequestsOnly",
            "minAllowed": {"cpu": "1", "memory": "100Mi"},
            "maxAllowed": {"memory": "1Gi"},
        },
    )
    assert read.policies == (
        ContainerPolicy("log", 0, "Off", True, "RequestsAndLimits", None, None),
        ContainerPolicy("app", 1, "Auto", False, "RequestsOnly", 100 * MIB, 1024 * MIB),
    )


def test_a_bound_of_zero_is_a_bound():
    assert policies({"containerName": "*", "maxAllowed": {"memory": "0"}}).policies[0].max_allowed_bytes == 0


def test_an_empty_list_of_resources_controls_nothing():
    assert not policies({"containerName": "*", "controlledResources": []}).policies[0].controls_memory


def test_recommenders_are_named():
    assert vertical(recommenders=[{"name": "custom"}]).recommenders == ("custom",)


def test_a_container_has_its_own_policy_before_the_last_wildcard():
    read = policies({"containerName": "*"}, {"containerName": "app"}, {"containerName": "*"})
    assert policy_for(read, "app").index == 1
    assert policy_for(read, "other").index == 2
    assert policy_for(policies({"containerName": "app"}), "other") is None


@pytest.mark.parametrize(
    ("spec", "acts"),
    [
        ({}, True),
        ({"updatePolicy": {"updateMode": "Initial"}}, True),
        ({"updatePolicy": {"updateMode": "Off"}}, False),
        ({"resourcePolicy": {"containerPolicies": [{"containerName": "app", "mode": "Off"}]}}, False),
        ({"resourcePolicy": {"containerPolicies": [{"containerName": "*", "controlledResources": ["cpu"]}]}}, False),
        ({"resourcePolicy": {"containerPolicies": [{"containerName": "other", "mode": "Off"}]}}, True),
    ],
)
def test_memory_is_changed_unless_a_mode_is_off_or_it_is_not_controlled(spec, acts):
    assert acts_on_memory(vertical(**spec), "app") is acts


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"targetRef": None}, ("spec", "targetRef")),
        ({"updatePolicy": []}, ("spec", "updatePolicy")),
        ({"updatePolicy": {"updateMode": "auto"}}, ("spec", "updatePolicy", "updateMode")),
        ({"updatePolicy": {"updateMode": {}}}, ("spec", "updatePolicy", "updateMode")),
        ({"updatePolicy": {"minReplicas": 0}}, ("spec", "updatePolicy", "minReplicas")),
        ({"recommenders": [{}]}, ("spec", "recommenders", 0, "name")),
        ({"resourcePolicy": "x"}, ("spec", "resourcePolicy")),
        ({"resourcePolicy": {"containerPolicies": {}}}, ("spec", "resourcePolicy", "containerPolicies")),
    ],
)
def test_a_malformed_vertical_autoscaler_is_a_fault_at_its_place(spec, path):
    read = vertical(**spec)
    assert isinstance(read, Fault)
    assert read.path == path


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        (None, ()),
        ({"containerName": 7}, ("containerName",)),
        ({"mode": "On"}, ("mode",)),
        ({"controlledResources": "memory"}, ("controlledResources",)),
        ({"controlledValues": "LimitsOnly"}, ("controlledValues",)),
        ({"minAllowed": "1Gi"}, ("minAllowed",)),
        ({"maxAllowed": {"memory": "1GB"}}, ("maxAllowed", "memory")),
    ],
)
def test_a_malformed_policy_is_a_fault_at_its_place(policy, path):
    read = policies(policy)
    assert isinstance(read, Fault)
    assert read.path == ("spec", "resourcePolicy", "containerPolicies", 0, *path)


def test_an_object_without_a_usable_name_has_an_empty_one():
    for metadata in (None, [], {}, {"name": 5}):
        read = read_vertical({"metadata": metadata, "spec": {"targetRef": REF}}, None)
        assert (read.name, read.namespace) == ("", None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["memory", "80"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = {
    read_horizontal: ("scaleTargetRef", "metrics", "minReplicas", "maxReplicas"),
    read_scaled_object: ("scaleTargetRef", "triggers", "minReplicaCount", "maxReplicaCount"),
    read_vertical: ("targetRef", "updatePolicy", "resourcePolicy", "recommenders"),
}


@given(st.sampled_from(READERS), st.data())
def test_nothing_that_a_manifest_holds_raises(reader, data):
    spec = data.draw(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS[reader], JSON)))
    read = reader({"metadata": data.draw(JSON), "spec": spec}, None)
    assert isinstance(read, Fault | HorizontalAutoscaler | VerticalAutoscaler)


@given(JSON, JSON, JSON)
def test_no_entry_of_a_list_raises(entry, source, target):
    for raw in (
        entry,
        memory() | {"resource": source},
        {"type": "Resource", "resource": {"name": "memory", "target": target}},
    ):
        assert isinstance(horizontal(raw), Fault | HorizontalAutoscaler)
    for raw in (
        entry,
        {"type": "memory", "metricType": source, "metadata": target},
        trigger(source, containerName=target),
    ):
        assert isinstance(scaled(raw), Fault | HorizontalAutoscaler)
    for raw in (
        entry,
        {"containerName": source, "maxAllowed": target},
        {"mode": source, "controlledResources": target},
    ):
        assert isinstance(policies(raw), Fault | VerticalAutoscaler)


# Arithmetic


@pytest.mark.parametrize(
    ("percent", "request_bytes", "threshold"), [(80, 100 * MIB, 80 * MIB), (150, 10, 15), (33, 10, 4), (80, 0, 0)]
)
def test_the_threshold_is_the_target_share_of_the_request_rounded_up(percent, request_bytes, threshold):
    assert utilization_threshold_bytes(percent, request_bytes) == threshold


def utilisation(usage, request):
    return usage * 100 // request  # GetResourceUtilizationRatio: int32((metricsTotal * 100) / requestsTotal)


@given(st.integers(1, 1000), st.integers(1, 2**45))
def test_the_threshold_is_the_first_usage_that_reads_as_the_target(percent, request):
    threshold = utilization_threshold_bytes(percent, request)
    assert utilisation(threshold, request) >= percent
    assert utilisation(threshold - 1, request) < percent


@given(st.integers(1, 1000), st.integers(1, 2**45))
def test_replicas_are_added_from_the_first_usage_outside_the_tolerance(percent, request):
    start = scale_up_bytes(percent, request)
    assert utilisation(start, request) / percent > 1.0 + 0.1  # Tolerances.isWithin, in float64 as there
    assert utilisation(start - 1, request) / percent <= 1.0 + 0.1


def test_with_a_tolerance_of_a_tenth_a_target_of_80_percent_scales_at_89():
    assert scale_up_bytes(80, 100 * MIB) == math.ceil(0.89 * 100 * MIB)
    assert scale_up_bytes(80, 100 * MIB, 0) == 81 * MIB
