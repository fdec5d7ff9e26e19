"""A pod as the API server admits it: defaulting, LimitRange, RuntimeClass overhead, pod level, then refusals.

Order: API defaults, mutating admission, PrepareForCreate, validation (422), validating admission (403).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from auditor.kube.limitrange import LimitRange, apply_defaults, refusals
from auditor.kube.objects import Amounts, Container, Fault, Resources, read_amounts, read_containers, read_resources
from auditor.kube.podlevel import default_pod_level
from auditor.kube.qos import qos_class
from auditor.kube.quota import Quota, covers, read_quota_pod
from auditor.kube.quota import refusals as quota_refusals
from auditor.kube.quota import unspecified as unspecified_in
from auditor.kube.resources import counted
from auditor.kube.validation import container_refusals, entry_refusals, pod_level_refusals, volume_refusals
from auditor.kube.versions import Target


class Rules(msgspec.Struct, frozen=True):
    """What a target's gates mean here."""

    sidecars: bool
    pod_level: bool
    fixed_qos: bool
    fixed_defaulting: bool
    sized_tmpfs: bool


class Event(msgspec.Struct, frozen=True):
    """Something that admission did, or why it refuses."""

    by: str
    rejects: bool
    reason: str
    at: str = ""
    """The entry below the pod spec that is at fault, where one is: `containers[0].resources.limits.memory`."""


class Pod(msgspec.Struct, frozen=True):
    """A pod spec as admitted."""

    containers: tuple[Container, ...]
    """In pod order, ephemeral ones included."""
    pod_level: Resources | None
    """None where it is not set or the version ignores it."""
    overhead: Amounts
    events: tuple[Event, ...]
    faults: tuple[Fault, ...]
    pod_entries: Resources
    """Whatever `spec.resources` and `spec.overhead` hold, for their entries."""
    memory_known: bool
    """False when an amount of memory could not be read or is not determined."""
    qos: str | None
    """Guaranteed, Burstable or BestEffort; None when an amount could not be read."""
    unspecified: tuple[tuple[str, str, str], ...]
    """(ResourceQuota, key, container) of what quotas demand and containers do not set."""
    quotas: tuple[str, ...]
    """The names of the quotas that count the pod."""
    windows: bool


_NO_RESOURCES = Resources({}, {})


@lru_cache(maxsize=64)
def rules_of(target: Target) -> Rules:
    """Return the rules of a target."""
    return Rules(
        target.enabled("SidecarContainers"),
        target.enabled("PodLevelResources"),
        target.enabled("PodLevelResourcesFixKubeletQOSClass"),
        target.enabled("PodLevelResourcesFixDefaulting"),
        target.enabled("SizeMemoryBackedVolumes"),
    )


def admit(  # noqa: PLR0913 - a pod, and what its namespace and cluster hold
    spec: dict[str, Any],
    rules: Rules,
    limit_ranges: Sequence[LimitRange],
    overheads: Mapping[str, Amounts],
    quotas: Sequence[Quota] = (),
    *,
    default_class: str = "",
    defaults_known: bool = True,
) -> Pod:
    """Return a pod spec as admitted; `overheads` maps the RuntimeClasses that are known to their podFixed.

    Quotas are held against this pod alone, as if nothing else used them. `default_class` is the PriorityClass that a
    pod without one gets. Without `defaults_known` a LimitRange that cannot be read may fill what is not set.
    """
    containers, faults = read_containers(spec, sidecars=rules.sidecars)
    if not defaults_known:
        containers = [_with_unknown_defaults(container) for container in containers]
    events: list[Event] = []
    pod_level, level_entries = _pod_level(spec, rules, faults)
    overhead, overhead_entries = _overhead(spec, overheads, events, faults)
    if pod_level is not None and not rules.fixed_defaulting:
        pod_level = default_pod_level(pod_level, counted(containers), fixed=False)
    if limit_ranges:
        containers = _limit_ranges(containers, limit_ranges, events)
    if pod_level is not None and rules.fixed_defaulting:
        pod_level = default_pod_level(pod_level, counted(containers), fixed=True)
    windows = is_windows(spec)
    memory_known, qos_known = _known(containers, pod_level, overhead_entries, faults)
    reasons = list(_reasons(containers, pod_level, overhead_entries, known=memory_known, windows=says_windows(spec)))
    if "volumes" in spec:
        reasons.extend(volume_refusals(spec["volumes"]))
    if not faults and not any(container.list_name == "containers" for container in containers):
        reasons.append("spec.containers: Required value")
    events.extend(Event("validation", True, reason) for reason in reasons)
    qos = qos_class(counted(containers), pod_level, fixed=rules.fixed_qos) if qos_known else None
    if limit_ranges and not reasons:
        events.extend(_forbidden_by_ranges(limit_ranges, counted(containers), pod_level, known=memory_known))
    unspecified: tuple[tuple[str, str, str], ...] = ()
    counting: tuple[str, ...] = ()
    if quotas and memory_known:
        seen = read_quota_pod(spec, counted(containers), pod_level, overhead, qos, default_class=default_class)
        covering = [quota for quota in quotas if covers(quota, seen)]
        counting = tuple(quota.name for quota in covering)
        # A refusal ends admission: quotas are asked last.
        if not any(event.rejects for event in events):
            unspecified = tuple((quota.by, *entry) for quota in covering for entry in unspecified_in(quota, seen))
            events.extend(Event(quota.by, True, reason) for quota, reason in quota_refusals(covering, seen))
    both = level_entries.entries + overhead_entries.entries
    entries = Resources({}, {}, (), both) if both else _NO_RESOURCES
    return Pod(
        tuple(containers),
        pod_level,
        overhead,
        tuple(events),
        tuple(faults),
        entries,
        memory_known,
        qos,
        unspecified,
        counting,
        windows,
    )


