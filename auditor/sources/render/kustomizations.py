"""Kustomizations on disk: what each one names, and whether kustomize may be let at it."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from auditor.sources.kustomize import KUSTOMIZATION_NAMES, as_list
from auditor.sources.model import Locator
from auditor.sources.render.charts import first_document
from auditor.sources.render.model import RefusedError, Tree

_MAX_KUSTOMIZATIONS = 1_000
"""Of one root."""
_REMOTE = re.compile(
    r"://|^git::|^(?:gh|github\.com)[:/]|^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+[:/]|\.git(?:[/?]|$)|_git/|[?&](?:ref|version)=",
    re.IGNORECASE,
)
"""What kustomize may take for an address, even where a folder of that name is there."""
_FOLDERS = ("resources", "bases", "components")
_FILES = ("resources", "crds", "configurations", "generators", "transformers", "validators", "patchesStrategicMerge")


@dataclass(frozen=True, slots=True)
class Kustomization:
    """One kustomization file."""

    folder: str
    """A real path."""
    file: str
    data: dict[str, Any] = field(repr=False)
    locator: Locator | None = field(repr=False)

    @property
    def is_component(self) -> bool:
        """Whether it only changes those that include it."""
        return self.data.get("kind") == "Component"

    def folders(self) -> Iterator[str]:
        """Yield the real paths of the folders that it includes."""
        for key in _FOLDERS:
            for name in _texts(self.data.get(key)):
                path = self.path(name)
                if not _REMOTE.search(name) and os.path.isdir(path):  # noqa: PTH112
                    yield os.path.realpath(path)

    def files(self) -> Iterator[str]:
        """Yield the real paths of the files that it names, those of generators aside: they are no manifests."""
        yield os.path.realpath(self.file)
        names = [name for key in _FILES for name in _texts(self.data.get(key))]
        for key in ("patches", "patchesJson6902", "replacements"):
            names += [item["path"] for item in as_list(self.data.get(key)) if _has_text(item, "path")]
        for name in names:
            if "\n" not in name and os.path.isfile(self.path(name)):  # noqa: PTH113
                yield os.path.realpath(self.path(name))

    def path(self, name: str) -> str:
        """Return the path of what a name stands for."""
        return os.path.join(self.folder, name)  # noqa: PTH118


def read_kustomization(folder: str, tree: Tree) -> Kustomization | None:
    """Return the kustomization in a folder; None without one, or when the file is of another kind, as Flux has it."""
    for name in sorted(KUSTOMIZATION_NAMES):
        file = os.path.join(folder, name)  # noqa: PTH118
        if not os.path.isfile(file) or not tree.holds(file):  # noqa: PTH113
            continue
        data, locator = first_document(file, tree.shown(file))
        if data is None:
            data = {}
        if not isinstance(data, dict) or not str(data.get("apiVersion", "kustomize.config")).startswith(
            "kustomize.con"
        ):
            return None
        return Kustomization(os.path.realpath(folder), file, data, locator)
    return None


def closure(folder: str, tree: Tree) -> list[Kustomization]:
    """Return the kustomization of a folder and all that it includes, itself first.

    Raises RefusedError for what is not on this machine's disk, below the tree: kustomize would fetch or read it.
    """
    found: dict[str, Kustomization] = {}
    pending = [os.path.realpath(folder)]
    while pending:
        here = pending.pop()
        if here in found:
            continue
        kustomization = read_kustomization(here, tree)
        if kustomization is None:
            raise RefusedError(f"{tree.shown(here)} holds no kustomization")
        if len(found) >= _MAX_KUSTOMIZATIONS:
            raise RefusedError(f"it includes more than {_MAX_KUSTOMIZATIONS} kustomizations")
        found[here] = kustomization
        _check(kustomization, tree)
        pending.extend(kustomization.folders())
    return list(found.values())


def _check(kustomization: Kustomization, tree: Tree) -> None:
    shown = tree.shown(kustomization.file)
    for key, name in _references(kustomization.data):
        if "\n" in name:
            continue  # written inline
        if _REMOTE.search(name):
            raise RefusedError(f"{shown}: {key} names {name}, which is not in this repository: nothing is fetched")
        path = kustomization.path(name)
        if not os.path.exists(path):  # noqa: PTH110
            raise RefusedError(f"{shown}: {key} names {name}, which does not exist")
        if not tree.holds(path):
            raise RefusedError(f"{shown}: {key} names {name}, which leaves the folder: it is not followed")


def _references(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, name) of everything that kustomize would load, or fetch, by name."""
    for key in dict.fromkeys((*_FOLDERS, *_FILES)):
        for name in _texts(data.get(key)):
            yield key, name
    for key in ("patches", "patchesJson6902", "replacements"):
        yield from ((key, item["path"]) for item in as_list(data.get(key)) if _has_text(item, "path"))
    for key in ("configMapGenerator", "secretGenerator"):
        for item in as_list(data.get(key)):
            if isinstance(item, dict):
                listed = [*_texts(item.get("files")), *_texts(item.get("envs")), *_texts([item.get("env")])]
                # `files` takes `KEY=PATH` too.
                yield from ((key, name.partition("=")[2] or name) for name in listed)
    openapi = data.get("openapi")
    if isinstance(openapi, dict):
        yield from (("openapi", name) for name in _texts([openapi.get("path")]))


def _texts(value: Any) -> list[str]:
    return [item for item in as_list(value) if isinstance(item, str) and item]


def _has_text(item: Any, key: str) -> bool:
    return isinstance(item, dict) and isinstance(item.get(key), str) and item[key] != ""
