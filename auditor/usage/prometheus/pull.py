"""The pull: what the table lacks is asked for, day by day, and each finished day is written at once."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.findings import Skipped
from auditor.usage.errors import UsageError
from auditor.usage.model import UsageDay
from auditor.usage.prometheus.client import Client
from auditor.usage.prometheus.collect import Block, Context, Kills
from auditor.usage.prometheus.kills import Suspects, add_times, day_before, tasks_for
from auditor.usage.prometheus.model import Days, Progress, PullConfig, PullResult, Shard
from auditor.usage.prometheus.owners import Owners, read
from auditor.usage.prometheus.parts import (
    DAY_SECONDS,
    KILLS,
    OWNER_RULE,
    OWNERS,
    RULED_OWNERS,
    WORKING_SET,
    Part,
    bundles,
    weight_of,
)
from auditor.usage.prometheus.plan import Task, blocks, days_for, runs, shards_for
from auditor.usage.prometheus.preflight import Found, look
from auditor.usage.prometheus.run import Outcome, Runner
from auditor.usage.prometheus.state import incomplete_days, set_incomplete_days

_USUAL_SECONDS = 60.0
"""What sizes are reckoned with where the scrape interval is not known."""


def days_to_have(config: PullConfig, now: datetime) -> Days:
    """Return the whole days of the window: the last one ended long enough ago."""
    last = (now.astimezone(UTC) - timedelta(seconds=config.settle_seconds)).date() - timedelta(days=1)
    return Days(last - timedelta(days=config.window_days - 1), last)


def pull(
    config: PullConfig,
    folder: Path,
    *,
    now: datetime,
    progress: Callable[[Progress], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> PullResult:
    """Ask a server for the days that a table lacks and write them; return what was done.

    `now` has a time zone. Raises UsageError when the server cannot be asked at all; what is written by then stays, and
    the next pull goes on from there.
    """
    from auditor.usage.table import days_present

    if config.window_days < 1 or config.workers < 1:
        raise UsageError("the window must be at least a day, and there must be at least one worker")
    if bool(config.cluster_label) != bool(config.cluster_value):
        raise UsageError("a cluster needs its label and its value, not one of them")
    started = time.monotonic()
    cluster = config.table_cluster
    again = incomplete_days(folder, cluster)
    present = days_present(folder, cluster)
    wanted = [day for day in days_to_have(config, now) if day not in present or day in again]
    client = Client(config, sleep=sleep)
    try:
        work = _Pull(config, folder, client, now=now, progress=progress, again=again)
        if wanted:
            work.run(wanted)
    finally:
        client.close()
    return work.result(wanted, time.monotonic() - started)


class _Pull:
    """One pull under way."""

    def __init__(  # noqa: PLR0913 - what one pull is given
        self,
        config: PullConfig,
        folder: Path,
        client: Client,
        *,
        now: datetime,
        progress: Callable[[Progress], None],
        again: set[date],
    ) -> None:
        self._config = config
        self._folder = folder
        self._client = client
        self._now = now
        self._progress = progress
        self._again = again
        self._found: Found | None = None
        self._written: set[date] = set()
        self._incomplete: set[date] = set()
        self._skipped: list[Skipped] = []
        self._notes: list[str] = []
        self._rows = 0
        self._containers: set[tuple[str, str, str]] = set()
        self._coverages: list[float] = []
        self._kills_lost: set[date] = set()
        self._dropped = 0
        self._not_asked = 0

    def run(self, wanted: Sequence[date]) -> None:
        """Ask for the wanted days and write them."""
        self._progress(Progress(done=0, total=0, step="what the server has"))
        found = self._found = look(self._client, self._config, Days(wanted[0], wanted[-1]))
        if found.first_day is None:
            if WORKING_SET in found.present:
                self._notes.append("no container has samples in the window")
            return
        asked = runs(day for day in wanted if day >= found.first_day)
        runner = Runner(self._client, found.server, self._config.workers, self._advance)
        owners, suspects = self._context(runner, found, asked)
        kills = self._kills(runner, found, suspects)
        context = Context(
            found=found,
            owners=owners,
            kills=kills,
            cluster=self._config.table_cluster,
            collected_at=self._now.astimezone(UTC),
        )
        self._days(runner, context, asked)
        self._notes += [f"the server says: {text}" for text in sorted(runner.warnings)]

    def _advance(self, done: int, total: int, words: str) -> None:
        self._progress(Progress(done=done, total=total, step=words))

    def _tasks(self, parts: tuple[Part, ...], days: Days, *, late: bool = False) -> list[Task]:
        """Return the requests for some expressions and days, each about as large as one may be."""
        shards, length, back_seconds = self._sizes(weight_of(parts))
        return [
            Task(parts=parts, shard=shard, days=block, late=late, back_seconds=back_seconds)
            for block in blocks(days, length)
            for shard in shards
        ]

    def _sizes(self, weight: float) -> tuple[list[Shard], int, int]:
        """Return shards, days of a request, and how far a counter's smallest value is looked for, in seconds."""
        found = self._found
        assert found is not None  # noqa: S101 - preflight comes first
        interval = found.interval_seconds or _USUAL_SECONDS
        per_day = DAY_SECONDS / interval
        most_samples = self._config.samples_per_request
        shards = shards_for(found.series, max(1, int(most_samples / (weight * per_day))))
        length = days_for(sum(found.series.values()), weight, per_day, most_samples) if len(shards) == 1 else 1
        return shards, length, DAY_SECONDS + round(interval)

    def _context(self, runner: Runner, found: Found, asked: Iterable[Days]) -> tuple[Owners, Suspects]:
        """Return whose the pods are, and which containers may have been killed."""
        ruled = "kube_pod_owner" not in found.present and OWNER_RULE in found.present
        owners = RULED_OWNERS if ruled else OWNERS
        tasks: list[tuple[int, Task]] = []
        for days in asked:
            tasks += [(0, task) for task in self._tasks(owners, days)]
            tasks += [(1, task) for task in self._tasks(KILLS, day_before(days), late=True)]
        series, suspects = [], Suspects({}, {}, {})
        for outcome in runner.run(tasks):
            if outcome.answer is None:
                self._lose(outcome, outcome.ask.days)
                if outcome.tag == 1:
                    self._kills_lost.update(outcome.ask.days)
            elif outcome.tag == 0:
                series += outcome.answer.series
            else:
                suspects.add(outcome.answer.series, found.server.kubernetes)
        return read(series, found.server.kubernetes), suspects

    def _kills(self, runner: Runner, found: Found, suspects: Suspects) -> Kills:
        """Return the kills of the window, each with its time where somebody tells it."""
        kills = Kills()
        kills.forget(self._kills_lost)
        for key, ordinal in suspects.first_dead():
            kills.add_dead(key, date.fromordinal(ordinal))
        untimed = suspects.untimed()
        for key in untimed:
            kills.forget_container(key)
        if untimed:
            self._notes.append(
                f"{len(untimed)} containers were killed, and no metric tells when: their kills stay unknown"
            )
        tasks = tasks_for(suspects.to_time(), found.interval_seconds)
        for outcome in runner.run((0, task) for task in tasks):
            if outcome.answer is None:
                kills.forget(outcome.ask.days)
                self._lose(outcome, outcome.ask.days)
            else:
                add_times(kills, outcome.answer.series, found.server.kubernetes)
        return kills

    def _days(self, runner: Runner, context: Context, asked: Sequence[Days]) -> None:
        """Ask for the numbers of the days, the newest first, and write each block of days when all of it is there."""
        server = context.found.server
        sizes = [(parts, *self._sizes(weight_of(parts))) for parts in bundles(server)]
        length = min(length for _, _, length, _ in sizes)
        spans = [span for days in reversed(asked) for span in blocks(days, length)]
        tasks = [
            (tag, Task(parts=parts, shard=shard, days=span, back_seconds=back_seconds))
            for tag, span in enumerate(spans)
            for parts, shards, _, back_seconds in sizes
            for shard in shards
        ]
        under_way: dict[int, Block] = {}
        lost: set[int] = set()
        for outcome in runner.run(tasks):
            block = under_way.setdefault(outcome.tag, Block(server))
            if outcome.answer is None:
                self._lose(outcome, outcome.ask.days)
                lost.add(outcome.tag)
            else:
                block.add(outcome.answer.series, outcome.ask.parts)
            if outcome.last:
                rows = block.rows(context, set(spans[outcome.tag]), is_complete=outcome.tag not in lost)
                self._write(rows, spans[outcome.tag])
                self._dropped += block.dropped
                del under_way[outcome.tag]

    def _lose(self, outcome: Outcome[Any], days: Iterable[date]) -> None:
        """Note what could not be had, and that the days of it must be asked for again."""
        self._incomplete.update(days)
        if outcome.error:
            reason = f"{outcome.ask.words()}: {outcome.error}"
            self._skipped.append(Skipped(self._client.shown, None, None, reason))
        else:
            self._not_asked += 1

    def _write(self, rows: Sequence[UsageDay], days: Days) -> None:
        """Write the rows of finished days; before that, note those of them that hold less than was asked for."""
        from auditor.usage.table import write_days

        again = self._again.difference(days) | self._incomplete.intersection(days)
        if again - self._again:
            self._remember(again | self._again)
        if rows:
            self._skipped += write_days(self._folder, rows).skipped
        self._remember(again)
        self._written.update(row.day for row in rows)
        self._rows += len(rows)
        self._containers.update((row.namespace, row.pod, row.container) for row in rows)
        self._coverages += [row.coverage for row in rows if row.coverage is not None]

    def _remember(self, again: set[date]) -> None:
        if again != self._again:
            set_incomplete_days(self._folder, self._config.table_cluster, again)
            self._again = again

    def result(self, wanted: Sequence[date], seconds: float) -> PullResult:
        """Return what was done."""
        found = self._found
        notes = [*(found.notes if found else ()), *self._notes]
        if self._dropped:
            notes.append(f"{self._dropped} values are no amounts of memory and were left out")
        skipped = [*self._skipped]
        if self._not_asked:
            reason = f"{self._not_asked} questions were not asked any more: nothing but failures"
            skipped.append(Skipped(self._client.shown, None, None, reason))
        return PullResult(
            cluster=self._config.table_cluster,
            days_wanted=tuple(wanted),
            days_written=tuple(sorted(self._written)),
            days_empty=tuple(day for day in wanted if day not in self._written | self._incomplete),
            days_incomplete=tuple(day for day in wanted if day in self._incomplete),
            rows=self._rows,
            containers=len(self._containers),
            requests=self._client.requests,
            received_bytes=self._client.received_bytes,
            seconds=seconds,
            interval_seconds=found.interval_seconds if found else None,
            coverage_ratio=sum(self._coverages) / len(self._coverages) if self._coverages else None,
            missing=found.missing if found else (),
            notes=tuple(notes),
            skipped=tuple(skipped),
        )
