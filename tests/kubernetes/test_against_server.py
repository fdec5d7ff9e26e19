"""A real API server does to generated pods what our facts say: it admits, refuses and defaults them alike."""

import re
import time

import pytest

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.kube.admission import admit, rules_of
from auditor.kube.quantity import MAX_BYTES
from auditor.kube.versions import parse_target
from tests.facts.objects import make_object
from tests.kubernetes.amounts import in_bytes, milli
from tests.kubernetes.generate import DEFAULT_CLASS, MALFORMED, PRIORITY_CLASSES, RUNTIME_CLASSES, Generator
from tests.kubernetes.namespaces import NAMESPACES, objects_of
from tests.kubernetes.words import assert_none, by_value, compare_refusals

PODS = 6000
TARGET = parse_target(None)
BETWEEN_REASONS = re.compile(r", (?=minimum |maximum |\S+ max limit to request ratio )")
INFORMED_SECONDS = 3
"""Admission sees new objects through informers."""


class Asked:
    """A pod, what the server answered, and what we say."""

    def __init__(self, manifest, answer, context):
        self.spec, self.namespace = manifest["spec"], manifest["metadata"]["namespace"]
        self.status, self.body = answer
        self.message = self.body.get("message", "")
        ranges = [held.value for held in context.limit_ranges.get(self.namespace, ())]
        self.pod = admit(self.spec, rules_of(TARGET), ranges, context.overheads)
        self.record = build_record(make_object(manifest), context, TARGET)
        self.ours = [event for event in self.record.admission if event.rejects]

    @property
    def known(self):
        """False beyond 63 bits, where upstream overflows, and where two LimitRanges disagree."""
        sums = (self.record.pod.request_bytes or 0, self.record.pod.limit_bytes or 0)
        return self.pod.memory_known and max(sums) < MAX_BYTES

    def reasons(self, by):
        return [event.reason for event in self.ours if event.by.startswith(by)]

    @property
    def refused_by(self):
        """Who refuses it, as the answer's status and words tell."""
        if self.status in (201, 400, 422):
            return {201: None, 400: "decoding", 422: "validation"}[self.status]
        assert self.status == 403, self.message
        if "pod rejected: " in self.message:
            return "RuntimeClass"
        return "ResourceQuota" if re.search("(exceeded|failed) quota: ", self.message) else "LimitRange"


def set_up(lab):
    """Create what pods meet, and return it as context."""
    classes = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "globalDefault": name == DEFAULT_CLASS,
        }
        for name, value in PRIORITY_CLASSES.items()
    ]
    for item in classes:
        lab.create("/apis/scheduling.k8s.io/v1/priorityclasses", item)
    runtimes = []
    for name, overhead in RUNTIME_CLASSES.items():
        fixed = {"overhead": {"podFixed": overhead}} if overhead else {}
        body = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "x"}
        runtimes.append({**body, **fixed})
        lab.create("/apis/node.k8s.io/v1/runtimeclasses", runtimes[-1])
    objects = [*classes, *runtimes]
    for namespace in NAMESPACES:
        lab.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        ranges, quotas = objects_of(namespace)
        for item in ranges:
            lab.create(f"/api/v1/namespaces/{namespace}/limitranges", item)
        for item in quotas:
            path = f"/api/v1/namespaces/{namespace}/resourcequotas"
            created = lab.create(path, item)
            hard = item["spec"]["hard"]
            created["status"] = {"hard": hard, "used": dict.fromkeys(hard, "0")}
            assert lab.call("PUT", f"{path}/{item['metadata']['name']}/status", created)[0] == 200
        objects += [*ranges, *quotas]
    time.sleep(INFORMED_SECONDS)
    context, skipped = Context.build([make_object(item) for item in objects])
    assert skipped == ()
    return context


