"""What is injected into a pod. Every rule comes from the injector's own source, named at its tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.sidecars.injection import Injection, injections

MIB = 2**20
ISTIO = "sidecar.istio.io/inject"
LINKERD = "linkerd.io/inject"
VAULT = {"vault.hashicorp.com/agent-inject": "true"}
CONSUL = {"consul.hashicorp.com/connect-inject": "true"}
DAPR = {"dapr.io/enabled": "true"}
OPEN_TELEMETRY = "sidecar.opentelemetry.io/inject"


def found(annotations=None, labels=None, **more):
    given_ = {
        "namespace_name": "team-a",
        "namespace_labels": None,
        "namespace_annotations": None,
        "container_names": ("app",),
        "host_network": False,
        **more,
    }
    return injections(annotations, labels, **given_)


def names(*args, **more):
    return [item.container for item in found(*args, **more)]


def test_nothing_is_injected_into_a_pod_that_asks_for_nothing():
    assert found() == ()
    assert found({}, {"app": "web"}, namespace_labels={"team": "a"}, namespace_annotations={}) == ()


# Istio: injectRequired in pkg/kube/inject/inject.go, selectors in istio-discovery/templates/mutatingwebhook.yaml


@pytest.mark.parametrize(
    ("namespace_labels", "label", "enabled_by"),
    [
        ({"istio-injection": "enabled"}, None, "label istio-injection=enabled of namespace team-a"),
        ({"istio-injection": "enabled"}, "true", "label istio-injection=enabled of namespace team-a"),
        ({"istio-injection": "enabled"}, "false", None),
        ({"istio-injection": "enabled"}, "yes", "label istio-injection=enabled of namespace team-a"),
        ({"istio-injection": "disabled"}, None, None),
        ({"istio-injection": "disabled"}, "true", None),  # the object selectors want a namespace without the label
        ({"istio.io/rev": "1-30"}, None, "label istio.io/rev of namespace team-a"),
        ({"istio.io/rev": "1-30"}, "false", None),
        ({"istio.io/rev": "1-30", "istio-injection": "disabled"}, None, None),
        ({}, None, None),
        ({}, "true", "label sidecar.istio.io/inject=true"),
        ({}, "false", None),
        ({}, "yes", None),
        (None, None, None),
        (None, "true", "label sidecar.istio.io/inject=true"),
    ],
)
def test_istio_follows_the_labels_of_namespace_and_pod(namespace_labels, label, enabled_by):
    read = found({}, {ISTIO: label} if label else {}, namespace_labels=namespace_labels)
    assert [item.enabled_by for item in read] == ([enabled_by] if enabled_by else [])


@pytest.mark.parametrize(("label", "count"), [(None, 1), ("true", 1), ("false", 0)])
def test_a_revision_on_the_pod_switches_istio_on_unless_the_pod_refuses(label, count):
    labels = {"istio.io/rev": "1-30"} | ({ISTIO: label} if label else {})
    assert [item.enabled_by for item in found({}, labels)] == ["label istio.io/rev"] * count


@pytest.mark.parametrize(
    ("labels", "annotation", "count"),
    [({}, "false", 0), ({}, "true", 1), ({}, "no", 1), ({ISTIO: "true"}, "false", 1), ({ISTIO: ""}, "false", 1)],
)
def test_the_older_annotation_refuses_istio_only_where_the_label_is_absent(labels, annotation, count):
    read = found({ISTIO: annotation}, labels, namespace_labels={"istio-injection": "enabled"})
    assert len(read) == count


def test_the_annotation_alone_does_not_reach_istio():
    assert found({ISTIO: "true"}, {}, namespace_labels={}) == ()  # no selector looks at annotations


def test_istio_leaves_pods_on_the_hosts_network_and_system_namespaces_alone():
    on = {"namespace_labels": {"istio-injection": "enabled"}}
    assert found({}, {}, **on, host_network=True) == ()
    for name in ("kube-system", "kube-public", "kube-node-lease", "local-path-storage"):  # IgnoredNamespaces
        assert found({}, {}, **on, namespace_name=name) == ()


@pytest.mark.parametrize(
    ("templates", "count"),
    [("sidecar", 1), ("custom, sidecar", 1), ("grpc-agent", 1), ("grpc-simple", 0), ("gateway", 0), ("custom", 0)],
)
def test_istio_adds_its_proxy_only_with_a_template_that_holds_it(templates, count):
    # files/*.yaml: grpc-simple has an init container only
    assert len(found({"inject.istio.io/templates": templates}, {ISTIO: "true"})) == count


@pytest.mark.parametrize(
    ("annotations", "amounts", "missing"),
    [
        ({}, (None, None), ("proxyMemory", "proxyMemoryLimit")),
        ({"proxyMemory": "128Mi", "proxyMemoryLimit": "1Gi"}, (128 * MIB, 1024 * MIB), ()),
        ({"proxyMemory": "128Mi"}, (128 * MIB, None), ("proxyMemoryLimit",)),
        ({"proxyMemoryLimit": "1Gi"}, (1024 * MIB, 1024 * MIB), ("proxyMemory",)),
        ({"proxyCPU": "1"}, (None, None), ("proxyMemory", "proxyMemoryLimit")),
        ({"proxyMemory": "128MB", "proxyMemoryLimit": "1Gi"}, (None, 1024 * MIB), ("proxyMemory",)),
        ({"proxyMemory": "-1", "proxyMemoryLimit": ""}, (None, None), ("proxyMemory", "proxyMemoryLimit")),
        ({"proxyMemory": "0", "proxyMemoryLimit": "0.5"}, (0, 1), ()),
    ],
)
def test_istios_proxy_has_the_amounts_of_its_annotations(annotations, amounts, missing):
    # injection-template.yaml, "resources": one annotation replaces all defaults; the API then defaults the request
    read = found({f"sidecar.istio.io/{key}": value for key, value in annotations.items()}, {ISTIO: "true"})
    assert [(item.request_bytes, item.limit_bytes) for item in read] == [amounts]
    assert read[0].missing == tuple(f"sidecar.istio.io/{name}" for name in missing)
    assert read[0].sized is (None not in amounts)


@pytest.mark.parametrize(("value", "native"), [(None, None), ("", None), ("true", True), ("false", False)])
def test_istios_proxy_is_native_where_its_annotation_says_so(value, native):
    annotations = {} if value is None else {"sidecar.istio.io/nativeSidecar": value}
    assert [item.native for item in found(annotations, {ISTIO: "true"})] == [native]


# Linkerd: disabledByAnnotation and Injectable in pkg/inject/report.go, HasExistingSidecars in pkg/healthcheck


@pytest.mark.parametrize(
    ("namespace", "pod", "enabled_by"),
    [  # the table in report.go, webhook rows
        ("enabled", "enabled", "annotation linkerd.io/inject=enabled of namespace team-a"),
        ("enabled", "", "annotation linkerd.io/inject=enabled of namespace team-a"),
        ("enabled", "disabled", None),
        ("disabled", "enabled", "annotation linkerd.io/inject=enabled"),
        ("", "enabled", "annotation linkerd.io/inject=enabled"),
        ("disabled", "disabled", None),
        ("", "disabled", None),
        ("disabled", "", None),
        ("", "", None),
        ("ingress", "", "annotation linkerd.io/inject=ingress of namespace team-a"),
        ("", "ingress", "annotation linkerd.io/inject=ingress"),
        ("enabled", "true", None),
        ("true", "enabled", None),
    ],
)
def test_linkerd_follows_the_annotations_of_namespace_and_pod(namespace, pod, enabled_by):
    read = found({LINKERD: pod} if pod else {}, {}, namespace_annotations={LINKERD: namespace} if namespace else {})
    assert [item.enabled_by for item in read] == ([enabled_by] if enabled_by else [])


def test_linkerd_counts_a_pods_own_word_where_the_namespace_is_not_known():
    assert names({LINKERD: "enabled"}) == ["linkerd-proxy"]
    assert names({}) == []


@pytest.mark.parametrize("present", ["linkerd-proxy", "linkerd-init", "istio-proxy", "istio-init"])
def test_linkerd_leaves_a_pod_with_a_mesh_alone(present):
    assert names({LINKERD: "enabled"}, container_names=("app", present)) == []


@pytest.mark.parametrize(
    "more",
    [
        {"host_network": True},
        {"namespace_name": "kube-system"},
        {"namespace_name": "cert-manager"},
        {"namespace_labels": {"config.linkerd.io/admission-webhooks": "disabled"}},
        {"labels": {"linkerd.io/control-plane-component": "destination"}},
        {"labels": {"linkerd.io/cni-resource": "true"}},
    ],
)
def test_linkerd_is_not_asked_for_what_its_selectors_leave_out(more):
    # proxyInjector.namespaceSelector and objectSelector in charts/linkerd-control-plane/values.yaml
    assert names({LINKERD: "enabled"}, more.pop("labels", {}), **more) == []


def test_linkerds_amounts_come_from_the_pod_before_its_namespace():
    request, limit = "config.linkerd.io/proxy-memory-request", "config.linkerd.io/proxy-memory-limit"
    [item] = found(
        {LINKERD: "enabled", request: "20Mi"}, {}, namespace_annotations={request: "1Mi", limit: "250Mi"}
    )  # AppendNamespaceAnnotations
    assert (item.request_bytes, item.limit_bytes, item.sized, item.missing) == (20 * MIB, 250 * MIB, True, ())


def test_a_request_that_linkerds_installation_may_set_stays_unknown():
    [item] = found({LINKERD: "enabled", "config.linkerd.io/proxy-memory-limit": "250Mi"})
    assert (item.request_bytes, item.limit_bytes, item.sized) == (None, 250 * MIB, False)
    assert item.missing == ("config.linkerd.io/proxy-memory-request",)


@pytest.mark.parametrize(
    ("pod", "namespace", "native"),
    [
        ({}, {}, None),
        ({"config": "true"}, {}, True),
        ({"config": "maybe"}, {}, None),
        ({"config": "0", "config.alpha": "true"}, {}, False),
        ({"config.beta": "true", "config.alpha": "false"}, {}, True),
        ({"config.alpha": "true"}, {}, True),
        ({}, {"config": "true"}, True),
        ({"config": "false"}, {"config": "true"}, False),
        ({}, {"config.beta": "true"}, None),  # not among the ProxyAnnotations that are inherited
    ],
)
def test_linkerds_proxy_is_native_where_an_annotation_says_so(pod, namespace, native):
    # ApplyAnnotationOverrides in pkg/inject/inject.go: stable, then beta, then alpha
    pod, namespace = (
        {f"{prefix}.linkerd.io/proxy-enable-native-sidecar": value for prefix, value in said.items()}
        for said in (pod, namespace)
    )
    assert [item.native for item in found(pod | {LINKERD: "enabled"}, {}, namespace_annotations=namespace)] == [native]


# Dapr: podHasDaprEnabled in pkg/injector/service/handler.go, pkg/injector/patcher


@pytest.mark.parametrize(("value", "count"), [("true", 1), ("True", 1), ("false", 0), ("", 0), ("1", 0), ("yes", 0)])
def test_dapr_wants_the_word_true(value, count):
    assert names({"dapr.io/enabled": value}) == ["daprd"] * count


def test_dapr_looks_at_no_namespace_and_injects_on_the_hosts_network():
    assert names({}, namespace_annotations=DAPR) == []
    assert names(DAPR, host_network=True) == ["daprd"]


@pytest.mark.parametrize(
    ("annotations", "amounts", "sized"),
    [
        ({}, (None, None), False),
        ({"memory-request": "64Mi", "memory-limit": "128Mi"}, (64 * MIB, 128 * MIB), True),
        ({"memory-limit": "128Mi"}, (128 * MIB, 128 * MIB), True),
        ({"memory-request": "", "memory-limit": "128Mi"}, (128 * MIB, 128 * MIB), True),
        ({"memory-request": "64Mi"}, (64 * MIB, None), False),
        ({"memory-request": "64Mi", "memory-limit": "128Mi", "cpu-limit": "much"}, (None, None), False),
        ({"memory-request": "64MB", "memory-limit": "128Mi"}, (None, None), False),
    ],
)
def test_dapr_drops_all_amounts_when_one_cannot_be_read(annotations, amounts, sized):
    # getResourceRequirements in sidecar_container.go; there is no default of the installation
    [item] = found(DAPR | {f"dapr.io/sidecar-{key}": value for key, value in annotations.items()})
    assert ((item.request_bytes, item.limit_bytes), item.sized) == (amounts, sized)


@pytest.mark.parametrize(
    ("value", "native"), [(None, None), ("true", True), (" On ", True), ("false", False), ("", False)]
)
def test_dapr_is_native_where_its_annotation_says_so(value, native):
    annotations = {} if value is None else {"dapr.io/enable-native-sidecar": value}  # IsTruthy
    assert [item.native for item in found(DAPR | annotations)] == [native]


def test_dapr_names_what_is_missing():
    assert found(DAPR) == (
        Injection(
            "Dapr",
            "daprd",
            None,
            None,
            False,
            ("dapr.io/sidecar-memory-request", "dapr.io/sidecar-memory-limit"),
            "annotation dapr.io/enabled",
            None,
            False,
        ),
    )


# Vault: ShouldInject, Init and Patch in agent-inject/agent, kubeSystemNamespaces in agent-inject/handler.go


@pytest.mark.parametrize(
    ("value", "count"), [("true", 2), ("1", 2), ("T", 2), ("false", 0), ("", 0), ("yes", 0), ("tRue", 0)]
)
def test_vault_reads_a_boolean_as_go_does(value, count):
    assert names({"vault.hashicorp.com/agent-inject": value}) == ["vault-agent-init", "vault-agent"][:count]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"agent-pre-populate": "false"}, ["vault-agent"]),
        ({"agent-pre-populate": ""}, ["vault-agent"]),
        ({"agent-pre-populate-only": "true"}, ["vault-agent-init"]),
        ({"agent-pre-populate-only": "false"}, ["vault-agent-init", "vault-agent"]),
        ({"agent-pre-populate": "maybe"}, []),  # the pod is refused
        ({"agent-inject-status": "injected"}, []),
        ({"agent-inject-status": "update"}, ["vault-agent-init", "vault-agent"]),
    ],
)
def test_vault_adds_an_init_container_and_a_sidecar_as_told(annotations, expected):
    assert names(VAULT | {f"vault.hashicorp.com/{key}": value for key, value in annotations.items()}) == expected


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public"])
def test_vault_refuses_system_namespaces(namespace):
    assert names(VAULT, namespace_name=namespace) == []


@pytest.mark.parametrize(
    ("annotations", "amounts", "missing"),
    [
        ({}, (64 * MIB, 128 * MIB), ("agent-requests-mem", "agent-limits-mem")),
        ({"agent-requests-mem": "32Mi", "agent-limits-mem": "1Gi"}, (32 * MIB, 1024 * MIB), ()),
        ({"agent-requests-mem": "32Mi"}, (32 * MIB, 128 * MIB), ("agent-limits-mem",)),
        ({"agent-requests-mem": "", "agent-limits-mem": "1Gi"}, (1024 * MIB, 1024 * MIB), ("agent-requests-mem",)),
        ({"agent-limits-mem": ""}, (64 * MIB, None), ("agent-requests-mem", "agent-limits-mem")),
        ({"agent-requests-mem": "1Mi", "agent-limits-mem": "1GB"}, (MIB, None), ("agent-limits-mem",)),
    ],
)
def test_vault_fills_in_absent_amounts_and_keeps_empty_ones(annotations, amounts, missing):
    # DefaultResourceRequestMem, DefaultResourceLimitMem; parseResources sets nothing for an empty text
    for item in found(VAULT | {f"vault.hashicorp.com/{key}": value for key, value in annotations.items()}):
        assert (item.request_bytes, item.limit_bytes) == amounts
        assert item.missing == tuple(f"vault.hashicorp.com/{name}" for name in missing)
        assert item.sized is (None not in amounts)


def test_vaults_first_container_is_a_plain_init_container_and_neither_is_native():
    assert [(item.container, item.init, item.native) for item in found(VAULT)] == [
        ("vault-agent-init", True, False),
        ("vault-agent", False, False),
    ]


# Consul: shouldInject in control-plane/connect-inject/webhook/mesh_webhook.go, sidecarResources


@pytest.mark.parametrize(("value", "count"), [("true", 1), ("t", 1), ("false", 0), ("", 0), ("enabled", 0)])
def test_consul_reads_a_boolean_as_go_does(value, count):
    assert names({"consul.hashicorp.com/connect-inject": value}) == ["consul-dataplane"] * count


def test_consul_leaves_system_namespaces_and_injected_pods_alone():
    for namespace in ("kube-system", "kube-public", "local-path-storage", "openebs"):
        assert names(CONSUL, namespace_name=namespace) == []
    assert names(CONSUL | {"consul.hashicorp.com/connect-inject-status": "injected"}) == []


def test_consuls_amounts_are_those_of_its_annotations_and_its_own_defaults_are_unknown():
    prefix = "consul.hashicorp.com/sidecar-proxy-memory-"
    [item] = found(CONSUL | {f"{prefix}request": "100Mi", f"{prefix}limit": "200Mi"})
    assert (item.request_bytes, item.limit_bytes, item.sized, item.missing) == (100 * MIB, 200 * MIB, True, ())
    [item] = found(CONSUL | {f"{prefix}limit": "200Mi"})
    assert (item.request_bytes, item.limit_bytes, item.sized) == (None, 200 * MIB, False)
    assert item.missing == (f"{prefix}request",)


@pytest.mark.parametrize(
    ("value", "native"), [(None, None), ("", None), ("true", True), ("false", False), ("on", False)]
)
def test_consuls_dataplane_is_native_where_its_annotation_says_so(value, native):
    # EnableConsulDataplaneAsSidecar; a value that is no boolean ends in the plain container
    said = {} if value is None else {"consul.hashicorp.com/enable-consul-dataplane-as-sidecar": value}
    assert [item.native for item in found(CONSUL | said)] == [native]


# OpenTelemetry: annotationValue in pkg/sidecar/annotation.go, Mutate in pkg/sidecar/podmutator.go


@pytest.mark.parametrize(
    ("namespace", "pod", "enabled_by"),
    [
        (None, "true", "annotation sidecar.opentelemetry.io/inject"),
        (None, "FALSE", None),
        (None, "", None),
        (None, "team-b/collector", "annotation sidecar.opentelemetry.io/inject"),
        ("true", None, "annotation sidecar.opentelemetry.io/inject of namespace team-a"),
        ("true", "", "annotation sidecar.opentelemetry.io/inject of namespace team-a"),
        ("true", "false", None),
        ("false", None, None),
        ("false", "true", "annotation sidecar.opentelemetry.io/inject"),
        ("collector", "true", "annotation sidecar.opentelemetry.io/inject"),
    ],
)
def test_open_telemetry_follows_the_annotations_of_pod_and_namespace(namespace, pod, enabled_by):
    own = {} if pod is None else {OPEN_TELEMETRY: pod}
    read = found(own, {}, namespace_annotations=None if namespace is None else {OPEN_TELEMETRY: namespace})
    assert [item.enabled_by for item in read] == ([enabled_by] if enabled_by else [])


def test_open_telemetry_has_no_annotations_about_memory():
    [item] = found({OPEN_TELEMETRY: "true"})
    assert (item.container, item.request_bytes, item.limit_bytes) == ("otc-container", None, None)
    assert (item.sized, item.missing, item.native, item.init) == (False, (), None, False)


# All of them

EVERYTHING = {**DAPR, **VAULT, **CONSUL, OPEN_TELEMETRY: "true", LINKERD: "enabled"}
ORDER = (
    *("istio-proxy", "linkerd-proxy", "daprd", "vault-agent-init", "vault-agent", "consul-dataplane", "otc-container"),
)


def test_several_injectors_come_in_a_fixed_order():
    assert tuple(names(EVERYTHING, {ISTIO: "true"})) == ORDER


@pytest.mark.parametrize("present", ORDER)
def test_a_container_that_the_pod_has_is_not_injected_again(present):
    assert present not in names(EVERYTHING, {ISTIO: "true"}, container_names=("app", present))


def test_a_namespace_without_a_name_is_called_its_namespace():
    [item] = found({}, {}, namespace_name=None, namespace_labels={"istio-injection": "enabled"})
    assert item.enabled_by == "label istio-injection=enabled of its namespace"


def test_what_is_no_text_counts_for_nothing():
    # the API server refuses an annotation or label that is not a string
    assert found({"dapr.io/enabled": True, OPEN_TELEMETRY: ["true"], 5: "true"}, {ISTIO: True}) == ()
    assert found("dapr.io/enabled", ["x"], namespace_labels=7, namespace_annotations="y") == ()


KEYS = (*EVERYTHING, ISTIO, "istio.io/rev", "sidecar.istio.io/proxyMemory", "vault.hashicorp.com/agent-limits-mem")
ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=2), max_size=2)
MAPS = ANYTHING | st.dictionaries(
    st.sampled_from((*KEYS, "istio-injection")) | st.text(max_size=4),
    ANYTHING | st.sampled_from(["true", "enabled", "disabled", "1Gi", "-1"]),
)


@given(MAPS, MAPS, MAPS, MAPS, st.booleans())
def test_any_metadata_is_answered_and_sized_means_both_amounts(pod, labels, namespace, more, host_network):
    read = found(pod, labels, namespace_labels=namespace, namespace_annotations=more, host_network=host_network)
    for item in read:
        assert item.sized is (item.request_bytes is not None and item.limit_bytes is not None)
        assert item.container in ORDER


VALUE = "told-to-nobody"


@given(st.sampled_from(KEYS), st.sampled_from(KEYS))
def test_no_value_of_an_annotation_or_label_comes_back(first, second):
    said = {first: VALUE, second: VALUE}
    read = found(
        said | DAPR | VAULT | CONSUL, said, namespace_labels={"istio.io/rev": VALUE}, namespace_annotations=said
    )
    assert read
    assert VALUE not in repr(read)
