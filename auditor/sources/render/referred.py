"""From what Argo CD and Flux name to a rendering of a folder of this repository."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from auditor.sources.read import MAX_FILE_BYTES
from auditor.sources.render.charts import CHART_FILE
from auditor.sources.render.kustomizations import read_kustomization
from auditor.sources.render.model import RefusedError, RenderRoot, Tree, Values
from auditor.sources.render.references import Reference
from auditor.sources.render.roots import Roots

_URL = re.compile(r"^[ \t]*url[ \t]*=[ \t]*(\S+)", re.MULTILINE)


class Elsewhere(Exception):  # noqa: N818 - it is no error
    """What a reference names is not in this repository."""


def asked_for(reference: Reference, roots: Roots) -> RenderRoot | None:
    """Return the rendering that a reference asks for, None for a folder that is read as plain files.

    Raises Elsewhere, and RefusedError for values that cannot be read.
    """
    here = os.path.realpath(os.path.dirname(reference.opened) or roots.base)  # noqa: PTH120
    tree = roots.tree(here)
    if reference.repository and not _is_ours(reference.repository, tree):
        raise Elsewhere
    folder = next(_folders(reference.path, tree, roots), None)
    if folder is None:
        raise Elsewhere
    shown = tree.shown(folder)
    if os.path.isfile(os.path.join(folder, CHART_FILE)):  # noqa: PTH113, PTH118
        return _chart(reference, roots.chart(folder, shown, reference.root), tree, roots)
    if read_kustomization(folder, tree) is None:
        return None
    root = roots.kustomization(folder, shown, reference.root)
    return replace(
        root,
        namespace=reference.namespace,
        changes=reference.changes or {},
        substitutes=reference.substitutes,
        by=reference.by,
        asked=True,
        identity_folder=f"{root.identity_folder}@{reference.identity}",
    )


def _chart(reference: Reference, root: RenderRoot, tree: Tree, roots: Roots) -> RenderRoot:
    files = tuple(_values(reference, root.path, tree, roots))
    return replace(
        root,
        values=(*files, *reference.values),
        own_values=not reference.replaces_values,
        sets=reference.sets,
        string_sets=reference.string_sets,
        release=reference.release,
        namespace=reference.namespace or root.namespace,
        kubernetes_version=reference.kubernetes_version or root.kubernetes_version,
        api_versions=(*root.api_versions, *reference.api_versions),
        substitutes=reference.substitutes,
        by=reference.by,
        asked=True,
        identity_folder=f"{root.identity_folder}@{reference.identity}",
    )


def _folders(path: str, tree: Tree, roots: Roots) -> Iterator[str]:
    """Yield the folders that a path may stand for, relative to each of what may be the top of the repository."""
    for top in dict.fromkeys((tree.limit, os.path.realpath(roots.base))):
        full = os.path.realpath(os.path.join(top, path.lstrip("/")))  # noqa: PTH118
        if os.path.isdir(full) and tree.holds(full):  # noqa: PTH112
            yield full


def _values(reference: Reference, folder: str, tree: Tree, roots: Roots) -> Iterator[Values]:
    for name in reference.files:
        if "://" in name:
            raise RefusedError(f"values {name} are not in this repository: nothing is fetched")
        # Argo CD names another source of the same Application with `$`.
        below = name.partition("/")[2] if name.startswith("$") else name
        from_top = reference.from_top or name.startswith(("$", "/"))
        tops = (tree.limit, os.path.realpath(roots.base)) if from_top else (folder,)
        paths = [os.path.join(top, below.lstrip("/")) for top in tops]  # noqa: PTH118
        found = next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113
        if found is not None:
            yield Values(path=found)
        elif not reference.may_miss_files:
            raise RefusedError(f"values {name} are not in this repository")


def _is_ours(repository: str, tree: Tree) -> bool:
    """Return whether an address is one of this repository, by the names of its remotes; a fork has the same name.

    Without remotes, as in a folder that is no clone, what is there is taken for it.
    """
    try:
        with open(os.path.join(tree.limit, ".git", "config"), encoding="utf-8", errors="replace") as stream:  # noqa: PTH118, PTH123
            names = {_name(url) for url in _URL.findall(stream.read(MAX_FILE_BYTES))}
    except OSError:
        return True
    return not names or _name(repository) in names


def _name(url: str) -> str:
    return Path(url.rstrip("/").replace(":", "/")).name.removesuffix(".git").lower()
