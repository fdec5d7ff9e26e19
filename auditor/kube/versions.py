"""Kubernetes versions and the feature gates that change what happens to memory.

Source: pkg/features/kube_features.go of v1.37.2 and the KEPs; a gate's stages are (minor version, default, locked).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

OLDEST = 28
NEWEST = 37

_Stage = tuple[int, bool, bool]

_GATES: dict[str, tuple[_Stage, ...]] = {
    "SidecarContainers": ((28, False, False), (29, True, False), (33, True, True)),
    "SizeMemoryBackedVolumes": ((28, True, False), (32, True, True)),
    "PodLevelResources": ((32, False, False), (34, True, False)),
    "PodLevelResourcesFixKubeletQOSClass": ((37, True, False),),
    "PodLevelResourcesFixDefaulting": ((37, True, False),),
    "PodLevelResourceManagers": ((36, False, False),),
    "InPlacePodVerticalScaling": ((28, False, False), (33, True, False), (35, True, True)),
    "InPlacePodLevelResourcesVerticalScaling": ((35, False, False), (36, True, False)),
    "InPlacePodVerticalScalingInitContainers": ((36, True, False), (37, True, True)),
    "InPlacePodVerticalScalingMemoryBackedVolumes": ((37, False, False),),
    "NodeSwap": ((28, False, False), (30, True, False), (34, True, True)),
    "MemoryQoS": ((28, False, False), (37, True, False)),
    "KubeletPSI": ((33, False, False), (34, True, False), (36, True, True)),
    "HugepageAwareEviction": ((37, True, False),),
    "DRANodeAllocatableResources": ((36, False, False),),
    "NodeDeclaredFeatures": ((35, False, False), (36, True, False), (37, True, True)),
    "HPAContainerMetrics": ((28, True, False), (30, True, True)),
    "HPAConfigurableTolerance": ((33, False, False), (35, True, False), (37, True, True)),
    "HPAScaleToZero": ((28, False, False), (37, True, False)),
    "PodOverhead": ((28, True, True),),
    "HugePageStorageMediumSize": ((28, True, True),),
}
_GONE_SINCE = {
    "SidecarContainers": 37,
    "SizeMemoryBackedVolumes": 37,
    "HPAContainerMetrics": 37,
    "PodOverhead": 37,
    "HugePageStorageMediumSize": 37,
}


class Since:
    """What changed without a gate: the first minor version that does so. Read in the source of both versions."""

    SWAP_CONTROLLER_ASKED = 29
    """The kubelet looks whether there is a swap controller before it writes swap limits (kuberuntime)."""
    UNLIMITED_SWAP_GONE = 30
    """UnlimitedSwap is refused, and an empty swapBehavior means NoSwap (KEP-2400)."""
    CRITICAL_PODS_WITHOUT_SWAP = 31
    """Critical, static and mirror pods get no swap (kuberuntime)."""
    TMPFS_NOSWAP = 31
    """Memory volumes are mounted with noswap where the kernel has it (emptydir)."""
    FAIL_CGROUP_V1 = 31
    """failCgroupV1 is known (kubelet configuration)."""
    RESIZE_FROM_ACTUATED = 32
    """Sums take the actuated resources of a status, not the allocated requests (component-helpers)."""
    SIDECAR_SCORES = 32
    """A sidecar is at most as likely an OOM victim as the app container with the smallest request (qos/policy.go)."""
    POD_LEVEL_KNOWN = 32
    """spec.resources is a field, behind PodLevelResources (KEP-2837)."""
    RESIZE_CONDITIONS = 33
    """The PodResizePending condition tells an infeasible resize, and sidecars count in sums (component-helpers)."""
    EVICTION_DEFAULTS_MERGED = 33
    """mergeDefaultEvictionSettings is known (kubelet configuration)."""
    SWAP_CAPACITY_REPORTED = 33
    """status.nodeInfo.swap.capacity is written (nodestatus/setters.go)."""
    CGROUP_V1_REFUSED = 35
    """failCgroupV1 is true by default (kubelet configuration)."""
    RESERVATION_POLICY = 36
    """memoryReservationPolicy decides memory.min and memory.low; before, requests do (KEP-2570)."""
    POD_MEMORY_HIGH = 37
    """memory.high at pod level, no default factor, and a factor without the gate is refused (KEP-2570)."""
    LIMITS_COUNTED_ONE_BY_ONE = 37
    """ResourceConfigForPod asks each container's own limit, not one with those of earlier sidecars (cm)."""
    RESIZE_MAX_OF_SUMS = 37
    """Sums are the largest of three sums, not sums of the largest of three (component-helpers)."""


