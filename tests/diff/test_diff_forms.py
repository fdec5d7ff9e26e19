"""The forms of a comparison, and the command's exit codes."""

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from auditor.reports.csv import COLUMNS
from auditor.reports.diff import DIFF_FORMATS
from auditor.reports.diff_json import schema
from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Header, Item
from auditor.sources.cluster.snapshot import save
from tests.diff.repository import MIB, deployment, statuses

ROOT = Path(__file__).parents[2]
NO_LIMIT = deployment(limit=None)


def render(diff, form, **options):
    return DIFF_FORMATS[form](diff, **options)


@pytest.fixture
def mixed(repo):
    """A change with a new, an unchanged, a fixed and a waived finding, a skipped input and an asked waiver."""
    waive = '        # waive: memory-limit-missing until=2099-01-01 reason="later"\n'
    waived = deployment("waived", limit=None).replace("        resources:", f"{waive}        resources:")
    repo.put("old.yaml", deployment("old", limit=None))
    repo.put("fixed.yaml", deployment("fixed", limit=None))
    repo.put("waived.yaml", waived)
    repo.put("new.yaml", deployment("new"))
    repo.commit()
    repo.put("fixed.yaml", deployment("fixed"))
    repo.put("new.yaml", deployment("new", limit=None))
    repo.put("asks.yaml", waived.replace("waived", "asks"))
    repo.put("broken.yaml", "a: [\n")
    repo.put(".auditor.yaml", "profile: strict\n")
    return repo.compare()


def test_the_schema_in_docs_is_current(golden):
    golden(ROOT / "docs" / "diff.schema.json", schema())


def test_json_is_what_its_schema_says_and_holds_everything(mixed):
    told = json.loads(render(mixed, "json"))
    jsonschema.validate(told, json.loads(schema()))
    assert told["version"] == "1"
    assert {item["workload"]["name"]: item["status"] for item in told["findings"]} == {
        "asks": "new",
        "new": "new",
        "old": "unchanged",
        "waived": "waived",
    }
    assert [item["workload"]["name"] for item in told["fixed"]] == ["fixed"]
    assert told["summary"]["new"]["high"] == 2
    assert told["skipped"][0] | {"side": "head", "file": "broken.yaml"} == told["skipped"][0]
    assert told["complete"] is False
    assert told["judging"] == [{"what": "config", "file": ".auditor.yaml", "change": "added", "used": "base"}]
    assert [item["workload"]["name"] for item in told["waivers_asked"]] == ["asks"]
    assert {item["on_changed_line"] for item in told["findings"] if item["status"] == "new"} == {True}
    limits = [item["containers"][0]["after"]["limit_bytes"] for item in told["memory"]["workloads"]]
    assert limits == [None, 128 * MIB, None]


def test_a_schema_refuses_what_the_report_never_writes(mixed):
    told = json.loads(render(mixed, "json"))
    told["findings"][0]["status"] = "perhaps"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, json.loads(schema()))


