"""Lists page by page: every object once, faults retried within bounds, and told when they last."""

import gzip
import json

import pytest

from auditor.sources.cluster.ask import Server
from auditor.sources.cluster.connect import Timeouts, connect
from auditor.sources.cluster.entries import Missing
from auditor.sources.cluster.kinds import OPTIONAL, OWNERS, PODS, Resource
from auditor.sources.cluster.lists import Listing, listed
from tests.sources.cluster.api import Reply, page, status, write_kubeconfig

PATH = "/api/v1/pods"
DEPLOYMENTS = OWNERS[0]
METRICS = OPTIONAL[-1]
DEEP = b'{"items": [{"spec": ' + b'{"a":' * 9000 + b"1" + b"}" * 9002 + b"]}"
EXPIRED = "The provided continue parameter is too old to display a consistent list result."


class Waits(list):
    def __call__(self, seconds):
        self.append(seconds)


@pytest.fixture
def waits():
    return Waits()


@pytest.fixture
def server(connection, waits):
    return Server(connection, sleep=waits)


def names(entries):
    return [entry if isinstance(entry, Missing) else entry["metadata"]["name"] for entry in entries]


def read(server, resource=PODS, **more):
    return names(listed(server, Listing(resource, **more)))


def expired(token=""):
    more = {"metadata": {"continue": token}} if token else {}
    return status(410, EXPIRED, reason="Expired", **more)


class TestPages:
    def test_pages_follow_each_other_by_their_tokens(self, api, server):
        api.replies[PATH] = [page("Pod", "ab", "t1"), page("Pod", "cd", "t2"), page("Pod", "e")]
        assert read(server, page_size=2) == list("abcde")
        assert api.asked(PATH) == [
            {"limit": "2"},
            {"limit": "2", "continue": "t1"},
            {"limit": "2", "continue": "t2"},
        ]

    def test_objects_get_the_kind_that_a_list_leaves_out(self, api, server):
        api.replies["/apis/apps/v1/deployments"] = [page("Deployment", "a")]
        (data,) = listed(server, Listing(DEPLOYMENTS))
        assert (data["apiVersion"], data["kind"]) == ("apps/v1", "Deployment")

    def test_managed_fields_are_dropped_and_the_rest_of_the_metadata_kept(self, api, server):
        metadata = {"name": "a", "namespace": "n", "uid": "u", "labels": {"x": "y"}, "annotations": {"k": "v"}}
        metadata |= {"creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": "2026-01-02T00:00:00Z"}
        metadata |= {"ownerReferences": [{"kind": "Job", "name": "j"}], "generation": 2, "generateName": "a-"}
        whole = {"metadata": metadata | {"managedFields": [{"manager": "m"}]}, "spec": {"x": [1]}, "status": None}
        api.replies[PATH] = [page("Pod", [whole])]
        (data,) = listed(server, Listing(PODS))
        assert data == {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"x": [1]}, "status": None}

    def test_a_page_is_asked_for_when_the_one_before_is_used_up(self, api, server):
        api.replies[PATH] = [page("Pod", "ab", "t1"), page("Pod", "c")]
        entries = listed(server, Listing(PODS))
        next(entries)
        next(entries)
        assert len(api.asked(PATH)) == 1
        assert names(entries) == ["c"]

    def test_one_namespace_and_a_selector_are_asked_for_on_every_page(self, api, server):
        path = "/api/v1/namespaces/team-a/pods"
        api.replies[path] = [page("Pod", "a", "t"), page("Pod", "b")]
        assert read(server, namespace="team-a", query=(("labelSelector", "app in (a,b)"),)) == ["a", "b"]
        assert [query["labelSelector"] for query in api.asked(path)] == ["app in (a,b)"] * 2

    def test_large_objects_come_in_smaller_pages(self, api, server):
        api.replies["/api/v1/configmaps"] = [page("ConfigMap", "a")]
        read(server, Resource("", "v1", "configmaps", "ConfigMap"))
        assert api.asked("/api/v1/configmaps") == [{"limit": "50"}]

    def test_a_packed_page_is_unpacked(self, api, server):
        packed = gzip.compress(json.dumps(page("Pod", "ab").body).encode())
        api.replies[PATH] = [Reply(packed, headers={"Content-Encoding": "gzip"})]
        assert read(server) == ["a", "b"]

    def test_a_list_of_null_is_empty(self, api, server):
        api.replies[PATH] = [Reply({"kind": "PodList", "metadata": {}, "items": None})]
        assert read(server) == []


