"""The Code Quality report: what GitLab's documentation asks of each issue."""

from __future__ import annotations

import json
import re

import pytest
from report_samples import SKIPPED, clean, finding, report

from auditor.findings import Place, Skipped
from auditor.reports import FORMATS


def issues(given):
    return json.loads(FORMATS["codequality"](given))


def test_an_issue_has_what_gitlab_reads_and_paths_of_the_repository():
    [issue] = issues(report(findings=(finding(place=Place("./deploy/web.yaml", 21, 15, 22, 3)),), skipped=()))
    assert issue == {
        "description": "Deployment team-a/web, container app: memory limit 128Mi is below its request 256Mi",
        "check_name": "memory-limit-below-request",
        "fingerprint": "0" * 31 + "1",
        "severity": "blocker",
        "location": {"path": "deploy/web.yaml", "lines": {"begin": 21, "end": 22}},
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("critical", "blocker"), ("high", "critical"), ("medium", "major"), ("low", "minor"), ("info", "info")],
)
def test_severities_are_gitlabs_words(ours, theirs):
    [issue] = issues(report(findings=(finding(severity=ours),), skipped=()))
    assert issue["severity"] == theirs


def test_fingerprints_are_unique_since_gitlab_drops_the_second_of_a_kind():
    twice = (finding(), finding(place=Place("deploy/web.yaml", 90, 1, 90, 2)))
    first, second = issues(report(findings=twice, skipped=()))
    assert first["fingerprint"] == "0" * 31 + "1"
    assert re.fullmatch("[0-9a-f]{32}", second["fingerprint"])
    assert second["fingerprint"] != first["fingerprint"]


def test_waived_and_known_findings_are_no_issues():
    told = [issue["check_name"] for issue in issues(report(skipped=()))]
    assert sorted(told) == ["memory-limit-below-request", "memory-limit-below-request", "memory-quantity-fractional"]


def test_an_input_that_was_not_judged_is_an_issue_with_its_place():
    chart, broken = issues(report(findings=(), skipped=SKIPPED))
    assert chart["location"] == {"path": "chart/Chart.yaml", "lines": {"begin": 1, "end": 1}}
    assert broken["location"]["lines"] == {"begin": 4, "end": 4}
    assert broken["check_name"] == "not-judged"
    assert "\x1b" not in broken["description"]


def test_objects_without_a_file_and_names_that_are_not_utf_8_have_a_path():
    nowhere = finding(place=None)
    piped = finding(place=Place("-", 1, 1, 1, 2), fingerprint="1" * 32)
    odd = Skipped("caf\udce9.yaml", None, None, "not UTF-8")
    paths = [issue["location"]["path"] for issue in issues(report(findings=(nowhere, piped), skipped=(odd,)))]
    assert paths == ["cluster", "stdin", "caf\\udce9.yaml"]


def test_a_clean_report_is_an_empty_list():
    assert issues(clean()) == []
