"""What other objects of the same inputs contribute: LimitRanges, quotas, nodes, kubelets, autoscalers, ConfigMaps ...

A context holds the objects of one PATH argument, which is one cluster. An object without a namespace joins nothing that
is in one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Generic, TypeVar

from auditor.facts.beside import Beside, bounds_beside, scalers_beside
from auditor.findings import Skipped
from auditor.kube.autoscalers import (
    HorizontalAutoscaler,
    VerticalAutoscaler,
    read_horizontal,
    read_scaled_object,
    read_vertical,
)
from auditor.kube.kubelet import KubeletConfig, read_kubelet_config
from auditor.kube.limitrange import LimitRange, read_limit_range
from auditor.kube.nodes import Node, NodeGroup, node_groups, read_node
from auditor.kube.objects import Amounts, Fault, read_amounts, strings
from auditor.kube.priority import PriorityClass, read_priority_class
from auditor.kube.quota import Quota, read_quota
from auditor.kube.versions import NEWEST
from auditor.sources.model import Object
from auditor.sources.workloads import CLUSTER_SCOPED
from auditor.usage.join import History

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A value and the object that it was read from."""

    object: Object
    value: T


@dataclass(frozen=True, slots=True)
class NamespaceInfo:
    """The labels and annotations of a Namespace: injectors ask for them."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


ANY_NAMESPACE = "*"


class Unread(frozenset[tuple[str, str]]):
    """Kinds and namespaces that are not known; `ANY_NAMESPACE` stands for each of them."""

    def __contains__(self, item: object) -> bool:
        """Return whether a kind is not known in a namespace."""
        if super().__contains__(item):
            return True
        return isinstance(item, tuple) and super().__contains__((item[0], ANY_NAMESPACE))


Workload = tuple[str | None, str, str]
"""Namespace, kind and name."""

_MAX_NODE_GROUPS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """The context objects of one cluster; picklable."""

    limit_ranges: Mapping[str, tuple[Held[LimitRange], ...]] = field(default_factory=dict)
    """By namespace, in order of their names."""
    quotas: Mapping[str, tuple[Held[Quota], ...]] = field(default_factory=dict)
    """By namespace, in order of their names."""
    overheads: Mapping[str, Amounts] = field(default_factory=dict)
    """RuntimeClass to its overhead, empty for a class without one."""
    priorities: Mapping[str, PriorityClass] = field(default_factory=dict)
    namespaces: Mapping[str, Held[NamespaceInfo]] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    """Namespace to ConfigMap to its data."""
    horizontal: tuple[Held[HorizontalAutoscaler], ...] = ()
    """HorizontalPodAutoscalers and ScaledObjects."""
    vertical: tuple[Held[VerticalAutoscaler], ...] = ()
    targets: frozenset[Workload] = frozenset()
    """What autoscalers act on."""
    scalers: Mapping[Workload, HorizontalAutoscaler] = field(default_factory=dict)
    """Target to the horizontal autoscaler that scales it."""
    beside: Mapping[Beside, HorizontalAutoscaler] = field(default_factory=dict)
    """The same for targets without a namespace."""
    nodes: tuple[Held[Node], ...] = ()
    kubelets: tuple[Held[KubeletConfig], ...] = ()
    groups: tuple[NodeGroup, ...] = ()
    """The different kinds of nodes."""
    unread: Unread = field(default_factory=Unread)
    """Kind and namespace (empty for none) of objects that are in the input and could not be read."""
    history: History | None = None
    """What was used; None when no history was given."""
    complete: bool = False
    """Whether the input is said to be the whole cluster."""
    whole_namespaces: frozenset[str] = frozenset()
    """Namespaces that are whole, of a cluster of which only some were read."""
    inherited: frozenset[tuple[str, str, str | None, str]] = frozenset()
    """What of it, by `known_elsewhere`, is another context's too and judged there."""
    inner_owners: frozenset[Workload] = frozenset()
    """What owns pods and is itself made by another workload, which is judged in its place."""

    @staticmethod
    def build(
        objects: Iterable[Object], minor: int = NEWEST, missing: Iterable[tuple[str, str]] = ()
    ) -> "tuple[Context, tuple[Skipped, ...]]":
        """Return the context, and the objects that are malformed or contradict each other; `minor` is the kubelets'.

        `missing` are kinds that could not be read at all, each with a namespace, empty for none, or `ANY_NAMESPACE`.
        """
        every = tuple(objects)
        unique, contradicting = _unique(every)
        skipped = [item for item, _ in contradicting]
        unread = {*missing, *((obj.kind, obj.namespace or "") for _, obj in contradicting)}
        read: dict[str, list[Held[Any]]] = {}
        for obj in unique:
            value = _READERS[_kind(obj)](obj)
            if isinstance(value, Fault):
                unread.add((obj.kind, obj.namespace or ""))
                skipped.append(_skipped(obj, value))
            else:
                read.setdefault(obj.kind, []).append(Held(obj, value))
            if isinstance(value, Node):
                skipped.extend(_skipped(obj, fault) for fault in value.faults)
        context = replace(_assembled(read, minor), unread=Unread(unread), beside=scalers_beside(every))
        return context, tuple(skipped)

    def scaler_of(self, obj: Object) -> HorizontalAutoscaler | None:
        """Return the horizontal autoscaler that scales a workload, None when there is none."""
        if obj.namespace is None:
            return self.beside.get((obj.identity_folder, obj.kind, obj.name)) if self.beside else None
        return self.scalers.get((obj.namespace, obj.kind, obj.name)) if self.scalers else None

    def knows_all_of(self, namespace: str | None) -> bool:
        """Return whether what is missing in a namespace of the input is missing in the cluster too."""
        return self.complete or namespace in self.whole_namespaces

    def on_node(self, name: str) -> "Context":
        """Return the context of the node of that name alone; without any node when it is not there."""
        nodes = tuple(held for held in self.nodes if held.value.name == name)
        groups = tuple(group for group in self.groups if name in group.names)
        return replace(self, nodes=nodes, groups=groups)

    @property
    def wide(self) -> bool:
        """Return whether anything here is judged besides workloads, or needs sums over them."""
        subjects = (self.limit_ranges, self.quotas, self.horizontal, self.vertical, self.nodes, self.kubelets)
        return self.complete or bool(self.whole_namespaces) or any(subjects)


