"""From a whole Kubernetes object to what facts about memory read of it, and nothing else.

The facts of what is left are the facts of the whole. Values of variables, arguments, annotations and ConfigMaps are
left out or cut down to their memory flags, since secrets stand there; a Secret is never kept.
"""

from collections.abc import Callable, Mapping
from typing import Any

from auditor.kube.observed import is_finished_job
from auditor.kube.paths import Path, value_at
from auditor.kube.priority import ANNOTATIONS as OF_KUBELETS
from auditor.sidecars.injection import ANNOTATIONS as OF_INJECTORS
from auditor.sources.cluster.reduce_around import AROUND
from auditor.sources.cluster.reduce_pods import pod_spec, pod_status, scalar
from auditor.sources.cluster.reduce_words import shape
from auditor.sources.workloads import ShapeError, pod_paths

Data = dict[str, Any]

WAIVER = "memory-auditor.io/waive"
_MAX_WAIVER_CHARS = 16_385
"""One more than a waiver may have, so that a longer one is still told as too long."""
_KEPT_ANNOTATIONS = OF_INJECTORS | OF_KUBELETS | {WAIVER}
_METADATA = ("name", "generateName", "namespace", "uid", "creationTimestamp", "deletionTimestamp")
_REFERENCE = ("apiVersion", "kind", "name", "uid", "controller")
_COUNTS: tuple[Path, ...] = (
    ("spec", "replicas"),
    ("spec", "parallelism"),
    ("spec", "jobTemplate", "spec", "parallelism"),
    ("status", "desiredNumberScheduled"),
)
_FINISHED = [{"type": "Complete", "status": "True"}]
"""The conditions of a Job that has ended, well or not."""
_NO_PATHS: Mapping[str, Path] = {}


def reducer(template_paths: Mapping[str, Path]) -> Callable[[Data], Data | None]:
    """Return `reduced` for the custom kinds whose templates the config names."""

    def reduce(data: Data) -> Data | None:
        return reduced(data, template_paths)

    return reduce


def reduced(data: Data, template_paths: Mapping[str, Path] = _NO_PATHS) -> Data | None:
    """Return what facts read of an object with apiVersion and kind, None for a Secret.

    `template_paths` maps a kind to the path of its template or pod spec. Parts of the result may belong to `data` or
    to other results: change none of them.
    """
    api_version, kind = data.get("apiVersion"), data.get("kind")
    if kind == "Secret":
        return None
    kept: Data = {"apiVersion": scalar(api_version), "kind": scalar(kind)}
    if "metadata" in data:
        kept["metadata"] = metadata(data["metadata"])
    if not isinstance(kind, str) or not isinstance(api_version, str):
        return kept
    if kind == "Pod" and api_version == "v1" and kind not in template_paths:
        if "spec" in data:
            kept["spec"] = pod_spec(data["spec"])
        if "status" in data:
            kept["status"] = pod_status(data["status"])
        return kept
    group = api_version.rpartition("/")[0]
    around = AROUND.get((group, kind))
    if around is not None:
        return kept | around(data)
    return kept | _workload(data, group, kind, template_paths)


def metadata(raw: Any) -> Any:
    """Return the metadata of an object or a template."""
    if not isinstance(raw, dict):
        return shape(raw)
    kept: Data = {key: scalar(raw[key]) for key in _METADATA if key in raw}
    labels, annotations, owners = raw.get("labels"), raw.get("annotations"), raw.get("ownerReferences")
    if labels is not None and labels != {}:
        kept["labels"] = _labels(labels)
    if annotations and isinstance(annotations, dict):
        names = _KEPT_ANNOTATIONS & annotations.keys()
        if names:
            kept["annotations"] = {name: _annotation(name, annotations[name]) for name in annotations if name in names}
    if owners and isinstance(owners, list):
        kept["ownerReferences"] = [
            {key: scalar(item[key]) for key in _REFERENCE if key in item} for item in owners if isinstance(item, dict)
        ]
    return kept


def _labels(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return shape(raw)
    return {key: scalar(value) for key, value in raw.items()}


def _annotation(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return shape(value)
    return value[:_MAX_WAIVER_CHARS] if name == WAIVER else value


def _workload(data: Data, group: str, kind: str, template_paths: Mapping[str, Path]) -> Data:
    """Return the pod templates of an object and how many pods it wants; nothing of one that owns no pods."""
    leaves: dict[Path, Any] = {}
    try:
        paths = pod_paths(data, group, kind, template_paths)
    except ShapeError as error:
        paths = ()
        leaves[error.path] = shape(value_at(data, error.path))
    for path in paths:
        holder = value_at(data, path[:-1])
        if len(path) > 1 and isinstance(holder, dict) and "metadata" in holder:
            leaves[*path[:-1], "metadata"] = metadata(holder["metadata"])
        leaves[path] = pod_spec(value_at(data, path))
    if not leaves:
        return {}
    if (group, kind) == ("batch", "Job") and is_finished_job(data):
        leaves["status", "conditions"] = _FINISHED
    for path in _COUNTS:
        if value_at(data, path) is not None:
            leaves[path] = scalar(value_at(data, path))
    kept = _only(data, leaves)
    return {key: value for key, value in kept.items() if key not in ("apiVersion", "kind", "metadata")}


def _only(source: Any, leaves: Mapping[Path, Any]) -> Any:
    """Return what leads to some paths, with new values at their ends; other items of a list are empty mappings."""
    if () in leaves:
        return leaves[()]
    below: dict[str | int, dict[Path, Any]] = {}
    for path, leaf in leaves.items():
        below.setdefault(path[0], {})[path[1:]] = leaf
    if isinstance(source, list):
        items: list[Any] = [{} for _ in range(1 + max(step for step in below if isinstance(step, int)))]
        for step, some in below.items():
            if isinstance(step, int):
                items[step] = _only(source[step], some)
        return items
    if not isinstance(source, dict):
        return shape(source)
    named = {"name": source["name"]} if isinstance(source.get("name"), str) else {}
    return named | {step: _only(source.get(str(step)), some) for step, some in below.items() if step in source}
