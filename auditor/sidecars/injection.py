"""Sidecars that a webhook will add to a pod: which injectors are switched on, and how much memory they will get.

Sources, each at its rule: istio pkg/kube/inject and manifests/charts, linkerd2 pkg/inject, dapr pkg/injector,
vault-k8s agent-inject, consul-k8s control-plane/connect-inject, opentelemetry-operator pkg/sidecar. Only what pod and
namespace say is looked at; an injector's own settings are taken as its chart ships them, and its default amounts
count as unknown. Annotations and labels are strings for the API server, anything else there is refused: it is ignored.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from auditor.kube.objects import strings
from auditor.kube.quantity import Quantity, bytes_or_none, parse
from auditor.kube.versions import parse_bool

_TRUTHY = frozenset(("y", "yes", "true", "t", "on", "1"))  # dapr/kit strings.IsTruthy

_ISTIO_INJECT = "sidecar.istio.io/inject"
_ISTIO_REVISION = "istio.io/rev"
_ISTIO_REQUEST, _ISTIO_LIMIT = "sidecar.istio.io/proxyMemory", "sidecar.istio.io/proxyMemoryLimit"
_ISTIO_IGNORED = frozenset(("kube-system", "kube-public", "kube-node-lease", "local-path-storage"))
# The templates that hold istio-proxy and its resources; pods of the gateway template declare it themselves.
_ISTIO_PROXIES = frozenset(("sidecar", "grpc-agent"))
_LINKERD_INJECT = "linkerd.io/inject"
_LINKERD_REQUEST, _LINKERD_LIMIT = "config.linkerd.io/proxy-memory-request", "config.linkerd.io/proxy-memory-limit"
_LINKERD_IGNORED = frozenset(("kube-system", "cert-manager"))
_LINKERD_PRESENT = frozenset(("linkerd-proxy", "istio-proxy", "linkerd-init", "istio-init"))
_LINKERD_NATIVE = tuple(f"config.{stage}linkerd.io/proxy-enable-native-sidecar" for stage in ("", "beta.", "alpha."))
_DAPR_ENABLED = "dapr.io/enabled"
_DAPR_REQUEST, _DAPR_LIMIT = "dapr.io/sidecar-memory-request", "dapr.io/sidecar-memory-limit"
_VAULT_INJECT = "vault.hashicorp.com/agent-inject"
_VAULT_REQUEST, _VAULT_LIMIT = "vault.hashicorp.com/agent-requests-mem", "vault.hashicorp.com/agent-limits-mem"
_VAULT_DEFAULTS = {_VAULT_REQUEST: "64Mi", _VAULT_LIMIT: "128Mi"}  # DefaultResourceRequestMem, DefaultResourceLimitMem
_VAULT_IGNORED = frozenset(("kube-system", "kube-public"))
_CONSUL_INJECT = "consul.hashicorp.com/connect-inject"
_CONSUL_REQUEST = "consul.hashicorp.com/sidecar-proxy-memory-request"
_CONSUL_LIMIT = "consul.hashicorp.com/sidecar-proxy-memory-limit"
_CONSUL_IGNORED = frozenset(
    ("kube-system", "kube-public", "local-path-storage", "openebs", "gmp-system", "gke-managed-cim")
)
_OPEN_TELEMETRY_INJECT = "sidecar.opentelemetry.io/inject"

_SWITCHES = frozenset(
    (
        *(_ISTIO_INJECT, _ISTIO_REVISION, "istio-injection", _LINKERD_INJECT, _DAPR_ENABLED, _VAULT_INJECT),
        *(_CONSUL_INJECT, _OPEN_TELEMETRY_INJECT),
    )
)
"""Without one of these labels and annotations nothing is injected."""
ANNOTATIONS = frozenset(
    (
        *_SWITCHES,
        *(_ISTIO_REQUEST, _ISTIO_LIMIT, "inject.istio.io/templates", "sidecar.istio.io/nativeSidecar"),
        *(_LINKERD_REQUEST, _LINKERD_LIMIT, *_LINKERD_NATIVE),
        *(_DAPR_REQUEST, _DAPR_LIMIT, "dapr.io/sidecar-cpu-request", "dapr.io/sidecar-cpu-limit"),
        *("dapr.io/enable-native-sidecar", _VAULT_REQUEST, _VAULT_LIMIT, "vault.hashicorp.com/agent-inject-status"),
        *("vault.hashicorp.com/agent-pre-populate", "vault.hashicorp.com/agent-pre-populate-only"),
        *(_CONSUL_REQUEST, _CONSUL_LIMIT, "consul.hashicorp.com/connect-inject-status"),
        "consul.hashicorp.com/enable-consul-dataplane-as-sidecar",
    )
)
"""The annotations of pods and namespaces that are read here."""


_INJECTED = {
    **dict.fromkeys(("istio-proxy", "istio-init", "istio-validation", "enable-core-dump"), "Istio"),
    **dict.fromkeys(("linkerd-proxy", "linkerd-init", "linkerd-network-validator"), "Linkerd"),
    **dict.fromkeys(("vault-agent", "vault-agent-init"), "Vault"),
    **dict.fromkeys(("consul-dataplane", "consul-connect-inject-init"), "Consul"),
    "daprd": "Dapr",
    "otc-container": "OpenTelemetry",
}


def injector_of(container_name: str) -> str | None:
    """Return the injector that gives its containers such a name, None when none is known."""
    return _INJECTED.get(container_name)


class Injection(msgspec.Struct, frozen=True):
    """One container that an injector will add to a pod."""

    injector: str
    """`Istio`, `Linkerd`, `Dapr`, `Vault`, `Consul` or `OpenTelemetry`."""
    container: str
    """The name of the container that will appear."""
    request_bytes: int | None
    """Its memory request in bytes, rounded up; None when the pod does not decide it."""
    limit_bytes: int | None
    """Its memory limit in bytes, rounded up; None when the pod does not decide it."""
    sized: bool
    """True when both amounts are known: from annotations, a request that follows from the limit, Vault's defaults."""
    missing: tuple[str, ...]
    """The injector's memory annotations that give no amount: absent, empty or not readable. Empty if it has none."""
    enabled_by: str
    """What switches it on, such as `label istio-injection=enabled of namespace team-a`."""
    native: bool | None
    """Whether it will be a native sidecar; None when the injector's own settings decide."""
    init: bool
    """True for a plain init container, which is gone when the app starts."""


