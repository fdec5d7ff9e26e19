"""Findings of clusters: every form says which cluster each of them, and each input that was not judged, is of."""

import json

import pytest
from report_samples import finding, report

from auditor.findings import Skipped
from auditor.reports import FORMATS

FORMS = sorted(FORMATS.keys() - {"csv-inventory"})


def made(*clusters):
    return report(
        findings=tuple(finding(place=None, cluster=name) for name in clusters),
        skipped=tuple(Skipped("", None, None, "list pods: forbidden", name) for name in clusters),
    )


@pytest.mark.parametrize("form", FORMS)
def test_two_clusters_are_told_apart(form):
    text = FORMATS[form](made("bluish", "greenish"))
    found = [text.count(name) for name in ("bluish", "greenish")]
    # The CSV has findings alone.
    assert min(found) >= (1 if form == "csv" else 2)


def test_one_finding_in_two_clusters_is_two_issues_whichever_comes_first():
    def prints(*clusters):
        issues = json.loads(FORMATS["codequality"](made(*clusters)))
        return {(issue["check_name"], issue["description"]): issue["fingerprint"] for issue in issues}

    both = prints("blue", "green")
    assert len(set(both.values())) == 4
    assert prints("green").items() <= both.items()
