"""How much swap a container may use: memory.swap.max of its cgroup.

Source: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go (configureContainerSwapResources,
GetContainerSwapBehavior, calcSwapForBurstablePods) of 1.28 to 1.37; KEP-2400.
"""

from auditor.kube.kubelet import kubelet_target, swap_mode
from auditor.kube.nodes import NodeSettings
from auditor.kube.objects import Container
from auditor.kube.versions import Since, Target


def swap_max_bytes(
    container: Container, *, qos: str | None, critical: bool, node: NodeSettings, target: Target
) -> int | None:
    """Return memory.swap.max of a container's cgroup in bytes: swap only, independent of memory.max.

    - Cgroup v1: None, there is no such file (memory.memsw.limit is set to the memory limit).
    - No swap controller: None, nothing is written (1.28 does not look).
    - UnlimitedSwap (1.28 and 1.29, NodeSwap on, anything but LimitedSwap): None, the kubelet writes `max`.
    - NoSwap, NodeSwap off, failSwapOn (such a node has no swap), or a swap capacity of 0: 0.
    - LimitedSwap: 0 for a critical pod (from 1.31), a pod that is not Burstable, a container without a memory request
      and limit, with request == limit, or with a request above the node's capacity; otherwise
      int(request / capacity * swap) in float64, of the machine's totals. Only the container's own amounts count.

    None too where it is not known: no configuration, no capacity, an amount or a class that cannot be read.
    `critical`: a static or mirror pod, or a priority of 2,000,000,000 and more.
    """
    config = node.config
    if (
        config is None
        or node.cgroup_version != 2
        or (not node.swap_controller and node.minor >= Since.SWAP_CONTROLLER_ASKED)
    ):
        return None
    mode = swap_mode(config, kubelet_target(config, target, node.minor))
    if mode == "UnlimitedSwap":
        return None
    if mode != "LimitedSwap" or (critical and node.minor >= Since.CRITICAL_PODS_WITHOUT_SWAP):
        return 0
    if qos is not None and qos != "Burstable":
        return 0
    if "requests.memory" in container.unreadable or "limits.memory" in container.unreadable:
        return None
    request_milli = container.requests.get("memory", 0)
    if request_milli == container.limits.get("memory", 0) or node.swap_capacity_bytes == 0:
        return 0
    if qos is None:
        return None
    return _share(-(-request_milli // 1000), node.capacity_bytes, node.swap_capacity_bytes)


def _share(request_bytes: int, capacity_bytes: int | None, swap_bytes: int | None) -> int | None:
    """Return the share of the swap that goes with a request (calcSwapForBurstablePods)."""
    if request_bytes == 0:
        return 0
    if capacity_bytes is None:
        return None
    if request_bytes > capacity_bytes:
        return 0
    if swap_bytes is None:
        return None
    return int(float(request_bytes) / float(capacity_bytes) * float(swap_bytes))
