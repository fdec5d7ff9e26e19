"""What report objects hold, and how many there are."""

import json

import msgspec
import pytest

from auditor.deliver.policy_reports import MAX_BYTES, OPENREPORTS, WGPOLICYK8S, report_objects
from auditor.findings import WorkloadRef
from auditor.nightly_config import PolicyReportsConfig
from tests.deliver.samples import DB, NIGHT, NODE, WAIVED, WEB, finding, report

CONFIG = PolicyReportsConfig()


def objects(*findings, api=OPENREPORTS, **config):
    made, left_out = report_objects(report(*findings), api, msgspec.structs.replace(CONFIG, **config), NIGHT)
    return {(item.namespace, item.name): item.body for item in made}, left_out


def fingerprints(body):
    return [int(result["properties"]["fingerprint"], 16) for result in body["results"]]


def test_a_namespace_has_its_own_object_and_its_own_namespace_object_belongs_to_it():
    space = WorkloadRef("v1", "Namespace", None, "team-a")
    made, _ = objects(finding(1), finding(2, workload=DB), finding(3, workload=space), finding(4, workload=NODE))
    assert {where: fingerprints(body) for where, body in made.items()} == {
        (None, "memory-auditor"): [4],
        ("team-a", "memory-auditor"): [1, 3],
        ("team-b", "memory-auditor"): [2],
    }


@pytest.mark.parametrize("name", ["../../kube-system", "a/b", "UPPER", "", "x" * 64, "team-a\n"])
def test_a_name_that_can_be_no_namespace_gets_into_no_path(name):
    made, _ = objects(finding(1, workload=msgspec.structs.replace(WEB, namespace=name)))
    assert set(made) == {(None, "memory-auditor")}


def test_open_findings_come_first_and_the_worst_of_them_before():
    made, _ = objects(
        finding(1, severity="low"),
        finding(2, severity="critical", waived=WAIVED),
        finding(3, severity="critical"),
        finding(4, severity="high", baseline="unchanged"),
    )
    (body,) = made.values()
    assert fingerprints(body) == [3, 1, 2, 4]
    assert [result["result"] for result in body["results"]] == ["fail", "fail", "skip", "skip"]
    assert body["summary"] == {"pass": 0, "fail": 2, "warn": 0, "error": 0, "skip": 2}
    assert body["results"][3]["message"] == "finding 4 (accepted by the baseline)"


def test_what_does_not_fit_is_counted_and_is_the_least_severe():
    findings = [finding(number, severity="low") for number in range(30)] + [finding(99, severity="high")]
    made, left_out = objects(*findings, max_results=5, max_objects=2)
    assert left_out == 21
    assert set(made) == {("team-a", "memory-auditor"), ("team-a", "memory-auditor-2")}
    assert 99 in fingerprints(made["team-a", "memory-auditor"])
    notes = [body["metadata"]["annotations"]["memory-auditor.io/results-left-out"] for body in made.values()]
    assert notes == ["21", "21"]


def test_an_object_is_bounded_in_bytes_whatever_findings_hold():
    long = "漢" * 5000
    made, left_out = objects(*(finding(number, message=long, path=long, subject=long) for number in range(400)))
    assert left_out == 0
    assert len(made) > 1
    assert all(
        len(json.dumps(body["results"], ensure_ascii=False).encode()) < 1.1 * MAX_BYTES for body in made.values()
    )


def test_untrusted_text_is_printable_and_has_a_form_in_json():
    (body,) = objects(finding(1, message="\x1b[31m\udcff\u202e"))[0].values()
    assert body["results"][0]["message"] == "\\x1b[31m\\udcff\\u202e"
    assert msgspec.json.encode(body)


def test_only_openreports_says_the_source_of_an_object():
    assert next(iter(objects(finding(1))[0].values()))["source"] == "kube-memory-auditor"
    (body,) = objects(finding(1), api=WGPOLICYK8S)[0].values()
    assert "source" not in body
    assert (body["apiVersion"], body["kind"]) == ("wgpolicyk8s.io/v1alpha2", "PolicyReport")
