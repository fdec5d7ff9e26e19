"""Runs the engine over a cluster, in worker processes: what is read is judged while the next pages come.

A few batches are on their way at any time, so that memory is bounded by the largest namespace, what owns pods, and the
findings.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace

import msgspec

from auditor.contexts import on_node
from auditor.engine import Judge
from auditor.facts.context import ANY_NAMESPACE, Context
from auditor.findings import Skipped
from auditor.plan import Judged
from auditor.records import pack
from auditor.sources.cluster.groups import ClusterObjects
from auditor.sources.model import Object
from auditor.workers import Progress, Task, Work, apart, end_now, in_worker, new_pool

_WAITING = 4
"""So many batches wait for each process."""


def judge_cluster(objects: ClusterObjects, around: list[Object], task: Task, jobs: int, progress: Progress) -> Work:
    """Judge a cluster whose surroundings have been read; `objects` then knows what was missing.

    `progress` is called with the number of pods just read. Raises ConfigError for a node that is not there.
    """
    context, unusable = _context(objects, around, task)
    task = replace(task, contexts=(context,))
    judged = _judged(objects, task, jobs, progress)
    context = replace(
        context,
        complete=objects.whole,
        whole_namespaces=objects.whole_namespaces,
        inner_owners=objects.inner_owners,
    )
    if context.wide:
        members = [member for part in judged for member in part.members]
        judged.append(Judge(task.plan).judge_surroundings(context, members))
    # Pods are objects too, though only their workloads are judged.
    judged.append(Judged(objects=objects.objects_total - sum(part.objects for part in judged)))
    return Work(judged, [*objects.skipped, *unusable], apart(task, judged))


def _context(objects: ClusterObjects, around: list[Object], task: Task) -> tuple[Context, tuple[Skipped, ...]]:
    missing = {(kind, ANY_NAMESPACE if space is None else space) for kind, space in objects.missing}
    context, unusable = Context.build(around, task.plan.target.minor, missing)
    # Workloads are judged before everything has been read: their sums are kept, whatever turns out to be missing.
    context = replace(context, history=task.history, complete=True)
    return (context if task.node is None else on_node([context], task.node)[0]), unusable


def _judged(objects: ClusterObjects, task: Task, jobs: int, progress: Progress) -> list[Judged]:
    """Return what judging gave, in the order in which the workloads were read."""
    done: dict[int, Judged] = {}
    waiting: dict[Future[bytes], int] = {}
    pool = new_pool(jobs, task)
    try:
        for number, batch in enumerate(_read(objects, progress)):
            waiting[pool.submit(_judge_objects, batch)] = number
            if len(waiting) > jobs * _WAITING:
                _collect(waiting, done)
        while waiting:
            _collect(waiting, done)
    except BaseException:
        end_now(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [done[number] for number in sorted(done)]


def _collect(waiting: dict[Future[bytes], int], done: dict[int, Judged]) -> None:
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in finished:
        done[waiting.pop(future)] = msgspec.msgpack.decode(future.result(), type=Judged)


def _read(objects: ClusterObjects, progress: Progress) -> Iterator[list[Object]]:
    """Yield the batches, and tell of the pods in them."""
    told = 0
    for batch in objects.batches():
        progress(objects.pods_total - told)
        told = objects.pods_total
        yield batch


def _judge_objects(batch: list[Object]) -> bytes:
    """Judge some objects of the cluster, in a worker."""
    task, judge = in_worker()
    judged = judge.judge_objects(batch, task.contexts[0], keep_records=task.keep_records)
    return msgspec.msgpack.encode(msgspec.structs.replace(judged, records=(), packed=pack(judged.records)))
