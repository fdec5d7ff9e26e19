"""Untrusted manifests: whatever stands anywhere in them, nothing raises, and every policy judges or is silent."""

import copy
import json
import math
import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.assembly import assemble
from auditor.config import Config, Selection
from auditor.contexts import alone
from auditor.engine import Judge
from auditor.expressions.cel import Compiled
from auditor.facts import on_nodes
from auditor.facts.build import build_record
from auditor.facts.context import Context, is_context
from auditor.facts.options import FactOptions
from auditor.facts.surroundings import wide_records
from auditor.findings import Report
from auditor.kube.nodes import Node, matches
from auditor.kube.versions import parse_target
from auditor.plan import Judged, Plan
from auditor.policy.load import load_policies, shipped_folder
from auditor.reports import FORMATS
from auditor.reports.facts import render_json, render_table
from auditor.sources.comments import object_lines
from auditor.sources.model import InputFile
from auditor.sources.read import ReadOptions, read_bytes
from auditor.workers import Task, judge_file

MANIFESTS = Path(__file__).parent / "hostile_manifests.yaml"


@cache
def good() -> tuple[dict[str, Any], ...]:
    """Return one manifest of every kind that is read, all about one cluster."""
    return tuple(obj.data for obj in read_bytes(MANIFESTS.read_bytes()).objects)


@cache
def judge(version: str) -> Judge:
    """Return a judge with every policy."""
    selection = Selection(load_policies([shipped_folder()]), Config(), "all", ".auditor.yaml")
    target = parse_target(version, [])
    return Judge(Plan(selection, target, FactOptions(), (), True, {}, date(2030, 1, 1)))


def text_of_documents(documents: list[Any]) -> bytes:
    """Return the documents as YAML: JSON, but for the numbers that JSON has not."""
    text = "\n---\n".join(json.dumps(document) for document in documents)
    for ours, yaml in (("NaN", ".nan"), ("-Infinity", "-.inf"), ("Infinity", ".inf")):
        text = text.replace(f": {ours}", f": {yaml}").replace(f"[{ours}", f"[{yaml}")
    return text.encode()


def run(content: bytes, *, complete: bool = False, node: str | None = None, version: str = "1.37") -> Report:
    """Audit one file as the workers do, and write every report of it."""
    by = judge(version)
    objects = read_bytes(content, "a.yaml").objects
    read = pickle.loads(pickle.dumps([alone(obj, object_lines(objects)) for obj in objects if is_context(obj)]))  # noqa: S301
    context, unusable = Context.build(read, by._plan.target.minor)
    context = replace(context, complete=complete)
    if node is not None:
        context = context.on_node(node)
    task = Task(by._plan, ReadOptions(), keep_records=True, contexts=(context,))
    judged = judge_file(InputFile("a.yaml", "a.yaml", "", 0, len(content), content), task, by)
    assert not list(beyond(judged))
    assert not list(beyond(tuple(wide_records(context, judged.members, by._plan.target))))
    (judged,) = msgspec.msgpack.decode(msgspec.msgpack.encode([judged]), type=list[Judged])
    around = by.judge_surroundings(context, judged.members)
    report = assemble([judged, around, Judged(skipped=unusable)], task.plan, None, "1")
    for name, render in FORMATS.items():
        render(judged.records if name == "csv-inventory" else report)
    for line in render_json(judged.records, report.skipped).splitlines():
        json.loads(line)
    render_table(judged.records, report.skipped)
    return report


def beyond(value: Any, at: str = "") -> Iterator[str]:
    """Yield where a number stands that neither CEL nor the workers' messages hold, and numbers that are none."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from beyond(getattr(value, name), f"{at}.{name}")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from beyond(item, f"{at}[{index}]")
    elif (isinstance(value, int) and not -(2**63) <= value < 2**63) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        yield f"{at}: {value}"


def not_judged(report: Report) -> list[str]:
    """Return what policies could not judge: of shipped ones it is a fault."""
    return [item.reason for item in report.skipped if "could not judge" in item.reason]


UGLY = (
    *(None, True, False, 0, 1, -1, 80.5, 1e300, 10**17, 2**31, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63), 10**40),
    *(math.nan, math.inf, -math.inf, "", " ", "0", "-1", "1", "3", "0.1m", "9Ei", "8Ei", "9223372036854775807", "12E"),
    *("1e1000", "1e-1000", "512m", "1n", "0%", "200%", "1e400%", "-5%", "Memory", "*", "x" * 10_000, "\u202e\u0000"),
    *("é\n\t|`'\"{}[]%", "../../etc", "=cmd()", "null", [], {}, [None], [[]], [{}], {"": None}, {"memory": None}, "A"),
    *({"memory": "9Ei"}, {"memory": []}, [{"name": "app"}], {"a": {"b": {"c": [1, {"d": None}]}}}, ["", 0, None, {}]),
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a value."""
    if path:
        yield path
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(child, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """Return what is at a path."""
    for step in path:
        value = value[step]
    return value


def change(documents: list[Any], path: tuple[Any, ...], how: str, value: Any) -> None:
    """Change documents in one place; a path that an earlier change took away changes nothing."""
    try:
        holder = at(documents, path[:-1])
        old = holder[path[-1]]
    except (LookupError, TypeError):
        return
    if not isinstance(holder, dict | list):
        return
    if how == "delete":
        del holder[path[-1]]
    elif how == "wrap":
        holder[path[-1]] = [old]
    elif how == "nest":
        holder[path[-1]] = {"apiVersion": "v1", "kind": "List", "items": [old, old]}
    elif how == "twice" and isinstance(holder, list):
        holder.append(copy.deepcopy(old))
    else:
        holder[path[-1]] = copy.deepcopy(value)


def test_the_manifests_are_good_and_of_every_kind_that_is_read() -> None:
    report = run(text_of_documents(list(good())), complete=True)
    assert not report.skipped
    kinds = {document["kind"] for document in good()}
    assert len(kinds) >= 17


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.sampled_from(("replace", "replace", "replace", "graft", "delete", "wrap", "nest", "twice")),
        st.sampled_from(UGLY),
        st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES, st.booleans(), st.sampled_from(("1.28", "1.33", "1.37")))
