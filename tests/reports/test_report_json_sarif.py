"""JSON and SARIF against their schemas, and what code scanning needs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from report_samples import clean, finding, report

from auditor.findings import Place, Report, Skipped, Waived
from auditor.reports import FORMATS
from auditor.reports.json import schema
from auditor.reports.locations import artifact

SARIF_SCHEMA = json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text())
SARIF = jsonschema.Draft4Validator(SARIF_SCHEMA)
JSON = jsonschema.Draft202012Validator(json.loads(schema()))
URI = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
REPORTS = [report(), report(findings=()), clean(), clean(objects=0, workloads=0), report(skipped=(), notes=())]


def run_of(given: Report) -> dict[str, Any]:
    document = json.loads(FORMATS["sarif"](given))
    SARIF.validate(document)
    [run] = document["runs"]
    return run


@pytest.mark.parametrize("given", REPORTS)
def test_json_is_valid_against_its_schema(given: Report) -> None:
    JSON.validate(json.loads(FORMATS["json"](given)))


def test_the_json_schema_is_a_schema_and_refuses_another_severity() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema()))
    document = json.loads(FORMATS["json"](report()))
    document["findings"][0]["severity"] = "terrible"
    assert not JSON.is_valid(document)


def test_json_has_the_documented_keys_and_null_where_there_is_no_place() -> None:
    document = json.loads(FORMATS["json"](report()))
    assert list(document) == ["version", "tool", "kubernetes_version", "summary", "findings", "skipped", "notes"]
    assert document["version"] == "1"
    assert document["tool"] == {"name": "kube-memory-auditor", "version": "0.1.0"}
    first, waived, third = document["findings"][:3]
    assert (first["file"], first["line"], first["end_column"]) == (None, None, None)
    assert first["workload"]["namespace"] is None
    assert waived["waived"]["expires"] == "2026-12-31"
    assert (third["actual_bytes"], third["baseline"]) == (134217728, "new")


def test_json_keeps_names_as_they_are_and_integers_exact() -> None:
    huge = finding(values={"n": 2**70}, subject="a\n\x1b", actual_bytes=2**63)
    [found] = json.loads(FORMATS["json"](report(findings=(huge,))))["findings"]
    assert (found["values"]["n"], found["subject"], found["actual_bytes"]) == (2**70, "a\n\x1b", 2**63)


@pytest.mark.parametrize("given", REPORTS)
def test_sarif_is_valid_against_the_oasis_schema(given: Report) -> None:
    run_of(given)


def test_the_oasis_schema_refuses_a_wrong_level() -> None:
    document = json.loads(FORMATS["sarif"](report()))
    document["runs"][0]["results"][0]["level"] = "high"
    assert not SARIF.is_valid(document)


def test_a_clean_sarif_run_has_an_empty_list_of_results_and_was_successful() -> None:
    run = run_of(clean())
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"] is True


def test_findings_do_not_make_an_execution_unsuccessful_but_skipped_inputs_do() -> None:
    assert run_of(report(skipped=()))["invocations"][0]["executionSuccessful"] is True
    assert run_of(report(findings=()))["invocations"][0]["executionSuccessful"] is False
    assert run_of(clean(objects=0))["invocations"][0]["executionSuccessful"] is False


def test_every_policy_is_a_rule_and_results_point_at_theirs() -> None:
    run = run_of(report())
    rules = run["tool"]["driver"]["rules"]
    assert len(rules) == 5
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert rules[0]["helpUri"].startswith("https://kubernetes.io/")
    assert "helpUri" not in rules[1]
    assert "**What to do:** Raise the limit" in rules[0]["help"]["markdown"]
    assert [rule["defaultConfiguration"]["level"] for rule in rules] == ["error", "error", "warning", "note", "note"]
    assert rules[3]["shortDescription"]["text"] == "QoS guaranteed missed"
    assert "security-severity" not in json.dumps(run)


def test_a_region_has_both_ends_in_code_points_and_an_alias_is_a_related_location() -> None:
    run = run_of(report())
    assert run["columnKind"] == "unicodeCodePoints"
    result = next(item for item in run["results"] if "relatedLocations" in item)
    physical = result["locations"][0]["physicalLocation"]
    assert physical["region"] == {"startLine": 21, "startColumn": 15, "endLine": 21, "endColumn": 21}
    assert physical["artifactLocation"] == {"uri": "deploy/web.yaml", "uriBaseId": "%SRCROOT%"}
    assert result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 40
    names = [item["fullyQualifiedName"] for item in result["locations"][0]["logicalLocations"]]
    assert names == ["team-a/Deployment/web", "team-a/Deployment/web/container app"]
    assert result["partialFingerprints"] == {"memoryAuditor/v1": "0" * 31 + "1"}


def test_suppressions_and_baseline_state_stand_in_all_results_or_in_none() -> None:
    results = run_of(report())["results"]
    assert all("suppressions" in item and "baselineState" in item for item in results)
    kinds = {item["ruleId"]: [s["kind"] for s in item["suppressions"]] for item in results}
    assert kinds["memory-limit-missing"] == ["inSource"]
    assert kinds["tmpfs-size-limit-missing"] == ["external"]
    assert kinds["memory-limit-below-request"] == []
    states = {item["ruleId"]: item["baselineState"] for item in results}
    assert (states["qos-guaranteed-missed"], states["memory-quantity-fractional"]) == ("unchanged", "new")
    [bare] = run_of(report(findings=(finding(),)))["results"]
    assert "suppressions" not in bare
    assert "baselineState" not in bare


@pytest.mark.parametrize(
    ("by", "kind"), [("annotation", "inSource"), ("comment a.yaml:3", "inSource"), ("w.yaml:3", "external")]
)
def test_a_waiver_beside_the_object_is_in_source(by: str, kind: str) -> None:
    waived = finding(waived=Waived("known", "2027-01-01", by))
    [suppression] = run_of(report(findings=(waived,)))["results"][0]["suppressions"]
    assert suppression["kind"] == kind
    assert suppression["status"] == "accepted"
    assert suppression["justification"].startswith("known (until 2027-01-01")


def test_skipped_inputs_are_error_notifications_with_their_place() -> None:
    notifications = run_of(report())["invocations"][0]["toolExecutionNotifications"]
    skipped = [item for item in notifications if item["descriptor"]["id"] == "input-skipped"]
    assert [item["level"] for item in skipped] == ["error", "error"]
    assert skipped[0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "chart/Chart.yaml", "uriBaseId": "%SRCROOT%"}
    }
    assert skipped[1]["locations"][0]["physicalLocation"]["region"] == {"startLine": 4, "startColumn": 2}
    assert sum(item["level"] == "note" for item in notifications) == 2


def test_a_message_holds_no_embedded_link() -> None:
    linked = finding(message="see [here](https://evil.example)")
    [result] = run_of(report(findings=(linked,)))["results"]
    assert "](" not in result["message"]["text"]


@pytest.mark.parametrize(
    ("file", "uri", "based"),
    [
        ("a/b.yaml", "a/b.yaml", True),
        ("./a//b.yaml", "a/b.yaml", True),
        ("a b/ü%#?.yaml", "a%20b/%C3%BC%25%23%3F.yaml", True),
        ("c:d.yaml", "c%3Ad.yaml", True),
        ("../out.yaml", "../out.yaml", False),
        ("/etc/x y.yaml", "file:///etc/x%20y.yaml", False),
        ("//etc/x.yaml", "file:///etc/x.yaml", False),
        ("-", "stdin", False),
        ("caf\udce9.yaml", "caf%E9.yaml", True),
        ("\ud800.yaml", "%ED%A0%80.yaml", True),
    ],
)
def test_a_file_becomes_a_uri_reference(file: str, uri: str, *, based: bool) -> None:
    found = artifact(file)
    assert found["uri"] == uri
    assert ("uriBaseId" in found) is based
    assert URI.fullmatch(found["uri"])


def test_the_worst_5000_of_more_findings_are_results_and_the_rest_is_told() -> None:
    low = tuple(finding(severity="low", place=Place("a.yaml", line, 1, line, 2)) for line in range(1, 5001))
    waived = finding(severity="critical", waived=Waived("r", "2027-01-01", "annotation"))
    worst = finding(severity="critical", place=Place("z.yaml", 1, 1, 1, 2))
    text = FORMATS["sarif"](report(findings=(*low, waived, worst), skipped=(Skipped("b.yaml", None, None, "r"),)))
    run = json.loads(text)["runs"][0]
    assert len(run["results"]) == 5000
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "z.yaml"
    assert [item["level"] for item in run["results"]].count("note") == 4999
    cut = run["invocations"][0]["toolExecutionNotifications"][1]
    assert cut["descriptor"]["id"] == "results-cut"
    assert cut["message"]["text"].startswith("2 findings not shown")


def test_exactly_5000_findings_are_not_cut() -> None:
    run = json.loads(FORMATS["sarif"](report(findings=(finding(),) * 5000)))["runs"][0]
    assert len(run["results"]) == 5000
    assert "not shown" not in msgspec.json.encode(run["invocations"]).decode()


def test_a_result_of_a_policy_that_is_no_rule_has_no_rule_index() -> None:
    [result] = run_of(report(findings=(finding(policy="gone"),)))["results"]
    assert (result["ruleId"], "ruleIndex" in result) == ("gone", False)


def test_a_skipped_input_may_have_a_line_without_a_column() -> None:
    run = run_of(report(findings=(), skipped=(Skipped("a.yaml", 7, None, "r"),), notes=()))
    [notification] = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["locations"][0]["physicalLocation"]["region"] == {"startLine": 7}
