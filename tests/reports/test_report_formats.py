"""CSV, Markdown, JUnit, workflow commands and terminal text: safe, bounded, and read back by their own readers."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from report_samples import NASTY_NAME, SKIPPED, clean, finding, record, report

from auditor.findings import Place, Skipped, WorkloadRef
from auditor.reports import FORMATS
from auditor.reports.csv import COLUMNS
from auditor.reports.csv_inventory import COLUMNS as INVENTORY_COLUMNS
from auditor.reports.facts import render_table
from auditor.reports.markdown import escaped
from auditor.reports.markdown import render as render_markdown
from auditor.reports.table import render as render_terminal
from auditor.reports.text import display_width, plain, subject_words, without_commands, wrap

CSV_DOCS = (Path(__file__).parents[2] / "docs" / "csv.md").read_text()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_the_documented_columns() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", CSV_DOCS, re.MULTILINE)
    assert documented == [*COLUMNS, *INVENTORY_COLUMNS]
    assert FORMATS["csv"](clean()) == ",".join(COLUMNS) + "\r\n"


def test_csv_holds_a_row_a_finding_with_its_status() -> None:
    found = rows(FORMATS["csv"](report()))
    assert [row["status"] for row in found] == ["new", "waived", "new", "known", "new", "waived"]
    assert {row["cluster"] for row in found} == {""}
    assert (found[2]["line"], found[2]["actual_bytes"]) == ("21", "134217728")
    assert (found[0]["file"], found[0]["line"]) == ("", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_cell_cannot_start_a_formula(start: str) -> None:
    name = f"{start}cmd|' /C calc'!A0"
    evil = finding(subject=name, message=name, workload=WorkloadRef(name, name, name, name), path=name)
    [row] = rows(FORMATS["csv"](report(findings=(evil,))))
    for column in ("subject", "message", "kind", "name", "namespace", "path"):
        assert row[column].startswith("'"), column
    [first, _] = rows(FORMATS["csv-inventory"]([record(name=name)]))
    assert first["name"].startswith("'")


def test_a_negative_number_is_a_number_in_csv() -> None:
    [row] = rows(FORMATS["csv"](report(findings=(finding(actual_bytes=-5, expected_bytes=0),))))
    assert (row["actual_bytes"], row["expected_bytes"]) == ("-5", "0")


def test_a_csv_row_is_one_line_whatever_a_name_holds() -> None:
    text = FORMATS["csv"](report(findings=(finding(subject='a"b\r\nc,d'),)))
    assert text.count("\r\n") == 2
    assert rows(text)[0]["subject"] == 'a"b\\r\\nc,d'


def test_the_inventory_has_a_row_a_container_and_tells_absent_from_zero() -> None:
    found = rows(FORMATS["csv-inventory"]([record()]))
    assert [row["container"] for row in found] == ["migrate", "app"]
    assert (found[0]["written_request_bytes"], found[0]["limit_bytes"]) == ("0", "")
    assert (found[1]["heap_max_bytes"], found[1]["pod_request_bytes"]) == ("402653184", "805306368")


def annotations(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lstrip().startswith("::")]


def test_workflow_commands_escape_what_would_end_a_property_or_the_line() -> None:
    evil = finding(
        message="50%\r\n::error::x",
        place=Place("a:b,c%\n.yaml", 3, 2, 3, 9),
        workload=WorkloadRef("v1", "P", None, "x"),
    )
    [line] = annotations(FORMATS["github"](report(findings=(evil,), skipped=())))
    head, _, data = line.removeprefix("::error ").partition("::")
    assert head == (
        "file=a%3Ab%2Cc%25\\n.yaml,line=3,endLine=3,col=2,endColumn=9,title=critical%3A memory-limit-below-request"
    )
    assert data == "P x, container app: 50%25\\r\\n::error::x"


def test_levels_of_workflow_commands() -> None:
    found = tuple(finding(severity=name) for name in ("critical", "high", "medium", "low", "info"))
    commands = [line.split()[0] for line in annotations(FORMATS["github"](report(findings=found, skipped=())))]
    assert commands == ["::error", "::error", "::warning", "::notice", "::notice"]


def test_at_most_ten_annotations_of_a_level_worst_first_and_the_last_notice_counts_the_rest() -> None:
    found = tuple(finding(severity=name) for name in ("info", "low", "medium", "high") for _ in range(11))
    found += (finding(severity="critical", message="the worst"),)
    lines = annotations(FORMATS["github"](report(findings=found, skipped=())))
    for level in ("error", "warning", "notice"):
        assert sum(line.startswith(f"::{level} ") for line in lines) == 10
    assert "the worst" in lines[0]
    # 22 low and info, 11 medium, 12 high and critical; 10 errors, 10 warnings and 9 notices are shown.
    assert "16 further results not shown" in lines[-1]


def test_eleven_errors_are_ten_and_a_notice() -> None:
    lines = annotations(FORMATS["github"](report(findings=(finding(),) * 11, skipped=())))
    assert len(lines) == 11
    assert lines[-1].startswith("::notice title=Memory audit::1 further result not shown")


def test_skipped_inputs_are_errors_that_many_findings_do_not_push_out() -> None:
    lines = annotations(FORMATS["github"](report(findings=(finding(),) * 20, skipped=SKIPPED)))
    errors = [line for line in lines if line.startswith("::error")]
    assert len(errors) == 10
    assert sum("title=not judged" in line for line in errors) == 2
    many = tuple(Skipped(f"{number}.yaml", None, None, "r") for number in range(12))
    assert sum("not judged" in line for line in annotations(FORMATS["github"](report(findings=(), skipped=many)))) == 10


def test_waived_and_known_findings_and_clean_reports_make_no_annotations() -> None:
    assert annotations(FORMATS["github"](clean())) == []
    quiet = tuple(item for item in report().findings if item.waived or item.baseline == "unchanged")
    assert annotations(FORMATS["github"](report(findings=quiet, skipped=()))) == []


def test_standard_input_has_no_file_to_annotate() -> None:
    piped = finding(place=Place("-", 1, 2, 1, 3))
    assert "file=" not in FORMATS["github"](report(findings=(piped,), skipped=(Skipped("-", 1, 1, "not YAML"),)))


@pytest.mark.parametrize("name", ["table", "text", "markdown"])
def test_no_line_of_a_report_is_a_workflow_command_or_holds_an_escape_from_a_manifest(name: str) -> None:
    evil = finding(
        message="x " * 60 + "::set-output name=a::b ##[add-path]/evil",
        workload=WorkloadRef("v1", "::add-mask::web", None, NASTY_NAME),
        place=Place("::error::.yaml", 1, 1, 1, 2),
    )
    given = report(findings=(evil,), skipped=(Skipped("::stop-commands::x", None, None, "\x1b[2J"),))
    text = FORMATS[name](given, colour=False) if name == "table" else FORMATS[name](given)
    assert not annotations(text)
    assert "##[" not in text
    assert "\x1b" not in text


def test_junit_counts_failures_errors_and_skipped() -> None:
    root = ET.fromstring(FORMATS["junit"](report(seconds=1.5)))  # noqa: S314 - our own output
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "8",
        "failures": "3",
        "errors": "2",
        "skipped": "3",
        "time": "1.500",
    }
    assert [suite.get("name") for suite in root][:2] == ["(no file)", "deploy/web.yaml"]
    assert len(root.findall(".//failure")) == 3
    assert len(root.findall(".//error")) == 2


@pytest.mark.parametrize(
    ("severity", "tag"),
    [
        ("critical", "failure"),
        ("high", "failure"),
        ("medium", "failure"),
        ("low", "system-out"),
        ("info", "system-out"),
    ],
)
def test_medium_and_worse_fail_a_junit_case(severity: str, tag: str) -> None:
    root = ET.fromstring(FORMATS["junit"](report(findings=(finding(severity=severity),), skipped=())))  # noqa: S314 - our own output
    [case] = root.iter("testcase")
    assert [child.tag for child in case] == [tag]
    assert (case.get("classname"), case.get("line")) == ("Deployment team-a/web", "21")


def test_a_clean_junit_report_has_one_passing_case() -> None:
    root = ET.fromstring(FORMATS["junit"](clean()))  # noqa: S314 - our own output
    [case] = root.iter("testcase")
    assert (root.get("tests"), root.get("failures"), list(case)) == ("1", "0", [])


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", r"a\|b"),
        ("`x`", r"\`x\`"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("@team", "@&#8203;team"),
        ("#12", r"\#&#8203;12"),
        ("[a](https://x.example)", r"\[a\]\(https:&#8203;//x.example\)"),
        ("a\nb\\|", r"a\\nb\\\|"),
        ("*_~", r"\*\_\~"),
    ],
)
def test_markdown_escapes_untrusted_text(text: str, safe: str) -> None:
    assert escaped(text) == safe


def test_every_row_of_a_markdown_table_has_the_cells_of_its_header() -> None:
    lines = [line for line in FORMATS["markdown"](report()).splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines]
    assert cells == [7] * 5 + [8] * 4


def test_markdown_stays_within_its_limit_and_says_what_is_missing() -> None:
    found = (*(finding(severity="low", message="漢" * 50) for _ in range(500)), finding(message="the worst"))
    text = render_markdown(report(findings=found), limit=20_000)
    assert len(text.encode()) <= 20_000
    assert "the worst" in text
    shown = text.count("| **")
    assert f"{501 - shown} rows not shown" in text
    assert "cut at" not in render_markdown(report(findings=found))


def test_many_skipped_inputs_leave_room_for_findings_in_markdown() -> None:
    many = tuple(Skipped(f"{number}.yaml", None, None, "r") for number in range(60))
    text = FORMATS["markdown"](report(skipped=many))
    assert "- and 10 more" in text
    assert "### Findings" in text


@pytest.mark.parametrize("width", [40, 50, 80, 100, 200])
def test_no_line_of_the_table_is_wider_than_the_terminal(width: int) -> None:
    wide = finding(message="漢字" * 90, subject="x" * 300, place=Place("f" * 250, 100000, 1000, 100000, 1001))
    given = report(findings=(*report().findings, wide), notes=("n " * 200,))
    text = render_terminal(given, width=width, colour=False)
    assert max(display_width(line) for line in text.splitlines()) <= width


def test_colour_only_adds_escape_sequences() -> None:
    coloured = render_terminal(report(), width=80, colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render_terminal(report(), width=80, colour=False)
    assert "\x1b[" in coloured


def test_the_time_is_told_when_it_is_known() -> None:
    assert "0.31 s" in FORMATS["text"](report(seconds=0.314))
    assert " s\n" not in FORMATS["text"](report())


def test_a_finding_is_one_line_of_text() -> None:
    text = FORMATS["text"](report())
    line = "deploy/web.yaml:21:15: critical: container app: memory limit 128Mi is below its request 256Mi"
    assert f"\nDeployment team-a/web (apps/v1)\n{line} [memory-limit-below-request]\n" in text


def test_the_facts_table_tells_unlimited_from_not_known_and_zero_from_absent() -> None:
    text = render_table([record()], ())
    assert re.search(r"migrate +init +0 +- +unlimited", text)
    assert "512Mi (limit)" in text
    assert "LimitRange team-a/limits sets:" in text


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("🚀", 2), ("", 0)])
def test_display_width_counts_cells(text: str, width: int) -> None:
    assert display_width(text) == width


def test_text_is_wrapped_at_spaces_and_inside_long_words() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("abcdefgh ij", 3) == ["abc", "def", "gh", "ij"]
    assert wrap("漢字漢", 4) == ["漢字", "漢"]
    assert wrap("", 10) == [""]


def test_plain_text_escapes_what_cannot_be_printed() -> None:
    assert plain("a\tb\x1b[0m\u202e\u2028\ud800é漢🚀") == "a\\tb\\x1b[0m\\u202e\\u2028\\ud800é漢🚀"


def test_commands_are_neutral_at_the_start_of_a_line_only() -> None:
    assert without_commands("a ::b\n  ::error::\n##[x]") == "a ::b\n  \\::error::\n##\\[x]"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("app", "container x"),
        ("init", "init container x"),
        ("sidecar", "sidecar x"),
        ("ephemeral", "ephemeral container x"),
    ],
)
def test_a_container_is_called_by_its_type(kind: str, words: str) -> None:
    assert subject_words(finding(subject="x", container_type=kind)) == words


def test_a_windows_pod_has_no_cgroup_limit_to_tell() -> None:
    made = record()
    windows = msgspec.structs.replace(made, pod=msgspec.structs.replace(made.pod, windows=True, overhead_bytes=None))
    text = render_table([msgspec.structs.replace(windows, volumes=())], ())
    assert "unlimited" not in text
    assert "overhead" not in text
    assert "mount size" not in text


def test_a_skipped_input_whose_column_is_not_known_is_told_by_its_line() -> None:
    text = FORMATS["github"](report(findings=(), skipped=(Skipped("a.yaml", 7, None, "r"),)))
    assert text.startswith("::error file=a.yaml,line=7,title=not judged::a.yaml: r\n")
