"""Records: laws that hold for every pod, and manifests that hold anything."""

import pickle

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.facts.build import build_record
from auditor.facts.context import EMPTY, Context
from auditor.kube.versions import Target, parse_target
from tests.facts.objects import make_object, make_pod

TARGET = parse_target(None)

SIZES = st.none() | st.integers(0, 2**34)


@st.composite
def containers(draw, name):
    requests, limits = draw(SIZES), draw(SIZES)
    if requests is not None and limits is not None and limits < requests:
        limits = requests
    resources = {"requests": {"memory": requests}} if requests is not None else {}
    if limits is not None:
        resources["limits"] = {"memory": limits}
    return {"name": name, "resources": resources}


@st.composite
def specs(draw):
    init = [draw(containers(f"i{index}")) for index in range(draw(st.integers(0, 3)))]
    for item in init:
        if draw(st.booleans()):
            item["restartPolicy"] = "Always"
    return {"initContainers": init, "containers": [draw(containers(f"c{i}")) for i in range(draw(st.integers(1, 3)))]}


def record(spec, context=EMPTY):
    return build_record(make_pod(spec), context, TARGET)


@given(specs())
def test_the_effective_request_is_never_under_any_phase(spec):
    pod = record(spec).pod
    for phase in (pod.init_request_bytes, pod.running_request_bytes):
        assert phase is None or pod.request_bytes >= phase


@given(specs(), st.integers(0, 2**30))
def test_adding_a_sidecar_never_lowers_the_request(spec, size):
    before = record(spec).pod.request_bytes or 0
    sidecar = {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"memory": size}}}
    for place in range(len(spec["initContainers"]) + 1):
        more = [*spec["initContainers"][:place], sidecar, *spec["initContainers"][place:]]
        assert record(spec | {"initContainers": more}).pod.request_bytes >= before


@given(specs(), st.randoms())
def test_qos_does_not_depend_on_order(spec, random):
    shuffled = {key: random.sample(items, len(items)) for key, items in spec.items()}
    assert record(spec).pod.qos_class == record(shuffled).pod.qos_class


@given(specs())
def test_defaulting_again_changes_nothing(spec):
    first = record(spec)
    written = {"initContainers": [], "containers": []}
    for facts in first.containers:
        resources = {}
        if facts.request_bytes is not None:
            resources["requests"] = {"memory": facts.request_bytes}
        if facts.limit_bytes is not None:
            resources["limits"] = {"memory": facts.limit_bytes}
        restart = {"restartPolicy": "Always"} if facts.type == "sidecar" else {}
        written[facts.list_name].append({"name": facts.name, "resources": resources, **restart})
    assert record(written).pod == first.pod


@given(specs())
def test_a_pod_is_refused_exactly_when_there_is_a_reason(spec):
    found = record(spec)
    assert found.pod.rejected == any(item.rejects for item in found.admission)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | st.just("1Gi"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "name",
        "image",
        "resources",
        "requests",
        "limits",
        "memory",
        "cpu",
        "env",
        "value",
        "command",
        "args",
        "emptyDir",
        "medium",
        "sizeLimit",
        "volumeMounts",
        "restartPolicy",
        "hugepages-2Mi",
        "mem",
        "limit",
        "os",
        "overhead",
    ]
)
ODD = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)
TOP = st.sampled_from(
    [
        "containers",
        "initContainers",
        "ephemeralContainers",
        "volumes",
        "resources",
        "overhead",
        "os",
        "nodeSelector",
        "hostIPC",
        "priorityClassName",
        "runtimeClassName",
        "affinity",
    ]
)


@settings(max_examples=400)
@given(st.dictionaries(TOP, ODD | st.lists(st.dictionaries(KEYS, ODD, max_size=5), max_size=3), max_size=6))
def test_a_manifest_may_hold_anything_anywhere(spec):
    found = record(spec)
    msgspec.msgpack.encode(found)
    for problem in found.problems:
        assert problem.reason


def test_one_bad_container_leaves_the_others_facts_and_no_sums():
    good = {"name": "a", "resources": {"limits": {"memory": "64Mi"}}}
    found = record({"containers": [good, {"name": "b", "resources": []}, 3]})
    assert [item.name for item in found.containers if item.limit_bytes] == ["a"]
    assert found.pod.request_bytes is None
    assert found.pod.qos_class is None
    paths = [problem.path for problem in found.problems]
    assert ("spec", "containers", 1, "resources") in paths
    assert ("spec", "containers", 2) in paths


def limit_range(name, size, namespace="team-a"):
    limits = [{"type": "Container", "max": {"memory": size}}]
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": limits}}


def test_two_different_objects_of_one_identity_are_both_skipped_and_named():
    pair = [make_object(limit_range("l", "1Gi"), "a.yaml", 3), make_object(limit_range("l", "2Gi"), "b.yaml", 7)]
    context, skipped = Context.build(pair)
    assert {item.file for item in skipped} == {"a.yaml", "b.yaml"}
    assert any("b.yaml" in item.reason for item in skipped)
    container = record({"containers": [{"name": "a"}]}, context).containers[0]
    assert (container.limit_bytes, container.limit_missing) == (None, False)


def test_the_same_object_twice_is_one():
    pair = [make_object(limit_range("l", "1Gi"), "a.yaml"), make_object(limit_range("l", "1Gi"), "b.yaml")]
    assert Context.build(pair)[1] == ()


def test_a_malformed_context_object_is_skipped_with_its_file():
    broken = limit_range("l", "1Gi")
    broken["spec"] = {"limits": {"type": "Container"}}
    _, skipped = Context.build([make_object(broken, "a.yaml", 4)])
    assert [(item.file, item.line, item.column) for item in skipped] == [("a.yaml", 1, 1)]


def test_a_context_crosses_processes():
    context, _ = Context.build([make_object(limit_range("l", "1Gi"))])
    again = pickle.loads(pickle.dumps(context))  # noqa: S301 - our own bytes
    assert record({"containers": [{"name": "a"}]}, again).containers[0].limit_bytes == 2**30


def test_a_known_sidecar_is_one_only_beside_an_app_container():
    alone = record({"containers": [{"name": "istio-proxy"}]})
    beside = record({"containers": [{"name": "app"}, {"name": "istio-proxy"}]})
    assert [item.is_sidecar for item in alone.containers] == [False]
    assert [item.is_sidecar for item in beside.containers] == [False, True]


def test_config_maps_of_one_name_with_different_contents_are_as_if_not_there():
    def config_map(value):
        return make_object(
            {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "team-a"}, "data": {"JAVA_OPTS": value}}
        )

    context, skipped = Context.build([config_map("-Xmx1g"), config_map("-Xmx2g")])
    assert skipped == ()
    source = [{"configMapRef": {"name": "c"}}]
    record = build_record(
        make_pod({"containers": [{"name": "a", "command": ["java", "$(JAVA_OPTS)"], "envFrom": source}]}),
        context,
        Target(),
    )
    heap = record.containers[0].heap
    assert (heap.declared, heap.unknown, heap.max_bytes) == (False, True, None)
