"""Laws that hold for every pod, over generated ones."""

import copy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.kube.admission import admit, rules_of
from auditor.kube.limitrange import read_limit_range
from auditor.kube.resources import counted
from auditor.kube.versions import NEWEST, OLDEST, parse_target
from tests.facts.objects import make_object

TARGET = parse_target(None)
VERSIONS = [f"1.{minor}" for minor in range(OLDEST, NEWEST + 1)]
MIB_MILLI = 2**20 * 1000
OVERHEAD_BYTES = 120 * 2**20
RUNTIME_CLASS = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "kata"},
    "overhead": {"podFixed": {"memory": f"{OVERHEAD_BYTES}"}},
}
SWAP_BYTES = 8 * 2**30
KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "failSwapOn": False,
    "memorySwap": {"swapBehavior": "LimitedSwap"},
}
# What says that a field is not looked at, or how something was written.
WORDS = ("pod_level_unsupported", "units_mixed", "units_mixed_at")

millis = st.integers(0, 64).map(lambda count: count * 64 * MIB_MILLI) | st.integers(0, 4096 * MIB_MILLI)
cpus = st.sampled_from([0, 100, 1000])
shapes = st.sampled_from(["none", "request", "limit", "both", "same", "same"])


@st.composite
def blocks(draw, memory=millis):
    """Return a `resources` block; a request that is written is not above its limit."""
    found = {"requests": {}, "limits": {}}
    for key, amounts in (("memory", memory), ("cpu", cpus)):
        low, high = sorted((draw(amounts), draw(amounts)))
        shape = draw(shapes)
        if shape in ("limit", "both", "same"):
            found["limits"][key] = f"{high}m"
        if shape in ("request", "both", "same"):
            found["requests"][key] = f"{high if shape == 'same' else low}m"
    return found


@st.composite
def specs(draw, *, pod_level=True, sidecars=True):
    """Return a pod's spec, mostly one that is admitted."""
    spec = {"containers": [], "initContainers": []}
    for key, least, prefix in (("containers", 1, "c"), ("initContainers", 0, "i")):
        for index in range(draw(st.integers(least, 3))):
            container = {"name": f"{prefix}{index}", "resources": draw(blocks())}
            if prefix == "i" and sidecars and draw(st.booleans()):
                container["restartPolicy"] = "Always"
            spec[key].append(container)
    if pod_level and draw(st.booleans()):
        large = st.integers(8, 32).map(lambda count: count * 1024 * MIB_MILLI)
        spec["resources"] = draw(blocks(memory=large | millis))
    return spec


def record_of(spec, *context, version=None, gates=(), status=None):
    target = parse_target(version, gates)
    found, skipped = Context.build([make_object(data) for data in context], target.minor)
    assert skipped == ()
    metadata = {"name": "p", "namespace": "team-a"}
    data = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return build_record(make_object(data if status is None else data | {"status": status}), found, target)


def node(capacity_bytes, allocatable_bytes=None):
    status = {"capacity": {"memory": capacity_bytes}, "nodeInfo": {"swap": {"capacity": SWAP_BYTES}}}
    if allocatable_bytes is not None:
        status["allocatable"] = {"memory": allocatable_bytes}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": status}


def limit_range(**item):
    limits = [{"type": "Container", **{key: {"memory": amount} for key, amount in item.items()}}]
    metadata = {"name": "l", "namespace": "team-a"}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": limits}}


def told(record):
    """Return the facts of a pod and its containers, without words about the manifest."""
    pod = msgspec.structs.replace(record.pod, **dict.fromkeys(WORDS))
    return pod, record.containers, record.volumes


def with_container(spec, key, container, index):
    changed = copy.deepcopy(spec)
    changed[key].insert(index, container)
    return changed


@given(specs())
def test_the_effective_request_is_never_below_a_phase(spec):
    record = record_of(spec)
    if record.pod.rejected:
        return
    request = record.pod.request_bytes or 0
    assert request >= (record.pod.running_request_bytes or 0)
    assert request >= (record.pod.init_request_bytes or 0)
    assert all(request >= (container.request_bytes or 0) for container in record.containers)


@given(specs(pod_level=False), blocks(), st.data())
def test_another_sidecar_never_lowers_request_and_limit(spec, resources, data):
    index = data.draw(st.integers(0, len(spec["initContainers"])))
    sidecar = {"name": "s", "restartPolicy": "Always", "resources": resources}
    before, after = record_of(spec).pod, record_of(with_container(spec, "initContainers", sidecar, index)).pod
    assert (after.request_bytes or 0) >= (before.request_bytes or 0)
    assert (after.limit_bytes or 0) >= (before.limit_bytes or 0)


