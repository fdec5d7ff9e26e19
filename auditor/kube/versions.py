"""Kubernetes versions 1.28 to 1.37 and the feature gates that change memory: the one table that everything asks.

Source: pkg/features/kube_features.go, v1.37.2, and the KEPs for the older rows.
"""

import difflib
import re
from collections.abc import Sequence

import msgspec

OLDEST = 28
NEWEST = 37


class VersionError(ValueError):
    """An unknown version or gate; its text says what to write instead."""


class _Since(msgspec.Struct, frozen=True):
    """From this minor version on, a gate has this default."""

    minor: int
    on: bool
    locked: bool = False


_GATES: dict[str, tuple[_Since, ...]] = {
    "SidecarContainers": (_Since(28, on=False), _Since(29, on=True), _Since(33, on=True, locked=True)),
    "SizeMemoryBackedVolumes": (_Since(22, on=True), _Since(32, on=True, locked=True)),
    "PodLevelResources": (_Since(32, on=False), _Since(34, on=True)),
    "PodLevelResourcesFixKubeletQOSClass": (_Since(37, on=True),),
    "PodLevelResourcesFixDefaulting": (_Since(37, on=True),),
    "NodeSwap": (_Since(22, on=False), _Since(30, on=True), _Since(34, on=True, locked=True)),
    "MemoryQoS": (_Since(22, on=False), _Since(37, on=True)),
    "InPlacePodVerticalScaling": (_Since(27, on=False), _Since(33, on=True), _Since(35, on=True, locked=True)),
    "InPlacePodLevelResourcesVerticalScaling": (_Since(35, on=False), _Since(36, on=True)),
    "InPlacePodVerticalScalingMemoryBackedVolumes": (_Since(37, on=False),),
    "HugepageAwareEviction": (_Since(37, on=True),),
}
_GONE = {"SidecarContainers": 37, "SizeMemoryBackedVolumes": 37}
"""Gates that a version does not know any more: naming one is a start error of its components, the feature is on."""

_VERSION = re.compile(r"v?1\.(\d{1,3})(?:[.+-].*)?")


class Target(msgspec.Struct, frozen=True):
    """The Kubernetes to answer for: a minor version, and gates that are not at their defaults."""

    minor: int
    gates: tuple[tuple[str, bool], ...] = ()

    @property
    def version(self) -> str:
        """Such as `1.37`."""
        return f"1.{self.minor}"

    def enabled(self, gate: str) -> bool:
        """Return whether a gate is on; False before the version that has it. Raises KeyError for an unknown gate."""
        for name, on in self.gates:
            if name == gate:
                return on
        state = _state(gate, self.minor)
        return state is not None and state.on


def _state(gate: str, minor: int) -> _Since | None:
    rows = [row for row in _GATES[gate] if row.minor <= minor]
    return rows[-1] if rows else None


def parse_target(version: str | None, gates: Sequence[str] = ()) -> Target:
    """Return the target of `1.34`, `v1.34.2` or `1.34.1-gke.100` and `NAME=BOOL` texts; None is the newest version.

    Raises VersionError for a version or gate that is not known or cannot be so.
    """
    minor = NEWEST
    if version is not None:
        match = _VERSION.fullmatch(version.strip())
        if not match or not OLDEST <= int(match[1]) <= NEWEST:
            raise VersionError(f"Kubernetes version {version!r}: known are 1.{OLDEST} to 1.{NEWEST}")
        minor = int(match[1])
    return Target(minor=minor, gates=tuple(_gate(text, minor) for text in gates))


def _gate(text: str, minor: int) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if name not in _GATES:
        near = difflib.get_close_matches(name, _GATES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(_GATES))}"
        raise VersionError(f"feature gate {name!r}: not known here; {hint}")
    if value.lower() not in ("true", "false"):
        raise VersionError(f"feature gate {text!r}: write {name}=true or {name}=false")
    on = value.lower() == "true"
    state = _state(name, minor)
    if state is None:
        raise VersionError(f"feature gate {name}: Kubernetes 1.{minor} does not have it")
    if name in _GONE and minor >= _GONE[name]:
        raise VersionError(f"feature gate {name}: Kubernetes 1.{minor} does not know it any more; the feature is on")
    if state.locked and on != state.on:
        raise VersionError(f"feature gate {name}: locked to {str(state.on).lower()} in Kubernetes 1.{minor}")
    return name, on
