"""Opens clusters to read: connects to each first, so that wrong use is told before anything is judged."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Entries, Header, Missing
from auditor.sources.cluster.kubeconfig import NoAnswerError, tidy
from auditor.sources.cluster.read import Wanted, read_cluster

if TYPE_CHECKING:
    from auditor.sources.cluster.connect import Connection


def open_clusters(wanted: Wanted, contexts: Sequence[str | None], *, kubeconfig: str | None = None) -> list[Entries]:
    """Return the entries of each context's cluster; of one that does not answer, that it does not.

    Raises ClusterError for wrong use, and when no cluster answers.
    """
    opened: list[Entries] = []
    silent: list[NoAnswerError] = []
    for context in contexts:
        try:
            opened.append(open_cluster(wanted, context=context, kubeconfig=kubeconfig))
        except NoAnswerError as error:
            silent.append(error)
            opened.append(_silent(wanted, context or "", error))
    if len(silent) == len(contexts):
        raise silent[0]
    return opened


def open_cluster(
    wanted: Wanted, *, context: str | None = None, kubeconfig: str | None = None, name: str | None = None
) -> Entries:
    """Return the entries of a context's cluster, reduced to what facts read; `name` is told instead of the context's.

    Connects at once, and closes the connection with the entries. Raises ClusterError.
    """
    from auditor.sources.cluster.connect import connect

    return _read(connect(context, kubeconfig=kubeconfig), wanted, name)


def _read(connection: "Connection", wanted: Wanted, name: str | None) -> Entries:
    from auditor.sources.cluster.reduce import reducer

    with connection:
        for entry in read_cluster(connection, wanted, reduce=reducer(wanted.template_paths)):
            if name is not None and isinstance(entry, Header):
                yield Header(entry.version, name, entry.kubernetes_version, entry.namespaces, entry.selector)
            else:
                yield entry


def _silent(wanted: Wanted, context: str, error: NoAnswerError) -> Entries:
    yield Header(SNAPSHOT_VERSION, tidy(context), None, wanted.namespaces, wanted.selector)
    yield Missing("connect", str(error))
    yield End()
