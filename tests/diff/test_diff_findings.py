"""Which findings a change adds, fixes and leaves."""

import pytest

from auditor.api import Options, run
from auditor.baseline import write_baseline
from auditor.diff import judge, lines
from tests.diff.repository import deployment, policies, statuses

NO_LIMIT = deployment(limit=None)


def test_a_finding_that_the_change_makes_is_new_and_one_that_it_ends_is_fixed(repo):
    repo.put("a.yaml", deployment("a", limit=None))
    repo.put("b.yaml", deployment("b"))
    repo.commit()
    repo.put("a.yaml", deployment("a"))
    repo.put("b.yaml", deployment("b", limit=None))
    diff = repo.compare()
    assert statuses(diff) == [("new", "memory-limit-missing", "b")]
    assert [(finding.policy, finding.workload.name) for finding in diff.fixed] == [("memory-limit-missing", "a")]
    assert diff.files_changed == 2


def test_an_old_finding_is_unchanged_wherever_its_lines_went(repo):
    repo.put("a.yaml", NO_LIMIT)
    repo.commit()
    repo.put("a.yaml", "# one\n# two\n" + NO_LIMIT)
    diff = repo.compare()
    assert statuses(diff) == [("unchanged", "memory-limit-missing", "web")]
    assert diff.findings[0].finding.place.line == 15
    assert diff.findings[0].on_changed_line is False
    assert not diff.fixed
    assert not diff.failed("info")


POLICY = """\
id: memory-limit-large
severity: low
severity_when: {high: 'container.limit_bytes > 1073741824'}
scope: container
when: has(container.limit_bytes) && container.limit_bytes > 268435456
message: 'limit {container.limit_bytes:bytes}'
at: resources.limits.memory
why: It is large.
remediation: Make it smaller.
references: [https://kubernetes.io/docs/]
examples:
  good: ["apiVersion: v1"]
  bad: [{manifest: "apiVersion: v1", messages: ["limit 1Gi"]}]
"""


def test_a_finding_that_became_worse_is_new_and_says_what_it_was(repo):
    repo.put("policies/limits/memory-limit-large.yaml", POLICY)
    repo.put(".auditor.yaml", "policies: [policies]\n")
    repo.put("k8s/a.yaml", deployment(request="512Mi", limit="512Mi"))
    repo.commit()
    repo.put("k8s/a.yaml", deployment(request="2Gi", limit="2Gi"))
    diff = repo.compare(paths=["k8s"])
    assert [(item.status, item.finding.severity, item.was) for item in diff.findings] == [("new", "high", "low")]
    assert not diff.fixed


def test_a_finding_that_became_milder_is_unchanged(repo):
    repo.put("policies/limits/memory-limit-large.yaml", POLICY)
    repo.put(".auditor.yaml", "policies: [policies]\n")
    repo.put("k8s/a.yaml", deployment(request="2Gi", limit="2Gi"))
    repo.commit()
    repo.put("k8s/a.yaml", deployment(request="512Mi", limit="512Mi"))
    diff = repo.compare(paths=["k8s"])
    assert [(item.status, item.finding.severity, item.was) for item in diff.findings] == [("unchanged", "low", None)]
    assert not diff.fixed


def test_a_renamed_file_and_a_document_that_moved_within_its_folder_change_nothing(repo):
    repo.put("k8s/a.yaml", NO_LIMIT)
    repo.put("k8s/b.yaml", deployment("b"))
    repo.commit()
    repo.remove("k8s/a.yaml")
    repo.put("k8s/b.yaml", deployment("b") + "---\n" + NO_LIMIT)
    diff = repo.compare()
    assert statuses(diff) == [("unchanged", "memory-limit-missing", "web")]
    assert not diff.fixed
    assert not diff.memory.workloads


def test_a_workload_that_moved_to_another_folder_is_the_same_one(repo):
    repo.put("old/a.yaml", NO_LIMIT)
    repo.commit()
    repo.remove("old")
    repo.put("new/place/b.yaml", NO_LIMIT.replace("128Mi", "256Mi"))
    diff = repo.compare()
    assert statuses(diff) == [("unchanged", "memory-limit-missing", "web")]
    assert not diff.fixed
    change = diff.memory.workloads[0]
    assert (change.change, change.before.file, change.after.file) == ("moved", "old/a.yaml", "new/place/b.yaml")


def test_the_lines_of_a_file_that_moved_are_those_that_changed_on_the_way(repo):
    repo.put("old/a.yaml", NO_LIMIT)
    repo.commit()
    repo.remove("old")
    repo.put("new/a.yaml", NO_LIMIT)
    assert [item.on_changed_line for item in repo.compare().findings] == [False]


def test_a_missing_key_is_touched_by_what_changed_in_the_block_that_lacks_it(repo):
    texts = {
        "removed": (deployment("removed"), NO_LIMIT),
        "edited": (NO_LIMIT, NO_LIMIT.replace("128Mi", "256Mi")),
        "above": (NO_LIMIT, NO_LIMIT.replace("image: app:1", "image: app:2")),
        "below": (NO_LIMIT + "        tty: true\n", NO_LIMIT),
    }
    for name, (old, _) in texts.items():
        repo.put(f"{name}.yaml", old.replace('"web"', f'"{name}"'))
    repo.commit()
    for name, (_, new) in texts.items():
        repo.put(f"{name}.yaml", new.replace('"web"', f'"{name}"'))
    touched = {item.finding.workload.name: item.on_changed_line for item in repo.compare().findings}
    assert touched == {"removed": True, "edited": True, "above": False, "below": False}