class _Pod(msgspec.Struct, frozen=True):
    """What injectors look at; the namespace's maps are empty when it is not in the input."""

    annotations: dict[str, str]
    labels: dict[str, str]
    namespace: str | None
    namespace_labels: dict[str, str]
    namespace_annotations: dict[str, str]
    containers: frozenset[str]
    host_network: bool

    @property
    def of_namespace(self) -> str:
        """Words that end what a namespace says."""
        return f" of namespace {self.namespace}" if self.namespace else " of its namespace"


class _Amounts(NamedTuple):
    request_bytes: int | None
    limit_bytes: int | None
    missing: tuple[str, ...]


def injections(  # noqa: PLR0913, PLR0917 - one for each thing that injectors look at
    annotations: object,
    labels: object,
    namespace_name: str | None,
    namespace_labels: object,
    namespace_annotations: object,
    container_names: Sequence[str],
    *,
    host_network: bool,
) -> tuple[Injection, ...]:
    """Return what will be injected into a pod, in a fixed order of injectors.

    Annotations and labels are those of the pod; those of the namespace are None when it is not in the input, and then
    only what the pod itself says counts. A container that `container_names` (of every kind) has is not injected again.
    """
    maps = (annotations, labels, namespace_labels, namespace_annotations)
    if all(not isinstance(items, dict) or _SWITCHES.isdisjoint(items) for items in maps):
        return ()
    pod = _Pod(
        strings(annotations),
        strings(labels),
        namespace_name,
        strings(namespace_labels),
        strings(namespace_annotations),
        frozenset(container_names),
        host_network,
    )
    readers = (_istio, _linkerd, _dapr, _vault, _consul, _open_telemetry)
    return tuple(item for read in readers for item in read(pod) if item.container not in pod.containers)


