"""From manifests and history to what is sized: each container of each workload, with its rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from auditor.facts.build import build_record
from auditor.facts.context import Context, acts_on
from auditor.facts.model import ContainerFacts
from auditor.facts.options import FactOptions
from auditor.facts.record import Record
from auditor.findings import Skipped
from auditor.kube.paths import value_at
from auditor.kube.versions import Target
from auditor.sizing.model import SizingInput
from auditor.sources.model import Object
from auditor.usage.join import Rename, renamed
from auditor.usage.model import UsageDay, UsageFacts
from auditor.usage.statistics import aggregate_of, facts

Rows = Mapping[tuple[str, str, str], Mapping[str, Sequence[UsageDay]]]
"""Namespace, kind and name in the manifests to container to its rows."""


class Window(msgspec.Struct, frozen=True):
    """The rows of a window of days."""

    days: int
    rows: Any
    """`Rows`, as `read_days` gives them: of these days, each judged. msgspec has no type for tuples as keys."""


def rows_by_workload(rows: Iterable[UsageDay], renames: Sequence[Rename]) -> Rows:
    """Return rows under the names that their workloads have in the manifests.

    Two workloads that the rules give one name are left out, as `History.build` leaves them out.
    """
    found: dict[tuple[str, str, str], dict[str, list[UsageDay]]] = {}
    names: dict[str, str] = {}
    origins: dict[tuple[str, str, str], set[str]] = {}
    for row in rows:
        if row.workload_name not in names:
            names[row.workload_name] = renamed(row.workload_name, renames)
        key = (row.namespace, row.workload_kind, names[row.workload_name])
        origins.setdefault(key, set()).add(row.workload_name)
        found.setdefault(key, {}).setdefault(row.container, []).append(row)
    return {key: rows for key, rows in found.items() if len(origins[key]) == 1}


def gather(
    objects: Iterable[Object], context: Context, target: Target, options: FactOptions, window: Window
) -> tuple[tuple[SizingInput, ...], tuple[Skipped, ...]]:
    """Return the containers of all workloads in input order, and what of them has the wrong shape."""
    items: list[SizingInput] = []
    skipped: list[Skipped] = []
    scaled = {acts_on(held.value) for held in context.horizontal if held.value.metrics}
    for obj in objects:
        if obj.pod_path is None:
            continue
        record = build_record(obj, context, target, options)
        skipped.extend(obj.skipped(p.path, f"{obj.kind}/{obj.name}: {p.reason}") for p in record.problems)
        by_memory = (obj.namespace, obj.kind, obj.name) in scaled
        known = window.rows.get((obj.namespace, obj.kind, obj.name), {})
        for container in record.containers:
            if container.type != "ephemeral":
                rows = tuple(known.get(container.name, ()))
                usage = facts(aggregate_of(rows), window_days=window.days) if rows else None
                item = sizing_input(obj, record, container, usage)
                cluster = rows[0].cluster if rows else ""
                items.append(msgspec.structs.replace(item, cluster=cluster, scaled_by_memory=by_memory, days=rows))
    return tuple(items), tuple(skipped)


def sizing_input(obj: Object, record: Record, container: ContainerFacts, usage: UsageFacts | None) -> SizingInput:
    """Return what is sized of one container, without the rows behind its history."""
    metadata = obj.data.get("metadata")
    written = metadata.get("namespace") if isinstance(metadata, dict) else None
    return SizingInput(
        api_version=obj.api_version,
        kind=obj.kind,
        namespace=obj.namespace,
        written_namespace=written if isinstance(written, str) else None,
        name=obj.name,
        replicas=record.workload.replicas,
        pod_path=record.pod_path,
        pod_containers=sum(1 for item in record.containers if item.type in ("app", "sidecar")),
        container=container.name,
        container_type=container.type,
        list_name=container.list_name,
        index=container.index,
        resources=value_at(obj.data, (*record.pod_path, container.list_name, container.index, "resources")),
        request_bytes=container.request_bytes,
        limit_bytes=container.limit_bytes,
        heap=container.heap,
        usage=usage,
    )
