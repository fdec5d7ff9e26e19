"""The kubelet's configuration file: what of it decides memory, and what it leaves for pods.

Source: k8s.io/kubelet/config/v1beta1/types.go, cmd/kubelet/app/server.go, pkg/kubelet/apis/config (defaults.go,
validation.go), pkg/kubelet/eviction/helpers.go, pkg/kubelet/cm and nodestatus/setters.go of 1.28 to 1.37.
"""

import math
import re
import struct
from functools import lru_cache
from typing import Any

import msgspec

from auditor.kube.objects import Fault, kind_word
from auditor.kube.quantity import FORMAT_ERROR, QuantityError, parse, whole_bytes
from auditor.kube.versions import NEWEST, Since, Target, VersionError, parse_target

Pairs = tuple[tuple[str, str], ...]
"""A map of texts as written, sorted by key."""

DEFAULT_EVICTION_HARD_MEMORY = "100Mi"
"""pkg/kubelet/eviction/defaults_linux.go."""

_MEMORY = "memory.available"
_RESERVABLE = frozenset(("cpu", "memory", "ephemeral-storage", "pid"))
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_FLOAT32_MAX = 3.4028235677973366e38


class KubeletConfig(msgspec.Struct, frozen=True):
    """What of a KubeletConfiguration decides memory; hashable."""

    fail_swap_on: bool = True
    """True: the kubelet refuses to start on a node with active swap."""
    swap_behavior: str = ""
    """memorySwap.swapBehavior as written; empty where it is absent."""
    eviction_hard: Pairs | None = None
    """evictionHard; None: not set, which gives the defaults. An empty map is set."""
    eviction_soft: Pairs | None = None
    """evictionSoft; None: not set."""
    eviction_soft_grace: tuple[str, ...] = ()
    """The signals that have a grace period, sorted."""
    merge_default_eviction_settings: bool = False
    """True: a written evictionHard keeps the other defaults; known since 1.33."""
    kube_reserved_bytes: int | None = None
    """kubeReserved.memory, rounded up; None: the key is absent or not readable (see `problems`)."""
    system_reserved_bytes: int | None = None
    """systemReserved.memory, rounded up; None: the key is absent or not readable (see `problems`)."""
    memory_throttling_factor: float | None = None
    """Where memory.high stands between request and limit; None: not set."""
    memory_reservation_policy: str | None = None
    """`None` or `TieredReservation` as written; None: not set. Known since 1.36."""
    single_process_oom_kill: bool | None = None
    """True: the kernel kills one process, not the whole container; None: the default. Known since 1.32."""
    fail_cgroup_v1: bool | None = None
    """True: the kubelet refuses cgroup v1; None: the default of the version. Known since 1.31."""
    enforce_node_allocatable: tuple[str, ...] = ("pods",)
    """Which cgroups get limits, as written."""
    feature_gates: tuple[tuple[str, bool], ...] = ()
    """Gates as written, sorted by name."""
    problems: tuple[str, ...] = ()
    """What the kubelet refuses in kubeReserved and systemReserved, in its words."""


class Threshold(msgspec.Struct, frozen=True):
    """An eviction threshold: a fraction of the capacity or an amount, one of them."""

    fraction: float | None = None
    """Between 0 and 1, in float32 as the kubelet keeps it; None: an amount."""
    amount_bytes: int | None = None
    """Rounded up; None: a fraction."""

    def of(self, capacity_bytes: int) -> int:
        """Return the threshold in bytes on a node of that capacity (GetThresholdQuantity)."""
        if self.fraction is None:
            return self.amount_bytes or 0
        return int(float(capacity_bytes) * self.fraction)


def configz(data: dict[str, Any]) -> dict[str, Any] | None:
    """Return the configuration in a saved answer of the kubelet's /configz, None when it is no such answer."""
    inner = data.get("kubeletconfig")
    return inner if isinstance(inner, dict) else None


