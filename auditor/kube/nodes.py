"""Nodes: what their status says about memory, which pods they take, and groups of nodes that treat a pod alike.

Source: pkg/kubelet/nodestatus/setters.go of 1.28 to 1.37; the scheduler's NodeName and NodeAffinity plugins.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from auditor.kube.kubelet import KubeletConfig, node_allocatable_bytes
from auditor.kube.objects import Amounts, Fault, kind_word, read_amounts, text_or_none
from auditor.kube.paths import Path
from auditor.kube.quantity import MAX_BYTES, bytes_or_none, capped, whole_bytes
from auditor.kube.versions import Since

NOSWAP_KERNEL = (6, 4)
"""pkg/util/kernel/constants.go, TmpfsNoswapSupportKernelVersion."""

_NAMES_SHOWN = 3
_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})", re.ASCII)


class Node(msgspec.Struct, frozen=True):
    """What a Node object says."""

    name: str
    """metadata.name."""
    labels: dict[str, str]
    """metadata.labels, with the two that every kubelet sets: kubernetes.io/os and kubernetes.io/hostname."""
    capacity_bytes: int | None = None
    """status.capacity.memory, rounded up; None: absent or not readable."""
    allocatable_bytes: int | None = None
    """status.allocatable.memory, rounded up; None: absent or not readable."""
    hugepages_capacity_bytes: int = 0
    """Sum of all hugepages in status.capacity."""
    swap_capacity_bytes: int | None = None
    """status.nodeInfo.swap.capacity; None: absent (no swap where the kubelet is 1.33 or newer, else not known)."""
    kernel: tuple[int, int] | None = None
    """Major and minor version of the kernel; None: absent or not readable."""
    os: str = "linux"
    """`linux` or `windows`."""
    kubelet_minor: int | None = None
    """34 for kubelet v1.34.1; None: absent or not readable."""
    unschedulable: bool = False
    """True: cordoned, takes no new pods."""
    faults: tuple[Fault, ...] = ()
    """Amounts that are there and cannot be read: they are unknown above."""


class NodeSettings(msgspec.Struct, frozen=True):
    """What of a node decides the memory of a container; hashable."""

    capacity_bytes: int | None
    """Memory of the machine; None: not known."""
    allocatable_bytes: int | None
    """What pods may request; None: not known."""
    swap_capacity_bytes: int | None
    """Swap of the machine; 0: none, None: not known."""
    hugepages_capacity_bytes: int
    """Sum of pre-allocated hugepages."""
    kernel: tuple[int, int] | None
    """Major and minor version of the kernel; None: not known."""
    minor: int
    """Minor version of the kubelet."""
    config: KubeletConfig | None
    """The kubelet's configuration; None: not known."""
    cgroup_version: int = 2
    """1 or 2; no API tells it."""
    page_size_bytes: int = 4096
    """Size of a memory page; no API tells it."""
    swap_controller: bool = True
    """Whether the kernel has the cgroup controller for swap; no API tells it."""


class NodeGroup(msgspec.Struct, frozen=True):
    """Nodes that treat a pod's memory alike."""

    settings: NodeSettings
    """What they have in common."""
    names: tuple[str, ...]
    """Their names, sorted; empty when only a configuration is known."""
    words: str
    """Who they are, for a message: `node a`, `nodes a, b and 12 more`, `nodes with kubelet.yaml:1`."""


def read_node(data: dict[str, Any]) -> Node | Fault:
    """Return what a Node object says; parts of a wrong shape are a Fault, amounts that cannot be read are unknown."""
    reader = _Reader(data)
    metadata, spec, status = (reader.mapping((key,)) for key in ("metadata", "spec", "status"))
    info = reader.mapping(("status", "nodeInfo"), status)
    labels = reader.labels(metadata)
    capacity, allocatable = reader.amounts(status, "capacity"), reader.amounts(status, "allocatable")
    swap = reader.mapping(("status", "nodeInfo", "swap"), info)
    if reader.fault is not None:
        return reader.fault
    name = text_or_none(metadata.get("name"))
    if not name:
        return Fault(("metadata", "name"), "metadata.name must be a string")
    system = info.get("operatingSystem") or labels.get("kubernetes.io/os")
    system = system if isinstance(system, str) and system else "linux"
    version = _version(info.get("kubeletVersion"))
    return Node(
        name,
        {"kubernetes.io/os": system, "kubernetes.io/hostname": name, **labels},
        bytes_or_none(capacity.get("memory")),
        bytes_or_none(allocatable.get("memory")),
        capped(sum(whole_bytes(milli) for key, milli in capacity.items() if key.startswith("hugepages-"))),
        _whole(swap.get("capacity")),
        _version(info.get("kernelVersion")),
        system,
        version[1] if version is not None and version[0] == 1 else None,
        spec.get("unschedulable") is True,
        tuple(reader.unreadable),
    )


