"""Tolerant, partial views of a pod spec: only what decides memory, read from plain untrusted data.

Amounts are whole thousandths (of a byte, of a core), as API defaulting rounds them (SetDefaults_ResourceList), so that
sums are exact. Only memory, cpu and hugepages are read. Requests are already defaulted from limits
(pkg/apis/core/v1/defaults.go), which is the first thing that happens to a pod.
"""

from typing import Any, NamedTuple

import msgspec

from auditor.kube.names import looks_like_memory, meant_block
from auditor.kube.paths import Path
from auditor.kube.quantity import Quantity, parse, text_of

Amounts = dict[str, int]
"""Resource name to thousandths; a name that is absent is not set (or not readable, see `unreadable`)."""


class Entry(NamedTuple):
    """One entry that a policy about quantities may ask for."""

    at: str
    block: str
    name: str
    text: str
    kind: str
    """`quantity`, `null` (a JSON null), `name` (a misspelt memory) or `block` (a misspelt requests or limits)."""


class Fault(msgspec.Struct, frozen=True):
    """A part that has the wrong shape: it cannot be read at all."""

    path: Path
    reason: str


class Resources(msgspec.Struct, frozen=True):
    """A `resources` block, of a container or a pod."""

    requests: Amounts
    limits: Amounts
    unreadable: tuple[str, ...] = ()
    """Entries that are set to what cannot be read, such as `limits.memory`; they are in no amounts."""
    entries: tuple[Entry, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    """Path below the block's owner, and why the API server refuses what is there."""


class Container(msgspec.Struct, frozen=True):
    """One container, its amounts as admitted so far."""

    name: str
    type: str
    """`app`, `init`, `sidecar` or `ephemeral`."""
    list_name: str
    index: int
    image: str | None
    requests: Amounts
    limits: Amounts
    written_request_milli: int | None
    written_limit_milli: int | None
    request_from: str | None
    limit_from: str | None
    unreadable: tuple[str, ...]
    entries: tuple[Entry, ...]
    refused: tuple[tuple[str, str], ...]
    raw: dict[str, Any]


_EMPTY = Resources({}, {})


def kind_word(value: object) -> str:
    """Return the word for the type of a plain value."""
    if isinstance(value, bool):
        return "a boolean"
    words: dict[type, str] = {dict: "a mapping", list: "a list", str: "a string", int: "a number", float: "a number"}
    return words.get(type(value), "null")


def text_or_none(value: object) -> str | None:
    """Return the text of a scalar; None for null, a list or a mapping."""
    if isinstance(value, str):
        return value
    return None if value is None or isinstance(value, dict | list) else text_of(value)


def default_requests(requests: Amounts, limits: Amounts) -> Amounts:
    """Return requests with every limit that has none as its request; a written zero is present (SetDefaults_Pod)."""
    for key in limits:
        if key not in requests:
            return {**limits, **requests}
    return requests


def read_resources(raw: object, at: str = "resources") -> Resources | Fault:
    """Read a `resources` block; null is empty. `at` is its path for entries."""
    if not raw:
        if raw is None or raw == {}:
            return _EMPTY
        return Fault((at,), f"{at} must be a mapping, not {kind_word(raw)}")
    if not isinstance(raw, dict):
        return Fault((at,), f"{at} must be a mapping, not {kind_word(raw)}")
    reader = _Reader(at)
    for key, block in raw.items():
        if key in ("requests", "limits"):
            fault = reader.read(block, key)
            if fault is not None:
                return fault
        elif key != "claims" and isinstance(key, str) and meant_block(key):
            reader.entries.append(Entry(f"{at}.{key}", key, key, "", "block"))
    return Resources(
        reader.amounts["requests"],
        reader.amounts["limits"],
        tuple(reader.unreadable),
        tuple(reader.entries),
        tuple(reader.refused),
    )


def read_amounts(raw: object, at: str, block: str) -> Resources | Fault:
    """Read one map of resources, such as `overhead`, into the requests of the result."""
    reader = _Reader("")
    fault = reader.read(raw, block, at)
    if fault is not None:
        return fault
    return Resources(reader.amounts[block], {}, tuple(reader.unreadable), tuple(reader.entries), tuple(reader.refused))


class _Reader:
    """Collects what the blocks of one owner say."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.amounts: dict[str, Amounts] = {"requests": {}, "limits": {}}
        self.unreadable: list[str] = []
        self.entries: list[Entry] = []
        self.refused: list[tuple[str, str]] = []

    def read(self, raw: object, block: str, at: str | None = None) -> Fault | None:
        """Read one map of resources; return what has the wrong shape."""
        if raw is None:
            self.amounts[block] = {}
            return None
        here = at or f"{self.at}.{block}"
        if not isinstance(raw, dict):
            return Fault(_path(here), f"{here} must be a mapping, not {kind_word(raw)}")
        amounts: Amounts = {}
        self.amounts[block] = amounts
        for name, value in raw.items():
            if name == "memory" or name == "cpu" or (isinstance(name, str) and name[:10] == "hugepages-"):  # noqa: PLR1714 - faster
                if value.__class__ is list or value.__class__ is dict:
                    return Fault((*_path(here), name), f"{here}.{name} must be a quantity, not {kind_word(value)}")
                quantity = parse(value)
                if quantity.problem is None and isinstance(quantity, Quantity):
                    amounts[name] = quantity.milli
                else:
                    self.unreadable.append(f"{block}.{name}")
                    self.refused.append((f"{here}.{name}", _refusal(quantity.text, quantity.problem or "")))
                if name != "cpu":
                    kind = "null" if value is None else "quantity"
                    text = value if value.__class__ is str else text_of(value)
                    self.entries.append(Entry(f"{here}.{name}", block, name, text, kind))
            elif isinstance(name, str) and looks_like_memory(name):
                self.entries.append(Entry(f"{here}.{name}", block, name, text_or_none(value) or "", "name"))
                self.refused.append((f"{here}.{name}", f'Invalid value: "{name}": must be a standard resource'))
        return None


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))


def _refusal(text: str, problem: str) -> str:
    return f'Invalid value: "{text}": {problem}'


_LISTS = (("initContainers", "init"), ("containers", "app"), ("ephemeralContainers", "ephemeral"))


def read_containers(spec: dict[str, Any], *, sidecars: bool) -> tuple[list[Container], list[Fault]]:
    """Return the containers in pod order (init, app, ephemeral) and what could not be read.

    `sidecars`: whether this Kubernetes knows restartPolicy in an init container; where not, the field is ignored.
    """
    found: list[Container] = []
    faults: list[Fault] = []
    for list_name, type_ in _LISTS:
        items = spec.get(list_name)
        if items is None:
            continue
        if not isinstance(items, list):
            faults.append(Fault((list_name,), f"{list_name} must be a list, not {kind_word(items)}"))
            continue
        for index, raw in enumerate(items):
            if not isinstance(raw, dict):
                reason = f"{list_name}[{index}] must be a mapping, not {kind_word(raw)}"
                faults.append(Fault((list_name, index), reason))
                continue
            kind = "sidecar" if type_ == "init" and sidecars and raw.get("restartPolicy") == "Always" else type_
            container = _container(raw, kind, list_name, index)
            if isinstance(container, Fault):
                faults.append(Fault((list_name, index, *container.path), container.reason))
            else:
                found.append(container)
    return found, faults


def _container(raw: dict[str, Any], type_: str, list_name: str, index: int) -> Container | Fault:
    name = raw.get("name")
    if name.__class__ is not str:
        if isinstance(name, dict | list):
            return Fault(("name",), f"name must be a string, not {kind_word(name)}")
        name = text_of(name)
    resources = read_resources(raw.get("resources"))
    if isinstance(resources, Fault):
        return resources
    requests, limits, unreadable = resources.requests, resources.limits, resources.unreadable
    written_request, written_limit = requests.get("memory"), limits.get("memory")
    defaulted = default_requests(requests, limits)
    if unreadable:
        defaulted, unreadable = _default_unreadable(defaulted, requests, unreadable)
    entries = resources.entries
    if "limits" in raw or "requests" in raw:
        entries += tuple(Entry(key, key, key, "", "block") for key in ("requests", "limits") if key in raw)
    request_from = None
    if "memory" in defaulted:
        request_from = "manifest" if written_request is not None else "limit"
    return Container(
        name,
        type_,
        list_name,
        index,
        text_or_none(raw.get("image")),
        defaulted,
        limits,
        written_request,
        written_limit,
        request_from,
        None if written_limit is None else "manifest",
        unreadable,
        entries,
        resources.refused,
        raw,
    )


def _default_unreadable(
    defaulted: Amounts, requests: Amounts, unreadable: tuple[str, ...]
) -> tuple[Amounts, tuple[str, ...]]:
    """Keep an unreadable request from its limit as default, and leave a request unknown whose limit is unreadable."""
    more = list(unreadable)
    for entry in unreadable:
        block, _, key = entry.partition(".")
        if block == "requests":
            defaulted = {name: amount for name, amount in defaulted.items() if name != key}
        elif key not in requests and f"requests.{key}" not in more:
            more.append(f"requests.{key}")
    return defaulted, tuple(more)


def strings(raw: object) -> dict[str, str]:
    """Return the text entries of a map, such as labels; whatever has another type is left out."""
    if not isinstance(raw, dict):
        return {}
    return {key: value for key, value in raw.items() if isinstance(key, str) and isinstance(value, str)}