def read_kubelet_config(data: dict[str, Any]) -> KubeletConfig | Fault:
    """Return the configuration of a KubeletConfiguration or of a saved /configz answer.

    What the kubelet could not decode (a text for a boolean, a number for a text) is a Fault.
    """
    read = _Reader(configz(data) or data)
    grace = read.texts("evictionSoftGracePeriod")
    kube, kube_problems = _reserved(read.texts("kubeReserved"), "--kube-reserved")
    system, system_problems = _reserved(read.texts("systemReserved"), "--system-reserved")
    fail_swap_on = read.boolean("failSwapOn")
    config = KubeletConfig(
        fail_swap_on=fail_swap_on is not False,
        swap_behavior=read.swap_behavior(),
        eviction_hard=read.texts("evictionHard"),
        eviction_soft=read.texts("evictionSoft"),
        eviction_soft_grace=tuple(key for key, _ in grace or ()),
        merge_default_eviction_settings=bool(read.boolean("mergeDefaultEvictionSettings")),
        kube_reserved_bytes=kube,
        system_reserved_bytes=system,
        memory_throttling_factor=read.number("memoryThrottlingFactor"),
        memory_reservation_policy=read.text("memoryReservationPolicy"),
        single_process_oom_kill=read.boolean("singleProcessOOMKill"),
        fail_cgroup_v1=read.boolean("failCgroupV1"),
        enforce_node_allocatable=read.names("enforceNodeAllocatable", ("pods",)),
        feature_gates=read.gates(),
        problems=kube_problems + system_problems,
    )
    return config if read.fault is None else read.fault


