"""Recommendations as Helm values, where a mapping says which value holds the resources of which container."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from auditor.findings import Skipped
from auditor.kube.quantity import parse_bytes
from auditor.sizing.patches import Sized, amounts, changed
from auditor.sources.model import Locator
from auditor.sources.read import our_document

_HOLES = ("kind", "namespace", "name", "container")
_HOLE = re.compile(r"\{([^{}]*)\}")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a mapping: which containers, and where their resources are in the chart's values."""

    path: str
    """Keys joined by dots, such as `web.resources` or `{name}.{container}.resources`; a filled-in name stays one key,
    dots included."""
    kind: str = "*"
    """Glob of the workload's kind."""
    namespace: str = "*"
    """Glob of the workload's namespace; a workload that names none is matched by `*` only."""
    name: str = "*"
    """Glob of the workload's name."""
    container: str = "*"
    """Glob of the container's name."""


class MappingError(Exception):
    """A mapping that cannot be used: a line for each fault, with its place."""


def load_mapping(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a mapping file, the list under `values`; the first that fits a container holds.

    Raises MappingError.
    """
    try:
        plain, locator = our_document(path.read_bytes(), str(path))
    except OSError as error:
        raise MappingError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise MappingError(str(error)) from error
    rows = plain.get("values") if isinstance(plain, dict) else None
    if locator is None or not isinstance(rows, list) or set(plain) != {"values"}:
        raise MappingError(f"{path}:1:1: must be a mapping with one key, `values`, a list of rules")
    faults: list[str] = []
    rules = [_rule(path, locator, index, row, faults) for index, row in enumerate(rows)]
    if faults:
        raise MappingError("\n".join(faults))
    return tuple(rule for rule in rules if rule is not None)


def _rule(path: Path, locator: Locator, index: int, row: Any, faults: list[str]) -> Rule | None:
    place = locator.place(("values", index))
    where = f"{path}:{place.line}:{place.column}: values[{index}]"
    try:
        rule = msgspec.convert(row, Rule)
    except msgspec.ValidationError as error:
        faults.append(f"{where}: {error}")
        return None
    unknown = [name for name in _HOLE.findall(rule.path) if name not in _HOLES]
    if unknown:
        faults.append(f"{where}: path: {{{unknown[0]}}} must be one of {', '.join(_HOLES)}")
    elif not all(rule.path.split(".")):
        faults.append(f"{where}: path: must be keys joined by dots")
    return rule


def helm_values(pairs: Iterable[Sized], rules: Iterable[Rule]) -> tuple[str, tuple[Skipped, ...], tuple[str, ...]]:
    """Return the values as YAML, the containers that could not be placed, and notes.

    Where containers share a value, the larger of each number is taken, which a note tells.
    """
    import yaml

    rules = tuple(rules)
    values: dict[str, Any] = {}
    skipped: list[Skipped] = []
    notes: list[str] = []
    for item, recommendation in changed(pairs):
        names = {"kind": item.kind, "namespace": item.namespace or "", "name": item.name, "container": item.container}
        words = f"{item.kind} {item.name}, container {item.container}"
        rule = next((rule for rule in rules if _fits(rule, names)), None)
        if rule is None:
            skipped.append(Skipped(words, None, None, "no rule of the mapping fits: it is in no Helm value"))
            continue
        keys = _filled(rule.path, names)
        block = _block_at(values, keys)
        if block is None:
            skipped.append(Skipped(words, None, None, f"the path {'.'.join(keys)} leads through another container's"))
            continue
        if _grown(block, amounts(recommendation)):
            notes.append(f"{words}: shares {'.'.join(keys)} with others, which holds the larger numbers")
    return yaml.safe_dump(values, sort_keys=False), tuple(skipped), tuple(notes)


def _fits(rule: Rule, names: Mapping[str, str]) -> bool:
    return all(fnmatchcase(names[key], getattr(rule, key)) for key in _HOLES)


def _filled(path: str, names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_HOLE.sub(lambda match: names[match[1]], key) for key in path.split("."))


def _block_at(values: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the mapping at a path, made where it is missing; None where a text stands in the way."""
    here = values
    for key in keys:
        inner = here.setdefault(key, {})
        if not isinstance(inner, dict):
            return None
        here = inner
    return here


def _grown(block: dict[str, Any], texts: Mapping[str, str]) -> bool:
    """Put quantities into a block of resources, the larger one where there is one; return whether there was one."""
    shared = False
    for name, text in texts.items():
        inner = block.setdefault(name, {})
        known = inner.get("memory")
        shared = shared or known is not None
        if known is None or parse_bytes(known) < parse_bytes(text):
            inner["memory"] = text
    return shared
