"""What Argo CD and Flux are told to render from this repository: Applications, HelmReleases, Kustomizations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.kube.paths import Path, value_at
from auditor.sources.kustomize import as_list
from auditor.sources.model import InputFile
from auditor.sources.read import file_bytes, plain_documents
from auditor.sources.render.model import Values

_MARKS = (b"argoproj.io/", b"helm.toolkit.fluxcd.io/", b"kustomize.toolkit.fluxcd.io/")
_ARGO_CHANGES = ("namePrefix", "nameSuffix", "commonLabels", "commonAnnotations", "patches", "replicas")
_FLUX_CHANGES = ("namePrefix", "nameSuffix", "patches", "images", "components")


@dataclass(frozen=True, slots=True)
class Reference:
    """One source of an object that asks for a rendering of a folder."""

    by: str
    """`Application team/web (apps/web.yaml)`."""
    identity: str
    """What tells it from other references to the same folder."""
    root: int
    path: str
    """The folder, as the object names it: relative to the repository."""
    file: str
    """The file that asks, as reports show it."""
    opened: str = ""
    """The same to open; empty when it was rendered."""
    repository: str = ""
    """The address of the repository; empty when it is not told here."""
    values: tuple[Values, ...] = ()
    files: tuple[str, ...] = ()
    """Files of values, as the object names them."""
    from_top: bool = False
    """Whether those are relative to the repository, not to the folder."""
    replaces_values: bool = False
    """Whether those files stand in for the chart's own values."""
    may_miss_files: bool = False
    sets: tuple[str, ...] = ()
    string_sets: tuple[str, ...] = ()
    release: str | None = None
    namespace: str | None = None
    kubernetes_version: str | None = None
    api_versions: tuple[str, ...] = ()
    changes: Mapping[str, Any] | None = None
    """Keys of a kustomization around the folder's."""
    substitutes: Mapping[str, str] | None = None
    unknown: str = ""
    """What it says that only the cluster knows, or that is not done here."""


@dataclass(frozen=True, slots=True)
class _Asker:
    """The object that asks, and where it stands."""

    data: Mapping[str, Any]
    file: InputFile
    document: int

    @property
    def words(self) -> str:
        kind, namespace, name = self.data.get("kind"), _text(self.data, "metadata", "namespace"), self.name
        return f"{kind} {f'{namespace}/' if namespace else ''}{name} ({self.file.shown})"

    @property
    def name(self) -> str:
        return _text(self.data, "metadata", "name") or ""

    @property
    def opened(self) -> str:
        return "" if self.file.content is not None else self.file.path

    def values(self, *path: str | int) -> tuple[Values, ...]:
        """Return the values that stand in the object at a path, as a mapping or as YAML in a text; none where none."""
        held = value_at(self.data, path)
        if isinstance(held, str):
            held = next((data for data, _ in plain_documents(held.encode("utf-8", "surrogatepass"))), None)
        if not isinstance(held, dict) or not held:
            return ()
        return (Values(data=held, file=self.opened, within=path, document=self.document),)


def references(files: Sequence[InputFile]) -> Iterator[Reference]:
    """Yield what the objects of some files ask to be rendered, wherever it is."""
    for file in files:
        content = file_bytes(file)
        if content is None or not any(mark in content for mark in _MARKS):
            continue
        for document, (data, _) in enumerate(plain_documents(content)):
            if not isinstance(data, dict) or not isinstance(data.get("spec"), dict):
                continue
            asker = _Asker(data, file, document)
            group, kind = str(data.get("apiVersion", "")).partition("/")[0], data.get("kind")
            if (group, kind) == ("argoproj.io", "Application"):
                yield from _application(asker)
            elif (group, kind) == ("helm.toolkit.fluxcd.io", "HelmRelease"):
                yield from _helm_release(asker)
            elif (group, kind) == ("kustomize.toolkit.fluxcd.io", "Kustomization"):
                yield from _flux_kustomization(asker)


def _application(asker: _Asker) -> Iterator[Reference]:
    spec = asker.data["spec"]
    listed: list[tuple[Path, Any]] = [(("spec", "sources", i), s) for i, s in enumerate(as_list(spec.get("sources")))]
    for where, source in listed or [(("spec", "source"), spec.get("source"))]:
        path = source.get("path") if isinstance(source, dict) else None
        if not isinstance(path, str) or source.get("chart"):
            continue
        helm = source["helm"] if isinstance(source.get("helm"), dict) else {}
        kustomize = source["kustomize"] if isinstance(source.get("kustomize"), dict) else {}
        changes, unknown = _argo_changes(kustomize)
        parameters = [item for item in as_list(helm.get("parameters")) if isinstance(item, dict)]
        own = asker.values(*where, "helm", "valuesObject") or asker.values(*where, "helm", "values")
        yield Reference(
            by=asker.words,
            identity=asker.name,
            root=asker.file.root,
            path=path,
            file=asker.file.shown,
            opened=asker.opened,
            repository=_text(source, "repoURL") or "",
            values=own,
            files=tuple(_texts(helm.get("valueFiles"))),
            may_miss_files=helm.get("ignoreMissingValueFiles") is True,
            sets=tuple(_argo_set(item) for item in parameters if item.get("forceString") is not True),
            string_sets=tuple(_argo_set(item) for item in parameters if item.get("forceString") is True),
            release=_text(helm, "releaseName") or asker.name,
            namespace=_text(helm, "namespace") or _text(spec, "destination", "namespace"),
            kubernetes_version=_text(helm, "kubeVersion"),
            api_versions=tuple(_texts(helm.get("apiVersions"))),
            changes=changes,
            unknown="fileParameters" if helm.get("fileParameters") else unknown,
        )


