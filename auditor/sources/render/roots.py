"""Which charts and kustomizations of an input are rendered by themselves, and with what."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from auditor.findings import Skipped
from auditor.sources.model import Discovery, Found
from auditor.sources.render.charts import is_chart_archive
from auditor.sources.render.kustomizations import Kustomization, read_kustomization
from auditor.sources.render.model import RenderRoot, Tree, Values, within
from auditor.sources.rendering import RenderOptions

_ENVIRONMENT = re.compile(r"values[-_.].+\.ya?ml")
_ENVIRONMENT_FOLDERS = ("values", "environments", "envs", "env")
_YAML = (".yaml", ".yml")


class Roots:
    """The charts and kustomizations of one input."""

    def __init__(self, found: Discovery, options: RenderOptions, base: str) -> None:
        self._options = options
        self.base = base
        self.skipped: list[Skipped] = []
        """Archives that were named and are no chart."""
        self._trees: dict[str, Tree] = {}
        self._charts = [item for item in found.charts if self._is_chart(item)]
        self._kustomizations: list[tuple[Found, Kustomization]] = []
        for item in found.kustomizations:
            folder = os.path.dirname(os.path.realpath(item.path))  # noqa: PTH120
            kustomization = read_kustomization(folder, self.tree(folder))
            if kustomization is not None:
                self._kustomizations.append((item, kustomization))

    def tree(self, folder: str) -> Tree:
        """Return the tree that a folder is in: its repository, else the folder that names are relative to."""
        if folder not in self._trees:
            self._trees[folder] = Tree(_top(folder, self.base), self.base)
        return self._trees[folder]

    def parts(self) -> set[str]:
        """Return the real paths of the files that some kustomization includes: what it makes of them is judged."""
        return {path for _, kustomization in self._kustomizations for path in kustomization.files()}

    def identity(self, path: str, root: int) -> str:
        """Return the identity folder of a folder: relative to the PATH argument where it was found below one."""
        real = [(item, os.path.realpath(item.path)) for item in self._charts]
        real += [(item, kustomization.folder) for item, kustomization in self._kustomizations]
        same = [item.identity_folder for item, folder in real if folder == path and item.root == root]
        return same[0] if same else self.tree(path).shown(path)

    def plain(self) -> list[RenderRoot]:
        """Return what is rendered when nobody asks for it in another way."""
        return [*(root for item in self._charts for root in self._of_chart(item)), *self._overlays()]

    def chart(self, path: str, shown: str, root: int) -> RenderRoot:
        """Return the rendering of a chart as the options say."""
        chosen = self._options.of(shown)
        return RenderRoot(
            path=path,
            shown=shown,
            identity_folder=self.identity(path, root),
            root=root,
            tree=self.tree(path if Path(path).is_dir() else str(Path(path).parent)),
            chart=True,
            values=tuple(Values(path=os.path.abspath(name), given=True) for name in chosen.values),  # noqa: PTH100
            sets=chosen.sets,
            release=chosen.release,
            namespace=chosen.namespace,
            kubernetes_version=self._options.kubernetes_version,
            api_versions=chosen.api_versions,
        )

    def kustomization(self, path: str, shown: str, root: int) -> RenderRoot:
        """Return the rendering of a kustomization."""
        return RenderRoot(
            path=path,
            shown=shown,
            identity_folder=self.identity(path, root),
            root=root,
            tree=self.tree(path),
            chart=False,
        )

    def _is_chart(self, item: Found) -> bool:
        if os.path.isdir(item.path) or is_chart_archive(item.path):  # noqa: PTH112
            return True
        if item.named:
            self.skipped.append(Skipped(item.shown, None, None, "is no packed Helm chart: it holds no Chart.yaml"))
        return False

    def _of_chart(self, item: Found) -> Iterator[RenderRoot]:
        """Yield the rendering of a chart, or one for each of its environments when they are asked for."""
        path = os.path.realpath(item.path)
        root = self.chart(path, item.shown, item.root)
        names = _environments(path) if self._options.of(item.shown).environments else []
        for name in names:
            yield _for_environment(root, name)
        if not names:
            yield root

    def _overlays(self) -> Iterator[RenderRoot]:
        """Yield the kustomizations that no other of the input includes."""
        included = {folder for _, kustomization in self._kustomizations for folder in kustomization.folders()}
        for item, kustomization in self._kustomizations:
            if kustomization.folder not in included and not kustomization.is_component:
                shown = os.path.dirname(item.shown) or "."  # noqa: PTH120
                yield self.kustomization(kustomization.folder, shown, item.root)


def _for_environment(root: RenderRoot, name: str) -> RenderRoot:
    values = (*root.values, Values(path=os.path.join(root.path, name)))  # noqa: PTH118
    return replace(root, values=values, identity_folder=f"{root.identity_folder}@{name}", by=f"with {name}")


def _environments(chart: str) -> list[str]:
    """Return the values files of a chart that look like an environment, by their names relative to it."""
    if not os.path.isdir(chart):  # noqa: PTH112
        return []
    top = Path(chart)
    found = [path.name for path in top.iterdir() if _ENVIRONMENT.fullmatch(path.name) and path.is_file()]
    for folder in _ENVIRONMENT_FOLDERS:
        below = top / folder
        if below.is_dir():
            found += [f"{folder}/{path.name}" for path in below.iterdir() if path.suffix in _YAML and path.is_file()]
    return sorted(found)


def _top(folder: str, base: str) -> str:
    """Return the folder that nothing may leave: the repository around a folder, else the base, else the folder."""
    for place in (Path(folder), *Path(folder).parents):
        if (place / ".git").exists():
            return str(place)
    real = os.path.realpath(base)
    return real if within(real, folder) else folder
