"""The audit step on a pull request, with real git: what the change does, judged by the rules of its base."""

from __future__ import annotations

import json

import pytest
from action_lab import LIMITED, ROOT, UNLIMITED, Repository

GIB = 2**30
STRANGERS = {"full_name": "stranger/deploy"}


@pytest.fixture
def pull(job, repository):
    """Makes a pull request and runs the audit step on its merge commit."""

    def pull(before, after, *, meanwhile=None, inputs=None, name="pull_request"):
        job.event_name, job.event = name, repository.pull_request(before, after, meanwhile=meanwhile)
        return job.step("Audit", inputs=inputs)

    return pull


def sarif_ids(job):
    document = json.loads((job.workspace / "memory-audit.sarif").read_text())
    return [item["ruleId"] for item in document["runs"][0]["results"]]


def test_a_change_is_told_with_its_memory_its_findings_and_its_lines(pull, job):
    done = pull({"k8s/web.yaml": LIMITED}, {"k8s/web.yaml": UNLIMITED.replace("memory: 1Gi", "memory: 2Gi")})
    assert done.code == 0
    assert done.outputs["exit-code"] == "1"
    assert done.outputs["new-findings"] == done.outputs["findings"] == "1"
    assert done.outputs["memory-delta-bytes"] == str(2 * GIB), "two replicas with one GiB more each"
    assert "::error file=k8s/web.yaml,line=13," in done.stdout
    assert sarif_ids(job) == ["memory-limit-missing"]
    merge = Repository(job.workspace).git("rev-parse", "HEAD")
    assert f"](https://github.example/shop/deploy/blob/{merge}/k8s/web.yaml#L13)" in done.summary
    assert "2 GiB more memory" in done.summary.replace("2.0", "2")


def test_findings_that_the_base_has_already_do_not_fail_the_change(pull, job):
    done = pull(
        {"old.yaml": UNLIMITED.replace("web", "old"), "web.yaml": LIMITED}, {"web.yaml": LIMITED + "# touched\n"}
    )
    assert done.outputs["exit-code"] == "0"
    assert (done.outputs["findings"], done.outputs["new-findings"]) == ("1", "0")
    assert done.outputs["memory-delta-bytes"] == "0"
    assert sarif_ids(job) == []


def test_what_the_base_gained_meanwhile_is_not_the_change(pull):
    done = pull({"web.yaml": LIMITED}, {"web.yaml": LIMITED + "# touched\n"}, meanwhile={"new.yaml": UNLIMITED})
    assert (done.outputs["exit-code"], done.outputs["new-findings"]) == ("0", "0")


LOOSE = "rules: {memory-limit-missing: {enabled: false}}\n"
WAIVERS = """\
waivers:
- {policy: memory-limit-missing, kind: Deployment, namespace: shop, name: web, reason: wanted, until: 2999-01-01}
"""
ASKED = UNLIMITED.replace(
    "        resources:",
    '        # waive: memory-limit-missing until=2999-01-01 reason="because"\n        resources:',
)


@pytest.mark.parametrize(
    ("loosened", "inputs"),
    [
        ({".auditor.yaml": LOOSE}, {}),
        ({"rules.yaml": LOOSE}, {"config": "rules.yaml"}),
        ({"waivers.yaml": WAIVERS}, {"waivers": "waivers.yaml"}),
    ],
)
def test_a_change_cannot_loosen_what_it_is_judged_by(pull, job, loosened, inputs):
    strict = {name: "{}\n" if name != "waivers.yaml" else "waivers: []\n" for name in loosened}
    done = pull({"web.yaml": LIMITED, **strict}, {"web.yaml": UNLIMITED, **loosened}, inputs=inputs)
    assert done.outputs["exit-code"] == "1", done.stdout
    [name] = loosened
    assert name.replace(".", "\\.") in done.summary or name in done.summary
    trusted = job.step("Audit", inputs={**inputs, "trust-head": "true"})
    assert trusted.outputs["exit-code"] == "0"


