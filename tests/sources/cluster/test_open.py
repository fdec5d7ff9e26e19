"""Opening clusters: one that is down takes none of the others with it, and connections end with the entries."""

import os

import pytest

from auditor.sources.cluster.connect import ClusterError, Connection
from auditor.sources.cluster.entries import End, Header, Missing
from auditor.sources.cluster.kubeconfig import NoAnswerError
from auditor.sources.cluster.open import open_cluster, open_clusters
from auditor.sources.cluster.read import Wanted
from tests.sources.cluster.api import page, write_kubeconfig

DOWN = "http://127.0.0.1:1"


@pytest.fixture
def kubeconfigs(api, tmp_path):
    """Return a list of kubeconfigs with a context `up` and a context `down`."""
    files = [write_kubeconfig(tmp_path / name, url, context=name) for name, url in (("up", api.url), ("down", DOWN))]
    return os.pathsep.join(map(str, files))


def test_a_cluster_that_is_down_is_told_and_the_others_are_read(kubeconfigs):
    up, down = open_clusters(Wanted(), ("up", "down"), kubeconfig=kubeconfigs)
    assert next(up).cluster == "up"
    assert list(up) == [End()]
    header, missing, end = down
    assert isinstance(header, Header)
    assert (header.cluster, end) == ("down", End())
    assert isinstance(missing, Missing)
    assert (missing.what, missing.reason) == ("connect", f"context down: {DOWN}: no connection: Connection refused")


def test_no_cluster_that_answers_is_wrong_use(kubeconfigs):
    with pytest.raises(NoAnswerError):
        open_clusters(Wanted(), ("down", "down"), kubeconfig=kubeconfigs)


def test_a_context_that_is_not_there_is_wrong_use_beside_one_that_answers(kubeconfigs):
    with pytest.raises(ClusterError, match="has no context typo"):
        open_clusters(Wanted(), ("up", "typo"), kubeconfig=kubeconfigs)


@pytest.mark.parametrize("whole", [True, False])
def test_the_connection_is_closed_when_the_entries_end_or_are_left(api, kubeconfigs, monkeypatch, whole):
    def exit_(connection, *_):
        closed.append(connection.name)
        close(connection)

    closed, close = [], Connection.__exit__
    monkeypatch.setattr(Connection, "__exit__", exit_)
    api.replies["/api/v1/pods"] = [page("Pod", ("a",))]
    entries = open_cluster(Wanted(), context="up", kubeconfig=kubeconfigs, name="prod")
    assert next(entries).cluster == "prod"
    assert closed == []
    if whole:
        list(entries)
    entries.close()
    assert closed == ["up"]
