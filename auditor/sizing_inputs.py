"""What sizing looks at: each container of some manifests and clusters, with its history."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.config import Config, ConfigError
from auditor.facts.context import Context
from auditor.findings import Skipped
from auditor.kube.paths import with_value
from auditor.options import Options, apart, config_of, facts_of, found_in, reading_of, target_of, today, usage_of
from auditor.rules import cluster_target
from auditor.sizing.model import SizingInput
from auditor.sources.cluster.groups import ClusterObjects
from auditor.sources.cluster.snapshot import load
from auditor.sources.model import Object
from auditor.sources.read import read_file

if TYPE_CHECKING:
    from auditor.sizing.gather import Window


def sizing_inputs(
    paths: Sequence[str], options: Options, *, stdin: bytes | None = None
) -> tuple[tuple[SizingInput, ...], tuple[Skipped, ...]]:
    """Return each container of some manifests with its history, and what could not be read; in one process.

    Raises ConfigError, SourceError or UsageError for wrong use; history is required.
    """
    from auditor.sizing.gather import gather

    config, folder = config_of(options)
    window, unusable = _window(options, config, folder)
    snapshots, others = apart(paths)
    found = found_in(others, options, (config, folder), stdin)
    read = reading_of(options, config)
    by_root: dict[int, list[Object]] = {}
    skipped = [*found.skipped, *unusable]
    for file in found.files:
        result = read_file(file, read)
        skipped.extend(result.skipped)
        by_root.setdefault(file.root, []).extend(result.objects)
    target = target_of(options, config)
    items: list[SizingInput] = []
    for objects in by_root.values():
        context, bad = Context.build(objects, target.minor)
        gathered, faults = gather(objects, context, target, facts_of(config), window)
        items.extend(gathered)
        skipped.extend((*bad, *faults))
    for entries in map(load, snapshots):
        cluster = ClusterObjects(entries, read.template_paths)
        around, workloads = cluster.surroundings(), [obj for batch in cluster.batches() for obj in batch]
        target, _ = cluster_target(cluster.header, options, config)
        context, bad = Context.build(around, target.minor)
        gathered, faults = gather(_templates(workloads), context, target, facts_of(config), window)
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

    wanted = usage_of(options, config, folder)
    if not wanted.path:
        raise ConfigError("--usage: sizing needs a table of history")
    days = wanted.window_days
    rows, _, skipped = load_rows(Path(wanted.path), today=today(), window_days=days, cluster=wanted.cluster)
    try:
        return Window(days=days, rows=rows_by_workload(rows, wanted.names)), skipped
    except ValueError as error:
        raise ConfigError(f"usage.names: {error}") from error