EMPTY = Context()


def known_elsewhere(obj: Object) -> tuple[str, str, str | None, str]:
    """Return what tells an object from others of the same input."""
    return obj.file, obj.kind, obj.namespace, obj.name


def acts_on(autoscaler: HorizontalAutoscaler | VerticalAutoscaler) -> Workload:
    """Return what an autoscaler changes the pods of."""
    return autoscaler.namespace, autoscaler.target.kind, autoscaler.target.name


def _assembled(read: Mapping[str, Sequence[Held[Any]]], minor: int) -> Context:
    def of(*kinds: str) -> tuple[Held[Any], ...]:
        return tuple(item for kind in kinds for item in read.get(kind, ()))

    nodes, kubelets = of("Node"), of("KubeletConfiguration")
    names = {item.value.name for item in nodes}
    configs = [(_label(item.object, names), item.value) for item in kubelets]
    horizontal, vertical = of("HorizontalPodAutoscaler", "ScaledObject"), of("VerticalPodAutoscaler")
    maps: dict[str, dict[str, Mapping[str, str]]] = {}
    for item in of("ConfigMap"):
        maps.setdefault(item.object.namespace or "", {})[item.object.name] = item.value
    return Context(
        limit_ranges=_by_namespace(of("LimitRange")),
        quotas=_by_namespace(of("ResourceQuota")),
        overheads={item.object.name: item.value for item in of("RuntimeClass")},
        priorities={item.object.name: item.value for item in of("PriorityClass")},
        namespaces={item.object.name: item for item in of("Namespace")},
        config_maps=maps,
        horizontal=horizontal,
        vertical=vertical,
        targets=frozenset(acts_on(item.value) for item in (*horizontal, *vertical)),
        scalers={acts_on(item.value): item.value for item in horizontal},
        nodes=nodes,
        kubelets=kubelets,
        groups=_few(node_groups([item.value for item in nodes], configs, minor)),
    )


def _few(groups: tuple[NodeGroup, ...]) -> tuple[NodeGroup, ...]:
    """Return the groups; of very many that differ in capacity only, the smallest and the largest of each kind.

    Machines of one type differ by some pages, so that a large cluster has as many groups as nodes. Every fact rises or
    falls with capacity, so that the two ends tell whether nodes differ.
    """
    if len(groups) <= _MAX_NODE_GROUPS:
        return groups
    kinds: dict[object, list[NodeGroup]] = {}
    for group in groups:
        node = group.settings
        kind = (node.config, node.minor, node.kernel, node.swap_capacity_bytes is None, node.capacity_bytes is None)
        kinds.setdefault(kind, []).append(group)
    chosen: list[NodeGroup] = []
    for some in kinds.values():
        some.sort(key=lambda group: (group.settings.allocatable_bytes or 0, group.settings.capacity_bytes or 0))
        chosen += [some[0], *some[1:][-1:]]
    return tuple(chosen)


def _by_namespace(held: Sequence[Held[Any]]) -> dict[str, tuple[Held[Any], ...]]:
    found: dict[str, list[Held[Any]]] = {}
    for item in sorted(held, key=lambda item: item.object.name):
        found.setdefault(item.object.namespace or "", []).append(item)
    return {name: tuple(items) for name, items in found.items()}


