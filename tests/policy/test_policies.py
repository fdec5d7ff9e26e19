"""The shipped policies: their examples hold, their texts are complete, their pages and schema are current."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from auditor.docs import ROOT, pages
from auditor.facts.record import SCOPES
from auditor.policy.examples import run_examples
from auditor.policy.keys import schema
from auditor.policy.load import PolicyError, load_policies, shipped_folder
from auditor.policy.skeleton import skeleton

POLICIES = load_policies([shipped_folder()])
IDS = [policy.id for policy in POLICIES]
CATALOGUE = {
    # requests-limits
    "memory-request-missing": "medium",
    "memory-limit-missing": "high",
    "memory-limit-below-request": "critical",
    "memory-limit-to-request-ratio-high": "medium",
    "memory-request-zero": "medium",
    "memory-quantity-fractional": "high",
    "memory-quantity-unit-forgotten": "high",
    "memory-quantity-units-mixed": "low",
    "memory-quantity-invalid": "critical",
    "memory-resource-name-unknown": "critical",
    "memory-limit-tiny": "high",
    "memory-request-above-node": "critical",
    "pod-memory-request-below-containers": "critical",
    "container-memory-limit-above-pod": "critical",
    "pod-level-memory-unsupported": "high",
    "hugepages-request-limit-mismatch": "critical",
    "hugepages-alone": "critical",
    "memory-resources-ephemeral-container": "critical",
    # qos
    "qos-best-effort": "high",
    "qos-guaranteed-missed": "info",
    "qos-below-required": "high",
    "qos-priority-best-effort": "medium",
    "oom-score-indistinguishable": "info",
    # sidecars
    "sidecar-memory-unaccounted": "high",
    "injected-sidecar-unsized": "medium",
    "sidecar-memory-share-high": "low",
    "init-memory-dominates": "medium",
    "pod-memory-unbounded-by-one-container": "high",
    # tmpfs
    "tmpfs-size-limit-missing": "high",
    "tmpfs-size-limit-ineffective": "medium",
    "tmpfs-above-memory-limit": "high",
    "tmpfs-share-high": "medium",
    "tmpfs-not-requested": "medium",
    "tmpfs-many-writers": "info",
    "shm-undersized": "low",
    "host-ipc-shared-memory": "medium",
    "hugepages-volume-unrequested": "critical",
    # namespace
    "limitrange-rejects-pod": "critical",
    "limitrange-default-below-request": "critical",
    "limitrange-default-hides-choice": "info",
    "limitrange-inconsistent": "high",
    "limitrange-missing": "low",
    "memory-quota-missing": "low",
    "quota-requires-memory": "critical",
    "quota-memory-exceeded": "high",
    "quota-overcommit": "medium",
    # autoscaling
    "hpa-memory-request-missing": "high",
    "hpa-memory-target-above-limit": "high",
    "hpa-vpa-memory-conflict": "high",
    "hpa-memory-max-unschedulable": "medium",
    "vpa-limit-unbounded": "medium",
    "vpa-max-above-node": "medium",
    "vpa-bounds-outside-limitrange": "medium",
    "vpa-update-mode-deprecated": "low",
    "vpa-evicts-single-replica": "medium",
    "vpa-duplicate-target": "high",
    "vpa-target-missing": "medium",
    # runtimes
    "jvm-heap-above-limit": "high",
    "jvm-heap-headroom-low": "high",
    "jvm-heap-undeclared": "low",
    "jvm-initial-heap-above-request": "medium",
    "jvm-percentage-high": "high",
    "node-heap-above-limit": "critical",
    "node-heap-headroom-low": "high",
    "go-memory-limit-missing": "info",
    "go-memory-limit-headroom-low": "high",
    "dotnet-heap-above-limit": "critical",
    "redis-maxmemory-above-limit": "high",
    # nodes
    "kubelet-swap-unlimited": "high",
    "kubelet-swap-without-limit": "info",
    "swap-allowed-for-latency-critical": "medium",
    "tmpfs-swappable": "info",
    "kubelet-eviction-memory-missing": "high",
    "kubelet-memory-reservation-missing": "medium",
    "kubelet-cgroup-v1": "high",
    "node-memory-limits-overcommitted": "medium",
    "node-memory-headroom-missing": "medium",
    "memory-high-throttles": "medium",
    "node-memory-limits-uneven": "medium",
    # running
    "container-oom-killed": "critical",
    "pods-pending-for-memory": "high",
    "pods-evicted-for-memory": "high",
    "pod-resize-pending": "medium",
    # usage
    "memory-request-below-usage": "high",
    "memory-limit-near-peak": "high",
    "memory-oom-killed": "critical",
    "memory-limit-pinned": "high",
    "memory-request-oversized": "medium",
    "memory-limit-oversized": "low",
    "memory-leak-suspected": "high",
    "memory-peak-seasonal": "info",
    "memory-pressure-high": "medium",
    "swap-in-use": "medium",
    "sidecar-usage-unaccounted": "medium",
    "memory-history-missing": "info",
    "memory-history-thin": "info",
}


def test_every_policy_of_the_catalogue_ships_with_its_severity():
    shipped = {policy.id: policy.severity for policy in POLICIES}
    assert {name: shipped.get(name) for name in CATALOGUE} == CATALOGUE


@pytest.mark.parametrize("policy", POLICIES, ids=IDS)
def test_every_example_gives_its_messages(policy):
    outcomes = list(run_examples(policy))
    assert [(o.kind, o.found) for o in outcomes if not o.passed] == []
    assert {o.kind for o in outcomes} == {"good", "bad"}


@pytest.mark.parametrize("policy", POLICIES, ids=IDS)
def test_every_policy_is_complete_and_fits_the_published_schema(policy):
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(Path(policy.file).read_text()))
    assert policy.remediation.endswith(".")
    assert policy.waive
    assert policy.references
    assert not policy.id.startswith(("no-", "require-", "ensure-", "use-", "avoid-"))


def test_the_published_schema_is_a_valid_schema():
    jsonschema.Draft202012Validator.check_schema(schema())


def test_generated_pages_are_current():
    stale = [name for name, text in pages().items() if (ROOT / name).read_text() != text]
    assert stale == [], "run `make docs`"
    shown = {path.name for path in (ROOT / "policies").glob("*.md")}
    assert shown == {f"{name}.md" for name in IDS} | {"README.md"}


def test_every_fact_has_its_page_with_type_and_meaning():
    sections = [
        section.splitlines()
        for path in (ROOT / "facts").glob("*.md")
        for section in path.read_text().split("\n## ")[1:]
        if path.name != "README.md"
    ]
    assert len(sections) > 150
    assert [lines[0] for lines in sections if not lines[2].strip() or not lines[6].startswith("| type | ")] == []


def test_the_page_of_a_fact_says_when_it_is_absent_and_who_asks_it():
    page = (ROOT / "facts" / "container.md").read_text()
    section = page.partition("## container.tmpfs_size_limit_bytes\n")[2].partition("\n## ")[0]
    assert "| unit | bytes |" in section
    assert "| absent | when it has none of them or one has no sizeLimit |" in section
    assert "[tmpfs-share-high](../policies/tmpfs-share-high.md)" in section


GOOD = """\
id: big-limit
severity: low
scope: container
params: {max_ratio: 2.0}
when: has(container.limit_bytes) && container.limit_bytes > 1
message: "limit {container.limit_bytes:bytes}"
at: resources.limits.memory
why: Because.
remediation: Lower it.
examples:
  good: ["a: 1"]
  bad: [{manifest: "a: 1", messages: [m]}]
