"""Baselines: what is known stays known, what is worse or elsewhere is new."""

import pytest

from auditor.baseline import apply_baseline, load_baseline, write_baseline
from auditor.config import ConfigError
from auditor.findings import Finding, Waived, WorkloadRef


def finding(fingerprint="a" * 32, severity="high", **changes):
    fields = {
        "policy": "p",
        "severity": severity,
        "message": "m",
        "values": {},
        "workload": WorkloadRef("v1", "Pod", None, "x"),
        "subject_type": "pod",
        "subject": "",
        "container": None,
        "container_type": None,
        "place": None,
        "related": (),
        "path": "spec",
        "fingerprint": fingerprint,
    }
    return Finding(**(fields | changes))


def baseline_of(tmp_path, *findings):
    path = tmp_path / "baseline.json"
    path.write_text(write_baseline(findings))
    return load_baseline(path)


def states(found, baseline):
    return [item.baseline for item in apply_baseline(found, baseline)[0]]


def test_a_known_finding_is_unchanged_and_another_is_new(tmp_path):
    assert states([finding(), finding("b" * 32)], baseline_of(tmp_path, finding())) == ["unchanged", "new"]


def test_a_finding_that_became_worse_is_new_and_one_that_became_milder_is_known(tmp_path):
    baseline = baseline_of(tmp_path, finding(severity="medium"))
    assert states([finding(severity="high")], baseline) == ["new"]
    assert states([finding(severity="low")], baseline) == ["unchanged"]


def test_one_more_finding_of_the_same_fingerprint_is_new(tmp_path):
    baseline = baseline_of(tmp_path, finding(), finding())
    assert states([finding()] * 3, baseline) == ["unchanged", "unchanged", "new"]


def test_findings_that_are_gone_are_told(tmp_path):
    assert apply_baseline([], baseline_of(tmp_path, finding()))[1] == [
        "1 accepted findings of the baseline are gone; write it anew to keep it short"
    ]


def test_waived_findings_are_left_to_their_waivers(tmp_path):
    waived = finding(waived=Waived(reason="r", expires="2030-01-01", by="w"))
    assert baseline_of(tmp_path, waived).findings == ()


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "findings": []}', '{"version":1,"findings":[{"x":1}]}'])
def test_what_is_no_baseline_is_wrong_use(tmp_path, text):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="auditor baseline write"):
        load_baseline(path)