class _Reader:
    """Reads fields of one mapping and keeps the first fault."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.fault: Fault | None = None

    def _wrong(self, path: tuple[str | int, ...], wanted: str, value: object) -> None:
        if self.fault is None:
            dotted = ".".join(str(part) for part in path)
            self.fault = Fault(path, f"{dotted} must be {wanted}, not {kind_word(value)}")

    def boolean(self, key: str) -> bool | None:
        value = self.data.get(key)
        if value is None or isinstance(value, bool):
            return value
        self._wrong((key,), "a boolean", value)
        return None

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        if value is None or isinstance(value, str):
            return value
        self._wrong((key,), "a string", value)
        return None

    def number(self, key: str) -> float | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return number
            self.fault = self.fault or Fault((key,), f"{key} must be a finite number")
            return None
        self._wrong((key,), "a number", value)
        return None

    def mapping(self, key: str) -> dict[str, Any] | None:
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._wrong((key,), "a mapping", value)
            return None
        for name in value:
            if not isinstance(name, str):
                self.fault = self.fault or Fault((key,), f"{key} must have strings as keys, not {kind_word(name)}")
                return None
        return value

    def texts(self, key: str) -> Pairs | None:
        """Return a map of strings; a null in it is an empty string, as in Go."""
        found: list[tuple[str, str]] = []
        mapping = self.mapping(key)
        if mapping is None:
            return None
        for name, value in mapping.items():
            if value is not None and not isinstance(value, str):
                self._wrong((key, name), "a string", value)
                return None
            found.append((name, value or ""))
        return tuple(sorted(found))

    def names(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, list):
            self._wrong((key,), "a list", value)
            return default
        for index, item in enumerate(value):
            if item is not None and not isinstance(item, str):
                self._wrong((key, index), "a string", item)
                return default
        return tuple(item or "" for item in value)

    def gates(self) -> tuple[tuple[str, bool], ...]:
        found: list[tuple[str, bool]] = []
        for name, value in (self.mapping("featureGates") or {}).items():
            if value is not None and not isinstance(value, bool):
                self._wrong(("featureGates", name), "a boolean", value)
                return ()
            found.append((name, value is True))
        return tuple(sorted(found))

    def swap_behavior(self) -> str:
        value = (self.mapping("memorySwap") or {}).get("swapBehavior")
        if value is None or isinstance(value, str):
            return value or ""
        self._wrong(("memorySwap", "swapBehavior"), "a string", value)
        return ""


def _reserved(pairs: Pairs | None, flag: str) -> tuple[int | None, tuple[str, ...]]:
    """Return the reserved memory, and what parseResourceList refuses."""
    memory: int | None = None
    problems: list[str] = []
    for name, text in pairs or ():
        if name not in _RESERVABLE:
            problems.append(f'{flag} value failed to parse: cannot reserve "{name}" resource')
            continue
        milli = _strict_milli(text)
        if isinstance(milli, str):
            words = f'failed to parse quantity "{text}" for "{name}" resource: {milli}'
            problems.append(f"{flag} value failed to parse: {words}")
        elif milli < 0:
            words = f'resource quantity for "{name}" cannot be negative: {text}'
            problems.append(f"{flag} value failed to parse: {words}")
        elif name == "memory":
            memory = whole_bytes(milli)
    return memory, tuple(problems)


def _strict_milli(text: str) -> int | str:
    """Return the thousandths of a quantity, or why it is none; here no JSON decoding trims white space."""
    quantity = parse(text)
    if isinstance(quantity, QuantityError):
        return quantity.problem
    return quantity.milli if quantity.text == text else FORMAT_ERROR


def parse_threshold(signal: str, text: str) -> Threshold | str | None:
    """Return an eviction threshold, why the kubelet refuses it, or None for `0%` and `100%`, which it ignores."""
    if text.endswith("%"):
        if text in ("0%", "100%"):
            return None
        number = text.rstrip("%")
        if not _FLOAT.fullmatch(number):
            return f'strconv.ParseFloat: parsing "{number}": invalid syntax'
        if abs(float(number)) >= _FLOAT32_MAX:
            return f'strconv.ParseFloat: parsing "{number}": value out of range'
        fraction = _float32(_float32(float(number)) / 100)
        if fraction < 0:
            return f"eviction percentage threshold {signal} must be >= 0%: {text}"
        if fraction > 1:
            return f"eviction percentage threshold {signal} must be <= 100%: {text}"
        return Threshold(fraction=fraction)
    milli = _strict_milli(text)
    if isinstance(milli, str):
        return milli
    if milli <= 0:
        return f"eviction threshold {signal} must be positive: {text}"
    return Threshold(amount_bytes=whole_bytes(milli))


def _float32(number: float) -> float:
    (rounded,) = struct.unpack("f", struct.pack("f", number))
    return float(rounded)


def _hard_memory(config: KubeletConfig, minor: int) -> str | None:
    """Return the text of evictionHard's memory.available in force; None when there is none."""
    if config.eviction_hard is None:
        return DEFAULT_EVICTION_HARD_MEMORY
    merged = config.merge_default_eviction_settings and minor >= Since.EVICTION_DEFAULTS_MERGED
    default = DEFAULT_EVICTION_HARD_MEMORY if merged else None
    return next((text for signal, text in config.eviction_hard if signal == _MEMORY), default)


def eviction_hard_bytes(config: KubeletConfig, capacity_bytes: int, *, minor: int = NEWEST) -> int:
    """Return the available memory below which the kubelet evicts at once, on a node of that capacity.

    100 MiB where evictionHard is not set; a written evictionHard without memory.available has none (0), unless the
    defaults are merged. A percentage is of the capacity, rounded down. 0 also for a text that the kubelet refuses.
    """
    text = _hard_memory(config, minor)
    threshold = parse_threshold(_MEMORY, text) if text is not None else None
    return threshold.of(capacity_bytes) if isinstance(threshold, Threshold) else 0


def has_memory_eviction(config: KubeletConfig, *, minor: int = NEWEST) -> bool:
    """Return whether a hard threshold for memory.available is in force.

    A soft one does not count: it waits. A text that the kubelet refuses counts, see `config_refusals`.
    """
    text = _hard_memory(config, minor)
    if text is None:
        return False
    threshold = parse_threshold(_MEMORY, text)
    return threshold is not None and threshold != Threshold(fraction=0.0)