def _istio(pod: _Pod) -> Iterator[Injection]:
    """Source: injectRequired (inject.go), the webhook's selectors (mutatingwebhook.yaml), injection-template.yaml."""
    if pod.host_network or pod.namespace in _ISTIO_IGNORED:
        return
    enabled_by = _istio_enabled_by(pod)
    # The label hides the annotation, its older form, even with an empty value.
    if enabled_by is None or pod.labels.get(_ISTIO_INJECT, pod.annotations.get(_ISTIO_INJECT)) == "false":
        return
    templates = pod.annotations.get("inject.istio.io/templates")
    if templates is not None and _ISTIO_PROXIES.isdisjoint(name.strip() for name in templates.split(",")):
        return
    # Any annotation about cpu or memory replaces all of the installed defaults: no request of theirs stands behind.
    amounts = _amounts(pod.annotations, _ISTIO_REQUEST, _ISTIO_LIMIT, follows=True)
    native = pod.annotations.get("sidecar.istio.io/nativeSidecar")
    yield _injection(("Istio", "istio-proxy"), enabled_by, amounts, native=native != "false" if native else None)


def _istio_enabled_by(pod: _Pod) -> str | None:
    own = pod.labels.get(_ISTIO_INJECT)
    injection = pod.namespace_labels.get("istio-injection")
    if own == "false":
        return None
    # Every selector for what the pod says asks for a namespace without either label.
    if injection is not None:
        return f"label istio-injection=enabled{pod.of_namespace}" if injection == "enabled" else None
    if _ISTIO_REVISION in pod.namespace_labels:
        return f"label {_ISTIO_REVISION}{pod.of_namespace}"
    if _ISTIO_REVISION in pod.labels:
        return f"label {_ISTIO_REVISION}"
    return f"label {_ISTIO_INJECT}=true" if own == "true" else None


def _linkerd(pod: _Pod) -> Iterator[Injection]:
    """Source: disabledByAnnotation and Injectable (report.go), HasExistingSidecars, the chart's webhook selectors."""
    if pod.host_network or pod.namespace in _LINKERD_IGNORED or pod.containers & _LINKERD_PRESENT:
        return
    if pod.namespace_labels.get("config.linkerd.io/admission-webhooks") == "disabled":
        return
    if "linkerd.io/control-plane-component" in pod.labels or "linkerd.io/cni-resource" in pod.labels:
        return
    own = pod.annotations.get(_LINKERD_INJECT, "")
    inherited = pod.namespace_annotations.get(_LINKERD_INJECT, "")
    if not {own, inherited} <= {"", "enabled", "ingress", "disabled"} or own == "disabled":
        return
    if inherited in ("enabled", "ingress"):
        enabled_by = f"annotation {_LINKERD_INJECT}={inherited}{pod.of_namespace}"
    elif own in ("enabled", "ingress"):
        enabled_by = f"annotation {_LINKERD_INJECT}={own}"
    else:
        return
    said = {**_inherited_by_linkerd(pod.namespace_annotations), **pod.annotations}
    switch = next((said[key] for key in _LINKERD_NATIVE if key in said), None)
    amounts = _amounts(said, _LINKERD_REQUEST, _LINKERD_LIMIT)
    yield _injection(("Linkerd", "linkerd-proxy"), enabled_by, amounts, native=parse_bool(switch))


def _inherited_by_linkerd(annotations: dict[str, str]) -> dict[str, str]:
    """Return the annotations of a namespace that a pod takes over (ProxyAnnotations; the beta name is not there)."""
    names = (_LINKERD_REQUEST, _LINKERD_LIMIT, _LINKERD_NATIVE[0], _LINKERD_NATIVE[2])
    return {name: annotations[name] for name in names if name in annotations}


def _dapr(pod: _Pod) -> Iterator[Injection]:
    """Source: podHasDaprEnabled (service/handler.go), getResourceRequirements (patcher/sidecar_container.go)."""
    if pod.annotations.get(_DAPR_ENABLED, "").lower() != "true":
        return
    # One amount that cannot be read, of cpu too, makes it drop all of them; there are no others behind.
    resources = (f"dapr.io/sidecar-{name}-{block}" for name in ("cpu", "memory") for block in ("request", "limit"))
    spoiled = any(_milli(pod.annotations[name]) is None for name in resources if pod.annotations.get(name))
    amounts = _amounts({} if spoiled else pod.annotations, _DAPR_REQUEST, _DAPR_LIMIT, follows=True)
    native = pod.annotations.get("dapr.io/enable-native-sidecar")
    yield _injection(
        ("Dapr", "daprd"),
        f"annotation {_DAPR_ENABLED}",
        amounts,
        native=None if native is None else native.strip().lower() in _TRUTHY,
    )


