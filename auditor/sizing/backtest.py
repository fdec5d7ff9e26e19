"""The back-test: a profile sizes each container by the first part of its days and is judged on the rest."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

import msgspec

from auditor.sizing.model import Profile, SizingInput
from auditor.sizing.program import Sizer
from auditor.sizing.recommend import recommend
from auditor.usage.model import UsageDay, UsageFacts

CURRENT = "current"
"""The row of what was really set on the days that are judged, for comparison."""

FIT_RATIO = 0.5
"""The share of a window's days that a profile sees; of two weeks the first one, so that it may lower values."""

FactsOf = Callable[[Sequence[UsageDay], date, int], UsageFacts | None]
"""Makes the facts of some rows over a window of so many days that ends at a day."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a profile would have done."""

    profile: str
    """Its id, or `current` for what was set in fact."""
    containers: int
    """Containers that were sized and judged."""
    unsized: int
    """Containers that could not be: too few days, or nothing recommended."""
    pod_days: int
    """Pod-days that were judged: with a known peak and a known request."""
    oom_pod_days: int
    """Of these, those whose peak was above the limit."""
    over_request_pod_days: int
    """Of these, those whose peak was above the request: first in line for eviction."""
    slack_bytes: int | None
    """Request minus mean use, at least 0, on an average pod-day; None when no day was judged."""
    slack_ratio: float | None
    """The share of all requested memory that was such slack, 0 to 1; None when nothing was requested."""


class _Tally(msgspec.Struct):
    """Sums while judging."""

    containers: int = 0
    unsized: int = 0
    pod_days: int = 0
    over_limit: int = 0
    over_request: int = 0
    slack: int = 0
    requested: int = 0

    def judge(self, row: UsageDay, request: int | None, limit: int | None) -> None:
        """Count one pod-day; one without a peak or a request says nothing."""
        if row.max_bytes is None or request is None:
            return
        self.pod_days += 1
        self.over_limit += bool(limit) and row.max_bytes > (limit or 0)
        self.over_request += row.max_bytes > request
        mean = row.max_bytes if row.mean_bytes is None else row.mean_bytes
        self.slack += max(0, request - mean)
        self.requested += request

    def outcome(self, profile: str) -> Outcome:
        """Return the sums as a result."""
        return Outcome(
            profile=profile,
            containers=self.containers,
            unsized=self.unsized,
            pod_days=self.pod_days,
            oom_pod_days=self.over_limit,
            over_request_pod_days=self.over_request,
            slack_bytes=self.slack // self.pod_days if self.pod_days else None,
            slack_ratio=self.slack / self.requested if self.requested else None,
        )


def backtest(
    items: Iterable[SizingInput], profiles: Iterable[Profile], facts_of: FactsOf, *, fit_ratio: float = FIT_RATIO
) -> tuple[Outcome, ...]:
    """Return how each profile would have done, after a row of what was really set; all rules of sizing hold.

    Every container is judged on the same days by each. Its current values are those of the last day that the profile
    sees, so that nothing is known of what came later.
    """
    sizers = [Sizer(profile) for profile in profiles]
    tallies = {CURRENT: _Tally()} | {sizer.profile.id: _Tally() for sizer in sizers}
    for item in items:
        seen, judged = split_days(item.days, fit_ratio)
        past = _past(item, seen, facts_of) if judged else None
        if past is None:
            for tally in tallies.values():
                tally.unsized += 1
            continue
        tallies[CURRENT].containers += 1
        for row in judged:
            known = row.request_bytes is not None or row.limit_bytes is not None
            tallies[CURRENT].judge(row, *_set_then(row if known else item))
        for sizer in sizers:
            _judge(tallies[sizer.profile.id], past, sizer, judged)
    return tuple(tally.outcome(name) for name, tally in tallies.items())


def _set_then(holder: UsageDay | SizingInput) -> tuple[int | None, int | None]:
    """Return request and limit of a day, or of the manifest where history has neither; a limit alone is both."""
    return holder.limit_bytes if holder.request_bytes is None else holder.request_bytes, holder.limit_bytes


def _judge(tally: _Tally, past: SizingInput, sizer: Sizer, judged: Sequence[UsageDay]) -> None:
    found = recommend(past, sizer)
    if not found.sized:
        tally.unsized += 1
        return
    tally.containers += 1
    for row in judged:
        tally.judge(row, found.recommended_request_bytes, found.recommended_limit_bytes)


def split_days(rows: Sequence[UsageDay], fit_ratio: float) -> tuple[list[UsageDay], list[UsageDay]]:
    """Return the rows of the first part of the window, from its first to its last day, and those of the rest."""
    if not rows:
        return [], []
    first, last = min(row.day for row in rows), max(row.day for row in rows)
    days = (last - first).days + 1
    end = first + timedelta(days=round(days * fit_ratio))
    return [row for row in rows if row.day < end], [row for row in rows if row.day >= end]


def _past(item: SizingInput, seen: Sequence[UsageDay], facts_of: FactsOf) -> SizingInput | None:
    """Return the container as it was at the end of the first part; None without facts."""
    if not seen:
        return None
    first, last = min(row.day for row in seen), max(row.day for row in seen)
    usage = facts_of(seen, last, (last - first).days + 1)
    if usage is None:
        return None
    latest = [row for row in seen if row.day == last]
    request = max((row.request_bytes for row in latest if row.request_bytes is not None), default=item.request_bytes)
    limit = max((row.limit_bytes for row in latest if row.limit_bytes is not None), default=item.limit_bytes)
    return msgspec.structs.replace(item, usage=usage, days=tuple(seen), request_bytes=request, limit_bytes=limit)
