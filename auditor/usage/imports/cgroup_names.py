"""Names for the uids and ids that a cgroup tree holds.

The kubelet keeps /var/log/pods/NAMESPACE_POD_UID/ and /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
(pkg/kubelet/kuberuntime/helpers.go, legacy.go); `crictl ps -a -o json` tells the labels of each container.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from auditor.usage.errors import UsageError
from auditor.usage.imports.samples import UNKNOWN_NAMESPACE

_LOG = re.compile(r"([^_]+)_([^_]+)_(.+)-([0-9a-f]{64})\.log")
_LABELS = ("io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name")


class Names(msgspec.Struct, frozen=True):
    """What is known of a node's pods and containers."""

    pods: Mapping[str, tuple[str, str]] = {}
    """Uid to namespace and pod."""
    containers: Mapping[str, tuple[str, str, str]] = {}
    """Container id to namespace, pod and container."""
    sandboxes: frozenset[str] = frozenset()
    """Ids of pause containers."""

    def of(self, pod_uid: str, container_id: str) -> tuple[str, str, str] | None:
        """Return namespace, pod and container; `_`, uid and id where no names are known; None for a pause container.

        Where only logs tell names, a container without one beside named ones of its pod is the pause container.
        """
        known = self.containers.get(container_id)
        if known is not None:
            return known
        pod = self.pods.get(pod_uid)
        told_by_logs = not self.sandboxes and pod is not None and self._has_containers(pod)
        if told_by_logs or container_id in self.sandboxes:
            return None
        namespace, name = pod or (UNKNOWN_NAMESPACE, pod_uid)
        return namespace, name, container_id[:12]

    def _has_containers(self, pod: tuple[str, str]) -> bool:
        return any(found[:2] == pod for found in self.containers.values())


def names_of_logs(folder: Path) -> Names:
    """Return the names that the folders `pods` and `containers` of /var/log tell.

    Raises UsageError when neither is there.
    """
    pods: dict[str, tuple[str, str]] = {}
    containers: dict[str, tuple[str, str, str]] = {}
    seen = False
    for path in _entries(folder / "pods"):
        seen = True
        parts = path.name.split("_")
        if len(parts) == 3:
            pods[parts[2]] = (parts[0], parts[1])
    for path in _entries(folder / "containers"):
        seen = True
        found = _LOG.fullmatch(path.name)
        if found:
            containers[found[4]] = (found[2], found[1], found[3])
    if not seen and not ((folder / "pods").is_dir() or (folder / "containers").is_dir()):
        raise UsageError(f"{folder}: holds neither pods nor containers, as /var/log of a node does")
    return Names(pods, containers)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def names_of_crictl(path: Path) -> Names:
    """Return the names in a file of `crictl ps -a -o json`. Raises UsageError for another one."""
    try:
        data: Any = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: is no JSON: {error}") from error
    listed = data.get("containers") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise UsageError(f"{path}: is no answer of `crictl ps -a -o json`: it has no list `containers`")
    pods: dict[str, tuple[str, str]] = {}
    containers: dict[str, tuple[str, str, str]] = {}
    sandboxes = set()
    for item in listed:
        labels = item.get("labels") if isinstance(item, dict) else None
        if not isinstance(labels, dict):
            continue
        found = [labels.get(name) for name in _LABELS]
        if all(isinstance(name, str) for name in found):
            namespace, pod, container = map(str, found)
            containers[str(item.get("id"))] = (namespace, pod, container)
            pods[str(labels.get("io.kubernetes.pod.uid"))] = (namespace, pod)
            sandboxes.add(str(item.get("podSandboxId")))
    return Names(pods, containers, frozenset(sandboxes))
