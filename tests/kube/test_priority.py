"""PriorityClasses, the priority of a pod, and which pods are critical."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.objects import Fault
from auditor.kube.priority import (
    PriorityClass,
    default_class,
    is_critical,
    is_node_critical,
    pod_priority,
    read_priority_class,
)


def classes(*each):
    return {one.name: one for one in each}


HIGH = PriorityClass("high", 1000, False)
USUAL = PriorityClass("usual", -5, True)
STATIC = {"annotations": {"kubernetes.io/config.source": "file"}}
FROM_API = {"annotations": {"kubernetes.io/config.source": "api"}}
MIRROR = {"annotations": {"kubernetes.io/config.mirror": "0d5f"}}


def test_a_priority_class_is_read():
    data = {"metadata": {"name": "high"}, "value": 1000, "globalDefault": True}
    assert read_priority_class(data) == PriorityClass("high", 1000, True)


@pytest.mark.parametrize("more", [{}, {"value": None, "globalDefault": None}])
def test_an_absent_value_is_zero_and_no_default(more):
    assert read_priority_class({"metadata": {"name": "low"}, **more}) == PriorityClass("low", 0, False)


@pytest.mark.parametrize("value", [-(2**31), -1, 10**9])
def test_a_user_may_define_negative_values_and_up_to_a_billion(value):
    assert read_priority_class({"metadata": {"name": "own"}, "value": value}) == PriorityClass("own", value, False)


@pytest.mark.parametrize(
    ("name", "value"), [("system-node-critical", 2000001000), ("system-cluster-critical", 2000000000)]
)
def test_the_built_in_classes_are_read_with_their_values(name, value):
    assert read_priority_class({"metadata": {"name": name}, "value": value}) == PriorityClass(name, value, False)


RESERVED = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only"
TOO_HIGH = "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"


@pytest.mark.parametrize(
    ("data", "path", "reason"),
    [
        ({}, ("metadata", "name"), "metadata.name must be a string, not null"),
        ({"metadata": []}, ("metadata", "name"), "metadata.name must be a string, not null"),
        ({"metadata": {"name": 5}}, ("metadata", "name"), "metadata.name must be a string, not a number"),
        (
            {"metadata": {"name": "a"}, "value": "5"},
            ("value",),
            "value must be a whole number of 32 bits, not a string",
        ),
        (
            {"metadata": {"name": "a"}, "value": True},
            ("value",),
            "value must be a whole number of 32 bits, not a boolean",
        ),
        (
            {"metadata": {"name": "a"}, "value": 2**31},
            ("value",),
            "value must be a whole number of 32 bits, not a larger one",
        ),
        (
            {"metadata": {"name": "a"}, "globalDefault": "yes"},
            ("globalDefault",),
            "globalDefault must be a boolean, not a string",
        ),
        ({"metadata": {"name": "a"}, "value": 10**9 + 1}, ("value",), TOO_HIGH),
        ({"metadata": {"name": "system-own"}, "value": 5}, ("metadata", "name"), RESERVED),
        ({"metadata": {"name": "system-node-critical"}, "value": 5}, ("metadata", "name"), RESERVED),
        (
            {"metadata": {"name": "system-node-critical"}, "value": 2000001000, "globalDefault": True},
            ("metadata", "name"),
            RESERVED,
        ),
    ],
)
def test_a_class_that_is_malformed_or_refused_is_a_fault_at_its_place(data, path, reason):
    assert read_priority_class(data) == Fault(path, reason)


@given(
    st.dictionaries(
        st.sampled_from(["metadata", "value", "globalDefault"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.dictionaries(st.just("name"), st.text()),
    )
)
def test_whatever_a_class_holds_it_is_read_or_a_fault(data):
    assert isinstance(read_priority_class(data), PriorityClass | Fault)


def test_the_default_class_is_the_lowest_of_those_marked_so():
    other = PriorityClass("other", 7, True)
    assert default_class(classes(HIGH, other, USUAL)) == USUAL
    assert default_class(classes(HIGH)) is None


@pytest.mark.parametrize(
    ("spec", "priority"),
    [
        ({"priority": 7, "priorityClassName": "high"}, 7),
        ({"priority": 0}, 0),
        ({"priorityClassName": "high"}, 1000),
        ({"priorityClassName": "system-node-critical"}, 2000001000),
        ({"priorityClassName": "system-cluster-critical"}, 2000000000),
        ({}, -5),
        ({"priorityClassName": ""}, -5),
        ({"priorityClassName": "elsewhere"}, None),
        ({"priorityClassName": 5}, None),
        ({"priority": "7"}, None),
        ({"priority": 2**31}, None),
        ({"priority": 2**31 - 1}, 2**31 - 1),
        ({"priority": -(2**31)}, -(2**31)),
        ({"priority": -(2**31) - 1}, None),
    ],
)
def test_a_pods_priority_is_its_own_then_its_classs_then_the_defaults(spec, priority):
    assert pod_priority(spec, classes(HIGH, USUAL)) == priority


def test_a_pod_without_any_class_has_priority_zero():
    assert pod_priority({}, {}) == 0
    assert pod_priority({}, classes(HIGH)) == 0


@pytest.mark.parametrize(
    ("metadata", "priority", "critical"),
    [
        ({}, 2_000_000_000, True),
        ({}, 1_999_999_999, False),
        ({}, 0, False),
        (None, None, None),
        (STATIC, 0, True),
        (STATIC, None, True),
        (MIRROR, 0, True),
        (FROM_API, 0, False),
        ({"annotations": {"kubernetes.io/config.mirror": None}}, 0, True),
        ({"annotations": []}, 0, False),
    ],
)
def test_static_and_mirror_pods_and_those_from_two_billion_on_are_critical(metadata, priority, critical):
    assert is_critical({}, metadata, priority) is critical


def test_a_class_of_a_user_is_never_critical_even_if_its_value_is_not_known():
    assert is_critical({"priorityClassName": "elsewhere"}, {}, None) is False
    assert is_critical({"priorityClassName": "system-elsewhere"}, {}, None) is None
    assert is_critical({"priorityClassName": "elsewhere", "priority": "7"}, {}, None) is None


@pytest.mark.parametrize(
    ("name", "metadata", "priority", "critical"),
    [
        ("system-node-critical", {}, 2000001000, True),
        ("system-node-critical", STATIC, 0, True),
        ("system-node-critical", {}, 5, False),
        ("system-node-critical", {}, None, None),
        ("system-cluster-critical", {}, 2000000000, False),
        (None, STATIC, 2000001000, False),
    ],
)
def test_a_node_critical_pod_is_critical_and_names_that_very_class(name, metadata, priority, critical):
    assert is_node_critical({"priorityClassName": name}, metadata, priority) is critical
