"""What changed since the last run."""

import msgspec
import pytest

from auditor.deliver.compare import compare, read_findings
from auditor.reports.json import render
from tests.deliver.samples import SKIPPED, WAIVED, finding, report


def earlier(*findings):
    return read_findings(render(report(*findings)).encode())


def numbers(findings):
    return [int(item.fingerprint, 16) for item in findings]


def test_findings_are_new_known_or_fixed_by_their_fingerprints():
    found = compare(report(finding(1), finding(2)), "before", earlier(finding(2), finding(3), finding(4)))
    assert (numbers(found.new), found.known, numbers(found.fixed)) == ([1], 1, [3, 4])
    assert found.previous == "before"


def test_without_an_earlier_run_every_finding_is_new():
    found = compare(report(finding(1)), None, ())
    assert (numbers(found.new), found.known, found.fixed) == ([1], 0, ())


def test_a_finding_that_became_more_severe_is_new_and_one_that_became_less_severe_is_known():
    found = compare(
        report(finding(1, severity="high"), finding(2, severity="low")),
        "before",
        earlier(finding(1, severity="medium"), finding(2, severity="medium")),
    )
    assert (numbers(found.new), found.known, found.fixed) == ([1], 1, ())


def test_of_findings_that_share_a_fingerprint_one_more_is_new():
    found = compare(report(finding(1), finding(1)), "before", earlier(finding(1)))
    assert (numbers(found.new), found.known) == ([1], 1)


def test_a_finding_that_was_waived_meanwhile_is_neither_fixed_nor_known():
    found = compare(report(finding(1, waived=WAIVED)), "before", earlier(finding(1)))
    assert (found.new, found.known, found.fixed) == ((), 0, ())


def test_a_finding_whose_waiver_has_ended_is_new():
    found = compare(report(finding(1)), "before", earlier(finding(1, waived=WAIVED)))
    assert numbers(found.new) == [1]


def test_what_a_baseline_accepts_is_not_compared():
    found = compare(report(finding(1, baseline="unchanged")), "before", earlier(finding(2, baseline="unchanged")))
    assert (found.new, found.known, found.fixed) == ((), 0, ())


def test_of_an_incomplete_run_it_is_not_certain_what_was_fixed():
    assert not compare(report(skipped=(SKIPPED,)), "before", earlier(finding(1))).certain
    assert compare(report(), "before", earlier(finding(1))).certain


@pytest.mark.parametrize(
    ("severity", "fail_on", "fails"),
    [
        ("high", "high", True),
        ("high", "critical", False),
        ("critical", "medium", True),
        ("critical", "never", False),
        ("info", "low", False),
    ],
)
def test_only_new_findings_count_for_the_threshold(severity, fail_on, fails):
    new = compare(report(finding(1, severity=severity)), "before", earlier(finding(2)))
    known = compare(report(finding(1, severity=severity)), "before", earlier(finding(1, severity=severity)))
    assert (new.failed(fail_on), known.failed(fail_on)) == (fails, False)


def changed(**changes):
    return msgspec.json.encode({**msgspec.json.decode(render(report(finding(1)))), **changes})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON report"),
        (b"{", "no JSON report"),
        (b"[]", "no JSON report"),
        (b'{"version": "1"}', "missing required field `findings`"),
        (b'{"version": "1\xff"}', "no JSON report"),
        (changed(version="2"), "version 2, this program compares 1"),
        (b"{}", "version none"),
        (changed(findings=[{"policy": "x"}]), "no JSON report"),
    ],
)
def test_a_report_that_cannot_be_used_is_told_in_words(data, words):
    with pytest.raises(ValueError, match=words):
        read_findings(data)


def test_a_severity_that_does_not_exist_is_told():
    data = render(report(finding(1))).replace('"severity": "high"', '"severity": "loud\\u001b"').encode()
    with pytest.raises(ValueError, match=r"no severity 'loud\\\\x1b'"):
        read_findings(data)
