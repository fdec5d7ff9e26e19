"""QoS classes. Source: pkg/apis/core/v1/helper/qos/qos.go of 1.37, and its form before the fix gate."""

from collections.abc import Sequence
from functools import lru_cache

from auditor.kube.objects import Amounts, Container, Resources
from auditor.kube.quantity import show

_WORDS = {"app": "container", "init": "init container", "sidecar": "sidecar"}


def uses_pod_level(pod_level: Resources | None, *, fixed: bool) -> bool:
    """Return whether the pod level alone decides the class.

    `fixed` is PodLevelResourcesFixKubeletQOSClass: without it an empty `resources: {}` hides the containers.
    """
    return pod_level is not None and bool(not fixed or pod_level.requests or pod_level.limits)


def qos_class(containers: Sequence[Container], pod_level: Resources | None, *, fixed: bool) -> str:
    """Return Guaranteed, Burstable or BestEffort for containers without ephemeral ones, all amounts as admitted."""
    if pod_level is not None and uses_pod_level(pod_level, fixed=fixed):
        return _pod_level_class(pod_level)
    anything, guaranteed = False, True
    for container in containers:
        requests, limits = container.requests, container.limits
        cpu_limit, memory_limit = limits.get("cpu", 0), limits.get("memory", 0)
        cpu_request, memory_request = requests.get("cpu", 0), requests.get("memory", 0)
        if cpu_limit or memory_limit or cpu_request or memory_request:
            anything = True
        if not cpu_limit or not memory_limit or cpu_request != cpu_limit or memory_request != memory_limit:
            guaranteed = False
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _pod_level_class(pod_level: Resources) -> str:
    requests, limits = _positive(pod_level.requests), _positive(pod_level.limits)
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if requests == limits and len(limits) == 2 else "Burstable"


def _positive(amounts: Amounts) -> Amounts:
    return {key: amounts[key] for key in ("cpu", "memory") if amounts.get(key, 0) > 0}


def qos_obstacles(containers: Sequence[Container], pod_level: Resources | None, *, fixed: bool) -> tuple[str, ...]:
    """Return what keeps the pod from Guaranteed, such as `container web: no cpu limit`."""
    if pod_level is not None and uses_pod_level(pod_level, fixed=fixed):
        return tuple(f"pod: {words}" for words in _obstacles(pod_level.requests, pod_level.limits))
    return tuple(
        f"{_WORDS.get(container.type, 'container')} {container.name}: {words}"
        for container in containers
        for words in _obstacles(container.requests, container.limits)
    )


def _obstacles(requests: Amounts, limits: Amounts) -> tuple[str, ...]:
    return _words(limits.get("memory", 0), requests.get("memory", 0), limits.get("cpu", 0), requests.get("cpu", 0))


@lru_cache(maxsize=4096)
def _words(memory_limit: int, memory_request: int, cpu_limit: int, cpu_request: int) -> tuple[str, ...]:
    found = []
    for key, limit, request in (("memory", memory_limit, memory_request), ("cpu", cpu_limit, cpu_request)):
        if not limit:
            found.append(f"no {key} limit")
        elif not request:
            found.append(f"no {key} request")
        elif request != limit:
            found.append(f"{key} request {show(request)} is not its limit {show(limit)}")
    return tuple(found)
