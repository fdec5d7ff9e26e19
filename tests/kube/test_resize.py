"""In-place resize: what is read from a status, and what counts for a pod on a node, by version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.objects import Resources, read_containers
from auditor.kube.resize import (
    PodStatus,
    StatusResources,
    actuated,
    pod_limit_with_status,
    pod_request_with_status,
    quota_request_with_status,
    read_status,
)
from auditor.kube.resources import pod_limit, pod_request

GI = 2**30 * 1000
MI = 2**20 * 1000
VERSIONS = (28, 31, 32, 33, 34, 35, 36, 37)


def containers(*app, init=()):
    found, faults = read_containers({"containers": list(app), "initContainers": list(init)}, sidecars=True)
    assert not faults
    return found


def container(name, request=None, limit=None, **more):
    return {"name": name, "resources": {"requests": memory(request), "limits": memory(limit)}, **more}


def memory(amount):
    return {} if amount is None else {"memory": amount}


def told(name, allocated=None, actual=None, limit=None):
    """Return a container's status; `actual` is its request in force, and None leaves `resources` out."""
    status = {"name": name}
    if allocated is not None:
        status["allocatedResources"] = memory(allocated)
    if actual is not None:
        status["resources"] = {"requests": memory(actual)}
        if limit is not None:
            status["resources"]["limits"] = memory(limit)
    return status


def status(*app, init=(), reason=None, **more):
    data = {"containerStatuses": list(app), "initContainerStatuses": list(init), **more}
    if reason is not None:
        data["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": reason}]
        data["resize"] = reason
    read = read_status(data)
    assert read is not None
    return read


def request(pods, state, minor=37, *, level=None, overhead=None, pod_level_resize=True):
    return pod_request_with_status(
        pods, level, overhead or {}, state, "memory", minor=minor, pod_level_resize=pod_level_resize
    )


def limit(pods, state, minor=37, *, level=None, overhead=None, pod_level_resize=True):
    return pod_limit_with_status(
        pods, level, overhead or {}, state, "memory", minor=minor, pod_level_resize=pod_level_resize
    )


def test_a_status_is_read_in_thousandths_and_containers_by_name():
    read = read_status(
        {
            "qosClass": "Burstable",
            "phase": "Running",
            "containerStatuses": [
                {
                    "name": "c0",
                    "allocatedResources": {"memory": "1Gi", "cpu": "250m", "hugepages-2Mi": "2Mi", "x/gpu": 1},
                    "resources": {"requests": {"memory": "2Gi"}, "limits": {}},
                }
            ],
            "initContainerStatuses": [{"name": "i0"}],
            "resources": {"limits": {"memory": "3Gi"}},
            "allocatedResources": {"memory": "4Gi"},
        }
    )
    assert read is not None
    assert (read.qos_class, read.phase, read.infeasible, read.deferred) == ("Burstable", "Running", False, False)
    assert read.containers["c0"].allocated == {"memory": GI, "cpu": 250, "hugepages-2Mi": 2 * MI}
    assert read.containers["c0"].resources == StatusResources({"memory": 2 * GI}, {})
    assert (read.containers["i0"].allocated, read.containers["i0"].resources) == (None, None)
    assert read.resources == StatusResources(None, {"memory": 3 * GI})
    assert read.allocated == {"memory": 4 * GI}


@pytest.mark.parametrize("data", [None, [], "Running", 1])
def test_what_is_no_mapping_is_no_status(data):
    assert read_status(data) is None


def test_what_has_the_wrong_shape_in_a_status_is_absent():
    read = read_status(
        {
            "qosClass": 1,
            "phase": "",
            "conditions": ["x", {"type": "PodResizePending", "reason": 5}],
            "containerStatuses": [
                1,
                {"name": 2},
                {"name": "c0", "allocatedResources": [], "resources": {"requests": {"memory": {}}, "limits": 1}},
            ],
            "initContainerStatuses": {},
            "resources": [],
            "allocatedResources": {"memory": "oops"},
        }
    )
    assert read is not None
    assert (read.qos_class, read.phase, read.infeasible, read.deferred) == (None, None, False, False)
    assert list(read.containers) == ["c0"]
    assert read.containers["c0"].allocated is None
    assert read.containers["c0"].resources == StatusResources(None, None)
    assert read.resources is None
    assert read.allocated == {}


def test_the_first_status_of_a_name_counts():
    read = status(told("c0", "1Gi"), init=[told("c0", "2Gi")])
    assert read.containers["c0"].allocated == {"memory": GI}


