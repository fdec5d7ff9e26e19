"""From the entries of a cluster to the objects that are judged: pods under their workload, each spec once, counted.

The API server lists pods by namespace and name, so that the pods of a namespace come together: when the next namespace
begins, the workloads of the last one are complete, are handed out, and are forgotten. Memory is bounded by the largest
namespace, and by what owns pods.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from auditor.findings import Skipped
from auditor.kube.observed import Tally
from auditor.kube.paths import Path, value_at, with_value
from auditor.kube.quantity import Quantity, parse
from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Entries, Header, Item, Missing
from auditor.sources.cluster.kubeconfig import tidy
from auditor.sources.cluster.owners import Identity, Made, Owner, Owners, Reference, controller_of, template_path
from auditor.sources.cluster.running import RunningWorkload
from auditor.sources.cluster.sameness import shape_fault
from auditor.sources.cluster.selector import Selector
from auditor.sources.model import Live, Object
from auditor.sources.workloads import CLUSTER_SCOPED

_AROUND = CLUSTER_SCOPED | {
    *("LimitRange", "ResourceQuota", "ConfigMap", "HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ScaledObject"),
}
_UNUSED = frozenset(("VerticalPodAutoscalerCheckpoint",))
_BATCH = 100
"""So many objects are handed out together, or one workload's more."""


