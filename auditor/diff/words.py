"""The one sentence that a reviewer wants."""

from collections.abc import Sequence

from auditor.diff.model import ADDED, REMOVED, Amounts, Memory, WorkloadChange
from auditor.findings import WorkloadRef

_UNITS = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_NAMED = 3
_NO_CLASS = "an unknown class"


def size_words(value: int) -> str:
    """Return bytes for a sentence, with one decimal at most: `3.2 GiB`, `512 MiB`, `100 bytes`."""
    for unit, size in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{value} bytes"


def sentence(memory: Memory) -> str:
    """Return what a change does to memory: requests first, then limits, bounds, QoS classes and what is not known."""
    delta = memory.delta
    parts = [*_amounts(delta, _limits(memory)), *_bounds(delta), *_moves(memory.workloads), *_comings(memory.workloads)]
    whole = f"This change {_joined(parts)}" if parts else _quiet(memory)
    return f"{whole}{_unknown(memory)}."


def _quiet(memory: Memory) -> str:
    if memory.workloads:
        return "This change leaves the sums of memory as they are"
    return "This change does not change the memory of any workload"


def _limits(memory: Memory) -> int:
    """Return how much limits change where there is one on both sides: to take one away lowers nothing."""
    flipped = (
        (change.before.total, change.after.total)
        for change in memory.workloads
        if change.before and change.after and change.before.bounded != change.after.bounded
    )
    return memory.delta.limit_bytes - sum(new.limit_bytes - old.limit_bytes for old, new in flipped if old and new)


def _amounts(delta: Amounts, limit_bytes: int) -> list[str]:
    parts = []
    if delta.request_bytes or delta.request_max_bytes:
        words = f"requests {_more(delta.request_bytes, 'memory')}"
        if not delta.request_bytes:
            words = "requests as much memory as before"
        if delta.request_max_bytes != delta.request_bytes:
            words += f" ({_more(delta.request_max_bytes)} with autoscalers at their upper bound)"
        parts.append(words)
    if limit_bytes and limit_bytes != delta.request_bytes:
        parts.append(f"{'raises' if limit_bytes > 0 else 'lowers'} limits by {size_words(abs(limit_bytes))}")
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
    words = f"{abs(pods)} {'more' if pods > 0 else 'fewer'} {'pod' if abs(pods) == 1 else 'pods'}"
    return [f"leaves {words} without a memory bound"]


def _moves(changes: Sequence[WorkloadChange]) -> list[str]:
    """Return which workloads change their QoS class, some by name."""
    moved = [
        (change.workload, change.before.qos_class, change.after.qos_class)
        for change in changes
        if change.before and change.after and change.before.qos_class != change.after.qos_class
    ]
    named = [f"moves {short(ref)} from {old or _NO_CLASS} to {new or _NO_CLASS}" for ref, old, new in moved]
    more = len(named) - _NAMED
    if more > 0:
        return [*named[:_NAMED], f"changes the QoS class of {more} more {'workload' if more == 1 else 'workloads'}"]
    return named


def _comings(changes: Sequence[WorkloadChange]) -> list[str]:
    came, went = ([item.workload for item in changes if item.change == change] for change in (ADDED, REMOVED))
    # A Deployment that becomes a StatefulSet would else be added and removed.
    one_name = bool({short(ref) for ref in came} & {short(ref) for ref in went})
    return [
        f"{verb} {_one(some[0], with_kind=one_name)}" if len(some) == 1 else f"{verb} {len(some)} workloads"
        for verb, some in (("adds", came), ("removes", went))
        if some
    ]


def _unknown(memory: Memory) -> str:
    """Return which changed workloads the sums leave out, with what one pod of them requests where that is known."""
    changed = {change.workload: change for change in memory.workloads}
    left = list(dict.fromkeys(item.workload for item in memory.unknown if item.workload in changed))
    if not left:
        return ""
    named = ", ".join(f"{_one(ref, with_kind=True)}{_each(changed[ref])}" for ref in left[:_NAMED])
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    return f"; not in the sums: {named}{more}"


def _each(change: WorkloadChange) -> str:
    """Return what one pod requests more or less: of a DaemonSet nobody knows how many there are."""
    before, after = (None if side is None else side.request_bytes for side in (change.before, change.after))
    if change.change == ADDED and after is not None:
        return f" (requests {size_words(after)} a pod)"
    if change.change == REMOVED and before is not None:
        return f" (requested {size_words(before)} a pod)"
    if before is None or after is None or before == after:
        return ""
    return f" (requests {_more(after - before)} a pod)"


def _one(ref: WorkloadRef, *, with_kind: bool) -> str:
    return f"{ref.kind} {short(ref)}" if with_kind else short(ref)


def short(ref: WorkloadRef) -> str:
    """Return `payments/api`; without the namespace when nobody says it."""
    name = ref.name or f"a {ref.kind} without a name"
    return name if ref.namespace is None else f"{ref.namespace}/{name}"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
