"""What validation refuses (422), in the API server's words. Source: pkg/apis/core/validation/validation.go of 1.37."""

from collections.abc import Iterator, Sequence

from auditor.kube.objects import Amounts, Container, Resources
from auditor.kube.quantity import show
from auditor.kube.resources import aggregate, counted


def container_refusals(containers: Sequence[Container]) -> Iterator[str]:
    """Yield what is wrong with containers, ephemeral ones included."""
    for container in containers:
        requests, limits = container.requests, container.limits
        if container.refused:
            yield from (f"{_at(container)}.{at}: {reason}" for at, reason in container.refused)
        if container.type == "ephemeral":
            if requests or limits:
                yield f"{_at(container)}.resources: Forbidden: cannot be set for an Ephemeral Container"
            continue
        for key, request in requests.items():
            limit = limits.get(key)
            if (limit is not None and request > limit) or key[0] == "h":
                unknown = f"limits.{key}" in container.unreadable
                yield from _pair(f"{_at(container)}.resources", key, request, limit, known=not unknown)
        if not (requests.keys() <= {"cpu", "memory"}):
            yield from _alone(f"{_at(container)}.resources", requests, limits, container.unreadable)


def pod_level_refusals(pod_level: Resources, containers: Sequence[Container], *, windows: bool) -> Iterator[str]:
    """Yield what is wrong with pod-level resources, as defaulted."""
    yield from (f"spec.{at}: {reason}" for at, reason in pod_level.refused)
    if windows and (pod_level.requests or pod_level.limits):
        yield "spec.resources: Forbidden: may not be set for a windows pod"
    for key, request in pod_level.requests.items():
        limit = pod_level.limits.get(key)
        if (limit is not None and request > limit) or key[0] == "h":
            unknown = f"limits.{key}" in pod_level.unreadable
            yield from _pair("spec.resources", key, request, limit, known=not unknown)
    if not (pod_level.requests.keys() <= {"cpu", "memory"}):
        yield from _alone("spec.resources", pod_level.requests, pod_level.limits, pod_level.unreadable)
    yield from _against_containers(pod_level, counted(containers))


def _against_containers(pod_level: Resources, containers: Sequence[Container]) -> Iterator[str]:
    for key, request in pod_level.requests.items():
        total = aggregate(containers, "requests", key)
        if total is not None and request < total:
            yield (
                f'spec.resources.requests[{key}]: Invalid value: "{show(request)}": '
                f"must be greater than or equal to aggregate container requests of {show(total)}"
            )
    for key, limit in pod_level.limits.items():
        if key[0] == "h":
            total = aggregate(containers, "limits", key)
            if total is not None and limit < total:
                yield (
                    f'spec.resources.limits[{key}]: Invalid value: "{show(limit)}": '
                    f"must be greater than or equal to aggregate container limits of {show(total)}"
                )
        for container in containers:
            # Only spec.containers are held against the pod's limit.
            own = container.limits.get(key)
            if container.type == "app" and own is not None and own > limit:
                yield (
                    f'{_at(container)}.resources.limits[{key}]: Invalid value: "{show(own)}": '
                    f"must be less than or equal to pod limits of {show(limit)}"
                )


def _pair(at: str, key: str, request: int, limit: int | None, *, known: bool) -> Iterator[str]:
    huge = key.startswith("hugepages-")
    if limit is None:
        if huge and known:
            yield f"{at}.limits: Required value: Limit must be set for non overcommitable resources"
    elif huge and request != limit:
        yield f'{at}.requests: Invalid value: "{show(request)}": must be equal to {key} limit of {show(limit)}'
    elif request > limit:
        yield (
            f'{at}.requests: Invalid value: "{show(request)}": must be less than or equal to {key} limit of '
            f"{show(limit)}"
        )


def _alone(at: str, requests: Amounts, limits: Amounts, unreadable: tuple[str, ...]) -> Iterator[str]:
    if not ({"cpu", "memory"} & (requests.keys() | limits.keys())) and not unreadable:
        yield f"{at}: Forbidden: HugePages require cpu or memory"


def _at(container: Container) -> str:
    return f"spec.{container.list_name}[{container.index}]"