"""


def load(tmp_path, text, name="big-limit.yaml"):
    folder = tmp_path / "requests-limits"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return load_policies([tmp_path])


def test_a_policy_file_becomes_a_value(tmp_path):
    (policy,) = load(tmp_path, GOOD)
    assert (policy.id, policy.subject, policy.params) == ("big-limit", "requests-limits", {"max_ratio": 2.0})
    assert isinstance(policy.params["max_ratio"], float)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("severity: low", "severity: bad", ":2:1: severity: 'bad' must be one of"),
        ("scope: container", "scpe: container", ":3:1: scpe: no such key; write scope instead"),
        ("why: Because.\n", "", "why is missing"),
        ("id: big-limit", "id: other", ":1:1: id: must be the file's name, 'big-limit'"),
        ("limit_bytes > 1", "limt_bytes > 1", ":5:46: when: no fact 'limt_bytes'; write limit_bytes instead"),
        (
            "limit_bytes > 1",
            "limit_bytes > 1.5",
            "when: found no matching overload for '_>_' applied to '(int, double)'",
        ),
        ("limit_bytes > 1", "limit_bytes > params.max_rato", "when: no parameter 'max_rato'; write params.max_ratio"),
        ("when: has(container.limit_bytes) && ", "when: ", "when: container.limit_bytes may be absent; ask has("),
        (
            "{container.limit_bytes:bytes}",
            "{container.request_bytes:bytes}",
            "message: container.request_bytes may be absent",
        ),
        ("{container.limit_bytes:bytes}", "{container.name:bytes}", "message: must be int, not string"),
        ("{container.limit_bytes:bytes}", "{container.name", "message: a brace that is not closed"),
        ("has(container.limit_bytes) && container.limit_bytes > 1", "1 + 1", "when: must be bool, not int"),
        ("at: resources", "yields_to: [big-limt]\nat: resources", "yields_to.0: no policy 'big-limt'; write big-limit"),
        ("at: resources", "yields_to: [big-limit]\nat: resources", "leads back to this policy"),
        ("id: big-limit", "id: [", ": "),
    ],
)
def test_a_faulty_policy_ends_with_place_key_and_what_to_write(tmp_path, old, new, fault):
    assert old in GOOD
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert fault in str(caught.value)
    assert re.match(r"\S+big-limit\.yaml:\d+:\d+: ", str(caught.value))


def test_an_id_that_is_an_order_is_refused(tmp_path):
    with pytest.raises(PolicyError, match="reads as 'allow require-limit'"):
        load(tmp_path, GOOD.replace("big-limit", "require-limit"), "require-limit.yaml")


def test_a_later_folder_overrides_by_id(tmp_path):
    load(tmp_path, GOOD.replace("big-limit", "memory-limit-missing"), "memory-limit-missing.yaml")
    policies = {policy.id: policy for policy in load_policies([shipped_folder(), tmp_path])}
    assert policies["memory-limit-missing"].severity == "low"


def test_the_readme_policy_passes_its_own_examples(tmp_path):
    text = (ROOT.parent / "README.md").read_text()
    block = re.search(r"```yaml\n(id: memory-limit-huge\n.*?)```", text, re.DOTALL)
    (policy,) = load(tmp_path, block[1], "memory-limit-huge.yaml")
    assert [outcome.passed for outcome in run_examples(policy)] == [True, True]


def test_the_policy_schema_in_docs_is_json():
    assert json.loads((ROOT / "policy.schema.json").read_text()) == schema()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("has(container.limit_bytes)", "has(container . limit_bytes)", "container stands alone"),
        ("has(container.limit_bytes)", "true && [container].exists(c, has(c.limit_bytes))", "container stands alone"),
        ("why: Because.", "why: Because.\nwhy: Again.", "duplicate"),
        ("why: Because.", "profile_params: {strict: {max_rato: 1}}\nwhy: Because.", "no such parameter"),
        ("why: Because.", "aliases: [big-limit]\nwhy: Because.", "is the id of another policy"),
    ],
)
def test_what_would_be_silent_is_refused(tmp_path, old, new, fault):
    with pytest.raises(PolicyError, match=fault):
        load(tmp_path, GOOD.replace(old, new, 1))


def test_a_whole_number_stands_for_a_double_in_a_profile(tmp_path):
    text = GOOD.replace("why: Because.", "profile_params: {strict: {max_ratio: 3}}\nwhy: Because.")
    (policy,) = load(tmp_path, text)
    assert type(policy.profile_params["strict"]["max_ratio"]) is float


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 200_000, "a: &a [*a]", "- " * 100_000, "\ufeffa: \x00"])
def test_a_bomb_in_a_policy_file_is_a_fault_with_its_place(tmp_path, text):
    with pytest.raises(PolicyError, match=r"big-limit\.yaml:\d+:\d+: "):
        load(tmp_path, text)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_new_policy_of_every_scope_loads_and_passes_its_examples(tmp_path, scope):
    (tmp_path / "my-policy.yaml").write_text(skeleton("my-policy", scope))
    (policy,) = load_policies([tmp_path])
    assert (policy.id, policy.scope) == ("my-policy", scope)
    assert [outcome.found for outcome in run_examples(policy) if not outcome.passed] == []


@pytest.mark.parametrize("name", ["no-limit", "Big", "a_b", ""])
def test_a_new_policy_needs_an_id_that_reads_as_allow(name):
    with pytest.raises(ValueError, match=r"allow|hyphens"):
        skeleton(name, "container")
