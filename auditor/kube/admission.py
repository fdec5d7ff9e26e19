"""What the API server does to a pod before it stores it, and why it refuses it; memory, and CPU where QoS needs it.

Order as in v1.37.2: API defaults on decoding, LimitRanger's defaults, RuntimeClass overhead, pod-level defaults,
validation (422), then LimitRanger's limits (403).
Source: pkg/apis/core/v1/defaults.go, plugin/pkg/admission/limitranger, pkg/api/pod/util.go, pkg/apis/core/validation.
"""

from collections.abc import Iterator, Sequence

import msgspec

from auditor.kube.humane import format_bytes
from auditor.kube.objects import Amounts, Container, LimitItem, LimitRange, PodResources
from auditor.kube.resources import aggregate, container_limits, container_requests
from auditor.kube.versions import Target


class Rejection(msgspec.Struct, frozen=True):
    """Why a pod is refused."""

    by: str
    reason: str


def default_requests(container: Container) -> Container:
    """Return the container with each absent request filled from its limit; a written zero stays."""
    filled = container.requests.or_else(container.limits)
    if filled is container.requests:
        return container
    memory_filled = container.requests.memory is None and filled.memory is not None
    source = "limit" if memory_filled else container.request_from
    known = container.request_known and (not memory_filled or container.limit_known)
    return msgspec.structs.replace(container, requests=filled, request_from=source, request_known=known)


def default_limit_item(item: LimitItem) -> LimitItem:
    """Return a LimitRange item as the API server stores it: default from max, defaultRequest from default, then min."""
    if item.type != "Container":
        return item
    default = item.default.or_else(item.max)
    request = item.default_request.or_else(default).or_else(item.min)
    return msgspec.structs.replace(item, default=default, default_request=request)


def limit_range_defaults(container: Container, ranges: Sequence[LimitRange]) -> Container:
    """Return the container with what LimitRanger fills in.

    Within one LimitRange the later item wins. Several LimitRanges run in random order: where two would fill the same
    key with different values the result is not determined, and the value is not known.
    """
    for limit_range in ranges:
        defaults = requests = Amounts()
        for item in limit_range.items:
            if item.type == "Container":
                defaults, requests = item.default.or_else(defaults), item.default_request.or_else(requests)
        container = _filled(container, limit_range.name, defaults, requests)
    return container


def _filled(container: Container, name: str, limits: Amounts, requests: Amounts) -> Container:
    source = f"LimitRange {name}"
    changes: dict[str, object] = {}
    for field, default, origin, known in (
        ("limits", limits, "limit_from", "limit_known"),
        ("requests", requests, "request_from", "request_known"),
    ):
        present: Amounts = getattr(container, field)
        by = getattr(container, origin)
        changes[field] = present.or_else(default)
        if present.memory is None and default.memory is not None:
            changes[origin] = source
        elif by is not None and by.startswith("LimitRange ") and default.memory not in (None, present.memory):
            changes[known] = False
    return msgspec.structs.replace(container, **changes)


def default_pod_level(pod: PodResources, target: Target) -> PodResources:
    """Return the pod with pod-level requests and limits filled in, if any is written."""
    if not pod.pod_level_set:
        return pod
    fixed = target.enabled("PodLevelResourcesFixDefaulting")
    has_limits = pod.limits.memory is not None or pod.limits.cpu is not None or pod.limits.hugepages
    requests, limits = pod.requests, pod.limits
    if fixed or has_limits:
        sums = Amounts(container_requests(pod.containers), _cpu(pod, "requests"))
        requests = requests.or_else(sums).or_else(limits)
    if fixed:
        limits = limits.or_else(_pod_limits_from_containers(pod, requests))
    return msgspec.structs.replace(pod, requests=requests, limits=limits)


def _pod_limits_from_containers(pod: PodResources, requests: Amounts) -> Amounts:
    """Return, where every container limits a resource that the pod requests, the larger of that sum and the request."""
    memory = cpu = None
    if requests.memory is not None and all(c.limits.memory is not None for c in pod.containers):
        memory = max(requests.memory, container_limits(pod.containers) or 0)
    if requests.cpu is not None and all(c.limits.cpu is not None for c in pod.containers):
        cpu = max(requests.cpu, _cpu(pod, "limits") or 0)
    return Amounts(memory, cpu)


