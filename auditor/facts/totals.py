"""Facts that are sums over workloads: namespaces, quotas, the cluster."""

from collections.abc import Iterator, Sequence

from auditor.facts.context import Context, Held
from auditor.facts.members import Member
from auditor.facts.record import Subject, WideRecord
from auditor.facts.wide import ClusterFacts, NamespaceFacts, QuotaFacts
from auditor.findings import Place
from auditor.kube.quantity import capped, whole_bytes
from auditor.kube.quota import Quota
from auditor.sources.model import Object
from auditor.sources.places import KeptPlaces

_REQUESTS = ("memory", "requests.memory")
_LIMITS = ("limits.memory",)
QUOTA_KEYS = (*_REQUESTS, *_LIMITS)
"""The memory keys of a quota; `memory` and `requests.memory` are one counter."""


def total_bytes(members: Sequence[Member], amount: str, replicas: str = "replicas") -> int:
    """Return the sum of an amount of each member's pod times its replicas, capped; what is not known is left out."""
    found = 0
    for member in members:
        pods, size = getattr(member, replicas), getattr(member, amount)
        if member.known and pods is not None and size is not None:
            found += pods * size
    return capped(found)


def not_counted(members: Sequence[Member]) -> tuple[str, ...]:
    """Return the members that no sum can hold."""
    return tuple(member.title for member in members if not member.known or member.replicas is None)


def namespace_records(context: Context, members: Sequence[Member]) -> Iterator[tuple[Object, WideRecord]]:
    """Yield each namespace that has workloads: at its Namespace object, else at its first workload."""
    spaces: dict[str, list[Member]] = {}
    for member in members:
        if member.namespace is not None:
            spaces.setdefault(member.namespace, []).append(member)
    for name, some in spaces.items():
        held = context.namespaces.get(name)
        ranges = (held.value for held in context.limit_ranges.get(name, ()))
        quotas = (held.value for held in context.quotas.get(name, ()))
        facts = NamespaceFacts(
            name=name,
            workloads_total=len(some),
            limit_range=("LimitRange", name) in context.unread
            or any(
                "memory" in {**item.max, **item.min, **item.default, **item.default_request, **item.ratio}
                for source in ranges
                for item in source.items
            ),
            memory_quota=("ResourceQuota", name) in context.unread
            or any(key in quota.hard for quota in quotas for key in QUOTA_KEYS),
            request_bytes=total_bytes(some, "request_bytes"),
            limit_bytes=total_bytes(some, "limit_bytes"),
            complete=context.knows_all_of(name),
        )
        obj = held.object if held else _stand_in("Namespace", name, some[0])
        yield obj, WideRecord("namespace", ((Subject("namespace", "", None, ()), facts),))


def _stand_in(kind: str, name: str, near: Member) -> Object:
    """Return an object that is not in the input, at the place of one that is."""
    file, line = near.file, near.line
    locator = None if near.cluster is not None else KeptPlaces(Place(file, line, 1, line, 1), {}, {})
    return Object("v1", kind, None, name, {}, file, "", line, (), None, locator, cluster=near.cluster)


def quota_records(context: Context, members: Sequence[Member]) -> Iterator[tuple[Object, WideRecord]]:
    """Yield each ResourceQuota with its memory keys."""
    charged: dict[str, list[Member]] = {}
    for member in members:
        for name in member.quotas:
            charged.setdefault(name, []).append(member)
    for some in context.quotas.values():
        for held in some:
            parts = tuple(_quota_parts(held, charged.get(held.value.name, [])))
            if parts:
                yield held.object, WideRecord("quota", parts)


def _quota_parts(held: Held[Quota], members: Sequence[Member]) -> Iterator[tuple[Subject, QuotaFacts]]:
    quota = held.value
    left_out = not_counted(members)
    for key in quota.hard:
        if key not in QUOTA_KEYS:
            continue
        amount = "limit_bytes" if key in _LIMITS else "request_bytes"
        yield (
            Subject("quota", key, None, ("spec", "hard", key)),
            QuotaFacts(
                name=quota.name,
                key=key,
                hard_bytes=hard_bytes(quota, key),
                used_bytes=total_bytes(members, amount),
                used_max_bytes=total_bytes(members, amount, "max_replicas"),
                workloads_total=len(members) - len(left_out),
                not_counted=left_out,
            ),
        )


def hard_bytes(quota: Quota, key: str) -> int:
    """Return the bound of a key."""
    return whole_bytes(quota.hard[key])


def request_bound_bytes(quota: Quota) -> int | None:
    """Return the smaller bound on requests, None when the quota has none."""
    return min((hard_bytes(quota, key) for key in _REQUESTS if key in quota.hard), default=None)


def cluster_records(context: Context, members: Sequence[Member]) -> Iterator[tuple[Object, WideRecord]]:
    """Yield the cluster, at its first node; nothing without nodes."""
    if not context.nodes:
        return
    first = context.nodes[0].object
    sizes = [held.value.allocatable_bytes for held in context.nodes]
    known = [size for size in sizes if size is not None]
    complete = len(known) == len(sizes) and ("Node", "") not in context.unread
    bounded = [member for member in members if member.bounded]
    facts = ClusterFacts(
        nodes_total=len(sizes),
        allocatable_bytes=capped(sum(known)) if complete else None,
        largest_node_bytes=max(known) if complete else None,
        request_bytes=total_bytes(members, "request_bytes"),
        limit_bytes=total_bytes(bounded, "limit_bytes"),
        unbounded_pods=capped(sum(m.replicas or 0 for m in members if m.known and not m.bounded)),
        not_counted=not_counted(members),
        quota_bytes=_quota_total(context),
        without_largest_bytes=capped(sum(known) - max(known)) if complete else None,
        complete=context.complete,
    )
    yield first, WideRecord("cluster", ((Subject("cluster", "", None, ()), facts),))


def _quota_total(context: Context) -> int:
    """Return the sum of what namespaces may request: of each its smallest bound that covers every pod."""
    total = 0
    for some in context.quotas.values():
        plain = [held.value for held in some if not held.value.scopes and not held.value.selector]
        bounds = [bound for quota in plain if (bound := request_bound_bytes(quota)) is not None]
        total += min(bounds, default=0)
    return capped(total)