@pytest.mark.parametrize(
    ("conditions", "infeasible", "deferred"),
    [
        ([], False, False),
        ([{"type": "Ready", "reason": "Infeasible"}], False, False),
        ([{"type": "PodResizePending", "reason": "Infeasible", "status": "False"}], True, False),
        ([{"type": "PodResizePending", "reason": "Deferred"}], False, True),
        (
            [{"type": "PodResizePending", "reason": "Deferred"}, {"type": "PodResizePending", "reason": "Infeasible"}],
            False,
            True,
        ),
        ([{"type": "PodResizePending"}, {"type": "PodResizePending", "reason": "Infeasible"}], False, False),
    ],
)
def test_the_first_pending_condition_decides_by_its_reason_alone(conditions, infeasible, deferred):
    read = read_status({"conditions": conditions})
    assert read is not None
    assert (read.infeasible, read.deferred) == (infeasible, deferred)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["containerStatuses", "conditions", "name", "type", "reason", "resources", "requests", "memory"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_a_status_holds_it_is_read_or_none(data):
    assert isinstance(read_status(data), PodStatus | None)


@pytest.mark.parametrize("minor", VERSIONS)
def test_without_a_status_the_spec_counts(minor):
    pods = containers(container("c0", "1Gi", "2Gi"))
    overhead = {"memory": 120 * MI}
    assert request(pods, None, minor, overhead=overhead) == GI + 120 * MI
    assert limit(pods, None, minor, overhead=overhead) == 2 * GI + 120 * MI


@pytest.mark.parametrize("minor", VERSIONS)
def test_an_empty_status_changes_nothing(minor):
    pods = containers(container("c0", "1Gi", "2Gi"))
    assert request(pods, status(), minor) == GI
    assert limit(pods, status(), minor) == 2 * GI
    assert request(containers(container("c0")), status(), minor) is None
    assert limit(containers(container("c0")), status(), minor) is None


@pytest.mark.parametrize("minor", VERSIONS)
def test_a_resize_that_lowers_the_request_counts_only_once_it_is_done(minor):
    pods = containers(container("c0", "1Gi"))
    assert request(pods, status(told("c0", "2Gi", "2Gi")), minor) == 2 * GI
    assert request(pods, status(told("c0", "1Gi", "1Gi")), minor) == GI


@pytest.mark.parametrize("minor", VERSIONS)
def test_a_resize_that_raises_the_request_counts_at_once(minor):
    pods = containers(container("c0", "3Gi"))
    assert request(pods, status(told("c0", "1Gi", "1Gi"), reason="Deferred"), minor) == 3 * GI


@pytest.mark.parametrize("minor", VERSIONS)
def test_an_infeasible_resize_leaves_what_the_node_gave(minor):
    pods = containers(container("c0", "3Gi"))
    assert request(pods, status(told("c0", "1Gi", "1Gi"), reason="Infeasible"), minor) == GI


@pytest.mark.parametrize(
    ("minor", "amount"), [(28, GI), (31, GI), (32, 2 * GI), (33, 3 * GI), (36, 3 * GI), (37, 3 * GI)]
)
def test_the_parts_of_a_status_that_count_grew_over_the_versions(minor, amount):
    actual_alone = status(told("c0", None, "2Gi"))
    allocated_too = status(told("c0", "3Gi", "2Gi"))
    pods = containers(container("c0", "1Gi"))
    assert request(pods, actual_alone, minor) == (GI if minor <= 31 else 2 * GI)
    assert request(pods, allocated_too, minor) == (3 * GI if minor <= 31 else amount)


def test_up_to_1_36_the_largest_of_each_container_is_summed_and_in_1_37_the_sums_are_compared():
    pods = containers(container("c0", "1Gi"), container("c1", "3Gi"))
    state = status(told("c0", "3Gi", "3Gi"), told("c1", "1Gi", "1Gi"))
    assert request(pods, state, 36) == 6 * GI
    assert request(pods, state, 37) == 4 * GI


def test_limits_too_are_summed_maxima_up_to_1_36_and_the_larger_sum_in_1_37():
    pods = containers(container("c0", "1Gi", "1Gi"), container("c1", "1Gi", "3Gi"))
    state = status(told("c0", "1Gi", "1Gi", "3Gi"), told("c1", "1Gi", "1Gi", "1Gi"))
    assert limit(pods, state, 36) == 6 * GI
    assert limit(pods, state, 37) == 4 * GI


@pytest.mark.parametrize(("minor", "amount"), [(31, 3 * GI), (32, GI), (36, GI), (37, GI)])
def test_limits_after_an_infeasible_resize_are_those_in_force_since_1_32(minor, amount):
    pods = containers(container("c0", "1Gi", "3Gi"))
    assert limit(pods, status(told("c0", "1Gi", "1Gi", "1Gi"), reason="Infeasible"), minor) == amount


@pytest.mark.parametrize("minor", [33, 36, 37])
def test_a_limit_in_force_counts_until_a_lower_one_is(minor):
    pods = containers(container("c0", "1Gi", "1Gi"))
    assert limit(pods, status(told("c0", "1Gi", "1Gi", "2Gi")), minor) == 2 * GI


@pytest.mark.parametrize(
    ("minor", "sidecar", "init"), [(32, GI, GI), (33, 4 * GI, GI), (36, 4 * GI, GI), (37, 4 * GI, 4 * GI)]
)
def test_the_status_of_sidecars_counts_since_1_33_and_of_plain_init_containers_since_1_37(minor, sidecar, init):
    app = container("c0", 0)
    state = status(init=[told("i0", "4Gi", "4Gi", "4Gi")])
    of_sidecar = containers(app, init=[container("i0", "1Gi", "1Gi", restartPolicy="Always")])
    of_init = containers(app, init=[container("i0", "1Gi", "1Gi")])
    assert (request(of_sidecar, state, minor), limit(of_sidecar, state, minor)) == (sidecar, sidecar)
    assert (request(of_init, state, minor), limit(of_init, state, minor)) == (init, init)


@pytest.mark.parametrize(("minor", "amount"), [(31, 3 * GI), (36, 3 * GI), (37, GI)])
def test_a_container_without_status_counts_nothing_after_an_infeasible_resize_in_1_37(minor, amount):
    pods = containers(container("c0", "1Gi", "1Gi"), container("c1", "2Gi", "2Gi"))
    state = status(told("c0", "1Gi", "1Gi", "1Gi"), reason="Infeasible")
    assert request(pods, state, minor) == amount
    assert limit(pods, state, minor) == amount


@pytest.mark.parametrize(("minor", "amount"), [(31, 3 * GI), (32, GI), (36, GI), (37, 3 * GI)])
def test_a_container_whose_status_has_no_resources_is_of_the_spec_from_1_32_to_1_36(minor, amount):
    assert request(containers(container("c0", "1Gi")), status(told("c0", "3Gi")), minor) == amount


def test_infeasible_is_told_by_the_field_resize_up_to_1_32_and_by_the_condition_later():
    pods = containers(container("c0", "3Gi"))
    by_field = status(told("c0", "1Gi", "1Gi"), resize="Infeasible")
    by_condition = status(told("c0", "1Gi", "1Gi"), conditions=[{"type": "PodResizePending", "reason": "Infeasible"}])
    assert [request(pods, by_field, minor) for minor in (31, 32, 33)] == [GI, GI, 3 * GI]
    assert [request(pods, by_condition, minor) for minor in (31, 32, 33)] == [3 * GI, 3 * GI, GI]


LEVEL = Resources({"memory": 2 * GI}, {"memory": 4 * GI})
OWN = {
    "resources": {"requests": {"memory": "3Gi"}, "limits": {"memory": "5Gi"}},
    "allocatedResources": {"memory": "6Gi"},
}


@pytest.mark.parametrize("minor", [35, 36, 37])
def test_the_pod_level_is_the_largest_of_spec_and_the_pods_own_status(minor):
    pods = containers(container("c0", "1Gi"))
    state = status(**OWN)
    assert request(pods, state, minor, level=LEVEL) == 6 * GI
    assert limit(pods, state, minor, level=LEVEL) == 5 * GI


@pytest.mark.parametrize("minor", VERSIONS)
def test_without_the_gate_the_pods_own_status_is_not_looked_at(minor):
    pods = containers(container("c0", "1Gi", "1Gi"))
    state = status(**OWN)
    assert request(pods, state, minor, level=LEVEL, pod_level_resize=False) == 2 * GI
    assert limit(pods, state, minor, level=LEVEL, pod_level_resize=False) == 4 * GI
    assert request(pods, state, minor, pod_level_resize=False) == GI
    assert limit(pods, state, minor, pod_level_resize=False) == GI


@pytest.mark.parametrize("minor", [35, 36, 37])
def test_the_pod_level_of_the_spec_does_not_count_after_an_infeasible_resize(minor):
    big = Resources({"memory": 8 * GI}, {"memory": 9 * GI})
    state = status(reason="Infeasible", **OWN)
    assert request(containers(container("c0", "1Gi")), state, minor, level=big) == 6 * GI
    assert limit(containers(container("c0", "1Gi")), state, minor, level=big) == 5 * GI


@pytest.mark.parametrize("minor", [35, 36, 37])
def test_a_pod_level_without_status_of_its_own_is_of_the_spec(minor):
    state = status(reason="Infeasible", allocatedResources={"memory": "6Gi"})
    assert request(containers(container("c0", "1Gi")), state, minor, level=LEVEL) == 2 * GI
    assert limit(containers(container("c0", "1Gi")), state, minor, level=LEVEL) == 4 * GI


def test_up_to_1_36_a_pod_level_key_that_only_the_refused_spec_has_counts_as_zero():
    state = status(told("c0", "1Gi", "1Gi"), reason="Infeasible", resources={"limits": {"cpu": 1}})
    pods = containers(container("c0", "1Gi", "1Gi"))
    assert request(pods, state, 36, level=LEVEL) == 0
    assert request(pods, state, 37, level=LEVEL) == GI
    assert limit(pods, state, 36, level=LEVEL) == 0


def test_up_to_1_36_limits_of_the_refused_spec_stay_where_the_pods_own_status_has_no_limits():
    state = status(told("c0", "1Gi", "1Gi", "1Gi"), reason="Infeasible", resources={"requests": {"memory": "1Gi"}})
    pods = containers(container("c0", "1Gi", "1Gi"))
    assert limit(pods, state, 36, level=LEVEL) == 4 * GI
    assert limit(pods, state, 37, level=LEVEL) == GI


def test_only_in_1_37_a_key_that_the_pods_own_status_alone_has_is_of_the_pod_level():
    of_cpu = Resources({"cpu": 1000}, {"cpu": 1000})
    state = status(told("c0", "1Gi", "1Gi"), resources={"requests": {"memory": "3Gi"}, "limits": {"memory": "3Gi"}})
    pods = containers(container("c0", "1Gi", "1Gi"))
    assert [request(pods, state, minor, level=of_cpu) for minor in (36, 37)] == [GI, 3 * GI]
    assert [limit(pods, state, minor, level=of_cpu) for minor in (36, 37)] == [GI, 3 * GI]


def test_in_1_37_the_pods_own_status_replaces_the_sums_of_container_statuses_without_a_pod_level():
    pods = containers(container("c0", "1Gi", "1Gi"))
    own = {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}}
    state = status(told("c0", "5Gi", "5Gi", "5Gi"), allocatedResources={"memory": "2Gi"}, **own)
    assert request(pods, state, 36) == 5 * GI
    assert request(pods, state, 37) == 2 * GI
    assert limit(pods, state, 37) == GI


