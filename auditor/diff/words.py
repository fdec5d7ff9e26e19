"""The one sentence that a reviewer wants."""

from collections.abc import Sequence

from auditor.diff.model import ADDED, REMOVED, Amounts, Memory, WorkloadChange
from auditor.findings import WorkloadRef

_UNITS = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_NAMED = 3


def size_words(value: int) -> str:
    """Return bytes for a sentence, with one decimal at most: `3.2 GiB`, `512 MiB`, `100 bytes`."""
    for unit, size in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{value} bytes"


def sentence(memory: Memory) -> str:
    """Return what a change does to memory: requests first, then limits, bounds, QoS classes and what is not known."""
    delta = memory.delta
    parts = [*_amounts(delta), *_bounds(delta), *_moves(memory.workloads), *_comings(memory.workloads)]
    whole = f"This change {_joined(parts)}" if parts else _quiet(memory)
    return f"{whole}{_unknown(memory)}."


def _quiet(memory: Memory) -> str:
    if memory.workloads:
        return "This change leaves the sums of memory as they are"
    return "This change does not change the memory of any workload"


def _amounts(delta: Amounts) -> list[str]:
    parts = []
    if delta.request_bytes or delta.request_max_bytes:
        words = f"requests {_more(delta.request_bytes, 'memory')}" if delta.request_bytes else "requests as much memory"
        if delta.request_max_bytes != delta.request_bytes:
            words += f" ({_more(delta.request_max_bytes)} with autoscalers at their upper bound)"
        parts.append(words)
    if delta.limit_bytes and delta.limit_bytes != delta.request_bytes:
        verb = "raises" if delta.limit_bytes > 0 else "lowers"
        parts.append(f"{verb} limits by {size_words(abs(delta.limit_bytes))}")
    if delta.tmpfs_bytes:
        parts.append(f"gives memory volumes {_more(delta.tmpfs_bytes)}")
    return parts


def _more(value: int, what: str = "") -> str:
    words = f"{size_words(abs(value))} {'more' if value > 0 else 'less'}" if value else "as much"
    return f"{words} {what}".rstrip()


def _bounds(delta: Amounts) -> list[str]:
    pods = delta.unbounded_pods
    if not pods:
        return []
    number = f"{abs(pods)} {'pod' if abs(pods) == 1 else 'pods'}"
    return [f"leaves {number} more without a bound" if pods > 0 else f"leaves {number} fewer without a bound"]


def _moves(changes: Sequence[WorkloadChange]) -> list[str]:
    """Return which workloads change their QoS class, some by name."""
    moved = [
        (change.workload, change.before.qos_class, change.after.qos_class)
        for change in changes
        if change.before and change.after and change.before.qos_class != change.after.qos_class
    ]
    named = [f"moves {short(ref)} from {old or 'an unknown class'} to {new or 'one'}" for ref, old, new in moved]
    more = len(named) - _NAMED
    if more > 0:
        return [*named[:_NAMED], f"changes the QoS class of {more} more {'workload' if more == 1 else 'workloads'}"]
    return named


def _comings(changes: Sequence[WorkloadChange]) -> list[str]:
    parts = []
    for change, verb in ((ADDED, "adds"), (REMOVED, "removes")):
        some = [item.workload for item in changes if item.change == change]
        if some:
            parts.append(f"{verb} {short(some[0]) if len(some) == 1 else f'{len(some)} workloads'}")
    return parts


def _unknown(memory: Memory) -> str:
    """Return which changed workloads the sums leave out."""
    changed = {change.workload for change in memory.workloads}
    left = list(dict.fromkeys(item.workload for item in memory.unknown if item.workload in changed))
    if not left:
        return ""
    named = ", ".join(f"{ref.kind} {short(ref)}" for ref in left[:_NAMED])
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    return f"; not counted, because it is not known: {named}{more}"


def short(ref: WorkloadRef) -> str:
    """Return `payments/api`; without the namespace when nobody says it."""
    name = ref.name or f"a {ref.kind} without a name"
    return name if ref.namespace is None else f"{ref.namespace}/{name}"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
