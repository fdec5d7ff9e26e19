"""Every format of one hand-written report, as it is in golden/."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from report_samples import SKIPPED, clean, record, report

from auditor.findings import Report
from auditor.reports import FORMATS
from auditor.reports.facts import render_json, render_table
from auditor.reports.json import schema
from auditor.reports.table import render as render_terminal

GOLDEN = Path(__file__).parent / "golden"
DOCS = Path(__file__).parents[2] / "docs"
REPORT_FORMATS = [name for name in FORMATS if name != "csv-inventory"]
Golden = Callable[[Path, str], None]


@pytest.mark.parametrize("name", REPORT_FORMATS)
def test_a_format_renders_the_sample_as_its_golden_file(name: str, golden: Golden) -> None:
    golden(GOLDEN / f"report.{name}", FORMATS[name](report(seconds=0.31)))


@pytest.mark.parametrize("name", REPORT_FORMATS)
def test_a_format_renders_a_clean_report_as_its_golden_file(name: str, golden: Golden) -> None:
    golden(GOLDEN / f"clean.{name}", FORMATS[name](clean()))


def test_the_table_without_colour_on_a_narrow_terminal_is_its_golden_file(golden: Golden) -> None:
    golden(GOLDEN / "narrow.table", render_terminal(report(), width=50, colour=False))


def test_the_inventory_is_its_golden_file(golden: Golden) -> None:
    golden(GOLDEN / "records.csv-inventory", FORMATS["csv-inventory"]([record(), record(name="=evil()")]))


def test_facts_are_their_golden_files(golden: Golden) -> None:
    golden(GOLDEN / "facts.jsonl", render_json([record()], SKIPPED))
    golden(GOLDEN / "facts.txt", render_table([record()], SKIPPED))


def test_the_published_schema_is_current(golden: Golden) -> None:
    golden(DOCS / "report.schema.json", schema())


def test_golden_files_hold_only_what_a_test_compares() -> None:
    expected = {f"{kind}.{name}" for kind in ("report", "clean") for name in REPORT_FORMATS}
    expected |= {"narrow.table", "records.csv-inventory", "facts.jsonl", "facts.txt"}
    assert {path.name for path in GOLDEN.iterdir()} == expected


@pytest.mark.parametrize("name", ["table", "text", "markdown", "junit", "github"])
def test_a_clean_report_says_that_it_is_clean_and_what_was_judged(name: str) -> None:
    text = FORMATS[name](clean())
    assert "Clean: no findings against 5 policies for Kubernetes 1.37" in text
    if name != "junit":
        assert "4 workloads" in text


@pytest.mark.parametrize("name", ["table", "text", "markdown", "junit", "github"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (report(findings=()), "incomplete: 2 inputs could not be judged"),
        (clean(objects=0, workloads=0), "Nothing to judge: no Kubernetes object was read"),
        (clean(workloads=0), "there is no workload among 9 objects"),
    ],
)
def test_a_report_without_findings_is_called_clean_only_when_something_was_judged(
    name: str, given: Report, words: str
) -> None:
    text = FORMATS[name](given)
    assert "Clean" not in text
    plain = text.replace("\\", "")
    if name == "junit" and given.skipped:
        assert 'errors="2"' in text
    else:
        assert words in plain


@pytest.mark.parametrize("name", [name for name in REPORT_FORMATS if name != "csv"])
def test_every_skipped_input_is_in_a_report_that_has_no_findings(name: str) -> None:
    # A row of the CSV is a finding, so that one reader fits all rows; it is the only format without skipped inputs.
    assert "a Helm chart that is not rendered" in FORMATS[name](report(findings=()))


def test_waived_and_known_findings_are_told_apart() -> None:
    table = render_terminal(report(), colour=False)
    before, after = table.split("\nWaived\n")
    assert "memory-limit-missing" not in before
    assert "batch job" in after
    assert "1 finding known from the baseline" in after
    assert "qos-guaranteed-missed" not in table


def test_the_same_report_gives_the_same_text_twice() -> None:
    for name in REPORT_FORMATS:
        assert FORMATS[name](report()) == FORMATS[name](report())


def test_importing_the_reports_imports_nothing_heavy() -> None:
    code = "import sys, auditor.reports, auditor.reports.table, auditor.reports.plaintext; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"rich", "jsonschema", "pydantic", "pandas", "auditor.reports.sarif"} & set(done.stdout.split())


def test_facts_have_every_key_and_a_line_for_each_record_and_skipped_input() -> None:
    lines = [json.loads(line) for line in render_json([record(), record(namespace=None)], SKIPPED).splitlines()]
    assert [line["version"] for line in lines] == [1, 1, 1, 1]
    first, second, skipped, _ = lines
    assert set(first) == {"version", "workload", "pod", "containers", "volumes", "admission", "nodes"}
    assert first["workload"].keys() == second["workload"].keys()
    assert second["workload"]["namespace"] is None
    assert first["containers"][0]["written_request_bytes"] == 0
    assert first["containers"][0]["limit_bytes"] is None
    assert first["containers"][0].keys() == first["containers"][1].keys()
    assert skipped == {
        "version": 1,
        "skipped": {
            "file": "chart/Chart.yaml",
            "line": None,
            "reason": "a Helm chart that is not rendered",
            "cluster": None,
        },
    }
