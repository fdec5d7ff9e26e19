"""Pod specs and statuses, of which only what facts about memory read is left. Places in lists do not change."""

from collections.abc import Callable, Mapping
from typing import Any

from auditor.kube.names import looks_like_memory, meant_block
from auditor.kube.observed import evicted_for_memory, waits_for_memory
from auditor.kube.quota import crosses_namespaces
from auditor.sources.cluster.reduce_texts import reduced_texts
from auditor.sources.cluster.reduce_words import shape

Data = dict[str, Any]

SHM = "/dev/shm"  # noqa: S108 - a path in containers, no file of ours
_LISTS = frozenset(("initContainers", "containers", "ephemeralContainers"))
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_PLAIN = frozenset(("cpu", "memory"))
_TEXTS = frozenset(("command", "args", "env", "envFrom"))
_CROSSING: Data = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaceSelector": {}}]}}
"""The affinity of a pod that looks at other namespaces: that it does is all that a quota asks."""


def scalar(value: Any) -> Any:
    """Return a value that is a text, a number, a boolean or null; of another the shape."""
    return shape(value) if isinstance(value, dict | list) else value


def amounts(raw: Any) -> Any:
    """Return a map of resources with memory, cpu and hugepages, and what was meant to be one of them."""
    if not isinstance(raw, dict):
        return shape(raw)
    if raw.keys() <= _PLAIN and all(value.__class__ is str for value in raw.values()):
        return raw
    return {name: scalar(value) for name, value in raw.items() if isinstance(name, str) and _is_read(name)}


def _is_read(name: str) -> bool:
    return name in _PLAIN or name.startswith("hugepages-") or looks_like_memory(name)


def resources(raw: Any) -> Any:
    """Return a `resources` block with its requests and limits, and the keys that were meant to be one of them."""
    if not isinstance(raw, dict):
        return shape(raw)
    kept: Data = {}
    for key, block in raw.items():
        if key in ("requests", "limits"):
            kept[key] = amounts(block)
        elif isinstance(key, str) and meant_block(key):
            kept[key] = shape(block)
    return kept


def pod_spec(raw: Any) -> Any:
    """Return a pod spec."""
    if not isinstance(raw, dict):
        return shape(raw)
    volumes, memory = _volumes(raw.get("volumes"))
    kept: Data = {} if volumes is None else {"volumes": volumes}
    for key, value in raw.items():
        if key in _LISTS:
            some = isinstance(value, list)
            kept[key] = [_container(item, memory) for item in value] if some else shape(value)
        elif key in _READERS:
            found = _READERS[key](value)
            if found is not None:
                kept[key] = found
    return kept