def test_whatever_stands_anywhere_nothing_raises_and_every_policy_judges(
    changes: list[tuple[int, str, Any, int]],
    complete: bool,  # noqa: FBT001 - drawn
    version: str,
) -> None:
    documents = copy.deepcopy(list(good()))
    known = list(paths(documents))
    for number, how, value, other in changes:
        taken = at(list(good()), known[other % len(known)]) if how == "graft" else value
        change(documents, known[number % len(known)], how, taken)
    report = run(text_of_documents(documents), complete=complete, version=version)
    assert not_judged(report) == []


def manifests(text: str, **options: Any) -> Report:
    """Audit a text, hold that every policy could judge it, and return the report."""
    report = run(text.encode(), **options)
    assert not_judged(report) == []
    return report


def policies_of(report: Report) -> set[str]:
    """Return the ids of the policies that found something."""
    return {finding.policy for finding in report.findings}


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: a}
spec:
  replicas: %s
  template:
    spec:
      containers: [{name: app, resources: {limits: {memory: %s}}}, {name: b, resources: {limits: {memory: 8Ei}}}]
---
"""
QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: q, namespace: a}
spec: {hard: {requests.memory: %s, limits.memory: 1Gi}}
---
"""


def test_a_sum_beyond_64_bits_is_above_every_bound() -> None:
    report = manifests(DEPLOYMENT % (2**31 - 1, "9Ei") + QUOTA % "8Gi", complete=True)
    assert "quota-memory-exceeded" in policies_of(report)


def test_memory_volumes_and_a_heap_that_add_up_beyond_64_bits_do_not_fit() -> None:
    report = manifests(
        """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: app
    image: golang:1
    env: [{name: GOMEMLIMIT, value: "9223372036854775807"}]
    resources: {limits: {memory: 1Gi}}
    volumeMounts: [{name: v, mountPath: /v}, {name: w, mountPath: /w}]
  volumes:
  - {name: v, emptyDir: {medium: Memory, sizeLimit: 9Ei}}
  - {name: w, emptyDir: {medium: Memory, sizeLimit: 9Ei}}
"""
    )
    assert "tmpfs-above-memory-limit" in policies_of(report)


def test_times_stays_within_64_bits() -> None:
    product = Compiled("times(a.b, 8.0) >= a.b", ("a",))
    assert product.evaluate({"a": {"b": 2**63 - 1}}) is True
    assert Compiled("times(a.b, 1.5) == 4", ("a",)).evaluate({"a": {"b": 2}}) is False
    assert Compiled("times(a.b, 1.5)", ("a",)).evaluate({"a": {"b": 3}}) == 5


def test_a_phase_that_is_no_text_does_not_end_a_pod() -> None:
    for phase in ("[Succeeded]", "{Failed: true}", "null", "1"):
        pod = f"""
apiVersion: v1
kind: Pod
metadata: {{name: p, namespace: a}}
spec: {{containers: [{{name: app, resources: {{limits: {{memory: 16Gi}}}}}}]}}
status: {{phase: {phase}}}
---
"""
        assert "quota-memory-exceeded" in policies_of(manifests(pod + QUOTA % "8Gi")), phase


def test_a_throttling_factor_that_the_kubelet_refuses_gives_no_memory_high() -> None:
    for factor in ("1.0e+300", "1e17", "-1.0", "0"):
        text = f"""
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
featureGates: {{MemoryQoS: true}}
memoryThrottlingFactor: {factor}
---
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec: {{containers: [{{name: app, resources: {{requests: {{memory: 1Gi}}, limits: {{memory: 8Ei}}}}}}]}}
"""
        assert "kubelet-configuration-refused" in policies_of(manifests(text)), factor


NODE = """
apiVersion: v1
kind: Node
metadata: {name: %s}
status: {capacity: {memory: 16Gi}, allocatable: {memory: %s}}
---
"""


