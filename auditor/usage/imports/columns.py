"""Which column of a table holds what: by its name, by a preset for an exporter, or as the user says.

Presets, with the sources of their names:
datadog     the tags that the Agent puts on metrics of containers (`kube_namespace`, `pod_name`,
            `kube_container_name`); a table with a column for each series (`pod_name:web-1,...`) as
            DataDog/csv_exporter writes it is known too.
newrelic    attributes of `K8sContainerSample`, as public NRQL queries name them.
dynatrace   the CSV of the Metrics API v2 (`metricId,<dimensions>,time,value`, times in UTC) for
            `dt.kubernetes.container.memory_working_set`, split by the `k8s.*` dimensions.
instana     is no table: the JSON of its REST API, see `instana`.
"""

from collections.abc import Mapping, Sequence

import msgspec

from auditor.usage.errors import UsageError
from auditor.usage.imports.values import split_unit, unit_of_column

NEEDED = ("time", "namespace", "pod", "container", "bytes")
"""What a sample is made of; a namespace may be given by an option instead."""
OPTIONAL = ("cluster", "unit", "metric", "request", "limit", "workload_kind", "workload_name")
"""What a table may say besides."""
FIELDS = (*NEEDED, *OPTIONAL)

_PLAIN: dict[str, tuple[str, ...]] = {
    "time": ("time", "timestamp", "ts", "date", "datetime"),
    "namespace": ("namespace", "namespace_name"),
    "pod": ("pod", "pod_name"),
    "container": ("container", "container_name"),
    "bytes": ("bytes", "value", "memory", "working_set", "memory_working_set", "container_memory_working_set", "usage"),
    "cluster": ("cluster", "cluster_name"),
    "unit": ("unit", "units"),
    "metric": ("metric", "metric_name", "__name__"),
    "request": ("request_bytes", "memory_request_bytes"),
    "limit": ("limit_bytes", "memory_limit_bytes"),
    "workload_kind": ("workload_kind", "owner_kind"),
    "workload_name": ("workload_name", "owner_name", "workload"),
}

PRESETS: dict[str, dict[str, tuple[str, ...]]] = {
    "datadog": {
        "time": ("time", "timestamp", "date"),
        "namespace": ("kube_namespace",),
        "pod": ("pod_name",),
        "container": ("kube_container_name", "container_name"),
        "bytes": ("value", "kubernetes.memory.working_set", "avg:kubernetes.memory.working_set"),
        "cluster": ("kube_cluster_name", "cluster_name"),
        "metric": ("metric",),
        "unit": ("unit",),
    },
    "newrelic": {
        "time": ("timestamp",),
        "namespace": ("namespaceName", "namespace"),
        "pod": ("podName",),
        "container": ("containerName",),
        "bytes": ("memoryWorkingSetBytes",),
        "cluster": ("clusterName",),
        "request": ("memoryRequestedBytes",),
        "limit": ("memoryLimitBytes",),
    },
    "dynatrace": {
        "time": ("time",),
        "namespace": ("k8s.namespace.name",),
        "pod": ("k8s.pod.name",),
        "container": ("k8s.container.name",),
        "bytes": ("value",),
        "cluster": ("k8s.cluster.name",),
        "metric": ("metricId",),
        "workload_kind": ("k8s.workload.kind",),
        "workload_name": ("k8s.workload.name",),
    },
}
"""Exporter to what its columns are called, the likeliest first."""


class ColumnChoice(msgspec.Struct, frozen=True):
    """How columns are found."""

    preset: str | None = None
    """One of PRESETS; None knows common names."""
    named: Mapping[str, str] = {}
    """Field to the name of its column: these win."""


class Found(msgspec.Struct, frozen=True):
    """The columns of one table."""

    at: dict[str, int]
    """Field to the position of its column."""
    missing: tuple[str, ...]
    """Needed fields that no column holds."""
    unit: str | None
    """The unit that the name of the amounts' column says."""


def parse_columns(text: str) -> dict[str, str]:
    """Return the mapping of a text such as `time=ts,bytes=value`. Raises UsageError for a wrong one."""
    named: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        field, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column:
            raise UsageError(f"--columns: {part!r} is not FIELD=COLUMN")
        if field not in FIELDS:
            raise UsageError(f"--columns: there is no field {field!r}; fields are {', '.join(FIELDS)}")
        if field in named:
            raise UsageError(f"--columns: {field} is given twice")
        named[field] = column
    return named


def find_columns(header: Sequence[str], choice: ColumnChoice, *, namespace_known: bool) -> Found:
    """Return where the fields are in a table with this header. Raises UsageError for an unknown preset."""
    if choice.preset is not None and choice.preset not in PRESETS:
        raise UsageError(f"--preset {choice.preset}: not one of {', '.join(PRESETS)}")
    known = _PLAIN if choice.preset is None else PRESETS[choice.preset]
    exact = {name: at for at, name in reversed(list(enumerate(header)))}
    lower = {name.strip().lower(): at for at, name in reversed(list(enumerate(header)))}
    at: dict[str, int] = {}
    for field in FIELDS:
        names = (choice.named[field],) if field in choice.named else known.get(field, ())
        for name in names:
            place = exact.get(name, lower.get(name.lower()))
            if place is not None:
                at[field] = place
                break
    if "bytes" not in at and "bytes" not in choice.named:
        _find_with_unit(lower, known["bytes"], at)
    needed = [field for field in NEEDED if field != "namespace" or not namespace_known]
    needed += [field for field in choice.named if field not in needed]
    unit = unit_of_column(header[at["bytes"]]) if "bytes" in at else None
    return Found(at, tuple(field for field in needed if field not in at), unit)


def _find_with_unit(lower: Mapping[str, int], names: Sequence[str], at: dict[str, int]) -> None:
    """Find a column such as `memory_mib` or `value (MiB)`."""
    for name, place in lower.items():
        base, unit = split_unit(name)
        if unit is not None and base in names:
            at["bytes"] = place
            return
