"""Facts about objects that are judged by themselves: LimitRanges, kubelet configurations, nodes."""

from collections.abc import Iterator, Sequence

from auditor.facts.context import Context
from auditor.facts.members import Member
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
from auditor.kube.quantity import capped, show
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


class _Load:
    """What the pods of one node ask for together."""

    def __init__(self) -> None:
        self.pods = self.request_bytes = self.limit_bytes = self.unbounded = self.unknown = 0

    def add(self, member: Member, pods: int) -> None:
        """Add some pods of a workload."""
        self.pods += pods
        if not member.known:
            self.unknown += pods
            return
        self.request_bytes += pods * (member.request_bytes or 0)
        if member.bounded:
            self.limit_bytes += pods * (member.limit_bytes or 0)
        else:
            self.unbounded += pods


def node_records(context: Context, members: Sequence[Member]) -> Iterator[tuple[Object, WideRecord]]:
    """Yield each node, with what runs on it where that is known."""
    settings = {name: group.settings for group in context.groups for name in group.names}
    loads: dict[str, _Load] = {}
    for member in members:
        for name, pods in member.nodes:
            loads.setdefault(name, _Load()).add(member, pods)
    sizes = [held.value.allocatable_bytes for held in context.nodes]
    total = sum(size for size in sizes if size is not None) if None not in sizes else 0
    ratio = sum(load.limit_bytes for load in loads.values()) / total if loads and total else None
    for held in context.nodes:
        name = held.value.name
        # Of a cluster that was read, a node without pods has none; of some files nothing is known of it.
        load = loads.get(name) or (_Load() if loads and context.complete else None)
        facts = _node(held.value, settings.get(name), load, ratio)
        yield held.object, WideRecord("node", ((Subject("node", "", None, ()), facts),))


def _node(node: Node, settings: NodeSettings | None, load: _Load | None, ratio: float | None) -> NodeFacts:
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
        pods_total=load.pods if load else None,
        request_bytes=capped(load.request_bytes) if load else None,
        limit_bytes=capped(load.limit_bytes) if load else None,
        unbounded_pods=load.unbounded if load else None,
        unknown_pods=load.unknown if load else None,
        cluster_limit_ratio=ratio if load else None,
    )
