"""The audit step in a full audit: reports, summary, outputs, and nothing of the workspace that is run."""

from __future__ import annotations

import json

import pytest
from action_lab import LIMITED, ROOT, UNLIMITED

LOOSE = {"fail-on": "never"}


def test_a_push_audits_everything_and_tells_it_everywhere(job):
    (job.workspace / "a b.yaml").write_text(UNLIMITED)
    done = job.step("Audit")
    assert done.code == 0, "later steps must run: the last one ends with the auditor's code"
    assert done.outputs["exit-code"] == "1"
    assert "::error file=a b.yaml,line=13," in done.stdout
    assert "no memory limit" in done.summary
    sarif = json.loads((job.workspace / done.outputs["sarif-file"]).read_text())
    results = sarif["runs"][0]["results"]
    assert done.outputs["findings"] == done.outputs["new-findings"] == str(len(results))
    assert all(item["partialFingerprints"] for item in results)
    assert (job.workspace / done.outputs["csv-file"]).read_text().startswith("policy,severity,")
    assert done.outputs["memory-delta-bytes"] == ""


@pytest.mark.parametrize(("code", "ends"), [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("", 4)])
def test_the_last_step_ends_with_the_auditors_code(job, code, ends):
    assert job.step("Verdict", EXIT_CODE=code).code == ends


def test_a_clean_folder_is_clean(job):
    (job.workspace / "web.yaml").write_text(LIMITED)
    done = job.step("Audit")
    assert (done.outputs["exit-code"], done.outputs["findings"]) == ("0", "0")
    assert "::error" not in done.stdout


def test_nothing_to_judge_is_incomplete(job):
    done = job.step("Audit", inputs=LOOSE)
    assert done.outputs["exit-code"] == "3"


@pytest.mark.parametrize(
    "name", ["$(touch pwned).yaml", "`touch pwned`.yaml", "a;touch pwned;.yaml", "--fail-on=never", "-"]
)
def test_text_in_an_input_is_never_run_and_never_an_option(job, name):
    (job.workspace / name).write_text(UNLIMITED)
    done = job.step("Audit", inputs={"paths": f"./{name}\n"})
    assert done.outputs["exit-code"] == "1", done.stdout
    assert not (job.workspace / "pwned").exists()
    bare = job.step("Audit", inputs={"paths": "--fail-on=never\n--help"})
    assert bare.outputs["exit-code"] == "2" or name == "--fail-on=never"


@pytest.mark.parametrize("name", ["auditor", "json", "msgspec", "click", "runner", "event"])
def test_python_in_the_audited_folder_is_not_imported(job, name):
    (job.workspace / "web.yaml").write_text(LIMITED)
    (job.workspace / f"{name}.py").write_text("open('pwned', 'w').close()\n")
    (job.workspace / "sitecustomize.py").write_text("open('pwned', 'w').close()\n")
    assert job.step("Audit").outputs["exit-code"] == "0"
    assert not (job.workspace / "pwned").exists()


@pytest.mark.parametrize(
    "name", ["::error file=x::pwned.yaml", "q\"u'o te.yaml", "new\nline::warning::x.yaml", "%0A.yaml"]
)
def test_names_of_files_are_names_in_every_place(job, name):
    (job.workspace / name).write_text(UNLIMITED.replace("name: web", 'name: "::error::web <b> @team"'))
    done = job.step("Audit")
    assert done.outputs["exit-code"] in "13"
    assert set(done.outputs) == {
        "exit-code",
        "findings",
        "new-findings",
        "memory-delta-bytes",
        "sarif-file",
        "csv-file",
    }
    commands = [line for line in done.stdout.splitlines() if line.lstrip().startswith("::")]
    assert all(line.split(" ")[0] in ("::error", "::warning", "::notice") for line in commands)
    assert not any(line.startswith(("::error::web", "::error file=x::pwned", "::warning::x")) for line in commands)
    assert "<b>" not in done.summary
    assert "@team" not in done.summary


