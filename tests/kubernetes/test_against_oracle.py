"""Our arithmetic and Kubernetes' own functions give the same numbers for generated pods and quantities."""

import json
import subprocess

import pytest

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.kube.admission import admit, rules_of
from auditor.kube.quantity import MAX_BYTES, Quantity, parse
from auditor.kube.quota import read_quota_pod, usage
from auditor.kube.resources import counted, pod_limit, pod_request
from auditor.kube.versions import parse_target
from tests.facts.objects import make_object
from tests.kubernetes.amounts import in_bytes, milli
from tests.kubernetes.generate import Generator
from tests.kubernetes.words import assert_none, compare_refusals

PODS, QUANTITIES = 4000, 20000
CAPACITY_BYTES = 8 * 2**30
TARGET = parse_target(None)
KEYS = ("cpu", "memory", "hugepages-2Mi", "hugepages-1Gi")
# GetContainerOOMScoreAdjust multiplies a request by 1000 in 64 bits.
OOM_BYTES = MAX_BYTES // 1000
# Upstream has no suffix above E and prints such an amount without its zeros.
NO_SUFFIX_NANOS = 10**30


def ask(programs, mode, questions):
    lines = "\n".join(json.dumps(question, ensure_ascii=False) for question in questions)
    answer = subprocess.run([programs / "oracle", mode], input=lines, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def node():
    memory = {"memory": str(CAPACITY_BYTES)}
    status = {"capacity": memory, "allocatable": memory}
    return make_object({"kind": "Node", "metadata": {"name": "n"}, "status": status})


@pytest.fixture(scope="module")
def pods(programs):
    """Return (spec, record, admitted pod, answer) of every pod that Kubernetes can decode, and those it cannot."""
    generator = Generator()
    manifests = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "a"}, "spec": spec}
        for spec in (generator.spec_with_overhead() for _ in range(PODS))
    ]
    answers = ask(programs, "pods", [{"pod": pod, "capacityBytes": CAPACITY_BYTES} for pod in manifests])
    context, _ = Context.build([node()])
    found = []
    for manifest, answer in zip(manifests, answers, strict=True):
        spec = manifest["spec"]
        pod = admit(spec, rules_of(TARGET), (), {})
        found.append((spec, build_record(make_object(manifest), context, TARGET), pod, answer))
    return found


@pytest.fixture(scope="module")
def valid(pods):
    """Return those pods that Kubernetes accepts and whose memory we can tell, without overflow."""
    some = [item for item in pods if not item[3].get("refusals") and "decodeError" not in item[3]]
    sums = ("requests", "limits")
    known = [
        item
        for item in some
        if item[2].memory_known and all((in_bytes(item[3][key], "memory") or 0) <= MAX_BYTES for key in sums)
    ]
    # What is not known is beyond 63 bits, which few pods have.
    assert len(known) > 0.9 * len(some) > 0.3 * PODS
    return known


def differing(items, compare):
    """Return every (spec, ours, Kubernetes') that differ."""
    return [(spec, *pair) for spec, *rest in items for pair in compare(spec, *rest) if pair[0] != pair[1]]


def test_quantities_are_read_alike(programs):
    generator = Generator()
    values = [generator.quantity() for _ in range(QUANTITIES)]
    readable = 0
    wrong = []
    for value, answer in zip(values, ask(programs, "quantities", values), strict=True):
        ours = parse(value)
        if not isinstance(ours, Quantity):
            same = not answer["ok"] and answer["error"] == ours.problem
        else:
            readable += 1
            same = answer["ok"] and (abs(ours.nanos) >= NO_SUFFIX_NANOS or ours.canonical() == answer["string"])
            # Upstream loses its way with negative amounts: they are refused anyway.
            same = same and (ours.nanos < 0 or ours.bytes == answer["value"])
            same = same and (not 0 <= ours.milli <= MAX_BYTES or ours.milli == answer["milli"])
        if not same:
            wrong.append((value, ours, answer))
    assert_none(wrong)
    assert QUANTITIES * 0.5 < readable < QUANTITIES * 0.95


def test_the_same_pods_are_refused_in_the_same_words(pods):
    wrong = []
    for spec, record, pod, answer in pods:
        ours = [event.reason for event in record.admission if event.rejects]
        if "decodeError" in answer:
            same = any(answer["decodeError"].endswith(reason.rpartition('": ')[2]) for reason in ours)
            same = same and record.pod.rejected
        else:
            same = compare_refusals(ours, answer.get("refusals") or [], known=pod.memory_known)
        if not same:
            wrong.append((spec, ours, answer.get("decodeError") or answer.get("refusals")))
    assert_none(wrong)


def test_the_class_is_the_same(valid):
    assert_none(differing(valid, lambda _, record, __, answer: [(record.pod.qos_class, answer["qosClass"])]))


def test_the_pod_level_is_defaulted_alike(valid):
    def compare(spec, _, pod, answer):
        if spec.get("resources") is None:
            return
        for block in ("requests", "limits"):
            theirs = {key: milli(answer["podLevel"][block], key) for key in answer["podLevel"].get(block, {})}
            yield getattr(pod.pod_level, block), theirs

    assert_none(differing(valid, compare))


def test_effective_requests_and_limits_are_the_same(valid):
    def compare(_, record, pod, answer):
        some = counted(pod.containers)
        for key in KEYS:
            yield pod_request(some, pod.pod_level, pod.overhead, key), milli(answer["requests"], key)
            yield pod_limit(some, pod.pod_level, pod.overhead, key), milli(answer["limits"], key)
        yield record.pod.request_bytes, in_bytes(answer["requests"], "memory")
        yield record.pod.limit_bytes, in_bytes(answer["limits"], "memory")

    assert_none(differing(valid, compare))


def test_memory_max_of_the_pod_is_the_same(valid):
    def compare(_, record, __, answer):
        # A zero is not written into the cgroup.
        if not record.pod.windows:
            yield record.pod.memory_max_bytes, answer["memoryMaxBytes"] or None

    assert_none(differing(valid, compare))


def test_oom_scores_are_the_same(valid):
    def compare(_, record, __, answer):
        if record.pod.windows or (record.pod.request_bytes or 0) > OOM_BYTES:
            return
        for container in record.containers:
            if (container.request_bytes or 0) <= OOM_BYTES:
                yield container.oom_score_adj, answer["oomScoreAdj"][container.name]

    assert_none(differing(valid, compare))


def test_quotas_are_charged_alike(valid):
    def compare(spec, record, pod, answer):
        seen = read_quota_pod(spec, pod.containers, pod.pod_level, pod.overhead, record.pod.qos_class)
        charged = answer["quotaUsage"]
        yield usage(seen), {key: milli(charged, key) for key in charged if "ephemeral-storage" not in key}

    assert_none(differing(valid, compare))
