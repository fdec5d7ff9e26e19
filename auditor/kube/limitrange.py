"""LimitRange: its own defaulting, what it gives to containers, and what it refuses.

Source: pkg/apis/core/v1/defaults.go (SetDefaults_LimitRangeItem) and plugin/pkg/admission/limitranger of 1.37.
Only memory, cpu and hugepages are judged.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from auditor.kube.objects import Amounts, Container, Fault, Resources, kind_word, read_amounts, text_or_none
from auditor.kube.quantity import show
from auditor.kube.resources import aggregate

_MAX_MILLI_VALUE = (2**63 - 1) // 1000


_Refusal = tuple[str, str] | None
"""Why an amount is refused, and whether it is in `requests` or `limits`."""


class LimitRangeItem(msgspec.Struct, frozen=True):
    """One entry of `spec.limits`, defaulted."""

    type: str
    max: Amounts
    min: Amounts
    default: Amounts
    default_request: Amounts
    ratio: Amounts


class LimitRange(msgspec.Struct, frozen=True):
    """A LimitRange with its name and place."""

    name: str
    """Such as `team-a/limits`."""
    place: str
    """Such as `limits.yaml:3`."""
    items: tuple[LimitRangeItem, ...]

    @property
    def by(self) -> str:
        """Such as `LimitRange team-a/limits`."""
        return f"LimitRange {self.name}"


def read_limit_range(data: dict[str, Any], name: str, place: str) -> LimitRange | Fault:
    """Read a LimitRange object."""
    spec = data.get("spec")
    items = spec.get("limits") if isinstance(spec, dict) else None
    if not isinstance(items, list):
        return Fault(("spec", "limits"), f"spec.limits must be a list, not {kind_word(items)}")
    read: list[LimitRangeItem] = []
    for index, raw in enumerate(items):
        item = _item(raw)
        if isinstance(item, Fault):
            return Fault(("spec", "limits", index, *item.path), f"spec.limits[{index}]: {item.reason}")
        read.append(item)
    return LimitRange(name, place, tuple(read))


def _item(raw: object) -> LimitRangeItem | Fault:
    if not isinstance(raw, dict):
        return Fault((), f"must be a mapping, not {kind_word(raw)}")
    maps: list[Amounts] = []
    for key in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
        amounts = read_amounts(raw.get(key), key, "requests")
        if isinstance(amounts, Fault):
            return amounts
        if amounts.refused:
            at, reason = amounts.refused[0]
            return Fault((key,), f"{at}: {reason}")
        maps.append(amounts.requests)
    highest, lowest, default, default_request, ratio = maps
    type_ = raw.get("type")
    if type_ == "Container":
        default = {**highest, **default}
        default_request = {**lowest, **default, **default_request}
    return LimitRangeItem(text_or_none(type_) or "", highest, lowest, default, default_request, ratio)


def apply_defaults(container: Container, ranges: Sequence[LimitRange]) -> tuple[Container, tuple[tuple[str, str], ...]]:
    """Return the container with what LimitRanges set, and who did what.

    NOTE: several LimitRanges are applied in random order; where they disagree the amount is not readable.
    """
    requests, limits = dict(container.requests), dict(container.limits)
    unreadable = list(container.unreadable)
    told: list[tuple[str, str]] = []
    origins = {"requests": container.request_from, "limits": container.limit_from}
    for block, amounts in (("limits", limits), ("requests", requests)):
        for key, offers in _offers(ranges, block).items():
            entry = f"{block}.{key}"
            if key in amounts or entry in unreadable:
                continue
            values = {amount for _, amount in offers}
            if len(values) > 1:
                unreadable.append(entry)
                words = ", ".join(f"{show(amount)} by {source.name}" for source, amount in offers)
                told.append((offers[0][0].by, f"{entry} of container {container.name} is not determined: {words}"))
                continue
            source, amount = offers[0]
            amounts[key] = amount
            told.append((source.by, f"set {entry} of container {container.name} to {show(amount)}"))
            if key == "memory":
                origins[block] = source.by
    if not told:
        return container, ()
    changed = msgspec.structs.replace(
        container,
        requests=requests,
        limits=limits,
        request_from=origins["requests"],
        limit_from=origins["limits"],
        unreadable=tuple(unreadable),
    )
    return changed, tuple(told)


def _offers(ranges: Sequence[LimitRange], block: str) -> dict[str, list[tuple[LimitRange, int]]]:
    """Return for each resource what every LimitRange would set; within one the last Container item wins."""
    offers: dict[str, list[tuple[LimitRange, int]]] = {}
    for source in ranges:
        merged: Amounts = {}
        for item in source.items:
            if item.type == "Container":
                merged.update(item.default if block == "limits" else item.default_request)
        for key, amount in merged.items():
            offers.setdefault(key, []).append((source, amount))
    return offers


def refusals(
    source: LimitRange, containers: Sequence[Container], pod_level: Resources | None, *, complete: bool
) -> Iterator[tuple[str, str]]:
    """Yield why a LimitRange refuses the pod, and which entry below the pod spec is at fault (empty for a sum).

    `complete` is False when sums are not known.
    """
    for item in source.items:
        if item.type == "Container":
            for container in containers:
                words = _check(item, container.requests, container.limits, frozenset(container.unreadable))
                where = f"{container.list_name}[{container.index}].resources"
                yield from ((f"container {container.name}: {reason}", f"{where}.{entry}") for reason, entry in words)
        elif item.type == "Pod" and complete:
            requests, limits = _sums(item, containers, pod_level)
            yield from ((reason, "") for reason, _ in _check(item, requests, limits, frozenset()))


def _sums(
    item: LimitRangeItem, containers: Sequence[Container], pod_level: Resources | None
) -> tuple[Amounts, Amounts]:
    """Return the pod's sums without overhead; the pod level replaces cpu and memory only."""
    both: list[Amounts] = []
    for block in ("requests", "limits"):
        sums = {
            key: amount
            for key in sorted({*item.min, *item.max, *item.ratio})
            if (amount := aggregate(containers, block, key)) is not None
        }
        if pod_level is not None:
            level: Amounts = getattr(pod_level, block)
            sums.update({key: level[key] for key in ("cpu", "memory") if key in level})
        both.append(sums)
    return both[0], both[1]