def _labels(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return shape(raw)
    return {key: scalar(value) for key, value in raw.items()}


def _volumes(items: Any) -> tuple[Any, frozenset[object]]:
    """Return the volumes up to the last emptyDir, others as an empty mapping; and the names of the emptyDirs."""
    if not items or not isinstance(items, list):
        return shape(items), frozenset()
    kept: list[Any] = []
    names: set[object] = set()
    last = 0
    for index, item in enumerate(items, 1):
        if not isinstance(item, dict):
            kept.append(shape(item))
            last = index
        # A volume without any source is an emptyDir.
        elif "emptyDir" in item or len(item) == 1:
            kept.append(_empty_dir(item))
            last = index
            if isinstance(item.get("name"), str):
                names.add(item["name"])
        else:
            kept.append({})
    return kept[:last] or None, frozenset(names)


def _empty_dir(item: Data) -> Data:
    kept: Data = {"name": scalar(item["name"])} if "name" in item else {}
    source = item.get("emptyDir")
    if isinstance(source, dict):
        kept["emptyDir"] = {key: scalar(source[key]) for key in ("medium", "sizeLimit") if key in source}
    else:
        kept["emptyDir"] = shape(source)
    return kept


def _container(raw: Any, memory: frozenset[object]) -> Any:
    """Return a container; `memory` are the volumes that its mounts are looked at for."""
    if not isinstance(raw, dict):
        return shape(raw)
    kept: Data = {}
    for key, value in raw.items():
        if key in ("name", "image"):
            kept[key] = scalar(value)
        elif key == "resources":
            kept[key] = resources(value)
        elif key == "restartPolicy" and value == "Always":
            kept[key] = value
        elif key == "volumeMounts":
            mounts = _mounts(value, memory)
            if mounts:
                kept[key] = mounts
        elif key in ("requests", "limits"):
            kept[key] = shape(value)
    return kept if _TEXTS.isdisjoint(raw) else kept | reduced_texts(raw, raw.get("image"))


def _mounts(items: Any, memory: frozenset[object]) -> list[Data]:
    some = items if isinstance(items, list) else ()
    return [_mount(mount) for mount in some if isinstance(mount, dict) and _matters(mount, memory)]


def _matters(mount: Data, memory: frozenset[object]) -> bool:
    name = mount.get("name")
    return (isinstance(name, str) and name in memory) or _is_shm(mount)


def _is_shm(mount: Data) -> bool:
    return str(mount.get("mountPath")).rstrip("/") == SHM


def _mount(mount: Data) -> Data:
    kept: Data = {"name": scalar(mount.get("name"))}
    if mount.get("readOnly") is True:
        kept["readOnly"] = True
    if _is_shm(mount):
        kept["mountPath"] = SHM
    return kept


def _affinity(raw: Any) -> Data | None:
    if not raw:
        return None
    return _CROSSING if crosses_namespaces(raw) else {"nodeAffinity": {}}


def _os(raw: Any) -> Any:
    return {"name": scalar(raw.get("name"))} if isinstance(raw, dict) else shape(raw)


def _if_true(raw: Any) -> Any:
    return True if raw is True else None


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("nodeName", "priority", "priorityClassName", "runtimeClassName", "activeDeadlineSeconds"), scalar),
    **dict.fromkeys(("hostIPC", "hostNetwork"), _if_true),
    "affinity": _affinity,
    "nodeSelector": _labels,
    "os": _os,
    "overhead": amounts,
    "resources": resources,
}
"""Key of a pod spec to what is left of its value; None is left out."""


def pod_status(raw: Any) -> Any:
    """Return the status of a pod: its phase, what waits or was killed for memory, and the state of resizes."""
    if not isinstance(raw, dict):
        return shape(raw)
    kept: Data = {key: scalar(raw[key]) for key in ("phase", "qosClass", "resize") if key in raw}
    message = evicted_for_memory(raw)
    if message:
        kept |= {"reason": "Evicted", "message": message}
    conditions = raw.get("conditions")
    if isinstance(conditions, list):
        kept["conditions"] = [
            found for item in conditions if isinstance(item, dict) and (found := _condition(item)) is not None
        ]
    for key in _STATUSES:
        items = raw.get(key)
        if items and isinstance(items, list):
            kept[key] = [_container_status(item) for item in items if isinstance(item, dict)]
    for key, read in (("resources", resources), ("allocatedResources", amounts)):
        if key in raw:
            kept[key] = read(raw[key])
    return kept


def _condition(raw: Mapping[str, Any]) -> Data | None:
    type_ = raw.get("type")
    if type_ == "Ready":
        return {"type": type_, "status": scalar(raw.get("status"))}
    if type_ == "PodScheduled":
        message = waits_for_memory(raw)
        return {"type": type_, "status": "False", "message": message} if message else None
    if type_ == "PodResizePending":
        return {"type": type_, "reason": scalar(raw.get("reason"))}
    return None


def _container_status(raw: Data) -> Data:
    kept: Data = {"name": scalar(raw.get("name"))}
    if raw.get("restartCount"):
        kept["restartCount"] = scalar(raw["restartCount"])
    for key in ("state", "lastState"):
        state = raw.get(key)
        ended = state.get("terminated") if isinstance(state, dict) else None
        if isinstance(ended, dict) and ended.get("reason") == "OOMKilled":
            kept[key] = {"terminated": {"reason": "OOMKilled"}}
    if "resources" in raw:
        kept["resources"] = resources(raw["resources"])
    if "allocatedResources" in raw:
        kept["allocatedResources"] = amounts(raw["allocatedResources"])
    return kept
