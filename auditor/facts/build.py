"""From an object to its record: the pod is admitted, then told as facts. Never raises for what a manifest holds."""

from collections.abc import Mapping
from typing import Any

import msgspec

from auditor.facts.admitted import admitted
from auditor.facts.containers import PodView, Seen, container_facts, is_sidecar, memory_max
from auditor.facts.context import Context
from auditor.facts.injected import injected
from auditor.facts.live import injected_by, observed_of, pods_total, status_of
from auditor.facts.model import AdmissionFacts, ContainerFacts, PodFacts, VolumeFacts
from auditor.facts.on_nodes import NOWHERE, PodOnNode, indistinguishable, on_nodes, possible_nodes, swappable_on
from auditor.facts.options import FactOptions
from auditor.facts.pods import PodAround, PodSums, count_fault, pod_facts, pod_sums, tmpfs_total, workload_facts
from auditor.facts.quantities import quantity_facts, units_mixed
from auditor.facts.record import HeldQuantity, OnNodes, Problem, Record, Subject, agreed
from auditor.facts.volumes import Surroundings, Volume, Writer, read_volumes, volume_facts, writable_mounts
from auditor.kube.admission import Pod, Rules, rules_of
from auditor.kube.nodes import NodeGroup
from auditor.kube.objects import Container, kind_word
from auditor.kube.observed import Observed
from auditor.kube.oom import OomPod, oom_pod
from auditor.kube.paths import Path
from auditor.kube.priority import is_critical, is_node_critical, pod_priority
from auditor.kube.quantity import Quantity, parse
from auditor.kube.resize import PodStatus, in_force, level_in_force
from auditor.kube.resources import counted, pod_limit, pod_request
from auditor.kube.versions import Target
from auditor.sources.model import Object
from auditor.usage.join import ContainerHistory

__all__ = ["FactOptions", "build_record"]

_DEFAULT_OPTIONS = FactOptions()


class _Judged(msgspec.Struct, frozen=True):
    """The target, the context and the options: what every workload is held against."""

    context: Context
    target: Target
    rules: Rules
    options: FactOptions


class _Admitted(msgspec.Struct, frozen=True):
    """One workload's pod as admitted, before its nodes are looked at."""

    obj: Object
    spec: dict[str, Any]
    pod: Pod
    some: list[Container]
    """Its containers without ephemeral ones."""
    forced: tuple[Container, ...]
    """All of its containers, with what is in force where a status says so."""
    status: PodStatus | None
    sums: PodSums
    volumes: list[Volume]
    priority: int | None
    seen: Observed | None
    """What was observed of its pods; None when the input has none."""


class _Placed(msgspec.Struct, frozen=True):
    """What the nodes that the pod may run on make of it."""

    around: Surroundings
    nodes: tuple[OnNodes, ...]
    largest_bytes: int | None
    """The largest allocatable memory of those nodes; None when not known."""
    oom: OomPod
    """By the capacity that all nodes agree on."""


def build_record(obj: Object, context: Context, target: Target, options: FactOptions = _DEFAULT_OPTIONS) -> Record:
    """Return all facts about the pods that an object makes; one without pods gives a record without containers."""
    problems: list[Problem] = []
    by = _Judged(context, target, rules_of(target), options)
    admitted = _admitted(obj, by, problems)
    placed = _placed(admitted, by)
    pod_path = obj.pod_path or ()
    containers, volumes = _parts(admitted, placed, by)
    quantities = _quantities(admitted.pod, admitted.volumes, pod_path)
    return Record(
        workload_facts(obj, admitted.spec, context, admitted.seen),
        _pod_facts(admitted, placed, by, quantities, {volume.name for volume in volumes if volume.writers}),
        containers,
        volumes,
        quantities,
        _admission(admitted.pod),
        admitted.pod.quotas,
        placed.nodes,
        tuple(problems),
        pod_path,
    )


