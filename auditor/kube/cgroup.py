"""What the kubelet writes into cgroups and mounts as tmpfs.

Source: pkg/kubelet/cm/helpers_linux.go (ResourceConfigForPod), kuberuntime_container_linux.go,
pkg/volume/emptydir/empty_dir.go, v1.37.2.
"""

from auditor.kube import qos
from auditor.kube.objects import Container, PodResources
from auditor.kube.resources import effective_limit
from auditor.kube.versions import Target


def pod_memory_max(pod: PodResources, qos_class: str) -> int | None:
    """Return memory.max of the pod's cgroup in bytes; None is unlimited.

    Burstable pods have one only when every app, init and sidecar container has a limit, or the pod level has one.
    """
    if qos_class == qos.BEST_EFFORT:
        return None
    limited = bool(pod.limits.memory) or all(c.limits.memory for c in pod.containers)
    if qos_class == qos.BURSTABLE and not limited:
        return None
    return effective_limit(pod) or None


def container_memory_max(container: Container, pod: PodResources) -> int | None:
    """Return memory.max of a container's cgroup in bytes: its own limit, else the pod level's; None is unlimited."""
    return container.limits.memory or pod.limits.memory or None


def tmpfs_size(size_limit: int | None, pod_max: int | None, allocatable: int | None, target: Target) -> int | None:
    """Return the size of a Memory emptyDir's mount in bytes.

    The node's allocatable memory, cut by the pod's memory.max and then by a sizeLimit above zero that is not larger.
    Without a node the smaller of the two, which holds on every node that is not smaller still; None when there is
    neither, or the version mounts without a size.
    """
    if not target.enabled("SizeMemoryBackedVolumes"):
        return None
    size = allocatable
    if pod_max and (size is None or pod_max <= size):
        size = pod_max
    if size_limit and size_limit > 0 and (size is None or size_limit <= size):
        size = size_limit
    return size
