"""Why a kubelet does not start with its configuration, in its own words.

Source: pkg/kubelet/apis/config/validation, cmd/kubelet/app/server.go and pkg/kubelet/eviction/helpers.go of 1.28 to
1.37.
"""

from auditor.kube.kubelet import (
    KubeletConfig,
    eviction_hard_bytes,
    kubelet_target,
    parse_threshold,
    reserved_bytes,
    settable,
)
from auditor.kube.memoryqos import DEFAULT_FACTOR
from auditor.kube.quantity import text_of
from auditor.kube.versions import NEWEST, Since, Target

_SIGNALS = {
    "memory.available": 28,
    "allocatableMemory.available": 28,
    "nodefs.available": 28,
    "nodefs.inodesFree": 28,
    "imagefs.available": 28,
    "imagefs.inodesFree": 28,
    "pid.available": 28,
    "containerfs.available": 29,
    "containerfs.inodesFree": 29,
}


def config_refusals(config: KubeletConfig, target: Target, *, capacity_bytes: int | None = None) -> tuple[str, ...]:
    """Return why the kubelet does not start with a configuration, in its own words; empty when it starts.

    Only what decides memory is looked at. `capacity_bytes`: the node's, None when it is not known.
    """
    found = _gate_refusals(config, target)
    gates = kubelet_target(config, target, target.minor)
    found += _swap_refusals(config, gates)
    found += _memory_qos_refusals(config, gates)
    found += _eviction_refusals(config, target.minor)
    found += config.problems
    if capacity_bytes is not None:
        reserved = reserved_bytes(config) + eviction_hard_bytes(config, capacity_bytes, minor=target.minor)
        if reserved > capacity_bytes:
            words = f'Resource "memory" has a reservation of {reserved} but capacity of {capacity_bytes}.'
            found.append(f"invalid Node Allocatable configuration. {words} Expected capacity >= reservation.")
    return tuple(found)


def _gate_refusals(config: KubeletConfig, target: Target) -> list[str]:
    """Return what is wrong with gates that are known here; of others nothing can be said."""
    found = []
    for name, on in config.feature_gates:
        try:
            Target().enabled(name)
        except KeyError:
            continue
        if settable(name, target.minor, on=on):
            continue
        if settable(name, target.minor, on=not on):
            wanted, locked = str(on).lower(), str(not on).lower()
            found.append(f"cannot set feature gate {name} to {wanted}, feature is locked to {locked}")
        else:
            found.append(f"unrecognized feature gate: {name}")
    return found


def _swap_refusals(config: KubeletConfig, gates: Target) -> list[str]:
    written = config.swap_behavior
    if not written:
        return []
    if not gates.enabled("NodeSwap"):
        words = "memorySwap.swapBehavior cannot be set when NodeSwap feature flag is disabled"
        return [f"invalid configuration: {words}"]
    other, tail = ("NoSwap", '"LimitedSwap" or "NoSwap"')
    if gates.minor < Since.UNLIMITED_SWAP_GONE:
        other, tail = "UnlimitedSwap", '"LimitedSwap", or "UnlimitedSwap"'
    if written in ("LimitedSwap", other):
        return []
    return [f'invalid configuration: memorySwap.swapBehavior "{written}" must be one of: "", {tail}']


def _memory_qos_refusals(config: KubeletConfig, gates: Target) -> list[str]:
    found = []
    factor, policy, on = config.memory_throttling_factor, config.memory_reservation_policy, gates.enabled("MemoryQoS")
    if gates.minor >= Since.POD_MEMORY_HIGH and not on and factor is not None and factor != DEFAULT_FACTOR:
        found.append("memoryThrottlingFactor must not be set when MemoryQoS feature gate is disabled")
    if factor is not None and not 0 < factor <= 1:
        found.append(f"memoryThrottlingFactor {text_of(factor)} must be greater than 0 and less than or equal to 1.0")
    if gates.minor >= Since.RESERVATION_POLICY and policy:
        if policy == "TieredReservation" and not on:
            found.append(f'memoryReservationPolicy "{policy}" requires MemoryQoS feature gate to be enabled')
        if policy not in ("None", "TieredReservation"):
            valid = 'Valid options are "None" or "TieredReservation"'
            found.append(f'option "{policy}" specified for memoryReservationPolicy. {valid}')
    return [f"invalid configuration: {words}" for words in found]


def _eviction_refusals(config: KubeletConfig, minor: int) -> list[str]:
    found = []
    for signal, text in (config.eviction_hard or ()) + (config.eviction_soft or ()):
        threshold = parse_threshold(signal, text)
        if _SIGNALS.get(signal, NEWEST + 1) > minor:
            found.append(f"unsupported eviction signal {signal}")
        elif isinstance(threshold, str):
            found.append(threshold)
    found += [
        f"unsupported eviction signal {signal}"
        for signal in config.eviction_soft_grace
        if _SIGNALS.get(signal, NEWEST + 1) > minor
    ]
    for signal, text in config.eviction_soft or ():
        if parse_threshold(signal, text) is not None and signal not in config.eviction_soft_grace:
            found.append(f"grace period must be specified for the soft eviction threshold {signal}")
    return found
