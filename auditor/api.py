"""The Python API: audit paths, get the report, or a pandas DataFrame of it.

>>> import auditor
>>> result = auditor.audit(["manifests-samples"])
>>> result.report.summary.workloads > 0
True
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from auditor.baseline import Baseline, load_baseline
from auditor.config import Config, ConfigError, Selection, Usage, find_config, load_config
from auditor.engine import Besides, Plan, assemble
from auditor.facts.context import Context
from auditor.facts.options import FactOptions
from auditor.facts.record import Record
from auditor.findings import Report, Skipped, severity_rank
from auditor.kube.paths import Path as KeyPath
from auditor.kube.paths import with_value
from auditor.kube.versions import Target, nearest_target, parse_target
from auditor.live import judge_cluster
from auditor.policy.keys import PROFILES
from auditor.policy.load import load_policies, shipped_folder
from auditor.rendering import render_options
from auditor.sizing.model import Profile, SizingInput
from auditor.sources.cluster.entries import Entries, Header
from auditor.sources.cluster.groups import ClusterObjects
from auditor.sources.cluster.snapshot import is_snapshot, load
from auditor.sources.inputs import find_inputs
from auditor.sources.model import Discovery, Object
from auditor.sources.read import ReadOptions, read_file
from auditor.sources.rendering import Bounds, ChartOptions, RenderOptions
from auditor.usage.join import History
from auditor.waivers import load_waivers
from auditor.workers import Progress, Task, Work, judge_files

if TYPE_CHECKING:
    import pandas as pd

    from auditor.sizing.gather import Window


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


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit."""

    report: Report
    records: tuple[Record, ...]
    """The facts, in input order, when `keep_records` was asked for."""
    fail_on: str | None
    """The config's threshold; None when it has none."""
    interrupted: bool = False
    """Whether Ctrl-C ended the reading of a cluster; the report then holds what had been read."""

    def failed(self, fail_on: str) -> bool:
        """Return whether a finding that is neither waived nor known is at or above a severity; False for `never`."""
        if fail_on == "never":
            return False
        counts = self.report.summary.findings
        return any(count for severity, count in counts.items() if severity_rank(severity) <= severity_rank(fail_on))

    @property
    def complete(self) -> bool:
        """Whether everything could be judged, and there was a Kubernetes object to judge."""
        return not self.report.skipped and self.report.summary.objects > 0

    def to_frame(self) -> "pd.DataFrame":
        """Return the findings as a pandas DataFrame: the columns of the CSV report, a row each (needs pandas)."""
        import io

        import pandas as pd

        from auditor.reports.csv import render

        numbers = dict.fromkeys(("line", "column", "actual_bytes", "expected_bytes"), "Int64")
        return pd.read_csv(io.StringIO(render(self.report)), dtype=numbers, keep_default_na=True)


def audit(paths: Sequence[str | Path], *, stdin: bytes | None = None, **options: object) -> Audit:
    """Audit manifests and return the result; the keywords are the fields of `Options`.

    Raises ConfigError, PolicyError, SourceError or ValueError for wrong use; never for bad manifests, which are
    `report.skipped`.
    """
    return run([str(path) for path in paths], Options(**options), stdin=stdin)  # type: ignore[arg-type]


def run(
    paths: Sequence[str],
    options: Options,
    *,
    stdin: bytes | None = None,
    progress: Progress | None = None,
    clusters: Sequence[Entries] = (),
) -> Audit:
    """Audit manifests and clusters as the options say.

    `progress` is called with the number of files, or of a cluster's pods, that were just finished.
    """
    config, folder = _config(options)
    rules = rules_of(options, config, folder)
    snapshots, others = _apart(paths)
    streams = (*map(load, snapshots), *clusters)
    found = _found(others, options, (config, folder), stdin)
    parts = []
    if found.files or not streams:
        work = judge_files(found.files, rules.task, options.jobs or usable_cores(), progress or silent)
        parts.append(Part(work, rules))
    parts += [judge_entries(entries, options, (config, folder), progress or silent) for entries in streams]
    besides = Besides(
        skipped=(*found.skipped, *(item for part in parts for item in (*part.rules.skipped, *part.work.skipped))),
        notes=(*found.notes, *dict.fromkeys(note for part in parts for note in (*part.rules.notes, *part.work.notes))),
    )
    judged = [judged for part in parts for judged in part.work.judged]
    report = assemble(judged, rules.task.plan, rules.baseline, version("kube-memory-auditor"), besides)
    minors = sorted({part.rules.task.plan.target.minor for part in parts})
    report = msgspec.structs.replace(report, kubernetes_version=", ".join(f"1.{minor}" for minor in minors))
    if options.replacements:
        from auditor.fixes.judging import with_replacements

        report = with_replacements(report, found, rules, options.jobs or usable_cores())
    records = tuple(record for part in judged for record in part.records)
    return Audit(report, records, config.fail_on, interrupted=any(part.interrupted for part in parts))