def _label(obj: Object, nodes: set[str]) -> str:
    """Return the node whose configuration it is (the saved file, or the live object, is named so), else its place."""
    names = (PurePosixPath(obj.file).stem, obj.name)
    return next((name for name in names if name in nodes), obj.origin)


def _kind(obj: Object) -> tuple[str, str]:
    return obj.api_version.rpartition("/")[0], obj.kind


def is_context(obj: Object) -> bool:
    """Return whether an object is one that a context holds."""
    return _kind(obj) in _READERS


def _identity(obj: Object) -> str | None:
    """Return what two objects may not both be; None for one that joins nothing."""
    if _kind(obj) not in _READERS:
        return None
    if obj.kind == "KubeletConfiguration":
        return f"KubeletConfiguration {obj.origin if obj.cluster is None else obj.name}"
    if obj.kind in CLUSTER_SCOPED:
        return f"{obj.kind} {obj.name}"
    return None if obj.namespace is None else f"{obj.kind} {obj.namespace}/{obj.name}"


def _unique(objects: Iterable[Object]) -> tuple[list[Object], list[tuple[Skipped, Object]]]:
    """Return each context object once; two different ones of one identity are both left out and named.

    Overlays of one repository hold many ConfigMaps and Namespaces of one name: those are as if they were not in the
    input, which leaves what they decide unknown.
    """
    by_identity: dict[str, list[Object]] = {}
    for obj in objects:
        identity = _identity(obj)
        if identity is not None:
            by_identity.setdefault(identity, []).append(obj)
    unique: list[Object] = []
    skipped: list[tuple[Skipped, Object]] = []
    for identity, same in by_identity.items():
        if all(obj.data == same[0].data for obj in same):
            unique.append(same[0])
            continue
        if same[0].kind in _MANY_OF_ONE_NAME:
            continue
        places = ", ".join(obj.origin for obj in same)
        reason = f"{identity} is there with different contents: {places}"
        skipped.extend((Skipped(o.file, o.line or None, None, reason, o.cluster), o) for o in same)
    return unique, skipped


def without_namespace(objects: Iterable[Object]) -> int:
    """Return how many context objects join nothing because they name no namespace."""
    held = (obj for obj in objects if _kind(obj) in _READERS and obj.kind != "ConfigMap" and not bounds_beside(obj))
    return sum(1 for obj in held if _identity(obj) is None)


def _skipped(obj: Object, fault: Fault) -> Skipped:
    return obj.skipped(fault.path, f"{obj.kind} {obj.name}: {fault.reason}")


def _limit_range(obj: Object) -> LimitRange | Fault:
    return read_limit_range(obj.data, f"{obj.namespace}/{obj.name}", obj.origin)


def _quota(obj: Object) -> Quota | Fault:
    return read_quota(obj.data, f"{obj.namespace}/{obj.name}", obj.origin)


def _overhead(obj: Object) -> Amounts | Fault:
    overhead = obj.data.get("overhead")
    fixed = overhead.get("podFixed") if isinstance(overhead, dict) else overhead
    read = read_amounts(fixed, "overhead.podFixed", "requests")
    if isinstance(read, Fault):
        return read
    if not read.refused:
        return read.requests
    where, reason = read.refused[0]
    return Fault(("overhead", "podFixed", where.removeprefix("overhead.podFixed.")), f"{where}: {reason}")


def _namespace(obj: Object) -> NamespaceInfo:
    metadata = obj.data.get("metadata")
    return NamespaceInfo(*(texts(metadata, key) for key in ("labels", "annotations")))


def _config_map(obj: Object) -> Mapping[str, str]:
    return texts(obj.data, "data")


def texts(owner: object, key: str) -> Mapping[str, str]:
    """Return the text entries of a map below a key, such as labels; whatever has another type is left out."""
    return strings(owner.get(key)) if isinstance(owner, dict) else {}


_MANY_OF_ONE_NAME = frozenset(("ConfigMap", "Namespace"))
_READERS: dict[tuple[str, str], Callable[[Object], Any]] = {
    ("", "LimitRange"): _limit_range,
    ("", "ResourceQuota"): _quota,
    ("", "Node"): lambda obj: read_node(obj.data),
    ("", "Namespace"): _namespace,
    ("", "ConfigMap"): _config_map,
    ("node.k8s.io", "RuntimeClass"): _overhead,
    ("scheduling.k8s.io", "PriorityClass"): lambda obj: read_priority_class(obj.data),
    ("kubelet.config.k8s.io", "KubeletConfiguration"): lambda obj: read_kubelet_config(obj.data),
    ("autoscaling", "HorizontalPodAutoscaler"): lambda obj: read_horizontal(obj.data, obj.namespace),
    ("keda.sh", "ScaledObject"): lambda obj: read_scaled_object(obj.data, obj.namespace),
    ("autoscaling.k8s.io", "VerticalPodAutoscaler"): lambda obj: read_vertical(obj.data, obj.namespace),
}
