"""What sizing takes and gives: a container with its history, a profile, a recommendation, totals.

Bytes are whole numbers, None is unknown or absent, never zero.
"""

from typing import Any

import msgspec

from auditor.facts.model import HeapFacts
from auditor.kube.paths import Path
from auditor.usage.model import UsageDay, UsageFacts

MIB = 2**20
GIB = 2**30


class SizingInput(msgspec.Struct, frozen=True, kw_only=True):
    """One container of a workload with what the manifest says of it and what history knows."""

    cluster: str = ""
    """The cluster's name; empty when nobody names it."""
    api_version: str
    """Of the workload, as written, such as `apps/v1`."""
    kind: str
    """Of the workload."""
    namespace: str | None = None
    """As written or as given by `--namespace`; None when nobody says it."""
    written_namespace: str | None = None
    """metadata.namespace exactly as the manifest has it: what a patch must say to find the object."""
    name: str
    """metadata.name of the workload."""
    replicas: int | None = None
    """How many pods it asks for; None when not known."""
    pod_path: Path = ("spec", "template", "spec")
    """The path of the pod spec below the object."""
    pod_containers: int = 1
    """App containers and sidecars of the pod: what the VPA splits its smallest pod over."""
    scaled_by_memory: bool = False
    """True when a HorizontalPodAutoscaler scales it by memory: krr then recommends nothing."""
    container: str
    """The container's name."""
    container_type: str = "app"
    """`app`, `init`, `sidecar` or `ephemeral`."""
    list_name: str = "containers"
    """`containers`, `initContainers` or `ephemeralContainers`."""
    index: int = 0
    """Its place in that list, from 0."""
    resources: Any = None
    """Its `resources` as the manifest has it, untrusted; None without. JSON patches must know which parents exist."""
    request_bytes: int | None = None
    """The memory request as admitted; None without one."""
    limit_bytes: int | None = None
    """The memory limit as admitted; None without one, 0 is written and means none to Kubernetes."""
    heap: HeapFacts | None = None
    """What its language runtime was told; None when none is recognised."""
    usage: UsageFacts | None = None
    """Its history over the window; None without any."""
    days: tuple[UsageDay, ...] = ()
    """The rows behind `usage`: pod-days that a new value would have cut are counted on them, the back-test fits and
    judges on them."""


class ContainerNumbers(msgspec.Struct, frozen=True):
    """The variable `container` of a profile."""

    type: str
    """`app`, `init`, `sidecar` or `ephemeral`."""
    request_bytes: int | None
    """The current memory request as admitted; absent without one."""
    limit_bytes: int | None
    """The current memory limit as admitted; absent without one, and when it is 0, which means none."""
    heap_max_bytes: int | None
    """The most that its runtime was told, such as -Xmx; absent when not declared or not known."""
    runtime: str | None
    """`jvm`, `nodejs`, `go`, `dotnet`, `redis`, `memcached` or `postgresql`; absent when none is recognised."""
    replicas: int | None
    """How many pods the workload asks for; absent when not known."""


class Estimate(msgspec.Struct, frozen=True):
    """The variable `estimate` of a profile that names an estimator."""

    target_bytes: int
    """What the estimator would request."""
    lower_bytes: int | None
    """The lower bound of its confidence; absent when it has none."""
    upper_bytes: int | None
    """The upper bound of its confidence; absent when it has none."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One profile file: how request and limit follow from history."""

    id: str
    """The file's name without its ending."""
    why: str
    """Whom it is for, and where its numbers come from."""
    params: dict[str, Any] = {}
    """Parameters with their defaults."""
    estimator: str | None = None
    """`vpa` or `krr`: fills the variable `estimate`; None without."""
    request: str
    """CEL of an int: the memory request in bytes."""
    limit: str | None = None
    """CEL of an int: the memory limit in bytes; None leaves limits alone."""
    limit_when: str | None = None
    """CEL condition: where it does not hold, the limit is left alone; None is always."""
    file: str
    """Where it was read."""


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile says of one container."""

    cluster: str
    """As in the input."""
    namespace: str | None
    """As in the input."""
    kind: str
    """As in the input."""
    name: str
    """As in the input."""
    container: str
    """As in the input."""
    container_type: str
    """As in the input."""
    replicas: int | None
    """As in the input; None when not known."""
    profile: str
    """The profile's id."""
    request_bytes: int | None
    """The current request; None without one."""
    limit_bytes: int | None
    """The current limit; None without one."""
    recommended_request_bytes: int | None
    """The request to set; None when nothing is recommended."""
    recommended_limit_bytes: int | None
    """The limit to set; None when nothing is recommended, or no limit."""
    reasons: tuple[str, ...]
    """Why the numbers are these, or why there are none: each a short sentence without a period."""
    days: int | None
    """Days with samples; None without history."""
    coverage_ratio: float | None
    """Share of the window's samples that are there, 0 to 1; None without history."""
    floor_bytes: int | None
    """The least limit that the runtime's heap needs; None without a declared heap of a fixed size."""
    floor_applied: bool
    """True when a floor of the heap raised the request or the limit."""
    pod_days: int | None
    """Pod-days of the window with a known peak; None without rows."""
    request_over_pod_days: int | None
    """Pod-days whose peak was above the recommended request; None without rows or recommendation."""
    limit_over_pod_days: int | None
    """Pod-days whose peak was above the recommended limit, which it would have cut; None as above, or without limit."""
    request_difference_bytes: int | None
    """Recommended minus current request, a missing request counted as 0, times replicas; None when not known."""
    limit_difference_bytes: int | None
    """Recommended minus current limit times replicas; None when not known or when either is unlimited."""
    monthly_cost_difference: float | None
    """What `request_difference_bytes` costs a month of 730 hours, in the price's currency; None without a price,
    when not known, and for a plain init container, whose request is not reserved beside the others'."""

    @property
    def changed(self) -> bool:
        """True when there is something to set that is not so already."""
        current = (self.request_bytes, self.limit_bytes)
        return self.sized and current != (self.recommended_request_bytes, self.recommended_limit_bytes)

    @property
    def sized(self) -> bool:
        """True when something is recommended, be it the current values."""
        return self.recommended_request_bytes is not None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The recommendations of one namespace together; containers without a number of replicas are only counted."""

    cluster: str
    """The cluster's name; empty when nobody names it."""
    namespace: str | None
    """The namespace; None for workloads that name none."""
    containers: int
    """All containers."""
    unsized: int
    """Containers for which nothing is recommended: they count with their current values."""
    uncounted: int
    """Containers without a known number of replicas: in no sum."""
    request_bytes: int
    """Current requests times replicas."""
    recommended_request_bytes: int
    """Recommended requests times replicas."""
    limit_bytes: int
    """Current limits times replicas; containers without one add nothing."""
    recommended_limit_bytes: int
    """Recommended limits times replicas; containers without one add nothing."""
    monthly_cost_difference: float | None
    """What the difference of the requests costs a month of 730 hours; None without a price."""
