"""In-place resize: what a pod's status says, and what the scheduler and quotas count for a pod that is on a node.

Source: k8s.io/component-helpers/resource/helpers.go of 1.32 to 1.37, pkg/api/v1/resource/helpers.go before; KEP-1287
and KEP-5419. Up to 1.36 the larger of spec and status is taken for each container and then summed; 1.37 sums the
spec and each part of the status, and takes the largest sum.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from auditor.kube.objects import Amounts, Container, Fault, Resources, read_amounts
from auditor.kube.resources import aggregate, pod_limit, pod_request
from auditor.kube.versions import Since


class StatusResources(msgspec.Struct, frozen=True):
    """A `resources` block of a status, which is what the cgroups have (actuated); thousandths."""

    requests: Amounts | None
    """None where the block has no requests."""
    limits: Amounts | None
    """None where the block has no limits."""


class ContainerStatus(msgspec.Struct, frozen=True):
    """What the status of one container says about its resources."""

    allocated: Amounts | None
    """`allocatedResources`: the requests that the node has admitted; None where absent."""
    resources: StatusResources | None
    """`resources`: the requests and limits that are in force; None where absent."""


class PodStatus(msgspec.Struct, frozen=True):
    """What the status of a pod says about its resources."""

    qos_class: str | None
    """`qosClass`, which a resize may not change; None where absent."""
    phase: str | None
    """Such as `Running`; None where absent."""
    pending: str | None
    """Reason of the first PodResizePending condition, whatever its status; None without one."""
    resize: str | None
    """`resize`, which tells the same up to 1.32; None where absent."""
    containers: Mapping[str, ContainerStatus]
    """App and init containers by name."""
    resources: StatusResources | None
    """The pod's own `resources`, of 1.35 and later; None where absent."""
    allocated: Amounts | None
    """The pod's own `allocatedResources`, of 1.35 and later; None where absent."""

    @property
    def infeasible(self) -> bool:
        """True when the node can never do the resize: the spec is then not what the pod gets."""
        return self.pending == "Infeasible"

    @property
    def deferred(self) -> bool:
        """True when the node cannot do the resize for now."""
        return self.pending == "Deferred"

    def hopeless(self, minor: int) -> bool:
        """Return whether a version takes the resize as infeasible: up to 1.32 by `resize`, then by the condition."""
        return self.resize == "Infeasible" if minor < Since.RESIZE_CONDITIONS else self.infeasible


def read_status(status: object) -> PodStatus | None:
    """Read the status of a pod; None when there is none. What has the wrong shape is absent."""
    if not isinstance(status, dict):
        return None
    containers: dict[str, ContainerStatus] = {}
    for key in ("containerStatuses", "initContainerStatuses"):
        for item in _items(status.get(key)):
            name = item.get("name")
            if isinstance(name, str) and name not in containers:
                allocated = _amounts(item.get("allocatedResources"))
                containers[name] = ContainerStatus(allocated, _resources(item.get("resources")))
    pending = [each for each in _items(status.get("conditions")) if each.get("type") == "PodResizePending"]
    return PodStatus(
        _text(status.get("qosClass")),
        _text(status.get("phase")),
        (_text(pending[0].get("reason")) or "") if pending else None,
        _text(status.get("resize")),
        containers,
        _resources(status.get("resources")),
        _amounts(status.get("allocatedResources")),
    )


def _items(raw: object) -> list[dict[object, object]]:
    return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _amounts(raw: object) -> Amounts | None:
    if raw is None:
        return None
    read = read_amounts(raw, "status", "requests")
    return None if isinstance(read, Fault) else read.requests


def _resources(raw: object) -> StatusResources | None:
    if not isinstance(raw, dict):
        return None
    return StatusResources(_amounts(raw.get("requests")), _amounts(raw.get("limits")))


