"""`auditor nightly`: one run of what a schedule runs: history, audit, reports, deliveries."""

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.cluster import clusters_of
from auditor.cli.common import exit_code
from auditor.cli.options import FAIL_ON
from auditor.cli.progress import Bar
from auditor.config import Config, ConfigError, find_config, load_config
from auditor.nightly_config import ClusterConfig, PrometheusConfig

if TYPE_CHECKING:
    from auditor.api import Audit, Options
    from auditor.deliver.night import Work
    from auditor.sources.cluster.connect import Connection
    from auditor.usage.prometheus import PullConfig, PullResult

_INTERRUPTED = 130


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--config", metavar="FILE", help="Config file. [default: the nearest .auditor.yaml upwards]")
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON), help="Lowest severity that makes the exit code 1. [default: medium]"
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes. [default: the cores]")
def nightly(**arguments: Any) -> int:
    """Run what a schedule runs, as the config's section `nightly` says.

    Pulls missing history, audits, keeps the reports, compares them with the last run's, and delivers. Audits the
    cluster; with paths it audits those instead: manifests or a snapshot.

    Exit codes: 0 clean, 1 findings at or above --fail-on, 2 wrong use, 3 something could not be judged or delivered,
    130 Ctrl-C or SIGTERM (nothing is kept then).
    """
    from auditor.deliver.night import run_night
    from auditor.deliver.summary import render
    from auditor.reports import FORMATS
    from auditor.reports.text import plain

    _end_on_sigterm()
    path = Path(arguments["config"]) if arguments["config"] else find_config(Path.cwd())
    config, folder = (Config(), Path.cwd()) if path is None else (load_config(path), path.parent)
    with Bar("pods read") as bar:
        night = run_night(_work(arguments, config, folder, bar))
    click.echo(render(night), nl=False)
    if night.run is None and not night.audit.interrupted:
        # nowhere else would the findings be
        click.echo("\n" + FORMATS["text"](night.audit.report), nl=False)
    for fault in night.faults:
        click.echo(plain(fault), err=True)
    if night.audit.interrupted:
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    return exit_code(failed=night.failed, complete=night.complete)


