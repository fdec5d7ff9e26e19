"""From a table of history to what the audit joins: the facts of each container over a window of days."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

from auditor.findings import Skipped
from auditor.usage.aggregate import aggregate
from auditor.usage.errors import UsageError
from auditor.usage.join import ContainerHistory, History, Rename
from auditor.usage.model import UsageDay
from auditor.usage.statistics import facts
from auditor.usage.table import days_present, read_days

DEFAULT_WINDOW_DAYS = 14


def load_rows(
    folder: Path, *, today: date, window_days: int = DEFAULT_WINDOW_DAYS, cluster: str | None = None
) -> tuple[Sequence[UsageDay], date, tuple[Skipped, ...]]:
    """Return the rows of the window that ends with the last day of a table, that day, and what cannot be used.

    Raises UsageError as `load_history` does.
    """
    since, last = window_of(folder, today=today, window_days=window_days, cluster=cluster)
    clusters = None if cluster is None else (cluster,)
    rows, skipped = read_days(folder, clusters=clusters, since=since, until=last, today=today)
    _one_cluster(folder, (row.cluster for row in rows))
    return rows, last, skipped


def load_history(
    folder: Path,
    *,
    today: date,
    window_days: int = DEFAULT_WINDOW_DAYS,
    cluster: str | None = None,
    renames: Sequence[Rename] = (),
) -> tuple[History, tuple[Skipped, ...], tuple[str, ...]]:
    """Return the history of the window that ends with the last day of a table, what of it cannot be used, and notes.

    The window ends where the table does, not today: the same table gives the same history. A day after `today` is a
    fault, and ends nothing. Raises UsageError for a table that is not there, is empty, or holds several clusters when
    none is named.
    """
    since, last = window_of(folder, today=today, window_days=window_days, cluster=cluster)
    found, skipped = aggregate(folder, since=since, until=last, cluster=cluster, today=today)
    _one_cluster(folder, (item.cluster for item in found))
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


def window_of(folder: Path, *, today: date, window_days: int, cluster: str | None) -> tuple[date, date]:
    """Return the first and the last day of the window that ends with a table's last day; raises UsageError without."""
    days = days_present(folder, cluster, today=today)
    if not days:
        of_cluster = f" of cluster {cluster}" if cluster else ""
        raise UsageError(f"{folder}: there is no history{of_cluster}")
    last = max(days)
    return last - timedelta(days=window_days - 1), last


def _one_cluster(folder: Path, names: Iterable[str]) -> None:
    clusters = sorted(set(names))
    if len(clusters) > 1:
        raise UsageError(f"{folder}: the history is of several clusters ({', '.join(clusters)}): name one")
