"""Autoscalers that name no namespace: they bound the workloads beside them that name none either.

A chart's templates rarely name the namespace that it is installed in, nor do manifests that are applied with `-n`. What
lies in one folder, or comes from one rendering, goes to one namespace all the same.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from auditor.kube.autoscalers import HorizontalAutoscaler, read_horizontal, read_scaled_object
from auditor.kube.objects import Fault
from auditor.sources.model import Object

Beside = tuple[str, str, str]
"""The folder or rendering, the kind and the name of a workload without a namespace."""

_READERS: dict[tuple[str, str], Callable[[dict[str, Any], str | None], HorizontalAutoscaler | Fault]] = {
    ("autoscaling", "HorizontalPodAutoscaler"): read_horizontal,
    ("keda.sh", "ScaledObject"): read_scaled_object,
}


def bounds_beside(obj: Object) -> bool:
    """Return whether an object is a horizontal autoscaler that names no namespace."""
    return obj.namespace is None and _kind(obj) in _READERS


def scalers_beside(objects: Iterable[Object]) -> Mapping[Beside, HorizontalAutoscaler]:
    """Return by their targets the autoscalers that name no namespace; of two different ones of a target neither."""
    found: dict[Beside, HorizontalAutoscaler] = {}
    unclear: set[Beside] = set()
    for obj in objects:
        value = _READERS[_kind(obj)](obj.data, None) if bounds_beside(obj) else None
        if isinstance(value, HorizontalAutoscaler):
            key = (obj.identity_folder, value.target.kind, value.target.name)
            if found.setdefault(key, value) != value:
                unclear.add(key)
    return {key: value for key, value in found.items() if key not in unclear}


def _kind(obj: Object) -> tuple[str, str]:
    return obj.api_version.rpartition("/")[0], obj.kind
