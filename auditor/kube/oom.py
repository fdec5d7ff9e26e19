"""oom_score_adj of a container's processes. Source: pkg/kubelet/qos/policy.go and helpers.go of 1.28 to 1.37."""

from collections.abc import Sequence

import msgspec

from auditor.kube.objects import Container, Resources
from auditor.kube.quantity import whole_bytes
from auditor.kube.resources import aggregate
from auditor.kube.versions import Since

_GUARANTEED = -997
_BEST_EFFORT = 1000
_LOWEST_BURSTABLE = 3
_HIGHEST_BURSTABLE = 999


class OomPod(msgspec.Struct, frozen=True):
    """What a pod contributes to the score of its containers; made once for a pod."""

    qos: str | None
    node_critical: bool
    capacity_bytes: int | None
    """The node's memory capacity; None when nodes differ or none is known."""
    share_bytes: int
    """What each container gets of the pod-level request that no container asks for."""
    smallest_app_request_bytes: int
    sidecar_rule: bool
    """True from 1.32: a sidecar is at most as likely a victim as the app container with the smallest request."""


def oom_pod(  # noqa: PLR0913 - a pod, its node and its version
    containers: Sequence[Container],
    pod_level: Resources | None,
    qos: str | None,
    *,
    node_critical: bool,
    capacity_bytes: int | None,
    minor: int,
) -> OomPod:
    """Return what the containers of a pod have in common; `containers` without ephemeral ones."""
    share = 0
    pod_request = pod_level.requests.get("memory", 0) if pod_level is not None else 0
    if pod_request and containers:
        rest = whole_bytes(pod_request) - whole_bytes(aggregate(containers, "requests", "memory") or 0)
        share = max(rest, 0) // len(containers)
    smallest = min((whole_bytes(c.requests.get("memory", 0)) for c in containers if c.type == "app"), default=0)
    return OomPod(qos, node_critical, capacity_bytes, share, smallest, minor >= Since.SIDECAR_SCORES)


def oom_score_adj(container: Container, pod: OomPod) -> int | None:
    """Return the score, None where it depends on a node or an amount that is not known."""
    if pod.node_critical or pod.qos == "Guaranteed":
        return _GUARANTEED
    if pod.qos is None or "requests.memory" in container.unreadable:
        return None
    if pod.qos == "BestEffort":
        return _BEST_EFFORT
    request = whole_bytes(container.requests.get("memory", 0))
    if container.type == "sidecar" and pod.sidecar_rule:
        request = max(request, pod.smallest_app_request_bytes)
    request += pod.share_bytes
    if request == 0:
        return _HIGHEST_BURSTABLE
    if not pod.capacity_bytes:
        return None
    score = 1000 - 1000 * request // pod.capacity_bytes
    return min(max(score, _LOWEST_BURSTABLE), _HIGHEST_BURSTABLE)