def test_a_waiver_that_the_change_writes_into_a_manifest_is_only_asked_for(pull, job):
    done = pull({"web.yaml": LIMITED}, {"web.yaml": ASKED})
    assert done.outputs["exit-code"] == "1"
    assert "because" in done.summary
    assert job.step("Audit", inputs={"trust-head": "true"}).outputs["exit-code"] == "0"


def test_a_fork_is_audited_like_any_other(pull, job):
    done = pull({"web.yaml": LIMITED}, {"web.yaml": UNLIMITED})
    job.event["pull_request"]["head"]["repo"] = STRANGERS
    assert job.step("Audit").outputs == done.outputs


def test_a_clone_without_the_base_says_what_to_fetch(pull, job, repository):
    pull({"web.yaml": LIMITED}, {"web.yaml": UNLIMITED})
    repository.git("branch", "merged")
    shallow = job.folder / "shallow"
    repository.git("clone", "--quiet", "--depth=1", "--branch=merged", f"file://{repository.folder}", str(shallow))
    repository.folder.rename(job.folder / "whole")
    shallow.rename(job.workspace)
    done = job.step("Audit")
    assert done.code == 0
    assert done.outputs == {"exit-code": "2"}
    assert "fetch" in done.stdout
    assert "fetch" in done.summary


def test_a_clone_of_depth_two_is_enough(pull, job, repository):
    pull({"web.yaml": LIMITED}, {"web.yaml": UNLIMITED})
    repository.git("branch", "merged")
    shallow = job.folder / "shallow"
    repository.git("clone", "--quiet", "--depth=2", "--branch=merged", f"file://{repository.folder}", str(shallow))
    repository.folder.rename(job.folder / "whole")
    shallow.rename(job.workspace)
    assert job.step("Audit").outputs["exit-code"] == "1"


def test_a_checked_out_branch_is_compared_from_where_it_left_the_base(pull, job, repository):
    pull({"web.yaml": LIMITED}, {"web.yaml": UNLIMITED}, meanwhile={"new.yaml": UNLIMITED.replace("web", "new")})
    repository.git("checkout", "--quiet", "topic")
    done = job.step("Audit")
    assert (done.outputs["exit-code"], done.outputs["new-findings"]) == ("1", "1")


def test_a_given_base_compares_any_event(pull, job):
    pull({"web.yaml": LIMITED}, {"web.yaml": UNLIMITED})
    job.event_name, job.event = "push", {"ref": "refs/heads/topic"}
    done = job.step("Audit", inputs={"base": "main"})
    assert (done.outputs["exit-code"], done.outputs["new-findings"]) == ("1", "1")
    assert job.step("Audit", inputs={"base": "no-such-branch"}).outputs == {"exit-code": "2"}
    assert job.step("Audit", inputs={"base": "--help"}).outputs == {"exit-code": "2"}


def test_a_change_that_deletes_everything_is_clean(pull):
    done = pull({"a/web.yaml": UNLIMITED, "b/web.yaml": LIMITED}, {"a/web.yaml": None, "b/web.yaml": None})
    assert (done.outputs["exit-code"], done.outputs["findings"]) == ("0", "0")
    assert done.outputs["memory-delta-bytes"] == str(-4 * GIB)


def test_only_the_given_paths_are_compared(pull):
    change = {"k8s a/web.yaml": UNLIMITED, "other/web.yaml": UNLIMITED.replace("web", "other")}
    before = dict.fromkeys(change, LIMITED)
    done = pull(before, change, inputs={"paths": "k8s a\n"})
    assert done.outputs["new-findings"] == "1"


@pytest.mark.parametrize("name", ["a b.yaml", "q\"u'o.yaml", "new\nline.yaml", "::error file=x::y.yaml", "%0A,:.yaml"])
def test_names_of_changed_files_are_names(pull, name):
    done = pull({name: LIMITED}, {name: UNLIMITED})
    assert done.outputs["exit-code"] == "1"
    commands = [line for line in done.stdout.splitlines() if line.lstrip().startswith("::")]
    assert len([line for line in commands if line.startswith("::error file=")]) == 1
    assert not any(line.startswith("::error file=x") for line in commands)


