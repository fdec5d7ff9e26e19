"""ResourceQuota: which pods it counts, what a pod uses, and what it refuses.

Source: pkg/quota/v1/evaluator/core/pods.go, pkg/apis/core/validation/validation.go (ValidateResourceQuotaSpec) and
k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go of 1.37. Only memory, cpu, hugepages and the number
of pods are counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from auditor.kube.objects import Amounts, Container, Fault, Resources, kind_word
from auditor.kube.paths import Path
from auditor.kube.quantity import QuantityError, parse, show, text_of
from auditor.kube.resources import counted, pod_limit, pod_request

Selector = tuple[str, str, tuple[str, ...]]
"""A scope, its operator (`In`, `NotIn`, `Exists`, `DoesNotExist`) and its values."""

_COMPUTE = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}
"""The keys that make every container say the amount, and where it says it (validationSet)."""
_COUNTS = ("pods", "count/pods")
_HUGE = ("hugepages-", "requests.hugepages-")
_NOT_READ = (
    *("ephemeral-storage", "requests.ephemeral-storage", "limits.ephemeral-storage", "requests.storage"),
    *("resourcequotas", "services", "services.nodeports", "services.loadbalancers", "replicationcontrollers"),
    *("secrets", "persistentvolumeclaims", "configmaps"),
)
_POD_KEYS = frozenset(("pods", *_COMPUTE))
_KEYS_OF_SCOPE = {
    **dict.fromkeys(("Terminating", "NotTerminating", "NotBestEffort"), _POD_KEYS),
    **dict.fromkeys(("PriorityClass", "CrossNamespacePodAffinity"), _POD_KEYS),
    "BestEffort": frozenset(("pods",)),
    "VolumeAttributesClass": frozenset(("persistentvolumeclaims", "requests.storage")),
}
_VALUED = ("PriorityClass", "VolumeAttributesClass")


class Quota(msgspec.Struct, frozen=True):
    """A ResourceQuota with its name and place."""

    name: str
    """Such as `team-a/quota`."""
    place: str
    """Such as `quota.yaml:3`."""
    hard: Amounts
    """Thousandths for each key about memory, cpu, hugepages or pods, as written: `memory` is not `requests.memory`."""
    scopes: tuple[str, ...]
    """`spec.scopes`: a pod has to match all."""
    selector: tuple[Selector, ...]
    """`spec.scopeSelector.matchExpressions`: a pod has to match all."""

    @property
    def by(self) -> str:
        """Such as `ResourceQuota team-a/quota`."""
        return f"ResourceQuota {self.name}"


class QuotaPod(msgspec.Struct, frozen=True):
    """What a quota sees of a pod."""

    containers: tuple[Container, ...]
    """As admitted, in pod order, without ephemeral ones."""
    pod_level: Resources | None
    """As defaulted; None where it is not set or the version ignores it."""
    overhead: Amounts
    """In thousandths."""
    qos: str | None
    """None where the class is not known: no quota about it is then known to count the pod."""
    terminating: bool
    """True when `activeDeadlineSeconds` is set."""
    priority_class: str
    """As admitted, empty for none."""
    cross_namespace_affinity: bool
    """True when a term of pod affinity or anti-affinity names namespaces or selects them."""


def read_quota(data: dict[str, Any], name: str, place: str) -> Quota | Fault:
    """Read a ResourceQuota object; one that the API server refuses is a Fault in its words."""
    spec = _mapping(data.get("spec"), "spec")
    if isinstance(spec, Fault):
        return spec
    raw = _mapping(spec.get("hard"), "spec.hard")
    if isinstance(raw, Fault):
        return raw
    hard = _hard(raw)
    if isinstance(hard, Fault):
        return hard
    scopes, selector = _scopes(spec.get("scopes")), _selector(spec.get("scopeSelector"))
    if isinstance(scopes, Fault):
        return scopes
    if isinstance(selector, Fault):
        return selector
    keys, selected = frozenset(raw), [scope for scope, _, _ in selector]
    refused = _refused_scopes(scopes, keys, "scopes") or _refused_scopes(selected, keys, "scopeSelector")
    return refused or Quota(name, place, hard, scopes, selector)


def _mapping(raw: object, at: str) -> dict[Any, Any] | Fault:
    if raw is None or isinstance(raw, dict):
        return raw or {}
    return Fault(tuple(at.split(".")), f"{at} must be a mapping, not {kind_word(raw)}")


def _list(raw: object, at: str) -> list[Any] | Fault:
    if raw is None or isinstance(raw, list):
        return raw or []
    return Fault(tuple(at.split(".")), f"{at} must be a list, not {kind_word(raw)}")


def _hard(raw: dict[Any, Any]) -> Amounts | Fault:
    amounts: Amounts = {}
    for key, value in raw.items():
        at = f"spec.hard.{key}"
        path: Path = ("spec", "hard", str(key))
        if not isinstance(key, str) or not _is_quota_name(key):
            return Fault(path, f'{at}: Invalid value: "{text_of(key)}": must be a standard resource for quota')
        if key not in _COMPUTE and key not in _COUNTS and not key.startswith(_HUGE):
            continue
        if isinstance(value, dict | list):
            return Fault(path, f"{at} must be a quantity, not {kind_word(value)}")
        quantity = parse(value)
        if isinstance(quantity, QuantityError):
            return Fault(path, f'{at}: Invalid value: "{quantity.text}": {quantity.problem}')
        if quantity.nanos < 0:
            return Fault(path, f'{at}: Invalid value: "{quantity.text}": must be greater than or equal to 0')
        if key in _COUNTS and quantity.milli % 1000:
            return Fault(path, f'{at}: Invalid value: "{quantity.text}": must be an integer')
        amounts[key] = quantity.milli
    return amounts


def _is_quota_name(key: str) -> bool:
    """NOTE: a name with a slash may be any resource's."""
    return "/" in key or key in _POD_KEYS or key in _NOT_READ or key.startswith(_HUGE)


