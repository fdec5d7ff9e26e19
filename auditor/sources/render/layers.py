"""The layers of values that a chart is rendered with, lowest first, and where each key stands."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from auditor.findings import Place
from auditor.kube.paths import Path, value_at
from auditor.sources.model import Locator
from auditor.sources.read import plain_documents
from auditor.sources.render.charts import Chart, content_of, first_document
from auditor.sources.render.model import RenderRoot, Tree, Values


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one text."""

    data: Any
    locator: Locator | None
    """None: nobody can point at them."""
    within: Path = ()
    """Where in the locator's document they stand."""
    prefix: Path = ()
    """Below which key of the chart's values they hold: the name of the chart that they come with."""

    def place(self, path: Path) -> Place | None:
        """Return the place of the key at a path of `data`."""
        return None if self.locator is None else self.locator.place((*self.within, *path))


def layers(chart: Chart, root: RenderRoot) -> list[Layer]:
    """Return the layers that make the values, lowest first."""
    found = list(_own(chart, root.tree, ())) if root.own_values else []
    found.extend(_given(values, root.tree) for values in root.values)
    return [layer for layer in found if isinstance(layer.data, dict)]


def _own(chart: Chart, tree: Tree, prefix: Path) -> Iterator[Layer]:
    names: dict[str, list[str]] = {}
    for item in chart.dependencies():
        alias = item.get("alias")
        names.setdefault(item["name"], []).append(alias if isinstance(alias, str) and alias else item["name"])
    for inner in chart.inner:
        for name in names.get(inner.name, [inner.name]):
            yield from _own(inner, tree, (*prefix, name))
    path = os.path.join(chart.folder, "values.yaml")  # noqa: PTH118
    data, locator = first_document(path, tree.shown(path))
    yield Layer(data, locator, prefix=prefix)


def _given(values: Values, tree: Tree) -> Layer:
    if values.path is not None:
        return Layer(*first_document(values.path, tree.shown(values.path)))
    if not values.file:
        return Layer(values.data, None)
    documents = plain_documents(content_of(values.file), tree.shown(values.file))
    if values.document >= len(documents) or value_at(documents[values.document][0], values.within) is None:
        return Layer(values.data, None)
    return Layer(values.data, documents[values.document][1], values.within)
