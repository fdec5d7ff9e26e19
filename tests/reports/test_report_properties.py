"""Whatever the names and messages hold, no format breaks."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import finding, record, report

from auditor.findings import Finding, Place, Report, Skipped, Waived, WorkloadRef
from auditor.reports import FORMATS
from auditor.reports.facts import render_json, render_table
from auditor.reports.json import schema
from auditor.reports.table import render as render_terminal
from auditor.reports.text import display_width, plain, wrap

SARIF = jsonschema.Draft4Validator(json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text()))
JSON = jsonschema.Draft202012Validator(json.loads(schema()))

# Surrogates included: file names that are not UTF-8 and escapes in YAML strings bring them.
NASTY_PARTS = st.sampled_from(
    ["::", "##[", "|", "\n", "\r", "=", "<", "]]>", "`", "@a", "\x1b[", "%", ",", "\ud800", "\x00"]
)
TEXT = st.one_of(st.text(st.characters(), max_size=12), st.lists(NASTY_PARTS, max_size=6).map("".join))


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    line = draw(st.integers(1, 99))
    place = Place(draw(TEXT), line, draw(st.integers(1, 99)), line, 100)
    waived = Waived(draw(TEXT), "2027-01-01", draw(TEXT))
    return finding(
        message=draw(TEXT),
        values={draw(TEXT): draw(TEXT)},
        severity=draw(st.sampled_from(["critical", "high", "medium", "low", "info"])),
        workload=WorkloadRef(draw(TEXT), draw(TEXT), draw(st.none() | TEXT), draw(TEXT)),
        subject=draw(TEXT),
        path=draw(TEXT),
        place=draw(st.sampled_from([place, None])),
        waived=draw(st.sampled_from([waived, None, None])),
        baseline=draw(st.sampled_from([None, "new", "unchanged"])),
    )


REPORTS = st.builds(
    lambda found, skipped, notes: report(findings=tuple(found), skipped=tuple(skipped), notes=tuple(notes)),
    st.lists(findings(), max_size=3),
    st.lists(st.builds(Skipped, TEXT, st.none(), st.none(), TEXT), max_size=2),
    st.lists(TEXT, max_size=2),
)


@settings(deadline=None, max_examples=60)
@given(REPORTS)
def test_any_unicode_leaves_every_format_whole(given_report: Report) -> None:
    texts = {name: render(given_report) for name, render in FORMATS.items() if name != "csv-inventory"}
    for text in texts.values():
        text.encode("utf-8")
    SARIF.validate(json.loads(texts["sarif"]))
    JSON.validate(json.loads(texts["json"]))
    rows = list(csv.reader(io.StringIO(texts["csv"], newline=""), strict=True))
    assert [len(row) for row in rows] == [17] * (len(given_report.findings) + 1)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    root = ET.fromstring(texts["junit"])  # noqa: S314 - our own output
    expected = len(given_report.findings) + len(given_report.skipped)
    assert len(list(root.iter("testcase"))) == max(expected, 1)
    commands = [line for line in texts["github"].splitlines() if line.lstrip().startswith("::")]
    assert all(re.match(r"::(error|warning|notice) [^\r\n]*title=[^:,]*::", line) for line in commands)


@settings(deadline=None, max_examples=60)
@given(REPORTS, st.integers(40, 120))
def test_any_unicode_leaves_the_terminal_safe_and_within_its_width(given_report: Report, width: int) -> None:
    text = render_terminal(given_report, width=width, colour=False)
    lines = text.split("\n")
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert max(map(display_width, lines)) <= width


@settings(deadline=None, max_examples=60)
@given(TEXT, TEXT, st.lists(st.builds(Skipped, TEXT, st.none(), st.none(), TEXT), max_size=2))
def test_any_unicode_leaves_facts_whole(name: str, file: str, skipped: list[Skipped]) -> None:
    records = [record(name=name, file=file)]
    lines = render_json(records, skipped).removesuffix("\n").split("\n")
    assert [json.loads(line)["version"] for line in lines] == [1] * (1 + len(skipped))
    assert all(line.isprintable() for line in render_table(records, skipped).split("\n"))
    inventory = list(csv.reader(io.StringIO(FORMATS["csv-inventory"](records), newline=""), strict=True))
    assert [len(row) for row in inventory] == [26] * 3


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=80), st.integers(2, 20))
def test_wrapping_keeps_every_letter_and_the_width(text: str, width: int) -> None:
    shown = plain(text)
    lines = wrap(shown, width)
    assert "".join(lines).replace(" ", "") == shown.replace(" ", "")
    assert all(display_width(line) <= width for line in lines)
