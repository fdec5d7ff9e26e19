"""The summary for a chat: what it holds, that nothing in it is markup, and that its URL is told to nobody."""

import json

import pytest

from auditor.deliver.errors import DeliveryError
from auditor.deliver.webhook import Message, payload, post
from auditor.findings import WorkloadRef
from auditor.nightly_config import WebhookConfig
from tests.deliver.samples import finding
from tests.deliver.web_server import WebServer

SECRET = "/services/T000/B000/XXXXsecretXXXX"  # noqa: S105 - opens nothing
NASTY = WorkloadRef("v1", "Pod", "a", "<!channel> <https://evil.example|click> & \x1b[31m\u202e\n@here")


def message(*findings, **changes):
    values = {"title": "prod: 3 findings", "lines": ("1 new, 2 known",), "findings": findings, "faults": ()}
    return Message(**(values | changes))


def send(server, *, path=SECRET, ca_file=None, waits=None, environment=None, url=None):
    variables = {"AUDITOR_WEBHOOK_URL": (url or server.url) + path} if environment is None else environment
    note = waits.append if waits is not None else lambda _: None
    return post(message(finding(1)), WebhookConfig(), variables, ca_file=ca_file, sleep=note)


def texts(body):
    return [block["text"]["text"] for block in body["blocks"]]


def test_a_summary_is_posted_as_json(web):
    assert send(web) == web.url
    (sent,) = web.sent
    assert (sent.method, sent.path) == ("POST", SECRET)
    assert sent.headers["Content-Type"].startswith("application/json")
    body = json.loads(sent.body)
    assert body == payload(message(finding(1)), 10)
    assert texts(body) == [
        "prod: 3 findings",
        "1 new, 2 known",
        "• high: Deployment team-a/web, container app: finding 1 (memory-limit-missing)",
    ]
    assert body["text"] == "\n".join(texts(body))


def test_no_name_is_markup_of_slack():
    body = payload(message(finding(1, workload=NASTY), title="<!here>", faults=("<b>",)), 10)
    header, *sections = body["blocks"]
    everything = json.dumps([body["text"], sections])
    assert "<" not in everything
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; \\\\x1b[31m\\\\u202e\\\\n@here" in everything
    assert all(section["text"]["verbatim"] for section in sections)
    assert header["text"]["type"] == "plain_text"


def test_a_summary_stays_within_the_bounds_of_slack():
    findings = [finding(number, message="&" * 5000, workload=NASTY) for number in range(500)]
    body = payload(message(*findings, title="t" * 500, faults=("f" * 4000,) * 100, lines=("l" * 9000,) * 40), 30)
    # https://docs.slack.dev/reference/block-kit/blocks
    assert len(body["blocks"]) <= 50
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    assert all(len(text) <= 3000 for text in texts(body))
    assert len(body["text"]) <= 40_000
    assert texts(body)[2].endswith("more")


def test_the_worst_findings_are_named_and_the_others_counted():
    body = payload(message(*(finding(n, severity="low") for n in range(4)), finding(9, severity="critical")), 2)
    named = texts(body)[2].splitlines()
    assert named[0].startswith("• critical")
    assert named[-1] == "and 3 more"
    assert len(named) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, b"no_service", {}), "HTTP 404: no_service$"),
        ((400, b"invalid_payload", {}), "HTTP 400: invalid_payload$"),
        ((302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}), "HTTP 302$"),
    ],
)
def test_a_refusal_is_told_at_once(web, answer, words):
    web.answers = [answer]
    with pytest.raises(DeliveryError, match=words):
        send(web)
    assert len(web.sent) == 1


def test_a_server_that_is_busy_or_cuts_is_asked_again_a_few_times(web):
    web.answers = [(503, b"", {}), None, (200, b"ok", {})]
    waits = []
    send(web, waits=waits)
    assert waits == [1.0, 3.0]
    web.answers = [(429, b"slow", {"Retry-After": "20"}), (429, b"slow", {"Retry-After": "7200"}), (500, b"", {})]
    waits.clear()
    with pytest.raises(DeliveryError, match="HTTP 500"):
        send(web, waits=waits)
    assert waits == [20, 30]


def test_the_path_is_in_no_error_even_when_the_server_repeats_it(web):
    web.answers = [(404, f"Cannot POST {SECRET} (\x1b[31mT000)".encode(), {})]
    with pytest.raises(DeliveryError) as caught:
        send(web)
    told = str(caught.value)
    assert "XXXX" not in told
    assert "B000" not in told
    assert "Cannot POST" in told
    assert "\x1b" not in told


def test_no_connection_is_told_with_the_host_alone():
    with WebServer() as server:
        url = server.url
    with pytest.raises(DeliveryError) as caught:
        send(None, url=url)
    assert str(caught.value) == f"{url}: no connection"


def test_certificates_are_verified(certificates):
    with WebServer(certificates=certificates) as server:
        with pytest.raises(DeliveryError, match=r"https://127\.0\.0\.1:\d+: TLS: "):
            send(server)
        assert server.sent == []
        send(server, ca_file=certificates / "ca.crt")
        assert len(server.sent) == 1


def test_a_file_of_authorities_that_is_not_there_is_told(web, tmp_path):
    with pytest.raises(DeliveryError, match="there is no such file"):
        send(web, ca_file=tmp_path / "ca.crt")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://chat.example" + SECRET, "it must be https, since its path is a secret"),
        ("ftp://chat.example" + SECRET, "it must be a web address"),
        ("https://me:hunter2@chat.example" + SECRET, "it must not hold a user or a password"),
        ("https://chat.example:port" + SECRET, "Port could not be cast"),
        ("", "is not set"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_it(url, words):
    with pytest.raises(DeliveryError, match=rf"variable AUDITOR_WEBHOOK_URL.*{words}") as caught:
        send(None, environment={"AUDITOR_WEBHOOK_URL": url})
    assert "XXXX" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_proxy_of_the_environment_is_used(web, monkeypatch):
    monkeypatch.setenv("http_proxy", web.url)
    with pytest.raises(DeliveryError, match="https"):
        send(None, url="http://chat.example")
    monkeypatch.setenv("no_proxy", "example.com")
    send(None, url="http://localhost:9")
    assert web.sent[0].path == f"http://localhost:9{SECRET}"
    monkeypatch.setenv("no_proxy", "localhost")
    with pytest.raises(DeliveryError, match="no connection"):
        send(None, url="http://localhost:9")
