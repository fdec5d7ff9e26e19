"""The memory of changed workloads as CSV: one row a workload, before and after."""

from auditor.diff.model import Diff, Footprint
from auditor.reports.csv import Cell, write_rows

_OWN = (
    "file",
    "line",
    "replicas",
    "min_replicas",
    "max_replicas",
    "request_bytes",
    "limit_bytes",
    "qos_class",
    "bounded",
    "tmpfs_bytes",
    "unbounded_tmpfs",
    "p95_bytes",
    "peak_bytes",
)
_TOTAL = ("request_bytes", "request_min_bytes", "request_max_bytes", "limit_bytes", "unbounded_pods")
_IDENTITY = ("api_version", "kind", "namespace", "name", "change")


def render(diff: Diff) -> str:
    """Return one row for each workload whose memory changed; empty cells are absent or not known."""
    names = [*_OWN, *(f"total_{name}" for name in _TOTAL)]
    columns = [*_IDENTITY, *(f"{side}_{name}" for side in ("before", "after") for name in names)]
    rows = []
    for item in diff.memory.workloads:
        ref = item.workload
        own: tuple[Cell, ...] = (ref.api_version, ref.kind, ref.namespace, ref.name, item.change)
        rows.append((*own, *_cells(item.before), *_cells(item.after)))
    return write_rows(columns, rows)


def _cells(item: Footprint | None) -> tuple[Cell, ...]:
    if item is None:
        return (None,) * (len(_OWN) + len(_TOTAL))
    total = (None if item.total is None else getattr(item.total, name) for name in _TOTAL)
    return (*(_cell(getattr(item, name)) for name in _OWN), *total)


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return value if isinstance(value, str | int) else None
