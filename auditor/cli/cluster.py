"""`auditor cluster`: audits what runs in live clusters."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.common import exit_code, parse_outputs
from auditor.cli.options import judging_options, options_from, report_options
from auditor.cli.outputs import needs_records, write_reports
from auditor.cli.progress import Bar
from auditor.reports import FORMATS

if TYPE_CHECKING:
    from auditor.sources.cluster.entries import Entries

_INTERRUPTED = 130
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label, as Kubernetes takes it."""


@click.command()
@click.option("--context", "contexts", multiple=True, metavar="NAME", help="A kubeconfig context; repeatable.")
@click.option("--kubeconfig", metavar="FILE", help="In place of $KUBECONFIG and ~/.kube/config.")
@click.option("--namespace", "-n", "namespaces", multiple=True, metavar="NAME", help="Only this one; repeatable.")
@click.option("--selector", "-l", metavar="LABELS", help="Only pods with these labels, such as app=web,tier!=test.")
@click.option("--name", metavar="NAME", help="What reports call the cluster. [default: the context's name]")
@click.option("--save", metavar="FILE", help="Keep what was read, for `scan` and `diff`: a snapshot, FILE.jsonl.gz.")
@click.option("--no-custom-kinds", is_flag=True, help="Do not look for pod templates in custom kinds.")
@click.option("--config-maps", is_flag=True, help="Read ConfigMaps too, for the heap flags that containers take there.")
@click.option(
    "--kubelet-config", is_flag=True, help="Ask each kubelet for its configuration: needs get on nodes/proxy."
)
@judging_options
@report_options(tuple(FORMATS))
def cluster(**arguments: Any) -> int:
    """Audit what runs in a cluster: pods under their workloads, nodes, namespaces, quotas, autoscalers.

    Only lists and gets. Without a kubeconfig, in a pod, its service account is used.

    Exit codes: 0 clean, 1 findings at or above --fail-on, 2 wrong use, 3 something could not be judged, 130 Ctrl-C
    (what was read until then is judged).
    """
    outputs = parse_outputs(arguments["outputs"], tuple(FORMATS), quiet=arguments["quiet"])
    started = time.monotonic()
    options = options_from(arguments, baseline=arguments["baseline"], keep_records=needs_records(outputs))
    audit = _audit(arguments, options)
    write_reports(outputs, audit, time.monotonic() - started)
    if audit.interrupted:
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    fail_on = arguments["fail_on"] or audit.fail_on or "medium"
    return exit_code(failed=audit.failed(fail_on), complete=audit.complete)


def _audit(arguments: dict[str, Any], options: Any) -> Any:
    from auditor.api import run

    entries = clusters_of(arguments, options)
    with Bar("pods read") as bar:
        return run((), options, clusters=entries, progress=bar.advance)


def clusters_of(arguments: dict[str, Any], options: Any) -> "Sequence[Entries]":
    """Return the entries of each cluster that is asked for, all connected."""
    from auditor.api import template_paths
    from auditor.sources.cluster.open import open_cluster, open_clusters
    from auditor.sources.cluster.read import Wanted
    from auditor.sources.cluster.selector import Selector, SelectorError
    from auditor.sources.cluster.snapshot import save

    contexts: Sequence[str | None] = tuple(dict.fromkeys(arguments["contexts"])) or (None,)
    for option in ("name", "save"):
        if arguments[option] is not None and len(contexts) > 1:
            raise click.UsageError(f"--{option}: is for one cluster; --context names {len(contexts)}")
    for name in arguments["namespaces"]:
        if not _NAMESPACE.fullmatch(name):
            raise click.UsageError(f"--namespace: {name!r} is no name that a namespace can have")
    selector = arguments["selector"]
    if selector is not None:
        try:
            Selector.parse(selector)
        except SelectorError as error:
            raise click.UsageError(f"--selector: {error}") from error
    wanted = Wanted(
        namespaces=tuple(dict.fromkeys(arguments["namespaces"])),
        selector=selector,
        custom=not arguments["no_custom_kinds"],
        template_paths=template_paths(options),
        config_maps=() if arguments["config_maps"] else None,
        kubelet_config=arguments["kubelet_config"],
    )
    if len(contexts) > 1:
        return open_clusters(wanted, contexts, kubeconfig=arguments["kubeconfig"])
    opened = open_cluster(wanted, context=contexts[0], kubeconfig=arguments["kubeconfig"], name=arguments["name"])
    return [opened if arguments["save"] is None else save(opened, Path(arguments["save"]))]