def _reasons(
    containers: Sequence[Container], pod_level: Resources | None, overhead: Resources, *, known: bool, windows: bool
) -> Iterator[str]:
    """Yield what validation refuses (422)."""
    yield from container_refusals(containers)
    if pod_level is not None:
        yield from pod_level_refusals(pod_level, containers if known else (), windows=windows)
    yield from entry_refusals("spec.", overhead.refused)


def _forbidden_by_ranges(
    limit_ranges: Sequence[LimitRange], some: Sequence[Container], pod_level: Resources | None, *, known: bool
) -> Iterator[Event]:
    """Yield what LimitRanges refuse (403)."""
    for source in limit_ranges:
        for reason, at in refusals(source, some, pod_level, complete=known):
            yield Event(source.by, True, reason, at)


def _known(
    containers: Sequence[Container], pod_level: Resources | None, overhead: Resources, faults: Sequence[Fault]
) -> tuple[bool, bool]:
    memory, qos = not faults, not faults
    for container in containers:
        for entry in container.unreadable:
            qos = False
            memory = memory and not entry.endswith(".memory")
    if pod_level is not None and pod_level.unreadable:
        qos = False
        memory = memory and not any(entry.endswith(".memory") for entry in pod_level.unreadable)
    return memory and not overhead.unreadable, qos


def _pod_level(spec: dict[str, Any], rules: Rules, faults: list[Fault]) -> tuple[Resources | None, Resources]:
    raw = spec.get("resources")
    if raw is None:
        return None, _NO_RESOURCES
    read = read_resources(raw)
    if isinstance(read, Fault):
        faults.append(read)
        return None, _NO_RESOURCES
    return (read if rules.pod_level else None), read


def _overhead(
    spec: dict[str, Any], overheads: Mapping[str, Amounts], events: list[Event], faults: list[Fault]
) -> tuple[Amounts, Resources]:
    """Return the overhead in force and what the manifest says; the RuntimeClass decides where it is known."""
    raw, name = spec.get("overhead"), spec.get("runtimeClassName")
    if raw is None and name is None:
        return {}, _NO_RESOURCES
    read = read_amounts(raw, "overhead", "requests")
    if isinstance(read, Fault):
        faults.append(read)
        return {}, _NO_RESOURCES
    # The block of an overhead is its own word in entries.
    read = Resources(
        read.requests, {}, read.unreadable, tuple(e._replace(block="overhead") for e in read.entries), read.refused
    )
    if not isinstance(name, str) or not name:
        if raw is not None:
            words = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            events.append(Event("RuntimeClass", True, words))
        return read.requests, read
    if name not in overheads:
        return read.requests, read
    given = overheads[name]
    # An empty overhead is set too; only a RuntimeClass with an overhead fills it.
    if (raw and read.requests != given) if given else raw is not None:
        without = "Pod Overhead set without corresponding RuntimeClass defined Overhead"
        words = "Pod's Overhead doesn't match RuntimeClass's defined Overhead" if given else without
        events.append(Event(f"RuntimeClass {name}", True, f"pod rejected: {words}"))
        return read.requests, read
    if given and not raw:
        from auditor.kube.quantity import show

        amounts = ", ".join(f"{key} {show(amount)}" for key, amount in given.items())
        events.append(Event(f"RuntimeClass {name}", False, f"set overhead to {amounts}"))
    return given, read


def _with_unknown_defaults(container: Container) -> Container:
    """Return the container with each amount of memory that it does not set as not readable."""
    if container.type == "ephemeral":
        return container
    blocks = (("requests", container.requests), ("limits", container.limits))
    missing = [f"{block}.memory" for block, amounts in blocks if "memory" not in amounts]
    more = tuple(entry for entry in missing if entry not in container.unreadable)
    return msgspec.structs.replace(container, unreadable=container.unreadable + more) if more else container


def _limit_ranges(
    containers: Sequence[Container], limit_ranges: Sequence[LimitRange], events: list[Event]
) -> list[Container]:
    changed: list[Container] = []
    for container in containers:
        if container.type == "ephemeral":
            changed.append(container)
            continue
        admitted, told = apply_defaults(container, limit_ranges)
        changed.append(admitted)
        events.extend(Event(by, False, reason) for by, reason in told)
    return changed


def is_windows(spec: dict[str, Any]) -> bool:
    """Return whether the pod runs on Windows: spec.os.name, or the node selector kubernetes.io/os."""
    selector = spec.get("nodeSelector")
    return says_windows(spec) or (isinstance(selector, dict) and selector.get("kubernetes.io/os") == "windows")


def says_windows(spec: dict[str, Any]) -> bool:
    """Return whether spec.os.name says Windows, which is all that validation looks at."""
    system = spec.get("os")
    return isinstance(system, dict) and system.get("name") == "windows"