class TestExpired:
    def test_the_token_that_the_server_offers_goes_on(self, api, server):
        api.replies[PATH] = [page("Pod", "ab", "t1"), expired("latest"), page("Pod", "cd")]
        assert read(server) == list("abcd")
        assert [query.get("continue") for query in api.asked(PATH)] == [None, "t1", "latest"]

    def test_without_one_the_list_is_begun_anew_and_nothing_comes_twice(self, api, server):
        # b is gone by then, and aa is new: what comes before the last object that was yielded is left out.
        api.replies[PATH] = [page("Pod", "ab", "t1"), expired(), page("Pod", ["a", "aa"], "t2"), page("Pod", "cd")]
        assert read(server) == list("abcd")
        assert [query.get("continue") for query in api.asked(PATH)] == [None, "t1", None, "t2"]

    def test_the_order_is_that_of_keys_not_of_names(self, api, server):
        # In etcd "a-b/p" comes before "a/o": a dash sorts before a slash.
        first = [{"metadata": {"name": "p", "namespace": "a-b"}}, {"metadata": {"name": "o", "namespace": "a"}}]
        last = {"metadata": {"name": "z", "namespace": "a"}}
        api.replies[PATH] = [page("Pod", first, "t1"), expired(), page("Pod", [*first, last])]
        assert read(server) == ["p", "o", "z"]

    def test_objects_without_order_are_not_begun_anew(self, api, server):
        api.replies[PATH] = [page("Pod", "ba", "t1"), expired(), page("Pod", "cba")]
        assert read(server) == ["b", "a", Missing("list pods", EXPIRES, "Pod")]

    def test_a_list_that_expires_again_and_again_ends(self, api, server):
        api.replies[PATH] = [page("Pod", "a", "t1"), expired("t2")]
        assert read(server) == ["a", Missing("list pods", EXPIRES, "Pod")]
        assert len(api.asked(PATH)) == 5

    def test_a_list_that_is_begun_anew_again_and_again_ends(self, api, server):
        api.replies[PATH] = [page("Pod", "a", "t"), expired()] * 9
        assert read(server) == ["a", Missing("list pods", EXPIRES, "Pod")]
        assert len(api.asked(PATH)) == 6

    def test_every_page_of_a_long_list_may_expire(self, api, server):
        replies = [page("Pod", "a", "t1")]
        for letter in "bcdefgh":
            replies += [expired(f"latest-{letter}"), page("Pod", letter, f"t-{letter}")]
        api.replies[PATH] = [*replies, page("Pod", "i")]
        assert read(server) == list("abcdefghi")


EXPIRES = "the list expired again and again while it was read"


class TestPatience:
    @pytest.mark.parametrize("code", [429, 503])
    def test_a_busy_server_says_how_long_to_wait(self, code, api, server, waits):
        busy = Reply({"message": "busy"}, code, {"Retry-After": "7"})
        api.replies[PATH] = [busy, busy, page("Pod", "a")]
        assert read(server) == ["a"]
        assert waits == [7, 7]

    def test_a_server_that_stays_busy_is_given_up(self, api, server, waits):
        api.replies[PATH] = [Reply({"message": "slow down"}, 429, {"Retry-After": "1"})]
        assert read(server) == [Missing("list pods", "the server is too busy: HTTP 429: slow down", "Pod")]
        assert len(waits) == 9

    def test_nobody_waits_for_an_hour(self, api, server, waits):
        api.replies[PATH] = [Reply({"message": "down"}, 503, {"Retry-After": "3600"})]
        assert read(server) == [Missing("list pods", "the server is too busy: HTTP 503: down", "Pod")]
        assert waits == []

    @pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
    def test_a_broken_answer_is_asked_for_again(self, code, api, server, waits):
        api.replies[PATH] = [page("Pod", "a", "t"), status(code), status(code), page("Pod", "b")]
        assert read(server) == ["a", "b"]
        assert waits == [0.5, 1]
        assert [query.get("continue") for query in api.asked(PATH)] == [None, "t", "t", "t"]

    def test_a_server_that_stays_broken_is_told_in_its_words(self, api, server, waits):
        api.replies[PATH] = [status(500, "conversion webhook failed\x1b[31m")]
        assert read(server) == [Missing("list pods", "HTTP 500: conversion webhook failed [31m", "Pod")]
        assert waits == [0.5, 1, 2]

    def test_a_connection_that_drops_inside_a_page_yields_nothing_of_it_twice(self, api, server):
        whole = page("Pod", "ab", "t")
        api.replies[PATH] = [
            Reply(whole.body, cut_at=40),
            whole,
            Reply(page("Pod", "c").body, cut_at=9),
            page("Pod", "c"),
        ]
        assert read(server) == list("abc")

    def test_a_connection_that_drops_inside_a_packed_page_is_asked_for_again(self, api, server):
        packed = gzip.compress(json.dumps(page("Pod", "ab").body).encode())
        headers = {"Content-Encoding": "gzip"}
        api.replies[PATH] = [Reply(packed, headers=headers, cut_at=30), Reply(packed, headers=headers)]
        assert read(server) == ["a", "b"]

    def test_a_connection_that_always_drops_is_told(self, api, server, waits):
        api.replies[PATH] = [Reply(page("Pod", "ab").body, cut_at=40)]
        assert read(server) == [Missing("list pods", "the connection was cut", "Pod")]
        assert waits == [0.5, 1, 2]

    def test_after_a_request_without_answer_the_next_is_not_tried_for_seconds_again(self, api, server, waits):
        api.replies[PATH] = [Reply(page("Pod", "ab").body, cut_at=40)]
        read(server)
        waits.clear()
        read(server)
        assert waits == []
        api.replies[PATH] = [page("Pod", "a")]
        assert read(server) == ["a"]
        api.replies[PATH] = [status(500), page("Pod", "a")]
        assert read(server) == ["a"]

    def test_a_slow_answer_is_given_up_in_time(self, api, tmp_path, waits):
        file = write_kubeconfig(tmp_path / "k", api.url)
        api.replies[PATH] = [Reply(page("Pod", "a").body, delay=1), page("Pod", "a")]
        with connect(kubeconfig=str(file), timeouts=Timeouts(read_seconds=0.2)) as connection:
            assert read(Server(connection, sleep=waits)) == ["a"]
        assert waits == [0.5]

    def test_credentials_that_end_are_told_at_once(self, api, server, waits):
        api.replies[PATH] = [page("Pod", "a", "t"), status(401, "Unauthorized")]
        reason = "the credentials are not accepted any more: HTTP 401: Unauthorized"
        assert read(server) == ["a", Missing("list pods", reason, "Pod")]
        assert waits == []

    def test_an_answer_that_is_too_long_is_given_up(self, api, server, monkeypatch):
        monkeypatch.setattr("auditor.sources.cluster.connect.MAX_BODY_BYTES", 1 << 20)
        api.replies[PATH] = [Reply(gzip.compress(b" " * (3 << 20)), headers={"Content-Encoding": "gzip"})]
        assert read(server) == [Missing("list pods", "the answer is longer than 1 MiB", "Pod")]


