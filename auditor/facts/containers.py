"""Facts about containers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from auditor.facts.model import ContainerFacts, HeapFacts
from auditor.facts.options import FactOptions
from auditor.facts.pods import hugepages_alone, hugepages_mismatch
from auditor.facts.record import OnNodes, agreed
from auditor.facts.volumes import Volume
from auditor.kube.cgroup import container_memory_max
from auditor.kube.objects import Container, Resources
from auditor.kube.observed import Observed
from auditor.kube.oom import OomPod, oom_score_adj
from auditor.kube.quantity import capped
from auditor.kube.resize import PodStatus, actuated, allocated
from auditor.runtimes.model import Around, Heap
from auditor.runtimes.read import read_heap
from auditor.runtimes.shm import shm_program
from auditor.sidecars.known import known_sidecar
from auditor.usage.join import ContainerHistory


class PodView(msgspec.Struct, frozen=True):
    """What the containers of a pod have in common."""

    pod_level: Resources | None
    oom: OomPod
    windows: bool
    several_apps: bool
    options: FactOptions
    tmpfs: Mapping[str, Volume]
    """The emptyDir volumes of medium Memory by name."""
    status: PodStatus | None
    unspecified: Mapping[str, str]
    """Container to what quotas demand of it, in words."""
    memory_max_bytes: int | None
    """The pod's own, which bounds a container without one."""
    config_maps: Mapping[str, Mapping[str, str]]
    """Of the pod's namespace."""
    node_allocatable_bytes: int | None
    """When all nodes agree."""
    nodes: tuple[OnNodes, ...]
    history: Mapping[str, ContainerHistory]
    """Container to its history."""
    seen: Observed | None
    """What was observed of the workload's pods; None when the input has none."""
    injected_by: Mapping[str, str]
    """Container that the template does not have to who put it there."""


class OnAll(msgspec.Struct, frozen=True):
    """What nodes make of a container: each number where all nodes agree, and the most swap."""

    memory_high_bytes: int | None = None
    memory_min_bytes: int | None = None
    memory_low_bytes: int | None = None
    swap_max_bytes: int | None = None
    oom_score_adj: int | None = None
    swap_largest_bytes: int | None = None
    swap_nodes: str | None = None


def is_sidecar(container: Container, *, several_apps: bool, options: FactOptions) -> bool:
    """Return whether a container is a native sidecar, or an app container known as one beside another."""
    if container.type != "app" or not several_apps:
        return container.type == "sidecar"
    return known_sidecar(container.name, container.image, options.sidecar_names, options.sidecar_images)


def memory_max(forced: Container, pod: PodView) -> int | None:
    """Return memory.max of the container's cgroup, None on Windows; `forced` has what is in force."""
    return None if pod.windows else container_memory_max(forced, pod.pod_level)


class Seen(NamedTuple):
    """One container and what was found out about it on the way."""

    container: Container
    """As its spec has it, as admitted."""
    forced: Container
    """With what is in force instead, where a status says so."""
    number: int
    """Its place among all of the pod."""
    memory_max_bytes: int | None
    mounts: Sequence[str]
    """Its writable volumes."""