def _admitted(obj: Object, by: _Judged, problems: list[Problem]) -> _Admitted:
    pod_path, context = obj.pod_path or (), by.context
    spec = _pod_spec(obj.data, pod_path, problems)
    pod = admitted(obj, spec, context, by.rules)
    problems.extend(Problem((*pod_path, *fault.path), fault.reason) for fault in pod.faults)
    count = count_fault(obj)
    if count is not None:
        problems.append(Problem(count.path, count.reason))
    some = counted(pod.containers)
    status = status_of(obj) if by.target.enabled("InPlacePodVerticalScaling") else None
    return _Admitted(
        obj,
        spec,
        pod,
        some,
        pod.containers if status is None else in_force(pod.containers, status),
        status,
        pod_sums(pod, some, status, by.target),
        read_volumes(spec.get("volumes"), pod_path, problems),
        pod_priority(spec, context.priorities),
        observed_of(obj),
    )


def _placed(of: _Admitted, by: _Judged) -> _Placed:
    known = tuple(name for name, _ in of.obj.live.nodes) if of.obj.live is not None else ()
    possible = NOWHERE if of.pod.windows else possible_nodes(of.spec, by.context, known)
    groups = possible.groups
    metadata = of.obj.pod_metadata if groups or "priorityClassName" in of.spec else None
    node_critical = is_node_critical(of.spec, metadata, of.priority) is True
    around = _around(of, by.rules, groups)
    level = of.pod.pod_level if of.status is None else level_in_force(of.pod.pod_level, of.status)
    some = of.some if of.status is None else counted(of.forced)
    nodes: tuple[OnNodes, ...] = ()
    if groups:
        seen = PodOnNode(
            containers=of.forced,
            level=level,
            some=some,
            known=of.pod.memory_known,
            qos=of.sums.qos,
            request_milli=pod_request(some, level, of.pod.overhead, "memory") if of.pod.memory_known else None,
            limit_milli=pod_limit(some, level, of.pod.overhead, "memory") if of.pod.memory_known else None,
            critical=is_critical(of.spec, metadata, of.priority) is True,
            node_critical=node_critical,
            volumes=of.volumes,
            around=around,
            target=by.target,
        )
        nodes = on_nodes(seen, groups)
        around = msgspec.structs.replace(around, swappable_on=swappable_on(nodes, groups))
    oom = oom_pod(
        some,
        level,
        of.sums.qos if of.pod.memory_known else None,
        node_critical=node_critical,
        capacity_bytes=agreed(group.settings.capacity_bytes for group in groups),
        minor=by.target.minor,
    )
    return _Placed(around, nodes, possible.largest_bytes, oom)


def _around(of: _Admitted, rules: Rules, groups: tuple[NodeGroup, ...]) -> Surroundings:
    sizes = {group.settings.allocatable_bytes for group in groups} if groups else set()
    return Surroundings(
        of.sums.memory_max_bytes,
        of.pod.windows,
        rules.sized_tmpfs,
        () if None in sizes else tuple(sorted(size for size in sizes if size is not None)),
        of.sums.qos is not None,
        _hugepages(of) if of.volumes else _NONE,
        None,
    )


_NONE: frozenset[int] = frozenset()


def _hugepages(of: _Admitted) -> frozenset[int]:
    """Return the sizes in bytes of the hugepages that the pod requests, by its containers or its pod level."""
    level = of.pod.pod_level
    blocks = [container.requests for container in of.some] + ([level.requests] if level else [])
    sizes = (parse(key.removeprefix("hugepages-")) for block in blocks for key in block if key[0] == "h")
    return frozenset(size.bytes for size in sizes if isinstance(size, Quantity))


def _pod_spec(data: dict[str, Any], pod_path: Path, problems: list[Problem]) -> dict[str, Any]:
    node: Any = data
    for depth, step in enumerate(pod_path, 1):
        if isinstance(node, dict):
            node = node.get(str(step))
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            node = None
        if not isinstance(node, dict | list):
            problems.append(Problem(pod_path[:depth], f"must be a mapping, not {kind_word(node)}"))
            return {"containers": None}
    return node if isinstance(node, dict) and pod_path else {}