@pytest.mark.parametrize("inputs", [{"profile": "nonsense"}, {"config": "missing.yaml"}, {"outputs": "nonsense=x"}])
def test_wrong_use_is_told_in_the_log_and_the_summary(job, inputs):
    (job.workspace / "web.yaml").write_text(LIMITED)
    done = job.step("Audit", inputs=inputs)
    assert done.code == 0
    assert done.outputs == {"exit-code": "2"}
    assert "::error title=Memory audit::The audit did not run: " in done.stdout
    [word] = inputs.values()
    assert word.split("=")[0] in done.summary


def test_a_switch_with_another_word_is_wrong_use(job):
    job.event_name = "push"
    done = job.step("Audit", inputs={"base": "HEAD", "trust-head": "yes"})
    assert done.outputs == {"exit-code": "2"}
    assert "'yes' is neither true nor false" in done.stdout


def test_an_event_that_gives_strangers_a_token_is_refused(job):
    job.event_name, job.event = "pull_request_target", {"pull_request": {"number": 1}}
    done = job.step("Audit")
    assert done.outputs == {"exit-code": "2"}
    assert "run on `pull_request`" in done.stdout
    assert "Nothing was audited" in done.summary


def test_reports_of_an_earlier_run_are_not_told_again(job):
    (job.workspace / "web.yaml").write_text(UNLIMITED)
    job.step("Audit")
    done = job.step("Audit", inputs={"profile": "nonsense"})
    assert "findings" not in done.outputs


def test_a_full_audit_writes_the_baseline_that_later_ones_take(job):
    (job.workspace / "web.yaml").write_text(UNLIMITED)
    done = job.step("Audit", inputs={"write-baseline": "known.json"})
    assert done.outputs["exit-code"] == "1"
    assert done.outputs["baseline-file"] == "known.json"
    again = job.step("Audit", inputs={"baseline": "known.json"})
    assert (again.outputs["exit-code"], again.outputs["findings"]) == ("0", "0")


def test_more_reports_are_written_where_they_are_asked_for(job):
    (job.workspace / "web.yaml").write_text(UNLIMITED)
    job.step("Audit", inputs={"outputs": "junit=a b.xml\ncodequality=quality.json\n", "sarif-file": "", "csv-file": ""})
    assert (job.workspace / "a b.xml").read_text().startswith("<?xml")
    assert json.loads((job.workspace / "quality.json").read_text())
    assert not (job.workspace / "memory-audit.sarif").exists()


def test_inputs_reach_the_auditor(job):
    (job.workspace / "web.yaml").write_text(UNLIMITED)
    (job.workspace / "rules.yaml").write_text("rules: {memory-limit-missing: {enabled: false}}\n")

    def told(**inputs):
        job.step("Audit", inputs=inputs)
        rows = (job.workspace / "memory-audit.csv").read_text().splitlines()[1:]
        return {row.split(",")[0] for row in rows}

    assert told() - told(config="rules.yaml") == {"memory-limit-missing"}
    (job.workspace / "double.yaml").write_text(LIMITED.replace("cpu: 100m, memory: 1Gi}}", "memory: 2Gi}}"))
    assert told(profile="strict") - told() == {"memory-limit-to-request-ratio-high"}
    assert job.step("Audit", inputs={"kubernetes-version": "0.1"}).outputs["exit-code"] == "2"


def test_history_is_a_path_or_an_artifact_in_the_temporary_folder(job):
    (job.workspace / "web.yaml").write_text(LIMITED)
    sample = (ROOT / "manifests-samples" / "usage.parquet").read_bytes()
    (job.folder / "temp" / "memory-history").mkdir(parents=True)
    (job.folder / "temp" / "memory-history" / "part.parquet").write_bytes(sample)
    fetched = job.step("Audit", inputs={"usage": "memory-history/part.parquet"})
    assert fetched.outputs["exit-code"] == "0", fetched.stdout
    assert "of the history" in fetched.summary
    assert job.step("Audit", inputs={"usage": "no-such-history"}).outputs["exit-code"] == "2"
    (job.workspace / "memory-history").mkdir()
    (job.workspace / "memory-history" / "part.parquet").write_bytes(b"not parquet")
    here = job.step("Audit", inputs={"usage": "memory-history/part.parquet"})
    assert here.outputs["exit-code"] in ("2", "3"), "what is in the workspace comes first"
