"""Opens clusters to read: connects to each first, so that wrong use is told before anything is judged."""

from auditor.sources.cluster.entries import Entries, Header
from auditor.sources.cluster.read import Wanted, read_cluster


def open_cluster(
    wanted: Wanted, *, context: str | None = None, kubeconfig: str | None = None, name: str | None = None
) -> Entries:
    """Return the entries of a context's cluster, reduced to what facts read; `name` is told instead of the context's.

    Connects at once. Raises ClusterError.
    """
    from auditor.sources.cluster.connect import connect
    from auditor.sources.cluster.reduce import reducer

    connection = connect(context, kubeconfig=kubeconfig)
    entries = read_cluster(connection, wanted, reduce=reducer(wanted.template_paths))
    return _named(entries, name)


def _named(entries: Entries, name: str | None) -> Entries:
    for entry in entries:
        if name is not None and isinstance(entry, Header):
            yield Header(entry.version, name, entry.kubernetes_version, entry.namespaces, entry.selector)
        else:
            yield entry