@given(specs(pod_level=False), blocks(), st.sampled_from(["containers", "initContainers"]))
def test_another_container_never_lowers_request_and_limit(spec, resources, key):
    before = record_of(spec).pod
    after = record_of(with_container(spec, key, {"name": "n", "resources": resources}, len(spec[key]))).pod
    assert (after.request_bytes or 0) >= (before.request_bytes or 0)
    assert (after.limit_bytes or 0) >= (before.limit_bytes or 0)


@given(specs(pod_level=False), st.data())
def test_a_container_that_becomes_a_sidecar_never_lowers_the_request(spec, data):
    plain = [item for item in spec["initContainers"] if "restartPolicy" not in item]
    if not plain:
        return
    before = record_of(spec).pod.request_bytes or 0
    data.draw(st.sampled_from(plain))["restartPolicy"] = "Always"
    assert (record_of(spec).pod.request_bytes or 0) >= before


def written(amounts):
    return {key: f"{amount}m" for key, amount in amounts.items()}


def admitted_spec(spec, pod):
    """Return the spec as the API server stores it."""
    stored = copy.deepcopy(spec)
    for container in pod.containers:
        resources = {"requests": written(container.requests), "limits": written(container.limits)}
        stored[container.list_name][container.index]["resources"] = resources
    if pod.pod_level is not None:
        stored["resources"] = {"requests": written(pod.pod_level.requests), "limits": written(pod.pod_level.limits)}
    if pod.overhead:
        stored["overhead"] = written(pod.overhead)
    return stored


@pytest.mark.parametrize("version", ["1.36", "1.37"])
@given(specs(), st.booleans(), st.booleans())
def test_what_was_admitted_is_admitted_unchanged(version, spec, ranged, overhead):
    rules = rules_of(parse_target(version))
    ranges = [read_limit_range(limit_range(max="8Gi", min="1"), "team-a/l", "l:1")] if ranged else []
    if overhead:
        spec["runtimeClassName"] = "kata"
    overheads = {"kata": {"memory": OVERHEAD_BYTES * 1000}}
    first = admit(spec, rules, ranges, overheads)
    again = admit(admitted_spec(spec, first), rules, ranges, overheads)

    def amounts(pod):
        level = pod.pod_level and (pod.pod_level.requests, pod.pod_level.limits)
        return [(item.requests, item.limits) for item in pod.containers], level, pod.overhead, pod.qos

    refusals = [[event.reason for event in pod.events if event.rejects] for pod in (first, again)]
    if version == "1.36" and ranged and first.pod_level is not None:
        # Up to 1.36 a LimitRange comes after the pod level has its defaults, which a second time sees what it set.
        return
    assert amounts(again) == amounts(first)
    assert refusals[0] == refusals[1]
    assert [event for event in again.events if not event.rejects] == []


@given(specs(), st.randoms(use_true_random=False))
def test_the_class_and_the_sum_do_not_depend_on_the_order_of_containers(spec, random):
    shuffled = copy.deepcopy(spec)
    random.shuffle(shuffled["containers"])
    before, after = record_of(spec).pod, record_of(shuffled).pod
    assert (before.qos_class, before.request_bytes, before.limit_bytes, before.memory_max_bytes) == (
        after.qos_class,
        after.request_bytes,
        after.limit_bytes,
        after.memory_max_bytes,
    )


@given(specs(pod_level=False), st.randoms(use_true_random=False))
def test_the_class_does_not_depend_on_the_order_of_init_containers(spec, random):
    before = record_of(spec).pod.qos_class
    random.shuffle(spec["initContainers"])
    assert record_of(spec).pod.qos_class == before


@given(specs())
def test_a_refused_pod_has_a_reason_and_an_admitted_one_has_none(spec):
    record = record_of(spec, limit_range(max="2Gi"))
    reasons = [item.reason for item in record.admission if item.rejects]
    assert record.pod.rejected is bool(reasons)
    assert all(reasons)


