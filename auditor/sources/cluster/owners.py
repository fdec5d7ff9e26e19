"""Who makes the pods of a cluster: the chain of owners above a pod, and the template that people edit.

A pod is owned by a ReplicaSet, that by a Deployment, and that perhaps by an object of an operator. The workload of a
pod is the highest of them that holds a pod template: there its memory is set. Above it only the name is told.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from auditor.kube.observed import is_finished_job
from auditor.kube.paths import Path, value_at
from auditor.sources.workloads import ShapeError, pod_paths

Identity = tuple[str, str, str, str]
"""Namespace, API group, kind and name."""

_MAX_OWNERS = 16
"""So many owners above each other are followed: real ones are four."""
_DERIVED = frozenset((("apps", "ReplicaSet"), ("batch", "Job"), ("", "ReplicationController")))
"""What Kubernetes' own controllers make of another template: never where memory is set when something owns it."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Reference(msgspec.Struct, frozen=True):
    """The controller that an object names as its owner."""

    api_version: str
    kind: str
    name: str

    def identity(self, namespace: str) -> Identity:
        """Return what it is in a namespace."""
        return namespace, _group(self.api_version), self.kind, self.name

    @property
    def words(self) -> str:
        """Such as `Prometheus/k8s`."""
        return f"{self.kind}/{self.name}"


class Owner(msgspec.Struct, frozen=True):
    """An object that owns pods, kept small: a cluster has many."""

    reference: Reference
    namespace: str
    packed: bytes
    """Its data; empty for one whose template is another's."""
    paths: tuple[Path, ...]
    """Of its pod specs; empty without one."""
    above: Reference | None
    finished: bool = False
    """Whether it is a Job that has ended, so that its template makes no pod any more."""

    @property
    def identity(self) -> Identity:
        """What it is."""
        return self.reference.identity(self.namespace)

    def data(self) -> dict[str, Any]:
        """Return its data, a new copy."""
        return _decode(self.packed)  # type: ignore[no-any-return]


class Made(msgspec.Struct, frozen=True):
    """Who makes a pod."""

    workload: Owner | None
    """The highest owner with a template; None when none is known."""
    top: Reference | None
    """The topmost owner; None for a pod that nothing owns."""


class Owners:
    """Everything of a cluster that owns pods."""

    def __init__(self, template_paths: Mapping[str, Path]) -> None:
        self._template_paths = template_paths
        self._known: dict[Identity, Owner] = {}

    def add(self, data: dict[str, Any]) -> str | None:
        """Keep an object; return what is wrong with its template, None when it is in order."""
        api_version, kind, metadata = str(data.get("apiVersion")), str(data.get("kind")), data["metadata"]
        namespace, name = metadata.get("namespace") or "", metadata.get("name") or ""
        reference, above = Reference(api_version, kind, name), controller_of(metadata)
        paths: tuple[Path, ...] = ()
        fault = None
        derived = above is not None and (_group(api_version), kind) in _DERIVED
        if not derived:
            try:
                paths = pod_paths(data, _group(api_version), kind, self._template_paths)
            except ShapeError as error:
                fault = f"{kind} {namespace}/{name}: {error.reason}"
        finished = (_group(api_version), kind) == ("batch", "Job") and is_finished_job(data)
        owner = Owner(reference, namespace, b"" if derived else _encode(data), paths, above, finished)
        self._known[owner.identity] = owner
        return fault

    def maker(self, namespace: str, reference: Reference | None, pod_labels: Mapping[str, Any]) -> Made:
        """Return who makes a pod whose controller is `reference`."""
        workload, top = None, reference
        for _ in range(_MAX_OWNERS):
            if reference is None:
                break
            top = reference
            owner = self._known.get(reference.identity(namespace))
            if owner is None:
                above = _by_name(reference, pod_labels)
            else:
                workload = owner if owner.paths else workload
                above = owner.above
            reference = above
        return Made(workload, top)

    def by_themselves(self) -> Iterator[Owner]:
        """Yield the owners with a template that no other owner with a template makes."""
        for owner in self._known.values():
            if owner.paths and self.maker(owner.namespace, owner.reference, {}).workload is owner:
                yield owner

    def inner(self) -> Iterator[Identity]:
        """Yield what has a template, or had one, and is made by another one that is known."""
        for identity, owner in self._known.items():
            made = self.maker(owner.namespace, owner.reference, {}).workload
            if made is not None and made is not owner:
                yield identity


def controller_of(metadata: Mapping[str, Any]) -> Reference | None:
    """Return the controller among the ownerReferences of an object, None when it has none."""
    references = metadata.get("ownerReferences")
    for item in references if isinstance(references, list) else ():
        if isinstance(item, dict) and item.get("controller") is True:
            found = (item.get("apiVersion"), item.get("kind"), item.get("name"))
            if all(isinstance(text, str) and text for text in found):
                return Reference(*map(str, found))
    return None


def template_path(owner: Owner, data: dict[str, Any], spec: Mapping[str, Any]) -> Path | None:
    """Return which of an owner's pod specs a pod was made from, by its containers; None when that is not certain."""
    if len(owner.paths) == 1:
        return owner.paths[0]
    running = _names(spec)
    fitting = [path for path in owner.paths if (names := _names(value_at(data, path))) and names <= running]
    return fitting[0] if len(fitting) == 1 else None


def _names(spec: Any) -> set[str]:
    items = spec.get("containers") if isinstance(spec, Mapping) else None
    return {str(item.get("name")) for item in items if isinstance(item, dict)} if isinstance(items, list) else set()


def _by_name(reference: Reference, pod_labels: Mapping[str, Any]) -> Reference | None:
    """Return the Deployment above a ReplicaSet that could not be read: its name ends in the hash of the template."""
    suffix = pod_labels.get("pod-template-hash")
    if reference.kind != "ReplicaSet" or not isinstance(suffix, str) or not suffix:
        return None
    name = reference.name.removesuffix(f"-{suffix}")
    return Reference("apps/v1", "Deployment", name) if name and name != reference.name else None


def _group(api_version: str) -> str:
    return api_version.partition("/")[0] if "/" in api_version else ""
