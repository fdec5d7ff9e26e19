"""History from a node's own cgroup tree: sampled once, or again and again for a time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from auditor.usage.errors import UsageError
from auditor.usage.imports.cgroup_names import Names
from auditor.usage.imports.cgroup_tree import ContainerGroup, Reading, container_groups, memory_root, read_group
from auditor.usage.imports.model import ImportOptions, ImportResult
from auditor.usage.imports.samples import UNKNOWN_NAMESPACE, Extra, Samples, Series

_PEAK_SHARE = 1.2


class Sampler:
    """Samples a cgroup tree. A context, as it may hold temporary files."""

    def __init__(self, root: Path, options: ImportOptions, names: Callable[[], Names] = Names) -> None:
        """Open a tree; `names` is asked at each sample. Raises UsageError for a folder that accounts no memory."""
        found = memory_root(root)
        if found is None:
            raise UsageError(f"{root}: is no cgroup tree that accounts memory: neither cgroup.controllers nor memory/")
        self._root, self._version = found
        self._names = names
        self._samples = Samples("cgroup", options)
        self._samples.begin(root.as_posix())
        self._rounds = 0
        self._pauses: set[str] = set()
        self._last: dict[int, tuple[str, Reading]] = {}
        self._largest: dict[str, int] = {}
        self._peaks: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._samples.__exit__()

    def sample(self, at: datetime) -> int:
        """Take a sample of every container and return how many there are."""
        self._rounds += 1
        self._samples.advance(at)
        names = self._names()
        count = 0
        for group in container_groups(self._root):
            name = names.of(group.pod_uid, group.container_id)
            if name is None:
                self._pauses.add(group.container_id)
                continue
            reading = read_group(group.path, self._version)
            if reading is not None:
                count += self._take(group, reading, name, at)
        return count

    def result(self) -> ImportResult:
        """Return the rows of all samples so far."""
        result = self._samples.result()
        notes = list(result.notes)
        if not result.rows:
            notes.append(f"no containers of pods below {self._root}: no folder kubepods or kubepods.slice, or no pod")
        if self._pauses:
            notes.append(f"{len(self._pauses)} pause containers left out")
        missed = sum(peak > self._largest[path] * _PEAK_SHARE for path, peak in self._peaks.items())
        if missed:
            notes.append(
                f"{missed} containers once used over 20 % more, cache included, than in any of these samples: "
                "longer or denser sampling would see it"
            )
        if any(row.namespace == UNKNOWN_NAMESPACE for row in result.rows):
            notes.append(
                "pods without names are told by uid in a namespace `_`, containers by id: --logs and --crictl help"
            )
        return ImportResult(result.rows, result.skipped, tuple(notes))

    def _take(self, group: ContainerGroup, reading: Reading, name: tuple[str, str, str], at: datetime) -> bool:
        series = self._samples.series(None, Series(self._samples.options.cluster, *name))
        if series is None:
            return False
        self._largest[group.path] = max(self._largest.get(group.path, 0), reading.usage_bytes)
        if reading.peak_bytes is not None:
            self._peaks[group.path] = reading.peak_bytes
        extra = Extra(
            rss_bytes=reading.rss_bytes,
            cache_bytes=reading.cache_bytes,
            swap_bytes=reading.swap_bytes,
            limit_bytes=reading.limit_bytes,
            pressure_ratio=reading.pressure_ratio,
            oom_kills=self._new_kills(series, group, reading),
            restarts=self._new_start(series, group),
        )
        self._last[series] = (group.container_id, reading)
        self._samples.add(self._rounds, round(at.timestamp() * 1000), series, reading.working_set_bytes, extra)
        return True

    def _new_kills(self, series: int, group: ContainerGroup, reading: Reading) -> int | None:
        """Return OOM kills since the sample before; None for none, as a cgroup that goes takes its count along."""
        last = self._last.get(series)
        if last is None or last[0] != group.container_id or reading.oom_kills is None:
            return None
        return max(0, reading.oom_kills - (last[1].oom_kills or 0)) or None

    def _new_start(self, series: int, group: ContainerGroup) -> int | None:
        last = self._last.get(series)
        return 1 if last is not None and last[0] != group.container_id else None


def sample_for(
    sampler: Sampler,
    duration: timedelta,
    every: timedelta,
    clock: Callable[[], datetime],
    wait: Callable[[float], bool],
) -> int:
    """Sample until the duration is over and return how many rounds there were.

    `wait` sleeps for seconds and returns whether to stop. A round that takes longer than the interval leaves out what
    it missed.
    """
    begin = clock()
    rounds = 0
    while True:
        sampler.sample(clock())
        rounds += 1
        now = clock()
        next_at = begin + ((now - begin) // every + 1) * every
        if next_at > begin + duration or wait((next_at - now).total_seconds()):
            return rounds
