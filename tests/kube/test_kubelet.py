"""The kubelet's configuration: what is read, what it leaves for pods, and what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.kubelet import (
    KubeletConfig,
    Threshold,
    cgroup_v1_refused,
    configz,
    eviction_hard_bytes,
    has_memory_eviction,
    kubelet_target,
    kubepods_limit_bytes,
    memory_available_bytes,
    node_allocatable_bytes,
    parse_threshold,
    read_kubelet_config,
    swap_mode,
)
from auditor.kube.kubelet_refusals import config_refusals
from auditor.kube.objects import Fault
from auditor.kube.versions import Target, parse_target

MIB, GIB = 2**20, 2**30
HEAD = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}


def config(**fields):
    found = read_kubelet_config({**HEAD, **fields})
    assert isinstance(found, KubeletConfig), found
    return found


def refusals(version="1.37", **fields):
    return config_refusals(config(**fields), parse_target(version))


def test_an_empty_configuration_has_the_defaults():
    found = config()
    assert found == KubeletConfig()
    assert (found.fail_swap_on, found.swap_behavior, found.eviction_hard) == (True, "", None)
    assert found.enforce_node_allocatable == ("pods",)
    assert refusals() == ()


def test_every_field_is_read():
    found = config(
        failSwapOn=False,
        memorySwap={"swapBehavior": "LimitedSwap"},
        evictionHard={"nodefs.available": "10%", "memory.available": "1Gi"},
        evictionSoft={"memory.available": "2Gi"},
        evictionSoftGracePeriod={"memory.available": "1m"},
        mergeDefaultEvictionSettings=True,
        kubeReserved={"cpu": "100m", "memory": "1Gi"},
        systemReserved={"memory": "500M"},
        memoryThrottlingFactor=0.8,
        memoryReservationPolicy="TieredReservation",
        singleProcessOOMKill=True,
        failCgroupV1=False,
        enforceNodeAllocatable=["pods", "kube-reserved"],
        featureGates={"MemoryQoS": True, "CPUManager": False},
    )
    assert found == KubeletConfig(
        fail_swap_on=False,
        swap_behavior="LimitedSwap",
        eviction_hard=(("memory.available", "1Gi"), ("nodefs.available", "10%")),
        eviction_soft=(("memory.available", "2Gi"),),
        eviction_soft_grace=("memory.available",),
        merge_default_eviction_settings=True,
        kube_reserved_bytes=GIB,
        system_reserved_bytes=500_000_000,
        memory_throttling_factor=0.8,
        memory_reservation_policy="TieredReservation",
        single_process_oom_kill=True,
        fail_cgroup_v1=False,
        enforce_node_allocatable=("pods", "kube-reserved"),
        feature_gates=(("CPUManager", False), ("MemoryQoS", True)),
    )


def test_nulls_are_absent():
    nulls = dict.fromkeys(
        ("failSwapOn", "memorySwap", "evictionHard", "kubeReserved", "memoryThrottlingFactor", "enforceNodeAllocatable")
    )
    assert config(**nulls) == KubeletConfig()
    assert config(memorySwap={"swapBehavior": None}).swap_behavior == ""
    assert config(featureGates={"MemoryQoS": None}).feature_gates == (("MemoryQoS", False),)
    assert config(enforceNodeAllocatable=["pods", None]).enforce_node_allocatable == ("pods", "")
    assert config(evictionHard={"memory.available": None}).eviction_hard == (("memory.available", ""),)


def test_an_empty_map_of_thresholds_is_set():
    assert config(evictionHard={}).eviction_hard == ()


def test_an_empty_list_of_enforcements_is_not_the_default():
    assert config(enforceNodeAllocatable=[]).enforce_node_allocatable == ()


def test_reserved_memory_is_rounded_up_and_absent_is_not_zero():
    assert config(kubeReserved={"memory": "1500m"}).kube_reserved_bytes == 2
    assert config(kubeReserved={"memory": "0"}).kube_reserved_bytes == 0
    assert config(kubeReserved={"cpu": "1"}).kube_reserved_bytes is None


def test_a_saved_configz_answer_is_read_like_a_file():
    inner = {"failSwapOn": False, "evictionHard": {"memory.available": "100Mi"}}
    assert configz({"kubeletconfig": inner}) is inner
    assert read_kubelet_config({"kubeletconfig": inner}) == config(**inner)
    assert configz({"failSwapOn": False}) is None
    assert configz({"kubeletconfig": []}) is None


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"failSwapOn": "true"}, ("failSwapOn",), "failSwapOn must be a boolean, not a string"),
        ({"memorySwap": "LimitedSwap"}, ("memorySwap",), "memorySwap must be a mapping, not a string"),
        (
            {"memorySwap": {"swapBehavior": 1}},
            ("memorySwap", "swapBehavior"),
            "memorySwap.swapBehavior must be a string, not a number",
        ),
        (
            {"evictionHard": {"memory.available": 5}},
            ("evictionHard", "memory.available"),
            "evictionHard.memory.available must be a string, not a number",
        ),
        ({"kubeReserved": ["memory"]}, ("kubeReserved",), "kubeReserved must be a mapping, not a list"),
        ({"kubeReserved": {1: "1Gi"}}, ("kubeReserved",), "kubeReserved must have strings as keys, not a number"),
        ({"memoryThrottlingFactor": "0.9"}, ("memoryThrottlingFactor",), None),
        ({"memoryThrottlingFactor": True}, ("memoryThrottlingFactor",), None),
        ({"memoryThrottlingFactor": float("nan")}, ("memoryThrottlingFactor",), None),
        ({"memoryThrottlingFactor": 10**400}, ("memoryThrottlingFactor",), None),
        ({"memoryReservationPolicy": {}}, ("memoryReservationPolicy",), None),
        ({"enforceNodeAllocatable": "pods"}, ("enforceNodeAllocatable",), None),
        ({"enforceNodeAllocatable": ["pods", 1]}, ("enforceNodeAllocatable", 1), None),
        ({"featureGates": {"NodeSwap": "true"}}, ("featureGates", "NodeSwap"), None),
        ({"evictionSoftGracePeriod": {"memory.available": 60}}, ("evictionSoftGracePeriod", "memory.available"), None),
    ],
)
def test_what_the_kubelet_cannot_decode_is_a_fault(fields, path, reason):
    found = read_kubelet_config({**HEAD, **fields})
    assert isinstance(found, Fault)
    assert found.path == path
    assert reason in (None, found.reason)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("5%"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["memory", "memory.available", "swapBehavior", 1, "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = [
    "failSwapOn",
    "memorySwap",
    "evictionHard",
    "evictionSoft",
    "evictionSoftGracePeriod",
    "kubeReserved",
    "systemReserved",
    "memoryThrottlingFactor",
    "memoryReservationPolicy",
    "enforceNodeAllocatable",
    "featureGates",
    "kubeletconfig",
]


@given(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=5), st.sampled_from(["1.28", "1.31", "1.36", "1.37"]))
def test_whatever_a_file_holds_nothing_raises(data, version):
    found = read_kubelet_config(data)
    if isinstance(found, Fault):
        assert found.reason
        return
    target = parse_target(version)
    config_refusals(found, target, capacity_bytes=GIB)
    swap_mode(found, target)
    assert 0 <= node_allocatable_bytes(16 * GIB, found, GIB, minor=target.minor) <= 15 * GIB
    hash(found)


# Values of eviction.ParseThresholdConfig and GetThresholdQuantity of 1.37.2, for 16Gi and 16374448Ki.
@pytest.mark.parametrize(
    ("text", "even", "odd"),
    [
        ("100Mi", 104857600, 104857600),
        ("1.5Gi", 1610612736, 1610612736),
        ("400m", 1, 1),
        ("5%", 858993472, 838371750),
        ("10%", 1717986944, 1676743500),
        ("33.3%", 5720896512, 5583555844),
        ("7.5%%", 1288490240, 1257557656),
        (".5%", 85899344, 83837171),
        ("5.%", 858993472, 838371750),
        ("1e1%", 1717986944, 1676743500),
        ("0.0%", 0, 0),
        ("100.0%", 17179869184, 16767434752),
    ],
)
def test_a_threshold_is_an_amount_or_a_share_of_the_capacity_in_float32(text, even, odd):
    threshold = parse_threshold("memory.available", text)
    assert isinstance(threshold, Threshold)
    assert (threshold.of(16 * GIB), threshold.of(16374448 * 1024)) == (even, odd)


@pytest.mark.parametrize("text", ["0%", "100%"])
def test_the_kubelet_ignores_thresholds_of_nothing_and_everything(text):
    assert parse_threshold("memory.available", text) is None


QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("101%", "eviction percentage threshold memory.available must be <= 100%: 101%"),
        ("-1%", "eviction percentage threshold memory.available must be >= 0%: -1%"),
        ("abc%", 'strconv.ParseFloat: parsing "abc": invalid syntax'),
        ("%", 'strconv.ParseFloat: parsing "": invalid syntax'),
        ("1e99%", 'strconv.ParseFloat: parsing "1e99": value out of range'),
        ("0", "eviction threshold memory.available must be positive: 0"),
        ("-1", "eviction threshold memory.available must be positive: -1"),
        ("5 ", QUANTITY),
        ("", QUANTITY),
        ("5MB", QUANTITY),
    ],
)
def test_a_threshold_that_the_kubelet_refuses_is_told_in_its_words(text, words):
    assert parse_threshold("memory.available", text) == words
    assert refusals(evictionHard={"memory.available": text}) == (words,)


@pytest.mark.parametrize(
    ("fields", "size", "has"),
    [
        ({}, 100 * MIB, True),
        ({"evictionHard": None}, 100 * MIB, True),
        ({"evictionHard": {}}, 0, False),
        ({"evictionHard": {"nodefs.available": "10%"}}, 0, False),
        ({"evictionHard": {"memory.available": "1Gi"}}, GIB, True),
        ({"evictionHard": {"memory.available": "0%"}}, 0, False),
        ({"evictionHard": {"memory.available": "0.0%"}}, 0, False),
        ({"evictionHard": {"memory.available": "junk"}}, 0, True),
        ({"evictionHard": {"nodefs.available": "10%"}, "mergeDefaultEvictionSettings": True}, 100 * MIB, True),
        ({"evictionHard": {"memory.available": "1Gi"}, "mergeDefaultEvictionSettings": True}, GIB, True),
        ({"evictionHard": {}, "evictionSoft": {"memory.available": "1Gi"}}, 0, False),
    ],
)
def test_a_written_eviction_hard_drops_the_default_unless_defaults_are_merged(fields, size, has):
    found = config(**fields)
    assert eviction_hard_bytes(found, 16 * GIB) == size
    assert has_memory_eviction(found) is has


def test_defaults_are_merged_from_1_33_on():
    found = config(evictionHard={"nodefs.available": "10%"}, mergeDefaultEvictionSettings=True)
    assert (eviction_hard_bytes(found, GIB, minor=32), has_memory_eviction(found, minor=32)) == (0, False)
    assert (eviction_hard_bytes(found, GIB, minor=33), has_memory_eviction(found, minor=33)) == (100 * MIB, True)


def test_allocatable_is_the_capacity_less_reservations_threshold_and_hugepages():
    found = config(kubeReserved={"memory": "1Gi"}, systemReserved={"memory": "512Mi"})
    assert node_allocatable_bytes(16 * GIB, found, 2 * GIB) == (16 * 1024 - 1024 - 512 - 100 - 2048) * MIB
    assert node_allocatable_bytes(16 * GIB, config(), 0) == 16 * GIB - 100 * MIB


def test_allocatable_is_never_negative():
    found = config(kubeReserved={"memory": "2Gi"})
    assert node_allocatable_bytes(GIB, found, 0) == 0
    assert node_allocatable_bytes(4 * GIB, found, 3 * GIB) == 0


def test_the_limit_of_all_pods_leaves_out_threshold_and_hugepages():
    found = config(kubeReserved={"memory": "1Gi"}, systemReserved={"memory": "1Gi"})
    assert kubepods_limit_bytes(16 * GIB, found) == 14 * GIB
    assert kubepods_limit_bytes(GIB, found) == 0


def test_without_enforcement_pods_may_use_the_capacity():
    found = config(kubeReserved={"memory": "1Gi"}, enforceNodeAllocatable=["none"])
    assert kubepods_limit_bytes(16 * GIB, found) == 16 * GIB


def test_available_memory_leaves_out_hugepages_with_the_gate():
    assert memory_available_bytes(16 * GIB, 4 * GIB, 2 * GIB, hugepage_aware=True) == 10 * GIB
    assert memory_available_bytes(16 * GIB, 4 * GIB, 2 * GIB, hugepage_aware=False) == 12 * GIB
    assert memory_available_bytes(16 * GIB, 15 * GIB, 2 * GIB, hugepage_aware=True) == 0
    assert memory_available_bytes(GIB, 2 * GIB, 0, hugepage_aware=False) == 0


@given(st.integers(0, 2**50), st.integers(0, 2**50), st.integers(0, 2**40), st.integers(0, 2**40))
def test_what_pods_may_request_is_within_their_cgroup_and_the_capacity(capacity, hugepages, kube, system):
    found = KubeletConfig(kube_reserved_bytes=kube, system_reserved_bytes=system)
    allocatable = node_allocatable_bytes(capacity, found, hugepages)
    assert 0 <= allocatable <= kubepods_limit_bytes(capacity, found) <= capacity


@pytest.mark.parametrize(
    ("written", "minor", "refused"),
    [
        (None, 30, False),
        (None, 34, False),
        (None, 35, True),
        (None, 37, True),
        (True, 30, False),
        (True, 31, True),
        (False, 37, False),
    ],
)
def test_cgroup_v1_is_refused_by_default_from_1_35(written, minor, refused):
    assert cgroup_v1_refused(config(failCgroupV1=written), minor) is refused


def test_without_a_configuration_cgroup_v1_goes_by_the_version():
    assert not cgroup_v1_refused(None, 34)
    assert cgroup_v1_refused(None, 35)


@pytest.mark.parametrize(
    ("version", "gates", "behavior", "mode"),
    [
        ("1.28", {}, None, "NoSwap"),
        ("1.28", {"NodeSwap": True}, None, "UnlimitedSwap"),
        ("1.29", {"NodeSwap": True}, "UnlimitedSwap", "UnlimitedSwap"),
        ("1.29", {"NodeSwap": True}, "LimitedSwap", "LimitedSwap"),
        ("1.29", {}, "LimitedSwap", "NoSwap"),
        ("1.30", {}, None, "NoSwap"),
        ("1.30", {}, "LimitedSwap", "LimitedSwap"),
        ("1.30", {}, "NoSwap", "NoSwap"),
        ("1.33", {"NodeSwap": False}, "LimitedSwap", "NoSwap"),
        ("1.37", {}, "LimitedSwap", "LimitedSwap"),
        ("1.37", {}, None, "NoSwap"),
        ("1.37", {"NodeSwap": False}, "LimitedSwap", "LimitedSwap"),
    ],
)
def test_what_containers_may_do_with_swap_follows_version_gate_and_behavior(version, gates, behavior, mode):
    found = config(failSwapOn=False, featureGates=gates, memorySwap={"swapBehavior": behavior})
    assert swap_mode(found, parse_target(version)) == mode


def test_a_kubelet_that_fails_on_swap_has_none():
    assert swap_mode(config(memorySwap={"swapBehavior": "LimitedSwap"}), parse_target("1.37")) == "none"


def test_gates_of_the_target_count_where_the_configuration_is_silent():
    found = config(failSwapOn=False, memorySwap={"swapBehavior": "LimitedSwap"})
    assert swap_mode(found, parse_target("1.29", ["NodeSwap=true"])) == "LimitedSwap"


def test_the_configuration_decides_a_gate_before_the_target():
    found = config(featureGates={"MemoryQoS": False})
    assert not kubelet_target(found, parse_target("1.37", ["MemoryQoS=true"]), 37).enabled("MemoryQoS")


def test_gates_that_a_kubelet_of_another_version_cannot_take_are_left_out():
    target = parse_target("1.33", ["NodeSwap=false", "MemoryQoS=true"])
    assert kubelet_target(None, target, 34) == Target(34, (("MemoryQoS", True),))
    assert kubelet_target(config(featureGates={"NoSuchGate": True}), Target(), 37) == Target()


@pytest.mark.parametrize(
    ("version", "fields", "words"),
    [
        (
            "1.37",
            {"memoryThrottlingFactor": 0},
            "memoryThrottlingFactor 0 must be greater than 0 and less than or equal to 1.0",
        ),
        (
            "1.28",
            {"memoryThrottlingFactor": 1.5},
            "memoryThrottlingFactor 1.5 must be greater than 0 and less than or equal to 1.0",
        ),
        (
            "1.37",
            {"memoryThrottlingFactor": 0.8, "featureGates": {"MemoryQoS": False}},
            "memoryThrottlingFactor must not be set when MemoryQoS feature gate is disabled",
        ),
        (
            "1.37",
            {"memoryReservationPolicy": "TieredReservation", "featureGates": {"MemoryQoS": False}},
            'memoryReservationPolicy "TieredReservation" requires MemoryQoS feature gate to be enabled',
        ),
        (
            "1.36",
            {"memoryReservationPolicy": "TieredReservation"},
            'memoryReservationPolicy "TieredReservation" requires MemoryQoS feature gate to be enabled',
        ),
        (
            "1.37",
            {"memoryReservationPolicy": "Tiered"},
            'option "Tiered" specified for memoryReservationPolicy. Valid options are "None" or "TieredReservation"',
        ),
        (
            "1.37",
            {"memorySwap": {"swapBehavior": "UnlimitedSwap"}},
            'memorySwap.swapBehavior "UnlimitedSwap" must be one of: "", "LimitedSwap" or "NoSwap"',
        ),
        (
            "1.29",
            {"memorySwap": {"swapBehavior": "NoSwap"}, "featureGates": {"NodeSwap": True}},
            'memorySwap.swapBehavior "NoSwap" must be one of: "", "LimitedSwap", or "UnlimitedSwap"',
        ),
        (
            "1.29",
            {"memorySwap": {"swapBehavior": "LimitedSwap"}},
            "memorySwap.swapBehavior cannot be set when NodeSwap feature flag is disabled",
        ),
    ],
)
def test_validation_refuses_in_its_words(version, fields, words):
    assert refusals(version, **fields) == (f"invalid configuration: {words}",)


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("1.37", {"memoryThrottlingFactor": 1}),
        ("1.37", {"memoryThrottlingFactor": 0.9, "featureGates": {"MemoryQoS": False}}),
        ("1.36", {"memoryThrottlingFactor": 0.8}),
        ("1.35", {"memoryReservationPolicy": "TieredReservation"}),
        ("1.37", {"memoryReservationPolicy": "TieredReservation"}),
        ("1.37", {"memoryReservationPolicy": "None", "featureGates": {"MemoryQoS": False}}),
        ("1.37", {"memoryReservationPolicy": ""}),
        ("1.29", {"memorySwap": {"swapBehavior": "UnlimitedSwap"}, "featureGates": {"NodeSwap": True}}),
        ("1.30", {"memorySwap": {"swapBehavior": "NoSwap"}}),
        ("1.37", {"featureGates": {"NodeSwap": True, "CPUManager": True}}),
        ("1.37", {"evictionSoft": {"memory.available": "0%"}}),
        ("1.29", {"evictionHard": {"containerfs.available": "5%"}}),
    ],
)
def test_what_the_kubelet_takes_is_not_told(version, fields):
    assert refusals(version, **fields) == ()


@pytest.mark.parametrize(
    ("version", "gates", "words"),
    [
        (
            "1.37",
            {"NodeSwap": False},
            "cannot set feature gate NodeSwap to false, feature is locked to true",
        ),
        ("1.37", {"SidecarContainers": True}, "unrecognized feature gate: SidecarContainers"),
        ("1.31", {"PodLevelResources": True}, "unrecognized feature gate: PodLevelResources"),
    ],
)
def test_gates_that_are_locked_or_not_there_stop_the_kubelet(version, gates, words):
    assert refusals(version, featureGates=gates) == (words,)


@pytest.mark.parametrize(
    ("version", "fields", "words"),
    [
        (
            "1.37",
            {"evictionSoft": {"memory.available": "1Gi"}},
            "grace period must be specified for the soft eviction threshold memory.available",
        ),
        ("1.37", {"evictionHard": {"memory.free": "1Gi"}}, "unsupported eviction signal memory.free"),
        (
            "1.28",
            {"evictionHard": {"containerfs.available": "5%"}},
            "unsupported eviction signal containerfs.available",
        ),
        ("1.37", {"evictionSoftGracePeriod": {"memory": "1m"}}, "unsupported eviction signal memory"),
        (
            "1.37",
            {"kubeReserved": {"memory": "1Gb"}},
            '--kube-reserved value failed to parse: failed to parse quantity "1Gb" for "memory" resource: ' + QUANTITY,
        ),
        (
            "1.37",
            {"systemReserved": {"memory": "-1Gi"}},
            '--system-reserved value failed to parse: resource quantity for "memory" cannot be negative: -1Gi',
        ),
        (
            "1.37",
            {"systemReserved": {"mem": "1Gi"}},
            '--system-reserved value failed to parse: cannot reserve "mem" resource',
        ),
    ],
)
def test_thresholds_and_reservations_stop_the_kubelet(version, fields, words):
    assert refusals(version, **fields) == (words,)


SIGNALS = ["memory.available", "allocatableMemory.available", "nodefs.available", "nodefs.inodesFree"]
SIGNALS += ["imagefs.available", "imagefs.inodesFree", "pid.available"]


@pytest.mark.parametrize("signal", SIGNALS)
def test_signals_of_1_28_are_known(signal):
    assert refusals("1.28", evictionSoft={signal: "5%"}, evictionSoftGracePeriod={signal: "1m"}) == ()


@pytest.mark.parametrize("signal", ["containerfs.available", "containerfs.inodesFree"])
def test_signals_of_the_container_filesystem_came_with_1_29(signal):
    fields = {"evictionHard": {signal: "5%"}, "evictionSoftGracePeriod": {signal: "1m"}}
    assert refusals("1.28", **fields) == (f"unsupported eviction signal {signal}",) * 2
    assert refusals("1.29", **fields) == ()


def test_reserving_more_than_the_node_has_stops_the_kubelet():
    found = config(kubeReserved={"memory": "1Gi"})
    (told,) = config_refusals(found, Target(), capacity_bytes=GIB)
    words = 'Resource "memory" has a reservation of 1178599424 but capacity of 1073741824.'
    assert told == f"invalid Node Allocatable configuration. {words} Expected capacity >= reservation."
    assert config_refusals(found, Target(), capacity_bytes=GIB + 100 * MIB) == ()
