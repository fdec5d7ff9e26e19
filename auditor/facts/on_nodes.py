"""What each kind of node makes of a pod: memory.high, swap, OOM scores, the size of memory volumes."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from auditor.facts.context import Context, texts
from auditor.facts.record import ContainerOnNodes, OnNodes, VolumeOnNodes
from auditor.facts.volumes import Surroundings, Volume, mount_size
from auditor.kube.memoryqos import container_memory_high, container_protection, pod_memory_high, pod_protection
from auditor.kube.nodes import NodeGroup, NodeSettings, matches, noswap_supported
from auditor.kube.objects import Container, Resources, text_or_none
from auditor.kube.oom import oom_pod, oom_score_adj
from auditor.kube.swap import swap_max_bytes
from auditor.kube.versions import Since, Target

_HIGHEST_BURSTABLE = 999
_NAMED = 100


class PodOnNode(msgspec.Struct, frozen=True):
    """The pod whose containers a node is asked for."""

    containers: Sequence[Container]
    """All of its containers, with what is in force."""
    level: Resources | None
    """Its pod level, with what is in force."""
    some: Sequence[Container]
    """Its containers without ephemeral ones."""
    known: bool
    """False when an amount of memory is not known."""
    qos: str | None
    request_milli: int | None
    limit_milli: int | None
    critical: bool
    """Static, mirror or of a critical priority."""
    node_critical: bool
    volumes: Sequence[Volume]
    around: Surroundings
    target: Target


class PossibleNodes(msgspec.Struct, frozen=True):
    """The nodes that a pod may run on."""

    groups: tuple[NodeGroup, ...] = ()
    """The kinds of nodes among them."""
    largest_bytes: int | None = None
    """The largest allocatable memory; None without nodes, or when one does not say."""


NOWHERE = PossibleNodes()


def possible_nodes(spec: dict[str, Any], context: Context, known: tuple[str, ...] = ()) -> PossibleNodes:
    """Return the nodes that a Linux pod may run on, by nodeSelector and nodeName.

    `known` are the nodes that its pods run on, where that is known: they decide what is in force, but not where another
    pod may go, and so not the largest.
    """
    if not context.groups:
        return NOWHERE
    selector = tuple(sorted(texts(spec, "nodeSelector").items()))
    found = _possible(context, selector, None if known else text_or_none(spec.get("nodeName")))
    if not known:
        return found
    groups = tuple(group for group in found.groups if not group.names or not set(known).isdisjoint(group.names))
    return PossibleNodes(groups or found.groups, found.largest_bytes)


# Thousands of pods have few different selectors, and looking at thousands of nodes for each would be quadratic.
@lru_cache(maxsize=1024)
def _possible(context: Context, selector: tuple[tuple[str, str], ...], node_name: str | None) -> PossibleNodes:
    every, wanted = tuple(held.value for held in context.nodes), dict(selector)
    nodes = tuple(node for node in every if matches(node, wanted, node_name, windows=False))
    sizes = [node.allocatable_bytes for node in nodes]
    known = [size for size in sizes if size is not None]
    unknown = len(known) < len(sizes) or ("Node", "") in context.unread
    largest = None if unknown else max(known, default=None)
    if len(nodes) == len(every):
        return PossibleNodes(context.groups, largest)
    names = {node.name for node in nodes}
    return PossibleNodes(tuple(group for group in context.groups if not names.isdisjoint(group.names)), largest)


def on_nodes(of: PodOnNode, groups: Sequence[NodeGroup]) -> tuple[OnNodes, ...]:
    """Return what each kind of node makes of the pod."""
    return tuple(_on_group(of, group) for group in groups)


def _on_group(of: PodOnNode, group: NodeGroup) -> OnNodes:
    node, level, target = group.settings, of.level, of.target
    oom = oom_pod(
        of.some,
        level,
        of.qos if of.known else None,
        node_critical=of.node_critical,
        capacity_bytes=node.capacity_bytes,
        minor=node.minor,
    )
    found = []
    for container in of.containers:
        if container.type == "ephemeral":
            found.append(ContainerOnNodes(container.name, None, None, None, None, oom_score_adj(container, oom)))
            continue
        protection = container_protection(container, of.qos, node=node, target=target)
        found.append(
            ContainerOnNodes(
                container.name,
                container_memory_high(container, level, node=node, target=target),
                protection.min_bytes,
                protection.low_bytes,
                swap_max_bytes(container, qos=of.qos, critical=of.critical, node=node, target=target),
                oom_score_adj(container, oom),
            )
        )
    protected = pod_protection(of.request_milli, of.qos, node=node, target=target)
    sizes = () if node.allocatable_bytes is None else (node.allocatable_bytes,)
    return OnNodes(
        group.names[:_NAMED],
        len(group.names),
        group.words,
        pod_memory_high(level, of.some, of.request_milli, of.limit_milli, node=node, target=target),
        protected.min_bytes,
        protected.low_bytes,
        tuple(found),
        tuple(
            VolumeOnNodes(volume.name, mount_size(volume, of.around, sizes))
            for volume in of.volumes
            if volume.medium == "Memory"
        ),
    )


def swappable_on(found: Sequence[OnNodes], groups: Sequence[NodeGroup]) -> str | None:
    """Return in words the nodes on which pages of a tmpfs can reach swap: no noswap mount, and swap for the pod."""
    words = [
        group.words
        for item, group in zip(found, groups, strict=True)
        if _no_noswap(group.settings) and any(container.swap_max_bytes for container in item.containers)
    ]
    return " and ".join(words) or None


def _no_noswap(node: NodeSettings) -> bool:
    return node.minor < Since.TMPFS_NOSWAP or noswap_supported(node.kernel) is False


def indistinguishable(found: Sequence[OnNodes], some: Sequence[Container]) -> tuple[str, ...]:
    """Return the containers that ask for memory and still have the score of one that asks for none, on every node."""
    if not found:
        return ()
    asking = [container.name for container in some if container.requests.get("memory")]
    spared = {item.name for node in found for item in node.containers if item.oom_score_adj != _HIGHEST_BURSTABLE}
    return tuple(name for name in asking if name not in spared)