def _scopes(raw: object) -> tuple[str, ...] | Fault:
    scopes = _list(raw, "spec.scopes")
    if isinstance(scopes, Fault):
        return scopes
    for index, scope in enumerate(scopes):
        if not isinstance(scope, str):
            return Fault(("spec", "scopes", index), f"spec.scopes[{index}] must be a string, not {kind_word(scope)}")
    return tuple(scopes)


def _selector(raw: object) -> tuple[Selector, ...] | Fault:
    mapping, at = _mapping(raw, "spec.scopeSelector"), "spec.scopeSelector.matchExpressions"
    items = mapping if isinstance(mapping, Fault) else _list(mapping.get("matchExpressions"), at)
    if isinstance(items, Fault):
        return items
    found: list[Selector] = []
    for index, item in enumerate(items):
        read = _expression(item)
        if isinstance(read, str):
            return Fault((*at.split("."), index), f"{at}[{index}]: {read}")
        found.append(read)
    return tuple(found)


def _expression(raw: object) -> Selector | str:
    """Return the expression, or what is wrong with it."""
    if not isinstance(raw, dict):
        return f"must be a mapping, not {kind_word(raw)}"
    scope, operator, values = raw.get("scopeName"), raw.get("operator"), raw.get("values")
    values = [] if values is None else values
    if not isinstance(scope, str) or not isinstance(operator, str):
        return "scopeName and operator must be strings"
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return "values must be a list of strings"
    if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        return f'operator: Invalid value: "{operator}": not a valid selector operator'
    if operator != "Exists" and scope in _KEYS_OF_SCOPE and scope not in _VALUED:
        return f"operator: Invalid value: \"{operator}\": must be 'Exists' when scope is {scope}"
    if operator in ("In", "NotIn") and not values:
        return "values: Required value: must be at least one value when `operator` is 'In' or 'NotIn'"
    if operator not in ("In", "NotIn") and values:
        return "values: Invalid value: must be no value when `operator` is 'Exist' or 'DoesNotExist'"
    return scope, operator, tuple(values)