def _parts(of: _Admitted, placed: _Placed, by: _Judged) -> tuple[tuple[ContainerFacts, ...], tuple[VolumeFacts, ...]]:
    view = _view(of, placed, by)
    writers: dict[str, list[Writer]] = {volume.name: [] for volume in of.volumes}
    found: list[ContainerFacts] = []
    for number, (container, forced) in enumerate(zip(of.pod.containers, of.forced, strict=True)):
        maximum = memory_max(forced, view)
        mounts = writable_mounts(container) if writers else ()
        for name in mounts:
            if name in writers:
                writers[name].append(Writer(container.name, maximum, container.type in ("app", "sidecar")))
        found.append(container_facts(Seen(container, forced, number, maximum, mounts), view))
    return tuple(found), tuple(volume_facts(volume, writers[volume.name], placed.around) for volume in of.volumes)


def _view(of: _Admitted, placed: _Placed, by: _Judged) -> PodView:
    demands: dict[str, list[str]] = {}
    for quota, key, name in of.pod.unspecified:
        if key.endswith("memory"):
            demands.setdefault(name, []).append(f"{key} for {quota}")
    return PodView(
        of.pod.pod_level,
        placed.oom,
        of.pod.windows,
        _several_apps(of.some),
        by.options,
        {volume.name: volume for volume in of.volumes if volume.medium == "Memory"},
        of.status,
        {name: ", ".join(words) for name, words in demands.items()},
        of.sums.memory_max_bytes,
        by.context.config_maps.get(of.obj.namespace, {}) if of.obj.namespace is not None else {},
        agreed(placed.around.allocatables_bytes),
        placed.nodes,
        _history(of.obj, by.context),
        of.seen,
        injected_by(of.obj, of.pod.containers),
    )


def _history(obj: Object, context: Context) -> Mapping[str, ContainerHistory]:
    return context.history.of(obj.namespace, obj.kind, obj.name) if context.history is not None else {}


def _several_apps(some: list[Container]) -> bool:
    return sum(1 for container in some if container.type == "app") > 1


def _pod_facts(
    of: _Admitted, placed: _Placed, by: _Judged, quantities: tuple[HeldQuantity, ...], written: set[str]
) -> PodFacts:
    several = _several_apps(of.some)
    around = PodAround(
        target=by.target,
        status=of.status,
        fixed_qos=by.rules.fixed_qos,
        sidecar_names=frozenset(c.name for c in of.some if is_sidecar(c, several_apps=several, options=by.options)),
        priority=of.priority,
        largest_node_bytes=placed.largest_bytes,
        injected=injected(of.obj, of.spec, of.pod, by.context),
        nodes=placed.nodes,
        indistinguishable=indistinguishable(placed.nodes, of.some),
        units_mixed=units_mixed(quantities, len(of.obj.pod_path or ())),
        history=_history(of.obj, by.context),
        tmpfs_size_limit_bytes=tmpfs_total(of.volumes, written) if of.volumes else None,
        pods_total=pods_total(of.obj),
    )
    return pod_facts(of.pod, of.spec, of.some, of.sums, around)


def _quantities(pod: Pod, volumes: list[Volume], pod_path: Path) -> tuple[HeldQuantity, ...]:
    held: list[HeldQuantity] = []
    if pod.pod_entries.entries:
        subject = Subject("pod", "", None, pod_path)
        held.extend(HeldQuantity(quantity_facts(entry), subject) for entry in pod.pod_entries.entries)
    for container in pod.containers:
        if container.entries:
            path = (*pod_path, container.list_name, container.index)
            subject = Subject("container", container.name, container.type, path)
            for entry in container.entries:
                held.append(HeldQuantity(quantity_facts(entry), subject))  # noqa: PERF401 - half the time of extend
    for volume in volumes:
        if volume.entry is not None:
            subject = Subject("volume", volume.name, None, (*pod_path, "volumes", volume.index))
            held.append(HeldQuantity(quantity_facts(volume.entry), subject))
    return tuple(held)


def _admission(pod: Pod) -> tuple[AdmissionFacts, ...]:
    return tuple(AdmissionFacts(event.by, event.rejects, event.reason) for event in pod.events) if pod.events else ()
