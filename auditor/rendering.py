"""How charts and kustomizations are rendered: what the config says, and options that win over it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from auditor.config import Chart, Config, ConfigError
from auditor.sources.rendering import ChartOptions, RenderOptions
from auditor.sources.shown import shown_path


def render_options(
    config: Config, folder: Path, wanted: ChartOptions, more: RenderOptions, base: str | None = None
) -> RenderOptions:
    """Return how to render: `wanted` on top of the config for each chart, and the rest of `more`.

    The config's paths are relative to `folder`, the names of charts in reports to `base`, the working folder by
    default. Raises ConfigError for a file of values that is not there.
    """
    shown_from = base or os.getcwd()  # noqa: PTH109 - a string is what is compared
    own = {
        shown_path(str(folder / name), shown_from): _options(chart, folder, f"helm.charts.{name}")
        for name, chart in config.helm.charts.items()
    }
    _check(wanted.values, Path(), "--helm-values")
    return replace(more, chart=_options(config.helm, folder, "helm"), charts=own, asked=wanted)


def _options(chart: Chart, folder: Path, where: str) -> ChartOptions:
    _check(chart.values, folder, f"{where}.values")
    return ChartOptions(
        values=tuple(str(folder / name) for name in chart.values),
        sets=chart.set,
        release=chart.release,
        namespace=chart.namespace,
        api_versions=chart.api_versions,
        environments=chart.environments,
    )


def _check(values: Sequence[str], folder: Path, where: str) -> None:
    for name in values:
        if not (folder / name).is_file():
            raise ConfigError(f"{where}: {name}: there is no such file")