def _refused_scopes(scopes: Iterable[str], keys: frozenset[str], at: str) -> Fault | None:
    """Return why scopes do not go with each other or with the keys of `hard`."""
    found = frozenset(scopes)
    for scope in sorted(found):
        allowed = _KEYS_OF_SCOPE.get(scope)
        if allowed is None:
            return Fault(("spec", at), f"spec.{at}: {scope}: unsupported scope")
        wrong = sorted(key for key in keys if "/" not in key and key not in allowed)
        if wrong:
            return Fault(("spec", at), f"spec.{at}: {scope}: unsupported scope applied to resource {wrong[0]}")
    if found >= {"BestEffort", "NotBestEffort"} or found >= {"Terminating", "NotTerminating"}:
        return Fault(("spec", at), f"spec.{at}: conflicting scopes")
    return None


def read_quota_pod(  # noqa: PLR0913 - a pod as admitted, and its namespace's default
    spec: dict[str, Any],
    containers: Sequence[Container],
    pod_level: Resources | None,
    overhead: Amounts,
    qos: str | None,
    *,
    default_class: str = "",
) -> QuotaPod:
    """Return what a quota sees of a pod as admitted; `default_class` is the name of the default PriorityClass.

    NOTE: admission writes that name into a pod without a class, before quotas look at it.
    """
    deadline, name = spec.get("activeDeadlineSeconds"), spec.get("priorityClassName")
    return QuotaPod(
        tuple(counted(containers)),
        pod_level,
        overhead,
        qos,
        isinstance(deadline, int) and not isinstance(deadline, bool) and deadline >= 0,
        name if isinstance(name, str) and name else default_class,
        crosses_namespaces(spec.get("affinity")),
    )


def crosses_namespaces(affinity: object) -> bool:
    """Return whether a term of pod affinity or anti-affinity names namespaces or selects them."""
    return any(map(_crosses, _terms(affinity)))


def _terms(affinity: object) -> Iterator[object]:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = _get(affinity, kind)
        required = _get(rules, "requiredDuringSchedulingIgnoredDuringExecution")
        yield from required if isinstance(required, list) else ()
        preferred = _get(rules, "preferredDuringSchedulingIgnoredDuringExecution")
        for weighted in preferred if isinstance(preferred, list) else ():
            yield _get(weighted, "podAffinityTerm")


def _crosses(term: object) -> bool:
    """NOTE: an empty namespaceSelector selects every namespace, so it counts."""
    return bool(_get(term, "namespaces")) or _get(term, "namespaceSelector") is not None


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def covers(quota: Quota, pod: QuotaPod) -> bool:
    """Return whether the quota is known to count the pod: a key about pods, and every scope matches (Matches)."""
    selector = (*((scope, "Exists", ()) for scope in quota.scopes), *quota.selector)
    return bool(quota.hard) and all(_matches(pod, *each) for each in selector)


def _matches(pod: QuotaPod, scope: str, operator: str, values: tuple[str, ...]) -> bool:
    match scope:
        case "BestEffort":
            return pod.qos == "BestEffort"
        case "NotBestEffort":
            return pod.qos is not None and pod.qos != "BestEffort"
        case "Terminating" | "NotTerminating":
            return pod.terminating is (scope == "Terminating")
        case "CrossNamespacePodAffinity":
            return pod.cross_namespace_affinity
        case "PriorityClass":
            has = bool(pod.priority_class)
            found = has if operator in ("Exists", "DoesNotExist") else has and pod.priority_class in values
            return found is (operator in ("Exists", "In"))
    return False


def usage(pod: QuotaPod) -> Amounts:
    """Return what the pod takes from each key of a quota, in thousandths (PodUsageFunc); overhead counts.

    A key is absent when nothing sets it or an amount in it cannot be read. Limits are those that are declared.
    """
    used = dict.fromkeys(_COUNTS, 1000)
    names = {"cpu", "memory", *(key for container in pod.containers for key in container.requests), *pod.overhead}
    names.update(pod.pod_level.requests if pod.pod_level is not None else ())
    for key in sorted(names):
        request = pod_request(pod.containers, pod.pod_level, pod.overhead, key)
        if request is not None and _known(pod, "requests", key):
            used[key] = used[f"requests.{key}"] = request
    for key in ("cpu", "memory"):
        limit = pod_limit(pod.containers, pod.pod_level, pod.overhead, key)
        if limit is not None and _known(pod, "limits", key):
            used[f"limits.{key}"] = limit
    return used


