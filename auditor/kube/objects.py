"""Typed partial views of what the memory model needs from a pod and its context. Values only."""

import msgspec


class Amounts(msgspec.Struct, frozen=True):
    """Memory and CPU of one `requests` or `limits` block; None is an absent key, 0 a written zero."""

    memory: int | None = None
    """Bytes."""
    cpu: int | None = None
    """Thousandths of a core."""
    hugepages: bool = False
    """Whether it holds a hugepages-* key."""

    def or_else(self, other: "Amounts") -> "Amounts":
        """Return these amounts with absent keys filled from another block."""
        if (self.memory is not None or other.memory is None) and (self.cpu is not None or other.cpu is None):
            return self
        memory = other.memory if self.memory is None else self.memory
        return Amounts(memory, other.cpu if self.cpu is None else self.cpu, self.hugepages)


NOTHING = Amounts()


class Container(msgspec.Struct, frozen=True):
    """The resources of one container, in pod order: init containers first."""

    name: str
    type: str
    """app, init, sidecar or ephemeral."""
    requests: Amounts
    limits: Amounts
    request_from: str | None = None
    limit_from: str | None = None
    request_known: bool = True
    """False when the memory request cannot be told: not readable, or two LimitRanges disagree."""
    limit_known: bool = True


class PodResources(msgspec.Struct, frozen=True):
    """The resources of a pod, at some step of admission."""

    containers: tuple[Container, ...]
    """Without ephemeral ones, which count nowhere."""
    requests: Amounts = NOTHING
    """Pod level; NOTHING where the version ignores it."""
    limits: Amounts = NOTHING
    pod_level: bool = False
    """Whether `spec.resources` is written and the version knows it."""
    overhead: int | None = None
    """Memory overhead in bytes."""
    known: bool = True
    """False when a container or pod-level value could not be read, so that no sum is right."""

    @property
    def pod_level_set(self) -> bool:
        """Whether a pod-level entry of a supported resource is set."""
        return any(a.memory is not None or a.cpu is not None or a.hugepages for a in (self.requests, self.limits))


class LimitItem(msgspec.Struct, frozen=True):
    """One item of a LimitRange, defaulted as the API server stores it."""

    type: str
    """Container or Pod."""
    min: Amounts = NOTHING
    max: Amounts = NOTHING
    default: Amounts = NOTHING
    default_request: Amounts = NOTHING
    ratio_milli: int | None = None
    """maxLimitRequestRatio of memory, in thousandths."""


class LimitRange(msgspec.Struct, frozen=True):
    """A LimitRange of one namespace."""

    name: str
    """`team-a/limits`."""
    items: tuple[LimitItem, ...]


class NodeMemory(msgspec.Struct, frozen=True):
    """What a Node offers, in bytes; None where the Node does not say."""

    name: str
    capacity: int | None
    allocatable: int | None