@pytest.mark.parametrize("count_all", [False, True])
def test_sarif_holds_new_findings_or_all_with_their_state(repo, mixed, count_all):
    diff = repo.compare(count_all=count_all)
    told = json.loads(render(diff, "sarif"))
    jsonschema.validate(told, json.loads((ROOT / "tests/reports/sarif-schema-2.1.0.json").read_text()))
    results = told["runs"][0]["results"]
    states = sorted(result["baselineState"] for result in results)
    assert states == (["new", "new", "new", "unchanged"] if count_all else ["new", "new"])
    (invocation,) = told["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    notes = "\n".join(item["message"]["text"] for item in invocation["toolExecutionNotifications"])
    assert ".auditor.yaml (config): added; BASE's is used" in notes
    assert "Waiver that this change asks for: Deployment shop/asks: memory-limit-missing until 2099-01-01" in notes
    assert {result["partialFingerprints"]["memoryAuditor/v1"] for result in results} >= {
        item.finding.fingerprint for item in mixed.of("new")
    }


def test_csv_has_the_columns_of_an_audit_and_every_finding(mixed):
    rows = list(csv.DictReader(io.StringIO(render(mixed, "csv"))))
    assert tuple(rows[0]) == (*COLUMNS, "was", "on_changed_line")
    assert [(row["name"], row["status"], row["on_changed_line"]) for row in rows] == [
        ("asks", "new", "1"),
        ("new", "new", "1"),
        ("old", "unchanged", "0"),
        ("waived", "waived", "0"),
        ("fixed", "fixed", ""),
    ]


def test_csv_of_memory_has_a_row_for_each_workload_that_changed(repo):
    repo.put("a.yaml", deployment("=cmd()", "128Mi", None))
    repo.commit()
    repo.put("a.yaml", deployment("=cmd()", "256Mi", "1Gi", replicas=3))
    (row,) = csv.DictReader(io.StringIO(render(repo.compare(), "csv-memory")))
    assert row["name"] == "'=cmd()"
    assert (row["before_request_bytes"], row["after_request_bytes"]) == (str(128 * MIB), str(256 * MIB))
    assert (row["before_limit_bytes"], row["after_limit_bytes"]) == ("", str(1024 * MIB))
    assert (row["before_total_request_bytes"], row["after_total_request_bytes"]) == (str(256 * MIB), str(768 * MIB))
    assert (row["before_bounded"], row["after_bounded"]) == ("0", "1")


def test_annotations_are_on_changed_lines_only(repo, mixed):
    lines = render(mixed, "github").splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert [line.partition(",")[0] for line in commands] == [
        "::error file=asks.yaml",
        "::error file=new.yaml",
        "::error file=broken.yaml",
    ]
    everything = render(repo.compare(count_all=True), "github")
    assert "1 finding not on changed lines" in everything
    assert "old.yaml" not in everything


@pytest.mark.parametrize(("between", "shown"), [(0, True), (2, True), (3, False)])
def test_a_finding_beside_the_line_that_made_it_is_annotated(repo, between, shown):
    # The request shrinks and the limit, which is where the finding stands, is some lines below.
    gap = "".join(f"          # {number}\n" for number in range(between))
    text = deployment(request="512Mi", limit="512Mi").replace("          limits:", f"{gap}          limits:")
    repo.put("a.yaml", text)
    repo.commit()
    repo.put("a.yaml", text.replace("requests: {cpu: 100m, memory: 512Mi}", "requests: {cpu: 100m, memory: 128Mi}"))
    diff = repo.compare()
    assert [(item.finding.policy, item.on_changed_line) for item in diff.findings] == [
        ("memory-limit-to-request-ratio-high", False)
    ]
    assert ("::warning file=a.yaml" in render(diff, "github")) == shown


def test_markdown_tells_everything_and_holds_to_its_bound(mixed):
    whole = render(mixed, "markdown")
    for title in (
        "Not judged",
        "Memory",
        "New findings",
        "Workloads",
        "Fixed findings",
        "Waivers that this change asks for",
    ):
        assert f"### {title}\n" in whole
    assert whole.startswith("## Memory audit of this change\n\n**This change ")
    assert whole.count("BASE's is used") == 1
    assert "old.yaml" not in whole
    for limit in (2_000, 1_500):
        cut = render(mixed, "markdown", limit=limit)
        assert len(cut.encode()) <= limit
        assert f"cut at {limit} bytes" in cut
        assert cut.startswith(whole[:200])


def test_the_table_tells_the_sentence_first_and_the_verdict_last(mixed):
    lines = render(mixed, "table").rstrip().splitlines()
    assert lines[0] == mixed.sentence
    assert (
        lines[-1] == "2 new findings: 2 high; 1 fixed; 1 unchanged; 1 waived. Incomplete: 1 input could not be judged."
    )
    assert "\x1b" not in render(mixed, "table")
    assert "\x1b[1;31mhigh\x1b[0m" in render(mixed, "table", colour=True)


def test_names_cannot_reach_a_terminal_or_a_runner(repo):
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.put("a.yaml", deployment("x\u001b[31m\u202ey\n::error::z", limit=None))
    for form in ("table", "markdown", "github"):
        text = render(repo.compare(), form)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not [line for line in text.splitlines() if line.startswith("::error::")]


def test_exit_codes(repo, run):
    repo.put("a.yaml", deployment())
    repo.put("old.yaml", deployment("old", limit=None))
    repo.commit()
    assert run("HEAD").returncode == 0
    assert run("HEAD", "--all").returncode == 1
    repo.put("a.yaml", NO_LIMIT)
    assert run("HEAD").returncode == 1
    assert run("HEAD", "--fail-on", "high").returncode == 1
    assert run("HEAD", "--fail-on", "critical").returncode == 0
    assert run("HEAD", "--fail-on", "never").returncode == 0
    repo.put("b.yaml", "a: [\n")
    assert run("HEAD").returncode == 1
    assert run("HEAD", "--fail-on", "never").returncode == 3
    assert run().returncode == 2
    assert run("HEAD", "--output", "junit").returncode == 2


def test_the_threshold_is_that_of_bases_config(repo, run):
    repo.put("a.yaml", deployment())
    repo.put(".auditor.yaml", "fail_on: high\n")
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    repo.put(".auditor.yaml", "fail_on: never\n")
    assert run("HEAD").returncode == 1
    assert run("HEAD", "--trust-head").returncode == 0


def test_several_reports_are_written_by_one_comparison(repo, run):
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    outputs = [f"{form}={form}.out" for form in DIFF_FORMATS]
    result = run(
        "HEAD", *(part for output in outputs for part in ("--output", output)), "--quiet", "--markdown-limit", "2000"
    )
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    assert all((repo.folder / f"{form}.out").stat().st_size for form in DIFF_FORMATS)


def test_a_new_finding_carries_its_fix_as_lines_and_an_old_one_does_not(repo, run):
    odd = deployment(request="128Mi", limit="128mi")
    repo.put("old.yaml", odd.replace("web", "old"))
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.put("a.yaml", odd)
    told = json.loads(run("HEAD", "--output", "json").stdout)
    fixes = {(item["file"], item["policy"]): item["replacements"] for item in told["findings"]}
    (line,) = fixes["a.yaml", "memory-quantity-invalid"]
    assert line["file"] == "a.yaml"
    assert "128Mi" in line["text"]
    assert fixes["old.yaml", "memory-quantity-invalid"] is None


def snapshot(path, *manifests):
    items = [Item(yaml.safe_load(text)) for text in manifests]
    list(save(iter([Header(SNAPSHOT_VERSION, "prod", "1.34"), *items, End()]), path))


def test_two_nights_of_a_cluster_are_compared(repo, tmp_path):
    snapshot(tmp_path / "monday.gz", deployment(request="1Gi", limit="1Gi"), deployment("old", limit=None))
    snapshot(tmp_path / "tuesday.gz", deployment(request="2Gi", limit=None), deployment("old", limit=None))
    diff = repo.compare("../monday.gz", "../tuesday.gz")
    assert (diff.base.kind, diff.head.kind) == ("snapshot", "snapshot")
    assert diff.memory.delta.request_bytes == 2 * 1024 * MIB
    assert {status for status, policy, name in statuses(diff) if name == "old"} == {"unchanged"}
    assert ("new", "memory-limit-missing", "web") in statuses(diff)
    assert {item.on_changed_line for item in diff.findings} == {None}
    jsonschema.validate(json.loads(render(diff, "json")), json.loads(schema()))


def test_manifests_are_compared_with_the_cluster_that_they_would_change(repo, tmp_path):
    snapshot(tmp_path / "prod.gz", deployment(request="1Gi", limit="1Gi"), deployment("old", limit=None))
    repo.put("k8s/shop/a.yaml", deployment(request="2Gi", limit="2Gi"))
    repo.put("k8s/shop/b.yaml", deployment("old", limit=None))
    diff = repo.compare("../prod.gz", "./k8s")
    assert [(item.workload.name, item.change) for item in diff.memory.workloads] == [("web", "changed")]
    assert diff.memory.delta.request_bytes == 2 * 1024 * MIB
    assert ("unchanged", "memory-limit-missing", "old") in statuses(diff)