def test_three_hundred_changed_files_keep_githubs_limits(pull):
    files = {f"k8s/web-{number}.yaml": UNLIMITED.replace("web", f"web-{number}") for number in range(300)}
    done = pull(dict.fromkeys(files, LIMITED), files)
    assert done.outputs["new-findings"] == "300"
    lines = done.stdout.splitlines()
    for level in ("error", "warning", "notice"):
        assert len([line for line in lines if line.startswith(f"::{level} ")]) <= 10
    assert len(done.summary.encode()) <= 2**20
    assert "- and 250 more" in done.summary


def test_binary_files_links_and_submodules_are_told_and_do_not_fail_by_themselves(pull, job, repository):
    other = Repository(job.folder / "other")
    other.commit({"a.yaml": UNLIMITED})
    repository.commit({"web.yaml": LIMITED})
    (repository.folder / "passwd.yaml").symlink_to("/etc/passwd")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.folder), "sub")
    done = pull(
        {"web.yaml": LIMITED}, {"web.yaml": UNLIMITED, "photo.yaml": b"\x00\x01\xff" * 100, "a.bin": b"\x00" * 9}
    )
    assert done.outputs["exit-code"] == "1"
    assert "root:" not in done.summary + done.stdout
    assert "sub" in done.summary


def test_a_merge_queue_is_compared_with_its_base(pull, job, repository):
    pull({"web.yaml": LIMITED}, {"web.yaml": UNLIMITED})
    job.event_name = "merge_group"
    job.event = {"merge_group": {"base_sha": repository.git("rev-parse", "main"), "head_sha": "b" * 40}}
    assert job.step("Audit").outputs["new-findings"] == "1"


FORGOTTEN = LIMITED.replace("limits: {cpu: 100m, memory: 1Gi}", "limits: {cpu: 100m, memory: 1024m}")


def test_a_new_finding_has_its_fix_as_lines_and_an_old_one_has_none(pull, job):
    old = FORGOTTEN.replace("name: web", "name: old")
    pull({"old.yaml": old, "web.yaml": LIMITED}, {"web.yaml": FORGOTTEN})
    document = json.loads((job.folder / "temp" / "memory-auditor" / "result.json").read_text())
    fixes = {(item["file"], item["policy"]): item["replacements"] for item in document["findings"]}
    line = FORGOTTEN.splitlines(keepends=True)[12].replace("1024m", "1024Mi")
    assert fixes["web.yaml", "memory-quantity-fractional"] == [
        {"file": "web.yaml", "line": 13, "end_line": 13, "text": line}
    ]
    assert fixes["old.yaml", "memory-quantity-fractional"] is None


def test_policies_and_a_baseline_of_the_change_do_not_loosen_it_either(pull, job):
    shipped = (ROOT / "policies" / "requests-limits" / "memory-limit-missing.yaml").read_text()
    milder = shipped.replace("severity: high", "severity: info")
    assert milder != shipped
    (job.workspace / "web.yaml").write_text(UNLIMITED)
    job.event_name = "push"
    job.step("Audit", inputs={"write-baseline": "known.json"})
    known = (job.workspace / "known.json").read_text()
    nothing = json.dumps({"version": 1, "findings": []})
    before = {"web.yaml": LIMITED, "rules/memory-limit-missing.yaml": shipped, "known.json": nothing}
    after = {"web.yaml": UNLIMITED, "rules/memory-limit-missing.yaml": milder, "known.json": known}
    both = {"policies": "rules", "baseline": "known.json"}
    done = pull(before, after, inputs=both)
    assert done.outputs["exit-code"] == "1", done.stdout
    for given in ({"policies": "rules"}, {"baseline": "known.json"}):
        assert job.step("Audit", inputs=given).outputs["exit-code"] == "1"
        assert job.step("Audit", inputs={**given, "trust-head": "true"}).outputs["exit-code"] == "0"