def test_in_1_37_the_pods_own_limits_are_of_the_pod_level_even_if_it_sets_requests_alone():
    state = status(resources={"limits": {"memory": "2Gi"}})
    pods = containers(container("c0", "1Gi", "3Gi"))
    assert limit(pods, state, level=Resources({"memory": 2 * GI}, {})) == 2 * GI
    assert limit(pods, state) == 3 * GI


@pytest.mark.parametrize(
    "own",
    [
        {"resources": {"requests": {"memory": "1Gi"}}},
        {"allocatedResources": {"memory": "1Gi"}},
        {"allocatedResources": {"memory": "1Gi"}, "resources": {"limits": {}}},
    ],
)
def test_the_pods_own_status_replaces_request_sums_only_with_all_three_of_its_parts(own):
    state = status(told("c0", "5Gi", "5Gi"), **own)
    assert request(containers(container("c0", "1Gi")), state) == 5 * GI


def test_limit_sums_are_replaced_by_the_pods_own_limits_alone():
    state = status(told("c0", "1Gi", "1Gi", "5Gi"), resources={"limits": {"memory": "2Gi"}})
    assert limit(containers(container("c0", "1Gi", "1Gi")), state) == 2 * GI


def test_overhead_that_the_kubelet_counted_already_is_counted_again():
    # 1Gi + 120Mi overhead: 1264Mi, kubernetes issue 139627.
    own = {"resources": {"requests": {"memory": "1Gi"}}, "allocatedResources": {"memory": "1144Mi"}}
    state = status(told("c0", "1Gi", "1Gi"), **own)
    assert request(containers(container("c0", "1Gi")), state, overhead={"memory": 120 * MI}) == 1264 * MI