def _vault(pod: _Pod) -> Iterator[Injection]:
    """Source: ShouldInject, Init and Patch (agent-inject/agent), kubeSystemNamespaces (agent-inject/handler.go).

    An absent annotation takes the injector's default (64Mi, 128Mi), an empty one means none.
    """
    said = pod.annotations
    if not parse_bool(said.get(_VAULT_INJECT)) or pod.namespace in _VAULT_IGNORED:
        return
    if said.get("vault.hashicorp.com/agent-inject-status") == "injected":
        return
    before = parse_bool(said.get("vault.hashicorp.com/agent-pre-populate", "true") or "false")
    only_before = parse_bool(said.get("vault.hashicorp.com/agent-pre-populate-only", "false") or "false")
    if before is None or only_before is None:
        return
    given = _amounts(_VAULT_DEFAULTS | said, _VAULT_REQUEST, _VAULT_LIMIT, follows=True)
    amounts = given._replace(missing=_amounts(said, _VAULT_REQUEST, _VAULT_LIMIT).missing)
    enabled_by = f"annotation {_VAULT_INJECT}"
    if before:
        yield _injection(("Vault", "vault-agent-init"), enabled_by, amounts, native=False, init=True)
    if not only_before:
        yield _injection(("Vault", "vault-agent"), enabled_by, amounts, native=False)


def _consul(pod: _Pod) -> Iterator[Injection]:
    """Source: shouldInject (webhook/mesh_webhook.go), sidecarResources, EnableConsulDataplaneAsSidecar.

    A pod of several services gets one such container for each; here it is one.
    """
    if not parse_bool(pod.annotations.get(_CONSUL_INJECT)) or pod.namespace in _CONSUL_IGNORED:
        return
    if pod.annotations.get("consul.hashicorp.com/connect-inject-status"):
        return
    amounts = _amounts(pod.annotations, _CONSUL_REQUEST, _CONSUL_LIMIT)
    native = pod.annotations.get("consul.hashicorp.com/enable-consul-dataplane-as-sidecar")
    yield _injection(
        ("Consul", "consul-dataplane"),
        f"annotation {_CONSUL_INJECT}",
        amounts,
        native=bool(parse_bool(native)) if native else None,
    )


def _open_telemetry(pod: _Pod) -> Iterator[Injection]:
    """Source: annotationValue and Mutate (pkg/sidecar). The amounts are those of the OpenTelemetryCollector object."""
    own = pod.annotations.get(_OPEN_TELEMETRY_INJECT)
    switch = own or pod.namespace_annotations.get(_OPEN_TELEMETRY_INJECT)
    if not switch or switch.lower() == "false":
        return
    enabled_by = f"annotation {_OPEN_TELEMETRY_INJECT}" + ("" if own else pod.of_namespace)
    yield _injection(("OpenTelemetry", "otc-container"), enabled_by, _Amounts(None, None, ()), native=None)


def _injection(
    who: tuple[str, str], enabled_by: str, amounts: _Amounts, *, native: bool | None, init: bool = False
) -> Injection:
    """`who`: the injector, and the container that will appear."""
    injector, container = who
    request, limit, missing = amounts
    sized = request is not None and limit is not None
    return Injection(injector, container, request, limit, sized, missing, enabled_by, native, init)


def _amounts(said: dict[str, str], request_name: str, limit_name: str, *, follows: bool = False) -> _Amounts:
    """Return what two annotations say; `follows`: an absent request becomes the limit, as API defaulting does."""
    request, limit = _bytes(said.get(request_name)), _bytes(said.get(limit_name))
    pairs = ((request_name, request), (limit_name, limit))
    missing = tuple(name for name, amount in pairs if amount is None)
    return _Amounts(limit if follows and not said.get(request_name) else request, limit, missing)


def _bytes(text: str | None) -> int | None:
    return bytes_or_none(_milli(text) if text else None)


def _milli(text: str) -> int | None:
    quantity = parse(text)
    return quantity.milli if isinstance(quantity, Quantity) and quantity.problem is None else None
