"""oom_score_adj of a container's processes.

Source: pkg/kubelet/qos/policy.go and helpers.go, v1.37.2.
"""

from auditor.kube import qos
from auditor.kube.objects import Container, PodResources
from auditor.kube.resources import container_requests

GUARANTEED_ADJ, BEST_EFFORT_ADJ = -997, 1000


def oom_score_adj(container: Container, pod: PodResources, qos_class: str, capacity: int | None, minor: int) -> int | None:
    """Return the score adjustment; None for a Burstable pod when the node's memory capacity (bytes) is not known."""
    if qos_class == qos.GUARANTEED:
        return GUARANTEED_ADJ
    if qos_class == qos.BEST_EFFORT:
        return BEST_EFFORT_ADJ
    if not capacity:
        return None
    share = _pod_level_share(pod)
    # Go divides first and subtracts then, so the parentheses matter: -(a // b) is not (-a) // b.
    score = 1000 - (1000 * ((container.requests.memory or 0) + share)) // capacity
    apps = [c.requests.memory or 0 for c in pod.containers if c.type == "app"]
    if container.type == "sidecar" and apps and minor >= 33:
        score = min(score, 1000 - (1000 * (min(apps) + share)) // capacity)
    # Guaranteed pods must be killed after every Burstable one, BestEffort ones before.
    return max(1000 + GUARANTEED_ADJ, min(score, BEST_EFFORT_ADJ - 1))


def _pod_level_share(pod: PodResources) -> int:
    """Return what each container gets of the pod-level request beyond the containers' own."""
    if not pod.requests.memory or not pod.containers:
        return 0
    return max(pod.requests.memory - (container_requests(pod.containers) or 0), 0) // len(pod.containers)
