"""What the kubelet writes into cgroups and mounts: memory.max of pods and containers, the size of a tmpfs.

Source: pkg/kubelet/cm/helpers_linux.go (ResourceConfigForPod), kuberuntime_container_linux.go and
pkg/volume/emptydir/empty_dir.go of 1.37. memory.high and memory.swap.max need the node's configuration and are not
computed yet.
"""

from collections.abc import Sequence

from auditor.kube.objects import Container, Resources


def pod_memory_max(
    qos: str, limit_milli: int | None, containers: Sequence[Container], pod_level: Resources | None
) -> int | None:
    """Return memory.max of the pod's cgroup in bytes, None when unlimited; `limit_milli` includes the overhead."""
    if qos == "BestEffort" or not limit_milli:
        return None
    pod_limited = pod_level is not None and pod_level.limits.get("memory", 0) > 0
    if qos == "Guaranteed" or pod_limited or all(container.limits.get("memory") for container in containers):
        return -(-limit_milli // 1000)
    return None


def container_memory_max(container: Container, pod_level: Resources | None) -> int | None:
    """Return memory.max of a container's cgroup in bytes, None when unlimited or not known.

    An ephemeral container has none of its own: the pod's cgroup bounds it.
    """
    if container.type == "ephemeral":
        return None
    limit = container.limits.get("memory")
    if not limit:
        if pod_level is None or "limits.memory" in container.unreadable:
            return None
        limit = pod_level.limits.get("memory")
    return -(-limit // 1000) if limit else None


def tmpfs_size(
    size_limit_bytes: int | None, pod_max_bytes: int | None, allocatables_bytes: Sequence[int]
) -> int | None:
    """Return the size of the mount in bytes, None where it depends on a node that is not known.

    The kubelet takes the smallest of sizeLimit, the pod's memory.max and the node's allocatable memory; zeros do not
    count. Without nodes, a node is taken to have at least what the manifest bounds.
    """
    declared = [bound for bound in (size_limit_bytes, pod_max_bytes) if bound]
    smallest = min(declared) if declared else None
    sizes = {node if smallest is None else min(node, smallest) for node in allocatables_bytes if node}
    if len(sizes) > 1:
        return None
    return sizes.pop() if sizes else smallest
