"""Effective pod memory: what the scheduler counts.

Source: k8s.io/component-helpers resource/helpers.go (PodRequests, PodLimits), v1.37.2; KEP-753.
"""

from collections.abc import Iterable

from auditor.kube.objects import Container, PodResources


def aggregate(values: Iterable[tuple[str, int | None]]) -> int | None:
    """Return the container aggregate of one resource: (type, value) of init containers and sidecars first, in order.

    The larger of what runs together (app containers and sidecars) and the peak of the init phase (each init container
    with the sidecars that started before it). None when nobody sets the resource.
    """
    running = sidecars = peak = 0
    found = False
    for kind, value in values:
        if value is None:
            # An init container that sets nothing still runs beside the sidecars; those are in `running` anyway.
            continue
        found = True
        if kind == "app":
            running += value
        elif kind == "sidecar":
            running += value
            sidecars += value
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + value)
    return max(running, peak) if found else None


def container_requests(containers: Iterable[Container]) -> int | None:
    """Return the aggregate memory request in bytes."""
    return aggregate([(c.type, c.requests.memory) for c in containers])


def container_limits(containers: Iterable[Container]) -> int | None:
    """Return the aggregate memory limit in bytes: a sum of what is declared, not what the cgroup gets."""
    return aggregate([(c.type, c.limits.memory) for c in containers])


def effective_request(pod: PodResources) -> int | None:
    """Return the pod's memory request in bytes, pod level and overhead included; None when nobody sets one."""
    total = pod.requests.memory if pod.requests.memory is not None else container_requests(pod.containers)
    if pod.overhead is None:
        return total
    return (total or 0) + pod.overhead


def effective_limit(pod: PodResources) -> int | None:
    """Return the pod's memory limit in bytes; overhead is added only to a limit that is there and not zero."""
    total = pod.limits.memory if pod.limits.memory is not None else container_limits(pod.containers)
    return total + (pod.overhead or 0) if total else total


def running_request(pod: PodResources) -> int | None:
    """Return what app containers and sidecars request together, overhead included."""
    values = [c.requests.memory for c in pod.containers if c.type in ("app", "sidecar")]
    if all(value is None for value in values):
        return pod.overhead
    return sum(value or 0 for value in values) + (pod.overhead or 0)


def init_peak(pod: PodResources) -> tuple[int | None, str | None]:
    """Return the peak request of plain init containers with the sidecars before them, and the container at that peak.

    Overhead included; (None, None) without a plain init container that requests memory.
    """
    sidecars = 0
    best: tuple[int | None, str | None] = (None, None)
    for container in pod.containers:
        value = container.requests.memory
        if value is None:
            continue
        if container.type == "sidecar":
            sidecars += value
        elif container.type == "init" and (best[0] is None or sidecars + value > best[0]):
            best = (sidecars + value, container.name)
    return (None, None) if best[0] is None else (best[0] + (pod.overhead or 0), best[1])
