"""The rules between a profile's numbers and a recommendation.

In this order: rounded up to MiB; never lowered without a full week of coverage; never under what the runtime's heap
flags need; the request never above the limit, which is raised then.
"""

from collections.abc import Sequence

import msgspec

from auditor.facts.model import HeapFacts
from auditor.kube.humane import format_bytes, percent_text
from auditor.sizing.model import GIB, MIB, Recommendation, SizingInput
from auditor.sizing.program import Sizer, Wanted
from auditor.usage.model import UsageDay, UsageFacts

WEEK_DAYS = 7
"""So many days with samples, and as much coverage, allow a value to be lowered."""

MISSED_SHARE = 0.05
"""So much of that week may be missing: scrapes that a busy network lost are no gap in history."""

HEAP_SHARE = {"jvm": 0.8, "nodejs": 0.8, "go": 0.95}
"""The share of the limit that a declared heap may take, as the policies jvm-heap-headroom-low, node-heap-headroom-low
and go-memory-limit-headroom-low have it. For other runtimes the limit must be above what they were told."""

PINNED_RATIO = 0.05
"""At the limit for more of the time than this, history does not tell the true need (policy memory-limit-pinned)."""

HOURS_A_MONTH = 730


class _Values(msgspec.Struct):
    """The two numbers on their way through the rules, and what happened to them."""

    request: int
    limit: int | None
    reasons: list[str]
    floor_applied: bool = False


def recommend(item: SizingInput, sizer: Sizer, *, price_per_gib_hour: float | None = None) -> Recommendation:
    """Return what a profile recommends for one container; a container without history gets nothing and is told so."""
    wanted = _refusal(item) or sizer.wanted(item)
    usage = item.usage
    if isinstance(wanted, str) or usage is None:
        return _unsized(item, sizer, str(wanted))
    if item.limit_bytes == 0 and (wanted.limit_bytes is None or not week_covered(usage)):
        reason = "the limit is written as 0: no limit, yet Kubernetes refuses a request above it; remove it first"
        return _unsized(item, sizer, reason)
    values = _started(item, wanted)
    if not week_covered(usage):
        _keep(values, item, usage)
    _raise_to_floors(values, item.heap)
    if values.limit is not None and values.request > values.limit:
        values.reasons.append(f"limit raised to the request, {format_bytes(values.request)}")
        values.limit = values.request
    values.reasons.extend(_warnings(usage))
    return _sized(item, sizer, values, price_per_gib_hour)


def _started(item: SizingInput, wanted: Wanted) -> _Values:
    request = round_up(wanted.request_bytes)
    if wanted.limit_bytes is not None:
        return _Values(request, round_up(wanted.limit_bytes), [])
    left = "sets no limit" if item.limit_bytes is None else "leaves the limit alone"
    return _Values(request, item.limit_bytes, [f"the profile {left}"])


def _refusal(item: SizingInput) -> str | None:
    if item.container_type == "ephemeral":
        return "an ephemeral container takes no resources"
    return None


