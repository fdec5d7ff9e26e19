"""Who decides: a change cannot loosen what it is judged by."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from auditor.config import ConfigError
from auditor.diff.model import Judging
from auditor.policy.load import PolicyError
from tests.diff.repository import MIB, deployment, history, policies, statuses

NO_LIMIT = deployment(limit=None)
SOON = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
LATER = (datetime.now(UTC).date() + timedelta(days=60)).isoformat()
OFF = "rules: {memory-limit-missing: {enabled: false}}\n"
WAIVERS = f"waivers: [{{policy: memory-limit-missing, reason: known, until: {SOON}}}]\n"


def comment(policy="memory-limit-missing", until=SOON, reason="known"):
    return f'        # waive: {policy} until={until} reason="{reason}"\n'


def commented(manifest, text):
    return manifest.replace("        resources:", f"{text}        resources:", 1)


def annotated(manifest, policy="memory-limit-missing", until=SOON, containers="[]"):
    entry = f"- {{policy: {policy}, containers: {containers}, reason: known, until: {until}}}"
    return manifest.replace(
        "namespace: shop}", f"namespace: shop, annotations: {{memory-auditor.io/waive: {json.dumps(entry)}}}}}"
    )


def test_a_config_that_the_change_brings_is_named_and_not_used(repo):
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    repo.put(".auditor.yaml", OFF)
    diff = repo.compare()
    assert policies(diff) == ["memory-limit-missing"]
    assert diff.judging == (Judging("config", ".auditor.yaml", "added", "base"),)
    trusted = repo.compare(trust_head=True)
    assert not trusted.findings
    assert trusted.judging == (Judging("config", ".auditor.yaml", "added", "head"),)


@pytest.mark.parametrize("head", [None, "HEAD"])
def test_the_config_of_base_holds_though_the_change_edits_or_removes_it(repo, head):
    repo.put("a.yaml", deployment())
    repo.put(".auditor.yaml", OFF)
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    repo.remove(".auditor.yaml")
    if head:
        repo.commit()
    base = "HEAD~1" if head else "HEAD"
    assert not repo.compare(base, head).findings
    assert repo.compare(base, head).judging == (Judging("config", ".auditor.yaml", "removed", "base"),)
    assert policies(repo.compare(base, head, trust_head=True)) == ["memory-limit-missing"]


def test_a_config_named_by_an_option_is_bases_too(repo):
    repo.put("a.yaml", deployment())
    repo.put("audit/config.yaml", "profile: recommended\n")
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    repo.put("audit/config.yaml", OFF)
    options = {"config": "audit/config.yaml"}
    diff = repo.compare(options=options)
    assert policies(diff) == ["memory-limit-missing"]
    assert diff.judging == (Judging("config", "audit/config.yaml", "changed", "base"),)
    assert not repo.compare(options=options, trust_head=True).findings


def test_a_config_above_the_working_folder_and_one_outside_of_the_repository(repo, monkeypatch, tmp_path):
    (tmp_path / ".auditor.yaml").write_text(OFF)
    repo.put("team/a.yaml", deployment())
    repo.commit()
    repo.put("team/a.yaml", NO_LIMIT)
    repo.folder = repo.folder / "team"
    monkeypatch.chdir(repo.folder)
    assert not repo.compare().findings
    (repo.folder.parent / ".auditor.yaml").write_text("profile: recommended\n")
    repo.git("add", "../.auditor.yaml")
    repo.git("commit", "-q", "-m", "config")
    assert policies(repo.compare()) == ["memory-limit-missing"]


POLICY = """\
id: replicas-few
severity: high
scope: workload
when: has(workload.replicas) && workload.replicas < 3
message: '{workload.replicas} replicas'
at: spec.replicas
why: Few.
remediation: More.
references: [https://kubernetes.io/docs/]
examples:
  good: ["apiVersion: v1"]
  bad: [{manifest: "apiVersion: v1", messages: ["1 replicas"]}]
"""


@pytest.mark.parametrize("named_by", ["config", "option"])
def test_policies_are_bases(repo, named_by):
    repo.put("a.yaml", deployment())
    repo.put("rules/own/replicas-few.yaml", POLICY)
    if named_by == "config":
        repo.put(".auditor.yaml", "policies: [rules]\n")
    options = {"policies": ["rules"]} if named_by == "option" else {}
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    repo.put("rules/own/replicas-few.yaml", POLICY.replace("< 3", "< 1"))
    repo.put("rules/own/note.txt", "not a policy")
    diff = repo.compare(options=options, paths=["a.yaml"])
    assert [item.status for item in diff.findings if item.finding.policy == "replicas-few"] == ["unchanged"]
    assert Judging("policies", "rules/own/replicas-few.yaml", "changed", "base") in diff.judging
    trusted = repo.compare(options=options, paths=["a.yaml"], trust_head=True)
    assert policies(trusted) == ["memory-limit-missing"]


def test_policies_that_the_change_adds_are_named_and_judge_nothing(repo):
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.put("rules/own/replicas-few.yaml", POLICY)
    diff = repo.compare(options={"policies": ["rules"]}, paths=["a.yaml"])
    assert not diff.findings
    assert diff.judging == (Judging("policies", "rules/own/replicas-few.yaml", "added", "base"),)


def test_a_fault_in_bases_rules_names_base(repo):
    repo.put("a.yaml", deployment())
    repo.put(".auditor.yaml", "profil: strict\n")
    repo.commit()
    with pytest.raises(ConfigError, match=r"^HEAD:\.auditor\.yaml:1:1: profil"):
        repo.compare()
    repo.put(".auditor.yaml", "policies: [rules]\n")
    repo.put("rules/own/replicas-few.yaml", POLICY.replace("replicas <", "replica <"))
    repo.commit()
    with pytest.raises(PolicyError, match=r"^HEAD:rules/own/replicas-few\.yaml:"):
        repo.compare(paths=["a.yaml"])


@pytest.mark.parametrize("named_by", ["config", "option"])
def test_a_waiver_file_is_bases(repo, named_by):
    repo.put("a.yaml", deployment())
    repo.put("audit/waivers.yaml", "waivers: []\n")
    if named_by == "config":
        repo.put(".auditor.yaml", "waivers: audit/waivers.yaml\n")
    options = {"waivers": "audit/waivers.yaml"} if named_by == "option" else {}
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    repo.put("audit/waivers.yaml", WAIVERS)
    diff = repo.compare(options=options)
    assert statuses(diff) == [("new", "memory-limit-missing", "web")]
    assert diff.judging == (Judging("waivers", "audit/waivers.yaml", "changed", "base"),)
    repo.commit()
    repo.put("a.yaml", NO_LIMIT.replace("128Mi", "256Mi"))
    waived = repo.compare(options=options)
    assert statuses(waived) == [("waived", "memory-limit-missing", "web")]
    assert waived.findings[0].finding.waived.by == "HEAD:audit/waivers.yaml: waivers[0]"


def test_files_outside_of_the_repository_are_read_where_they_are(repo, tmp_path):
    (tmp_path / "waivers.yaml").write_text(WAIVERS)
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    assert statuses(repo.compare(options={"waivers": "../waivers.yaml"})) == [("waived", "memory-limit-missing", "web")]


def test_with_three_dots_the_rules_are_those_of_base_itself(repo):
    repo.put("a.yaml", deployment())
    repo.put(".auditor.yaml", OFF)
    repo.commit()
    repo.git("checkout", "-q", "-b", "topic")
    repo.put("a.yaml", NO_LIMIT)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.put(".auditor.yaml", "profile: recommended\n")
    repo.commit()
    assert not repo.compare("main~1", "topic").findings
    assert policies(repo.compare("main...topic")) == ["memory-limit-missing"]


@pytest.mark.parametrize("write", [commented, annotated])
def test_an_inline_waiver_that_base_does_not_have_suppresses_nothing(repo, write):
    text = (lambda manifest: commented(manifest, comment())) if write is commented else annotated
    repo.put("a.yaml", deployment())
    repo.commit()
    repo.put("a.yaml", text(NO_LIMIT))
    diff = repo.compare()
    assert statuses(diff) == [("new", "memory-limit-missing", "web")]
    assert diff.findings[0].finding.waived is None
    asked = diff.waivers_asked[0]
    assert (asked.policy, asked.until, asked.reason) == ("memory-limit-missing", SOON, "known")
    assert asked.fingerprint == diff.findings[0].finding.fingerprint
    trusted = repo.compare(trust_head=True)
    assert statuses(trusted) == [("waived", "memory-limit-missing", "web")]
    assert not trusted.waivers_asked


@pytest.mark.parametrize("write", [commented, annotated])
def test_an_inline_waiver_that_base_has_counts_wherever_it_went(repo, write):
    text = (lambda manifest: commented(manifest, comment())) if write is commented else annotated
    repo.put("old/a.yaml", text(NO_LIMIT))
    repo.commit()
    repo.remove("old")
    repo.put("new/b.yaml", "# more\n" + text(NO_LIMIT).replace("128Mi", "256Mi"))
    diff = repo.compare()
    assert statuses(diff) == [("waived", "memory-limit-missing", "web")]
    assert not diff.waivers_asked


@pytest.mark.parametrize("write", [commented, annotated])
def test_a_waiver_that_ends_later_or_covers_more_is_asked_for(repo, write):
    def text(policy="memory-limit-missing", until=SOON):
        if write is commented:
            return commented(NO_LIMIT, comment(policy, until))
        return annotated(NO_LIMIT, policy, until)

    repo.put("a.yaml", text())
    repo.commit()
    for more in ({"until": LATER}, {"policy": "memory-*"}):
        repo.put("a.yaml", text(**more))
        diff = repo.compare()
        assert statuses(diff) == [("new", "memory-limit-missing", "web")]
        assert len(diff.waivers_asked) == 1
    repo.put("a.yaml", text(until=(datetime.now(UTC).date() + timedelta(days=1)).isoformat()))
    assert statuses(repo.compare()) == [("waived", "memory-limit-missing", "web")]


SECOND = """\
      - name: second
        image: app:1
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 64Mi}}
"""


ONE = "pod-memory-unbounded-by-one-container"


def test_a_comment_that_moves_to_another_container_is_asked_for(repo):
    first = deployment() + SECOND
    text = commented(first, comment(ONE))
    repo.put("a.yaml", text.replace("limits: {cpu: 100m, memory: 128Mi}", "limits: {cpu: 100m}"))
    repo.commit()
    moved = first.replace("        resources: {requests", f"{comment(ONE)}        resources: {{requests")
    repo.put("a.yaml", moved.replace(", limits: {memory: 64Mi}}", "}"))
    diff = repo.compare()
    assert [(item.status, item.finding.subject) for item in diff.findings] == [("new", "second")]
    assert [item.policy for item in diff.waivers_asked] == [ONE]


def test_a_container_before_it_does_not_take_a_comments_place(repo):
    text = commented(NO_LIMIT, comment(ONE))
    repo.put("a.yaml", text + SECOND)
    repo.commit()
    repo.put("a.yaml", text.replace("      containers:\n", "      containers:\n" + SECOND))
    diff = repo.compare()
    assert [(item.status, item.finding.subject) for item in diff.findings] == [("waived", "app")]


def test_the_waiver_file_of_base_still_covers_what_an_inline_waiver_asks(repo):
    repo.put("a.yaml", deployment())
    repo.put("waivers.yaml", WAIVERS)
    repo.commit()
    repo.put("a.yaml", commented(NO_LIMIT, comment()))
    diff = repo.compare(options={"waivers": "waivers.yaml"})
    assert statuses(diff) == [("waived", "memory-limit-missing", "web")]
    assert not diff.waivers_asked


def test_a_finding_whose_waiver_the_change_removes_is_new(repo):
    repo.put("a.yaml", commented(NO_LIMIT, comment()))
    repo.commit()
    repo.put("a.yaml", NO_LIMIT)
    assert statuses(repo.compare()) == [("new", "memory-limit-missing", "web")]


def test_a_waived_finding_that_is_gone_is_not_told_as_fixed(repo):
    repo.put("a.yaml", commented(NO_LIMIT, comment()))
    repo.commit()
    repo.put("a.yaml", deployment())
    assert not repo.compare().fixed


def test_between_paths_new_inline_waivers_suppress_nothing_either(repo):
    repo.put("old/a.yaml", deployment())
    repo.put("new/a.yaml", commented(NO_LIMIT, comment()))
    assert statuses(repo.compare("./old", "./new")) == [("new", "memory-limit-missing", "web")]
    assert statuses(repo.compare("./old", "./new", trust_head=True)) == [("waived", "memory-limit-missing", "web")]


def test_a_new_waiver_on_a_quota_is_asked_for(repo):
    quota = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: q, namespace: shop%s}
spec: {hard: {requests.memory: %s}}
"""
    entry = json.dumps(f"- {{policy: '*', reason: known, until: {SOON}}}")
    annotations = f", annotations: {{memory-auditor.io/waive: {entry}}}"
    repo.put("a.yaml", deployment())
    repo.put("q.yaml", quota % ("", "1Gi"))
    repo.commit()
    repo.put("q.yaml", quota % (annotations, "128Mi"))
    found = [(item.status, item.finding.workload.kind) for item in repo.compare().findings]
    assert ("new", "ResourceQuota") in found
    assert ("waived", "ResourceQuota") not in found
    repo.put("q.yaml", quota % (annotations, "1Gi"))
    repo.commit()
    repo.put("q.yaml", quota % (annotations, "128Mi"))
    found = [(item.status, item.finding.workload.kind) for item in repo.compare().findings]
    assert ("waived", "ResourceQuota") in found
    assert ("new", "ResourceQuota") not in found


def test_history_that_the_config_names_is_read_beside_the_repository(repo, tmp_path):
    history(tmp_path / "usage.parquet")
    repo.put(".gitignore", "*.parquet\n")
    repo.put("audit/.auditor.yaml", "usage: {path: usage.parquet}\n")
    repo.put("a.yaml", deployment(request="512Mi", limit="512Mi"))
    repo.commit()
    (tmp_path / "usage.parquet").rename(repo.folder / "audit" / "usage.parquet")
    repo.put("a.yaml", deployment(request="512Mi", limit="420Mi"))
    diff = repo.compare(options={"config": "audit/.auditor.yaml"}, paths=["a.yaml"])
    assert diff.memory.workloads[0].after.peak_bytes == 410 * MIB
