"""What the kubelet writes into cgroups and mounts: memory.max of pods and containers, the size of a tmpfs.

Source: pkg/kubelet/cm/helpers_linux.go (ResourceConfigForPod), kuberuntime_container_linux.go and
pkg/volume/emptydir/empty_dir.go of 1.28 to 1.37.
"""

from collections.abc import Sequence

from auditor.kube.objects import Container, Resources
from auditor.kube.quantity import whole_bytes
from auditor.kube.versions import Since


def pod_memory_max(
    qos: str, limit_milli: int | None, containers: Sequence[Container], pod_level: Resources | None, *, minor: int
) -> int | None:
    """Return memory.max of the pod's cgroup in bytes, None when unlimited; `limit_milli` includes the overhead."""
    if qos == "BestEffort" or not limit_milli:
        return None
    pod_limited = pod_level is not None and pod_level.limits.get("memory", 0) > 0
    if qos == "Guaranteed" or pod_limited or _all_limited(containers, minor):
        return whole_bytes(limit_milli)
    return None


def _all_limited(containers: Sequence[Container], minor: int) -> bool:
    """Return whether every container has a memory limit, as the kubelet counts.

    NOTE: up to 1.36 the limits of sidecars are added to those of the init containers and sidecars after them before
    they are looked at, so that one without a limit behind a limited sidecar counts as limited.
    """
    if minor >= Since.LIMITS_COUNTED_ONE_BY_ONE:
        return all(container.limits.get("memory") for container in containers)
    before = 0
    for container in containers:
        limit = container.limits.get("memory", 0)
        if not limit + (before if container.type != "app" else 0):
            return False
        before += limit if container.type == "sidecar" else 0
    return True


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
    return whole_bytes(limit) if limit else None


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
