"""What validation refuses (422), in the API server's words. Source: pkg/apis/core/validation/validation.go of 1.37."""

from collections.abc import Iterator, Sequence

from auditor.kube.objects import Amounts, Container, Resources
from auditor.kube.quantity import BEYOND, Quantity, QuantityError, parse, show
from auditor.kube.resources import aggregate, counted

_NEGATIVE_WORDS = "must be greater than or equal to 0"
_NAME_WORDS = "must be a standard resource"
_FOR_CONTAINERS, _FOR_PODS = " for containers", " type or fully qualified"


def entry_refusals(start: str, refused: Sequence[tuple[str, str]], name_words: str = _FOR_CONTAINERS) -> Iterator[str]:
    """Yield why single entries are refused; `start` is the path of their owner, such as `spec.`.

    An amount beyond 63 bits is admitted, though no consumer reads it right. One that is no quantity is refused when
    the manifest is decoded (400), without a path in the server's words.
    """
    for at, reason in refused:
        if reason.rpartition('": ')[2].startswith(BEYOND):
            continue
        # An overhead is held to the rules of limits, which its path shows.
        dotted = at.replace("overhead.", "overhead.limits.", 1) if at.startswith("overhead.") else at
        owner, block, key = dotted.split(".", 2)
        more = name_words if reason.endswith(_NAME_WORDS) else ""
        yield f"{start}{owner}.{block}[{key}]: {reason}{more}"


def container_refusals(containers: Sequence[Container]) -> Iterator[str]:
    """Yield what is wrong with containers, ephemeral ones included."""
    for container in containers:
        requests, limits = container.requests, container.limits
        if container.refused:
            yield from entry_refusals(f"{_at(container)}.", container.refused, _FOR_CONTAINERS)
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
            yield from _huge(f"{_at(container)}.resources", requests, limits, container.unreadable)


def volume_refusals(volumes: object) -> Iterator[str]:
    """Yield what is wrong with the sizeLimits of a pod spec's `volumes` (validateEmptyDirVolumeSource)."""
    for index, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        source = volume.get("emptyDir") if isinstance(volume, dict) else None
        limit = source.get("sizeLimit") if isinstance(source, dict) else None
        if limit is None or isinstance(limit, dict | list):
            continue
        at, quantity = f"spec.volumes[{index}].emptyDir.sizeLimit", parse(limit)
        if isinstance(quantity, QuantityError):
            yield f'{at}: Invalid value: "{quantity.text}": {quantity.problem}'
        elif quantity.nanos < 0:
            yield f"{at}: Forbidden: SizeLimit field must be a valid resource quantity"


def pod_level_refusals(pod_level: Resources, containers: Sequence[Container], *, windows: bool) -> Iterator[str]:
    """Yield what is wrong with pod-level resources, as defaulted."""
    if windows:
        undecodable = [item for item in pod_level.refused if not item[1].endswith((_NEGATIVE_WORDS, _NAME_WORDS))]
        yield from entry_refusals("spec.", undecodable)
        yield "spec.resources: Forbidden: may not be set for a windows pod"
        return
    yield from entry_refusals("spec.", pod_level.refused, _FOR_PODS)
    for key, request in pod_level.requests.items():
        limit = pod_level.limits.get(key)
        if (limit is not None and request > limit) or key[0] == "h":
            unknown = f"limits.{key}" in pod_level.unreadable
            yield from _pair("spec.resources", key, request, limit, known=not unknown)
    if not (pod_level.requests.keys() <= {"cpu", "memory"}):
        yield from _huge("spec.resources", pod_level.requests, pod_level.limits, pod_level.unreadable)
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
                    f'spec.resources.containers[{container.index}][{key}].limits: Invalid value: "{show(own)}": '
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


def _huge(at: str, requests: Amounts, limits: Amounts, unreadable: tuple[str, ...]) -> Iterator[str]:
    for block, amounts in (("limits", limits), ("requests", requests)):
        for key, amount in amounts.items():
            if key[0] == "h" and not _pages(key, amount):
                words = f"{show(amount)} is not positive integer multiple of {key}"
                yield f'{at}.{block}[{key}]: Invalid value: "{show(amount)}": {words}'
    if not ({"cpu", "memory"} & (requests.keys() | limits.keys())) and not unreadable:
        yield f"{at}: Forbidden: HugePages require cpu or memory"


def _pages(name: str, milli: int) -> bool:
    """Return whether an amount is a whole number of the pages that the resource's name says."""
    page = parse(name.removeprefix("hugepages-"))
    if not isinstance(page, Quantity) or page.bytes <= 0 or page.milli % 1000:
        return False
    return -(-milli // 1000) % page.bytes == 0


def _at(container: Container) -> str:
    return f"spec.{container.list_name}[{container.index}]"
