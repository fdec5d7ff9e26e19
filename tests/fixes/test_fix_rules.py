"""The `fix` of a policy file: what is wrong with it is told at its place when the policy is loaded."""

from pathlib import Path

import pytest

from auditor.policy.load import PolicyError, load_policies

POLICY = """\
id: some-policy
severity: high
scope: container
params: {{floor_bytes: 16777216}}
when: 'container.limit_missing'
message: 'told'
at: resources
why: A test.
remediation: A test.
fix: {fix}
examples:
  good: ['{{}}']
  bad: [{{manifest: '{{}}', messages: [told]}}]
"""


def load(folder, fix):
    (folder / "some-policy.yaml").write_text(POLICY.format(fix=fix))
    return load_policies([Path(folder)])[0].fix


FAULTS = [
    ("{}", "fix: changes nothing: give set, rename, remove or history"),
    ("{history: false}", "fix: changes nothing: give set, rename, remove or history"),
    ("{put: {a: b}}", "fix.put: no such key"),
    ("{set: [a]}", "fix.set: must be a mapping"),
    ("{remove: resources}", "fix.remove: must be a list"),
    (
        "{set: {a: b}, when: 'container.limit_bytes'}",
        "container.limit_bytes may be absent; ask has(container.limit_bytes) in when",
    ),
    ("{set: {a: b}, when: 'container.name'}", "fix.when: must be bool, not string"),
    ("{set: {a: '{container.nmae}'}}", "no fact 'nmae'"),
    ("{set: {a: '{params.floor}'}}", "no parameter 'floor'"),
    ("{set: {a: '{container.limit_bytes:bytes}'}}", "container.limit_bytes may be absent"),
    ("{set: {a: '{container.name:bytes}'}}", "must be int, not string"),
    ("{set: {'{container.name': b}}", "a brace that is not closed"),
    ("{rename: {a: '{container.nmae}'}}", "no fact 'nmae'"),
    ("{remove: ['{container.nmae}']}", "no fact 'nmae'"),
]


@pytest.mark.parametrize(("fix", "fault"), FAULTS)
def test_a_fault_is_told_at_its_line(tmp_path, fix, fault):
    with pytest.raises(PolicyError) as told:
        load(tmp_path, fix)
    assert "some-policy.yaml:10:" in str(told.value)
    assert fault in str(told.value)


def test_what_the_condition_of_the_fix_asks_for_may_be_written(tmp_path):
    rule = load(tmp_path, "{when: has(container.limit_bytes), set: {a: '{container.limit_bytes:bytes}'}}")
    assert rule.set == (("a", "{container.limit_bytes:bytes}"),)