@given(specs())
def test_classes_mean_what_they_say(spec):
    record = record_of(spec, node(16 * 2**30))
    pod = record.pod
    if pod.rejected:
        return
    scores = {container.oom_score_adj for container in record.containers}
    if pod.qos_class == "Guaranteed":
        assert pod.memory_guaranteed
        assert pod.memory_max_bytes == pod.request_bytes == pod.limit_bytes
        assert scores == {-997}
    elif pod.qos_class == "BestEffort":
        assert (pod.request_bytes or 0, pod.memory_max_bytes) == (0, None)
        assert scores == {1000}
    else:
        assert scores <= set(range(3, 1000))
    assert (pod.qos_obstacles == ()) is (pod.qos_class == "Guaranteed")


@pytest.mark.parametrize(("version", "gates"), [("1.31", []), ("1.33", []), ("1.37", ["PodLevelResources=false"])])
@given(specs())
def test_a_version_without_pod_level_resources_ignores_them(version, gates, spec):
    without = {key: value for key, value in spec.items() if key != "resources"}
    assert told(record_of(spec, version=version, gates=gates)) == told(record_of(without, version=version, gates=gates))


@pytest.mark.parametrize(("version", "gates"), [("1.28", []), ("1.30", ["SidecarContainers=false"])])
@given(specs())
def test_a_version_without_sidecars_takes_them_for_plain_init_containers(version, gates, spec):
    without = copy.deepcopy(spec)
    for container in without["initContainers"]:
        container.pop("restartPolicy", None)
    assert told(record_of(spec, version=version, gates=gates)) == told(record_of(without, version=version, gates=gates))


@pytest.mark.parametrize("version", ["1.28", "1.32"])
@given(specs(), millis)
def test_a_version_without_in_place_resize_ignores_a_status(version, spec, milli):
    resources = {"requests": {"memory": f"{milli}m"}, "limits": {"memory": f"{milli}m"}}
    status = {
        "containerStatuses": [{"name": "c0", "allocatedResources": resources["requests"], "resources": resources}]
    }
    # An empty status is one too: what it observes of the pod is there in every version.
    without = record_of(spec, version=version, status={})
    assert told(record_of(spec, version=version, status=status)) == told(without)


@pytest.mark.parametrize("version", VERSIONS)
@given(specs(pod_level=False, sidecars=False))
def test_a_pod_that_uses_nothing_new_has_the_same_facts_in_every_version(version, spec):
    old = record_of(spec, node(16 * 2**30), version=version)
    assert told(old) == told(record_of(spec, node(16 * 2**30)))


@given(specs(), st.sampled_from(["1.36", "1.37"]))
def test_overhead_only_adds(spec, version):
    before = record_of(spec, version=version).pod
    after = record_of(spec | {"runtimeClassName": "kata"}, RUNTIME_CLASS, version=version).pod
    assert after.request_bytes == (before.request_bytes or 0) + OVERHEAD_BYTES
    assert after.limit_bytes == (before.limit_bytes + OVERHEAD_BYTES if before.limit_bytes else before.limit_bytes)
    assert (after.memory_max_bytes is None) is (before.memory_max_bytes is None)
    assert (after.memory_max_bytes or 0) >= (before.memory_max_bytes or 0)
    assert (after.qos_class, after.rejected) == (before.qos_class, before.rejected)


@given(specs(), st.sampled_from(VERSIONS))
def test_memory_max_of_a_pod_is_not_below_that_of_its_app_containers(spec, version):
    record = record_of(spec, version=version)
    if record.pod.rejected or record.pod.memory_max_bytes is None:
        return
    # Init containers are not held against the pod level.
    held = [item for item in record.containers if item.type == "app" or record.pod.pod_level_limit_bytes is None]
    assert all((item.memory_max_bytes or 0) <= record.pod.memory_max_bytes for item in held)


@given(specs(pod_level=False))
def test_a_pod_with_limits_everywhere_never_requests_more_than_its_limit(spec):
    pod = record_of(spec).pod
    if pod.bounded and not pod.rejected:
        assert (pod.request_bytes or 0) <= pod.limit_bytes == pod.memory_max_bytes


