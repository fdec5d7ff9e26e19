"""Which fixes are offered: none that lowers without history, none that makes another policy fire, none that stays."""

import msgspec

from auditor.api import Options, inputs_of, run
from auditor.fixes import check, judging
from auditor.fixes.judging import fix_files
from auditor.policy.model import Example
from tests.fixes.examples import FILE, POLICIES, Bench

HEAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example/app:1
"""


def deployment(resources, more=""):
    return f"{HEAD}        resources: {resources}\n{more}"


def proposed(text, policies=(), **example):
    return Bench(Example(text, (), **example)).propose(policies)


def reasons(proposal):
    return {refusal.finding.policy: refusal.reason for refusal in proposal.refused}


def test_a_fix_that_makes_another_policy_fire_is_not_offered():
    """512 bytes are 512Mi as a request, which is above the limit: Kubernetes would refuse the pod."""
    proposal = proposed(deployment("{requests: {memory: 512}, limits: {memory: 256Mi}}"))
    assert not proposal.contents
    assert reasons(proposal)["memory-quantity-unit-forgotten"].startswith(
        "it would make memory-limit-below-request fire:"
    )
    assert all(finding.replacements is None for finding in proposal.report.findings)


def test_a_fix_may_cost_what_is_milder_than_what_it_heals():
    """512MB is refused by the API server; 512M beside Mi is a matter of taste."""
    proposal = proposed(deployment("{requests: {memory: 256Mi}, limits: {memory: 512MB}}"))
    assert [finding.policy for finding in proposal.made] == ["memory-quantity-invalid"]


QUOTA = """\
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: shop}
spec: {hard: {requests.memory: 1Gi}}
"""


def test_a_fix_that_exceeds_a_quota_is_not_offered():
    """Two pods of 1000Mi are above 1Gi; two of 512Mi are not."""
    fits = proposed(deployment("{requests: {memory: 512}, limits: {memory: 2Gi}}", QUOTA))
    assert [finding.policy for finding in fits.made] == ["memory-quantity-unit-forgotten"]
    above = proposed(deployment("{requests: {memory: 1000}, limits: {memory: 2Gi}}", QUOTA))
    assert not above.contents
    assert reasons(above)["memory-quantity-unit-forgotten"].startswith("it would make quota-memory-exceeded fire:")


def test_request_and_limit_that_are_equal_stay_equal():
    text = deployment("{requests: {memory: 0.7Gi}, limits: {memory: 0.7Gi}}")
    assert proposed(text).contents[FILE].decode() == text.replace("0.7Gi", "717Mi")


def test_a_waived_finding_is_left_alone():
    waive = '  # waive: memory-quantity-fractional until=2026-03-01 reason="a test"'
    proposal = proposed(deployment("{limits: {memory: 512m}}" + waive))
    assert any(finding.waived for finding in proposal.report.findings)
    assert not proposal.contents


def test_only_the_policies_that_are_named_are_fixed():
    text = deployment("{requests: {mem: 128Mi}, limits: {memory: 512m}}")
    proposal = proposed(text, ["memory-resource-name-unknown"])
    assert proposal.contents[FILE].decode() == text.replace("mem:", "memory:")


def test_findings_with_the_same_fix_are_fixed_by_writing_it_once():
    usage = {"workload": "Deployment/web", "container": "app", "mean": "100Mi", "p95": "150Mi", "max": "200Mi"}
    proposal = proposed(deployment("{requests: {cpu: 1}}"), usage=(usage,))
    assert {finding.policy for finding in proposal.made} == {"memory-request-missing", "memory-limit-missing"}
    assert len({finding.replacements for finding in proposal.report.findings if finding.replacements}) == 1


def test_what_is_behind_an_alias_is_told_with_its_line():
    more = "      - name: helper\n        image: registry.example/app:1\n        resources: *r\n"
    proposal = proposed(deployment("&r {requests: {memory: 128Mi}, limits: {memory: 512m}}", more))
    assert not proposal.contents
    told = {refusal.reason: refusal.line for refusal in proposal.refused}
    line = HEAD.count("\n") + 1
    assert told == {
        "stands in the text of &r, which an alias elsewhere repeats": line,
        "stands behind the alias *r, whose text others share": line + 3,
    }


def test_a_fix_is_offered_in_the_report_as_the_lines_that_it_changes():
    text = deployment("{limits: {memory: 512m}}")
    (finding,) = [one for one in proposed(text).report.findings if one.replacements]
    line = HEAD.count("\n") + 1
    assert msgspec.to_builtins(finding.replacements) == (
        {"file": FILE, "line": line, "end_line": line, "text": "        resources: {limits: {memory: 512Mi}}\n"},
    )


def fix_with(folder, text, **policies):
    """Return what fixing makes of a text by policies of one's own: their names to conditions and what they set."""
    own = folder / "-".join(policies)
    own.mkdir()
    for name, (when, fix) in policies.items():
        (own / f"{name}.yaml").write_text(POLICY.format(name=name, when=when, fix=fix))
    file = folder / "web.yaml"
    file.write_text(text)
    found, rules = inputs_of([str(file)], Options(policies=(str(own),), jobs=1))
    return fix_files(found, rules, 1, tuple(policies))