def pod_request_with_status(  # noqa: PLR0913 - a pod, its status and the version
    containers: Sequence[Container],
    pod_level: Resources | None,
    overhead: Amounts,
    status: PodStatus | None,
    key: str,
    *,
    minor: int,
    pod_level_resize: bool,
) -> int | None:
    """Return the request that the scheduler counts for a pod on a node, in thousandths; None when nobody sets the key.

    `status` is None without one, or where the gate InPlacePodVerticalScaling is off: then the spec alone counts.
    `pod_level_resize` is the gate InPlacePodLevelResourcesVerticalScaling, `minor` is 37 for 1.37.

    NOTE: the kubelet counts the overhead into the pod's own allocatedResources, and it is added again here, as
    upstream does (kubernetes issue 139627).
    """
    if status is None:
        return pod_request(containers, pod_level, overhead, key)
    hopeless, own = status.hopeless(minor), status.resources if pod_level_resize else None
    if minor >= Since.RESIZE_MAX_OF_SUMS:
        amount = _largest_request(containers, status, own, key, hopeless=hopeless)
    else:
        amount = aggregate([_merged(container, status, minor) for container in containers], "requests", key)
    if pod_level is not None and pod_level.requests:
        level = pod_level.requests
        if own is not None:
            level = _level(level, (own.requests, status.allocated), minor, hopeless=hopeless)
        amount = level.get(key, amount)
    extra = overhead.get(key)
    return amount if extra is None else (amount or 0) + extra


def pod_limit_with_status(  # noqa: PLR0913 - a pod, its status and the version
    containers: Sequence[Container],
    pod_level: Resources | None,
    overhead: Amounts,
    status: PodStatus | None,
    key: str,
    *,
    minor: int,
    pod_level_resize: bool,
) -> int | None:
    """Return the sum of declared limits that is counted for a pod on a node, in thousandths; None when none is set.

    The parameters are those of `pod_request_with_status`.
    """
    if status is None:
        return pod_limit(containers, pod_level, overhead, key)
    hopeless, own = status.hopeless(minor), status.resources if pod_level_resize else None
    if minor >= Since.RESIZE_MAX_OF_SUMS:
        amount = _largest_limit(containers, status, own, key, hopeless=hopeless)
    else:
        amount = aggregate([_merged(container, status, minor) for container in containers], "limits", key)
    if pod_level is not None and (pod_level.requests or pod_level.limits):
        level = pod_level.limits
        # NOTE: up to 1.36 the spec's limits stay after an infeasible resize if the status has none.
        if own is not None and (minor >= Since.RESIZE_MAX_OF_SUMS or not hopeless or own.limits is not None):
            level = _level(level, (own.limits,), minor, hopeless=hopeless)
        amount = level.get(key, amount)
    return amount + overhead.get(key, 0) if amount else amount


def quota_request_with_status(  # noqa: PLR0913 - a pod, its status and the version
    containers: Sequence[Container],
    pod_level: Resources | None,
    overhead: Amounts,
    status: PodStatus | None,
    key: str,
    *,
    minor: int,
) -> int | None:
    """Return the request that a ResourceQuota counts, in thousandths: the pod's own status is not looked at.

    Source: PodUsageFunc in pkg/quota/v1/evaluator/core/pods.go, which sets UseStatusResources alone.
    """
    return pod_request_with_status(containers, pod_level, overhead, status, key, minor=minor, pod_level_resize=False)


def actuated(container: Container, status: PodStatus | None, key: str = "memory") -> tuple[int | None, int | None]:
    """Return the request and the limit that the container's cgroup was made for, in thousandths; None when not set.

    Without `resources` in its status it has what is allocated, then what the spec says, which after an infeasible
    resize is not known: None.
    """
    entry = None if status is None else status.containers.get(container.name)
    if entry is not None and entry.resources is not None:
        return (entry.resources.requests or {}).get(key), (entry.resources.limits or {}).get(key)
    known = status is None or not status.infeasible
    requests = container.requests if known else {}
    if entry is not None and entry.allocated is not None:
        requests = entry.allocated
    return requests.get(key), container.limits.get(key) if known else None


def allocated(container: Container, status: PodStatus, key: str = "memory") -> int | None:
    """Return the request that the node has admitted for a container, in thousandths; None where that is not told."""
    entry = status.containers.get(container.name)
    return None if entry is None or entry.allocated is None else entry.allocated.get(key)


def in_force(containers: Sequence[Container], status: PodStatus) -> tuple[Container, ...]:
    """Return the containers with the memory that their cgroups were made for instead of what their spec asks for."""
    return tuple(
        msgspec.structs.replace(
            container, requests=_with(container.requests, request), limits=_with(container.limits, limit)
        )
        for container in containers
        for request, limit in [actuated(container, status)]
    )


def level_in_force(level: Resources | None, status: PodStatus) -> Resources | None:
    """Return the pod level with the memory that the pod's cgroup was made for."""
    own = status.resources
    if level is None or own is None:
        return level
    requests = _with(level.requests, (own.requests or level.requests).get("memory"))
    return msgspec.structs.replace(
        level, requests=requests, limits=_with(level.limits, (own.limits or {}).get("memory"))
    )