def _check(
    item: LimitRangeItem, requests: Amounts, limits: Amounts, unreadable: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for key in sorted({*item.min, *item.max, *item.ratio}):
        if f"requests.{key}" in unreadable or f"limits.{key}" in unreadable:
            continue
        request, limit = requests.get(key), limits.get(key)
        reasons = (
            _below(item, key, request, limit) if key in item.min else None,
            _above(item, key, request, limit) if key in item.max else None,
            _beyond(item, key, request, limit) if key in item.ratio else None,
        )
        yield from ((words, f"{block}.{key}") for words, block in filter(None, reasons))


def _below(item: LimitRangeItem, key: str, request: int | None, limit: int | None) -> _Refusal:
    bound = item.min[key]
    start = f"minimum {key} usage per {item.type} is {show(bound)}"
    if request is None:
        return f"{start}. No request is specified", "requests"
    if request < bound:
        return f"{start}, but request is {show(request)}", "requests"
    return (f"{start}, but limit is {show(limit)}", "limits") if limit is not None and limit < bound else None


def _above(item: LimitRangeItem, key: str, request: int | None, limit: int | None) -> _Refusal:
    bound = item.max[key]
    start = f"maximum {key} usage per {item.type} is {show(bound)}"
    if limit is None:
        return f"{start}. No limit is specified", "limits"
    if limit > bound:
        return f"{start}, but limit is {show(limit)}", "limits"
    return (f"{start}, but request is {show(request)}", "requests") if request is not None and request > bound else None


def _beyond(item: LimitRangeItem, key: str, request: int | None, limit: int | None) -> _Refusal:
    """NOTE: upstream divides in float64, which refuses some exactly equal ratios (4.014)."""
    ratio = item.ratio[key]
    start = f"{key} max limit to request ratio per {item.type} is {show(ratio)}"
    if not request:
        return f"{start}, but no request is specified or request is 0", "requests"
    if not limit:
        return f"{start}, but no limit is specified or limit is 0", "limits"
    if max(request, limit, ratio) > _MAX_MILLI_VALUE * 1000:
        request, limit = -(-request // 1000), -(-limit // 1000)
    found = float(limit) / float(request)
    return (f"{start}, but provided ratio is {found:.6f}", "limits") if found * 1000 > float(ratio) else None


def contradictions(item: LimitRangeItem, key: str = "memory") -> Iterator[tuple[str, str]]:
    """Yield what the API server refuses in an entry for a resource, and the entry's field that is at fault.

    Source: ValidateLimitRange in pkg/apis/core/validation/validation.go; what defaulting fills in counts as written.
    """
    named = {
        "min": item.min.get(key),
        "max": item.max.get(key),
        "default": item.default.get(key),
        "defaultRequest": item.default_request.get(key),
    }
    for low, high in (
        ("min", "max"),
        ("min", "default"),
        ("min", "defaultRequest"),
        ("default", "max"),
        ("defaultRequest", "max"),
        ("defaultRequest", "default"),
    ):
        below, above = named[low], named[high]
        if below is not None and above is not None and below > above:
            yield f"{low} {show(below)} is above {high} {show(above)}", f"{low}.{key}"
    yield from _ratio_contradictions(item, key)
    if item.type == "Pod":
        for field in ("default", "defaultRequest"):
            if named[field] is not None:
                yield f"{field} may not be specified when `type` is Pod", f"{field}.{key}"


def _ratio_contradictions(item: LimitRangeItem, key: str) -> Iterator[tuple[str, str]]:
    ratio, lowest, highest = item.ratio.get(key), item.min.get(key), item.max.get(key)
    at = f"maxLimitRequestRatio.{key}"
    if ratio is not None and ratio < 1000:
        yield f"maxLimitRequestRatio {show(ratio)} is below 1", at
    if ratio is not None and lowest and highest is not None and ratio * lowest > highest * 1000:
        yield f"maxLimitRequestRatio {show(ratio)} is above max {show(highest)} / min {show(lowest)}", at
