"""QoS classes.

Source: pkg/apis/core/v1/helper/qos/qos.go, v1.37.2; KEP-2837 for the pod level.
"""

from collections.abc import Iterator

from auditor.kube.objects import PodResources
from auditor.kube.versions import Target

GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"


def qos_class(pod: PodResources, target: Target) -> str:
    """Return the QoS class of an admitted pod: zero quantities are ignored, hugepages never count."""
    if _uses_pod_level(pod, target):
        pairs = [(pod.requests, pod.limits)]
        limits_set = pod.limits.memory is not None or pod.limits.cpu is not None or pod.limits.hugepages
    else:
        pairs = [(c.requests, c.limits) for c in pod.containers]
        limits_set = True
    request_memory = sum(r.memory or 0 for r, _ in pairs)
    request_cpu = sum(r.cpu or 0 for r, _ in pairs)
    limit_memory = sum(limit.memory or 0 for _, limit in pairs)
    limit_cpu = sum(limit.cpu or 0 for _, limit in pairs)
    if not (request_memory or request_cpu or limit_memory or limit_cpu):
        return BEST_EFFORT
    complete = limits_set and all(limit.memory and limit.cpu for _, limit in pairs)
    same = request_memory == limit_memory and request_cpu == limit_cpu
    return GUARANTEED if complete and same else BURSTABLE


def _uses_pod_level(pod: PodResources, target: Target) -> bool:
    """Return whether the pod level decides; before the fix an empty `resources: {}` hid the containers."""
    if not pod.pod_level:
        return False
    return pod.pod_level_set or not target.enabled("PodLevelResourcesFixKubeletQOSClass")


def obstacles(pod: PodResources, target: Target) -> Iterator[str]:
    """Yield what keeps a pod from Guaranteed, such as `container web: no cpu limit`."""
    if _uses_pod_level(pod, target):
        for name in ("cpu", "memory"):
            yield from _obstacle("pod level", name, getattr(pod.requests, name), getattr(pod.limits, name))
        return
    for container in pod.containers:
        kind = {"init": "init container", "sidecar": "sidecar"}.get(container.type, "container")
        for name in ("cpu", "memory"):
            request, limit = getattr(container.requests, name), getattr(container.limits, name)
            yield from _obstacle(f"{kind} {container.name}", name, request, limit)


def _obstacle(where: str, resource: str, request: int | None, limit: int | None) -> Iterator[str]:
    if not limit:
        yield f"{where}: no {resource} limit"
    elif request != limit:
        yield f"{where}: {resource} request is not its limit"
