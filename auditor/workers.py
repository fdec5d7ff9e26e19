"""Runs the engine over files, in worker processes.

Files go to the workers in batches, small results come back, so memory is bounded by the largest file and the findings.
A crash of a native parser ends a worker and with it the pool: the files that were not finished are then judged again,
one process each, and the one that crashes alone is a skipped input.
"""

import contextlib
import gc
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace

import msgspec

from auditor.contexts import alone, on_node, on_top_of, unnamed
from auditor.engine import Judge
from auditor.facts.context import Context, is_context
from auditor.findings import Skipped
from auditor.plan import Judged, Plan
from auditor.sources.comments import object_lines
from auditor.sources.model import InputFile, Object
from auditor.sources.read import ReadOptions, file_bytes, may_hold_context, read_file
from auditor.usage.join import History

_BATCH_BYTES = 1 << 18
_BATCH_FILES = 64

Progress = Callable[[int], None]
"""Called with the number of files that were just finished."""


def silent(_: int) -> None:
    """Tell nobody: progress that is not watched."""


@dataclass(frozen=True, slots=True)
class Task:
    """What every worker needs to know."""

    plan: Plan
    read: ReadOptions
    keep_records: bool = False
    history: History | None = None
    """What was used; None when no history was given."""
    complete: bool = False
    """Whether each PATH argument is said to be a whole cluster."""
    node: str | None = None
    """The one node that facts are asked for."""
    contexts: tuple[Context, ...] = ()
    """One for each PATH argument."""
    variants: Mapping[tuple[int, str], Context] = field(default_factory=dict)
    """Of renderings that have a context of their own, on top of their PATH argument's."""

    def context_of(self, root: int, variant: str) -> Context:
        """Return the context of a PATH argument, or of a variant in it."""
        return self.variants.get((root, variant), self.contexts[root])


@dataclass(frozen=True, slots=True)
class Work:
    """What judging files gave."""

    judged: list[Judged]
    """In the order of the files, then of the PATH arguments' surroundings."""
    skipped: list[Skipped]
    """What makes a context object unusable."""
    notes: list[str]


class _Worker:
    """One process's state: the task, and the judge with its compiled programs."""

    task: Task | None = None
    judge: Judge | None = None


def start_worker(task: Task) -> None:
    """Make a process ready for the work of a task."""
    # Ctrl-C is the parent's to handle: it ends the workers.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Parsed documents are trees without cycles and are dropped file by file: frequent collections find nothing in them
    # and cost a fifth of the run. Rare ones keep memory bounded should a cycle arise.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    _Worker.task = task
    _Worker.judge = Judge(task.plan)


def in_worker() -> tuple[Task, Judge]:
    """Return the task and the judge of this process. Raises RuntimeError in one that is no worker."""
    if _Worker.task is None or _Worker.judge is None:
        raise RuntimeError("the worker was not started")
    return _Worker.task, _Worker.judge


def _judge_batch(files: Sequence[InputFile]) -> bytes:
    """Judge some files; msgpack, since it crosses the process border five times faster than pickled objects."""
    task, judge = in_worker()
    return msgspec.msgpack.encode([judge_file(file, task, judge) for file in files])


def judge_file(file: InputFile, task: Task, judge: Judge) -> Judged:
    """Read and judge one file."""
    result = read_file(file, task.read)
    variant = file.rendered.variant if file.rendered else ""
    context = task.context_of(file.root, variant)
    judged = judge.judge_objects(result.objects, context, keep_records=task.keep_records)
    return msgspec.structs.replace(
        judged,
        skipped=(*result.skipped, *judged.skipped),
        foreign_documents=result.foreign_documents,
        root=file.root,
        variant=variant,
    )


def _context_batch(files: Sequence[InputFile]) -> bytes:
    """Return the context objects of some files, by their roots, without their texts."""
    task, _ = in_worker()
    found: list[tuple[int, str, Object]] = []
    for file in files:
        content = file_bytes(file)
        if content is None or not may_hold_context(content):
            continue
        objects = read_file(replace(file, content=content), task.read).objects
        lines = object_lines(objects)
        variant = file.rendered.variant if file.rendered else ""
        found.extend((file.root, variant, alone(obj, lines)) for obj in objects if is_context(obj))
    return pickle.dumps(found)


def _batches(files: Sequence[InputFile]) -> list[tuple[InputFile, ...]]:
    batches: list[list[InputFile]] = []
    size = _BATCH_BYTES
    for file in files:
        if size >= _BATCH_BYTES or len(batches[-1]) >= _BATCH_FILES:
            batches.append([])
            size = 0
        batches[-1].append(file)
        size += file.size_bytes
    return [tuple(batch) for batch in batches]


_NAMED = 3
"""So many workloads are named in a note."""


def judge_files(files: Sequence[InputFile], task: Task, jobs: int, progress: Progress) -> Work:
    """Judge all files in `jobs` processes: context objects are read first, and judged last.

    Raises ConfigError for a node that is not in the input.
    """
    task, unusable, notes = with_contexts(files, task, jobs)
    judged = judge_in(files, task, jobs, progress)
    judged += judge_around(task, judged)
    return Work(judged, unusable, [*notes, *apart(task, judged)])