@pytest.mark.parametrize("minor", VERSIONS)
def test_overhead_is_added_to_every_request_and_to_a_limit_that_is_not_zero(minor):
    overhead = {"memory": 120 * MI}
    assert request(containers(container("c0")), status(), minor, overhead=overhead) == 120 * MI
    assert limit(containers(container("c0")), status(), minor, overhead=overhead) is None
    assert limit(containers(container("c0", 0, 0)), status(), minor, overhead=overhead) == 0
    assert limit(containers(container("c0", 0, "1Gi")), status(), minor, overhead=overhead) == GI + 120 * MI


@pytest.mark.parametrize("minor", [36, 37])
def test_a_quota_counts_container_statuses_but_not_the_pods_own(minor):
    pods = containers(container("c0", "1Gi"))
    state = status(told("c0", "4Gi", "4Gi"), **OWN)
    overhead = {"memory": 120 * MI}
    assert quota_request_with_status(pods, None, overhead, state, "memory", minor=minor) == 4 * GI + 120 * MI
    assert quota_request_with_status(pods, LEVEL, {}, state, "memory", minor=minor) == 2 * GI
    assert quota_request_with_status(pods, None, {}, None, "memory", minor=minor) == GI


def test_what_is_actuated_is_the_status_before_the_allocation_before_the_spec():
    each = containers(container("c0", "1Gi", "2Gi"))[0]
    assert actuated(each, None) == (GI, 2 * GI)
    assert actuated(each, status()) == (GI, 2 * GI)
    assert actuated(each, status(told("c0", "3Gi"))) == (3 * GI, 2 * GI)
    assert actuated(each, status(told("c0", "3Gi", "4Gi", "5Gi"))) == (4 * GI, 5 * GI)
    assert actuated(each, status(told("c0", "3Gi", "4Gi", "5Gi")), "cpu") == (None, None)


