"""Memory QoS: memory.high, from which on a cgroup is throttled, and memory.min and memory.low, which protect it.

Source: KEP-2570; kuberuntime_container_linux.go (generateLinuxContainerResources) and pkg/kubelet/cm/helpers_linux.go
(ApplyPodLevelMemoryHigh, ResourceConfigForPod) of 1.28 to 1.37. Only on cgroup v2, with the gate MemoryQoS.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from auditor.kube.kubelet import kubelet_target
from auditor.kube.nodes import NodeSettings
from auditor.kube.objects import Container, Resources
from auditor.kube.quantity import whole_bytes
from auditor.kube.resources import counted
from auditor.kube.versions import Since, Target

DEFAULT_FACTOR = 0.9
"""memoryThrottlingFactor up to 1.36 where it is not set (defaults.go); since 1.37 there is none."""


class Protection(NamedTuple):
    """What the kubelet writes to keep memory from being reclaimed; None: nothing is written, or not known."""

    min_bytes: int | None
    """memory.min: never reclaimed."""
    low_bytes: int | None
    """memory.low: reclaimed only when nothing else is left."""


_NOTHING = Protection(None, None)


def container_memory_high(
    container: Container, pod_level: Resources | None, *, node: NodeSettings, target: Target
) -> int | None:
    """Return memory.high of a container's cgroup in bytes, a multiple of the page size.

    None: nothing is written, or it is not known (no configuration, no allocatable memory, unreadable amounts).
    floor((request + factor * (top - request)) / page) * page in float64, where top is the container's own limit, or the
    node's allocatable memory where it has none; written only above the request. Not for request == limit (up to 1.36
    also where both are 0), and from 1.37 not for a container without a limit in a pod with a pod-level one.
    """
    factor = _factor(node, target)
    if factor is None or _unreadable(container):
        return None
    request, limit = _bytes(container.requests.get("memory")), _bytes(container.limits.get("memory"))
    if request == limit and (request != 0 or node.minor < Since.POD_MEMORY_HIGH):
        return None
    if limit == 0 and pod_level is not None and _pod_throttles(pod_level, node, target):
        return None
    return _high(request, limit or node.allocatable_bytes or 0, factor, node.page_size_bytes)


def pod_memory_high(  # noqa: PLR0913 - a pod, its node and its version
    pod_level: Resources | None,
    containers: Sequence[Container],
    request_milli: int | None,
    limit_milli: int | None,
    *,
    node: NodeSettings,
    target: Target,
) -> int | None:
    """Return memory.high of a pod's cgroup in bytes (from 1.37), None when nothing is written or it is not known.

    Only for a pod with pod-level resources, where the pod level or every container and init container has a memory
    limit. Request and limit are those of the pod with its overhead; None is absent. The formula is the container's.
    """
    factor = _factor(node, target)
    if factor is None or node.minor < Since.POD_MEMORY_HIGH or pod_level is None or not _pod_level_on(node, target):
        return None
    if not (pod_level.requests or pod_level.limits) or any(entry.endswith(".memory") for entry in pod_level.unreadable):
        return None
    some = counted(containers)
    if any(_unreadable(container) for container in some):
        return None
    if not pod_level.limits.get("memory") and not all(container.limits.get("memory") for container in some):
        return None
    request, limit = _bytes(request_milli), _bytes(limit_milli)
    return None if limit in (0, request) else _high(request, limit, factor, node.page_size_bytes)


def container_protection(container: Container, qos: str | None, *, node: NodeSettings, target: Target) -> Protection:
    """Return memory.min and memory.low of a container's cgroup.

    Up to 1.35 memory.min is the request, if there is one, whatever the class. From 1.36 memoryReservationPolicy
    decides: TieredReservation gives a Guaranteed pod memory.min and others memory.low; without the policy, or without
    a request, the kubelet writes 0 to both.
    """
    if not _on(node, target) or "requests.memory" in container.unreadable:
        return _NOTHING
    request = _bytes(container.requests.get("memory"))
    if node.minor < Since.RESERVATION_POLICY:
        return Protection(request or None, None)
    return _tiered(request, qos) if request and _has_policy(node) else Protection(0, 0)


def pod_protection(request_milli: int | None, qos: str | None, *, node: NodeSettings, target: Target) -> Protection:
    """Return memory.min and memory.low of a pod's cgroup, for its request with overhead; None is absent.

    As for a container, but nothing is written where a container gets zeros. A BestEffort pod with overhead gets
    memory.low from TieredReservation.
    """
    request = _bytes(request_milli)
    if not request or not _on(node, target):
        return _NOTHING
    if node.minor < Since.RESERVATION_POLICY:
        return Protection(request, None)
    return _tiered(request, qos) if _has_policy(node) else _NOTHING


def _tiered(request_bytes: int, qos: str | None) -> Protection:
    if qos is None:
        return _NOTHING
    return Protection(request_bytes, None) if qos == "Guaranteed" else Protection(None, request_bytes)


def _has_policy(node: NodeSettings) -> bool:
    return node.config is not None and node.config.memory_reservation_policy == "TieredReservation"


def _on(node: NodeSettings, target: Target) -> bool:
    if node.config is None or node.cgroup_version != 2:
        return False
    return kubelet_target(node.config, target, node.minor).enabled("MemoryQoS")


def _pod_throttles(pod_level: Resources, node: NodeSettings, target: Target) -> bool:
    """Return whether memory.high of the pod's cgroup takes the place of a container's; true too if it may."""
    limited = bool(pod_level.limits.get("memory")) or "limits.memory" in pod_level.unreadable
    return limited and node.minor >= Since.POD_MEMORY_HIGH and _pod_level_on(node, target)


def _pod_level_on(node: NodeSettings, target: Target) -> bool:
    return kubelet_target(node.config, target, node.minor).enabled("PodLevelResources")


def _factor(node: NodeSettings, target: Target) -> float | None:
    """Return the throttling factor in force; None: no memory.high is written, or the kubelet refuses the factor."""
    if node.config is None or not _on(node, target):
        return None
    factor = node.config.memory_throttling_factor
    if factor is None:
        return DEFAULT_FACTOR if node.minor < Since.POD_MEMORY_HIGH else None
    return factor if 0 < factor <= 1 else None


def _unreadable(container: Container) -> bool:
    return "requests.memory" in container.unreadable or "limits.memory" in container.unreadable


def _high(request_bytes: int, top_bytes: int, factor: float, page_size_bytes: int) -> int | None:
    # float64 as in Go, which floors before it divides.
    raw = math.floor(float(request_bytes) + (float(top_bytes) - float(request_bytes)) * factor)
    high = int(float(raw) / float(page_size_bytes)) * page_size_bytes
    return high if high > request_bytes else None


def _bytes(milli: int | None) -> int:
    return 0 if milli is None else whole_bytes(milli)
