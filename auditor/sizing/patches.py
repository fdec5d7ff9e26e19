"""Recommendations as edits: kustomize components, JSON patches, fixes of findings.

An edited container says its request and its limit both, since a request that is not written follows the limit.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from auditor.findings import Edit
from auditor.kube.paths import Path, path_text
from auditor.kube.quantity import show
from auditor.sizing.model import Recommendation, SizingInput

Sized = tuple[SizingInput, Recommendation]
"""A container and what is recommended for it."""

_MERGED_BY_NAME = {
    ("", "Pod"),
    ("", "PodTemplate"),
    ("", "ReplicationController"),
    ("apps", "Deployment"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
}
"""The kinds whose lists of containers a strategic merge joins by name; in a custom resource it replaces the list."""


class WorkloadPatch(msgspec.Struct, frozen=True):
    """A JSON patch (RFC 6902) and the object that it is for, in the form of kustomize's `patches`."""

    target: dict[str, str]
    """group, version, kind, name and namespace, as far as the manifest has them; literal, no patterns."""
    patch: tuple[dict[str, Any], ...]
    """The operations, in order; each container's begin with a test of its name."""


def changed(pairs: Iterable[Sized]) -> list[Sized]:
    """Return the containers for which something else is recommended than what is."""
    return [pair for pair in pairs if pair[1].changed]


def amounts(recommendation: Recommendation) -> dict[str, str]:
    """Return block to memory quantity, `requests` and `limits` where they are recommended, in canonical form."""
    sizes = {
        "requests": recommendation.recommended_request_bytes,
        "limits": recommendation.recommended_limit_bytes,
    }
    return {block: show(size * 1000) for block, size in sizes.items() if size is not None}


def edits(item: SizingInput, recommendation: Recommendation) -> tuple[Edit, ...]:
    """Return what a recommendation changes in the object; empty when nothing else is recommended than what is."""
    if not recommendation.changed:
        return ()
    here = (*_container_path(item), "resources")
    return tuple(
        Edit("set", (*here, block, "memory"), text, argued=True) for block, text in amounts(recommendation).items()
    )


def fixes(item: SizingInput, recommendation: Recommendation) -> tuple[dict[str, Any], ...]:
    """Return the fix of a finding about this container: path in the object and the quantity to write there.

    Parents that are missing are made by whoever applies it. Empty when nothing else is recommended than what is.
    """
    return tuple({"path": path_text(edit.path), "value": edit.value} for edit in edits(item, recommendation))


def json_patches(pairs: Iterable[Sized]) -> tuple[WorkloadPatch, ...]:
    """Return a JSON patch for each workload with something to change, in input order."""
    found = []
    for items in _by_workload(changed(pairs)):
        operations = [step for item, recommendation in items for step in _operations(item, recommendation)]
        found.append(WorkloadPatch(_target(items[0][0]), tuple(operations)))
    return tuple(found)


def kustomize_component(pairs: Iterable[Sized]) -> str:
    """Return a kustomize Component (YAML) that patches every workload with something to change.

    Strategic merge patches, which fail loudly when the object is not there. A JSON patch where such a merge would do
    harm: it replaces the lists of custom resources, and puts the containers that it names before the others, while init
    containers run in their order.
    """
    import yaml

    patches: list[dict[str, Any]] = []
    for items in _by_workload(changed(pairs)):
        first = items[0][0]
        if (_group(first.api_version), first.kind) in _MERGED_BY_NAME and _keeps_order(items):
            patches.append({"patch": _Block(_yaml(_merge(items)))})
        else:
            steps = [step for item, recommendation in items for step in _operations(item, recommendation)]
            patterns = {key: re.escape(text) for key, text in _target(first).items()}
            patches.append({"target": patterns, "patch": _Block(_yaml(steps))})
    component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "patches": patches}

    class Dumper(yaml.SafeDumper):
        """Writes the inner documents as block scalars."""

    Dumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar(_STRING, str(text), style="|"))
    return yaml.dump(component, Dumper=Dumper, sort_keys=False)


_STRING = "tag:yaml.org,2002:str"


class _Block(str):
    """A text that is written as a block scalar."""

    __slots__ = ()


def _yaml(value: Any) -> str:
    import yaml

    return yaml.safe_dump(value, sort_keys=False)


def _by_workload(pairs: Iterable[Sized]) -> list[list[Sized]]:
    groups: dict[tuple[str, ...], list[Sized]] = {}
    for pair in pairs:
        item = pair[0]
        key = (item.cluster, item.api_version, item.kind, item.namespace or "", item.name)
        groups.setdefault(key, []).append(pair)
    return list(groups.values())


def _keeps_order(items: Sequence[Sized]) -> bool:
    """Return whether the named containers are the first ones of their lists, so that a merge moves none."""
    places: dict[str, list[int]] = {}
    for item, _ in items:
        places.setdefault(item.list_name, []).append(item.index)
    return all(sorted(found) == list(range(len(found))) for found in places.values())


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _target(item: SizingInput) -> dict[str, str]:
    group, _, version = item.api_version.rpartition("/")
    named = {"group": group, "version": version, "kind": item.kind, "name": item.name}
    named["namespace"] = item.written_namespace or ""
    return {key: text for key, text in named.items() if text}


def _container_path(item: SizingInput) -> Path:
    return (*item.pod_path, item.list_name, item.index)


def _operations(item: SizingInput, recommendation: Recommendation) -> list[dict[str, Any]]:
    """Return the operations for one container: `add` replaces a member that exists, but its parent must exist."""
    here = _container_path(item)
    steps: list[dict[str, Any]] = [{"op": "test", "path": _pointer((*here, "name")), "value": item.container}]
    texts = amounts(recommendation)
    if not isinstance(item.resources, Mapping):
        value = {block: {"memory": text} for block, text in texts.items()}
        return [*steps, {"op": "add", "path": _pointer((*here, "resources")), "value": value}]
    for block, text in texts.items():
        path = (*here, "resources", block)
        if isinstance(item.resources.get(block), Mapping):
            steps.append({"op": "add", "path": _pointer((*path, "memory")), "value": text})
        else:
            steps.append({"op": "add", "path": _pointer(path), "value": {"memory": text}})
    return steps


def _merge(items: Sequence[Sized]) -> dict[str, Any]:
    """Return the strategic merge patch of one workload."""
    first = items[0][0]
    spec: dict[str, Any] = {}
    for item, recommendation in sorted(items, key=lambda pair: pair[0].index):
        resources = {block: {"memory": text} for block, text in amounts(recommendation).items()}
        spec.setdefault(item.list_name, []).append({"name": item.container, "resources": resources})
    body: Any = spec
    for step in reversed(first.pod_path):
        body = {step: body}
    metadata = {"name": first.name}
    if first.written_namespace:
        metadata["namespace"] = first.written_namespace
    return {"apiVersion": first.api_version, "kind": first.kind, "metadata": metadata, **body}


def _pointer(path: Path) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
