"""Facts about autoscalers: each is held against its target, its namespace and the nodes."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any

import msgspec

from auditor.facts.context import Context, Held, Workload, acts_on
from auditor.facts.members import Member, MemberContainer
from auditor.facts.record import Subject, WideRecord
from auditor.facts.totals import request_bound_bytes
from auditor.facts.wide import AutoscalerFacts
from auditor.kube.autoscalers import (
    ContainerPolicy,
    HorizontalAutoscaler,
    MemoryMetric,
    VerticalAutoscaler,
    acts_on_memory,
    policy_for,
    utilization_threshold_bytes,
)
from auditor.kube.humane import format_bytes
from auditor.kube.paths import path_text
from auditor.kube.quantity import capped
from auditor.sources.model import Object


class _Around(msgspec.Struct, frozen=True):
    """What every autoscaler is held against."""

    context: Context
    members: Mapping[Workload, Member]
    node_bytes: tuple[int, ...]
    """Allocatable memory of each node; empty when one does not say."""
    vertical: Mapping[Workload, Sequence[VerticalAutoscaler]]
    """The vertical autoscalers of each target, in input order."""

    def target(self, autoscaler: HorizontalAutoscaler | VerticalAutoscaler) -> Member | None:
        """Return the workload that an autoscaler acts on, None when it is not in the input."""
        return self.members.get(acts_on(autoscaler))


_EMPTY: dict[str, None] = {
    name: None
    for name in AutoscalerFacts.__struct_fields__
    if name not in ("kind", "name", "target", "target_found", "complete")
}
_NAMED = 3
_LISTS = ("without_request", "conflicts", "duplicates", "unbounded_containers")
_DEFAULTS = _EMPTY | dict.fromkeys(_LISTS, ())


def autoscaler_records(context: Context, members: Mapping[Workload, Member]) -> Iterator[tuple[Object, WideRecord]]:
    """Yield each autoscaler with its subjects: a memory metric each, a vertical one as a whole."""
    sizes = [held.value.allocatable_bytes for held in context.nodes]
    known = () if None in sizes else tuple(size for size in sizes if size is not None)
    vertical: dict[Workload, list[VerticalAutoscaler]] = {}
    for held in context.vertical:
        vertical.setdefault(acts_on(held.value), []).append(held.value)
    around = _Around(context, members, known, vertical)
    for scaler in context.horizontal:
        yield scaler.object, WideRecord("autoscaler", tuple(_horizontal(scaler.value, around)))
    for held in context.vertical:
        subject = Subject("autoscaler", "", None, ())
        yield held.object, WideRecord("autoscaler", ((subject, _vertical(held, around)),))


def _horizontal(scaler: HorizontalAutoscaler, around: _Around) -> Iterator[tuple[Subject, AutoscalerFacts]]:
    member = around.target(scaler)
    shared = _shared(scaler.kind, scaler, member, around)
    request = member.request_bytes if member else None
    room_pods, room = _room(member, around)
    bounds = {
        "max_request_bytes": None
        if request is None or scaler.max_replicas is None
        else capped(request * scaler.max_replicas),
        "room_pods": room_pods,
        "room": room,
        "conflicts": _vertical_conflicts(scaler, member, around) if scaler.metrics else (),
    }
    metrics: Sequence[MemoryMetric | None] = scaler.metrics or (None,)
    for number, metric in enumerate(metrics):
        told = shared | {"min_replicas": scaler.min_replicas, "max_replicas": scaler.max_replicas}
        # What is true of the whole autoscaler is told once.
        told |= bounds if number == 0 else {}
        name = ""
        if metric is not None:
            told |= _metric_facts(metric, member)
            name = told["metric_at"] if number else ""
        yield Subject("autoscaler", name, None, ()), AutoscalerFacts(**told)


def _shared(
    kind: str, scaler: HorizontalAutoscaler | VerticalAutoscaler, member: Member | None, around: _Around
) -> dict[str, Any]:
    return _DEFAULTS | {
        "kind": kind,
        "name": scaler.name,
        "target": f"{scaler.target.kind}/{scaler.target.name}",
        "target_found": member is not None or acts_on(scaler) in around.context.inner_owners,
        "complete": around.context.knows_all_of(scaler.namespace),
        "target_replicas": member.replicas if member else None,
        "pod_request_bytes": member.request_bytes if member else None,
        "largest_node_bytes": max(around.node_bytes, default=None),
    }


def _metric_facts(metric: MemoryMetric, member: Member | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "metric_at": path_text(metric.path),
        "memory_metric": metric.target_type,
        "metric_container": metric.container,
        "utilization_percent": metric.utilization_percent,
        "threshold_bytes": metric.value_bytes,
    }
    if member is None:
        return facts
    some = [c for c in member.containers if metric.container in (None, c.name)]
    whole_pod = member.pod_level_request and metric.container is None
    request, limit = _sums(some)
    if whole_pod:
        # replica_calculator.go takes the pod's effective request and looks at no container.
        request, limit = member.request_bytes, member.limit_bytes if member.bounded else None
    elif metric.target_type == "Utilization":
        facts["without_request"] = tuple(c.name for c in some if c.request_missing)
    if metric.utilization_percent is not None and request:
        facts["threshold_bytes"] = capped(utilization_threshold_bytes(metric.utilization_percent, request))
    facts["counted_limit_bytes"] = limit
    return facts


def _sums(some: Sequence[MemberContainer]) -> tuple[int | None, int | None]:
    """Return the sums of requests and limits; None when one of the containers has none."""
    requests, limits = [c.request_bytes for c in some], [c.limit_bytes or None for c in some]
    request = None if not some or None in requests else capped(sum(size for size in requests if size is not None))
    limit = None if not some or None in limits else capped(sum(size for size in limits if size is not None))
    return request, limit


def _room(member: Member | None, around: _Around) -> tuple[int | None, str | None]:
    """Return how many pods of a workload there is room for, and who says so."""
    if member is None or not member.request_bytes:
        return None, None
    bounds: list[tuple[int, str]] = []
    for held in around.context.quotas.get(member.namespace or "", ()):
        bound = request_bound_bytes(held.value)
        if held.value.name in member.quotas and bound is not None:
            bounds.append((bound // member.request_bytes, held.value.by))
    if around.node_bytes:
        count = len(around.node_bytes)
        words = "the one node" if count == 1 else f"the {count} nodes"
        bounds.append((_pods_on_nodes(around.node_bytes, member.request_bytes), words))
    return min(bounds, default=(None, None))


# Thousands of autoscalers have few different requests.
@lru_cache(maxsize=1024)
def _pods_on_nodes(node_bytes: tuple[int, ...], request_bytes: int) -> int:
    return capped(sum(size // request_bytes for size in node_bytes))


def _vertical_conflicts(scaler: HorizontalAutoscaler, member: Member | None, around: _Around) -> tuple[str, ...]:
    """Return the vertical autoscalers that change memory of what a horizontal one measures."""
    names = [c.name for c in member.containers] if member else ["*"]
    return tuple(
        f"VerticalPodAutoscaler/{other.name}"
        for other in around.vertical.get(acts_on(scaler), ())
        if other.mode != "Off" and any(acts_on_memory(other, name) for name in names)
    )


def _vertical(held: Held[VerticalAutoscaler], around: _Around) -> AutoscalerFacts:
    scaler = held.value
    member = around.target(scaler)
    largest = max((p for p in scaler.policies if _bounded(p)), key=lambda p: p.max_allowed_bytes or 0, default=None)
    outside = next(_outside(scaler, around.context), None)
    same = around.vertical[acts_on(scaler)]
    # One in mode Off acts on nothing; thousands on one target need not all be named.
    acting = (other for other in takewhile(lambda other: other is not scaler, same) if other.mode != "Off")
    earlier = islice(acting, _NAMED)
    return AutoscalerFacts(
        **_shared("VerticalPodAutoscaler", scaler, member, around)
        | {
            "min_replicas": scaler.min_replicas,
            "update_mode": scaler.update_mode,
            "mode": scaler.mode,
            "duplicates": tuple(other.name for other in earlier),
            "unbounded_containers": _unbounded(scaler, member),
            "max_allowed_bytes": largest.max_allowed_bytes if largest else None,
            "max_allowed_at": _at(largest, "maxAllowed") if largest else None,
            "outside_limit_range": outside[0] if outside else None,
            "outside_limit_range_at": outside[1] if outside else None,
        }
    )


def _bounded(policy: ContainerPolicy) -> bool:
    return policy.controls_memory and policy.mode != "Off" and policy.max_allowed_bytes is not None


def _at(policy: ContainerPolicy, bound: str) -> str:
    return f"spec.resourcePolicy.containerPolicies[{policy.index}].{bound}.memory"


def _unbounded(scaler: VerticalAutoscaler, member: Member | None) -> tuple[str, ...]:
    """Return the containers whose limit follows the recommendation without a bound."""
    if scaler.mode == "Off":
        return ()
    names = ["*"] if member is None else [c.name for c in member.containers if c.limit_bytes is not None]
    found = []
    for name in names:
        policy = policy_for(scaler, name)
        values = policy.controlled_values if policy else "RequestsAndLimits"
        bounded = policy is not None and policy.max_allowed_bytes is not None
        if acts_on_memory(scaler, name) and values == "RequestsAndLimits" and not bounded:
            found.append(name)
    return tuple(found)


def _outside(scaler: VerticalAutoscaler, context: Context) -> Iterator[tuple[str, str]]:
    """Yield the bounds of container policies that a LimitRange refuses, in words, and their paths."""
    ranges = context.limit_ranges.get(scaler.namespace or "", ()) if scaler.mode != "Off" else ()
    for held in ranges:
        for item in held.value.items:
            if item.type != "Container":
                continue
            highest, lowest = item.max.get("memory"), item.min.get("memory")
            for policy in scaler.policies:
                if not policy.controls_memory or policy.mode == "Off":
                    continue
                most, least = policy.max_allowed_bytes, policy.min_allowed_bytes
                if highest is not None and most is not None and most * 1000 > highest:
                    words = f"maxAllowed {format_bytes(most)} is above max {format_bytes(-(-highest // 1000))}"
                    yield f"{words} of {held.value.by}", _at(policy, "maxAllowed")
                if lowest is not None and least is not None and least * 1000 < lowest:
                    words = f"minAllowed {format_bytes(least)} is below min {format_bytes(-(-lowest // 1000))}"
                    yield f"{words} of {held.value.by}", _at(policy, "minAllowed")