def _end_on_sigterm() -> None:
    """Take SIGTERM for Ctrl-C: the kernel delivers it to the first process of a container only with a handler."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    # Worker processes are ended by it.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def _work(arguments: dict[str, Any], config: Config, folder: Path, bar: Bar) -> "Work":
    """Return what the run is made of. Raises ConfigError or click.UsageError for wrong use."""
    from auditor.api import Options, sizing_profile
    from auditor.deliver.night import Work
    from auditor.deliver.place import open_place

    _check(config, arguments["paths"])
    wanted, started = config.nightly, datetime.now(UTC)
    options = Options(config=arguments["config"], jobs=arguments["jobs"], keep_records=_needs_records(config))
    history = folder / config.usage.path if config.usage.path else None
    work = Work(
        nightly=wanted,
        folder=folder,
        started=started,
        fail_on=arguments["fail_on"] or config.fail_on or "medium",
        audit=partial(_audit, arguments["paths"], options, config, folder, bar),
        profile=sizing_profile,
        place=open_place(wanted.reports, folder) if wanted.reports else None,
        clusters=_connections(wanted.cluster, folder),
        environment=os.environ,
    )
    if history is not None and wanted.prometheus is not None:
        work = replace(work, pull=partial(_pull, _pull_config(wanted.prometheus, folder), history, started))
    if history is not None and wanted.keep_history_days is not None:
        work = replace(work, drop_history=partial(_drop, history, wanted.keep_history_days, started))
    return work


def _needs_records(config: Config) -> bool:
    """Return whether the facts of every workload are kept: for the inventory, and for recommended bytes."""
    wanted = config.nightly
    in_reports = wanted.reports is not None and "csv-inventory" in wanted.formats
    return in_reports or (wanted.metrics is not None and config.usage.path is not None)


def _check(config: Config, paths: Sequence[str]) -> None:
    """Raise ConfigError or click.UsageError for what cannot be meant."""
    wanted = config.nightly
    if wanted.fail_on_new_only and not wanted.reports:
        raise ConfigError("nightly.fail_on_new_only: needs nightly.reports, where the last run is")
    if (wanted.prometheus or wanted.keep_history_days) and not config.usage.path:
        raise ConfigError("nightly: history needs usage.path, the folder of its table")
    metrics = wanted.metrics
    if metrics is not None and not (metrics.textfile or metrics.pushgateway):
        raise ConfigError("nightly.metrics: needs textfile or pushgateway")
    if metrics is not None and metrics.textfile and not metrics.textfile.endswith(".prom"):
        raise ConfigError("nightly.metrics.textfile: must end in .prom, or the collector does not read it")
    if wanted.cluster.name and len(wanted.cluster.contexts) > 1:
        raise ConfigError(f"nightly.cluster.name: is for one cluster; contexts names {len(wanted.cluster.contexts)}")
    if paths and wanted.policy_reports is not None:
        raise click.UsageError("nightly.policy_reports: paths are audited, and those are in no cluster")


def _audit(paths: Sequence[str], options: "Options", config: Config, folder: Path, bar: Bar) -> "Audit":
    """Audit the paths, or without any the clusters of the config."""
    from auditor.api import run
    from auditor.usage.table import days_present

    if config.usage.path and not days_present(folder / config.usage.path):
        # nothing was pulled yet, or nothing could be: that is told, and no reason to audit nothing
        options = replace(options, use_usage=False)
    if paths:
        return run(paths, options, progress=bar.advance)
    return run(
        (), options, clusters=clusters_of(_choice(config.nightly.cluster, folder), options), progress=bar.advance
    )


def _choice(cluster: ClusterConfig, folder: Path) -> dict[str, Any]:
    """Return the config's clusters as arguments of `auditor cluster`."""
    return {
        "contexts": cluster.contexts,
        "kubeconfig": _below(folder, cluster.kubeconfig),
        "namespaces": cluster.namespaces,
        "selector": cluster.selector,
        "name": cluster.name,
        "save": _below(folder, cluster.save),
        "no_custom_kinds": not cluster.custom_kinds,
        "config_maps": cluster.config_maps,
        "kubelet_config": cluster.kubelet_config,
    }


def _connections(cluster: ClusterConfig, folder: Path) -> "list[Callable[[], AbstractContextManager[Connection]]]":
    """Return what connects to each cluster once more: hours may have passed, and tokens end."""
    from auditor.sources.cluster.connect import connect

    kubeconfig = _below(folder, cluster.kubeconfig)
    return [partial(connect, context, kubeconfig=kubeconfig) for context in cluster.contexts or (None,)]


def _pull_config(prometheus: PrometheusConfig, folder: Path) -> "PullConfig":
    """Return how the server is asked, as `auditor usage pull` has it."""
    from auditor.cli.usage_pull import config_of

    arguments = {
        "url": prometheus.url,
        "window": f"{prometheus.window_days}d",
        "token_file": _below(folder, prometheus.token_file),
        "user": prometheus.user,
        "certificate": _below(folder, prometheus.certificate),
        "key": _below(folder, prometheus.key),
        "ca": _below(folder, prometheus.ca_file),
        "insecure": prometheus.insecure,
        "headers": [_header(text, folder) for text in prometheus.headers],
        "cluster": prometheus.cluster,
        "cluster_label": prometheus.cluster_label,
        "workers": prometheus.workers,
        "timeout": prometheus.timeout_seconds,
    }
    return config_of(arguments, os.environ)


def _header(text: str, folder: Path) -> str:
    name, sign, value = text.partition("=")
    return f"{name}{sign}@{_below(folder, value[1:])}" if value.startswith("@") else text


def _below(folder: Path, path: str | None) -> str | None:
    """Return a path of the config: it is relative to the config's folder."""
    return None if path is None else str(folder / path)


def _pull(config: "PullConfig", history: Path, now: datetime) -> "PullResult":
    from auditor.usage.prometheus import pull

    return pull(config, history, now=now)


def _drop(history: Path, days: int, now: datetime) -> int:
    """Remove old days of a table, if there is one, and return how many."""
    from auditor.usage.retention import keep

    return len(keep(history, days=days, today=now.date())) if history.is_dir() else 0
