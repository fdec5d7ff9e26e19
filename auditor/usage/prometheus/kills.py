"""OOM kills: which containers were killed on which days, then when exactly, so that each is counted once."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import msgspec

from auditor.usage.prometheus.answers import Series
from auditor.usage.prometheus.collect import Key, Kills
from auditor.usage.prometheus.model import Days, Shard
from auditor.usage.prometheus.parts import DAY_SECONDS, KILL_TIMES, LATE_SECONDS, STAT, Labels, Server, part_text
from auditor.usage.prometheus.plan import blocks, day_of, midnight, runs

_MOST_POINTS = 10_000
"""Under the 11,000 of Prometheus."""
_MOST_PODS = 200
_FEW_POINTS = 120
"""So few are not halved again."""


class Suspects(msgspec.Struct, frozen=True):
    """What the daily answers say of kills."""

    killed: dict[Key, set[int]] = {}
    """Container to the days (ordinals) that it was said to have been killed at its last end."""
    ended_at: dict[Key, dict[int, float]] = {}
    """Container to day to the time of its last end, in seconds since 1970."""
    dead: dict[Key, set[int]] = {}
    """Container to the days that it was said to be dead by a kill."""

    def add(self, found: Iterable[Series], labels: Labels) -> None:
        """Add the series of an answer to `KILLS`."""
        for series in found:
            metric = series.metric
            key = labels.key(metric)
            days = {day_of(seconds, late=True).toordinal(): text for seconds, text in series.values}
            match metric.get(STAT):
                case "killed":
                    self.killed.setdefault(key, set()).update(days)
                case "dead":
                    self.dead.setdefault(key, set()).update(days)
                case "killed_at":
                    self.ended_at.setdefault(key, {}).update({day: float(text) for day, text in days.items()})

    def to_time(self) -> dict[Key, set[int]]:
        """Return the containers that were killed and ended on a day, with these days: their ends must be looked at."""
        found: dict[Key, set[int]] = {}
        for key, killed in self.killed.items():
            ends = self.ended_at.get(key, {})
            recent = {day for day in killed if ends.get(day, 0) >= midnight(date.fromordinal(day))}
            if recent:
                found[key] = recent
        return found

    def untimed(self) -> list[Key]:
        """Return the killed containers whose time nobody tells: kube-state-metrics before 2.11 has none."""
        return [key for key in self.killed if key not in self.ended_at]

    def first_dead(self) -> list[tuple[Key, int]]:
        """Return the containers that died by a kill and stayed dead, with the first day (ordinal) that says so."""
        return [(key, min(days)) for key, days in self.dead.items() if key not in self.killed]


class KillTask(msgspec.Struct, frozen=True, kw_only=True):
    """One request for the times at which some pods' containers were killed."""

    pods: tuple[tuple[str, str], ...]
    """Namespace and pod."""
    start: float
    """The first moment to look at, in seconds since 1970."""
    end: float
    """The last one."""
    step_seconds: int
    """How often to look."""

    @property
    def days(self) -> Days:
        """Return the days that it speaks of."""
        return Days(day_of(self.start), day_of(max(self.start, self.end - LATE_SECONDS - 1)))

    def query(self, server: Server) -> str:
        """Return its PromQL."""
        shard = Shard(names=tuple(sorted({namespace for namespace, _ in self.pods})))
        return part_text(KILL_TIMES, server, shard, pods=sorted({pod for _, pod in self.pods}))

    def times(self) -> tuple[float, float, int]:
        """Return start, end and step in seconds."""
        return self.start, self.end, self.step_seconds

    def halves(self) -> "tuple[KillTask, ...]":
        """Return two tasks that together ask the same, or none when it cannot be made smaller."""
        steps = int((self.end - self.start) // self.step_seconds)
        if steps >= _FEW_POINTS:
            middle = self.start + steps // 2 * self.step_seconds
            newer = msgspec.structs.replace(self, start=middle)
            return newer, msgspec.structs.replace(self, end=middle - self.step_seconds)
        half = len(self.pods) // 2
        if not half:
            return ()
        return tuple(msgspec.structs.replace(self, pods=pods) for pods in (self.pods[:half], self.pods[half:]))

    def words(self) -> str:
        """Return what it asks for."""
        names = ", ".join(f"{namespace}/{pod}" for namespace, pod in self.pods[:3])
        more = f" and {len(self.pods) - 3} more" if len(self.pods) > 3 else ""
        return f"{self.days.first} to {self.days.last}: times of OOM kills of {names}{more}"


def tasks_for(suspects: dict[Key, set[int]], interval_seconds: float | None) -> list[KillTask]:
    """Return the requests that look at each suspect's days, a step no longer than a scrape interval."""
    step = int(min(300.0, max(60.0, interval_seconds or 60.0)))
    length = max(1, (_MOST_POINTS * step - LATE_SECONDS) // DAY_SECONDS)
    days = {day for found in suspects.values() for day in found}
    tasks = []
    for run in runs(date.fromordinal(day) for day in days):
        for block in blocks(run, length):
            inside = range(block.first.toordinal(), block.last.toordinal() + 1)
            pods = sorted({(key[0], key[1]) for key, found in suspects.items() if not found.isdisjoint(inside)})
            start, end = midnight(block.first), midnight(block.last) + DAY_SECONDS + LATE_SECONDS
            tasks += [
                KillTask(pods=tuple(pods[i : i + _MOST_PODS]), start=start, end=end, step_seconds=step)
                for i in range(0, len(pods), _MOST_PODS)
            ]
    return tasks


def add_times(kills: Kills, found: Sequence[Series], labels: Labels) -> None:
    """Add the distinct times of the answers' values."""
    for series in found:
        key = labels.key(series.metric)
        for _, text in series.values:
            kills.add_time(key, int(float(text)))


def day_before(days: Days) -> Days:
    """Return some days with the one before: what is dead then did not die in them."""
    return Days(days.first - timedelta(days=1), days.last)