def round_up(size: int) -> int:
    """Return the bytes rounded up to whole MiB."""
    return -(-size // MIB) * MIB


def limit_floor(heap: HeapFacts | None) -> int | None:
    """Return the least limit, in whole MiB, that holds the heap that was declared; None where no fixed size was.

    A heap that is a percentage of the limit follows it, and sets no floor.
    """
    if heap is None or heap.max_bytes is None or heap.percent is not None or not heap.declared:
        return None
    share = HEAP_SHARE.get(heap.runtime)
    return round_up(heap.max_bytes + 1 if share is None else -int(-heap.max_bytes / share // 1))


def week_covered(usage: UsageFacts) -> bool:
    """Return whether history covers a week: seven days with samples, and the samples of nearly seven whole days."""
    return usage.days >= WEEK_DAYS and covered_days(usage) >= WEEK_DAYS * (1 - MISSED_SHARE)


def covered_days(usage: UsageFacts) -> float:
    """Return how many whole days the samples of the window make."""
    return usage.coverage_ratio * usage.window_days


def _raise_to_floors(values: _Values, heap: HeapFacts | None) -> None:
    if heap is None:
        return
    if heap.initial_bytes is not None and values.request < heap.initial_bytes:
        values.request = round_up(heap.initial_bytes)
        values.floor_applied = True
        values.reasons.append(f"request raised to the heap at start, {format_bytes(heap.initial_bytes)}")
    floor = limit_floor(heap)
    if floor is not None and values.limit is not None and values.limit < floor:
        values.limit = floor
        values.floor_applied = True
        values.reasons.append(f"limit raised to {format_bytes(floor)}, which {heap.flag or 'the heap'} needs")


def _keep(values: _Values, item: SizingInput, usage: UsageFacts) -> None:
    """Keep what would be lowered: a limit where there was none is lower than none."""
    why = f"{covered_days(usage):.1f} days of coverage, lowering takes {WEEK_DAYS}"
    if item.request_bytes is not None and values.request < item.request_bytes:
        values.reasons.append(f"request kept, though the profile gives {format_bytes(values.request)}: {why}")
        values.request = item.request_bytes
    if values.limit is None:
        return
    if item.limit_bytes is None:
        values.reasons.append(f"no limit set, though the profile gives {format_bytes(values.limit)}: {why}")
        values.limit = None
    elif values.limit < item.limit_bytes:
        values.reasons.append(f"limit kept, though the profile gives {format_bytes(values.limit)}: {why}")
        values.limit = item.limit_bytes


def _warnings(usage: UsageFacts) -> list[str]:
    found = []
    if usage.oom_kills:
        at = "" if usage.oom_limit_bytes is None else f" at {format_bytes(usage.oom_limit_bytes)}"
        days = f", last on {usage.oom_days[-1]}" if usage.oom_days else ""
        found.append(f"{usage.oom_kills} OOM {'kill' if usage.oom_kills == 1 else 'kills'}{days}{at}")
    if usage.near_limit_ratio is not None and usage.near_limit_ratio > PINNED_RATIO:
        share = percent_text(usage.near_limit_ratio)
        found.append(f"at its limit for at least {share} of the time: the true need is not known")
    return found


def _unsized(item: SizingInput, sizer: Sizer, reason: str) -> Recommendation:
    usage = item.usage
    return Recommendation(
        cluster=item.cluster,
        namespace=item.namespace,
        kind=item.kind,
        name=item.name,
        container=item.container,
        container_type=item.container_type,
        replicas=item.replicas,
        profile=sizer.profile.id,
        request_bytes=item.request_bytes,
        limit_bytes=item.limit_bytes,
        recommended_request_bytes=None,
        recommended_limit_bytes=None,
        reasons=(reason,),
        days=None if usage is None else usage.days,
        coverage_ratio=None if usage is None else usage.coverage_ratio,
        floor_bytes=limit_floor(item.heap),
        floor_applied=False,
        pod_days=_pod_days(item.days),
        request_over_pod_days=None,
        limit_over_pod_days=None,
        request_difference_bytes=None,
        limit_difference_bytes=None,
        monthly_cost_difference=None,
    )


def _sized(item: SizingInput, sizer: Sizer, values: _Values, price: float | None) -> Recommendation:
    difference = limit_difference = cost = None
    if item.replicas is not None:
        difference = (values.request - (item.request_bytes or 0)) * item.replicas
        # What an init container requests is not reserved beside what runs after it: no money.
        cost = None if item.container_type == "init" else monthly_cost(difference, price)
        if values.limit and item.limit_bytes:
            limit_difference = (values.limit - item.limit_bytes) * item.replicas
    return msgspec.structs.replace(
        _unsized(item, sizer, ""),
        recommended_request_bytes=values.request,
        recommended_limit_bytes=values.limit,
        reasons=tuple(values.reasons),
        floor_applied=values.floor_applied,
        request_over_pod_days=pod_days_over(item.days, values.request),
        limit_over_pod_days=None if values.limit is None else pod_days_over(item.days, values.limit),
        request_difference_bytes=difference,
        limit_difference_bytes=limit_difference,
        monthly_cost_difference=cost,
    )


def _pod_days(rows: Sequence[UsageDay]) -> int | None:
    return sum(row.max_bytes is not None for row in rows) or None


def pod_days_over(rows: Sequence[UsageDay], size: int) -> int | None:
    """Return how many pod-days had a peak above so many bytes; None when no row has a peak."""
    peaks = [row.max_bytes for row in rows if row.max_bytes is not None]
    return sum(peak > size for peak in peaks) if peaks else None


def monthly_cost(size: int, price_per_gib_hour: float | None) -> float | None:
    """Return what so many bytes cost in a month of 730 hours; None without a price."""
    return None if price_per_gib_hour is None else size / GIB * price_per_gib_hour * HOURS_A_MONTH
