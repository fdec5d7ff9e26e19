"""Nodes: what their status says, which pods they take, and groups that treat a pod alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.kubelet import KubeletConfig
from auditor.kube.nodes import Node, NodeSettings, matches, node_groups, noswap_supported, read_node
from auditor.kube.objects import Fault

MIB, GIB = 2**20, 2**30
LIMITED = KubeletConfig(fail_swap_on=False, swap_behavior="LimitedSwap")
DEFAULT = KubeletConfig()


def manifest(name="a", **status):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}


def node(name, **fields):
    return Node(name, fields.pop("labels", {}), **fields)


def test_a_node_is_read():
    data = manifest(
        capacity={"memory": "16374448Ki", "cpu": "4", "hugepages-2Mi": "1Gi", "hugepages-1Gi": "2Gi"},
        allocatable={"memory": "12Gi"},
        nodeInfo={
            "kernelVersion": "6.1.0-18-amd64",
            "kubeletVersion": "v1.34.1-eks-a1b2c3d",
            "operatingSystem": "linux",
            "swap": {"capacity": 4 * GIB},
        },
    )
    data["metadata"]["labels"] = {"pool": "blue"}
    data["spec"] = {"unschedulable": True}
    assert read_node(data) == Node(
        "a",
        {"kubernetes.io/os": "linux", "kubernetes.io/hostname": "a", "pool": "blue"},
        capacity_bytes=16374448 * 1024,
        allocatable_bytes=12 * GIB,
        hugepages_capacity_bytes=3 * GIB,
        swap_capacity_bytes=4 * GIB,
        kernel=(6, 1),
        os="linux",
        kubelet_minor=34,
        unschedulable=True,
    )


def test_a_node_without_status_is_known_by_name_only():
    found = read_node({"metadata": {"name": "a"}})
    assert found == Node("a", {"kubernetes.io/os": "linux", "kubernetes.io/hostname": "a"})
    assert (found.capacity_bytes, found.swap_capacity_bytes, found.kernel, found.kubelet_minor) == (None,) * 4


def test_a_written_zero_is_not_absent():
    found = read_node(manifest(capacity={"memory": "0"}, nodeInfo={"swap": {"capacity": 0}}))
    assert (found.capacity_bytes, found.swap_capacity_bytes, found.allocatable_bytes) == (0, 0, None)


def test_amounts_that_cannot_be_read_are_unknown():
    found = read_node(manifest(capacity={"memory": "16GB"}, nodeInfo={"swap": {"capacity": "4Gi"}}))
    assert (found.capacity_bytes, found.swap_capacity_bytes) == (None, None)


@pytest.mark.parametrize(
    ("version", "minor"),
    [("v1.34.1", 34), ("v1.30.0-gke.1", 30), ("1.28", 28), ("v2.1.0", None), ("", None), (34, None)],
)
def test_the_minor_version_of_a_kubelet_is_read(version, minor):
    assert read_node(manifest(nodeInfo={"kubeletVersion": version})).kubelet_minor == minor


def test_the_system_comes_from_the_status_or_else_from_the_label():
    assert read_node(manifest(nodeInfo={"operatingSystem": "windows"})).os == "windows"
    assert read_node(manifest(nodeInfo={"operatingSystem": 1})).os == "linux"
    labelled = manifest()
    labelled["metadata"]["labels"] = {"kubernetes.io/os": "windows"}
    assert read_node(labelled).os == "windows"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"metadata": []}, ("metadata",)),
        ({"metadata": {}}, ("metadata", "name")),
        ({"metadata": {"name": {}}}, ("metadata", "name")),
        ({"metadata": {"name": "a", "labels": []}}, ("metadata", "labels")),
        ({"metadata": {"name": "a", "labels": {"x": 1}}}, ("metadata", "labels", "x")),
        ({"metadata": {"name": "a"}, "status": "x"}, ("status",)),
        ({"metadata": {"name": "a"}, "status": {"capacity": []}}, ("status", "capacity")),
        ({"metadata": {"name": "a"}, "status": {"capacity": {"memory": []}}}, ("status", "capacity", "memory")),
        ({"metadata": {"name": "a"}, "status": {"nodeInfo": 1}}, ("status", "nodeInfo")),
        ({"metadata": {"name": "a"}, "status": {"nodeInfo": {"swap": 1}}}, ("status", "nodeInfo", "swap")),
        ({"metadata": {"name": "a"}, "spec": True}, ("spec",)),
    ],
)
def test_a_part_of_a_wrong_shape_is_a_fault(data, path):
    found = read_node(data)
    assert isinstance(found, Fault)
    assert found.path == path
    assert found.reason


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just("1Gi"),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "labels", "capacity", "nodeInfo", "swap", "memory", "hugepages-2Mi", 1]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JUNK, max_size=3))
def test_whatever_a_node_holds_nothing_raises(data):
    found = read_node(data)
    if isinstance(found, Node):
        assert len(node_groups([found], [("x", DEFAULT)], 37)) == 1


def test_a_selector_needs_every_label():
    some = read_node({"metadata": {"name": "a", "labels": {"pool": "blue", "zone": "x"}}})
    assert matches(some, {}, None, windows=False)
    assert matches(some, {"pool": "blue", "kubernetes.io/os": "linux"}, None, windows=False)
    assert not matches(some, {"pool": "blue", "zone": "y"}, None, windows=False)
    assert not matches(some, {"disk": "ssd"}, None, windows=False)


def test_a_node_name_leaves_one_node_and_its_selector_still_counts():
    some = read_node({"metadata": {"name": "a", "labels": {"pool": "blue"}}})
    assert matches(some, {}, "a", windows=False)
    assert not matches(some, {}, "b", windows=False)
    assert not matches(some, {"pool": "red"}, "a", windows=False)


def test_linux_and_windows_do_not_mix():
    assert not matches(node("a", os="windows"), {}, None, windows=False)
    assert matches(node("a", os="windows"), {}, None, windows=True)
    assert not matches(node("a"), {}, None, windows=True)


@pytest.mark.parametrize(
    ("kernel", "supported"), [((6, 4), True), ((6, 3), False), ((5, 15), False), ((7, 0), True), (None, None)]
)
def test_tmpfs_without_swap_needs_kernel_6_4(kernel, supported):
    assert noswap_supported(kernel) is supported


def groups(nodes, configs=(), minor=37, **more):
    return node_groups(nodes, configs, minor, **more)


def test_nothing_known_is_no_group():
    assert groups([]) == ()


def test_nodes_with_equal_settings_are_one_group():
    (group,) = groups([node("b", capacity_bytes=GIB), node("a", capacity_bytes=GIB, labels={"pool": "x"})])
    assert group.names == ("a", "b")
    assert group.words == "nodes a, b"
    assert group.settings == NodeSettings(GIB, None, None, 0, None, 37, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"capacity_bytes": 2 * GIB},
        {"capacity_bytes": GIB, "allocatable_bytes": GIB},
        {"capacity_bytes": GIB, "swap_capacity_bytes": GIB},
        {"capacity_bytes": GIB, "hugepages_capacity_bytes": MIB},
        {"capacity_bytes": GIB, "kernel": (6, 1)},
        {"capacity_bytes": GIB, "kubelet_minor": 30},
    ],
)
def test_nodes_that_differ_in_what_decides_memory_are_two_groups(fields):
    found = groups([node("a", capacity_bytes=GIB), node("b", **fields)])
    assert [group.words for group in found] == ["node a", "node b"]


def test_many_names_are_counted():
    (three,) = groups([node(name) for name in "cab"])
    assert three.words == "nodes a, b, c"
    (many,) = groups([node(f"n{index:02}") for index in range(14)])
    assert many.words == "nodes n00, n01 and 12 more"
    assert len(many.names) == 14


def test_a_node_without_version_has_the_default_one():
    found = groups([node("a"), node("b", kubelet_minor=34)], minor=36)
    assert [group.settings.minor for group in found] == [36, 34]


def test_a_configuration_saved_from_a_node_is_that_nodes():
    found = groups([node("a"), node("b")], [("a", LIMITED), ("kubelet.yaml:1", DEFAULT)])
    assert [(group.words, group.settings.config) for group in found] == [("node a", LIMITED), ("node b", DEFAULT)]


def test_a_single_other_configuration_is_every_nodes():
    (group,) = groups([node("a"), node("b")], [("kubelet.yaml:1", LIMITED)])
    assert (group.words, group.settings.config) == ("nodes a, b", LIMITED)


def test_of_several_configurations_each_may_be_a_nodes():
    found = groups([node("a"), node("b")], [("x.yaml:1", LIMITED), ("y.yaml:1", DEFAULT)])
    assert [(group.words, group.names, group.settings.config) for group in found] == [
        ("nodes a, b with x.yaml:1", ("a", "b"), LIMITED),
        ("nodes a, b with y.yaml:1", ("a", "b"), DEFAULT),
    ]


def test_equal_configurations_are_one():
    (group,) = groups([node("a")], [("x.yaml:1", LIMITED), ("y.yaml:1", LIMITED)])
    assert group.words == "node a"


def test_configurations_without_nodes_are_groups_of_unknown_size():
    found = groups([], [("x.yaml:1", LIMITED), ("y.yaml:1", DEFAULT), ("z.yaml:1", LIMITED)], minor=36)
    assert [(group.words, group.names) for group in found] == [
        ("nodes with x.yaml:1, z.yaml:1", ()),
        ("nodes with y.yaml:1", ()),
    ]
    assert found[0].settings == NodeSettings(None, None, None, 0, None, 36, LIMITED)


def test_chosen_nodes_are_grouped_and_the_configuration_of_another_stays_with_it():
    found = groups([node("a"), node("b")], [("b", LIMITED)], chosen={"a"})
    assert [(group.names, group.settings.config) for group in found] == [(("a",), None)]


def test_allocatable_is_computed_from_the_capacity_and_the_configuration():
    config = KubeletConfig(kube_reserved_bytes=GIB)
    (group,) = groups([node("a", capacity_bytes=16 * GIB, hugepages_capacity_bytes=GIB)], [("x.yaml:1", config)])
    assert group.settings.allocatable_bytes == 14 * GIB - 100 * MIB


def test_a_reported_allocatable_is_taken():
    (group,) = groups([node("a", capacity_bytes=16 * GIB, allocatable_bytes=GIB)], [("x.yaml:1", DEFAULT)])
    assert group.settings.allocatable_bytes == GIB


def test_defaults_are_merged_into_the_threshold_only_by_a_kubelet_that_knows_it():
    config = KubeletConfig(eviction_hard=(), merge_default_eviction_settings=True)
    old, new = (node(name, capacity_bytes=GIB, kubelet_minor=minor) for name, minor in (("a", 32), ("b", 33)))
    found = groups([old, new], [("x.yaml:1", config)])
    assert [group.settings.allocatable_bytes for group in found] == [GIB, GIB - 100 * MIB]


def test_swap_that_is_not_reported_is_none_from_1_33_and_unknown_before():
    found = groups([node("a", kubelet_minor=32), node("b", kubelet_minor=33), node("c")])
    assert [(group.names, group.settings.swap_capacity_bytes) for group in found] == [
        (("a",), None),
        (("b",), 0),
        (("c",), None),
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from([None, GIB, 2 * GIB])), unique_by=lambda item: item[0]
    )
)
def test_every_node_is_in_one_group(some):
    found = groups([node(name, capacity_bytes=capacity) for name, capacity in some], [("x.yaml:1", LIMITED)])
    assert sorted(name for group in found for name in group.names) == sorted(name for name, _ in some) or not some
    assert len({group.settings for group in found}) == len(found)