class ClusterObjects:
    """Reads entries: first `surroundings`, then `batches`; then what was missing is known."""

    def __init__(self, entries: Entries, template_paths: Mapping[str, Path]) -> None:
        self._entries = entries
        self._first: dict[str, Any] | None = None
        self.header = Header(SNAPSHOT_VERSION, "", None)
        self.skipped: list[Skipped] = []
        self.missing: set[tuple[str, str | None]] = set()
        """Kinds that could not be read, each with the namespace; None for all."""
        self.ended = self.interrupted = False
        self.objects_total = 0
        """Objects read so far that could be judged or used."""
        self.pods_total = 0
        """Pods read so far, finished ones too."""
        self._owners = Owners(template_paths)
        self._used: dict[tuple[str, str], dict[str, int]] = {}
        self._workloads: dict[Identity, RunningWorkload] = {}
        self._judged: set[Identity] = set()

    @property
    def whole(self) -> bool:
        """Whether everything of the cluster was asked for and read."""
        return self.header.whole and self.ended and not self.interrupted and not self.skipped

    @property
    def whole_namespaces(self) -> frozenset[str]:
        """The namespaces of a part of a cluster of which everything was read."""
        done = self.ended and not self.interrupted and not self.skipped and self.header.selector is None
        return frozenset(self.header.namespaces) if done else frozenset()

    @property
    def inner_owners(self) -> frozenset[tuple[str, str, str]]:
        """Namespace, kind and name of what makes pods and is itself made by a workload that is judged."""
        return frozenset((namespace, kind, name) for namespace, _, kind, name in self._owners.inner())

    def surroundings(self) -> list[Object]:
        """Return what stands around the pods: everything up to the first object that owns pods."""
        found: list[Object] = []
        for data in self._items():
            kind = data["kind"]
            if kind == "PodMetrics":
                self._metrics(data)
            elif kind in _AROUND:
                found.append(self._object(data))
            else:
                self._first = data
                break
        return found

    def batches(self) -> Iterator[list[Object]]:
        """Yield the workloads: those of a namespace when its pods have been read, those without pods at the end."""
        namespace = None
        for data in self._items():
            if data["kind"] != "Pod":
                fault = self._owners.add(data)
                if fault is not None:
                    self._skip(fault)
                continue
            here = _metadata(data).get("namespace") or ""
            if here != namespace:
                yield from self._flush()
                namespace = here
            self._pod(here, data)
        yield from self._flush()
        if self.interrupted:
            return
        yield from _together(self._without_pods())
        if self.header.selector is not None and not self._judged and not self.missing:
            self._skip(f"nothing has the labels {tidy(self.header.selector)}: no pod, and no template of a workload")

    def _items(self) -> Iterator[dict[str, Any]]:
        """Yield the objects that can be read; what else is among the entries is kept."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        for entry in self._entries:
            if not isinstance(entry, Item):
                self._besides(entry)
                continue
            fault = shape_fault(entry.data)
            if fault is not None:
                self._skip(fault)
            elif entry.data["kind"] not in _UNUSED:
                self.objects_total += 1
                yield entry.data

    def _besides(self, entry: Header | Missing | End) -> None:
        if isinstance(entry, Header):
            self.header = entry
        elif isinstance(entry, Missing):
            self._skip(f"{entry.what}: {entry.reason}")
            if entry.kind is not None:
                self.missing.add((entry.kind, entry.namespace))
        else:
            self.ended = True
            self.interrupted = entry.interrupted
            if entry.interrupted:
                self._skip("reading was interrupted: the rest of the cluster is not judged")

    def _skip(self, reason: str) -> None:
        self.skipped.append(Skipped("", None, None, reason, self.header.cluster))

    def _object(self, data: dict[str, Any]) -> Object:
        """Return an object around the pods."""
        metadata = _metadata(data)
        return Object(
            str(data.get("apiVersion")),
            str(data.get("kind")),
            metadata.get("namespace"),
            metadata.get("name") or "",
            data,
            "",
            "",
            0,
            (),
            None,
            None,
            cluster=self.header.cluster,
        )

    def _metrics(self, data: dict[str, Any]) -> None:
        metadata, containers = _metadata(data), data.get("containers")
        used: dict[str, int] = {}
        for item in containers if isinstance(containers, list) else ():
            usage = item.get("usage") if isinstance(item, dict) else None
            size = parse(usage.get("memory")) if isinstance(usage, dict) else None
            if isinstance(size, Quantity) and size.problem is None:
                used[str(item.get("name"))] = size.bytes
        self._used[metadata.get("namespace") or "", metadata.get("name") or ""] = used

    def _pod(self, namespace: str, pod: dict[str, Any]) -> None:
        self.pods_total += 1
        metadata = pod["metadata"]
        name, controller = metadata.get("name") or "", controller_of(metadata)
        if controller is not None and controller.kind == "Node":
            # A static pod: the kubelet adds the node's name to its own.
            name = name.removesuffix(f"-{controller.name}")
            controller = None
        made = self._owners.maker(namespace, controller, metadata.get("labels") or {})
        workload = self._workload(namespace, name, made)
        workload.add(pod, self._used.pop((namespace, metadata.get("name") or ""), {}))

    def _workload(self, namespace: str, pod_name: str, made: Made) -> RunningWorkload:
        if made.workload is not None:
            reference = made.workload.reference
        else:
            reference = made.top or Reference("v1", "Pod", pod_name)
        identity = reference.identity(namespace)
        if identity not in self._workloads:
            self._workloads[identity] = RunningWorkload(made, reference)
        return self._workloads[identity]

    def _flush(self) -> Iterator[list[Object]]:
        """Yield the workloads of the namespace that has been read, and forget it."""
        workloads, self._workloads = self._workloads, {}
        yield from _together(self._objects_of(identity, some) for identity, some in workloads.items())

    def _objects_of(self, identity: Identity, workload: RunningWorkload) -> list[Object]:
        """Return an object for each spec that the pods of a workload have, that of most pods last."""
        owner = workload.made.workload
        self._judged.add(identity)
        top = workload.made.top
        above = top.words if top is not None and top != workload.reference else None
        if not workload.groups:
            if owner is None or (owner.finished and not workload.tally.tells_trouble):
                return []
            return self._templates(owner, workload.tally, above)
        groups = sorted(workload.groups.values(), key=lambda group: group.total)
        total = sum(group.total for group in groups)
        found = []
        for number, group in enumerate(groups, 1):
            pod = group.pod()
            live = Live(
                group.total,
                tuple(sorted(group.nodes.items())),
                workload.tally.result(),
                None,
                pod.get("status"),
                above,
                total - group.total,
                primary=number == len(groups),
            )
            found.append(self._running(identity[0], workload, pod, live))
        return found

    def _running(self, namespace: str, workload: RunningWorkload, pod: dict[str, Any], live: Live) -> Object:
        """Return the object of pods that run: their workload's, with their spec in the place of its template's."""
        owner, reference = workload.made.workload, workload.reference
        data = owner.data() if owner is not None else {}
        path = template_path(owner, data, pod["spec"]) if owner is not None else None
        if path is None:
            path = ("spec",)
            metadata = pod["metadata"] | {"name": reference.name}
            data = {**pod, "apiVersion": reference.api_version, "kind": reference.kind, "metadata": metadata}
        else:
            live = replace(live, template=value_at(data, path))
            data = _replaced(data, path, pod)
        return self._of(reference, namespace, data, path, live)

    def _templates(self, owner: Owner, tally: Tally, above: str | None) -> list[Object]:
        """Return the object of each template of a workload that has no pods, as far as pods could be read."""
        data = owner.data()
        unknown = {("Pod", None), ("Pod", owner.namespace)} & self.missing
        live = None if unknown else Live(0, (), tally.result(), None, None, above)
        return [self._of(owner.reference, owner.namespace, data, path, live) for path in owner.paths]

    def _of(self, reference: Reference, namespace: str, data: dict[str, Any], path: Path, live: Live | None) -> Object:
        return Object(
            reference.api_version,
            reference.kind,
            namespace or None,
            reference.name,
            data,
            "",
            "",
            0,
            (),
            path,
            None,
            cluster=self.header.cluster,
            live=live,
        )

    def _without_pods(self) -> Iterator[list[Object]]:
        selector = Selector.parse(self.header.selector) if self.header.selector else None
        for owner in self._owners.by_themselves():
            if owner.identity in self._judged or owner.finished:
                continue
            if selector is not None and not any(selector.matches(labels) for labels in _template_labels(owner)):
                continue
            top = self._owners.maker(owner.namespace, owner.reference, {}).top
            above = top.words if top is not None and top != owner.reference else None
            self._judged.add(owner.identity)
            yield self._templates(owner, Tally(), above)


def _together(groups: Iterator[list[Object]]) -> Iterator[list[Object]]:
    """Yield objects in batches, those of one workload never apart."""
    batch: list[Object] = []
    for objects in groups:
        batch.extend(objects)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _metadata(data: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = data.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _replaced(data: dict[str, Any], path: Path, pod: dict[str, Any]) -> Any:
    """Return an owner's data with a pod's metadata and spec in the place of the template at a path."""
    whole = with_value(data, path, pod["spec"])
    return whole if len(path) == 1 else with_value(whole, (*path[:-1], "metadata"), pod["metadata"])


def _template_labels(owner: Owner) -> Sequence[Mapping[str, Any]]:
    """Return the labels of the pods that each template makes; its owner's own are not theirs."""
    data = owner.data()
    holders = [value_at(data, path[:-1]) for path in owner.paths]
    return [_metadata(holder).get("labels") or {} for holder in holders if isinstance(holder, dict)]