def judge_in(files: Sequence[InputFile], task: Task, jobs: int, progress: Progress) -> list[Judged]:
    """Judge some files in the contexts of a task, in `jobs` processes; return what each gave, in their order."""
    judged: list[Judged] = []
    for part, crashed in _run(_judge_batch, files, task, jobs, progress):
        if crashed:
            skipped = Skipped(file=crashed, line=None, column=None, reason="the parser crashed on this file")
            judged.append(Judged(skipped=(skipped,)))
        else:
            judged.extend(msgspec.msgpack.decode(part, type=list[Judged]))
    return judged


def judge_around(task: Task, judged: Sequence[Judged]) -> list[Judged]:
    """Judge what stands around the pods in each context of a task, when all of its files have been judged."""
    around = Judge(task.plan)
    found = []
    places = {**{(root, ""): context for root, context in enumerate(task.contexts)}, **task.variants}
    for place, context in places.items():
        if context.wide:
            members = [member for part in judged if (part.root, part.variant) == place for member in part.members]
            found.append(around.judge_surroundings(context, members))
    return found


def apart(task: Task, judged: Sequence[Judged]) -> list[str]:
    """Return what of the history and of the input does not join."""
    if task.history is None:
        return []
    joined = {workload for part in judged for workload in part.joined}
    without = sum(part.workloads for part in judged) - sum(len(part.joined) for part in judged)
    unseen = sorted(task.history.workloads.keys() - joined)
    notes = [f"history up to {task.history.last_day}"]
    if without:
        notes.append(f"{without} {'workload has' if without == 1 else 'workloads have'} no history")
    if unseen:
        noun = "workload of the history is" if len(unseen) == 1 else "workloads of the history are"
        named = ", ".join(f"{kind or 'workload'} {namespace}/{name}" for namespace, kind, name in unseen[:_NAMED])
        among = "" if len(unseen) <= _NAMED else "among them "
        notes.append(f"{len(unseen)} {noun} not in the input: {among}{named}")
    return notes


def with_contexts(files: Sequence[InputFile], task: Task, jobs: int) -> tuple[Task, list[Skipped], list[str]]:
    """Return the task with the context of each PATH argument, what is unusable in them, and what a reader must know."""
    roots = 1 + max((file.root for file in files), default=0)
    objects: list[list[Object]] = [[] for _ in range(roots)]
    more: dict[tuple[int, str], list[Object]] = {}
    for part, crashed in _run(_context_batch, files, task, jobs, lambda _: None):
        # A file that crashes here crashes again when it is judged, and is told there.
        for root, variant, obj in [] if crashed else pickle.loads(part):  # noqa: S301 - written by our own worker
            (more.setdefault((root, variant), []) if variant else objects[root]).append(obj)
    built = [Context.build(some, task.plan.target.minor) for some in objects]
    built += [on_top_of(objects[root], own, task.plan.target.minor) for (root, _), own in more.items()]
    contexts = [replace(context, complete=task.complete, history=task.history) for context, _ in built]
    if task.node is not None:
        contexts = on_node(contexts, task.node)
    notes = unnamed([obj for some in (*objects, *more.values()) for obj in some])
    told = list(dict.fromkeys(item for _, skipped in built for item in skipped))
    variants = dict(zip(more, contexts[roots:], strict=True))
    return replace(task, contexts=tuple(contexts[:roots]), variants=variants), told, notes


_Work = Callable[[Sequence[InputFile]], bytes]


def _run(
    work: _Work, files: Sequence[InputFile], task: Task, jobs: int, progress: Progress
) -> Iterator[tuple[bytes, str]]:
    """Yield (result, "") for each batch and (b"", file) for each file that crashes its process, in the files' order."""
    batches = _batches(files)
    done = _run_pool(work, batches, task, jobs, progress)
    for index, batch in enumerate(batches):
        if index in done:
            yield done[index], ""
            continue
        for file in batch:
            alone = _run_pool(work, [(file,)], task, 1, progress)
            yield (alone[0], "") if alone else (b"", file.shown)


def _run_pool(
    work: _Work, batches: Sequence[tuple[InputFile, ...]], task: Task, jobs: int, progress: Progress
) -> dict[int, bytes]:
    """Return the results by batch; those that are missing were not finished when a process died."""
    done: dict[int, bytes] = {}
    workers = max(1, min(jobs, len(batches)))
    pool = new_pool(workers, task)
    try:
        waiting: dict[Future[bytes], int] = {pool.submit(work, batch): i for i, batch in enumerate(batches)}
        while waiting:
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                index = waiting.pop(future)
                with contextlib.suppress(BrokenProcessPool):
                    done[index] = future.result()
                    progress(len(batches[index]))
    except BrokenProcessPool:
        # The pool died while batches were still being handed in.
        return done
    except BaseException:
        end_now(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return done


def new_pool(workers: int, task: Task) -> ProcessPoolExecutor:
    """Return processes that are ready for a task.

    They are started the cheapest way: by fork where there is one, since nothing here runs threads before.
    """
    fork = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if fork else "spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker, initargs=(task,))


def end_now(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool: Ctrl-C must not wait for a batch."""
    # There is no public way.
    for process in list((pool._processes or {}).values()):  # noqa: SLF001
        process.terminate()
    # A process that ends in the middle of a result leaves its reader waiting for the rest, as long as this end is open.
    pool._result_queue._writer.close()  # type: ignore[attr-defined]  # noqa: SLF001