def reserved_bytes(config: KubeletConfig) -> int:
    """Return kubeReserved and systemReserved memory together, absent ones as 0."""
    return (config.kube_reserved_bytes or 0) + (config.system_reserved_bytes or 0)


def node_allocatable_bytes(
    capacity_bytes: int, config: KubeletConfig, hugepages_bytes: int, *, minor: int = NEWEST
) -> int:
    """Return Node.status.allocatable memory: less what is reserved, the hard threshold and pre-allocated hugepages.

    Never below 0. `hugepages_bytes`: sum of all hugepages in the node's capacity (nodestatus/setters.go).
    """
    reserved = reserved_bytes(config) + eviction_hard_bytes(config, capacity_bytes, minor=minor)
    return max(max(capacity_bytes - reserved, 0) - hugepages_bytes, 0)


def kubepods_limit_bytes(capacity_bytes: int, config: KubeletConfig) -> int:
    """Return memory.max of the cgroup of all pods: without the eviction threshold, hugepages not subtracted.

    The capacity where enforceNodeAllocatable does not name `pods` (node_container_manager_linux.go).
    """
    if "pods" not in config.enforce_node_allocatable:
        return capacity_bytes
    return max(capacity_bytes - reserved_bytes(config), 0)


def memory_available_bytes(
    capacity_bytes: int, working_set_bytes: int, hugepages_bytes: int, *, hugepage_aware: bool
) -> int:
    """Return the signal memory.available, never below 0; swap does not count.

    `hugepage_aware` is HugepageAwareEviction (1.37): hugepages, which no working set holds, are subtracted
    (pkg/kubelet/server/stats/summary.go).
    """
    available = max(capacity_bytes - working_set_bytes, 0)
    return max(available - hugepages_bytes, 0) if hugepage_aware else available


def cgroup_v1_refused(config: KubeletConfig | None, minor: int) -> bool:
    """Return whether the kubelet refuses to start on cgroup v1; None: the defaults (failCgroupV1, true since 1.35)."""
    if minor < Since.FAIL_CGROUP_V1:
        return False
    written = config.fail_cgroup_v1 if config is not None else None
    return minor >= Since.CGROUP_V1_REFUSED if written is None else written


@lru_cache(maxsize=256)
def kubelet_target(config: KubeletConfig | None, target: Target, minor: int) -> Target:
    """Return the version and gates of a kubelet: its configuration decides before `target`.

    Gates that this version does not know, or has locked otherwise, are left out: see `config_refusals`.
    """
    gates = dict(target.gates)
    gates.update(config.feature_gates if config is not None else ())
    return Target(minor, tuple(sorted((name, on) for name, on in gates.items() if settable(name, minor, on=on))))


def settable(name: str, minor: int, *, on: bool) -> bool:
    """Return whether a kubelet of a version takes a gate: it knows it and has not locked it otherwise."""
    try:
        parse_target(f"1.{min(minor, NEWEST)}", [f"{name}={on}"])
    except VersionError:
        return False
    return True


def swap_mode(config: KubeletConfig, target: Target) -> str:
    """Return what containers may do with the node's swap: `none`, `NoSwap`, `LimitedSwap` or `UnlimitedSwap`.

    `none`: the kubelet tolerates no swap on the node (failSwapOn). In 1.28 and 1.29 all but LimitedSwap is
    UnlimitedSwap once NodeSwap is on; since 1.30 it is NoSwap.
    """
    if config.fail_swap_on:
        return "none"
    if not kubelet_target(config, target, target.minor).enabled("NodeSwap"):
        return "NoSwap"
    if config.swap_behavior == "LimitedSwap":
        return "LimitedSwap"
    return "UnlimitedSwap" if target.minor < Since.UNLIMITED_SWAP_GONE else "NoSwap"
