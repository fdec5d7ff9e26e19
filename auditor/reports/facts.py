"""The facts without a verdict: JSON Lines for programs, a table for people."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from auditor.facts.model import (
    AdmissionFacts,
    ContainerFacts,
    PodFacts,
    VolumeFacts,
    WorkloadFacts,
)
from auditor.facts.record import OnNodes, Record
from auditor.findings import Skipped, WorkloadRef
from auditor.kube.humane import format_bytes
from auditor.reports.text import (
    bytes_words,
    columns,
    counted,
    encode_json,
    plain,
    skipped_words,
    without_commands,
    workload_words,
)

VERSION: Literal[1] = 1

_ABSENT = "-"
_CONTAINER_COLUMNS = ("container", "type", "request", "limit", "memory.max", "heap")
_NODE_COLUMNS = ("container", "memory.high", "memory.min", "memory.low", "memory.swap.max", "oom_score_adj")
_VOLUME_COLUMNS = ("volume", "medium", "size limit", "mount size", "writers")


class RecordLine(msgspec.Struct, frozen=True):
    """What is known about one workload; every key is always present, null is absent."""

    version: int
    workload: WorkloadFacts
    pod: PodFacts
    containers: tuple[ContainerFacts, ...]
    volumes: tuple[VolumeFacts, ...]
    admission: tuple[AdmissionFacts, ...]
    nodes: tuple[OnNodes, ...]


class SkippedPart(msgspec.Struct, frozen=True):
    """An input that could not be judged."""

    file: str | None
    """None for a part of a cluster."""
    line: int | None
    reason: str
    cluster: str | None


class SkippedLine(msgspec.Struct, frozen=True):
    """The line of an input that could not be judged."""

    version: int
    skipped: SkippedPart


def render_json(records: Iterable[Record], skipped: Iterable[Skipped]) -> str:
    """Return JSON Lines: a line for each workload in input order, then one for each skipped input."""
    lines = [encode_json(_line(record)) for record in records]
    parts = (SkippedPart(item.file or None, item.line, item.reason, item.cluster) for item in skipped)
    lines += [encode_json(SkippedLine(VERSION, part)) for part in parts]
    return "".join(f"{line}\n" for line in lines)


def _line(record: Record) -> RecordLine:
    return RecordLine(
        VERSION,
        record.workload,
        record.pod,
        record.containers,
        record.volumes,
        record.admission,
        record.nodes,
    )


def render_table(records: Iterable[Record], skipped: Iterable[Skipped]) -> str:
    """Return a block for each workload: its pod, its containers, its emptyDir volumes, what admission did."""
    lines: list[str] = []
    workloads = 0
    for record in records:
        workloads += 1
        lines += [*_block(record), ""]
    inputs = [f"  {skipped_words(item)}" for item in skipped]
    if inputs:
        lines += ["Not judged:", *inputs, ""]
    lines += [f"{counted(workloads, 'workload')}, {len(inputs)} skipped", ""]
    return without_commands("\n".join(lines))


def _block(record: Record) -> list[str]:
    workload, pod = record.workload, record.pod
    ref = WorkloadRef(workload.api_version, workload.kind, workload.namespace, workload.name)
    where = f"{workload.file}:{workload.line}" if workload.cluster is None else f"cluster {workload.cluster}"
    title = f"{where}: {workload_words(ref)} ({workload.api_version}){_replicas(workload)}"
    lines = [plain(title)]
    lines.append(f"  pod: {_pod(pod)}")
    lines += _columns(_CONTAINER_COLUMNS, [_container(item, pod) for item in record.containers])
    lines += _columns(_VOLUME_COLUMNS, [_volume(item) for item in record.volumes])
    for node in record.nodes:
        lines += _on_nodes(node)
    for event in record.admission:
        verb = "rejects" if event.rejects else "sets"
        lines.append(plain(f"  {event.by} {verb}: {event.reason}"))
    lines += [plain(f"  not readable: {problem.reason}") for problem in record.problems]
    return lines


def _replicas(workload: WorkloadFacts) -> str:
    words = "" if workload.replicas is None else f", {counted(workload.replicas, 'replica')}"
    if workload.max_replicas is not None:
        words += f", scaled from {workload.min_replicas} to {workload.max_replicas}"
    if workload.running_pods is not None and workload.cluster is not None:
        words += f", {counted(workload.running_pods, 'pod')} there"
    return words


def _on_nodes(node: OnNodes) -> list[str]:
    """Return what nodes of one kind make of the pod."""
    amounts = (("high", node.memory_high_bytes), ("min", node.memory_min_bytes), ("low", node.memory_low_bytes))
    told = [f"memory.{name} {format_bytes(size)}" for name, size in amounts if size is not None]
    pod = f" pod {', '.join(told)}" if told else ""
    rows: list[tuple[str, ...]] = [
        (
            plain(item.name),
            bytes_words(item.memory_high_bytes),
            bytes_words(item.memory_min_bytes),
            bytes_words(item.memory_low_bytes),
            bytes_words(item.swap_max_bytes),
            _ABSENT if item.oom_score_adj is None else str(item.oom_score_adj),
        )
        for item in node.containers
    ]
    lines = [plain(f"  on {node.words}:{pod}"), *_columns(_NODE_COLUMNS, rows)]
    return lines + [
        plain(f"  volume {item.name}: mount size {bytes_words(item.mount_size_bytes)}") for item in node.volumes
    ]


def _pod(pod: PodFacts) -> str:
    parts = [
        f"QoS {pod.qos_class or 'not known'}",
        f"request {bytes_words(pod.request_bytes)}",
        f"limit {bytes_words(pod.limit_bytes)}",
        f"memory.max {_maximum(pod.memory_max_bytes, pod)}",
    ]
    if pod.overhead_bytes is not None:
        parts.append(f"overhead {bytes_words(pod.overhead_bytes)}")
    if pod.priority_class is not None:
        value = "not known" if pod.priority is None else pod.priority
        parts.append(plain(f"priority {value} ({pod.priority_class})"))
    if pod.injected:
        parts.append(f"injected {plain(', '.join(pod.injected))}")
    if pod.resize is not None:
        parts.append(f"resize {pod.resize}")
    return ", ".join(parts)


def _container(item: ContainerFacts, pod: PodFacts) -> tuple[str, ...]:
    return (
        plain(item.name),
        item.type,
        bytes_words(item.request_bytes) + _origin(item.request_from),
        bytes_words(item.limit_bytes) + _origin(item.limit_from),
        _maximum(item.memory_max_bytes, pod, known=item.limit_missing or item.type == "ephemeral"),
        _heap(item),
    )


def _volume(item: VolumeFacts) -> tuple[str, ...]:
    return (
        plain(item.name),
        plain(item.medium) or "disk",
        bytes_words(item.size_limit_bytes),
        bytes_words(item.mount_size_bytes),
        plain(", ".join(item.writers)) or _ABSENT,
    )


def _heap(item: ContainerFacts) -> str:
    if item.heap is None:
        return _ABSENT
    return f"{item.heap.runtime} {bytes_words(item.heap.max_bytes)}"


def _origin(source: str | None) -> str:
    """Return who set a number, when the manifest did not."""
    return "" if source in (None, "manifest") else plain(f" ({source})")


def _maximum(value: int | None, pod: PodFacts, *, known: bool = True) -> str:
    """Return a memory.max; nothing is said on Windows, which has no cgroup, and where an amount is not known."""
    if value is None:
        return "unlimited" if known and not pod.windows and pod.qos_class is not None else _ABSENT
    return format_bytes(value)


def _columns(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return columns([header, *rows]) if rows else []
