"""Facts about what stands around the pods: namespaces, LimitRanges, quotas, autoscalers, kubelets, nodes, the cluster.

They come from objects of the same input. Sums over workloads count what the input holds: replicas, or an autoscaler's
upper bound where a fact says so.
"""

import msgspec


class NamespaceFacts(msgspec.Struct, frozen=True):
    """A namespace that has workloads in the input."""

    name: str
    """Its name."""
    workloads_total: int
    """Workloads of the input that are in it."""
    limit_range: bool
    """True when a LimitRange of the input bounds or defaults memory there, or may: one cannot be read."""
    memory_quota: bool
    """True when a ResourceQuota of the input bounds memory there, or may: one cannot be read."""
    request_bytes: int
    """Sum of effective pod requests times replicas, of workloads whose numbers are known."""
    limit_bytes: int
    """Sum of effective pod limits times replicas, of workloads whose numbers are known."""
    complete: bool
    """True when the input is said to be the whole cluster (`--complete`)."""


class LimitRangeFacts(msgspec.Struct, frozen=True):
    """One entry of a LimitRange's `spec.limits`."""

    name: str
    """Its namespace and name, such as `team-a/limits`."""
    type: str
    """`Container`, `Pod` or `PersistentVolumeClaim`."""
    inconsistent: str | None
    """What contradicts itself for memory, such as `min 2Gi is above max 1Gi`; absent when nothing does."""
    inconsistent_at: str | None
    """Path of the first contradiction below the entry, such as `min.memory`; absent when there is none."""


class QuotaFacts(msgspec.Struct, frozen=True):
    """One memory key of a ResourceQuota's `spec.hard`."""

    name: str
    """The quota's namespace and name, such as `team-a/quota`."""
    key: str
    """The key as written: `memory`, `requests.memory`, `limits.memory`."""
    hard_bytes: int
    """The bound."""
    used_bytes: int
    """What the covered workloads of the input charge: effective pods times replicas."""
    used_max_bytes: int
    """The same with every autoscaler at its upper bound."""
    workloads_total: int
    """The covered workloads that are counted."""
    not_counted: tuple[str, ...]
    """Covered workloads whose pods or replicas are not known, such as `DaemonSet/agent`."""


class AutoscalerFacts(msgspec.Struct, frozen=True):
    """One memory metric of a HorizontalPodAutoscaler or ScaledObject, or one VerticalPodAutoscaler.

    A horizontal autoscaler without a memory metric is one subject without a metric.
    """

    kind: str
    """`HorizontalPodAutoscaler`, `ScaledObject` or `VerticalPodAutoscaler`."""
    name: str
    """Its name."""
    target: str
    """Kind and name of what it acts on, such as `Deployment/web`."""
    target_found: bool
    """True when the target is in the input."""
    complete: bool
    """True when the input is said to be the whole cluster (`--complete`)."""
    target_replicas: int | None
    """The replicas that the target asks for; absent when not known."""
    min_replicas: int | None
    """Lower bound of a horizontal autoscaler, minReplicas of a vertical one; absent when not set there."""
    max_replicas: int | None
    """Upper bound of a horizontal autoscaler; absent for a vertical one."""
    metric_at: str | None
    """Path of the memory metric, such as `spec.metrics[0]`; absent without one."""
    memory_metric: str | None
    """`Utilization`, `AverageValue` or `Value` of the memory metric; absent without one."""
    metric_container: str | None
    """The one container that the metric counts; absent when it counts the whole pod."""
    utilization_percent: int | None
    """The target in percent of the request; absent for other metrics."""
    without_request: tuple[str, ...]
    """Containers that the metric counts and that have no memory request: the metric fails on each pod."""
    threshold_bytes: int | None
    """The use of a pod, or of the one container, above which it scales; absent when not known."""
    counted_limit_bytes: int | None
    """The memory limit of what is counted; absent when unlimited or not known."""
    pod_request_bytes: int | None
    """The effective request of one pod of the target; absent when not known."""
    max_request_bytes: int | None
    """That request times the upper bound; absent when not known."""
    room_pods: int | None
    """How many of the target's pods a quota or the nodes have room for, the least of them, when nothing else runs;
    absent when neither is known."""
    room: str | None
    """Who bounds it, in words: `ResourceQuota team-a/quota` or `the 3 nodes`; absent as above."""
    conflicts: tuple[str, ...]
    """Other autoscalers that act on memory of the same target, such as `VerticalPodAutoscaler/web`."""
    duplicates: tuple[str, ...]
    """Other vertical autoscalers on the same target that come before it and act; the first three."""
    update_mode: str | None
    """updatePolicy.updateMode of a vertical autoscaler as written; absent when not written."""
    mode: str | None
    """The mode in force: Off, Initial, Recreate, Auto, InPlaceOrRecreate or InPlace; absent for horizontal ones."""
    unbounded_containers: tuple[str, ...]
    """Containers whose limit it raises without bound: RequestsAndLimits, a limit, and no maxAllowed.memory; `*` for all
    containers of a target that is not in the input."""
    max_allowed_bytes: int | None
    """The largest maxAllowed.memory; absent when none is set."""
    max_allowed_at: str | None
    """Path of that bound; absent when none is set."""
    largest_node_bytes: int | None
    """The largest allocatable memory of a node; absent without nodes in the input."""
    outside_limit_range: str | None
    """A bound that a LimitRange of the namespace refuses, in words; absent when none does."""
    outside_limit_range_at: str | None
    """Path of that bound below the object; absent when there is none."""