def _with(amounts: Amounts, memory: int | None) -> Amounts:
    others = {key: amount for key, amount in amounts.items() if key != "memory"}
    return others if memory is None else others | {"memory": memory}


_View = Callable[[ContainerStatus], Amounts | None]


def _allocated(entry: ContainerStatus) -> Amounts | None:
    return entry.allocated


def _requests(entry: ContainerStatus) -> Amounts | None:
    requests = None if entry.resources is None else entry.resources.requests
    return entry.allocated if requests is None else requests


def _limits(entry: ContainerStatus) -> Amounts | None:
    return None if entry.resources is None else entry.resources.limits


def _largest_request(
    containers: Sequence[Container], status: PodStatus, own: StatusResources | None, key: str, *, hopeless: bool
) -> int | None:
    """Return the largest of the sums of spec, allocated and actuated requests (AggregateContainerRequests of 1.37)."""
    if own is not None and own.requests is not None and status.allocated is not None:
        sums = [own.requests.get(key), status.allocated.get(key)]
    else:
        views = (_allocated, _requests)
        sums = [aggregate(_seen(containers, status, "requests", v, hopeless=hopeless), "requests", key) for v in views]
    return _max(*sums, None if hopeless else aggregate(containers, "requests", key))


def _largest_limit(
    containers: Sequence[Container], status: PodStatus, own: StatusResources | None, key: str, *, hopeless: bool
) -> int | None:
    """Return the larger of the sums of spec and actuated limits (AggregateContainerLimits of 1.37)."""
    if own is not None and own.limits is not None:
        total = own.limits.get(key)
    else:
        total = aggregate(_seen(containers, status, "limits", _limits, hopeless=hopeless), "limits", key)
    return _max(total, None if hopeless else aggregate(containers, "limits", key))


def _seen(
    containers: Sequence[Container], status: PodStatus, block: str, view: _View, *, hopeless: bool
) -> list[Container]:
    """Return the containers with what a part of the status says; with the spec's where it does not, unless hopeless."""
    seen: list[Container] = []
    for container in containers:
        entry = status.containers.get(container.name)
        amounts = None if entry is None else view(entry)
        if amounts is None and not hopeless:
            seen.append(container)
        else:
            seen.append(msgspec.structs.replace(container, **{block: amounts or {}}))
    return seen


def _merged(container: Container, status: PodStatus, minor: int) -> Container:
    """Return the container with the larger of spec and status for each resource, as up to 1.36.

    Only app containers are looked up in the status, from 1.33 sidecars too. Up to 1.31 the allocated requests count
    and limits are the spec's; 1.32 takes the actuated ones alone, later versions both.
    """
    entry = status.containers.get(container.name)
    if entry is None or container.type not in (("app",) if minor < Since.RESIZE_CONDITIONS else ("app", "sidecar")):
        return container
    hopeless, actual = status.hopeless(minor), entry.resources
    if minor < Since.RESIZE_FROM_ACTUATED:
        requests = _largest(None if hopeless else container.requests, entry.allocated)
        return msgspec.structs.replace(container, requests=requests)
    if actual is None:
        return container
    allocated = None if minor < Since.RESIZE_CONDITIONS else entry.allocated
    return msgspec.structs.replace(
        container,
        requests=_largest(None if hopeless else container.requests, actual.requests, allocated),
        limits=_largest(None if hopeless else container.limits, actual.limits),
    )


def _level(spec: Amounts, parts: Sequence[Amounts | None], minor: int, *, hopeless: bool) -> Amounts:
    """Return the pod level that counts: the largest of spec and status, without the spec after an infeasible resize.

    NOTE: up to 1.36 only keys of the spec count, and one that is nowhere else then counts as zero.
    """
    largest = _largest(None if hopeless else spec, *parts)
    return largest if minor >= Since.RESIZE_MAX_OF_SUMS else {key: largest.get(key, 0) for key in spec}


def _largest(*parts: Amounts | None) -> Amounts:
    found: Amounts = {}
    for part in parts:
        for key, amount in (part or {}).items():
            found[key] = max(amount, found.get(key, amount))
    return found


def _max(*amounts: int | None) -> int | None:
    return max((amount for amount in amounts if amount is not None), default=None)
