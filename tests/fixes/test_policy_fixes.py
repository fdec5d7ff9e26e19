"""Every policy with a fix: its bad examples are fixed, or the reason why not is told here."""

import pytest

from auditor.policy.model import Example
from auditor.policy.show import page
from tests.fixes.examples import FILE, POLICIES, Bench

LEFT = {("memory-request-oversized", 1), ("memory-oom-killed", 1)}
"""Policies and numbers of their bad examples whose history is too short to lower anything, or to know the need."""
WITH_FIX = [policy for policy in POLICIES if policy.fix is not None]
BAD = [(policy, number) for policy in WITH_FIX for number in range(len(policy.bad))]


def fixed(example, policy):
    """Return the bench and what is proposed; policies that would tell the same fact in its place are not there."""
    bench = Bench(example, without=next(one for one in POLICIES if one.id == policy).yields_to)
    return bench, bench.propose([policy])


@pytest.mark.parametrize(("policy", "number"), BAD, ids=[f"{policy.id}-{number}" for policy, number in BAD])
def test_a_bad_example_is_bad_no_more_once_it_is_fixed(policy, number):
    bench, proposal = fixed(policy.bad[number], policy.id)
    before = bench.report(policy.bad[number].manifest.encode())
    assert any(finding.policy == policy.id for finding in before.findings)
    # Without history there is nothing that could argue.
    if (policy.id, number) in LEFT or (policy.fix.history and not policy.bad[number].usage):
        assert not proposal.made
        return
    after = bench.report(proposal.contents[FILE])
    assert not [finding.message for finding in after.findings if finding.policy == policy.id]
    known = {finding.fingerprint for finding in before.findings}
    new = [finding for finding in after.findings if finding.fingerprint not in known]
    worst = min(["critical", "high", "medium", "low", "info"].index(finding.severity) for finding in proposal.made)
    assert all(["critical", "high", "medium", "low", "info"].index(finding.severity) > worst for finding in new)


POD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: app
        image: registry.example/app:1
        {resources}
"""
USAGE = {"workload": "Deployment/web", "container": "app", "mean": "100Mi", "p95": "150Mi", "max": "200Mi"}


BY_HISTORY = {
    "memory-limit-missing": "resources: {requests: {memory: 256Mi}}",
    "memory-request-missing": "resources: {}",
    "memory-request-zero": "resources: {requests: {memory: 0}, limits: {memory: 512Mi}}",
    "memory-limit-to-request-ratio-high": "resources: {requests: {memory: 128Mi}, limits: {memory: 8Gi}}",
    "qos-best-effort": "ports: []",
    "sidecar-memory-unaccounted": "ports: []",
    "pod-memory-unbounded-by-one-container": "ports: []",
}
SIDECAR = """\
      initContainers:
      - name: app
        restartPolicy: Always
        image: registry.example/proxy:1
        {resources}
      containers:
      - name: other
        image: registry.example/app:1
        resources: {{requests: {{memory: 64Mi}}, limits: {{memory: 64Mi}}}}
"""
WITH_SIDECAR = POD[: POD.index("      containers:")] + SIDECAR


def test_policies_about_manifests_that_history_fixes_are_tested_below():
    assert set(BY_HISTORY) == {one.id for one in WITH_FIX if one.fix.history and not any(bad.usage for bad in one.bad)}


@pytest.mark.parametrize("policy", BY_HISTORY)
def test_history_of_two_weeks_fixes_what_it_alone_can_argue_for(policy):
    text = WITH_SIDECAR if policy.startswith(("sidecar-", "pod-")) else POD
    usage = {**USAGE, "type": "sidecar"} if text is WITH_SIDECAR else USAGE
    example = Example(text.format(resources=BY_HISTORY[policy]), (), usage=(usage,))
    bench, proposal = fixed(example, policy)
    assert [finding.policy for finding in proposal.made] == [policy], proposal.refused
    assert policy not in {finding.policy for finding in bench.report(proposal.contents[FILE]).findings}


@pytest.mark.parametrize("days", [3, 6])
def test_history_of_less_than_a_week_lowers_nothing(days):
    resources = "resources: {requests: {memory: 4Gi}, limits: {memory: 64Gi}}"
    example = Example(POD.format(resources=resources), (), usage=({**USAGE, "days": days},))
    _, proposal = fixed(example, "memory-request-oversized")
    assert not proposal.contents


VALUES = [
    # what is written, what it becomes (None: not fixed), both by the words of docker, java and Kubernetes
    ("512", "512Mi"),
    ("16384", "16384Mi"),
    ("2", None),
    ("65536", None),
    ("1e3", "1000Mi"),
    ("'1e3'", None),
    ("512m", "512Mi"),
    ("2500m", "2500Mi"),
    ("64000m", None),
    ("1.5", None),
    ("0.7Gi", "717Mi"),
    ("1288490188800m", "1229Mi"),
    ("512MB", "512M"),
    ("1gib", "1Gi"),
    ("512 Mi", "512Mi"),
    ("512MI", "512Mi"),
    ("512Mb", None),
    ("1g", None),
    ("lots", None),
]


@pytest.mark.parametrize(("written", "meant"), VALUES)
def test_a_quantity_becomes_what_it_surely_means(written, meant):
    example = Example(POD.format(resources=f"resources: {{limits: {{memory: {written}}}}}"), ())
    proposal = Bench(example).propose()
    values = {edit.value for finding in proposal.made for edit in finding.fix}
    assert values == (set() if meant is None else {meant})


NAMES = [
    ("limits: {mem: 256Mi}", "limits: {memory: 256Mi}"),
    ("limits: {Memory: 256Mi}", "limits: {memory: 256Mi}"),
    ("limit: {memory: 256Mi}", "limits: {memory: 256Mi}"),
    ("request: {memory: 256Mi}", "requests: {memory: 256Mi}"),
    ("requests: {memory-limit: 256Mi}", None),
    # Both there: one of them would be lost.
    ("limits: {mem: 256Mi, memory: 256Mi}", None),
]


@pytest.mark.parametrize(("written", "meant"), NAMES)
def test_a_name_becomes_what_was_surely_meant(written, meant):
    example = Example(POD.format(resources=f"resources: {{{written}}}"), ())
    contents = Bench(example).propose(["memory-resource-name-unknown"]).contents
    wanted = {} if meant is None else {FILE: POD.format(resources=f"resources: {{{meant}}}").encode()}
    assert contents == wanted


def test_the_page_of_a_policy_says_what_fix_does():
    policy = next(policy for policy in POLICIES if policy.id == "vpa-update-mode-deprecated")
    assert "`auditor fix` does it:\n\n- writes `Recreate` at `spec.updatePolicy.updateMode`" in page(policy)