def test_a_container_whose_status_has_no_limits_has_none_in_its_cgroup():
    each = containers(container("c0", "1Gi", "2Gi"))[0]
    assert actuated(each, status(told("c0", "1Gi", "1Gi"))) == (GI, None)


def test_nothing_is_known_to_be_actuated_without_status_after_an_infeasible_resize():
    each = containers(container("c0", "1Gi", "2Gi"))[0]
    assert actuated(each, status(reason="Infeasible")) == (None, None)
    assert actuated(each, status(told("c0", "3Gi"), reason="Infeasible")) == (3 * GI, None)


amounts = st.none() | st.integers(0, 8)
pods = st.lists(st.tuples(amounts, amounts, st.sampled_from(["app", "init", "sidecar"])), min_size=1, max_size=4)


def built(rows):
    app, init = [], []
    for index, (asked, most, kind) in enumerate(rows):
        more = {"restartPolicy": "Always"} if kind == "sidecar" else {}
        (app if kind == "app" else init).append(container(f"c{index}", asked, most, **more))
    return containers(*app, init=init)


@given(pods, st.sampled_from(VERSIONS))
def test_a_status_that_agrees_with_the_spec_changes_nothing(rows, minor):
    each = built(rows)
    same = [
        {
            "name": c.name,
            "allocatedResources": {k: f"{v}m" for k, v in c.requests.items()},
            "resources": {
                "requests": {k: f"{v}m" for k, v in c.requests.items()},
                "limits": {k: f"{v}m" for k, v in c.limits.items()},
            },
        }
        for c in each
    ]
    for reason in (None, "Deferred", "Infeasible"):
        state = status(*same, reason=reason)
        assert request(each, state, minor) == pod_request(each, None, {}, "memory")
        assert limit(each, state, minor) == pod_limit(each, None, {}, "memory")


@given(pods, st.lists(st.tuples(amounts, amounts, amounts), min_size=4, max_size=4))
def test_the_largest_sum_is_never_above_the_sum_of_the_largest(rows, states):
    each = built([row for row in rows if row[2] != "init"] or [(1, 1, "app")])
    state = status(
        *(
            told(c.name, allocated, actual or 0, most)
            for c, (allocated, actual, most) in zip(each, states, strict=False)
        )
    )
    assert (request(each, state, 37) or 0) <= (request(each, state, 36) or 0)
    assert (limit(each, state, 37) or 0) <= (limit(each, state, 36) or 0)
    assert (request(each, state, 37) or 0) >= (pod_request(each, None, {}, "memory") or 0)
