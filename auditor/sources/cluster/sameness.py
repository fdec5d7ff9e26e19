"""When two pods of a workload are the same for memory, and which shapes a pod must have to be read at all."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from auditor.kube.objects import kind_word

_OF_ONE_POD = frozenset(
    ("nodeName", "hostname", "subdomain", "affinity", "tolerations", "volumes", "serviceAccountName")
)
"""What differs between pods of one template, or decides nothing about memory."""
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_STATUSES = ("initContainerStatuses", "containerStatuses")

_encode = msgspec.msgpack.Encoder().encode


def memory_key(pod: Mapping[str, Any]) -> bytes:
    """Return what two well-formed pods share exactly when their memory is the same: by spec and state of resizes."""
    spec, status = pod["spec"], pod.get("status") or {}
    volumes = [volume for volume in spec.get("volumes") or () if "emptyDir" in volume]
    names = {volume.get("name") for volume in volumes}
    parts: list[Any] = [{key: value for key, value in spec.items() if key not in _OF_ONE_POD}, volumes]
    parts[0] |= {key: [_container(item, names) for item in spec[key]] for key in _CONTAINERS if spec.get(key)}
    asked = {item.get("name"): item.get("resources") or {} for key in _CONTAINERS for item in spec.get(key) or ()}
    told = (_resized(item, asked) for key in _STATUSES for item in status.get(key) or ())
    parts.append([item for item in told if item is not None])
    parts.append([(c.get("type"), c.get("reason")) for c in status.get("conditions") or () if _is_resize(c)])
    parts.append((status.get("resize"), status.get("resources"), status.get("allocatedResources")))
    return hashlib.blake2b(_encode(parts), digest_size=16).digest()


def _container(item: dict[str, Any], volumes: set[Any]) -> dict[str, Any]:
    """Return a container without the mounts of volumes that hold no memory: their names may be made up for each pod."""
    mounts = item.get("volumeMounts")
    if not mounts:
        return item
    kept = [mount for mount in mounts if mount.get("name") in volumes or mount.get("mountPath") == "/dev/shm"]  # noqa: S108
    return item | {"volumeMounts": kept}


def _resized(item: Mapping[str, Any], asked: Mapping[Any, Any]) -> tuple[Any, ...] | None:
    """Return what the status of a container says besides its spec: None without a resize, or before it started."""
    wanted = asked.get(item.get("name"))
    requests = wanted.get("requests") if isinstance(wanted, dict) else None
    actual, allocated = item.get("resources") or None, item.get("allocatedResources") or None
    if actual in (None, wanted) and allocated in (None, requests):
        return None
    return item.get("name"), actual, allocated


def _is_resize(condition: Mapping[str, Any]) -> bool:
    return str(condition.get("type")).startswith("PodResize")


def shape_fault(data: Mapping[str, Any]) -> str | None:
    """Return why an object of a cluster cannot be read, None when it can: the API server sends no such thing."""
    kind, metadata = data.get("kind"), data.get("metadata")
    if not isinstance(kind, str) or not isinstance(data.get("apiVersion"), str):
        return "an object without apiVersion or kind"
    if not isinstance(metadata, dict):
        return f"{kind}: metadata must be a mapping, not {kind_word(metadata)}"
    for key in ("name", "namespace"):
        if not isinstance(metadata.get(key, ""), str):
            return f"{kind}: metadata.{key} must be a string, not {kind_word(metadata[key])}"
    if not isinstance(metadata.get("labels") or {}, dict):
        return f"{kind} {metadata.get('name')}: metadata.labels must be a mapping"
    fault = _pod_fault(data) if kind == "Pod" else None
    return f"{kind} {metadata.get('namespace')}/{metadata.get('name')}: {fault}" if fault else None


def _pod_fault(data: Mapping[str, Any]) -> str | None:
    spec, status = data.get("spec"), data.get("status") or {}
    if not isinstance(spec, dict):
        return f"spec must be a mapping, not {kind_word(spec)}"
    if not isinstance(status, dict):
        return f"status must be a mapping, not {kind_word(status)}"
    lists = [("spec", spec, key) for key in (*_CONTAINERS, "volumes")]
    lists += [("status", status, key) for key in (*_STATUSES, "conditions")]
    for where, owner, key in lists:
        items = owner.get(key) or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            return f"{where}.{key} must be a list of mappings"
        if any(isinstance(item.get("name"), dict | list) for item in items):
            return f"{where}.{key}: name must be a string"
    for key in _CONTAINERS:
        for item in spec.get(key) or ():
            mounts = item.get("volumeMounts") or []
            if not isinstance(mounts, list) or not all(isinstance(mount, dict) for mount in mounts):
                return f"spec.{key}: volumeMounts must be a list of mappings"
            if any(isinstance(mount.get("name"), dict | list) for mount in mounts):
                return f"spec.{key}: the name of a volumeMount must be a string"
    node = spec.get("nodeName") or ""
    return None if isinstance(node, str) else f"spec.nodeName must be a string, not {kind_word(node)}"
