"""The commands and variables of a container without what no reader of `runtimes` looks at: secrets may stand there.

Every text keeps its skeleton (white space, quotes, separators, references to variables), so that each reader takes it
apart as before. Of what stands between, only the flags and variables about memory and the words that tell a program
stay; everything else becomes `x`, with the sign that it begins with. Places in lists do not change.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from auditor.kube.objects import strings
from auditor.runtimes.environment import mappings
from auditor.runtimes.read import NOTHING_AROUND, VARIABLES, may_declare, read_heap
from auditor.runtimes.shell import TEXT_CAP
from auditor.runtimes.view import lines
from auditor.sources.cluster.reduce_words import SIZE, SIZES, Names, Words, shape

_LISTS = ("command", "args")
_KEYS = (*_LISTS, "env", "envFrom")
_REFERENCE = re.compile(r"\$(?:\(([^()]+)\)|\{?([A-Za-z_]\w*))", re.ASCII)
_ASSIGNED = re.compile(r"(?:^|(?<=[\s;&|({\"'`]))([A-Za-z_]\w*)=", re.ASCII)
_ABOUT_MEMORY = re.compile(r"mem|heap|size|limit|ram|percent|xm[sx]|buffer|cache", re.IGNORECASE)
_SHORT = 256
_ROUNDS = 8
"""So often what refers to what is followed: chains of references are short."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def reduced_texts(raw: Mapping[str, Any], image: object) -> dict[str, Any]:
    """Return what is left of a container's `command`, `args`, `env`, `envFrom`; nothing where no runtime reads it."""
    texts = {key: raw[key] for key in _KEYS if key in raw}
    name = image if isinstance(image, str) else None
    if not texts or not may_declare(texts, name):
        return {}
    # Pods of one workload have the same.
    return _cached(_encode(texts), name)


@lru_cache(maxsize=2048)
def _cached(packed: bytes, image: str | None) -> dict[str, Any]:
    texts = _Texts(_decode(packed))
    if not texts.from_maps and all(read_heap(raw, image, NOTHING_AROUND) is None for raw in (texts.raw, {})):
        # A word such as java, and no runtime.
        return {}
    return texts.reduced()


class _Texts:
    """The texts of one container."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._lines = lines(raw)
        self._env: dict[str, list[str]] = {}
        for _, item in mappings(raw.get("env")):
            if isinstance(item.get("name"), str):
                value = item.get("value")
                self._env.setdefault(item["name"], []).append(value if isinstance(value, str) else "")
        texts = [text for _, text in self._lines] + [text for some in self._env.values() for text in some]
        assigned = {name for text in texts for name in _ASSIGNED.findall(text[:TEXT_CAP])}
        # A secret may end in `=`: only a name that something refers to is one.
        assigned &= {name for text in texts for name in _references(text)}
        self.from_maps = _names_config_map(raw)
        self._names = Names({*self._env, *assigned}, any_upper="envFrom" in raw)
        self._words = Words(self._names)

    def reduced(self) -> dict[str, Any]:
        wanted = self._wanted()
        self._follow(wanted)
        found = {key: items for key, items in zip(_LISTS, self._reduced_lists(), strict=True) if items}
        env = self._reduced_env(wanted)
        if env:
            found["env"] = env
        if "envFrom" in self.raw:
            found["envFrom"] = reduced_sources(self.raw["envFrom"])
        return found

    def _wanted(self) -> set[str]:
        """Return the variables that runtimes read, and those that what is kept refers to."""
        if self.from_maps:
            # A ConfigMap may refer to any of them.
            return set(self._env)
        wanted = VARIABLES & self._env.keys()
        waiting = [text for _, text in self._lines] + [text for name in wanted for text in self._env[name]]
        found = set(wanted)
        while waiting:
            for name in _references(waiting.pop()):
                if name in self._env and name not in found:
                    found.add(name)
                    waiting.extend(self._env[name])
        return found

    def _follow(self, wanted: set[str]) -> None:
        """Find the variables that hold amounts: what stands where a flag's value stands."""
        for _ in range(_ROUNDS):
            known = len(self._names.amounts)
            self._reduced_lists()
            for name in wanted:
                for text in self._env[name]:
                    self._value(name, text)
            if len(self._names.amounts) == known:
                return

    def _reduced_lists(self) -> list[Any]:
        return self._words.reduced_lists(*(self.raw.get(key) for key in _LISTS))

    def _value(self, name: str, text: str) -> str:
        return self._words.reduced(text, self._names.amounts.get(name))

    def _reduced_env(self, wanted: set[str]) -> list[Any]:
        env: list[Any] = []
        last = 0
        for index, item in mappings(self.raw.get("env")):
            name = item.get("name")
            if not isinstance(name, str) or name not in wanted:
                continue
            env.extend({} for _ in range(index - len(env)))
            env.append(self._variable(name, item))
            last = index + 1
        return env[:last]

    def _variable(self, name: str, item: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {"name": name}
        value, source = item.get("value"), item.get("valueFrom")
        if isinstance(value, str) and value:
            kept["value"] = self._value(name, value)
        elif isinstance(source, dict):
            kept["valueFrom"] = _value_source(source)
        return kept


def _references(text: str) -> Iterator[str]:
    return (first or second for first, second in _REFERENCE.findall(text))


def _names_config_map(raw: Mapping[str, Any]) -> bool:
    sources = [item.get("valueFrom") for _, item in mappings(raw.get("env"))]
    sources += [item for _, item in mappings(raw.get("envFrom"))]
    keys = ("configMapRef", "configMapKeyRef")
    return any(isinstance(source, dict) and source.get(key) is not None for source in sources for key in keys)


def _value_source(source: dict[str, Any]) -> dict[str, Any]:
    """Return a `valueFrom`; what is neither of a ConfigMap nor of the container's resources is not known anyway."""
    kept: dict[str, Any] = {}
    for key, fields in (
        ("configMapKeyRef", ("name", "key", "optional")),
        ("resourceFieldRef", ("containerName", "resource", "divisor")),
    ):
        reference = source.get(key)
        if isinstance(reference, dict):
            kept[key] = {name: reference[name] for name in fields if name in reference}
    return kept


def reduced_sources(items: Any) -> Any:
    """Return an `envFrom`: which ConfigMaps, and where the others stand."""
    if not isinstance(items, list):
        return shape(items)
    return [dict(_source(item)) if isinstance(item, dict) else shape(item) for item in items]


def _source(item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(item.get("prefix"), str):
        yield "prefix", item["prefix"]
    reference = item.get("configMapRef")
    if reference is not None:
        name = reference.get("name") if isinstance(reference, dict) else None
        yield "configMapRef", {"name": name} if isinstance(name, str) else {}
    elif item.get("secretRef") is not None:
        yield "secretRef", {}


def reduced_config_map(data: object) -> dict[str, str]:
    """Return the data of a ConfigMap; which containers refer to a value, and how, is not known here."""
    texts = strings(data)
    names = Names(set(texts), any_upper=True)
    words = Words(names)
    kept: dict[str, str] = {}
    for key, text in texts.items():
        amount = names.amounts.get(key)
        if amount is None and SIZES.fullmatch(text.strip()) and (_ABOUT_MEMORY.search(key) or text[-1:].isalpha()):
            amount = SIZE
        found = words.reduced(text, amount)
        # Long texts are files: they hold no options unless one is there.
        kept[key] = found if len(found) <= _SHORT or words.kept else "x"
    return kept
