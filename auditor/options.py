"""What a caller may choose, and what it means with the config: the one place where options win over the config."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from auditor.config import Config, Usage, find_config, load_config
from auditor.facts.options import FactOptions
from auditor.kube.paths import Path as KeyPath
from auditor.kube.versions import Target, parse_target
from auditor.rendering import render_options
from auditor.sources.cluster.snapshot import is_snapshot
from auditor.sources.inputs import find_inputs
from auditor.sources.model import Discovery
from auditor.sources.read import ReadOptions
from auditor.sources.rendering import Bounds, ChartOptions, RenderOptions


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose; None leaves it to the config, then to the default."""

    config: str | None = None
    """A config file; None: the nearest `.auditor.yaml` from the working folder upwards."""
    policies: Sequence[str] = ()
    """Folders of policies besides the shipped ones; they override by id."""
    profile: str | None = None
    """`recommended` (default), `strict` or `all`."""
    kubernetes_version: str | None = None
    """Such as `1.34`; the newest known by default."""
    feature_gates: Sequence[str] = ()
    """`NAME=true` or `NAME=false`."""
    namespace: str | None = None
    """For objects that have none."""
    exclude: Sequence[str] = ()
    waivers: str | None = None
    use_waivers: bool = True
    baseline: str | None = None
    jobs: int | None = None
    """Worker processes; the number of usable cores by default. The result is the same for any number."""
    keep_records: bool = False
    """Keep the facts of every workload."""
    usage: str | None = None
    """A table of history: a folder, or a Parquet file."""
    use_usage: bool = True
    """False joins no history, whatever the config says."""
    usage_window_days: int | None = None
    """How many days of it, up to the last one that it has; 14 by default."""
    usage_cluster: str | None = None
    """The cluster to read, of a table with several."""
    complete: bool = False
    """The input is a whole cluster: what is missing in it is missing."""
    node: str | None = None
    """Tell the facts as they are on this Node of the input."""
    helm_values: Sequence[str] = ()
    """Files of values for each chart, on top of its own and the config's; the last wins."""
    helm_set: Sequence[str] = ()
    """`KEY=VALUE` for each chart."""
    helm_release: str | None = None
    """The name of each chart's release; the chart's name by default."""
    helm_api_versions: Sequence[str] = ()
    """API versions that the cluster has, for charts that ask."""
    helm_environments: bool = False
    """Judge each chart with each of its values files that looks like an environment, in the place of its default."""
    helm: str | None = None
    """The program that renders charts; found on PATH by default."""
    kustomize: str | None = None
    """The program that renders kustomizations, kustomize or kubectl; found on PATH by default."""
    render_seconds: float = 60.0
    """How long one rendering may take."""
    replacements: bool = False
    """Check the fixes of findings, and tell them as lines of their files."""


def config_of(options: Options) -> tuple[Config, Path]:
    """Return the config and the folder that its paths are relative to."""
    path = Path(options.config) if options.config else find_config(Path.cwd())
    if path is None:
        return Config(), Path.cwd()
    return load_config(path), path.parent


def found_in(paths: Sequence[str], options: Options, where: tuple[Config, Path], stdin: bytes | None) -> Discovery:
    """Return the files of some paths, charts and kustomizations rendered; `where` is the config and its folder."""
    config, folder = where
    exclude = (*config.exclude, *options.exclude)
    return find_inputs(paths, exclude, stdin, rendering=rendering(options, config, folder))


def apart(paths: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the paths that are snapshots of clusters, and the others."""
    snapshots = tuple(path for path in paths if path != "-" and is_snapshot(Path(path)))
    return tuple(map(Path, snapshots)), tuple(path for path in paths if path not in snapshots)


def rendering(options: Options, config: Config, folder: Path, base: str | None = None) -> RenderOptions:
    """Return how charts and kustomizations are rendered; `base` is what their names are relative to.

    Raises ConfigError for a file of values that is not there, VersionError for an unknown version of Kubernetes.
    """
    wanted = ChartOptions(
        values=tuple(options.helm_values),
        sets=tuple(options.helm_set),
        release=options.helm_release,
        namespace=options.namespace or config.namespace,
        api_versions=tuple(options.helm_api_versions),
        environments=True if options.helm_environments else None,
    )
    more = RenderOptions(
        kubernetes_version=target_of(options, config).version,
        helm=options.helm,
        kustomize=options.kustomize,
        bounds=Bounds(seconds=options.render_seconds),
        jobs=options.jobs or usable_cores(),
    )
    return render_options(config, folder, wanted, more, base)


def template_paths(options: Options) -> dict[str, KeyPath]:
    """Return the paths of pod templates by kind, as the config of these options says."""
    config, _ = config_of(options)
    return dict(reading_of(options, config).template_paths)


def reading_of(options: Options, config: Config) -> ReadOptions:
    """Return how manifests are read."""
    template_paths = {kind: tuple(text.split(".")) for kind, text in config.template_paths.items()}
    return ReadOptions(template_paths=template_paths, namespace=options.namespace or config.namespace)


def target_of(options: Options, config: Config) -> Target:
    """Return the Kubernetes version to judge by. Raises VersionError for an unknown one or an unknown gate."""
    return parse_target(options.kubernetes_version or config.kubernetes_version, gates_of(options, config))


def gates_of(options: Options, config: Config) -> list[str]:
    """Return the feature gates as `NAME=true`, the options' last, because the last one wins."""
    gates = [f"{name}={str(on).lower()}" for name, on in config.feature_gates.items()]
    return [*gates, *options.feature_gates]


def facts_of(config: Config) -> FactOptions:
    """Return how facts are built."""
    return FactOptions(sidecar_names=config.sidecars.names, sidecar_images=config.sidecars.images)


def usage_of(options: Options, config: Config, folder: Path) -> Usage:
    """Return which history is wanted: the options before the config, whose path is relative to its folder."""
    wanted = config.usage
    return msgspec.structs.replace(
        wanted,
        path=options.usage or (wanted.path and str(folder / wanted.path)),
        window_days=options.usage_window_days or wanted.window_days,
        cluster=options.usage_cluster or wanted.cluster,
    )


def today() -> date:
    """Return the day in UTC: the one place where the clock is asked."""
    return datetime.now(UTC).date()


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