class _Reader:
    """Reads parts of one Node and keeps the first fault."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.fault: Fault | None = None
        self.unreadable: list[Fault] = []

    def mapping(self, path: Path, parent: dict[str, Any] | None = None) -> dict[str, Any]:
        value = (self.data if parent is None else parent).get(str(path[-1]))
        if isinstance(value, dict):
            return value
        if value is not None and self.fault is None:
            self.fault = Fault(path, f"{'.'.join(map(str, path))} must be a mapping, not {kind_word(value)}")
        return {}

    def labels(self, metadata: dict[str, Any]) -> dict[str, str]:
        """Return the labels; a null is an empty text, as in Go."""
        found: dict[str, str] = {}
        for key, value in self.mapping(("metadata", "labels"), metadata).items():
            if isinstance(key, str) and (value is None or isinstance(value, str)):
                found[key] = value or ""
            elif self.fault is None:
                path: Path = ("metadata", "labels", str(key))
                wrong = value if isinstance(key, str) else key
                self.fault = Fault(path, f"metadata.labels must have strings, not {kind_word(wrong)}")
        return found

    def amounts(self, status: dict[str, Any], key: str) -> Amounts:
        read = read_amounts(status.get(key), f"status.{key}", "requests")
        if isinstance(read, Fault):
            self.fault = self.fault or read
            return {}
        for where, reason in read.refused:
            if where == f"status.{key}.memory":
                self.unreadable.append(Fault(("status", key, "memory"), f"{where}: {reason}"))
        return read.requests


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_BYTES else None


def _version(value: object) -> tuple[int, int] | None:
    match = _VERSION.match(value) if isinstance(value, str) else None
    return (int(match[1]), int(match[2])) if match else None


def matches(node: Node, selector: Mapping[str, str], node_name: str | None, *, windows: bool) -> bool:
    """Return whether a pod with that nodeSelector and nodeName may run on a node.

    Taints, affinity and free room are not looked at. A Linux pod never runs on a Windows node, nor the reverse. The
    kubelet checks the selector even where nodeName goes past the scheduler.
    """
    if (node.os == "windows") is not windows or (node_name and node_name != node.name):
        return False
    return all(node.labels.get(key) == value for key, value in selector.items())


def noswap_supported(kernel: tuple[int, int] | None) -> bool | None:
    """Return whether the kubelet (1.31 or newer) mounts a tmpfs without swap on this kernel; None: kernel not known.

    NOTE: below 6.4 the kubelet tries a mount; a kernel with the option ported back is told as without it.
    """
    return None if kernel is None else kernel >= NOSWAP_KERNEL


def node_groups(
    nodes: Sequence[Node],
    configs: Sequence[tuple[str, KubeletConfig]],
    default_minor: int,
    *,
    chosen: Collection[str] | None = None,
) -> tuple[NodeGroup, ...]:
    """Return the nodes in groups that treat a pod alike; empty without nodes and configurations.

    `nodes` are all of the cluster: they decide whose configuration is whose. A configuration whose label is the name
    of a node is that node's; the others may be those of every other node, which then is in a group for each.
    `default_minor` is the version of a kubelet whose node does not say. `chosen`: names to group; None: all.
    """
    known = {node.name for node in nodes}
    own = {label: config for label, config in configs if label in known}
    shared: dict[KubeletConfig, list[str]] = {}
    for label, floating in configs:
        if label not in known:
            shared.setdefault(floating, []).append(label)
    if not nodes:
        return tuple(
            NodeGroup(_settings(None, kept, default_minor), (), f"nodes with {_enumerate(labels)}")
            for kept, labels in shared.items()
        )
    members: dict[NodeSettings, list[str]] = {}
    sources: dict[NodeSettings, list[str]] = {}
    for node in nodes:
        if chosen is not None and node.name not in chosen:
            continue
        for config, labels in _configs_of(node, own, shared):
            settings = _settings(node, config, default_minor)
            members.setdefault(settings, []).append(node.name)
            if labels:
                sources[settings] = labels
    return tuple(
        NodeGroup(settings, tuple(sorted(names)), _words(sorted(names), sources.get(settings, ())))
        for settings, names in members.items()
    )


def _configs_of(
    node: Node, own: Mapping[str, KubeletConfig], shared: Mapping[KubeletConfig, list[str]]
) -> Iterator[tuple[KubeletConfig | None, list[str]]]:
    """Yield the configurations that a node may have, with the places to name where there are several."""
    if node.name in own:
        yield own[node.name], []
    elif not shared:
        yield None, []
    else:
        for config, labels in shared.items():
            yield config, labels if len(shared) > 1 else []


def _settings(node: Node | None, config: KubeletConfig | None, default_minor: int) -> NodeSettings:
    if node is None:
        return NodeSettings(None, None, None, 0, None, default_minor, config)
    minor = default_minor if node.kubelet_minor is None else node.kubelet_minor
    allocatable, swap = node.allocatable_bytes, node.swap_capacity_bytes
    if allocatable is None and node.capacity_bytes is not None and config is not None:
        allocatable = node_allocatable_bytes(node.capacity_bytes, config, node.hugepages_capacity_bytes, minor=minor)
    if swap is None and node.kubelet_minor is not None and node.kubelet_minor >= Since.SWAP_CAPACITY_REPORTED:
        swap = 0
    return NodeSettings(
        node.capacity_bytes, allocatable, swap, node.hugepages_capacity_bytes, node.kernel, minor, config
    )


def _words(names: Sequence[str], labels: Sequence[str]) -> str:
    who = f"node {names[0]}" if len(names) == 1 else f"nodes {_enumerate(names)}"
    return f"{who} with {_enumerate(labels)}" if labels else who


def _enumerate(names: Sequence[str]) -> str:
    if len(names) <= _NAMES_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:2])} and {len(names) - 2} more"
