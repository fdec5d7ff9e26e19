"""What is rendered, how, and what it gives; plain values that cross processes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from auditor.findings import Skipped
from auditor.kube.paths import Path
from auditor.sources.model import InputFile
from auditor.sources.shown import shown_path


@dataclass(frozen=True, slots=True)
class Tree:
    """The folder that nothing may leave, and the one that names are relative to; both are real paths."""

    limit: str
    base: str

    def holds(self, path: str) -> bool:
        """Return whether a path, its links followed, is in the tree."""
        real = os.path.realpath(path)
        return real == self.limit or real.startswith(self.limit.rstrip(os.sep) + os.sep)

    def shown(self, path: str) -> str:
        """Return a path as reports show it."""
        return shown_path(path, self.base)


@dataclass(frozen=True, slots=True)
class Values:
    """One layer of values: a file, or what an Application or HelmRelease holds."""

    path: str | None = None
    """The file; None for values that stand in another object."""
    data: Any = None
    """The values, when they stand in another object."""
    file: str = ""
    """The file that holds them then, to open."""
    within: Path = ()
    """Where in that file's document."""
    document: int = 0
    """Which document of that file."""
    given: bool = False
    """Whether an option or the config names the file: it may be anywhere, but not behind a link that leaves."""


@dataclass(frozen=True, slots=True)
class RenderRoot:
    """One rendering: a chart with its values, or a kustomization."""

    path: str
    """The chart's folder or archive, or the kustomization's folder; a real path."""
    shown: str
    identity_folder: str
    """Relative to the PATH argument, with what tells it from other renderings of the same folder; for fingerprints."""
    root: int
    """Which PATH argument it came from."""
    tree: Tree
    chart: bool
    """Whether it is a Helm chart."""
    values: tuple[Values, ...] = ()
    """Layers above the chart's own, the last wins."""
    own_values: bool = True
    """Whether the chart's own `values.yaml` is the lowest layer."""
    sets: tuple[str, ...] = ()
    string_sets: tuple[str, ...] = ()
    """Like `sets`, always texts."""
    release: str | None = None
    namespace: str | None = None
    kubernetes_version: str | None = None
    api_versions: tuple[str, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Keys of a kustomization that is put around this one: `namePrefix`, `images`, `patches` ..."""
    substitutes: Mapping[str, str] | None = None
    """Flux's variables, put into the output; None: none are."""
    by: str = ""
    """What it is told with when it fails: who asks for it, or the environment; empty for a folder that was found."""
    asked: bool = False
    """Whether an Application, HelmRelease or Kustomization asks for it."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a rendering gave."""

    files: tuple[InputFile, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    """Real paths of the files that it is made of, where they are no part of a chart: they are judged as rendered."""


class RefusedError(Exception):
    """An input that is not rendered, and why; nothing ran."""


def within(folder: str, path: str) -> bool:
    """Return whether a path is a folder, or below it, by names alone."""
    return PurePath(path).is_relative_to(folder)