def _known(pod: QuotaPod, block: str, key: str) -> bool:
    entry, level = f"{block}.{key}", pod.pod_level
    if level is not None:
        if key in (level.requests if block == "requests" else level.limits):
            return True
        if entry in level.unreadable:
            return False
    return not any(entry in container.unreadable for container in pod.containers)


def unspecified(quota: Quota, pod: QuotaPod) -> tuple[tuple[str, str], ...]:
    """Return each key of the quota with each container, init ones too, that sets no amount for it; both sorted.

    Empty with pod-level resources, or where the quota does not count the pod. What cannot be read is set.
    """
    level = pod.pod_level
    if level is not None and (level.requests or level.limits or level.unreadable):
        return ()
    if not covers(quota, pod):
        return ()
    found: set[tuple[str, str]] = set()
    for key in quota.hard.keys() & _COMPUTE.keys():
        block, resource = _COMPUTE[key]
        for container in pod.containers:
            amounts = container.requests if block == "requests" else container.limits
            if resource not in amounts and f"{block}.{resource}" not in container.unreadable:
                found.add((key, container.name))
    return tuple(sorted(found))


def must_specify(quota: Quota, pod: QuotaPod) -> str | None:
    """Return why the quota refuses a pod whose containers do not say enough, in the API server's words, else None."""
    missing: dict[str, list[str]] = {}
    for key, container in unspecified(quota, pod):
        missing.setdefault(key, []).append(container)
    if not missing:
        return None
    words = "; ".join(f"{key} for: {','.join(containers)}" for key, containers in missing.items())
    return f"failed quota: {_short(quota)}: must specify {words}"


def exceeded(quota: Quota, usage: Amounts, pods: int = 1) -> str | None:
    """Return why the first of `pods` equal pods that no longer fits is refused, in the API server's words, else None.

    The quota is taken as empty before them, and as counting them (`covers`). What a pod uses none of refuses nothing.
    """
    asked = {key: amount for key, amount in usage.items() if amount and key in quota.hard}
    fitting = min((quota.hard[key] // amount for key, amount in asked.items()), default=pods)
    if pods <= fitting:
        return None
    over = sorted(key for key, amount in asked.items() if amount * (fitting + 1) > quota.hard[key])
    requested = ",".join(f"{key}={_print(key, asked[key])}" for key in over)
    used = ",".join(f"{key}={_print(key, asked[key] * fitting)}" for key in over)
    limited = ",".join(f"{key}={_print(key, quota.hard[key])}" for key in over)
    return f"exceeded quota: {_short(quota)}, requested: {requested}, used: {used}, limited: {limited}"


def refusals(quotas: Iterable[Quota], pod: QuotaPod) -> Iterator[tuple[Quota, str]]:
    """Yield each quota that refuses a single pod, and why; first those that a container does not say enough for.

    NOTE: the API server tells one reason, and takes quotas in no particular order.
    """
    covering = [quota for quota in quotas if covers(quota, pod)]
    if not covering:
        return
    used = usage(pod)
    for reasons in ([must_specify(q, pod) for q in covering], [exceeded(q, used) for q in covering]):
        yield from ((quota, words) for quota, words in zip(covering, reasons, strict=True) if words is not None)


def _short(quota: Quota) -> str:
    """Return the name without its namespace, as the API server tells it."""
    return quota.name.rpartition("/")[2]


def _print(key: str, milli: int) -> str:
    """Return an amount as the API server prints it; only memory has binary suffixes.

    NOTE: the API server keeps the family that was written, which sums here do not know: the shorter one is taken.
    """
    if key in _COUNTS or key.endswith("cpu"):
        read = parse(f"{milli}m")
        return read.text if isinstance(read, QuantityError) else read.canonical()
    return show(milli)
