"""memory.high, memory.min and memory.low of containers and pods."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.kubelet import KubeletConfig
from auditor.kube.memoryqos import container_memory_high, container_protection, pod_memory_high, pod_protection
from auditor.kube.nodes import NodeSettings
from auditor.kube.objects import Resources, read_containers
from auditor.kube.versions import Target, parse_target

MIB, GIB = 2**20, 2**30
FACTOR = KubeletConfig(memory_throttling_factor=0.9)
TIERED = KubeletConfig(memory_reservation_policy="TieredReservation")
NODE = NodeSettings(16 * GIB, 15 * GIB, 0, 0, None, 37, FACTOR)
MILLI = 1000


def entry(name, request=None, limit=None):
    resources = {
        "requests": {} if request is None else {"memory": request},
        "limits": {} if limit is None else {"memory": limit},
    }
    return {"name": name, "resources": resources}


def container(request=None, limit=None):
    (found,), faults = read_containers({"containers": [entry("a", request, limit)]}, sidecars=True)
    assert faults == []
    return found


def level(request=None, limit=None, unreadable=()):
    amounts = [{} if size is None else {"memory": size * MILLI} for size in (request, limit)]
    return Resources(*amounts, unreadable)


def settings(**fields):
    return msgspec.structs.replace(NODE, **fields)


def high(some, pod_level=None, *, target=None, **fields):
    node = settings(**fields)
    return container_memory_high(some, pod_level, node=node, target=target or Target(node.minor))


def pod_high(pod_level, containers, request, limit, *, target=None, **fields):
    node = settings(**fields)
    milli = [None if size is None else size * MILLI for size in (request, limit)]
    return pod_memory_high(pod_level, containers, *milli, node=node, target=target or Target(node.minor))


# Values of cm.ApplyPodLevelMemoryHigh of 1.37.2, whose formula is the container's.
NUMBERS = pytest.mark.parametrize(
    ("request_bytes", "factor", "size"),
    [
        (256 * MIB, 0.9, 993210368),
        (256 * MIB, 0.8, 912678912),
        (256 * MIB, 0.333, 536600576),
        (0, 0.9, 966365184),
        (0, 0.8, 858992640),
        (0, 0.333, 357552128),
    ],
)


@NUMBERS
def test_a_container_is_throttled_between_its_request_and_its_limit(request_bytes, factor, size):
    config = KubeletConfig(memory_throttling_factor=factor)
    assert high(container(str(request_bytes), "1Gi"), config=config) == size


@NUMBERS
def test_a_pod_is_throttled_by_the_same_formula(request_bytes, factor, size):
    config = KubeletConfig(memory_throttling_factor=factor)
    assert pod_high(level(limit=GIB), [container()], request_bytes, GIB, config=config) == size


def test_without_a_limit_the_node_is_the_top():
    # floor((1Gi + 0.9 * (15Gi - 1Gi)) / 4096) * 4096
    assert high(container("1Gi")) == 14602887168


def test_without_a_limit_an_unknown_node_leaves_it_unknown():
    assert high(container("1Gi"), allocatable_bytes=None) is None
    assert high(container("1Gi"), allocatable_bytes=0) is None
    assert high(container("1Gi", "2Gi"), allocatable_bytes=None) is not None


def test_request_equal_to_limit_is_not_throttled():
    assert high(container("1Gi", "1Gi")) is None
    assert high(container(limit="1Gi")) is None


def test_a_container_without_amounts_is_throttled_from_1_37_on():
    # floor(0.9 * 15Gi / 4096) * 4096
    assert high(container()) == 14495514624
    assert high(container(), minor=36, target=parse_target("1.36", ["MemoryQoS=true"])) is None


def test_a_value_at_or_below_the_request_is_not_written():
    assert high(container("20Gi")) is None
    assert high(container("1", "2")) is None


def test_the_page_size_is_the_nodes():
    assert high(container("256Mi", "1Gi"), page_size_bytes=65536) == 993198080


def test_the_factor_has_a_default_up_to_1_36_and_none_since():
    on = parse_target("1.36", ["MemoryQoS=true"])
    assert high(container("256Mi", "1Gi"), config=KubeletConfig(), minor=36, target=on) == 993210368
    assert high(container("256Mi", "1Gi"), config=KubeletConfig(), minor=37) is None


def test_the_gate_is_off_by_default_before_1_37():
    assert high(container("256Mi", "1Gi"), minor=36) is None
    assert high(container("256Mi", "1Gi"), minor=37) == 993210368


def test_the_gate_may_be_switched_by_the_target_or_the_configuration():
    off = KubeletConfig(memory_throttling_factor=0.9, feature_gates=(("MemoryQoS", False),))
    assert high(container("256Mi", "1Gi"), config=off) is None
    assert high(container("256Mi", "1Gi"), target=parse_target("1.37", ["MemoryQoS=false"])) is None
    on = KubeletConfig(feature_gates=(("MemoryQoS", True),))
    assert high(container("256Mi", "1Gi"), config=on, minor=28) == 993210368


def test_cgroup_v1_has_no_memory_high():
    assert high(container("256Mi", "1Gi"), cgroup_version=1) is None
    assert pod_high(level(limit=GIB), [container()], 0, GIB, cgroup_version=1) is None


def test_without_a_configuration_it_is_not_known():
    assert high(container("256Mi", "1Gi"), config=None) is None
    assert container_protection(container("1Gi"), "Burstable", node=settings(config=None), target=Target()) == (
        None,
        None,
    )


def test_amounts_that_cannot_be_read_leave_it_unknown():
    assert high(container("256Mb", "1Gi")) is None
    assert high(container("256Mi", "1Gb")) is None


def test_a_limit_of_the_pod_takes_the_place_of_a_containers_from_1_37_on():
    on = parse_target("1.36", ["MemoryQoS=true"])
    assert high(container("1Gi"), level(limit=2 * GIB)) is None
    assert high(container("1Gi"), level(limit=2 * GIB), minor=36, target=on) == 14602887168
    assert high(container("1Gi"), level(request=2 * GIB)) == 14602887168
    assert high(container("256Mi", "1Gi"), level(limit=2 * GIB)) == 993210368


def test_a_limit_of_the_pod_that_cannot_be_read_leaves_it_unknown():
    assert high(container("1Gi"), level(unreadable=("limits.memory",))) is None


def test_pod_level_limits_do_nothing_with_their_gate_off():
    off = parse_target("1.37", ["PodLevelResources=false"])
    assert high(container("1Gi"), level(limit=2 * GIB), target=off) == 14602887168
    assert pod_high(level(limit=GIB), [container()], 256 * MIB, GIB, target=off) is None


def test_a_pods_own_memory_high_comes_with_1_37():
    on = parse_target("1.36", ["MemoryQoS=true"])
    assert pod_high(level(limit=GIB), [container()], 256 * MIB, GIB, minor=36, target=on) is None


def test_a_pod_without_pod_level_resources_has_none():
    some = [container("256Mi", "1Gi")]
    assert pod_high(None, some, 256 * MIB, GIB) is None
    assert pod_high(level(), some, 256 * MIB, GIB) is None


def test_without_a_pod_level_limit_every_container_needs_one():
    spec = {
        "initContainers": [entry("i", "1Mi")],
        "containers": [entry("a", "256Mi", "1Gi")],
        "ephemeralContainers": [{"name": "e"}],
    }
    some, _ = read_containers(spec, sidecars=True)
    assert pod_high(level(request=256 * MIB), some, 256 * MIB, GIB) is None
    assert pod_high(level(request=256 * MIB), some[1:], 256 * MIB, GIB) == 993210368


def test_a_pod_with_equal_request_and_limit_is_not_throttled():
    assert pod_high(level(limit=GIB), [container()], GIB, GIB) is None
    assert pod_high(level(request=GIB), [container("1Gi", "1Gi")], GIB, None) is None


def test_a_pod_without_a_request_counts_from_zero():
    assert pod_high(level(limit=GIB), [container()], None, GIB) == 966365184


def test_pod_amounts_that_cannot_be_read_leave_it_unknown():
    assert pod_high(level(limit=GIB), [container("1Gb")], 256 * MIB, GIB) is None
    assert pod_high(level(limit=GIB, unreadable=("requests.memory",)), [container()], 256 * MIB, GIB) is None


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.floats(0.01, 1.0), st.sampled_from([4096, 16384, 65536]))
def test_memory_high_is_whole_pages_between_request_and_limit(request_bytes, more, factor, page):
    limit = request_bytes + more
    config = KubeletConfig(memory_throttling_factor=factor)
    some = container(str(request_bytes), str(limit))
    found = high(some, config=config, page_size_bytes=page, allocatable_bytes=None)
    if found is not None:
        assert found % page == 0
        assert request_bytes < found <= limit


ON = Target(35, (("MemoryQoS", True),))


@pytest.mark.parametrize(
    ("minor", "config", "request_text", "qos", "expected"),
    [
        (35, KubeletConfig(), "1Gi", "Burstable", (GIB, None)),
        (35, KubeletConfig(), "1Gi", "Guaranteed", (GIB, None)),
        (35, KubeletConfig(), None, "BestEffort", (None, None)),
        (35, TIERED, "1Gi", "Burstable", (GIB, None)),
        (36, KubeletConfig(), "1Gi", "Guaranteed", (0, 0)),
        (36, TIERED, "1Gi", "Guaranteed", (GIB, None)),
        (36, TIERED, "1Gi", "Burstable", (None, GIB)),
        (37, TIERED, None, "Burstable", (0, 0)),
        (37, TIERED, "0", "Burstable", (0, 0)),
        (37, KubeletConfig(memory_reservation_policy="None"), "1Gi", "Burstable", (0, 0)),
        (37, TIERED, "1Gi", None, (None, None)),
        (37, TIERED, "1Gb", "Burstable", (None, None)),
    ],
)
def test_a_container_is_protected_by_its_request(minor, config, request_text, qos, expected):
    node = settings(minor=minor, config=config)
    assert container_protection(container(request_text), qos, node=node, target=ON) == expected


@pytest.mark.parametrize(
    ("minor", "config", "request_bytes", "qos", "expected"),
    [
        (35, KubeletConfig(), GIB, "Burstable", (GIB, None)),
        (35, KubeletConfig(), None, "BestEffort", (None, None)),
        (36, KubeletConfig(), GIB, "Guaranteed", (None, None)),
        (36, TIERED, GIB, "Guaranteed", (GIB, None)),
        (37, TIERED, GIB, "Burstable", (None, GIB)),
        (37, TIERED, 120 * MIB, "BestEffort", (None, 120 * MIB)),
        (37, TIERED, None, "BestEffort", (None, None)),
        (37, TIERED, 0, "Burstable", (None, None)),
        (37, TIERED, GIB, None, (None, None)),
    ],
)
def test_a_pod_is_protected_by_its_request_with_overhead(minor, config, request_bytes, qos, expected):
    node = settings(minor=minor, config=config)
    milli = None if request_bytes is None else request_bytes * MILLI
    assert pod_protection(milli, qos, node=node, target=ON) == expected


def test_without_the_gate_or_on_cgroup_v1_nothing_is_protected():
    off = parse_target("1.37", ["MemoryQoS=false"])
    for node, target in ((settings(config=TIERED), off), (settings(config=TIERED, cgroup_version=1), Target())):
        assert container_protection(container("1Gi"), "Burstable", node=node, target=target) == (None, None)
        assert pod_protection(GIB * MILLI, "Burstable", node=node, target=target) == (None, None)