def test_containers_of_one_name_keep_their_own_scores() -> None:
    pod = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  initContainers: [{name: a, resources: {requests: {memory: 4Gi}}}]
  containers: [{name: a, resources: {requests: {memory: 8Gi}}}]
"""
    objects = read_bytes((NODE % ("n", "16Gi") + pod).encode()).objects
    context, _ = Context.build(objects)
    record = build_record(objects[-1], context, parse_target("1.37", []))
    # 1000 - 1000 * request / capacity
    assert [container.oom_score_adj for container in record.containers] == [750, 500]


def test_many_pods_look_at_many_nodes_once_for_each_selector(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def counting(node: Node, *arguments: Any, **options: Any) -> bool:
        seen.append(node.name)
        return matches(node, *arguments, **options)

    monkeypatch.setattr(on_nodes, "matches", counting)
    nodes = "".join(NODE % (f"n{number}", "15Gi") for number in range(50))
    pods = "".join(
        f"{{apiVersion: v1, kind: Pod, metadata: {{name: p{number}}}, spec: {{containers: [{{name: a}}]}}}}\n---\n"
        for number in range(50)
    )
    manifests(nodes + pods)
    assert len(seen) == 50


def test_a_fault_in_an_object_around_the_pods_is_told_at_its_own_line() -> None:
    report = run(
        b"""apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: kata}
overhead:
  podFixed:
    memory: 12 Mi
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: many
"""
    )
    assert [(item.line, item.column) for item in report.skipped] == [(6, 5), (11, 1)]


RANGE = """
apiVersion: v1
kind: LimitRange
metadata: {name: r, namespace: a}
spec: {limits: [{type: Container, default: {memory: %s}}]}
---
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: a%s}
spec: {containers: [{name: app%s}]}
---
"""


@pytest.mark.parametrize("ranges", [RANGE % "many", RANGE % "1Gi" + RANGE % "2Gi"], ids=["malformed", "contradicting"])
def test_a_limit_range_that_cannot_be_read_leaves_what_it_may_set_unknown(ranges: str) -> None:
    report = manifests(ranges + QUOTA % "8Gi" + POD % ("p", "", ""), complete=True)
    assert report.skipped
    assert policies_of(report) <= {"namespace-quota-missing"}


def test_a_node_that_cannot_be_read_may_be_the_largest() -> None:
    pod = POD % ("p", "", ", resources: {requests: {memory: 20Gi}}")
    small, odd = NODE % ("small", "15Gi"), "apiVersion: v1\nkind: Node\nmetadata: {name: odd}\nstatus: []\n---\n"
    above = {"memory-request-above-node"}
    assert policies_of(manifests(small + pod)) & above == above
    report = manifests(small + odd + pod)
    assert report.skipped
    assert not policies_of(report) & above


def test_pods_that_own_each_other_in_a_circle_are_counted() -> None:
    owner = ", ownerReferences: [{kind: Pod, name: %s, controller: true}]"
    size = ", resources: {limits: {memory: 3Gi}}"
    quota = QUOTA.replace("limits.memory: 1Gi", "pods: 5") % "8Gi"
    pods = "".join(POD % (name, owner % by, size) for name, by in (("p", "q"), ("q", "p"), ("r", "r")))
    assert "quota-memory-exceeded" in policies_of(manifests(pods + quota))
    owned = POD % ("p", "", size) + POD % ("q", owner % "p", size) + POD % ("r", owner % "q", size)
    assert "quota-memory-exceeded" not in policies_of(manifests(owned + quota))


@pytest.mark.parametrize("replicas", ["'3'", "-1", "2.5", "[]", "true", "99999999999999999999999"])
def test_replicas_that_cannot_be_read_are_told_at_their_place(replicas: str) -> None:
    report = manifests(DEPLOYMENT % (replicas, "1Gi"))
    assert [(item.line, item.column) for item in report.skipped] == [(6, 3)]


@pytest.mark.parametrize("replicas", ["null", "0", "3", "3.0"])
def test_replicas_that_the_api_server_takes_are_read(replicas: str) -> None:
    assert not manifests(DEPLOYMENT % (replicas, "1Gi")).skipped


def test_the_memory_of_a_node_that_cannot_be_read_is_told_and_leaves_sums_unknown() -> None:
    pod = POD % ("p", "", ", resources: {requests: {memory: 20Gi}}")
    report = manifests(NODE % ("small", "15Gi") + NODE % ("odd", "many") + pod, complete=True)
    assert ["status.allocatable.memory" in item.reason for item in report.skipped] == [True]
    assert not policies_of(report) & {"memory-request-above-node", "node-memory-headroom-missing"}


@pytest.mark.parametrize("amount", ["1e400", "12E", "9Ei"])
def test_a_reservation_beyond_64_bits_leaves_nothing_for_pods(amount: str) -> None:
    kubelet = f"""
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
systemReserved: {{memory: {amount}}}
evictionHard: {{memory.available: {amount}}}
---
"""
    manifests(NODE.replace(", allocatable: {memory: %s}", "") % "n" + kubelet + POD % ("p", "", ""), complete=True)