_VERSION = re.compile(r"v?([0-9]{1,3})\.([0-9]{1,4})(?:\.[0-9]+)?(?:[-+.][0-9A-Za-z.+-]*)?", re.ASCII)
_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))


class VersionError(ValueError):
    """A version or gate that is not known; its words say what to write instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """The Kubernetes that the objects are meant for."""

    minor: int = NEWEST
    gates: tuple[tuple[str, bool], ...] = ()
    """Gates that differ from their default or are set by hand, sorted by name."""

    @property
    def version(self) -> str:
        """Such as `1.37`."""
        return f"1.{self.minor}"

    def enabled(self, gate: str) -> bool:
        """Return whether a gate is on; one that is gone is on, one to come is off. Raises KeyError for other names."""
        return _enabled(self.minor, self.gates, gate)


@lru_cache(maxsize=1024)
def _enabled(minor: int, gates: tuple[tuple[str, bool], ...], gate: str) -> bool:
    stages = _GATES[gate]
    return next((on for name, on in gates if name == gate), _stage(stages, minor)[0])


def _stage(stages: tuple[_Stage, ...], minor: int) -> tuple[bool, bool]:
    """Return the default and whether it is locked."""
    found = (False, False)
    for since, default, locked in stages:
        if minor >= since:
            found = (default, locked)
    return found


def parse_target(version: str | None, gates: Sequence[str] = ()) -> Target:
    """Return the target for a version such as `1.37` or `v1.37.2-gke.1` and gates such as `MemoryQoS=true`.

    None is the newest version known. Raises VersionError with what to write instead.
    """
    minor = NEWEST if version is None else _minor(version)
    chosen: dict[str, bool] = {}
    for text in (part.strip() for gate in gates for part in gate.split(",")):
        name, on = _gate(text, minor)
        chosen[name] = on
    return Target(minor, tuple(sorted(chosen.items())))


def nearest_target(version: str, gates: Sequence[str] = ()) -> tuple[Target, str | None]:
    """Return the target for the version of a server, and words when the nearest one that is known stands for it.

    Raises VersionError for gates, and for a text that is no version.
    """
    match = _VERSION.fullmatch(version.strip())
    if match is None or (match[1] == "1" and OLDEST <= int(match[2]) <= NEWEST):
        return parse_target(version, gates), None
    minor = OLDEST if match[1] == "1" and int(match[2]) < OLDEST else NEWEST
    words = f"Kubernetes {match[1]}.{match[2]} is not known: it is judged as 1.{minor}"
    return parse_target(f"1.{minor}", gates), words


def parse_bool(text: str | None) -> bool | None:
    """Return what Go's strconv.ParseBool reads, None for what it refuses."""
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def _minor(version: str) -> int:
    match = _VERSION.fullmatch(version.strip())
    if not match:
        raise VersionError(f"Kubernetes version {version!r}: write it like 1.{NEWEST}")
    if match[1] != "1" or not OLDEST <= int(match[2]) <= NEWEST:
        raise VersionError(f"Kubernetes version {version!r} is not known: write 1.{OLDEST} to 1.{NEWEST}")
    return int(match[2])


def _gate(text: str, minor: int) -> tuple[str, bool]:
    name, equals, value = (part.strip() for part in text.partition("="))
    on = parse_bool(value)
    if not equals or on is None:
        raise VersionError(f"feature gate {text!r}: write {name or 'NAME'}=true or {name or 'NAME'}=false")
    stages = _GATES.get(name)
    if stages is None:
        raise VersionError(f"feature gate {name!r} is not known{_nearest(name)}")
    gone = _GONE_SINCE.get(name, NEWEST + 1)
    if minor >= gone:
        raise VersionError(f"feature gate {name} is gone from Kubernetes 1.{minor}, it is always on: leave it out")
    if minor < stages[0][0]:
        raise VersionError(f"feature gate {name} does not exist in Kubernetes 1.{minor}: it came with 1.{stages[0][0]}")
    default, locked = _stage(stages, minor)
    if locked and on is not default:
        raise VersionError(
            f"feature gate {name} is locked to {str(default).lower()} in Kubernetes 1.{minor}: leave it out"
        )
    return name, on


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, _GATES, n=1, cutoff=0.6)
    return f": did you mean {close[0]}?" if close else f": write one of {', '.join(sorted(_GATES))}"
