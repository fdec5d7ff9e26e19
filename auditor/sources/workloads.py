"""Where the pod specs of an object stand."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.kube.objects import kind_word
from auditor.kube.paths import Path

_TEMPLATE_SPEC: Path = ("spec", "template", "spec")
_KNOWN: dict[tuple[str, str], Path] = {
    ("", "Pod"): ("spec",),
    ("", "PodTemplate"): ("template", "spec"),
    ("", "ReplicationController"): _TEMPLATE_SPEC,
    **{("apps", kind): _TEMPLATE_SPEC for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")},
    **{("extensions", kind): _TEMPLATE_SPEC for kind in ("Deployment", "DaemonSet", "ReplicaSet")},
    ("batch", "Job"): _TEMPLATE_SPEC,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
}
WORKLOAD_KINDS = frozenset(kind for _, kind in _KNOWN)

TEMPLATE_NAME = re.compile("template$", re.IGNORECASE)
"""Keys that a pod template may stand below."""
# Kubernetes' own groups have no further workloads; a ControllerRevision or a schema only quotes one.
_OWN_GROUPS = frozenset(("", "apps", "extensions", "batch", "autoscaling", "policy"))
PATTERN_KEYS = frozenset(("pattern", "anyPattern", "mutate", "patchStrategicMerge", "validate", "openAPIV3Schema"))
"""Below these keys policy engines write patterns of pods, which are no pods."""

CLUSTER_SCOPED = frozenset(
    (
        *("Node", "Namespace", "RuntimeClass", "PriorityClass", "PersistentVolume", "StorageClass", "ClusterRole"),
        *("ClusterRoleBinding", "CustomResourceDefinition", "APIService", "ComponentStatus", "CSIDriver", "CSINode"),
        *("IngressClass", "VolumeAttachment", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "FlowSchema", "KubeletConfiguration"),
        *("PriorityLevelConfiguration", "CertificateSigningRequest", "DeviceClass", "ClusterPolicy"),
    )
)


class ShapeError(Exception):
    """A workload whose pod spec cannot be reached; `path` is where it goes wrong."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def pod_paths(data: dict[str, Any], group: str, kind: str, configured: Mapping[str, Path]) -> tuple[Path, ...]:
    """Return the paths of the pod specs of an object, none when it owns no pods; raises ShapeError.

    `configured` maps a kind to the path of its template or pod spec.
    """
    if kind in configured:
        return (_configured(data, configured[kind]),)
    known = _KNOWN.get((group, kind))
    if known is not None:
        _walk(data, known)
        return (known,)
    if not may_be_custom_workload(group):
        return ()
    return tuple(_by_shape(data, (), below_template=False))


def may_be_custom_workload(group: str) -> bool:
    """Return whether an API group may have workload kinds of its own."""
    return group not in _OWN_GROUPS and not group.endswith(".k8s.io")


def _walk(data: Any, path: Path) -> dict[str, Any]:
    """Return the pod spec at a path; raises ShapeError unless everything on the way is a mapping with containers."""
    node = data
    for depth, step in enumerate(path, 1):
        node = node.get(step) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            here = path[:depth]
            what = "is missing" if node is None else f"must be a mapping, not {kind_word(node)}"
            raise ShapeError(here, f"{'.'.join(map(str, here))} {what}")
    containers = node.get("containers")
    if not isinstance(containers, list):
        what = "is missing" if containers is None else f"must be a list, not {kind_word(containers)}"
        raise ShapeError((*path, "containers"), f"{'.'.join(map(str, path))}.containers {what}")
    return node  # type: ignore[no-any-return]


def _configured(data: dict[str, Any], path: Path) -> Path:
    """Return the pod spec's path for a path of the config, which names the template or the pod spec itself."""
    node: Any = data
    steps: list[str | int] = []
    for step in path:
        index = int(step) if isinstance(node, list) and str(step).isdecimal() else step
        steps.append(index)
        if isinstance(node, list):
            node = node[index] if isinstance(index, int) and index < len(node) else None
        else:
            node = node.get(step) if isinstance(node, dict) else None
        if not isinstance(node, (dict, list)):
            raise ShapeError(tuple(steps), f"{'.'.join(map(str, steps))} is missing: the config names it as a template")
    if isinstance(node, dict) and isinstance(node.get("containers"), list):
        return tuple(steps)
    spec = node.get("spec") if isinstance(node, dict) else None
    if isinstance(spec, dict) and isinstance(spec.get("containers"), list):
        return (*steps, "spec")
    raise ShapeError(tuple(steps), f"{'.'.join(map(str, steps))} holds no pod spec: the config names it as a template")


def _by_shape(node: Any, path: Path, *, below_template: bool) -> Iterator[Path]:
    """Yield the paths of mappings with a list of containers below a key named like a template."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _by_shape(item, (*path, index), below_template=below_template)
    if not isinstance(node, dict):
        return
    containers = node.get("containers")
    if below_template and isinstance(containers, list) and containers and all(isinstance(c, dict) for c in containers):
        yield path
        return
    for key, value in node.items():
        if key not in PATTERN_KEYS and isinstance(value, (dict, list)):
            below = below_template or TEMPLATE_NAME.search(key) is not None
            yield from _by_shape(value, (*path, key), below_template=below)
