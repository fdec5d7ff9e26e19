"""How questions are cut into requests that a server can bear.

Every number of a day is asked as a range query with a step of one day. Several expressions travel in one request,
joined with `or` and told apart by a label. Days are evaluated a millisecond before their end, since windows include
their left edge in Prometheus 2 and exclude it in Prometheus 3.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from auditor.usage.prometheus.model import Days, Shard
from auditor.usage.prometheus.parts import DAY_SECONDS, ENDINGS, LATE_SECONDS, Part, Server, part_text, told_apart

_FEW_ENDINGS = 5
"""So few classes of pods are not halved again: a namespace of that size is not what is too much."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One request to be: some expressions, for a part of the cluster, for some days."""

    parts: tuple[Part, ...]
    """Its expressions."""
    shard: Shard
    """Whose."""
    days: Days
    """Which days."""
    late: bool = False
    """Whether each day is evaluated `LATE_SECONDS` after its end."""
    back_seconds: int = DAY_SECONDS + 60
    """How far a counter's smallest value is looked for: the day and one scrape interval."""

    def query(self, server: Server) -> str:
        """Return its PromQL."""
        told = []
        for part in self.parts:
            text = part_text(part, server, self.shard, back_seconds=self.back_seconds)
            told.append(told_apart(text, part.stat))
        return " or ".join(told)

    def times(self) -> tuple[float, float, int]:
        """Return start, end and step in seconds."""
        first, last = (evaluated_at(day, late=self.late) for day in (self.days.first, self.days.last))
        return first, last, DAY_SECONDS

    def halves(self) -> "tuple[Task, ...]":
        """Return two tasks that together ask the same, or none when it cannot be made smaller.

        Expressions are parted first: when one of them is what fails, the others are soon out of it.
        """
        if len(self.parts) > 1:
            half = len(self.parts) // 2
            return tuple(msgspec.structs.replace(self, parts=parts) for parts in (self.parts[:half], self.parts[half:]))
        if len(self.days) > 1:
            middle = self.days.first + timedelta(days=len(self.days) // 2 - 1)
            newer = Days(middle + timedelta(days=1), self.days.last)
            return tuple(msgspec.structs.replace(self, days=days) for days in (newer, Days(self.days.first, middle)))
        return tuple(msgspec.structs.replace(self, shard=shard) for shard in _halved(self.shard, self.parts))

    def words(self) -> str:
        """Return what it asks for, in words."""
        days = f"{self.days.first}" if len(self.days) == 1 else f"{self.days.first} to {self.days.last}"
        names = list(self.shard.names)
        where = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        where = where or "namespaces that were not counted"
        some = f", pods that end in {self.shard.endings}" if self.shard.endings else ""
        return f"{days}: {', '.join(part.stat for part in self.parts)} of {where}{some}"


def midnight(day: date) -> float:
    """Return the first moment of a day in UTC, in seconds since 1970."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def evaluated_at(day: date, *, late: bool = False) -> float:
    """Return when a day is evaluated, in seconds since 1970: a millisecond before its end, or later."""
    return midnight(day) + DAY_SECONDS - 0.001 + (LATE_SECONDS if late else 0)


def day_of(seconds: float, *, late: bool = False) -> date:
    """Return the day that an evaluation at that time speaks of."""
    return datetime.fromtimestamp(seconds - (LATE_SECONDS if late else 0), UTC).date()


def runs(days: Iterable[date]) -> list[Days]:
    """Return the consecutive runs of some days, in order."""
    found: list[Days] = []
    for day in sorted(set(days)):
        if found and found[-1].last + timedelta(days=1) == day:
            found[-1] = Days(found[-1].first, day)
        else:
            found.append(Days(day, day))
    return found


def blocks(days: Days, length: int) -> list[Days]:
    """Return a run cut into blocks of at most a length, the newest first."""
    found = []
    last = days.last
    while last >= days.first:
        first = max(days.first, last - timedelta(days=length - 1))
        found.append(Days(first, last))
        last = first - timedelta(days=1)
    return found


def shards_for(series: Mapping[str, int], most_series: int) -> list[Shard]:
    """Return shards of at most so many series where namespaces allow it; a namespace that is larger is cut by pods.

    `series` counts each namespace's series. The last shard also takes every namespace that is not counted.
    """
    groups: list[list[str]] = []
    cut: list[Shard] = []
    size = most_series
    for name, count in sorted(series.items(), key=lambda item: (-item[1], item[0])):
        if count > most_series:
            pieces = min(len(ENDINGS), -(-count // most_series))
            cut += [Shard(names=(name,), endings=ENDINGS[i::pieces]) for i in range(pieces)]
        elif size + count > most_series:
            groups.append([name])
            size = count
        else:
            groups[-1].append(name)
            size += count
    named = [Shard(names=tuple(group)) for group in groups]
    rest = named.pop() if named else Shard(names=())
    away = tuple(sorted(set(series) - set(rest.names)))
    return [*cut, *named, Shard(names=rest.names, others=True, excluded=away)]


def days_for(series: int, weight: float, samples_per_day: float, most_samples: int) -> int:
    """Return how many days of so many series one request may ask for, at least 1."""
    return max(1, int(most_samples / max(1.0, series * weight * samples_per_day)))


def _halved(shard: Shard, parts: Sequence[Part]) -> tuple[Shard, ...]:
    half = len(shard.names) // 2
    if shard.others and shard.names:
        away = max(1, half)
        rest = msgspec.structs.replace(
            shard, names=shard.names[away:], excluded=tuple(sorted({*shard.excluded, *shard.names[:away]}))
        )
        return Shard(names=shard.names[:away], endings=shard.endings), rest
    if half:
        return tuple(msgspec.structs.replace(shard, names=names) for names in (shard.names[:half], shard.names[half:]))
    endings = shard.endings or ENDINGS
    if len(endings) <= _FEW_ENDINGS or any("$m" not in part.template for part in parts):
        return ()
    return tuple(msgspec.structs.replace(shard, endings=endings[i::2]) for i in range(2))