SMALL = "{requests: {memory: 64Mi}, limits: {memory: 128Mi}}"
LIMIT_IS_128 = "has(container.limit_bytes) && container.limit_bytes == 134217728"
REQUEST_IS_64 = "has(container.request_bytes) && container.request_bytes == 67108864"


def test_a_policy_cannot_lower_a_limit(tmp_path):
    """Only history may argue for less."""
    half = fix_with(tmp_path, deployment(SMALL), half=(LIMIT_IS_128, "resources.limits.memory: 64Mi"))
    assert not half.contents
    assert ["for which a week of history must argue" in refusal.reason for refusal in half.refused] == [True]
    double = fix_with(tmp_path, deployment(SMALL), double=(LIMIT_IS_128, "resources.limits.memory: 256Mi"))
    assert [content.decode() for content in double.contents.values()] == [deployment(SMALL.replace("128Mi", "256Mi"))]


def test_a_policy_cannot_set_a_limit_where_there_is_none(tmp_path):
    """However large: no limit is more."""
    text = deployment("{requests: {memory: 64Mi}}")
    result = fix_with(tmp_path, text, large=("container.limit_missing", "resources.limits.memory: 1Ti"))
    assert not result.contents
    assert ["for which a week of history must argue" in refusal.reason for refusal in result.refused] == [True]


def test_a_fix_that_leaves_the_finding_is_not_made(tmp_path):
    result = fix_with(tmp_path, deployment(SMALL), idle=(REQUEST_IS_64, "resources.limits.memory: 256Mi"))
    assert not result.contents
    assert [refusal.reason for refusal in result.refused] == ["the finding would stay"]


def test_a_fix_that_another_one_makes_possible_is_made_after_it(tmp_path):
    """The request may be 200Mi once the limit is 256Mi, not before."""
    more = {"more": (REQUEST_IS_64, "resources.requests.memory: 200Mi")}
    alone = fix_with(tmp_path, deployment(SMALL), **more)
    assert not alone.contents
    assert ["memory-limit-below-request" in refusal.reason for refusal in alone.refused] == [True]
    both = fix_with(tmp_path, deployment(SMALL), first=(LIMIT_IS_128, "resources.limits.memory: 256Mi"), **more)
    wanted = deployment("{requests: {memory: 200Mi}, limits: {memory: 256Mi}}")
    assert [content.decode() for content in both.contents.values()] == [wanted]
    assert [finding.policy for finding in both.made] == ["first", "more"]


def test_fixes_that_do_harm_together_are_not_made_together(tmp_path):
    """Each doubles the request of one container; a quota has room for one of them alone."""
    more = "      - name: b\n        image: registry.example/b:1\n        resources: " + SMALL + "\n"
    text = deployment(SMALL, more + QUOTA.replace("1Gi", "400Mi"))
    result = fix_with(tmp_path, text, more=(REQUEST_IS_64, "resources.requests.memory: 128Mi"))
    assert not result.contents
    assert {"quota-memory-exceeded" in refusal.reason for refusal in result.refused} == {True}


POLICY = """\
id: {name}
severity: high
scope: container
when: '{when}'
message: 'could be better'
at: resources
why: A test.
remediation: Write another.
fix:
  set: {{{fix}}}
examples:
  good: ['{{}}']
  bad: [{{manifest: '{{}}', messages: [x]}}]
"""


def replaced(tmp_path, monkeypatch, text):
    """Return the policies whose findings a report offers as replacements."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.yaml").write_text(text)
    report = run(["web.yaml"], Options(jobs=1, replacements=True)).report
    return [finding.policy for finding in report.findings if finding.replacements]


FORGOTTEN = deployment("{requests: {memory: 256Mi}, limits: {memory: 512}}")
REFUSED = FORGOTTEN.replace("name: web", "name: api").replace("memory: 512}", "memory: 512MB}")


def test_a_report_with_little_to_spend_offers_the_fixes_of_its_worst_findings(tmp_path, monkeypatch):
    text = f"{FORGOTTEN}---\n{REFUSED}"
    assert replaced(tmp_path, monkeypatch, text) == ["memory-quantity-unit-forgotten", "memory-quantity-invalid"]
    severities = {policy.id: policy.severity for policy in POLICIES}
    assert severities["memory-quantity-unit-forgotten"] == "high"
    assert severities["memory-quantity-invalid"] == "critical"
    monkeypatch.setattr(judging, "_BUDGET_BYTES", 5000)
    assert replaced(tmp_path, monkeypatch, text) == ["memory-quantity-invalid"]


def test_a_report_judges_no_large_input_with_a_quota_once_more_and_offers_nothing_unchecked(tmp_path, monkeypatch):
    text = FORGOTTEN + QUOTA
    assert replaced(tmp_path, monkeypatch, text) == ["memory-quantity-unit-forgotten"]
    monkeypatch.setattr(check, "_MOST_BYTES", 10)
    assert replaced(tmp_path, monkeypatch, text) == []
    assert replaced(tmp_path, monkeypatch, FORGOTTEN) == ["memory-quantity-unit-forgotten"]
