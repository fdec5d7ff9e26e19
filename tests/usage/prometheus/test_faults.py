"""A server that fails: what is asked then, what is told, and what the next pull does."""

import gzip
import threading
from collections import Counter
from datetime import date

import pytest

from auditor.usage.errors import UsageError
from auditor.usage.prometheus import Secret
from tests.usage.prometheus import lab
from tests.usage.prometheus.lab import Fault
from tests.usage.prometheus.script import DAYS, MIB, WEB

TOO_MANY = (
    b'{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}'
)


def of_working_set(request):
    """Whether a request is one of the daily numbers of the working set."""
    return "quantile_over_time" in request.fields.get("query", "")


def of_many_days(request):
    return request.fields["start"] != request.fields["end"]


def queries(proxy):
    return [(r.fields["query"], r.fields["start"], r.fields["end"], r.fields["step"]) for r in proxy.requests]


def everything_was_had(result, table):
    assert result.skipped == ()
    assert [str(day) for day in result.days_written] == list(DAYS)
    assert table.one("2026-03-03", WEB, "app").max_bytes == 500 * MIB + 750_000


@pytest.mark.parametrize(
    "fault",
    [
        Fault(422, TOO_MANY),
        Fault(503, b'{"status":"error","errorType":"timeout","error":"query timed out"}'),
        Fault(504, b"<html>gateway timeout</html>", {"Content-Type": "text/html"}),
        Fault(cut_bytes=100),
        Fault(200, b'{"status":"success","data":{"resultType":"ma', {"Content-Type": "application/json"}),
        Fault(200, gzip.compress(b"x" * 10_000)[:30], {"Content-Encoding": "gzip"}),
        Fault(200, b'{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[]}}'),
    ],
    ids=["too many samples", "timeout", "gateway", "cut off", "half a text", "half a gzip", "partial"],
)
def test_what_is_too_much_is_halved_and_never_asked_again(proxy, pulled, table, fault):
    proxy.rule = lambda request: fault if of_working_set(request) and of_many_days(request) else None
    everything_was_had(pulled(proxy.url), table)
    asked = Counter(queries(proxy))
    assert max(asked.values()) == 1


def test_a_real_server_with_a_low_limit_of_samples_is_asked_in_pieces(data, prometheus_tools, pulled, table):
    # 1441 samples of one series at a time fit, and little more
    with lab.prometheus(data, prometheus_tools, "--query.max-samples=1500") as url, lab.Proxy(url) as proxy:
        result = pulled(proxy.url)
    everything_was_had(result, table)
    assert max(Counter(queries(proxy)).values()) == 1


def test_retry_after_is_obeyed_before_the_next_request(proxy, pulled, table):
    waits = []
    fault = Fault(503, b"{}", {"Retry-After": "7"})
    proxy.rule = lambda request: fault if of_working_set(request) and of_many_days(request) else None
    everything_was_had(pulled(proxy.url, sleep=waits.append, workers=1), table)
    assert waits
    assert 6 < waits[0] <= 7


def test_a_server_that_asks_to_wait_too_long_is_given_up(proxy, pulled):
    proxy.rule = lambda request: Fault(429, b"{}", {"Retry-After": "3600"}) if of_working_set(request) else None
    result = pulled(proxy.url)
    assert "asks to wait 3600 s" in result.skipped[0].reason


def test_a_slow_answer_is_not_waited_for_longer_than_told(proxy, pulled, table, monkeypatch):
    monkeypatch.setattr("auditor.usage.prometheus.client.GRACE_SECONDS", 0)
    slow = Fault(late_seconds=3)
    proxy.rule = lambda request: slow if of_working_set(request) and of_many_days(request) else None
    everything_was_had(pulled(proxy.url, query_timeout_seconds=1), table)
    assert {request.fields["timeout"] for request in proxy.requests} == {"1s"}


def test_an_answer_that_is_too_long_is_asked_in_pieces(proxy, pulled, table):
    result = pulled(proxy.url, max_body_bytes=6000)
    everything_was_had(result, table)
    assert max(Counter(queries(proxy)).values()) == 1


def test_a_packed_bomb_is_not_unpacked_beyond_the_bound(proxy, pulled):
    bomb = gzip.compress(b"[" * 50_000_000)
    proxy.rule = lambda request: Fault(200, bomb, {"Content-Encoding": "gzip"}) if of_working_set(request) else None
    result = pulled(proxy.url, max_body_bytes=1_000_000)
    assert "longer than 1000000 bytes" in result.skipped[0].reason


def test_a_part_that_fails_for_good_is_skipped_and_told_and_the_rest_is_written(proxy, pulled, table):
    def rule(request):
        query = request.fields.get("query", "")
        return Fault(422, TOO_MANY) if "container_memory_rss" in query and "[1d]" in query else None

    proxy.rule = rule
    result = pulled(proxy.url)
    assert table.one("2026-03-02", WEB, "app").rss_max_bytes is None
    assert table.one("2026-03-02", WEB, "app").max_bytes == 100 * MIB + 1_439_000
    assert result.days_incomplete
    assert all(item.file == proxy.url and "rss of" in item.reason for item in result.skipped)
    assert "too many samples" in result.skipped[0].reason


