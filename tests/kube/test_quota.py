"""ResourceQuota: what is read, which pods it counts, what they use, and the API server's words for a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.objects import Fault, Resources, read_containers
from auditor.kube.quantity import FORMAT_ERROR
from auditor.kube.quota import (
    Quota,
    covers,
    exceeded,
    must_specify,
    read_quota,
    read_quota_pod,
    refusals,
    unspecified,
    usage,
)

GI = 2**30 * 1000
MI = 2**20 * 1000


def quota(hard=None, name="team-a/quota", **spec):
    read = read_quota({"spec": {"hard": hard or {"pods": 10}, **spec}}, name, "quota.yaml:3")
    assert isinstance(read, Quota), read
    return read


def selected(*expressions, hard=None):
    keys = ("scopeName", "operator", "values")
    items = [dict(zip(keys, each, strict=False)) for each in expressions]
    return quota(hard, scopeSelector={"matchExpressions": items})


def container(name, requests=None, limits=None, **more):
    return {"name": name, "resources": {"requests": requests or {}, "limits": limits or {}}, **more}


def pod(*app, init=(), pod_level=None, overhead=None, qos="Burstable", default_class="", **spec):
    containers, faults = read_containers({"containers": list(app), "initContainers": list(init)}, sidecars=True)
    assert not faults
    return read_quota_pod(spec, containers, pod_level, overhead or {}, qos, default_class=default_class)


def fault(spec):
    read = read_quota({"spec": spec}, "team-a/quota", "quota.yaml:3")
    assert isinstance(read, Fault)
    return read


def test_a_quota_keeps_its_keys_about_pods_in_thousandths():
    hard = {"memory": "1Gi", "requests.cpu": "500m", "pods": "3", "requests.hugepages-2Mi": "2Mi", "count/pods": 4}
    others = {"secrets": "9", "requests.storage": "1Ti", "count/deployments.apps": "2", "requests.nvidia.com/gpu": 4}
    read = quota({**hard, **others})
    assert read.hard == {
        "memory": GI,
        "requests.cpu": 500,
        "pods": 3000,
        "requests.hugepages-2Mi": 2 * MI,
        "count/pods": 4000,
    }
    assert read.by == "ResourceQuota team-a/quota"
    assert read.place == "quota.yaml:3"


@pytest.mark.parametrize("data", [{}, {"spec": None}, {"spec": {}}, {"spec": {"hard": None}}])
def test_a_quota_without_hard_counts_no_pod(data):
    read = read_quota(data, "team-a/quota", "quota.yaml:3")
    assert isinstance(read, Quota)
    assert not covers(read, pod(container("c0")))


def test_a_bound_above_63_bits_is_a_bound():
    assert quota({"memory": "12E"}).hard == {"memory": 12 * 10**21}


@pytest.mark.parametrize(
    ("spec", "path", "reason"),
    [
        ([], ("spec",), "spec must be a mapping, not a list"),
        ({"hard": []}, ("spec", "hard"), "spec.hard must be a mapping, not a list"),
        (
            {"hard": {"requests.mem": 1}},
            ("spec", "hard", "requests.mem"),
            'spec.hard.requests.mem: Invalid value: "requests.mem": must be a standard resource for quota',
        ),
        (
            {"hard": {1: 1}},
            ("spec", "hard", "1"),
            'spec.hard.1: Invalid value: "1": must be a standard resource for quota',
        ),
        (
            {"hard": {"memory": {}}},
            ("spec", "hard", "memory"),
            "spec.hard.memory must be a quantity, not a mapping",
        ),
        (
            {"hard": {"memory": "1GB"}},
            ("spec", "hard", "memory"),
            f'spec.hard.memory: Invalid value: "1GB": {FORMAT_ERROR}',
        ),
        (
            {"hard": {"limits.memory": "-1Gi"}},
            ("spec", "hard", "limits.memory"),
            'spec.hard.limits.memory: Invalid value: "-1Gi": must be greater than or equal to 0',
        ),
        (
            {"hard": {"pods": "1.5"}},
            ("spec", "hard", "pods"),
            'spec.hard.pods: Invalid value: "1.5": must be an integer',
        ),
        (
            {"hard": {"count/pods": "1.5"}},
            ("spec", "hard", "count/pods"),
            'spec.hard.count/pods: Invalid value: "1.5": must be an integer',
        ),
        ({"scopes": "BestEffort"}, ("spec", "scopes"), "spec.scopes must be a list, not a string"),
        ({"scopes": [1]}, ("spec", "scopes", 0), "spec.scopes[0] must be a string, not a number"),
        ({"scopes": ["Best"]}, ("spec", "scopes"), "spec.scopes: Best: unsupported scope"),
        ({"scopes": ["BestEffort", "NotBestEffort"]}, ("spec", "scopes"), "spec.scopes: conflicting scopes"),
        ({"scopes": ["NotTerminating", "Terminating"]}, ("spec", "scopes"), "spec.scopes: conflicting scopes"),
        ({"scopeSelector": []}, ("spec", "scopeSelector"), "spec.scopeSelector must be a mapping, not a list"),
        (
            {"scopeSelector": {"matchExpressions": {}}},
            ("spec", "scopeSelector", "matchExpressions"),
            "spec.scopeSelector.matchExpressions must be a list, not a mapping",
        ),
    ],
)
def test_a_quota_that_is_malformed_or_refused_is_a_fault_at_its_place(spec, path, reason):
    assert fault(spec) == Fault(path, reason)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (None, "must be a mapping, not null"),
        ({"operator": "Exists"}, "scopeName and operator must be strings"),
        ({"scopeName": "PriorityClass", "operator": "In", "values": [1]}, "values must be a list of strings"),
        (
            {"scopeName": "PriorityClass", "operator": "Is"},
            'operator: Invalid value: "Is": not a valid selector operator',
        ),
        (
            {"scopeName": "BestEffort", "operator": "DoesNotExist"},
            "operator: Invalid value: \"DoesNotExist\": must be 'Exists' when scope is BestEffort",
        ),
        (
            {"scopeName": "PriorityClass", "operator": "In"},
            "values: Required value: must be at least one value when `operator` is 'In' or 'NotIn'",
        ),
        (
            {"scopeName": "PriorityClass", "operator": "Exists", "values": ["high"]},
            "values: Invalid value: must be no value when `operator` is 'Exist' or 'DoesNotExist'",
        ),
    ],
)
def test_a_scope_selector_that_is_malformed_or_refused_is_a_fault_at_its_index(expression, reason):
    good = {"scopeName": "Terminating", "operator": "Exists"}
    found = fault({"scopeSelector": {"matchExpressions": [good, expression]}})
    assert found.path == ("spec", "scopeSelector", "matchExpressions", 1)
    assert found.reason == f"spec.scopeSelector.matchExpressions[1]: {reason}"


@pytest.mark.parametrize(
    ("scope", "key"),
    [
        ("BestEffort", "requests.memory"),
        ("NotBestEffort", "secrets"),
        ("PriorityClass", "hugepages-2Mi"),
        ("VolumeAttributesClass", "pods"),
    ],
)
def test_a_scope_that_does_not_go_with_a_key_is_refused(scope, key):
    words = f"{scope}: unsupported scope applied to resource {key}"
    assert fault({"hard": {key: 1}, "scopes": [scope]}).reason == f"spec.scopes: {words}"
    selector = {"matchExpressions": [{"scopeName": scope, "operator": "Exists"}]}
    assert fault({"hard": {key: 1}, "scopeSelector": selector}).reason == f"spec.scopeSelector: {words}"


def test_a_scope_goes_with_counts_of_any_resource():
    assert quota({"pods": 1, "count/secrets": 2}, scopes=["BestEffort"]).scopes == ("BestEffort",)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["hard", "scopes", "scopeSelector", "matchExpressions", "scopeName", "pods", "memory"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=10,
    )
)
def test_whatever_a_quota_holds_it_is_read_or_a_fault(spec):
    assert isinstance(read_quota({"spec": spec}, "a/b", "c:1"), Quota | Fault)


def test_a_quota_without_scopes_counts_every_pod():
    assert covers(quota(), pod(container("c0"), qos=None))


def test_a_quota_about_other_objects_counts_no_pod():
    assert not covers(quota({"secrets": 1}), pod(container("c0")))


@pytest.mark.parametrize(
    ("qos", "best_effort", "not_best_effort"),
    [("BestEffort", True, False), ("Burstable", False, True), ("Guaranteed", False, True), (None, False, False)],
)
def test_best_effort_scopes_follow_the_class_and_an_unknown_class_is_in_neither(qos, best_effort, not_best_effort):
    each = pod(container("c0"), qos=qos)
    assert covers(quota(scopes=["BestEffort"]), each) is best_effort
    assert covers(quota(scopes=["NotBestEffort"]), each) is not_best_effort


@pytest.mark.parametrize(
    ("deadline", "terminating"), [(0, True), (60, True), (None, False), (-1, False), (True, False)]
)
def test_terminating_scopes_follow_the_pods_active_deadline(deadline, terminating):
    each = pod(container("c0"), activeDeadlineSeconds=deadline)
    assert covers(quota(scopes=["Terminating"]), each) is terminating
    assert covers(quota(scopes=["NotTerminating"]), each) is not terminating


@pytest.mark.parametrize(
    ("expression", "of_high", "of_low", "of_none"),
    [
        (("PriorityClass", "In", ["high", "top"]), True, False, False),
        (("PriorityClass", "NotIn", ["high"]), False, True, True),
        (("PriorityClass", "Exists"), True, True, False),
        (("PriorityClass", "DoesNotExist"), False, False, True),
    ],
)
def test_a_priority_class_selector_matches_as_a_label_selector(expression, of_high, of_low, of_none):
    each = selected(expression)
    assert covers(each, pod(container("c0"), priorityClassName="high")) is of_high
    assert covers(each, pod(container("c0"), priorityClassName="low")) is of_low
    assert covers(each, pod(container("c0"))) is of_none


def test_a_priority_class_among_the_scopes_asks_for_any_class():
    each = quota(scopes=["PriorityClass"])
    assert covers(each, pod(container("c0"), priorityClassName="high"))
    assert not covers(each, pod(container("c0"), priorityClassName=""))


def test_a_pod_without_a_class_has_the_default_class_when_quotas_see_it():
    each = selected(("PriorityClass", "In", ["usual"]))
    assert covers(each, pod(container("c0"), default_class="usual"))
    assert not covers(each, pod(container("c0"), priorityClassName="high", default_class="usual"))


def test_a_priority_class_that_is_no_text_is_none():
    assert not covers(quota(scopes=["PriorityClass"]), pod(container("c0"), priorityClassName=5))


@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
@pytest.mark.parametrize(
    ("term", "crosses"),
    [
        ({"namespaces": ["team-b"]}, True),
        ({"namespaceSelector": {}}, True),
        ({"namespaces": []}, False),
        ({"namespaceSelector": None}, False),
        ({"topologyKey": "zone"}, False),
        ("nonsense", False),
    ],
)
def test_cross_namespace_affinity_is_any_term_that_names_or_selects_namespaces(kind, term, crosses):
    each = quota(scopes=["CrossNamespacePodAffinity"])
    required = {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    preferred = {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": term}, 1]}}
    assert covers(each, pod(container("c0"), affinity=required)) is crosses
    assert covers(each, pod(container("c0"), affinity=preferred)) is crosses


@pytest.mark.parametrize("affinity", [None, [], {"podAffinity": 1}, {"podAffinity": {"required": []}}])
def test_an_affinity_that_cannot_be_read_crosses_no_namespace(affinity):
    assert not pod(container("c0"), affinity=affinity).cross_namespace_affinity


def test_every_scope_and_every_expression_has_to_match():
    each = quota(
        scopes=["NotBestEffort"],
        scopeSelector={"matchExpressions": [{"scopeName": "Terminating", "operator": "Exists"}]},
    )
    assert covers(each, pod(container("c0"), activeDeadlineSeconds=1))
    assert not covers(each, pod(container("c0")))
    assert not covers(each, pod(container("c0"), activeDeadlineSeconds=1, qos="BestEffort"))


def test_a_scope_about_volumes_counts_no_pod():
    each = quota({"count/pods": 1}, scopes=["VolumeAttributesClass"])
    assert not covers(each, pod(container("c0")))


def test_usage_is_the_pods_effective_request_and_the_sum_of_declared_limits():
    each = pod(
        container("c0", {"memory": "1Gi", "cpu": "250m"}, {"memory": "2Gi"}),
        container("c1", {"memory": "1Gi"}),
        init=[container("i0", {"memory": "3Gi"}, {"cpu": "1"})],
    )
    assert usage(each) == {
        "pods": 1000,
        "count/pods": 1000,
        "memory": 3 * GI,
        "requests.memory": 3 * GI,
        "cpu": 1000,
        "requests.cpu": 1000,
        "limits.memory": 2 * GI,
        "limits.cpu": 1000,
    }


def test_usage_of_a_pod_that_sets_nothing_is_the_pod_alone():
    assert usage(pod(container("c0"))) == {"pods": 1000, "count/pods": 1000}


def test_usage_includes_overhead_but_a_limit_that_is_absent_stays_absent():
    used = usage(pod(container("c0", {}, {"cpu": "1"}), overhead={"memory": 120 * MI, "cpu": 250}))
    assert used["requests.memory"] == 120 * MI
    assert used["requests.cpu"] == used["limits.cpu"] == 1250
    assert "limits.memory" not in used


def test_usage_is_of_the_pod_level_where_it_is_set():
    each = pod(container("c0", {"memory": "1Gi"}), pod_level=Resources({"memory": 2 * GI}, {"memory": 4 * GI}))
    used = usage(each)
    assert used["memory"] == used["requests.memory"] == 2 * GI
    assert used["limits.memory"] == 4 * GI


def test_hugepages_are_counted_under_both_names():
    used = usage(pod(container("c0", {"memory": "1Gi"}, {"hugepages-2Mi": "4Mi"})))
    assert used["hugepages-2Mi"] == used["requests.hugepages-2Mi"] == 4 * MI
    assert "limits.hugepages-2Mi" not in used


def test_pod_level_hugepages_are_counted_without_a_container_that_asks_for_them():
    level = Resources({"hugepages-2Mi": 6 * MI}, {"hugepages-2Mi": 6 * MI})
    assert usage(pod(container("c0"), pod_level=level))["requests.hugepages-2Mi"] == 6 * MI


def test_usage_leaves_out_what_cannot_be_read_and_nothing_else():
    used = usage(pod(container("c0", {"memory": "1Gi"}, {"memory": "oops"}), container("c1", {}, {"memory": "1Gi"})))
    assert used["requests.memory"] == 2 * GI
    assert "limits.memory" not in used


def test_a_key_that_the_pod_level_leaves_to_the_containers_is_theirs():
    of_cpu = Resources({"cpu": 1000}, {})
    assert usage(pod(container("c0", {"memory": "1Gi"}), pod_level=of_cpu))["memory"] == GI
    assert "memory" not in usage(pod(container("c0", {"memory": "oops"}), pod_level=of_cpu))


def test_the_pod_level_decides_whether_an_unreadable_container_matters():
    broken = container("c0", {"memory": "oops"})
    known = pod(broken, pod_level=Resources({"memory": GI}, {}))
    assert usage(known)["requests.memory"] == GI
    unknown = pod(container("c0", {"memory": "1Gi"}), pod_level=Resources({}, {}, ("requests.memory",)))
    assert "requests.memory" not in usage(unknown)


def test_must_specify_tells_keys_and_containers_sorted_in_the_api_servers_words():
    each = quota({"requests.memory": "1Gi", "limits.memory": "1Gi", "pods": 1})
    bad = pod(container("c1"), container("c0"), container("c2", {"memory": 0}, {"memory": 0}))
    words = "failed quota: quota: must specify limits.memory for: c0,c1; requests.memory for: c0,c1"
    assert must_specify(each, bad) == words
    assert unspecified(each, bad) == (
        ("limits.memory", "c0"),
        ("limits.memory", "c1"),
        ("requests.memory", "c0"),
        ("requests.memory", "c1"),
    )


def test_memory_and_cpu_ask_for_the_same_as_their_requests():
    each = quota({"memory": "1Gi", "cpu": "1", "requests.cpu": "1"})
    assert must_specify(each, pod(container("c0", {"memory": "1"}))) == (
        "failed quota: quota: must specify cpu for: c0; requests.cpu for: c0"
    )


def test_init_containers_and_sidecars_must_specify_too():
    each = quota({"limits.cpu": "1"})
    init = [container("i0"), container("s0", restartPolicy="Always")]
    assert unspecified(each, pod(container("c0", {}, {"cpu": "1"}), init=init)) == (
        ("limits.cpu", "i0"),
        ("limits.cpu", "s0"),
    )


def test_a_limit_alone_is_a_request_too():
    assert must_specify(quota({"requests.memory": "1Gi"}), pod(container("c0", {}, {"memory": "1Gi"}))) is None


def test_a_quota_on_hugepages_or_pods_asks_for_nothing():
    each = quota({"hugepages-2Mi": "1Gi", "requests.hugepages-2Mi": "1Gi", "pods": 1, "count/pods": 1})
    assert must_specify(each, pod(container("c0"))) is None


def test_an_amount_that_cannot_be_read_is_specified():
    assert must_specify(quota({"limits.memory": "1Gi"}), pod(container("c0", {}, {"memory": "oops"}))) is None


@pytest.mark.parametrize(
    ("level", "asks"),
    [
        (None, True),
        (Resources({}, {}), True),
        (Resources({"cpu": 1000}, {}), False),
        (Resources({}, {"hugepages-2Mi": 2 * MI}), False),
        (Resources({}, {}, ("limits.memory",)), False),
    ],
)
def test_a_pod_with_any_pod_level_resource_need_not_specify(level, asks):
    found = unspecified(quota({"limits.memory": "1Gi"}), pod(container("c0"), pod_level=level))
    assert bool(found) is asks


def test_a_quota_that_does_not_count_a_pod_asks_nothing_of_it():
    each = quota({"limits.memory": "1Gi"}, scopes=["Terminating"])
    assert must_specify(each, pod(container("c0"))) is None


def test_exceeded_is_told_in_the_api_servers_words_with_keys_sorted():
    each = quota({"requests.memory": "1Gi", "cpu": "1500m", "limits.memory": "8Gi", "pods": "1"})
    used = usage(pod(container("c0", {"memory": "2Gi", "cpu": "2"}, {"memory": "4Gi"})))
    assert exceeded(each, used) == (
        "exceeded quota: quota, requested: cpu=2,requests.memory=2Gi, used: cpu=0,requests.memory=0, "
        "limited: cpu=1500m,requests.memory=1Gi"
    )


def test_what_is_just_as_much_as_the_quota_fits():
    assert exceeded(quota({"memory": "2Gi", "pods": 1}), usage(pod(container("c0", {"memory": "2Gi"})))) is None


def test_a_quota_of_zero_refuses_what_asks_for_anything_and_nothing_else():
    each = quota({"memory": 0})
    assert exceeded(each, usage(pod(container("c0", {"memory": "0"})))) is None
    assert exceeded(each, usage(pod(container("c0", {"memory": "1"})))) == (
        "exceeded quota: quota, requested: memory=1, used: memory=0, limited: memory=0"
    )


def test_cpu_and_pods_are_printed_with_decimal_suffixes_and_memory_with_binary_ones():
    each = quota({"cpu": "1024", "memory": "1Ki", "pods": 0}, name="quota")
    used = usage(pod(container("c0", {"cpu": "2048", "memory": "2Ki"})))
    assert exceeded(each, used) == (
        "exceeded quota: quota, requested: cpu=2048,memory=2Ki,pods=1, used: cpu=0,memory=0,pods=0, "
        "limited: cpu=1024,memory=1Ki,pods=0"
    )


def test_of_many_equal_pods_the_first_that_does_not_fit_is_told_with_what_those_before_use():
    each = quota({"requests.memory": "3584Mi", "limits.memory": "100Gi"})
    used = usage(pod(container("c0", {"memory": "1Gi"}, {"memory": "2Gi"})))
    assert exceeded(each, used, 3) is None
    words = (
        "exceeded quota: quota, requested: requests.memory=1Gi, used: requests.memory=3Gi, "
        "limited: requests.memory=3584Mi"
    )
    assert exceeded(each, used, 4) == exceeded(each, used, 400) == words


def test_no_pods_fit_everywhere():
    assert exceeded(quota({"memory": 0}), {"memory": GI}, 0) is None


@given(
    st.dictionaries(st.sampled_from(["memory", "limits.memory", "cpu", "pods"]), st.integers(0, 10**6)),
    st.dictionaries(st.sampled_from(["memory", "limits.memory", "cpu", "pods"]), st.integers(0, 10**6)),
    st.integers(0, 50),
)
def test_pods_fit_just_when_their_sum_fits_every_key(hard, used, pods):
    each = Quota("a/b", "c:1", hard, (), ())
    fits = all(used.get(key, 0) * pods <= bound for key, bound in hard.items())
    assert (exceeded(each, used, pods) is None) is fits


def test_refusals_are_of_the_quotas_that_count_the_pod_and_missing_amounts_come_first():
    small = quota({"requests.memory": "1Gi"}, name="team-a/small")
    limits = quota({"limits.memory": "9Gi", "requests.memory": "1Gi"}, name="team-a/limits")
    other = quota({"limits.memory": "1"}, name="team-a/other", scopes=["Terminating"])
    exceeds = "requested: requests.memory=2Gi, used: requests.memory=0, limited: requests.memory=1Gi"
    assert list(refusals([small, limits, other], pod(container("c0", {"memory": "2Gi"})))) == [
        (limits, "failed quota: limits: must specify limits.memory for: c0"),
        (small, f"exceeded quota: small, {exceeds}"),
        (limits, f"exceeded quota: limits, {exceeds}"),
    ]


def test_without_a_quota_that_counts_the_pod_nothing_is_refused():
    assert list(refusals([quota({"memory": 0}, scopes=["Terminating"])], pod(container("c0", {"memory": "1"})))) == []


def test_ephemeral_containers_are_not_counted():
    containers, _ = read_containers({"containers": [], "ephemeralContainers": [{"name": "debug"}]}, sidecars=True)
    each = read_quota_pod({}, containers, None, {}, "BestEffort")
    assert each.containers == ()
    assert must_specify(quota({"memory": 1}), each) is None
