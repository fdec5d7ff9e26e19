"""Rendering one root: in a sandbox of its own, with every fault a skipped input."""

import shutil
from pathlib import Path

from auditor.findings import Skipped
from auditor.sources.render.helm import render_chart
from auditor.sources.render.kustomize import render_kustomization
from auditor.sources.render.model import RefusedError, Rendered, RenderRoot
from auditor.sources.render.process import ToolError, sandbox
from auditor.sources.rendering import RenderOptions

HELM_MISSING = "Helm chart is not rendered: install helm, or name it with --helm"
KUSTOMIZE_MISSING = "kustomization is not rendered: install kustomize or kubectl, or name one with --kustomize"


def render_root(root: RenderRoot, options: RenderOptions) -> Rendered:
    """Return what a chart or kustomization renders to, or why it does not; never raises for bad input."""
    tool = _program(options.helm, ("helm",)) if root.chart else _program(options.kustomize, ("kustomize", "kubectl"))
    if tool is None:
        return _failed(root, HELM_MISSING if root.chart else KUSTOMIZE_MISSING)
    name = "helm" if root.chart else "kustomize"
    try:
        with sandbox(options.bounds) as box:
            try:
                return render_chart(root, tool, box) if root.chart else render_kustomization(root, tool, box)
            except ToolError as error:
                return _failed(root, f"{name}: {_without_folders(str(error), root, str(box.folder))}")
    except RefusedError as error:
        return _failed(root, f"not rendered: {error}")
    except OSError as error:
        return _failed(root, f"not rendered: {error.strerror or error}")


def _without_folders(words: str, root: RenderRoot, temporary: str) -> str:
    """Return a tool's words with the names of reports: where a checkout is on a machine is nobody's."""
    words = words.replace(f"{temporary}/", "").replace(root.path, root.shown)
    return words.replace(f"{root.tree.limit}/", "")


def _program(named: str | None, names: tuple[str, ...]) -> str | None:
    found = shutil.which(named) if named else next((path for name in names if (path := shutil.which(name))), None)
    return str(Path(found).absolute()) if found else None


def _failed(root: RenderRoot, reason: str) -> Rendered:
    by = f"{root.by}: " if root.by else ""
    return Rendered(skipped=(Skipped(root.shown, None, None, f"{by}{reason}"),))