def container_facts(seen: Seen, pod: PodView) -> ContainerFacts:
    """Return a container's facts."""
    container, max_bytes, mounts = seen.container, seen.memory_max_bytes, seen.mounts
    requests, limits, unreadable = container.requests, container.limits, container.unreadable
    request, limit = requests.get("memory"), limits.get("memory")
    request_missing, limit_missing = request is None, not limit
    level, ephemeral = pod.pod_level, container.type == "ephemeral"
    if ephemeral:
        # Kubernetes forbids them there: nothing is missing.
        request_missing = limit_missing = False
    elif unreadable or level is not None:
        request_missing = request_missing and not _elsewhere("requests.memory", container, level)
        limit_missing = limit_missing and not _elsewhere("limits.memory", container, level)
    tmpfs = tuple(name for name in mounts if name in pod.tmpfs) if pod.tmpfs else ()
    request_bytes, limit_bytes = _bytes(request), _bytes(limit)
    on_all = _on_all(seen.number, pod.nodes) if pod.nodes else _alone(seen.forced, pod)
    pages = not (requests.keys() <= _PLAIN)
    usage = pod.history.get(container.name) if pod.history else None
    in_force = (None, None) if pod.status is None else actuated(container, pod.status)
    heap = _heap(container, pod, max_bytes, request_bytes, limit_bytes)
    return ContainerFacts(
        name=container.name,
        type=container.type,
        list_name=container.list_name,
        index=container.index,
        image=container.image,
        written_request_bytes=_bytes(container.written_request_milli),
        written_limit_bytes=_bytes(container.written_limit_milli),
        request_bytes=request_bytes,
        limit_bytes=limit_bytes,
        request_missing=request_missing,
        limit_missing=limit_missing,
        request_from=container.request_from if request is not None else None,
        limit_from=container.limit_from if limit is not None else None,
        limit_to_request_ratio=limit / request if limit and request else None,
        cpu_request_millis=_capped(requests.get("cpu")),
        cpu_limit_millis=_capped(limits.get("cpu")),
        memory_max_bytes=max_bytes,
        memory_high_bytes=on_all.memory_high_bytes,
        memory_min_bytes=on_all.memory_min_bytes,
        memory_low_bytes=on_all.memory_low_bytes,
        swap_max_bytes=on_all.swap_max_bytes,
        swap_largest_bytes=on_all.swap_largest_bytes,
        swap_nodes=on_all.swap_nodes,
        oom_score_adj=on_all.oom_score_adj,
        is_sidecar=is_sidecar(container, several_apps=pod.several_apps, options=pod.options),
        tmpfs_volumes=tmpfs,
        tmpfs_size_limit_bytes=_tmpfs_sum(tmpfs, pod.tmpfs) if tmpfs else None,
        heap=heap,
        hugepages_mismatch=hugepages_mismatch(requests, limits) if pages and not ephemeral else None,
        hugepages_alone=pages and not ephemeral and not unreadable and hugepages_alone(requests, limits),
        limit_above_pod=level is not None
        and container.type == "app"
        and limit is not None
        and limit > level.limits.get("memory", limit),
        ephemeral_resources=ephemeral and bool(requests or limits),
        quota_unspecified=pod.unspecified.get(container.name) if pod.unspecified else None,
        shm_program=shm_program(container.image, container.raw.get("volumeMounts")),
        usage=None if usage is None else usage.facts,
        actuated_request_bytes=_bytes(in_force[0]),
        actuated_limit_bytes=_bytes(in_force[1]),
        allocated_request_bytes=None if pod.status is None else _bytes(allocated(container, pod.status)),
        restarts_total=None if pod.seen is None else pod.seen.restarts.get(container.name, 0),
        oom_killed_pods=None if pod.seen is None else pod.seen.oom_killed.get(container.name, 0),
        used_bytes=None if pod.seen is None else pod.seen.used_bytes.get(container.name),
        injected_by=pod.injected_by.get(container.name),
    )


_PLAIN = frozenset(("cpu", "memory"))


def _bytes(milli: int | None) -> int | None:
    return None if milli is None else -(-milli // 1000)


def _capped(number: int | None) -> int | None:
    return None if number is None else capped(number)


def _alone(container: Container, pod: PodView) -> OnAll:
    """Return what is known without a node."""
    return _NOTHING if pod.windows else OnAll(oom_score_adj=oom_score_adj(container, pod.oom))


_NOTHING = OnAll()
_AGREED = ("memory_high_bytes", "memory_min_bytes", "memory_low_bytes", "swap_max_bytes", "oom_score_adj")


def _on_all(number: int, nodes: Sequence[OnNodes]) -> OnAll:
    """Return where all nodes agree on a container, and the nodes that give it the most swap."""
    views = [(node.words, node.containers[number]) for node in nodes]
    common = {key: agreed(getattr(item, key) for _, item in views) for key in _AGREED}
    largest = max((item.swap_max_bytes or 0 for _, item in views), default=0)
    words = [words for words, item in views if item.swap_max_bytes]
    return OnAll(**common, swap_largest_bytes=largest or None, swap_nodes=" and ".join(words) or None)


def _heap(
    container: Container, pod: PodView, max_bytes: int | None, request_bytes: int | None, limit_bytes: int | None
) -> HeapFacts | None:
    around = Around(
        request_bytes=request_bytes,
        limit_bytes=limit_bytes,
        memory_max_bytes=max_bytes if max_bytes is not None else pod.memory_max_bytes,
        node_allocatable_bytes=pod.node_allocatable_bytes,
        node_capacity_bytes=pod.oom.capacity_bytes,
        config_maps=pod.config_maps,
    )
    heap: Heap | None = read_heap(container.raw, container.image, around)
    return None if heap is None else HeapFacts(**{name: getattr(heap, name) for name in HeapFacts.__struct_fields__})


def _elsewhere(entry: str, container: Container, pod_level: Resources | None) -> bool:
    """Return whether an amount that is absent may be set after all: unreadable, or at pod level."""
    if entry in container.unreadable:
        return True
    if pod_level is None:
        return False
    if entry in pod_level.unreadable:
        return True
    return "memory" in pod_level.requests if entry == "requests.memory" else bool(pod_level.limits.get("memory"))


def _tmpfs_sum(names: Sequence[str], tmpfs: Mapping[str, Volume]) -> int | None:
    """NOTE: the kubelet ignores a sizeLimit of 0, so such a volume has no size here."""
    sizes = [tmpfs[name].size_limit_bytes or 0 for name in names]
    return capped(sum(sizes)) if all(sizes) else None
