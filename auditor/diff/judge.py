"""Judging both sides: what is the same on both is judged once.

A file's findings depend on its text and on the context of its cluster. Where the files that may hold context are the
same on both sides, a file with the same content is judged once; where one differs, all files are judged on each side.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import msgspec

from auditor.api import judge_entries
from auditor.assembly import assemble
from auditor.diff.memory import RENDERED, Identity, Workload, counted, identity_of, workload_of
from auditor.diff.model import SNAPSHOT, Side
from auditor.diff.rendered import rendering_of
from auditor.diff.rules import Judgement
from auditor.diff.sides import Sides, Tree
from auditor.findings import Report, Skipped
from auditor.options import Options, usable_cores
from auditor.plan import Besides, Judged
from auditor.records import NOTHING_PACKED, Records
from auditor.sources.cluster.snapshot import load
from auditor.sources.inputs import find_inputs
from auditor.sources.model import InputFile
from auditor.sources.read import file_bytes, may_hold_context
from auditor.workers import Progress, Task, apart, judge_around, judge_in, silent, with_contexts

Key = tuple[int, str, str]
"""Which PATH a file is below, its name in reports, and the chart or kustomization that it was rendered from."""

_CHUNK_BYTES = 1 << 24
"""So much is judged before the facts of its workloads are reduced to their memory."""


@dataclass(frozen=True, slots=True)
class Result:
    """One side, judged."""

    side: Side
    files: Mapping[Key, InputFile]
    digests: Mapping[Key, bytes]
    """Of each file's content."""
    report: Report
    workloads: tuple[Workload, ...]
    owners: Mapping[str, tuple[Identity, str]]
    """Fingerprint to the object and the folder that it is made of."""


@dataclass(frozen=True, slots=True)
class _Input:
    """One side's files, and which of them decide its context."""

    tree: Tree
    files: dict[Key, InputFile]
    digests: dict[Key, bytes]
    context: frozenset[tuple[Key, bytes]]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]

    @property
    def roots(self) -> int:
        """How many clusters there are."""
        return 1 + max((file.root for file in self.files.values()), default=0)


@dataclass(frozen=True, slots=True)
class _Part:
    """What some files of a side gave."""

    judged: list[Judged]
    workloads: list[Workload]
    owners: dict[str, tuple[Identity, str]]

    def take(self, judged: Judged, cluster: int, folder: str) -> None:
        """Add what the objects of a folder gave, their facts reduced to what is compared."""
        for record, member in zip(Records([judged.records or judged.packed]), judged.members, strict=True):
            self.workloads.append(workload_of(record, member, cluster, folder))
        for finding in judged.findings:
            self.owners[finding.fingerprint] = (identity_of(cluster, finding.workload), folder)
        self.judged.append(msgspec.structs.replace(judged, records=(), packed=NOTHING_PACKED))


def judge_both(
    sides: Sides, by: Judgement, options: Options, progress: Progress | None = None
) -> tuple[Result, Result]:
    """Return both sides, judged by one set of rules."""
    if SNAPSHOT in (sides.base.side.kind, sides.head.side.kind):
        base, head = (_alone(tree, sides, by, options, progress or silent) for tree in (sides.base, sides.head))
        return base, head
    return _both(sides, by, options, progress)


def _alone(tree: Tree, sides: Sides, by: Judgement, options: Options, progress: Progress) -> Result:
    """Judge a side by itself: a snapshot, or what is compared with one."""
    rules = by if tree is sides.head else None
    if tree.side.kind != SNAPSHOT:
        jobs, given = options.jobs or usable_cores(), _input(tree, sides, by, options)
        files = tuple(given.files.values())
        task, bad, notes = with_contexts(files, replace(by.rules.task, keep_records=True), jobs)
        part = _judge(files, task, jobs, progress)
        besides = Besides((*given.skipped, *by.rules.skipped, *bad), (*given.notes, *by.rules.notes, *notes))
        return _result(given, [part], task, besides, rules)
    asked = replace(by.options, keep_records=True)
    _, path = tree.paths[0]
    found = judge_entries(load(Path(path)), asked, (by.placed, by.folder), progress)
    part = _Part([], [], {})
    for judged in found.work.judged:
        part.take(judged, 0, "")
    besides = Besides((*found.work.skipped, *found.rules.skipped), (*found.rules.notes, *found.work.notes))
    given = _Input(tree, {}, {}, frozenset(), (), ())
    return _result(given, [part], found.rules.task, besides, rules)


