"""How charts and kustomizations are rendered, as options and config say; rendering itself is in `render/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run of a tool may take."""

    seconds: float = 60.0
    output_bytes: int = 64 * 2**20
    memory_bytes: int = 4 * 2**30
    """Of address space; held on Linux."""


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """How a chart is rendered; what is empty or None is the chart's own, or helm's."""

    values: tuple[str, ...] = ()
    """Files of values, the last wins."""
    sets: tuple[str, ...] = ()
    """`KEY=VALUE`, as `helm --set` takes them."""
    release: str | None = None
    """The chart's name by default."""
    namespace: str | None = None
    api_versions: tuple[str, ...] = ()
    """Such as `monitoring.coreos.com/v1`."""
    environments: bool | None = None
    """Render each values file that looks like an environment by itself; None leaves it to what holds for all charts."""

    def with_more(self, more: "ChartOptions") -> "ChartOptions":
        """Return these with others on top: lists are added, what else is given replaces."""
        return ChartOptions(
            values=(*self.values, *more.values),
            sets=(*self.sets, *more.sets),
            release=more.release or self.release,
            namespace=more.namespace or self.namespace,
            api_versions=(*self.api_versions, *more.api_versions),
            environments=self.environments if more.environments is None else more.environments,
        )


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How everything in the input is rendered."""

    chart: ChartOptions = ChartOptions()
    """For each chart."""
    charts: Mapping[str, ChartOptions] = field(default_factory=dict)
    """On top of that for one chart, by its folder as reports show it."""
    asked: ChartOptions = ChartOptions()
    """On top of both for each chart: what the command line says."""
    kubernetes_version: str | None = None
    """Such as `1.37`."""
    helm: str | None = None
    """The program; found on PATH by default."""
    kustomize: str | None = None
    """The program, kustomize or kubectl; found on PATH by default."""
    bounds: Bounds = field(default_factory=Bounds)
    jobs: int = 1
    """So many renderings at a time."""

    def of(self, shown: str) -> ChartOptions:
        """Return the options of the chart that reports show so."""
        own = self.charts.get(shown)
        return (self.chart.with_more(own) if own else self.chart).with_more(self.asked)
