"""PriorityClass, the priority of a pod, and which pods the kubelet calls critical.

Source: plugin/pkg/admission/priority/admission.go, pkg/apis/scheduling (types.go, validation) and
pkg/kubelet/types/pod_update.go of 1.37.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from auditor.kube.objects import Fault, kind_word

NODE_CRITICAL = "system-node-critical"
"""The built-in class whose pods the kernel kills last."""
CLUSTER_CRITICAL = "system-cluster-critical"
CRITICAL_PRIORITY = 2_000_000_000
"""From here on a pod is critical (SystemCriticalPriority); no class that a user defines reaches it."""

_BUILT_IN = {NODE_CRITICAL: CRITICAL_PRIORITY + 1000, CLUSTER_CRITICAL: CRITICAL_PRIORITY}
_HIGHEST_OF_USERS = 1_000_000_000
_RESERVED = "system-"
_SOURCE = "kubernetes.io/config.source"
_MIRROR = "kubernetes.io/config.mirror"
ANNOTATIONS = frozenset((_SOURCE, _MIRROR))
"""The annotations of pods that are read here."""


class PriorityClass(msgspec.Struct, frozen=True):
    """A PriorityClass."""

    name: str
    """Such as `batch-low`."""
    value: int
    """The priority of its pods; higher is more important, negative is allowed."""
    global_default: bool
    """True when it is for pods that name no class."""


def read_priority_class(data: dict[str, Any]) -> PriorityClass | Fault:
    """Read a PriorityClass object, an absent value as 0; one that the API server refuses is a Fault in its words."""
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        return Fault(("metadata", "name"), f"metadata.name must be a string, not {kind_word(name)}")
    raw, default = data.get("value"), data.get("globalDefault")
    value = 0 if raw is None else _int32(raw)
    if value is None:
        return Fault(("value",), f"value must be a whole number of 32 bits, not {_shown(raw)}")
    if default is not None and not isinstance(default, bool):
        return Fault(("globalDefault",), f"globalDefault must be a boolean, not {kind_word(default)}")
    if name.startswith(_RESERVED):
        if _BUILT_IN.get(name) != value or default:
            words = "priority class names with 'system-' prefix are reserved for system use only"
            return Fault(("metadata", "name"), f"metadata.name: Forbidden: {words}")
    elif value > _HIGHEST_OF_USERS:
        words = f"maximum allowed value of a user defined priority is {_HIGHEST_OF_USERS}"
        return Fault(("value",), f"value: Forbidden: {words}")
    return PriorityClass(name, value, bool(default))


def _int32(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2**31) <= value < 2**31 else None


def _shown(value: object) -> str:
    return "a larger one" if isinstance(value, int) and not isinstance(value, bool) else kind_word(value)


def default_class(classes: Mapping[str, PriorityClass]) -> PriorityClass | None:
    """Return the class that admission writes into a pod that names none: of several the lowest; None without one."""
    defaults = [each for each in classes.values() if each.global_default]
    return min(defaults, key=lambda each: (each.value, each.name), default=None)


def pod_priority(spec: dict[str, Any], classes: Mapping[str, PriorityClass]) -> int | None:
    """Return the priority of a pod, None where it is not known: a class that is neither built in nor in `classes`.

    A priority that the spec says counts before its class: that is how the API server shows a pod.
    """
    written, name = spec.get("priority"), spec.get("priorityClassName")
    if written is not None:
        return _int32(written)
    if name is None or name == "":
        default = default_class(classes)
        return 0 if default is None else default.value
    if not isinstance(name, str):
        return None
    return classes[name].value if name in classes else _BUILT_IN.get(name)


def is_critical(spec: dict[str, Any], metadata: object, priority: int | None) -> bool | None:
    """Return whether the kubelet calls the pod critical: static, mirror, or of a critical priority (IsCriticalPod).

    `metadata` is the pod's, for its annotations. None where a priority that is not known (None) would decide. It
    does not for a class of a user, whatever its value.
    """
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict) and (_MIRROR in annotations or annotations.get(_SOURCE, "api") != "api"):
        return True
    if priority is not None:
        return priority >= CRITICAL_PRIORITY
    name = spec.get("priorityClassName")
    of_user = isinstance(name, str) and name != "" and not name.startswith(_RESERVED)
    return False if of_user and spec.get("priority") is None else None


def is_node_critical(spec: dict[str, Any], metadata: object, priority: int | None) -> bool | None:
    """Return whether the pod's containers have the oom_score_adj -997 whatever their class (IsNodeCriticalPod)."""
    if spec.get("priorityClassName") != NODE_CRITICAL:
        return False
    return is_critical(spec, metadata, priority)