def test_days_with_a_gap_are_asked_again_by_the_next_pull_and_then_no_more(proxy, pulled, table):
    proxy.rule = lambda request: (
        Fault(422, TOO_MANY)
        if "container_memory_cache" in request.fields["query"] and "[1d]" in request.fields["query"]
        else None
    )
    first = pulled(proxy.url)
    proxy.rule = lambda _: None
    second = pulled(proxy.url)
    third = pulled(proxy.url)
    assert second.days_wanted == first.days_incomplete
    assert second.skipped == ()
    assert {row.cache_max_bytes is None for row in table.writes[-1]} == {False}
    assert third.requests == 0


def test_a_pull_that_is_broken_off_goes_on_where_it_was(proxy, pulled, table):
    def rule(request):
        is_oldest = of_working_set(request) and request.fields["start"].startswith("1772495999")
        return Fault(401, b"{}") if is_oldest else None

    proxy.rule = rule
    with pytest.raises(UsageError, match="credentials are not accepted"):
        pulled(proxy.url, samples_per_request=120_000, workers=1)
    assert table.days == {date(2026, 3, 3), date(2026, 3, 4)}
    proxy.rule = lambda _: None
    assert [str(day) for day in pulled(proxy.url).days_wanted] == ["2026-03-02"]


def test_a_server_that_is_gone_is_not_asked_for_ever(proxy, pulled):
    broken = threading.Event()

    def rule(request):
        if of_working_set(request):
            broken.set()
        return Fault(502, b"bad gateway", {"Content-Type": "text/plain"}) if broken.is_set() else None

    proxy.rule = rule
    result = pulled(proxy.url, samples_per_request=20_000)
    assert len([r for r in proxy.requests if of_working_set(r) or broken.is_set()]) <= 60
    assert "questions were not asked any more" in result.skipped[-1].reason
    assert result.days_incomplete


def test_a_wrong_content_type_is_told_and_not_asked_in_pieces(proxy, pulled):
    proxy.rule = lambda request: (
        Fault(200, b"<html>", {"Content-Type": "text/html"}) if of_working_set(request) else None
    )
    result = pulled(proxy.url)
    (item,) = result.skipped
    assert "text/html" in item.reason
    assert len([request for request in proxy.requests if of_working_set(request)]) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(401, b"no"), "credentials are not accepted"),
        (Fault(403, b"no"), "credentials are not accepted"),
        (Fault(404, b"no"), "no Prometheus API"),
        (Fault(302, b"", {"Location": "https://login.example/"}), "no Prometheus API"),
        (Fault(200, b"<html>", {"Content-Type": "text/html"}), "is this a Prometheus API"),
        (Fault(200, b'{"status":"success","data":{"resultType":"vector","result":[]}}'), "not a matrix"),
        (Fault(200, b'{"status":"success","data":[]}'), "not one of the Prometheus API"),
        (Fault(503, b"{}"), "HTTP 503"),
    ],
)
def test_a_server_that_cannot_be_asked_at_all_is_wrong_use(proxy, pulled, fault, words):
    proxy.rule = lambda _: fault
    with pytest.raises(UsageError, match=words):
        pulled(proxy.url)
    assert len(proxy.requests) <= 4


def test_nobody_at_the_address_is_wrong_use(pulled):
    with pytest.raises(UsageError, match="no connection"):
        pulled(f"http://127.0.0.1:{lab.free_port()}")


def test_a_proxy_that_forbids_post_is_asked_with_get(proxy, pulled, table):
    proxy.rule = lambda request: Fault(405, b"") if request.method == "POST" else None
    everything_was_had(pulled(proxy.url), table)
    assert [request.method for request in proxy.requests].count("POST") <= 1


def test_credentials_are_sent_and_never_shown(proxy, pulled, tmp_path):
    token = tmp_path / "token"
    token.write_text("first-secret\n")
    pulled(proxy.url, token_file=token, headers=(("X-Scope-OrgID", Secret("tenant-secret")),), window_days=1)
    assert {r.headers["Authorization"] for r in proxy.requests} == {"Bearer first-secret"}
    assert {r.headers["X-Scope-OrgID"] for r in proxy.requests} == {"tenant-secret"}
    token.write_text("second-secret\n")
    proxy.rule = lambda request: Fault(422, f"{request.headers['Authorization']} tenant-secret".encode())
    with pytest.raises(UsageError) as caught:
        pulled(proxy.url, token_file=token, headers=(("X-Scope-OrgID", Secret("tenant-secret")),))
    assert proxy.requests[-1].headers["Authorization"] == "Bearer second-secret"
    assert "secret" not in str(caught.value)
    assert "***" in str(caught.value)


def test_basic_authentication_comes_from_options_or_the_address(proxy, pulled, table):
    pulled(proxy.url, username="u", password=Secret("p"), window_days=1)
    assert proxy.requests[-1].headers["Authorization"] == "Basic dTpw"
    table.days = set()
    pulled(proxy.url.replace("http://", "http://u:p@"), window_days=1)
    assert proxy.requests[-1].headers["Authorization"] == "Basic dTpw"


def test_a_secret_does_not_show_in_what_is_printed():
    assert "hidden" not in f"{Secret('hidden')} {Secret('hidden')!r} {[Secret('hidden')]}"