def _argo_set(item: Mapping[str, Any]) -> str:
    """Return a parameter as `--set` takes it; Argo CD escapes commas outside of lists."""
    value = str(item.get("value", ""))
    return f"{item.get('name')}={value if value.startswith('{') else value.replace(',', chr(92) + ',')}"


def _argo_changes(kustomize: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the kustomization that Argo CD's options make, and which of them is not known here."""
    changes = {key: kustomize[key] for key in _ARGO_CHANGES if kustomize.get(key)}
    if isinstance(kustomize.get("namespace"), str):
        changes["namespace"] = kustomize["namespace"]
    images = [_argo_image(text) for text in _texts(kustomize.get("images"))]
    if images:
        changes["images"] = images
    known = {*_ARGO_CHANGES, "namespace", "images", "version", "forceCommonLabels", "forceCommonAnnotations"}
    return changes, ", ".join(f"kustomize.{key}" for key in sorted(set(kustomize) - known))


def _argo_image(text: str) -> dict[str, str]:
    """Return `name=new:tag`, `name:tag` or `name@digest` as kustomize has it."""
    name, _, new = text.rpartition("=")
    new_name, at, digest = new.partition("@")
    head, colon, tag = new_name.rpartition(":")
    if colon and "/" not in tag:
        new_name = head
    else:
        tag = ""
    image = {"name": name or new_name}
    if name:
        image["newName"] = new_name
    if at:
        return image | {"digest": digest}
    return image | ({"newTag": tag} if tag else {})


def _helm_release(asker: _Asker) -> Iterator[Reference]:
    spec = asker.data["spec"]
    chart = value_at(spec, ("chart", "spec"))
    if not isinstance(chart, dict) or value_at(chart, ("sourceRef", "kind")) != "GitRepository":
        return
    path = chart.get("chart")
    if not isinstance(path, str):
        return
    target, own = _text(spec, "targetNamespace"), _text(asker.data, "metadata", "namespace")
    files = tuple(_texts(chart.get("valuesFiles")))
    yield Reference(
        by=asker.words,
        identity=asker.name,
        root=asker.file.root,
        path=path,
        file=asker.file.shown,
        opened=asker.opened,
        values=asker.values("spec", "values"),
        files=files,
        from_top=True,
        replaces_values=bool(files),
        may_miss_files=chart.get("ignoreMissingValuesFiles") is True,
        release=_text(spec, "releaseName") or (f"{target}-{asker.name}" if target else asker.name),
        namespace=target or own,
        unknown=_from_cluster(spec.get("valuesFrom"), "valuesFrom"),
    )


def _flux_kustomization(asker: _Asker) -> Iterator[Reference]:
    spec = asker.data["spec"]
    if value_at(spec, ("sourceRef", "kind")) not in ("GitRepository", None):
        return
    changes = {key: spec[key] for key in _FLUX_CHANGES if spec.get(key)}
    target = _text(spec, "targetNamespace")
    if target:
        changes["namespace"] = target
    build = spec.get("postBuild")
    held = build.get("substitute") if isinstance(build, dict) else None
    variables = {str(key): str(value) for key, value in held.items()} if isinstance(held, dict) else {}
    yield Reference(
        by=asker.words,
        identity=asker.name,
        root=asker.file.root,
        path=_text(spec, "path") or ".",
        file=asker.file.shown,
        opened=asker.opened,
        namespace=target,
        changes=changes,
        substitutes=variables if isinstance(build, dict) else None,
        unknown=_from_cluster(build.get("substituteFrom"), "substituteFrom") if isinstance(build, dict) else "",
    )


def _from_cluster(value: Any, name: str) -> str:
    needed = [item for item in as_list(value) if not (isinstance(item, dict) and item.get("optional") is True)]
    return name if needed else ""


def _texts(value: Any) -> list[str]:
    return [item for item in as_list(value) if isinstance(item, str) and item]


def _text(data: Any, *path: str) -> str | None:
    found = value_at(data, path)
    return found if isinstance(found, str) and found else None