class KubeletFacts(msgspec.Struct, frozen=True):
    """One KubeletConfiguration."""

    swap_behavior: str
    """memorySwap.swapBehavior as written, empty when not set."""
    swap_mode: str
    """What workloads get on nodes with swap: `none` (the kubelet does not start there), `NoSwap`, `LimitedSwap` or
    `UnlimitedSwap`."""
    fail_swap_on: bool
    """False when the kubelet tolerates swap on its node."""
    eviction_hard_set: bool
    """True when evictionHard is written."""
    memory_eviction: bool
    """True when a hard eviction threshold for memory.available is in force."""
    kube_reserved_bytes: int | None
    """kubeReserved memory; absent when not set."""
    system_reserved_bytes: int | None
    """systemReserved memory; absent when not set."""
    memory_throttling_factor: float | None
    """memoryThrottlingFactor; absent when not set."""
    tolerates_cgroup_v1: bool
    """True when failCgroupV1 is set to false on a version that refuses cgroup v1 by default (1.35 and later)."""
    refusals: tuple[str, ...]
    """Why the kubelet would not start with it, in its words."""


class NodeFacts(msgspec.Struct, frozen=True):
    """One Node."""

    name: str
    """Its name."""
    capacity_bytes: int | None
    """status.capacity.memory; absent when not there."""
    allocatable_bytes: int | None
    """status.allocatable.memory, or what its kubelet configuration leaves of the capacity; absent when not known."""
    swap_capacity_bytes: int | None
    """status.nodeInfo.swap.capacity (1.33 and later); absent when the node has no swap or does not say."""
    eviction_hard_bytes: int | None
    """The available memory below which its kubelet evicts at once; absent without its configuration."""
    pods_max_bytes: int | None
    """memory.max of the cgroup of all pods (kubepods): capacity without reservations; absent as above."""
    kernel: str | None
    """The kernel's version, such as `6.1`; absent when not there."""
    pods_total: int | None
    """Pods of the input that run on it; absent when the input does not say where pods run."""
    request_bytes: int | None
    """Sum of the effective requests of those pods; absent as above."""
    limit_bytes: int | None
    """Sum of the effective limits of those of them that have a memory.max; absent as above."""
    unbounded_pods: int | None
    """Those of them without a memory.max, which are in no sum of limits; absent as above."""
    unknown_pods: int | None
    """Those of them whose amounts could not be read, which are in no sum; absent as above."""
    cluster_limit_ratio: float | None
    """The same sum of limits over all nodes, divided by the allocatable memory of all; absent as above, and when a node
    does not say."""


class ClusterFacts(msgspec.Struct, frozen=True):
    """All nodes and all workloads of the input together."""

    nodes_total: int
    """Nodes in the input."""
    allocatable_bytes: int | None
    """Sum of their allocatable memory; absent without nodes or when one does not say."""
    largest_node_bytes: int | None
    """The largest of them; absent as above."""
    request_bytes: int
    """Sum of effective pod requests times replicas."""
    limit_bytes: int
    """Sum of effective limits times replicas, of pods that have a memory.max."""
    unbounded_pods: int
    """Pods without a memory.max, which are in no sum of limits."""
    not_counted: tuple[str, ...]
    """Workloads whose pods or replicas are not known."""
    quota_bytes: int
    """Sum of the memory quotas' hard bounds, of each namespace its smallest; zero without quotas."""
    without_largest_bytes: int | None
    """Sum of the allocatable memory of all nodes but the largest; absent as `allocatable_bytes`."""
    complete: bool
    """True when the input is said to be the whole cluster (`--complete`)."""
