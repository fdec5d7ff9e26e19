"""Facts about containers."""

from collections.abc import Mapping, Sequence

import msgspec

from auditor.facts.model import ContainerFacts, HeapFacts
from auditor.facts.options import FactOptions, known_sidecar
from auditor.facts.volumes import Volume
from auditor.kube.cgroup import container_memory_max
from auditor.kube.objects import Container, Resources
from auditor.kube.oom import OomPod, oom_score_adj
from auditor.runtimes.jvm import read_heap


class PodView(msgspec.Struct, frozen=True):
    """What the containers of a pod have in common."""

    pod_level: Resources | None
    oom: OomPod
    windows: bool
    several_apps: bool
    options: FactOptions
    tmpfs: Mapping[str, Volume]
    """The emptyDir volumes of medium Memory by name."""


def memory_max(container: Container, pod: PodView) -> int | None:
    """Return memory.max of the container's cgroup, None on Windows."""
    return None if pod.windows else container_memory_max(container, pod.pod_level)


def container_facts(container: Container, pod: PodView, max_bytes: int | None, mounts: Sequence[str]) -> ContainerFacts:
    """Return a container's facts; `max_bytes` is its memory.max, `mounts` its writable volumes."""
    requests, limits, unreadable = container.requests, container.limits, container.unreadable
    request, limit = requests.get("memory"), limits.get("memory")
    request_missing, limit_missing = request is None, not limit
    level = pod.pod_level
    if container.type == "ephemeral":
        # Kubernetes forbids them there: nothing is missing.
        request_missing = limit_missing = False
    elif unreadable or level is not None:
        request_missing = request_missing and not _elsewhere("requests.memory", container, level)
        limit_missing = limit_missing and not _elsewhere("limits.memory", container, level)
    tmpfs = tuple(name for name in mounts if name in pod.tmpfs) if pod.tmpfs else ()
    written_request, written_limit = container.written_request_milli, container.written_limit_milli
    heap = read_heap(container.raw, container.image, max_bytes)
    return ContainerFacts(
        container.name,
        container.type,
        container.list_name,
        container.index,
        container.image,
        None if written_request is None else -(-written_request // 1000),
        None if written_limit is None else -(-written_limit // 1000),
        None if request is None else -(-request // 1000),
        None if limit is None else -(-limit // 1000),
        request_missing,
        limit_missing,
        container.request_from if request is not None else None,
        container.limit_from if limit is not None else None,
        limit / request if limit and request else None,
        requests.get("cpu"),
        limits.get("cpu"),
        max_bytes,
        None,
        None,
        None if pod.windows else oom_score_adj(container, pod.oom),
        container.type == "sidecar"
        or (
            container.type == "app" and pod.several_apps and known_sidecar(container.name, container.image, pod.options)
        ),
        tmpfs,
        _tmpfs_sum(tmpfs, pod.tmpfs),
        HeapFacts("jvm", heap.max_bytes, heap.initial_bytes, heap.flag, heap.at, heap.always_pre_touch)
        if heap
        else None,
    )


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
    return sum(sizes) if sizes and all(sizes) else None
