"""Facts about objects that are judged by themselves: LimitRanges, kubelet configurations, nodes."""

from collections.abc import Iterator

from auditor.facts.context import Context
from auditor.facts.record import Subject, WideRecord
from auditor.facts.wide import KubeletFacts, LimitRangeFacts, NodeFacts
from auditor.kube.kubelet import (
    KubeletConfig,
    eviction_hard_bytes,
    has_memory_eviction,
    kubepods_limit_bytes,
    swap_mode,
)
from auditor.kube.kubelet_refusals import config_refusals
from auditor.kube.limitrange import LimitRange, LimitRangeItem, contradictions
from auditor.kube.nodes import Node, NodeSettings
from auditor.kube.quantity import show
from auditor.kube.versions import Since, Target
from auditor.sources.model import Object


def limit_range_records(context: Context) -> Iterator[tuple[Object, WideRecord]]:
    """Yield each LimitRange with its entries."""
    for some in context.limit_ranges.values():
        earlier: _Earlier = {}
        for held in some:
            parts = []
            for index, item in enumerate(held.value.items):
                faults = [*contradictions(item), *_repeated(held.value, index), *_contradicted(item, earlier)]
                facts = LimitRangeFacts(
                    name=held.value.name,
                    type=item.type,
                    inconsistent="; ".join(words for words, _ in faults) or None,
                    inconsistent_at=faults[0][1] if faults else None,
                )
                parts.append((Subject("limitrange", "", None, ("spec", "limits", index)), facts))
            for item in held.value.items:
                for key, default in _defaults(item):
                    earlier.setdefault(key, {}).setdefault(default, held.value.by)
            yield held.object, WideRecord("limitrange", tuple(parts))


_Earlier = dict[str, dict[int, str]]
"""`default` or `defaultRequest` to each amount of memory that it has in a namespace, with the first that sets it so."""


def _defaults(item: LimitRangeItem) -> Iterator[tuple[str, int]]:
    """Yield what an entry sets as defaults of memory."""
    for key, amounts in (("default", item.default), ("defaultRequest", item.default_request)):
        if item.type == "Container" and "memory" in amounts:
            yield key, amounts["memory"]


def _repeated(source: LimitRange, index: int) -> Iterator[tuple[str, str]]:
    """Yield that the type of an entry is that of an earlier one, which validation refuses."""
    type_ = source.items[index].type
    if type_ in {item.type for item in source.items[:index]}:
        yield f"type {type_} is there twice", "type"


def _contradicted(item: LimitRangeItem, earlier: _Earlier) -> Iterator[tuple[str, str]]:
    """Yield defaults that an earlier LimitRange of the namespace sets otherwise: which one holds is not determined."""
    for key, own in _defaults(item):
        # One is enough to tell; all pairs would be quadratic.
        other = next(((amount, by) for amount, by in earlier.get(key, {}).items() if amount != own), None)
        if other is not None:
            words = f"{key} {show(own)} is {show(other[0])} in {other[1]}, and which holds is not determined"
            yield words, f"{key}.memory"


def kubelet_records(context: Context, target: Target) -> Iterator[tuple[Object, WideRecord]]:
    """Yield each kubelet configuration."""
    for held in context.kubelets:
        facts = _kubelet(held.value, target)
        yield held.object, WideRecord("kubelet", ((Subject("kubelet", "", None, ()), facts),))


def _kubelet(config: KubeletConfig, target: Target) -> KubeletFacts:
    return KubeletFacts(
        swap_behavior=config.swap_behavior,
        swap_mode=swap_mode(config, target),
        fail_swap_on=config.fail_swap_on,
        eviction_hard_set=config.eviction_hard is not None,
        memory_eviction=has_memory_eviction(config, minor=target.minor),
        kube_reserved_bytes=config.kube_reserved_bytes,
        system_reserved_bytes=config.system_reserved_bytes,
        memory_throttling_factor=config.memory_throttling_factor,
        tolerates_cgroup_v1=config.fail_cgroup_v1 is False and target.minor >= Since.CGROUP_V1_REFUSED,
        refusals=config_refusals(config, target),
    )


def node_records(context: Context) -> Iterator[tuple[Object, WideRecord]]:
    """Yield each node."""
    settings = {name: group.settings for group in context.groups for name in group.names}
    for held in context.nodes:
        facts = _node(held.value, settings.get(held.value.name))
        yield held.object, WideRecord("node", ((Subject("node", "", None, ()), facts),))


def _node(node: Node, settings: NodeSettings | None) -> NodeFacts:
    kernel = None if node.kernel is None else ".".join(map(str, node.kernel))
    eviction = pods = None
    if settings is not None and settings.config is not None and settings.capacity_bytes is not None:
        eviction = eviction_hard_bytes(settings.config, settings.capacity_bytes, minor=settings.minor)
        pods = kubepods_limit_bytes(settings.capacity_bytes, settings.config)
    return NodeFacts(
        name=node.name,
        capacity_bytes=node.capacity_bytes,
        allocatable_bytes=settings.allocatable_bytes if settings else node.allocatable_bytes,
        swap_capacity_bytes=node.swap_capacity_bytes,
        eviction_hard_bytes=eviction,
        pods_max_bytes=pods,
        kernel=kernel,
    )
