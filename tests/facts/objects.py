"""Objects for tests, without a text behind them."""

from typing import Any

from auditor.findings import Place
from auditor.kube.paths import Path
from auditor.sources.model import Object

_PATHS: dict[str, Path] = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}


class NoLocator:
    """Every path is at the same place."""

    def __init__(self, file: str = "test.yaml") -> None:
        self.file = file

    def place(self, path: Path) -> Place:  # noqa: ARG002 - the interface of Locator
        return Place(self.file, 1, 1, 1, 2)

    def alias_place(self, path: Path) -> Place | None:  # noqa: ARG002 - the interface of Locator
        return None


def make_object(data: dict[str, Any], file: str = "test.yaml", line: int = 1) -> Object:
    """Return the object of a manifest."""
    metadata = data.get("metadata") or {}
    return Object(
        api_version=data.get("apiVersion", "v1"),
        kind=data["kind"],
        namespace=metadata.get("namespace"),
        name=metadata.get("name", ""),
        data=data,
        file=file,
        identity_folder="",
        line=line,
        path=(),
        pod_path=_PATHS.get(data["kind"]),
        locator=NoLocator(file),
    )


def make_pod(spec: dict[str, Any], namespace: str | None = "team-a") -> Object:
    """Return a Pod with a spec."""
    return make_object({"kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": spec})