def test_a_copy_of_a_workload_is_not_its_old_place(repo):
    repo.put("old/a.yaml", NO_LIMIT)
    repo.commit()
    repo.put("old/a.yaml", deployment())
    repo.put("new/a.yaml", NO_LIMIT)
    diff = repo.compare()
    assert statuses(diff) == [("new", "memory-limit-missing", "web")]
    assert [finding.policy for finding in diff.fixed] == ["memory-limit-missing"]


def test_two_objects_of_one_name_in_one_folder_are_counted(repo):
    repo.put("a.yaml", NO_LIMIT)
    repo.commit()
    repo.put("b.yaml", NO_LIMIT)
    assert [status for status, _, _ in statuses(repo.compare())] == ["new", "unchanged"]


LIMIT_RANGE = """\
apiVersion: v1
kind: LimitRange
metadata: {name: l, namespace: shop}
spec: {limits: [{type: Container, max: {memory: %s}}]}
"""
QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: q, namespace: shop}
spec: {hard: {limits.memory: 1Gi}}
"""


def test_a_limit_range_that_shrinks_makes_findings_of_workloads_that_nobody_edited(repo):
    repo.put("web.yaml", deployment(request="512Mi", limit="512Mi"))
    repo.put("limits.yaml", LIMIT_RANGE % "1Gi")
    repo.commit()
    repo.put("limits.yaml", LIMIT_RANGE % "256Mi")
    diff = repo.compare()
    assert "limitrange-rejects-pod" in policies(diff)
    assert [item.on_changed_line for item in diff.findings if item.finding.policy == "limitrange-rejects-pod"] == [
        False
    ]


def judged_files(repo, monkeypatch, **asked):
    """Return the names of the files that were judged, in all."""
    names = []

    def counting(files, *arguments):
        names.extend(file.shown for file in files)
        return real(files, *arguments)

    real = judge.judge_in
    monkeypatch.setattr(judge, "judge_in", counting)
    repo.compare(**asked)
    return sorted(names)


def test_what_is_the_same_on_both_sides_is_judged_once(repo, monkeypatch):
    for name in "abc":
        repo.put(f"{name}.yaml", deployment(name))
    repo.commit()
    repo.put("c.yaml", deployment("c", limit=None))
    assert judged_files(repo, monkeypatch) == ["a.yaml", "b.yaml", "c.yaml", "c.yaml"]


def test_a_file_whose_context_changed_is_judged_on_both_sides(repo, monkeypatch):
    repo.put("a.yaml", deployment("a"))
    repo.commit()
    repo.put("n.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    assert judged_files(repo, monkeypatch) == ["a.yaml", "a.yaml", "n.yaml"]


@pytest.mark.parametrize("head", [None, "HEAD"])
def test_heads_findings_are_those_of_a_scan(repo, head):
    for name in "abc":
        repo.put(f"{name}/d.yaml", deployment(name, limit=None if name == "a" else "1Gi"))
    repo.commit()
    repo.put("b/d.yaml", deployment("b", request=None, limit=None))
    repo.put("q.yaml", QUOTA)
    if head:
        repo.commit()
    scanned = run(["."], Options(jobs=1)).report
    diff = repo.compare("HEAD~1" if head else "HEAD", head)
    assert scanned.findings
    assert [item.finding for item in diff.findings] == list(scanned.findings)
    assert diff.report.summary.workloads == scanned.summary.workloads


def test_the_baseline_of_base_makes_findings_known(repo):
    repo.put("a.yaml", deployment())
    repo.put("later.yaml", NO_LIMIT.replace("web", "later"))
    repo.put("known.json", write_baseline(run(["later.yaml"], Options(jobs=1)).report.findings))
    repo.put(".auditor.yaml", "baseline: known.json\n")
    repo.remove("later.yaml")
    repo.commit()
    repo.put("later.yaml", NO_LIMIT.replace("web", "later"))
    diff = repo.compare()
    assert statuses(diff) == [("known", "memory-limit-missing", "later")]
    assert not diff.failed("info")


def test_the_lines_of_a_file_that_did_not_change_are_not_read(repo, monkeypatch):
    repo.put("a.yaml", deployment("a", limit=None))
    repo.put("b.yaml", deployment("b"))
    repo.commit()
    repo.put("b.yaml", deployment("b", limit=None))
    compared = []
    cmp = lines.filecmp.cmp
    monkeypatch.setattr(lines.filecmp, "cmp", lambda old, new, **how: compared.append(new.name) or cmp(old, new, **how))
    diff = repo.compare()
    touched = {item.finding.workload.name: item.on_changed_line for item in diff.findings}
    assert touched == {"a": False, "b": True}
    assert compared == ["b.yaml"]