@given(specs(), millis, st.integers(0, 8), st.integers(0, 8))
def test_a_mount_is_never_larger_than_what_bounds_it(spec, size_milli, first_gib, second_gib):
    spec["volumes"] = [{"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": f"{size_milli}m"}}]
    sizes = [gib * 2**30 for gib in (first_gib, second_gib)]
    nodes = [node(16 * 2**30, size) | {"metadata": {"name": name}} for name, size in zip("mn", sizes, strict=True)]
    record = record_of(spec, *nodes)
    size_limit = -(-size_milli // 1000)
    for group in record.nodes:
        size = group.volumes[0].mount_size_bytes
        bounds = (size_limit, record.pod.memory_max_bytes, sizes["mn".index(group.names[0])])
        assert size is None or size == min(bound for bound in bounds if bound)
    assert record.volumes[0].mount_size_bytes in {None, *(group.volumes[0].mount_size_bytes for group in record.nodes)}


@given(specs(), st.sampled_from(["1.30", "1.34", "1.37"]), st.integers(1, 64))
def test_swap_never_exceeds_that_of_the_node(spec, version, gib):
    record = record_of(spec, node(gib * 2**30), KUBELET, version=version)
    shares = [(item, item.swap_max_bytes) for item in record.containers]
    assert all(share is not None and 0 <= share <= SWAP_BYTES for _, share in shares)
    if record.pod.qos_class != "Burstable":
        assert {share for _, share in shares} == {0}
    admitted = admit(spec, rules_of(parse_target(version)), (), {}).containers
    equal = [item.requests.get("memory", 0) == item.limits.get("memory", 0) for item in admitted]
    assert all(share == 0 for (_, share), same in zip(shares, equal, strict=True) if same)
    running = [item for item, _ in shares if item.type != "init"]
    if sum(item.request_bytes or 0 for item in running) <= gib * 2**30:
        assert sum(item.swap_max_bytes for item in running) <= SWAP_BYTES


@given(specs(), st.data(), st.integers(1, 2048))
def test_a_larger_request_never_raises_the_score(spec, data, more_mib):
    larger = copy.deepcopy(spec)
    container = data.draw(st.sampled_from([*larger["initContainers"], *larger["containers"]]))
    requests = container["resources"]["requests"]
    admitted = next(item for item in admit(spec, rules_of(TARGET), (), {}).containers if item.name == container["name"])
    requests["memory"] = f"{admitted.requests.get('memory', 0) + more_mib * MIB_MILLI}m"
    before, after = (record_of(each, node(16 * 2**30)) for each in (spec, larger))
    if before.pod.rejected or after.pod.rejected:
        return
    if "resources" in spec and "restartPolicy" in container:
        # What a sidecar has by its app's smallest request stays while its share of the pod level falls.
        return
    scores = [
        next(item.oom_score_adj for item in record.containers if item.name == container["name"])
        for record in (before, after)
    ]
    assert scores[1] <= scores[0]


@given(specs(), st.integers(1, 64))
def test_a_larger_node_never_lowers_the_score(spec, gib):
    small, large = (record_of(spec, node(size * 2**30)) for size in (gib, 2 * gib))
    pairs = zip(small.containers, large.containers, strict=True)
    assert all(below.oom_score_adj <= above.oom_score_adj for below, above in pairs)


@given(specs(), st.integers(1, 4))
def test_an_admitted_pod_is_within_the_maximum_of_its_namespace(spec, gib):
    record = record_of(spec, limit_range(max=f"{gib}Gi"))
    if record.pod.rejected:
        return
    for container in record.containers:
        assert not container.limit_missing or container.limit_bytes == 0
        assert container.limit_bytes <= gib * 2**30
        assert (container.request_bytes or 0) <= container.limit_bytes


@given(specs())
def test_a_status_that_says_what_the_spec_says_changes_no_sum(spec):
    pod = admit(spec, rules_of(TARGET), (), {})
    statuses = {
        item.name: {
            "name": item.name,
            "allocatedResources": written(item.requests),
            "resources": {"requests": written(item.requests), "limits": written(item.limits)},
        }
        for item in counted(pod.containers)
    }
    status = {
        "containerStatuses": [item for name, item in statuses.items() if name[0] == "c"],
        "initContainerStatuses": [item for name, item in statuses.items() if name[0] == "i"],
    }
    before, after = record_of(spec).pod, record_of(spec, status=status).pod
    assert (after.request_bytes, after.limit_bytes, after.memory_max_bytes) == (
        before.request_bytes,
        before.limit_bytes,
        before.memory_max_bytes,
    )


@given(specs())
def test_the_template_of_a_workload_gives_the_facts_of_its_pods(spec):
    metadata = {"name": "p", "namespace": "team-a"}
    template = {"spec": {"template": {"spec": spec}}}
    workload = make_object({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata} | template)
    assert told(build_record(workload, Context(), TARGET)) == told(record_of(spec))
