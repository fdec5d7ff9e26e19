"""From the data of a document to Kubernetes objects: lists are opened, identities read, pod specs found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.findings import Skipped
from auditor.kube.objects import kind_word
from auditor.kube.paths import Path
from auditor.sources.model import Comment, Locator, Object
from auditor.sources.scalars import key_text
from auditor.sources.workloads import CLUSTER_SCOPED, WORKLOAD_KINDS, ShapeError, pod_paths

CONFIGZ = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
"""What the answer of a kubelet's /configz lacks to be an object."""


class Foreign:
    """A document that is no Kubernetes object."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the objects of one document have in common."""

    file: str
    identity_folder: str
    locator: Locator
    line: int
    """Where the document's content begins."""
    comments: tuple[Comment, ...]
    template_paths: Mapping[str, Path]
    namespace: str | None


def objects_of(data: Any, origin: Origin) -> Iterator[Object | Skipped | Foreign]:
    """Yield what a document holds."""
    yield from _objects(data, (), origin)


def _objects(data: Any, path: Path, origin: Origin) -> Iterator[Object | Skipped | Foreign]:
    if not isinstance(data, dict):
        yield Foreign()
        return
    api_version, kind = data.get("apiVersion"), data.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str) or not api_version or not kind:
        saved = data.get("kubeletconfig")
        if isinstance(saved, dict):
            # What a kubelet's /configz answers.
            yield from _object(CONFIGZ | saved, (*path, "kubeletconfig"), origin)
            return
        yield _unidentified(data, path, origin)
    elif _is_list(data, kind):
        yield from _items(data, path, origin)
    else:
        yield from _object(data, path, origin)


def _unidentified(data: dict[str, Any], path: Path, origin: Origin) -> Skipped | Foreign:
    """Return why a mapping without a proper apiVersion and kind is skipped, or that it is foreign."""
    api_version, kind = data.get("apiVersion"), data.get("kind")
    if isinstance(kind, str) and (kind in WORKLOAD_KINDS or "apiVersion" in data):
        what = "is missing" if not api_version else f"must be a string, not {kind_word(api_version)}"
        return _skipped((*path, "apiVersion" if "apiVersion" in data else "kind"), f"{kind}: apiVersion {what}", origin)
    if isinstance(api_version, str) and "kind" in data:
        what = "is missing" if not kind else f"must be a string, not {kind_word(kind)}"
        return _skipped((*path, "kind"), f"kind {what}", origin)
    return Foreign()


def _is_list(data: dict[str, Any], kind: str) -> bool:
    return kind == "List" or (kind.endswith("List") and "items" in data and "spec" not in data)


def _items(data: dict[str, Any], path: Path, origin: Origin) -> Iterator[Object | Skipped | Foreign]:
    items, kind = data.get("items"), data["kind"]
    if items is None:
        return
    if not isinstance(items, list):
        yield _skipped((*path, "items"), f"{kind}: items must be a list, not {kind_word(items)}", origin)
        return
    for index, item in enumerate(items):
        here = (*path, "items", index)
        if not isinstance(item, dict):
            yield _skipped(here, f"{kind}: an item must be a mapping, not {kind_word(item)}", origin)
            continue
        if kind != "List" and ("kind" not in item or "apiVersion" not in item):
            # The API server leaves both out in the items of a typed list.
            item = {"apiVersion": data["apiVersion"], "kind": kind.removesuffix("List")} | item  # noqa: PLW2901
        yield from _objects(item, here, origin)


def _object(data: dict[str, Any], path: Path, origin: Origin) -> Iterator[Object | Skipped]:
    api_version, kind = data["apiVersion"], data["kind"]
    metadata = data.get("metadata")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        yield _skipped((*path, "metadata"), f"{kind}: metadata must be a mapping, not {kind_word(metadata)}", origin)
        return
    for key in ("name", "generateName", "namespace"):
        if isinstance(metadata.get(key), (dict, list)):
            reason = f"{kind}: metadata.{key} must be a string, not {kind_word(metadata[key])}"
            yield _skipped((*path, "metadata", key), reason, origin)
            return
    group = api_version.rpartition("/")[0]
    try:
        found: tuple[Path | None, ...] = pod_paths(data, group, kind, origin.template_paths) or (None,)
    except ShapeError as error:
        yield _skipped((*path, *error.path), f"{kind}: {error.reason}", origin)
        return
    namespace = key_text(metadata.get("namespace")) or (None if kind in CLUSTER_SCOPED else origin.namespace)
    line = origin.locator.place(path).line if path else origin.line
    for pod_path in found:
        yield Object(
            api_version=api_version,
            kind=kind,
            namespace=namespace,
            name=key_text(metadata.get("name")) or key_text(metadata.get("generateName")) or "",
            data=data,
            file=origin.file,
            identity_folder=origin.identity_folder,
            line=line,
            path=path,
            pod_path=pod_path,
            locator=origin.locator,
            comments=origin.comments,
        )


def _skipped(path: Path, reason: str, origin: Origin) -> Skipped:
    place = origin.locator.place(path)
    return Skipped(origin.file, place.line, place.column, reason)