def _cpu(pod: PodResources, field: str) -> int | None:
    return aggregate([(c.type, getattr(c, field).cpu) for c in pod.containers])


def validate(pod: PodResources) -> Iterator[Rejection]:
    """Yield why API validation refuses the pod's memory."""
    for container in pod.containers:
        if not (container.request_known and container.limit_known):
            continue
        reason = _above_limit(container.requests.memory, container.limits.memory)
        if reason:
            yield Rejection("validation", f"container {container.name}: {reason}")
    if not (pod.pod_level and pod.known):
        return
    reason = _above_limit(pod.requests.memory, pod.limits.memory)
    if reason:
        yield Rejection("validation", f"pod level: {reason}")
    total = container_requests(pod.containers)
    if pod.requests.memory is not None and total is not None and pod.requests.memory < total:
        words = f"must be greater than or equal to aggregate container requests of {format_bytes(total)}"
        yield Rejection("validation", f"pod level: memory request {format_bytes(pod.requests.memory)} {words}")
    for container in pod.containers:
        limit = container.limits.memory
        if container.type == "app" and pod.limits.memory is not None and limit is not None and limit > pod.limits.memory:
            words = f"must be less than or equal to pod limits of {format_bytes(pod.limits.memory)}"
            yield Rejection("validation", f"container {container.name}: memory limit {format_bytes(limit)} {words}")


def _above_limit(request: int | None, limit: int | None) -> str | None:
    if request is None or limit is None or request <= limit:
        return None
    return f"memory request {format_bytes(request)} must be less than or equal to memory limit of {format_bytes(limit)}"


def limit_range_violations(pod: PodResources, ranges: Sequence[LimitRange]) -> Iterator[Rejection]:
    """Yield why LimitRanges refuse an admitted pod, with container and numbers, in Kubernetes' words."""
    for limit_range in ranges:
        by = f"LimitRange {limit_range.name}"
        for item in limit_range.items:
            if item.type == "Container":
                for container in pod.containers:
                    if container.request_known and container.limit_known:
                        for words in _violations(item, container.requests.memory, container.limits.memory):
                            yield Rejection(by, f"container {container.name}: {words}")
            elif item.type == "Pod" and pod.known:
                request = container_requests(pod.containers) if pod.requests.memory is None else pod.requests.memory
                limit = container_limits(pod.containers) if pod.limits.memory is None else pod.limits.memory
                for words in _violations(item, request, limit):
                    yield Rejection(by, words)


def _violations(item: LimitItem, request: int | None, limit: int | None) -> Iterator[str]:
    low, high = item.min.memory, item.max.memory
    if low is not None:
        least = f"minimum memory usage per {item.type} is {format_bytes(low)}"
        if request is None:
            yield f"{least}, and no request is specified"
        elif request < low:
            yield f"{least}, but request is {format_bytes(request)}"
        if limit is not None and limit < low:
            yield f"{least}, but limit is {format_bytes(limit)}"
    if high is not None:
        most = f"maximum memory usage per {item.type} is {format_bytes(high)}"
        if limit is None:
            yield f"{most}, and no limit is specified"
        elif limit > high:
            yield f"{most}, but limit is {format_bytes(limit)}"
        if request is not None and request > high:
            yield f"{most}, but request is {format_bytes(request)}"
    if item.ratio_milli is not None:
        yield from _ratio_violation(item, request, limit)


def _ratio_violation(item: LimitItem, request: int | None, limit: int | None) -> Iterator[str]:
    ratio = (item.ratio_milli or 0) / 1000
    most = f"memory max limit to request ratio per {item.type} is {ratio:g}"
    if not request or not limit:
        yield f"{most}, and request or limit is missing or zero"
        return
    # NOTE: v1.37.2 compares in float64, so that some exactly equal ratios are refused; the same numbers are used here.
    provided = float(limit * 1000) / float(request * 1000) * 1000
    if provided > float(item.ratio_milli or 0):
        yield f"{most}, but provided ratio is {provided / 1000:.6f}"
