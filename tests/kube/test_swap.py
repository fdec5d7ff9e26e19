"""memory.swap.max of a container: who gets swap, and how much."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.kubelet import KubeletConfig
from auditor.kube.nodes import NodeSettings
from auditor.kube.objects import read_containers
from auditor.kube.swap import swap_max_bytes
from auditor.kube.versions import Target, parse_target

MIB, GIB = 2**20, 2**30
LIMITED = KubeletConfig(fail_swap_on=False, swap_behavior="LimitedSwap")
NODE = NodeSettings(40 * GIB, 39 * GIB, 20 * GIB, 0, None, 37, LIMITED)


def container(request=None, limit=None):
    resources = {
        "requests": {} if request is None else {"memory": request},
        "limits": {} if limit is None else {"memory": limit},
    }
    (found,), faults = read_containers({"containers": [{"name": "a", "resources": resources}]}, sidecars=True)
    assert faults == []
    return found


SOME = container("4Gi", "8Gi")


def swap(some=SOME, *, qos="Burstable", critical=False, target=None, **fields):
    node = msgspec.structs.replace(NODE, **fields)
    return swap_max_bytes(some, qos=qos, critical=critical, node=node, target=target or Target(node.minor))


def test_a_container_gets_the_share_of_the_swap_that_it_requests_of_the_memory():
    assert swap() == 2 * GIB
    assert swap(container("4Gi")) == 2 * GIB


def test_the_share_is_of_the_machine_not_of_what_is_reserved():
    assert swap(config=msgspec.structs.replace(LIMITED, system_reserved_bytes=2 * GIB)) == 2 * GIB


def test_the_share_is_a_float_cut_to_a_whole_number():
    # 100Mi / 16374448Ki * 4Gi = 26859204.72...
    assert swap(container("100Mi", "1Gi"), capacity_bytes=16374448 * 1024, swap_capacity_bytes=4 * GIB) == 26859204


@pytest.mark.parametrize("qos", ["Guaranteed", "BestEffort"])
def test_only_burstable_pods_swap(qos):
    assert swap(qos=qos) == 0


@pytest.mark.parametrize(
    "some",
    [container("4Gi", "4Gi"), container(limit="4Gi"), container(), container("0", "0"), container("0", "4Gi")],
    ids=["equal", "limit alone", "nothing", "zeros", "zero request"],
)
def test_a_container_without_a_request_of_its_own_below_its_limit_does_not_swap(some):
    assert swap(some, swap_capacity_bytes=400 * GIB) == 0


def test_one_byte_has_its_share():
    assert swap(container("1"), swap_capacity_bytes=400 * GIB) == 10
    assert swap(container("1"), capacity_bytes=None) is None


def test_amounts_are_compared_exactly_not_in_bytes():
    assert swap(container("4294967296", "4294967296100m")) == 2 * GIB


def test_a_request_above_the_capacity_gets_no_swap():
    assert swap(container("41Gi", "50Gi")) == 0
    assert swap(container("40Gi", "50Gi")) == 20 * GIB


def test_critical_pods_do_not_swap_from_1_31_on():
    assert swap(critical=True) == 0
    assert swap(critical=True, minor=31) == 0
    assert swap(critical=True, minor=30) == 2 * GIB


def test_without_limited_swap_the_kubelet_writes_zero():
    assert swap(config=KubeletConfig(fail_swap_on=False)) == 0
    assert swap(config=KubeletConfig(fail_swap_on=False, swap_behavior="NoSwap")) == 0


def test_a_kubelet_that_tolerates_no_swap_has_none_to_give():
    assert swap(config=KubeletConfig(swap_behavior="LimitedSwap")) == 0


def test_with_the_gate_off_the_kubelet_writes_zero():
    assert swap(minor=29) == 0
    assert swap(minor=33, target=parse_target("1.33", ["NodeSwap=false"])) == 0
    assert swap(minor=33, config=msgspec.structs.replace(LIMITED, feature_gates=(("NodeSwap", False),))) == 0


def test_the_gate_is_on_for_a_kubelet_that_has_locked_it():
    assert swap(minor=37, target=parse_target("1.33", ["NodeSwap=false"])) == 2 * GIB


def test_unlimited_swap_has_no_number():
    on = (("NodeSwap", True),)
    assert swap(minor=29, config=KubeletConfig(fail_swap_on=False, feature_gates=on)) is None
    assert swap(minor=28, config=KubeletConfig(fail_swap_on=False, swap_behavior="LimitedSwap", feature_gates=on)) == (
        2 * GIB
    )
    assert swap(minor=30, config=KubeletConfig(fail_swap_on=False, feature_gates=on)) == 0


def test_the_version_is_the_nodes():
    on = KubeletConfig(fail_swap_on=False, feature_gates=(("NodeSwap", True),))
    assert swap(minor=29, config=on, target=Target(37)) is None


def test_nothing_is_written_on_cgroup_v1():
    assert swap(cgroup_version=1) is None
    assert swap(cgroup_version=1, config=KubeletConfig(fail_swap_on=False)) is None


def test_nothing_is_written_without_the_swap_controller_from_1_29_on():
    assert swap(swap_controller=False) is None
    assert swap(swap_controller=False, minor=29) is None
    assert swap(swap_controller=False, minor=28) == 0


def test_without_a_configuration_it_is_not_known():
    assert swap(config=None) is None


def test_without_capacity_or_swap_the_share_is_not_known():
    assert swap(capacity_bytes=None) is None
    assert swap(swap_capacity_bytes=None) is None


def test_no_swap_is_no_share_whatever_else_is_known():
    assert swap(swap_capacity_bytes=0, capacity_bytes=None) == 0
    assert swap(swap_capacity_bytes=0, qos=None) == 0


def test_a_class_that_is_not_known_leaves_only_certain_zeros():
    assert swap(qos=None) is None
    assert swap(container("4Gi", "4Gi"), qos=None) == 0
    assert swap(qos=None, config=KubeletConfig(fail_swap_on=False)) == 0


def test_amounts_that_cannot_be_read_are_not_taken_for_zero():
    assert swap(container("4Gb", "8Gi")) is None
    assert swap(container("4Gi", "8Gb")) is None


def test_a_machine_without_memory_gives_no_swap():
    assert swap(capacity_bytes=0) == 0


@given(st.integers(0, 2**45), st.integers(1, 2**45), st.integers(0, 2**45))
def test_no_container_gets_more_than_there_is(request_bytes, capacity, swap_capacity):
    found = swap(container(str(request_bytes)), capacity_bytes=capacity, swap_capacity_bytes=swap_capacity)
    assert found is not None
    assert 0 <= found <= swap_capacity


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=5))
def test_containers_that_fill_the_node_share_the_swap(requests):
    total = sum(requests) or 1
    shares = [swap(container(str(request)), capacity_bytes=total, swap_capacity_bytes=GIB) for request in requests]
    assert sum(shares) <= GIB + 1
