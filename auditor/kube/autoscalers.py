"""Autoscalers as far as they act on memory: HorizontalPodAutoscaler, KEDA's ScaledObject, VerticalPodAutoscaler.

Source: k8s.io/api/autoscaling/v2 with pkg/apis/autoscaling and pkg/controller/podautoscaler of Kubernetes 1.37;
kedacore/keda apis/keda/v1alpha1 and pkg/scalers/cpu_memory_scaler.go; kubernetes/autoscaler
vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1. What these would refuse for its type is a Fault.
"""

import re
from typing import Any

import msgspec

from auditor.kube.objects import Fault, kind_word
from auditor.kube.paths import Path, path_text
from auditor.kube.quantity import QuantityError, parse

DEFAULT_TOLERANCE_PERCENT = 10
"""HorizontalPodAutoscalerTolerance of kube-controller-manager (podautoscaler/config/v1alpha1/defaults.go)."""

UPDATE_MODES = ("Off", "Initial", "Recreate", "Auto", "InPlaceOrRecreate", "InPlace")
"""The modes of a VerticalPodAutoscaler, as its definition lists them."""

_SOURCES = {"Resource": "resource", "ContainerResource": "containerResource"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_MAX_INT32 = 2**31 - 1


class _MalformedError(Exception):
    """Ends the reading of an object; never leaves this module."""

    def __init__(self, path: Path, words: str) -> None:
        super().__init__(words)
        self.fault = Fault(path, f"{path_text(path)} {words}")


class ScaleTarget(msgspec.Struct, frozen=True):
    """The object whose pods an autoscaler changes; it is in the autoscaler's namespace."""

    api_version: str | None
    """Such as `apps/v1`; None where the reference does not say."""
    kind: str
    """Such as `Deployment`."""
    name: str
    """The object's name."""


class MemoryMetric(msgspec.Struct, frozen=True):
    """One memory metric of a horizontal autoscaler."""

    container: str | None
    """The only container that counts; None for the sum over the pod."""
    target_type: str
    """`Utilization` (of the requests), `AverageValue` or `Value`: by the value that is set, as the controller goes."""
    utilization_percent: int | None
    """The target as a percentage of the requests; None for the other types."""
    value_bytes: int | None
    """The target in bytes, rounded up; None for `Utilization`."""
    path: Path
    """Where it stands in the object, such as `("spec", "metrics", 0)`."""


class HorizontalAutoscaler(msgspec.Struct, frozen=True):
    """A HorizontalPodAutoscaler, or the ScaledObject that makes KEDA create one."""

    kind: str
    """`HorizontalPodAutoscaler` or `ScaledObject`."""
    name: str
    """Its name, empty when it has none."""
    namespace: str | None
    """Its namespace; None when unknown."""
    target: ScaleTarget
    """What it scales."""
    min_replicas: int
    """Lower bound; absent is 1, and 0 for KEDA, which then scales to zero while no trigger is active."""
    max_replicas: int | None
    """Upper bound; absent is 100 for KEDA, and None for a HorizontalPodAutoscaler, which must have one."""
    metrics: tuple[MemoryMetric, ...]
    """The memory metrics, in order."""
    scales_on_other: bool
    """True when it looks at cpu or anything else too; without any metric it scales on cpu."""


class ContainerPolicy(msgspec.Struct, frozen=True):
    """One entry of `spec.resourcePolicy.containerPolicies`, defaulted."""

    container: str
    """A container's name, or `*` for all that have no entry of their own."""
    index: int
    """Its place in the list, from 0."""
    mode: str
    """`Auto`, or `Off`: the container is left alone."""
    controls_memory: bool
    """True when `controlledResources` is absent or names memory; says nothing of the mode."""
    controlled_values: str
    """`RequestsAndLimits` (limits follow in proportion) or `RequestsOnly`."""
    min_allowed_bytes: int | None
    """Smallest memory that is recommended, in bytes; None without a bound."""
    max_allowed_bytes: int | None
    """Largest memory that is recommended, in bytes; None without a bound."""


class VerticalAutoscaler(msgspec.Struct, frozen=True):
    """A VerticalPodAutoscaler."""

    name: str
    """Its name, empty when it has none."""
    namespace: str | None
    """Its namespace; None when unknown."""
    target: ScaleTarget
    """Whose pods it sizes."""
    update_mode: str | None
    """`spec.updatePolicy.updateMode` as written; None when absent."""
    mode: str
    """One of UPDATE_MODES: what it does; absent is `Recreate` (GetUpdateMode; older definitions say `Auto`)."""
    min_replicas: int | None
    """Replicas that must be alive for an eviction; None leaves it to the updater's own flag."""
    policies: tuple[ContainerPolicy, ...]
    """The policies of containers, in order."""
    recommenders: tuple[str, ...]
    """Names of other recommenders; empty for the default one."""


def read_horizontal(data: dict[str, Any], namespace: str | None) -> HorizontalAutoscaler | Fault:
    """Read a HorizontalPodAutoscaler of any version; autoscaling/v1 has cpu only, its annotations are not looked at."""
    try:
        spec = _mapping(data.get("spec"), ("spec",))
        metrics, other = _metrics(spec)
        low = _int32(spec.get("minReplicas"), ("spec", "minReplicas"), at_least=0)
        return HorizontalAutoscaler(
            "HorizontalPodAutoscaler",
            _name(data),
            namespace,
            _target(spec, "scaleTargetRef"),
            1 if low is None else low,
            _int32(spec.get("maxReplicas"), ("spec", "maxReplicas"), at_least=1),
            metrics,
            other,
        )
    except _MalformedError as error:
        return error.fault


def read_scaled_object(data: dict[str, Any], namespace: str | None) -> HorizontalAutoscaler | Fault:
    """Read a ScaledObject of keda.sh/v1alpha1; a target that does not say is a Deployment of apps/v1 (gvkr.go)."""
    try:
        spec = _mapping(data.get("spec"), ("spec",))
        triggers = _list(spec.get("triggers"), ("spec", "triggers"))
        read = [_trigger(raw, ("spec", "triggers", index)) for index, raw in enumerate(triggers)]
        low = _int32(spec.get("minReplicaCount"), ("spec", "minReplicaCount"), at_least=0)
        high = _int32(spec.get("maxReplicaCount"), ("spec", "maxReplicaCount"), at_least=1)
        return HorizontalAutoscaler(
            "ScaledObject",
            _name(data),
            namespace,
            _target(spec, "scaleTargetRef", api_version="apps/v1", kind="Deployment"),
            0 if low is None else low,
            100 if high is None else high,
            tuple(metric for metric in read if metric is not None),
            None in read,
        )
    except _MalformedError as error:
        return error.fault


def read_vertical(data: dict[str, Any], namespace: str | None) -> VerticalAutoscaler | Fault:
    """Read a VerticalPodAutoscaler of autoscaling.k8s.io."""
    try:
        spec = _mapping(data.get("spec"), ("spec",))
        at: Path = ("spec", "updatePolicy")
        update = _optional(spec.get("updatePolicy"), at)
        resources = _optional(spec.get("resourcePolicy"), ("spec", "resourcePolicy"))
        listed: Path = ("spec", "resourcePolicy", "containerPolicies")
        policies = _list(resources.get("containerPolicies"), listed)
        recommenders = _list(spec.get("recommenders"), ("spec", "recommenders"))
        mode = _one_of(update.get("updateMode"), UPDATE_MODES, "", (*at, "updateMode"))
        return VerticalAutoscaler(
            _name(data),
            namespace,
            _target(spec, "targetRef"),
            mode or None,
            mode or "Recreate",
            _int32(update.get("minReplicas"), (*at, "minReplicas"), at_least=1),
            tuple(_policy(raw, index, (*listed, index)) for index, raw in enumerate(policies)),
            tuple(_recommender(raw, ("spec", "recommenders", index)) for index, raw in enumerate(recommenders)),
        )
    except _MalformedError as error:
        return error.fault


def policy_for(autoscaler: VerticalAutoscaler, container: str) -> ContainerPolicy | None:
    """Return the entry of a container: its own, else the last `*`, else None (GetContainerResourcePolicy)."""
    fallback = None
    for policy in autoscaler.policies:
        if policy.container == container:
            return policy
        if policy.container == "*":
            fallback = policy
    return fallback


def acts_on_memory(autoscaler: VerticalAutoscaler, container: str) -> bool:
    """Return whether it changes the memory of a container: neither of the modes is `Off`, and memory is controlled."""
    policy = policy_for(autoscaler, container)
    allowed = policy is None or (policy.mode != "Off" and policy.controls_memory)
    return allowed and autoscaler.mode != "Off"


def utilization_threshold_bytes(percent: int, request_bytes: int) -> int:
    """Return the smallest usage that reads as the target: utilisation is 100 * usage / request, truncated.

    Source: GetResourceUtilizationRatio, podautoscaler/metrics/utilization.go. Usage and request are sums over the
    same containers and pods; a request of 0 is an error there. From here on only the tolerance holds it back.
    """
    return -(-percent * request_bytes // 100)


def scale_up_bytes(percent: int, request_bytes: int, tolerance_percent: int = DEFAULT_TOLERANCE_PERCENT) -> int:
    """Return the smallest usage that adds replicas: utilisation over the target by more than the tolerance.

    Source: Tolerances.isWithin and GetResourceReplicas, podautoscaler/replica_calculator.go.
    """
    first = percent * (100 + tolerance_percent) // 100 + 1
    return utilization_threshold_bytes(first, request_bytes)


def _metrics(spec: dict[str, Any]) -> tuple[tuple[MemoryMetric, ...], bool]:
    items = _list(spec.get("metrics"), ("spec", "metrics"))
    read = [_metric(raw, ("spec", "metrics", index)) for index, raw in enumerate(items)]
    # Without metrics it is cpu at 80 % (SetDefaults_HorizontalPodAutoscaler).
    return tuple(metric for metric in read if metric is not None), None in read or not read


def _metric(raw: object, path: Path) -> MemoryMetric | None:
    entry = _mapping(raw, path)
    kind = entry.get("type")
    key = _SOURCES.get(kind) if isinstance(kind, str) else None
    if key is None:
        return None
    at = (*path, key)
    source = _mapping(entry.get(key), at)
    if source.get("name") != "memory":
        return None
    container = _text(source.get("container"), (*at, "container")) if key == "containerResource" else None
    if source.get("target") is None:  # v2beta1
        percent = _int32(source.get("targetAverageUtilization"), (*at, "targetAverageUtilization"), at_least=1)
        average, value = _bytes(source.get("targetAverageValue"), (*at, "targetAverageValue")), None
    else:
        at = (*at, "target")
        target = _mapping(source["target"], at)
        percent = _int32(target.get("averageUtilization"), (*at, "averageUtilization"), at_least=1)
        average = _bytes(target.get("averageValue"), (*at, "averageValue"))
        value = _bytes(target.get("value"), (*at, "value"))
    # computeStatusForResourceMetricGeneric looks at the values in this order, never at the type.
    if average is not None:
        return MemoryMetric(container, "AverageValue", None, average, path)
    if percent is not None:
        return MemoryMetric(container, "Utilization", percent, None, path)
    if value is None:
        raise _MalformedError(at, "must set either a target raw value or a target utilization")
    return MemoryMetric(container, "Value", None, value, path)


def _trigger(raw: object, path: Path) -> MemoryMetric | None:
    trigger = _mapping(raw, path)
    if trigger.get("type") != "memory":
        return None
    at = (*path, "metadata")
    metadata = _mapping(trigger.get("metadata"), at)
    # NOTE: metadata.type went with KEDA 2.18; metricType wins where both are set.
    kind = trigger.get("metricType") or metadata.get("type")
    value = _text(metadata.get("value"), (*at, "value"))
    name = metadata.get("containerName")
    container = _text(name, (*at, "containerName")) if name not in (None, "") else None
    if kind == "AverageValue":
        return MemoryMetric(container, kind, None, _bytes(value, (*at, "value")), path)
    if kind != "Utilization":
        raise _MalformedError((*path, "metricType"), "must be Utilization or AverageValue")
    percent = int(value) if _INTEGER.fullmatch(value) else value
    return MemoryMetric(container, kind, _int32(percent, (*at, "value"), at_least=1), None, path)


def _policy(raw: object, index: int, path: Path) -> ContainerPolicy:
    policy = _mapping(raw, path)
    name = policy.get("containerName")
    controlled = policy.get("controlledResources")
    if controlled is not None:
        _list(controlled, (*path, "controlledResources"))
    return ContainerPolicy(
        "" if name is None else _text(name, (*path, "containerName")),
        index,
        _one_of(policy.get("mode"), ("Auto", "Off"), "Auto", (*path, "mode")),
        controlled is None or "memory" in controlled,
        _one_of(
            policy.get("controlledValues"),
            ("RequestsAndLimits", "RequestsOnly"),
            "RequestsAndLimits",
            (*path, "controlledValues"),
        ),
        _allowed(policy, "minAllowed", path),
        _allowed(policy, "maxAllowed", path),
    )


def _allowed(policy: dict[str, Any], key: str, path: Path) -> int | None:
    bounds = _optional(policy.get(key), (*path, key))
    return _bytes(bounds.get("memory"), (*path, key, "memory"))


def _recommender(raw: object, path: Path) -> str:
    return _text(_mapping(raw, path).get("name"), (*path, "name"))


def _target(spec: dict[str, Any], key: str, *, api_version: str | None = None, kind: str | None = None) -> ScaleTarget:
    at: Path = ("spec", key)
    reference = _mapping(spec.get(key), at)
    version = reference.get("apiVersion")
    return ScaleTarget(
        _text(version, (*at, "apiVersion")) if version not in (None, "") else api_version,
        kind
        if kind is not None and reference.get("kind") in (None, "")
        else _text(reference.get("kind"), (*at, "kind")),
        _text(reference.get("name"), (*at, "name")),
    )


def _name(data: dict[str, Any]) -> str:
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _mapping(value: object, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _MalformedError(path, f"must be a mapping, not {kind_word(value)}")
    return value


def _optional(value: object, path: Path) -> dict[str, Any]:
    return {} if value is None else _mapping(value, path)


def _list(value: object, path: Path) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _MalformedError(path, f"must be a list, not {kind_word(value)}")
    return value


def _text(value: object, path: Path) -> str:
    if not isinstance(value, str) or not value:
        raise _MalformedError(path, "must not be empty" if value == "" else f"must be a string, not {kind_word(value)}")
    return value


def _one_of(value: object, words: tuple[str, ...], default: str, path: Path) -> str:
    if value is None or value == "":
        return default
    if not isinstance(value, str) or value not in words:
        raise _MalformedError(path, f"must be one of {', '.join(words)}")
    return value


def _int32(value: object, path: Path, *, at_least: int) -> int | None:
    """Return a whole number, None when absent; a float such as 80.0 is whole, as YAML tools write it as JSON."""
    if value is None:
        return None
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) > _MAX_INT32:
        raise _MalformedError(path, "must be a whole number of 32 bits")
    if number < at_least:
        raise _MalformedError(path, f"must be at least {at_least}")
    return number


def _bytes(value: object, path: Path) -> int | None:
    if value is None:
        return None
    if isinstance(value, dict | list):
        raise _MalformedError(path, f"must be a quantity, not {kind_word(value)}")
    quantity = parse(value)
    if isinstance(quantity, QuantityError) or quantity.problem is not None:
        raise _MalformedError(path, f'has the invalid value "{quantity.text}": {quantity.problem}')
    return quantity.bytes