@pytest.fixture(scope="module")
def asked(lab):
    """Return every pod with the server's answer, by namespace in turn."""
    generator = Generator()
    specs = [*MALFORMED, *(generator.spec_with_class() for _ in range(PODS))]
    manifests = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": NAMESPACES[index % len(NAMESPACES)]},
            "spec": spec,
        }
        for index, spec in enumerate(specs)
    ]
    context = set_up(lab)
    answers = lab.call_all(
        ("POST", f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods?dryRun=All", pod) for pod in manifests
    )
    return [Asked(manifest, answer, context) for manifest, answer in zip(manifests, answers, strict=True)]


@pytest.fixture(scope="module")
def admitted(asked):
    """Return the admitted pods whose memory we can tell."""
    some = [item for item in asked if item.status == 201]
    known = [item for item in some if item.known]
    assert len(known) > 0.9 * len(some) > 0.2 * len(asked)
    return known


def differing(items, compare):
    """Return every (namespace, spec, ours, the server's) that differ."""
    return [(item.namespace, item.spec, *pair) for item in items for pair in compare(item) if pair[0] != pair[1]]


def test_every_kind_of_answer_is_there(asked):
    kinds = {item.refused_by for item in asked}
    assert kinds == {None, "decoding", "validation", "RuntimeClass", "LimitRange", "ResourceQuota"}


def test_what_the_server_admits_we_do_not_call_refused(asked):
    wrong = [(i.namespace, i.spec, i.ours) for i in asked if i.status == 201 and i.record.pod.rejected]
    assert_none(wrong)


def test_what_cannot_be_decoded_is_refused_for_the_same_reason(asked):
    wrong = []
    for item in asked:
        if item.refused_by == "decoding" and "cannot unmarshal" not in item.message:
            reasons = item.reasons("validation")
            if not any(item.message.endswith(f": {reason.rpartition(chr(34) + ': ')[2]}") for reason in reasons):
                wrong.append((item.spec, reasons, item.message))
    assert_none(wrong)


def test_a_wrong_shape_is_a_problem_and_nothing_else_is(asked):
    wrong = []
    for item in asked:
        theirs = "cannot unmarshal" in item.message
        if bool(item.record.problems) != theirs:
            wrong.append((item.spec, item.record.problems, item.message))
    assert_none(wrong)


def test_validation_refuses_for_the_same_reasons(asked):
    wrong = []
    for item in asked:
        if item.refused_by == "validation":
            theirs = [f"{cause['field']}: {cause['message']}" for cause in item.body["details"]["causes"]]
            if not compare_refusals(item.reasons("validation"), theirs, known=item.known):
                wrong.append((item.namespace, item.spec, item.reasons("validation"), theirs))
    assert_none(wrong)


def test_what_validation_refuses_no_limit_range_is_asked_about(asked):
    refused = [item for item in asked if item.refused_by == "validation" and item.known]
    assert_none([(item.namespace, item.spec, item.ours) for item in refused if item.reasons("LimitRange")])


def test_runtime_classes_refuse_for_the_same_reasons(asked):
    wrong = []
    for item in asked:
        if item.refused_by == "RuntimeClass":
            theirs = item.message.partition(" is forbidden: ")[2]
            if theirs not in item.reasons("RuntimeClass"):
                wrong.append((item.spec, item.reasons("RuntimeClass"), theirs))
        elif item.status == 201 and item.reasons("RuntimeClass"):
            wrong.append((item.spec, item.reasons("RuntimeClass"), None))
    assert_none(wrong)


def test_one_limit_range_refuses_for_the_same_reasons(asked):
    """The server names the reasons of the first LimitRange that refuses, ours are those of each."""
    wrong = []
    for item in asked:
        if item.refused_by != "LimitRange" or not item.known:
            continue
        ours = {}
        for event in item.ours:
            ours.setdefault(event.by, set()).add(by_value(re.sub("^container [^ ]+: ", "", event.reason)))
        text = item.message.partition(" is forbidden: ")[2]
        texts = BETWEEN_REASONS.split(text[1:-1]) if text.startswith("[") else [text]
        theirs = {by_value(text) for text in texts}
        if theirs not in ours.values():
            wrong.append((item.namespace, item.spec, ours, theirs))
    assert_none(wrong)


def test_containers_have_the_same_amounts(admitted):
    def compare(item):
        spec = item.body["spec"]
        theirs = {c["name"]: c["resources"] for c in (*spec.get("initContainers", ()), *spec["containers"])}
        for container in item.record.containers:
            requests, limits = (theirs[container.name].get(block, {}) for block in ("requests", "limits"))
            yield container.request_bytes, in_bytes(requests)
            yield container.limit_bytes, in_bytes(limits)
            yield container.cpu_request_millis, milli(requests, "cpu")
            yield container.cpu_limit_millis, milli(limits, "cpu")

    assert_none(differing(admitted, compare))


def test_the_class_is_the_same(admitted):
    assert_none(differing(admitted, lambda item: [(item.record.pod.qos_class, item.body["status"]["qosClass"])]))


def test_the_pod_level_is_defaulted_alike(admitted):
    def compare(item):
        level = item.body["spec"].get("resources", {})
        yield item.record.pod.pod_level_request_bytes, in_bytes(level.get("requests", {}))
        yield item.record.pod.pod_level_limit_bytes, in_bytes(level.get("limits", {}))
        if item.pod.pod_level is not None:
            for block in ("requests", "limits"):
                amounts = level.get(block, {})
                yield getattr(item.pod.pod_level, block), {key: milli(amounts, key) for key in amounts}

    assert_none(differing(admitted, compare))


def test_the_overhead_is_the_same(admitted):
    def compare(item):
        yield item.record.pod.overhead_bytes, in_bytes(item.body["spec"].get("overhead", {}))

    assert_none(differing(admitted, compare))


def test_quotas_refuse_in_the_same_words(asked):
    """The server names one reason of one quota, ours are those of each."""
    wrong = []
    for item in asked:
        if item.known and (item.status == 201 or item.refused_by == "ResourceQuota"):
            ours = {by_value(reason) for reason in item.reasons("ResourceQuota")}
            theirs = by_value(item.message.partition(" is forbidden: ")[2])
            if bool(ours) != (item.status == 403) or (ours and theirs not in ours):
                wrong.append((item.namespace, item.spec, ours, theirs))
    assert_none(wrong)
