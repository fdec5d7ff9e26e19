"""Writing report objects past an API server that is busy, refuses or breaks; tests/kubernetes asks a real one."""

import json

import pytest

from auditor.deliver.errors import DeliveryError
from auditor.deliver.policy_reports import OPENREPORTS, report_objects
from auditor.deliver.report_objects import Writer
from auditor.nightly_config import PolicyReportsConfig
from auditor.sources.cluster.connect import Answer, UnreachableError
from tests.deliver.samples import NIGHT, WEB, finding, report

EMPTY = Answer(200, b'{"items": []}')
CREATED = Answer(201, b"{}")


class Server:
    """Gives scripted answers to writes, the last one again and again; it has no object."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def get(self, path, query=(), accept=""):  # noqa: ARG002 - the connection's interface
        return EMPTY

    def send(self, method, path, query, body, content_type=""):  # noqa: ARG002 - the connection's interface
        self.sent.append((method, path, json.loads(body)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def clean(self, text):
        return text.replace("hunter2", "***")


def write(server, count=1):
    waits = []
    findings = [finding(number, workload=type(WEB)("v1", "Pod", f"n{number}", "x")) for number in range(count)]
    objects, _ = report_objects(report(*findings), OPENREPORTS, PolicyReportsConfig(), NIGHT)
    return Writer(server, sleep=waits.append).write(OPENREPORTS, objects, prune=True), waits


@pytest.mark.parametrize(
    "answer", [Answer(503, b""), Answer(429, b""), Answer(500, b""), UnreachableError("no connection")]
)
def test_a_request_is_sent_again_when_that_may_help(answer):
    applied, waits = write(Server(answer, answer, CREATED))
    assert (applied.written, waits) == (1, [0.5, 1.0])


def test_the_wait_that_the_server_asks_for_is_kept_within_bounds():
    assert write(Server(Answer(429, b"", 7), Answer(429, b"", 7200), CREATED))[1] == [7, 30]


def test_a_server_that_stays_busy_is_told_in_its_own_words():
    busy = Answer(503, b'{"kind": "Status", "message": "etcd is hunter2"}')
    with pytest.raises(DeliveryError, match=r"0 objects written, 0 removed, then: create reports\.openreports\.io "):
        write(Server(busy))
    with pytest.raises(DeliveryError, match=r"HTTP 503: etcd is \*\*\*$"):
        write(Server(busy))


def test_a_server_that_is_gone_ends_it():
    server = Server(UnreachableError("its name cannot be resolved", lasting=True))
    with pytest.raises(DeliveryError, match="the API server does not answer: its name cannot be resolved"):
        write(server, count=3)
    assert len(server.sent) == 1


def test_after_a_few_refusals_the_rest_is_not_tried():
    server = Server(Answer(403, b'{"message": "forbidden"}'))
    with pytest.raises(DeliveryError, match="forbidden"):
        write(server, count=20)
    assert len(server.sent) == 5


def test_one_refusal_does_not_keep_the_others_from_being_written():
    server = Server(Answer(422, b'{"message": "invalid"}'), CREATED)
    with pytest.raises(
        DeliveryError, match=r"2 objects written, 0 removed, then: create .*n0/memory-auditor: HTTP 422"
    ):
        write(server, count=3)


def test_an_answer_that_is_no_list_is_told():
    server = Server(CREATED)
    server.get = lambda *_: Answer(200, b"<html>")
    with pytest.raises(DeliveryError, match="cannot be read"):
        write(server)
