"""The environment of a container as the kubelet builds it, as far as the input tells.

Source: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), third_party/forked/golang/expansion/expand.go and
pkg/api/v1/resource/helpers.go of Kubernetes 1.37. Service variables are left out: none decides memory.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from auditor.kube.quantity import Quantity, parse
from auditor.runtimes.model import Around

UNKNOWN = "\0"
"""Stands in a text for a part that the input does not tell; no variable may hold this character."""

# A text that grows by more is not followed: references to references may double it again and again.
_GROWTH_CAP = 65536
_REFERENCE = re.compile(r"\$(?:(\$)|\(([^)]*)\))")


class Variable(NamedTuple):
    """One variable."""

    text: str
    """Its value; `UNKNOWN` stands for what is not known of it."""
    at: str
    """Its path below the container: `env[0].value`, `env[0].valueFrom` or `envFrom[0]`."""
    certain: bool = True
    """False when an `envFrom` source that is not in the input may hold another value."""


class Source(NamedTuple):
    """One entry of `envFrom`."""

    prefix: str
    """What is put before each name."""
    data: Mapping[str, str] | None
    """The values; None for a source that is not in the input, which may hold any variable."""
    at: str
    """Its path below the container."""


class Environment(msgspec.Struct, frozen=True):
    """The variables of a container."""

    own: Mapping[str, Variable]
    """What `env` sets, the last of each name."""
    sources: tuple[Source, ...] = ()
    """What `envFrom` sets where `env` does not, the later before the earlier."""

    def find(self, name: str) -> Variable | None:
        """Return a variable; None when the manifest does not set it."""
        variable = self.own.get(name)
        if variable is not None:
            return variable
        certain = True
        for source in reversed(self.sources):
            if not name.startswith(source.prefix):
                continue
            key = name[len(source.prefix) :]
            if source.data is None:
                certain = False
            elif key in source.data:
                return Variable(_text(source.data[key]), source.at, certain)
        return None

    def may_change(self, name: str) -> bool:
        """Return whether a source that is not in the input may set or replace the variable."""
        if name in self.own:
            return False
        for source in reversed(self.sources):
            if name.startswith(source.prefix):
                if source.data is None:
                    return True
                if name[len(source.prefix) :] in source.data:
                    return False
        return False

    def with_variables(self, more: Mapping[str, Variable]) -> "Environment":
        """Return the environment with variables that a script exports."""
        return Environment({**self.own, **more}, self.sources) if more else self


def read_environment(raw: dict[str, Any], around: Around) -> Environment:
    """Return the environment of a container: `envFrom` first, then `env` in order, the later wins."""
    own: dict[str, Variable] = {}
    so_far = Environment(own, tuple(read_sources(raw, around)))
    for index, item in mappings(raw.get("env")):
        name, value, source = item.get("name"), item.get("value"), item.get("valueFrom")
        if not isinstance(name, str):
            continue
        if isinstance(value, str) and value:
            own[name] = Variable(expand(value, so_far), f"env[{index}].value")
        elif isinstance(source, dict):
            resolved = _resolve(source, raw.get("name"), around)
            # An optional key that is absent sets nothing: what was there stays.
            if resolved is not None:
                own[name] = Variable(resolved, f"env[{index}].valueFrom")
        else:
            own[name] = Variable("", f"env[{index}].value")
    return so_far


def read_sources(raw: dict[str, Any], around: Around) -> Iterator[Source]:
    """Yield the entries of `envFrom`."""
    for index, item in mappings(raw.get("envFrom")):
        prefix = item.get("prefix")
        data = config_map(item.get("configMapRef"), around)
        if data is not None or item.get("configMapRef") is not None or item.get("secretRef") is not None:
            yield Source(prefix if isinstance(prefix, str) else "", data, f"envFrom[{index}]")


def expand(text: str, environment: Environment) -> str:
    """Return a text of `command`, `args` or `env` with its `$(NAME)` replaced; a name that nobody sets stays."""
    if "$" not in text:
        return text

    room = _GROWTH_CAP

    def replacement(match: re.Match[str]) -> str:
        nonlocal room
        if match[1]:
            return "$"
        if environment.may_change(match[2]):
            return UNKNOWN
        variable = environment.find(match[2])
        value = match[0] if variable is None else variable.text
        room -= len(value)
        return value if room >= 0 else ""

    expanded = _REFERENCE.sub(replacement, text)
    return expanded if room >= 0 else UNKNOWN


def references(text: str) -> Iterator[str]:
    """Yield the names in the `$(NAME)` of a text."""
    return (match[2] for match in _REFERENCE.finditer(text) if match[2])


def mappings(items: object) -> Iterable[tuple[int, dict[str, Any]]]:
    """Yield the mappings of a list with their index; what is no list has none."""
    if not isinstance(items, list):
        return ()
    return ((index, item) for index, item in enumerate(items) if isinstance(item, dict))


def config_map(reference: object, around: Around) -> Mapping[str, str] | None:
    """Return the data of a ConfigMap that is in the input, None for another."""
    name = reference.get("name") if isinstance(reference, dict) else None
    return around.config_maps.get(name) if isinstance(name, str) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else UNKNOWN


def _resolve(source: dict[str, Any], own_name: object, around: Around) -> str | None:
    """Return the value of a `valueFrom`, None when it sets nothing."""
    key_reference = source.get("configMapKeyRef")
    data = config_map(key_reference, around)
    if isinstance(key_reference, dict) and data is not None:
        key = key_reference.get("key")
        value = data.get(key) if isinstance(key, str) else None
        if value is None:
            return None if key_reference.get("optional") is True else UNKNOWN
        return _text(value)
    field = source.get("resourceFieldRef")
    if isinstance(field, dict) and field.get("containerName") in (None, "", own_name):
        return _resource(field, around)
    return UNKNOWN


def _resource(field: dict[str, Any], around: Around) -> str:
    """Return the value of a resource field (convertResourceMemoryToString, defaultPodLimitsForDownwardAPI).

    NOTE: without an own limit the kubelet gives the pod's limit, which is then memory.max, else the node's allocatable.
    """
    if field.get("resource") == "limits.memory":
        amount = around.limit_bytes or around.memory_max_bytes or around.node_allocatable_bytes
    elif field.get("resource") == "requests.memory":
        amount = around.request_bytes
    else:
        return UNKNOWN
    divisor = parse(field.get("divisor"))
    if amount is None or not isinstance(divisor, Quantity) or divisor.problem is not None:
        return UNKNOWN
    return str(-(-amount // (divisor.bytes or 1)))