def _both(sides: Sides, by: Judgement, options: Options, progress: Progress | None) -> tuple[Result, Result]:
    jobs, told = options.jobs or usable_cores(), progress or silent
    task = replace(by.rules.task, keep_records=True)
    base, head = (_input(tree, sides, by, options) for tree in (sides.base, sides.head))
    shared = base.context == head.context
    head_task, head_bad, head_notes = with_contexts(tuple(head.files.values()), task, jobs)
    if shared and base.roots <= head.roots:
        base_task, base_bad = head_task, head_bad
    else:
        base_task, base_bad, _ = with_contexts(tuple(base.files.values()), task, jobs)
    same = _same(base, head) if shared else frozenset()
    both = _judge([head.files[key] for key in head.files if key in same], head_task, jobs, told)
    new = _judge([head.files[key] for key in head.files if key not in same], head_task, jobs, told)
    old = _judge([base.files[key] for key in base.files if key not in same], base_task, jobs, told)
    besides = Besides((*head.skipped, *by.rules.skipped, *head_bad), (*head.notes, *by.rules.notes, *head_notes))
    return (
        _result(base, [both, old], base_task, Besides((*base.skipped, *by.rules.skipped, *base_bad)), None),
        _result(head, [both, new], head_task, besides, by),
    )


def _same(base: _Input, head: _Input) -> frozenset[Key]:
    """Return the files that are the same on both sides."""
    return frozenset(key for key, digest in head.digests.items() if base.digests.get(key) == digest)


def _input(tree: Tree, sides: Sides, by: Judgement, options: Options) -> _Input:
    exclude = (*by.config.exclude, *options.exclude)
    how = rendering_of(tree, sides, by, options)
    found = find_inputs([path for _, path in tree.paths], exclude, rendering=how, base=str(tree.folder))
    numbers = [number for number, _ in tree.paths]
    files: dict[Key, InputFile] = {}
    digests: dict[Key, bytes] = {}
    context: set[tuple[Key, bytes]] = set()
    for file in found.files:
        placed = replace(file, root=_root(file.root, numbers))
        key = (placed.root, placed.shown, "" if file.rendered is None else file.identity_folder)
        while key in files:
            key = (*key[:2], f"{key[2]}\0")
        content = file_bytes(placed) or b""
        files[key], digests[key] = placed, _digest(placed, content)
        if may_hold_context(content):
            context.add((key, digests[key]))
    skipped, notes = (*tree.skipped, *found.skipped), (*tree.notes, *found.notes)
    return _Input(tree, files, digests, frozenset(context), skipped, notes)


def _root(root: int, numbers: Sequence[int]) -> int:
    """Return the number of a PATH that may not be there on the other side; renderings have clusters beyond those."""
    return numbers[root] if root < len(numbers) else root - len(numbers) + _BEYOND


_BEYOND = 1_000
"""More PATHs than anybody names."""


def _digest(file: InputFile, content: bytes) -> bytes:
    """Return what tells a content from others; one that is too large to be read is told by its size."""
    size = 0 if content else os.path.getsize(file.path) if file.content is None else file.size_bytes  # noqa: PTH202
    origin = repr(file.rendered).encode("utf-8", "surrogatepass")
    return hashlib.sha256(b"%d\0%s\0%s" % (size, origin, content)).digest()


def _judge(files: Sequence[InputFile], task: Task, jobs: int, progress: Progress) -> _Part:
    """Judge files, some at a time; keep of the facts what is compared."""
    part = _Part([], [], {})
    for some in _chunks(files):
        for file, judged in zip(some, judge_in(some, task, jobs, progress), strict=True):
            part.take(judged, file.root if file.rendered is None else RENDERED, file.identity_folder)
    return part


def _chunks(files: Sequence[InputFile]) -> list[list[InputFile]]:
    chunks: list[list[InputFile]] = []
    size = _CHUNK_BYTES
    for file in files:
        if size >= _CHUNK_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(file)
        size += file.size_bytes
    return chunks


def _result(given: _Input, parts: Sequence[_Part], task: Task, besides: Besides, by: Judgement | None) -> Result:
    """Join what the files of a side gave; with the judgement, the baseline and notes about what does not join count."""
    judged = [item for part in parts for item in part.judged]
    if task.contexts:
        judged += judge_around(task, judged)
    baseline = None
    if by is not None:
        baseline = by.rules.baseline
        if task.contexts:
            besides = msgspec.structs.replace(besides, notes=(*besides.notes, *apart(task, judged)))
    report = assemble(judged, task.plan, baseline, version("kube-memory-auditor"), besides)
    counts = report.summary
    side = msgspec.structs.replace(
        given.tree.side, objects=counts.objects, workloads=counts.workloads, containers=counts.containers
    )
    workloads = counted([item for part in parts for item in part.workloads])
    owners = {key: owner for part in parts for key, owner in part.owners.items()}
    return Result(side, given.files, given.digests, report, tuple(workloads), owners)
