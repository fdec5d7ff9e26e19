"""What decides how inputs are judged: policies, waivers, baseline, history and version, from config and options."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from auditor.baseline import Baseline, load_baseline
from auditor.config import Config, ConfigError, Selection
from auditor.findings import Skipped
from auditor.kube.versions import Target, nearest_target
from auditor.options import Options, facts_of, gates_of, reading_of, target_of, today, usage_of
from auditor.plan import Plan
from auditor.policy.keys import PROFILES
from auditor.policy.load import load_policies, shipped_folder
from auditor.sizing.model import Profile
from auditor.sources.cluster.entries import Header
from auditor.usage.join import History
from auditor.waivers import load_waivers
from auditor.workers import Task


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides how inputs are judged, whichever they are."""

    task: Task
    baseline: Baseline | None
    skipped: tuple[Skipped, ...]
    """What of the history cannot be used."""
    notes: tuple[str, ...]


def rules_of(
    options: Options, config: Config, folder: Path, cluster: Header | None = None, *, one_of_several: bool = False
) -> Rules:
    """Return what a config and options that win over it decide; `folder` is what the config's paths are relative to.

    A `cluster` has its own version unless another is asked for, and the history of its name in a table of several; when
    several clusters are audited, no other. Raises ConfigError, PolicyError, UsageError or VersionError for wrong use.
    """
    plan = _plan(options, config, folder)
    told_version: tuple[str, ...] = ()
    if cluster is not None:
        target, told_version = cluster_target(cluster, options, config)
        plan = msgspec.structs.replace(plan, target=target)
    baseline_file = options.baseline or (config.baseline and str(folder / config.baseline))
    baseline = load_baseline(Path(baseline_file)) if baseline_file else None
    history, unusable, told = _history(options, config, folder, cluster, one_of_several=one_of_several)
    if history is not None:
        plan = msgspec.structs.replace(plan, sizing=sizing_profile())
    task = Task(
        plan=plan,
        read=reading_of(options, config),
        keep_records=options.keep_records,
        history=history,
        complete=options.complete,
        node=options.node,
    )
    return Rules(task, baseline, unusable, (*told_version, *told))


def cluster_target(cluster: Header, options: Options, config: Config) -> tuple[Target, tuple[str, ...]]:
    """Return the version to judge a cluster by, and what to tell about it."""
    if options.kubernetes_version or config.kubernetes_version or cluster.kubernetes_version is None:
        return target_of(options, config), ()
    target, words = nearest_target(cluster.kubernetes_version, gates_of(options, config))
    return target, (f"cluster {cluster.cluster}: {words}",) if words else ()


def _plan(options: Options, config: Config, folder: Path) -> Plan:
    profile = options.profile or config.profile or "recommended"
    if profile not in PROFILES:
        raise ConfigError(f"profile {profile!r}: must be {', '.join(PROFILES[:-1])} or {PROFILES[-1]}")
    folders = [shipped_folder(), *(folder / name for name in config.policies), *map(Path, options.policies)]
    policies = load_policies(folders, trusted=folders[0])
    waiver_file = options.waivers or (config.waivers and str(folder / config.waivers))
    return Plan(
        selection=Selection(policies, config, profile, options.config or ".auditor.yaml"),
        target=target_of(options, config),
        options=facts_of(config),
        waivers=load_waivers(Path(waiver_file)) if waiver_file and options.use_waivers else (),
        use_waivers=options.use_waivers,
        aliases={alias: policy.id for policy in policies for alias in policy.aliases},
        today=today(),
    )


def _history(
    options: Options, config: Config, folder: Path, cluster: Header | None, *, one_of_several: bool
) -> tuple[History | None, tuple[Skipped, ...], tuple[str, ...]]:
    """Return the history to join, what of it cannot be used, and notes; nothing when none is asked for."""
    wanted = usage_of(options, config, folder)
    if not wanted.path or not options.use_usage:
        return None, (), ()
    from auditor.usage.history import load_history
    from auditor.usage.table import days_present

    table, name = Path(wanted.path), wanted.cluster
    if cluster is not None and name is None:
        if days_present(table, cluster.cluster):
            name = cluster.cluster
        elif one_of_several:
            reason = f"{table}: there is no history of a cluster of this name"
            return None, (Skipped("", None, None, reason, cluster.cluster),), ()

    return load_history(
        table,
        today=today(),
        window_days=wanted.window_days,
        cluster=name,
        renames=wanted.names,
    )


def sizing_profile() -> Profile:
    """Return the profile by which findings about use carry numbers."""
    from auditor.sizing.load import load_profiles
    from auditor.sizing.load import shipped_folder as shipped_profiles

    folder = shipped_profiles()
    return load_profiles([folder], trusted=folder)["balanced"]
