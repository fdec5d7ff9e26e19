"""A table with a column for each series, named by its tags: `date, metric, "kube_namespace:shop,pod_name:web-1,..."`.

So DataDog/csv_exporter (app.py) writes the answer of Datadog's query API, whose `scope` names a series by its tags.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from auditor.usage.imports.longform import LongReader, RowReader
from auditor.usage.imports.samples import Samples

_TAGS = (
    ("kube_namespace",),
    ("pod_name",),
    ("kube_container_name", "container_name"),
    ("kube_cluster_name", "cluster_name"),
)
_LONG = ("time", "kube_namespace", "pod_name", "kube_container_name", "kube_cluster_name", "metric", "value")


def is_wide(header: Sequence[str]) -> bool:
    """Return whether the columns are series, named by tags."""
    return any("pod_name:" in name for name in header)


class WideReader:
    """Gives each cell of such a table to a reader of rows."""

    def __init__(self, samples: Samples, inner: LongReader) -> None:
        self._samples = samples
        self._inner: RowReader = inner
        self._time = 0
        self._metric: int | None = None
        self._columns: list[tuple[int, tuple[str, str, str, str]]] = []

    def header(self, names: Sequence[str]) -> bool:
        """Take the header; False, and a fault, when no column is a time."""
        plain = [name.strip().lower() for name in names]
        times = [at for at, name in enumerate(plain) if name in ("date", "time", "timestamp")]
        if not times:
            self._samples.fault(1, "missing column", "no column for time: date, time or timestamp")
            return False
        self._time = times[0]
        self._metric = plain.index("metric") if "metric" in plain else None
        self._columns = [(at, _names(name)) for at, name in enumerate(names) if "pod_name:" in name]
        return self._inner.header(_LONG)

    def row(self, line: int, cells: Sequence[Any]) -> None:
        """Take a row: a sample of each series."""
        if len(cells) <= max(self._time, self._columns[-1][0]):
            self._samples.fault(line, "too few columns", f"has {len(cells)} columns, fewer than its header")
            return
        # `kubernetes.memory.working_set (avg)` names the metric and how it was aggregated.
        metric = None if self._metric is None else cells[self._metric]
        for at, (namespace, pod, container, cluster) in self._columns:
            self._inner.row(line, (cells[self._time], namespace, pod, container, cluster, metric, cells[at]))

    def notes(self) -> Iterator[str]:
        """Yield what a reader must know of all rows."""
        yield from self._inner.notes()


def _names(scope: str) -> tuple[str, str, str, str]:
    tags = dict(part.strip().split(":", 1) for part in scope.split(",") if ":" in part)
    namespace, pod, container, cluster = (next((tags[n] for n in names if n in tags), "") for names in _TAGS)
    return namespace, pod, container, cluster