def inputs_of(paths: Sequence[str], options: Options, *, stdin: bytes | None = None) -> tuple[Discovery, "Rules"]:
    """Return the files that an audit reads and what decides about them, for who judges them more than once."""
    config, folder = _config(options)
    snapshots, others = _apart(paths)
    found = _found(others, options, (config, folder), stdin)
    no_files = (Skipped(str(path), None, None, "is a snapshot of a cluster, not manifests") for path in snapshots)
    return replace(found, skipped=(*found.skipped, *no_files)), rules_of(options, config, folder)


def _apart(paths: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the paths that are snapshots of clusters, and the others."""
    snapshots = tuple(path for path in paths if path != "-" and is_snapshot(Path(path)))
    return tuple(map(Path, snapshots)), tuple(path for path in paths if path not in snapshots)


@dataclass(frozen=True, slots=True)
class Part:
    """What the files, or one cluster, gave, and by which rules."""

    work: Work
    rules: "Rules"
    interrupted: bool = False


def judge_entries(entries: Entries, options: Options, where: tuple[Config, Path], progress: Progress) -> Part:
    """Judge one cluster by its own version and history; `where` is the config and its folder."""
    config, folder = where
    objects = ClusterObjects(entries, _reading(options, config).template_paths)
    around = objects.surroundings()
    rules = rules_of(options, config, folder, objects.header)
    work = judge_cluster(objects, around, rules.task, options.jobs or usable_cores(), progress)
    return Part(work, rules, objects.interrupted)


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides how inputs are judged, whichever they are."""

    task: Task
    baseline: Baseline | None
    skipped: tuple[Skipped, ...]
    """What of the history cannot be used."""
    notes: tuple[str, ...]


def rules_of(options: Options, config: Config, folder: Path, cluster: Header | None = None) -> Rules:
    """Return what a config and options that win over it decide; `folder` is what the config's paths are relative to.

    A `cluster` has its own version unless another is asked for, and the history of its name in a table of several.
    Raises ConfigError, PolicyError, UsageError or VersionError for wrong use.
    """
    plan = _plan(options, config, folder)
    told_version: tuple[str, ...] = ()
    if cluster is not None:
        target, told_version = _cluster_target(cluster, options, config)
        plan = msgspec.structs.replace(plan, target=target)
    baseline_file = options.baseline or (config.baseline and str(folder / config.baseline))
    baseline = load_baseline(Path(baseline_file)) if baseline_file else None
    history, unusable, told = _history(options, config, folder, cluster)
    if history is not None:
        plan = msgspec.structs.replace(plan, sizing=sizing_profile())
    task = Task(
        plan=plan,
        read=_reading(options, config),
        keep_records=options.keep_records,
        history=history,
        complete=options.complete,
        node=options.node,
    )
    return Rules(task, baseline, unusable, (*told_version, *told))


def _cluster_target(cluster: Header, options: Options, config: Config) -> tuple[Target, tuple[str, ...]]:
    """Return the version to judge a cluster by, and what to tell about it."""
    if options.kubernetes_version or config.kubernetes_version or cluster.kubernetes_version is None:
        return _target(options, config), ()
    target, words = nearest_target(cluster.kubernetes_version, _gates(options, config))
    return target, (f"cluster {cluster.cluster}: {words}",) if words else ()


def sizing_inputs(
    paths: Sequence[str], options: Options, *, stdin: bytes | None = None
) -> tuple[tuple[SizingInput, ...], tuple[Skipped, ...]]:
    """Return each container of some manifests with its history, and what could not be read; in one process.

    Raises ConfigError, SourceError or UsageError for wrong use; history is required.
    """
    from auditor.sizing.gather import gather

    config, folder = _config(options)
    window, unusable = _window(options, config, folder)
    snapshots, others = _apart(paths)
    found = _found(others, options, (config, folder), stdin)
    read = _reading(options, config)
    by_root: dict[int, list[Object]] = {}
    skipped = [*found.skipped, *unusable]
    for file in found.files:
        result = read_file(file, read)
        skipped.extend(result.skipped)
        by_root.setdefault(file.root, []).extend(result.objects)
    target = _target(options, config)
    items: list[SizingInput] = []
    for objects in by_root.values():
        context, bad = Context.build(objects, target.minor)
        gathered, faults = gather(objects, context, target, _facts(config), window)
        items.extend(gathered)
        skipped.extend((*bad, *faults))
    for entries in map(load, snapshots):
        cluster = ClusterObjects(entries, read.template_paths)
        around, workloads = cluster.surroundings(), [obj for batch in cluster.batches() for obj in batch]
        target, _ = _cluster_target(cluster.header, options, config)
        context, bad = Context.build(around, target.minor)
        gathered, faults = gather(_templates(workloads), context, target, _facts(config), window)
        items.extend(gathered)
        skipped.extend((*cluster.skipped, *bad, *faults))
    return tuple(items), tuple(skipped)


def _templates(workloads: Sequence[Object]) -> Iterator[Object]:
    """Yield the workloads of a cluster as people write them: what is sized is the template, not what runs."""
    for obj in workloads:
        live = obj.live
        if live is None or live.primary:
            template = live.template if live is not None else None
            data = obj.data if template is None else with_value(obj.data, obj.pod_path or (), template)
            yield replace(obj, data=data, live=None)


def _window(options: Options, config: Config, folder: Path) -> tuple["Window", tuple[Skipped, ...]]:
    """Return the rows of the window by workload, and what of the table is unusable."""
    from auditor.sizing.gather import Window, rows_by_workload
    from auditor.usage.history import load_rows

    wanted = _usage(options, config, folder)
    if not wanted.path:
        raise ConfigError("--usage: sizing needs a table of history")
    days = wanted.window_days
    rows, _, skipped = load_rows(Path(wanted.path), today=_today(), window_days=days, cluster=wanted.cluster)
    try:
        return Window(days=days, rows=rows_by_workload(rows, wanted.names)), skipped
    except ValueError as error:
        raise ConfigError(f"usage.names: {error}") from error


def _history(
    options: Options, config: Config, folder: Path, cluster: Header | None
) -> tuple[History | None, tuple[Skipped, ...], tuple[str, ...]]:
    """Return the history to join, what of it cannot be used, and notes; nothing when none is asked for."""
    wanted = _usage(options, config, folder)
    if not wanted.path or not options.use_usage:
        return None, (), ()
    from auditor.usage.history import load_history
    from auditor.usage.table import days_present

    table, name = Path(wanted.path), wanted.cluster
    if cluster is not None and name is None and days_present(table, cluster.cluster):
        name = cluster.cluster

    return load_history(
        table,
        today=_today(),
        window_days=wanted.window_days,
        cluster=name,
        renames=wanted.names,
    )


def _usage(options: Options, config: Config, folder: Path) -> Usage:
    """Return which history is wanted: the options before the config, whose path is relative to its folder."""
    wanted = config.usage
    return msgspec.structs.replace(
        wanted,
        path=options.usage or (wanted.path and str(folder / wanted.path)),
        window_days=options.usage_window_days or wanted.window_days,
        cluster=options.usage_cluster or wanted.cluster,
    )


def template_paths(options: Options) -> dict[str, KeyPath]:
    """Return the paths of pod templates by kind, as the config of these options says."""
    config, _ = _config(options)
    return dict(_reading(options, config).template_paths)


def _reading(options: Options, config: Config) -> ReadOptions:
    template_paths = {kind: tuple(text.split(".")) for kind, text in config.template_paths.items()}
    return ReadOptions(template_paths=template_paths, namespace=options.namespace or config.namespace)


def _found(paths: Sequence[str], options: Options, where: tuple[Config, Path], stdin: bytes | None) -> Discovery:
    """Return the files of some paths, charts and kustomizations rendered; `where` is the config and its folder."""
    config, folder = where
    exclude = (*config.exclude, *options.exclude)
    return find_inputs(paths, exclude, stdin, rendering=rendering(options, config, folder))


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
        kubernetes_version=_target(options, config).version,
        helm=options.helm,
        kustomize=options.kustomize,
        bounds=Bounds(seconds=options.render_seconds),
        jobs=options.jobs or usable_cores(),
    )
    return render_options(config, folder, wanted, more, base)