class TestRefusals:
    def test_a_forbidden_list_names_the_right_to_grant(self, api, server):
        api.replies[PATH] = [status(403, 'pods is forbidden: User "x" cannot list resource "pods"')]
        assert read(server) == [Missing("list pods", "forbidden: grant list on pods in all namespaces", "Pod")]

    def test_in_one_namespace_it_names_that_and_the_group(self, api, server):
        api.replies["/apis/apps/v1/namespaces/team-a/deployments"] = [status(403)]
        assert read(server, DEPLOYMENTS, namespace="team-a") == [
            Missing(
                "list deployments.apps in namespace team-a",
                "forbidden: grant list on deployments.apps in namespace team-a",
                "Deployment",
                "team-a",
            )
        ]

    def test_of_a_cluster_scoped_kind_it_names_no_namespace(self, api, server):
        api.replies["/api/v1/nodes"] = [status(403)]
        nodes = Resource("", "v1", "nodes", "Node", namespaced=False)
        assert read(server, nodes) == [Missing("list nodes", "forbidden: grant list on nodes", "Node")]

    def test_a_kind_that_every_cluster_has_is_missing_when_it_is_not_served(self, api, server):
        del api.replies[PATH]
        assert read(server) == [Missing("list pods", "the server does not serve v1: HTTP 404", "Pod")]

    def test_an_optional_kind_that_is_not_served_is_nothing_to_tell(self, server):
        assert read(server, METRICS, optional=True) == []

    def test_an_api_that_is_down_is_told_although_it_is_optional(self, api, server):
        api.replies[METRICS.path()] = [Reply(b"service unavailable\n", 503, {"Content-Type": "text/plain"})]
        assert read(server, METRICS, optional=True) == [
            Missing("list pods.metrics.k8s.io", "HTTP 503: service unavailable", "PodMetrics")
        ]

    @pytest.mark.parametrize(
        "body",
        [
            DEEP,
            b"{",
            b"<html>",
            b"[]",
            b'{"items": 5}',
            b'{"items": [5]}',
            b'{"items": [{"metadata": 5}]}',
            b'{"items"\xff',
        ],
    )
    def test_a_page_that_is_no_list_is_told_and_ends_the_list(self, body, api, server):
        api.replies[PATH] = [page("Pod", "a", "t"), Reply(body)]
        first, missing = read(server)
        assert first == "a"
        assert missing.what == "list pods"
        assert missing.reason.startswith("the answer is no list: ")
