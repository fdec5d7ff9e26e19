"""Facts about emptyDir volumes: who writes them, and what they can grow to."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from auditor.facts.model import VolumeFacts
from auditor.facts.quantities import quantity_facts
from auditor.facts.record import Problem
from auditor.kube.cgroup import tmpfs_size
from auditor.kube.humane import format_bytes
from auditor.kube.objects import Container, Entry, kind_word, text_or_none
from auditor.kube.paths import Path
from auditor.kube.quantity import Quantity, parse, text_of


class Volume(msgspec.Struct, frozen=True):
    """An emptyDir volume as written."""

    name: str
    index: int
    medium: str
    size_limit_bytes: int | None
    entry: Entry | None
    """Its sizeLimit, None without one."""


class Surroundings(msgspec.Struct, frozen=True):
    """What bounds the volumes of one pod."""

    pod_max_bytes: int | None
    windows: bool
    sized: bool
    """Whether the kubelet sizes tmpfs mounts (SizeMemoryBackedVolumes)."""
    allocatables_bytes: tuple[int, ...]
    known: bool
    """False when the pod's memory.max is not known."""
    hugepages: frozenset[int]
    """The sizes in bytes of the hugepages that the pod requests."""
    swappable_on: str | None
    """The nodes on which tmpfs pages can reach swap, in words."""


def read_volumes(raw: object, pod_path: Path, problems: list[Problem]) -> list[Volume]:
    """Return the emptyDir volumes of a pod spec; what has the wrong shape becomes a problem."""
    if raw is None:
        return []
    here = (*pod_path, "volumes")
    if not isinstance(raw, list):
        problems.append(Problem(here, f"volumes must be a list, not {kind_word(raw)}"))
        return []
    found: list[Volume] = []
    for index, item in enumerate(raw):
        if not isinstance(item, dict):
            problems.append(Problem((*here, index), f"volumes[{index}] must be a mapping, not {kind_word(item)}"))
        # A volume without any source is an emptyDir (SetDefaults_Volume).
        elif "emptyDir" in item or len(item) == 1:
            volume = _volume(item, index)
            if isinstance(volume, Volume):
                found.append(volume)
            else:
                problems.append(Problem((*here, index, *volume.path), volume.reason))
    return found


def _volume(item: dict[str, Any], index: int) -> Volume | Problem:
    source = item.get("emptyDir")
    if source is None:
        source = {}
    if not isinstance(source, dict):
        return Problem(("emptyDir",), f"emptyDir must be a mapping, not {kind_word(source)}")
    name, entry, size = text_or_none(item.get("name")) or "", None, None
    # A null pointer is no sizeLimit.
    if source.get("sizeLimit") is not None:
        value = source["sizeLimit"]
        if isinstance(value, dict | list):
            return Problem(("emptyDir", "sizeLimit"), f"sizeLimit must be a quantity, not {kind_word(value)}")
        entry = Entry(
            "emptyDir.sizeLimit",
            "sizeLimit",
            "sizeLimit",
            text_of(value) if not isinstance(value, str) else value,
            "quantity",
        )
        facts = quantity_facts(entry)
        size = facts.bytes if facts.valid else None
    return Volume(name, index, text_or_none(source.get("medium")) or "", size, entry)


def writable_mounts(container: Container) -> list[str]:
    """Return the names of the volumes that a container mounts writable, each once, in mount order."""
    mounts = container.raw.get("volumeMounts")
    names: dict[str, None] = {}
    for mount in mounts if isinstance(mounts, list) else ():
        if isinstance(mount, dict) and mount.get("readOnly") is not True:
            name = mount.get("name")
            if isinstance(name, str):
                names[name] = None
    return list(names)


class Writer(NamedTuple):
    """A container that mounts a volume writable."""

    name: str
    memory_max_bytes: int | None
    running: bool
    """True for an app container or a sidecar, which run together."""


def mount_size(volume: Volume, around: Surroundings, allocatables_bytes: Sequence[int]) -> int | None:
    """Return the size of a Memory volume's mount on nodes with that allocatable memory, None when not known."""
    # An unreadable sizeLimit or pod leaves the size unknown.
    readable = volume.entry is None or volume.size_limit_bytes is not None
    if volume.medium != "Memory" or not around.sized or around.windows or not around.known or not readable:
        return None
    return tmpfs_size(volume.size_limit_bytes, around.pod_max_bytes, allocatables_bytes)


def volume_facts(volume: Volume, writers: Sequence[Writer], around: Surroundings) -> VolumeFacts:
    """Return a volume's facts; `writers` are in pod order."""
    smallest: tuple[str, int] | None = None
    for writer in writers:
        limit = writer.memory_max_bytes
        if limit is not None and (smallest is None or limit < smallest[1]):
            smallest = (writer.name, limit)
    tmpfs = volume.medium == "Memory"
    mount = mount_size(volume, around, around.allocatables_bytes)
    return VolumeFacts(
        volume.name,
        volume.index,
        volume.medium,
        volume.size_limit_bytes,
        mount,
        _growth(volume.size_limit_bytes, around) if tmpfs else "",
        tmpfs and around.pod_max_bytes is not None,
        tuple(writer.name for writer in writers),
        smallest[1] if smallest else None,
        smallest[0] if smallest else None,
        tmpfs and around.pod_max_bytes is not None and (volume.size_limit_bytes or 0) >= around.pod_max_bytes,
        tuple(writer.name for writer in writers if writer.running),
        _hugepages_unrequested(volume.medium, around.hugepages),
        around.swappable_on if tmpfs else None,
    )


def _hugepages_unrequested(medium: str, requested: frozenset[int]) -> bool:
    """Return whether nobody requests the pages of a medium; plain HugePages takes the one size of the pod.

    Sizes are compared by value (getPageSizeMountOption, pkg/volume/emptydir/empty_dir.go).
    """
    if not medium.startswith("HugePages"):
        return False
    text = medium.removeprefix("HugePages").removeprefix("-")
    if not text:
        return not requested
    size = parse(text)
    return not isinstance(size, Quantity) or size.bytes not in requested


def _growth(size_limit_bytes: int | None, around: Surroundings) -> str:
    pod = around.pod_max_bytes
    if around.sized and size_limit_bytes and (pod is None or size_limit_bytes <= pod):
        return f"its sizeLimit of {format_bytes(size_limit_bytes)}"
    if pod is not None:
        return f"the pod's memory.max of {format_bytes(pod)}"
    if not around.sized:
        return "half of the node's memory"
    sizes = around.allocatables_bytes
    if not sizes:
        return "the node's allocatable memory"
    most = " of up to" if len(sizes) > 1 else " of"
    return f"the node's allocatable memory{most} {format_bytes(max(sizes))}"
