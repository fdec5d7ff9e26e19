"""The memory of a node's containers in its cgroup tree, version 2 or 1, for both cgroup drivers of the kubelet.

Names of pod cgroups: pkg/kubelet/cm (`kubepods/burstable/pod<uid>`, or `kubepods-burstable-pod<uid>.slice` where the
dashes of the uid are underscores). Runtimes name container cgroups by the container's id, the systemd ones
`cri-containerd-<id>.scope`, `crio-<id>.scope`, `docker-<id>.scope`. Numbers: cadvisor container/libcontainer/handler.go
(the working set is the usage without inactive files), kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_UID = r"[0-9a-f]{8}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{12}"
_POD = re.compile(rf"(?:[A-Za-z0-9_.\-]+-)?pod({_UID})(?:\.slice)?")
_CONTAINER = re.compile(r"(?:(?:cri-containerd|crio|docker|libpod)-)?([0-9a-f]{64})(?:\.scope)?")
_DEPTH = 8
_NO_LIMIT_BYTES = 2**62
"""The kernel writes the largest number of pages for no limit in version 1."""
_LONGEST = 64 * 1024


class ContainerGroup(NamedTuple):
    """The cgroup of a container."""

    path: str
    """Its folder."""
    pod_uid: str
    """The uid of its pod, with dashes as the API server has it; of a static pod the hash that the kubelet made."""
    container_id: str
    """The runtime's id of the container, 64 hexadecimal digits."""


class Reading(NamedTuple):
    """What a cgroup says at one moment; None is not told."""

    usage_bytes: int
    """The whole charge, page cache included (`memory.current`)."""
    working_set_bytes: int
    """The usage without inactive files, never below 0."""
    peak_bytes: int | None
    """The largest usage since the cgroup was made (`memory.peak`), page cache included."""
    rss_bytes: int | None
    """Anonymous memory."""
    cache_bytes: int | None
    """Page cache, files in memory volumes included."""
    swap_bytes: int | None
    """What is swapped out."""
    limit_bytes: int | None
    """The limit; None for none."""
    oom_kills: int | None
    """OOM kills since the cgroup was made; where the whole cgroup is killed at once, that is one."""
    pressure_ratio: float | None
    """The share of the last 5 minutes in which something waited for memory (`some avg300`)."""


def memory_root(root: Path) -> tuple[Path, int] | None:
    """Return the memory hierarchy of a cgroup mount and its version; None when it has none.

    A folder of a version 2 hierarchy, or of a version 1 memory hierarchy, may be given as well.
    """
    if (root / "memory" / "memory.usage_in_bytes").is_file():
        return root / "memory", 1
    if (root / "memory.usage_in_bytes").is_file():
        return root, 1
    if (root / "cgroup.controllers").is_file() or (root / "memory.current").is_file():
        return root, 2
    return None


def container_groups(root: Path) -> Iterator[ContainerGroup]:
    """Yield the containers of all pods below a hierarchy, in order of their paths; a cgroup that goes is left out."""
    yield from _walk(str(root), None, _DEPTH)


def _walk(folder: str, pod_uid: str | None, depth: int) -> Iterator[ContainerGroup]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for name in names:
        path = f"{folder}/{name}"
        if pod_uid is not None:
            found = _CONTAINER.fullmatch(name)
            if found:
                yield ContainerGroup(path, pod_uid, found[1])
            continue
        pod = _POD.fullmatch(name)
        if pod:
            yield from _walk(path, pod[1].replace("_", "-"), 1)
        elif depth > 1:
            yield from _walk(path, None, depth - 1)


def read_group(path: str, version: int) -> Reading | None:
    """Return what a cgroup says; None when it has gone or does not account memory."""
    return _read_v2(Path(path)) if version == 2 else _read_v1(Path(path))


def _read_v2(path: Path) -> Reading | None:
    usage, stat = _number(path / "memory.current"), _table(path / "memory.stat")
    if usage is None:
        return None
    events = _table(path / "memory.events")
    return Reading(
        usage_bytes=usage,
        working_set_bytes=max(0, usage - stat.get("inactive_file", 0)),
        peak_bytes=_number(path / "memory.peak"),
        rss_bytes=stat.get("anon"),
        cache_bytes=stat.get("file"),
        swap_bytes=_number(path / "memory.swap.current"),
        limit_bytes=_number(path / "memory.max"),
        # With memory.oom.group every process of the container counts as a kill.
        oom_kills=events.get("oom_group_kill") or events.get("oom_kill"),
        pressure_ratio=_pressure(path / "memory.pressure"),
    )


def _read_v1(path: Path) -> Reading | None:
    usage, stat = _number(path / "memory.usage_in_bytes"), _table(path / "memory.stat")
    if usage is None:
        return None
    limit = _number(path / "memory.limit_in_bytes")
    return Reading(
        usage_bytes=usage,
        working_set_bytes=max(0, usage - stat.get("total_inactive_file", 0)),
        peak_bytes=_number(path / "memory.max_usage_in_bytes"),
        rss_bytes=stat.get("total_rss"),
        cache_bytes=stat.get("total_cache"),
        swap_bytes=stat.get("total_swap"),
        limit_bytes=None if limit is None or limit >= _NO_LIMIT_BYTES else limit,
        oom_kills=_table(path / "memory.oom_control").get("oom_kill"),
        pressure_ratio=None,
    )


def _content(path: Path) -> str:
    """Return a file's text; empty for one that is not there, not allowed or goes while it is read."""
    try:
        with path.open("rb") as stream:
            return stream.read(_LONGEST).decode(errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    """Return the number of a file; None for `max`, and where there is none."""
    text = _content(path).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _table(path: Path) -> dict[str, int]:
    """Return the numbers of a file with a name and a number on each line."""
    pairs = (line.split() for line in _content(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isascii() and pair[1].isdigit()}


def _pressure(path: Path) -> float | None:
    found = re.search(r"^some .*\bavg300=([0-9]+(?:\.[0-9]+)?)", _content(path), re.MULTILINE | re.ASCII)
    return min(1.0, float(found[1]) / 100) if found else None
