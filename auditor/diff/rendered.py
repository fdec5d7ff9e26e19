"""How the charts and kustomizations of one side are rendered: with that side's own values files."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from auditor.config import Chart, Helm
from auditor.diff.rules import Judgement
from auditor.diff.sides import Sides, Tree
from auditor.options import Options, rendering
from auditor.sources.rendering import RenderOptions

_Kept = Callable[[Sequence[str]], tuple[str, ...]]


def rendering_of(tree: Tree, sides: Sides, by: Judgement, options: Options) -> RenderOptions:
    """Return how to render a side. Raises ConfigError for a file of values that neither side has.

    A file of values that only the other side has is left out: the change adds or removes it.
    """
    base = str(tree.folder)
    if tree.top is None:
        return rendering(options, by.config, by.folder, base)
    other = sides.head if tree is sides.base else sides.base
    options = replace(options, helm_values=[_mine(name, tree, other) for name in options.helm_values])
    options = replace(options, helm_values=[name for name in options.helm_values if name])
    if by.start is None:
        return rendering(options, by.config, by.folder, base)
    here, there = (None if side.top is None else side.top / os.fsdecode(by.start) for side in (tree, other))
    folder = here or by.folder

    def kept(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in values if (folder / name).exists() or not (there and (there / name).exists()))

    return rendering(options, msgspec.structs.replace(by.config, helm=_helm(by.config.helm, kept)), folder, base)


def _helm(helm: Helm, kept: _Kept) -> Helm:
    charts = {name: _chart(chart, kept) for name, chart in helm.charts.items()}
    return msgspec.structs.replace(helm, values=kept(helm.values), charts=charts)


def _chart(chart: Chart, kept: _Kept) -> Chart:
    return msgspec.structs.replace(chart, values=kept(chart.values))


def _mine(name: str, tree: Tree, other: Tree) -> str:
    """Return where an option's file of values is on a side; empty for one that only the other side has."""
    relative = os.path.relpath(name)
    if relative.startswith(".."):
        return name
    here, there = tree.folder / relative, other.folder / relative
    if here.exists():
        return str(here)
    return "" if there.exists() else str(Path(name))
