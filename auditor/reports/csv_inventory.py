"""The facts as CSV: one row a container, columns that stay; docs/csv.md describes them."""

from collections.abc import Iterable

from auditor.facts.model import ContainerFacts
from auditor.facts.record import Record
from auditor.reports.csv import Cell, write_rows

COLUMNS = (
    "cluster",
    "namespace",
    "kind",
    "name",
    "replicas",
    "container",
    "container_type",
    "image",
    "written_request_bytes",
    "written_limit_bytes",
    "request_bytes",
    "limit_bytes",
    "request_from",
    "limit_from",
    "limit_to_request_ratio",
    "memory_max_bytes",
    "oom_score_adj",
    "tmpfs_size_limit_bytes",
    "heap_runtime",
    "heap_max_bytes",
    "qos_class",
    "pod_request_bytes",
    "pod_limit_bytes",
    "pod_memory_max_bytes",
    "file",
    "line",
)


def render(records: Iterable[Record]) -> str:
    """Return one row for each container of the records, in their order."""
    return write_rows(COLUMNS, (_row(record, item) for record in records for item in record.containers))


def _row(record: Record, container: ContainerFacts) -> tuple[Cell, ...]:
    workload, pod, heap = record.workload, record.pod, container.heap
    return (
        workload.cluster,
        workload.namespace,
        workload.kind,
        workload.name,
        workload.replicas,
        container.name,
        container.type,
        container.image,
        container.written_request_bytes,
        container.written_limit_bytes,
        container.request_bytes,
        container.limit_bytes,
        container.request_from,
        container.limit_from,
        container.limit_to_request_ratio,
        container.memory_max_bytes,
        container.oom_score_adj,
        container.tmpfs_size_limit_bytes,
        heap.runtime if heap else None,
        heap.max_bytes if heap else None,
        pod.qos_class,
        pod.request_bytes,
        pod.limit_bytes,
        pod.memory_max_bytes,
        workload.file,
        workload.line,
    )
