"""From a table of history to what the audit joins: the facts of each container over a window of days."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from auditor.findings import Skipped
from auditor.usage.aggregate import aggregate
from auditor.usage.errors import UsageError
from auditor.usage.join import ContainerHistory, History, Rename
from auditor.usage.statistics import facts
from auditor.usage.table import days_present

DEFAULT_WINDOW_DAYS = 14


def load_history(
    folder: Path, *, window_days: int = DEFAULT_WINDOW_DAYS, cluster: str | None = None, renames: Sequence[Rename] = ()
) -> tuple[History, tuple[Skipped, ...], tuple[str, ...]]:
    """Return the history of the window that ends with the last day of a table, what of it cannot be used, and notes.

    The window ends where the table does, not today: the same table gives the same history. Raises UsageError for a
    table that is not there, is empty, or holds several clusters when none is named.
    """
    days = days_present(folder, cluster)
    if not days:
        of_cluster = f" of cluster {cluster}" if cluster else ""
        raise UsageError(f"{folder}: there is no history{of_cluster}")
    last = max(days)
    found, skipped = aggregate(folder, since=last - timedelta(days=window_days - 1), until=last, cluster=cluster)
    clusters = sorted({item.cluster for item in found})
    if len(clusters) > 1:
        raise UsageError(f"{folder}: the history is of several clusters ({', '.join(clusters)}): name one")
    histories = (
        ContainerHistory(
            (item.namespace, item.workload_kind, item.workload_name),
            item.container,
            item.container_type,
            facts(item, window_days=window_days),
        )
        for item in found
    )
    try:
        history = History.build(histories, renames, last.isoformat())
    except ValueError as error:
        raise UsageError(str(error)) from error
    notes = tuple(
        f"two workloads of the history become {kind} {namespace}/{name} by the rules for names: neither is joined"
        for namespace, kind, name in history.ambiguous
    )
    return history, skipped, notes