def sizing_profile() -> Profile:
    """Return the profile by which findings about use carry numbers."""
    from auditor.sizing.load import load_profiles
    from auditor.sizing.load import shipped_folder as shipped_profiles

    folder = shipped_profiles()
    return load_profiles([folder], trusted=folder)["balanced"]


def _config(options: Options) -> tuple[Config, Path]:
    """Return the config and the folder that its paths are relative to."""
    path = Path(options.config) if options.config else find_config(Path.cwd())
    if path is None:
        return Config(), Path.cwd()
    return load_config(path), path.parent


def _plan(options: Options, config: Config, folder: Path) -> Plan:
    profile = options.profile or config.profile or "recommended"
    if profile not in PROFILES:
        raise ConfigError(f"profile {profile!r}: must be {', '.join(PROFILES[:-1])} or {PROFILES[-1]}")
    folders = [shipped_folder(), *(folder / name for name in config.policies), *map(Path, options.policies)]
    policies = load_policies(folders, trusted=folders[0])
    waiver_file = options.waivers or (config.waivers and str(folder / config.waivers))
    return Plan(
        selection=Selection(policies, config, profile, options.config or ".auditor.yaml"),
        target=_target(options, config),
        options=_facts(config),
        waivers=load_waivers(Path(waiver_file)) if waiver_file and options.use_waivers else (),
        use_waivers=options.use_waivers,
        aliases={alias: policy.id for policy in policies for alias in policy.aliases},
        today=_today(),
    )


def _target(options: Options, config: Config) -> Target:
    return parse_target(options.kubernetes_version or config.kubernetes_version, _gates(options, config))


def _gates(options: Options, config: Config) -> list[str]:
    gates = [f"{name}={str(on).lower()}" for name, on in config.feature_gates.items()]
    return [*gates, *options.feature_gates]


def _facts(config: Config) -> FactOptions:
    return FactOptions(sidecar_names=config.sidecars.names, sidecar_images=config.sidecars.images)


def _today() -> date:
    return datetime.now(UTC).date()


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def silent(_: int) -> None:
    """Tell nobody."""
