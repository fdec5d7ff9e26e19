"""Loads policy files: shape, types and expressions are checked before anything is judged.

Every fault of every file is told at once, as `file:line:column: key: fault`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from auditor.expressions.near import instead
from auditor.facts.record import SCOPES
from auditor.policy.expressions import ExpressionFault, faults_of
from auditor.policy.keys import KEYS, REQUIRED
from auditor.policy.model import Example, FixRule, Policy, typed_param
from auditor.sources.model import Locator
from auditor.sources.read import our_document

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ORDERS = ("no-", "require-", "ensure-", "use-", "avoid-")
"""Ids read as "allow ID"; an order would read the wrong way round."""

Fault = tuple[tuple[str | int, ...], str]
"""Path in the file, and what is wrong there."""


class PolicyError(Exception):
    """Policies that cannot be used: a line for each fault."""


def shipped_folder() -> Path:
    """Return the folder of the shipped policies: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    packed = package / "shipped_policies"
    return packed if packed.is_dir() else package.parent / "policies"


def load_policies(folders: Sequence[Path], *, trusted: Path | None = None) -> tuple[Policy, ...]:
    """Return the policies of some folders by id; a later folder overrides by id. Raises PolicyError.

    The expressions of a trusted folder are not checked against the fact model: the test suite has done so.
    """
    faults: list[str] = []
    found: dict[str, tuple[Policy, Path, Locator]] = {}
    for folder in folders:
        if not folder.is_dir():
            faults.append(f"{folder}: no such folder of policies")
        seen: set[str] = set()
        for path in _files(folder):
            loaded = _load(path, faults, checked=folder == trusted)
            if loaded is None:
                continue
            if loaded[0].id in seen:
                faults.append(f"{path}:1:1: id: {loaded[0].id!r} is there twice in {folder}")
            seen.add(loaded[0].id)
            found[loaded[0].id] = loaded
    for policy, path, locator in found.values():
        faults.extend(_told(path, locator, list(_reference_faults(policy, found))))
    if faults:
        raise PolicyError("\n".join(faults))
    return tuple(found[name][0] for name in sorted(found))


def _files(folder: Path) -> list[Path]:
    """Return the YAML files below a folder that are not hidden, in order.

    A mounted ConfigMap has each file a second time in a hidden folder, to which the names in front of it are links.
    """
    found = [*folder.rglob("*.yaml"), *folder.rglob("*.yml")]
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _load(path: Path, faults: list[str], *, checked: bool) -> tuple[Policy, Path, Locator] | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        faults.append(f"{path}: {error.strerror}")
        return None
    try:
        # Our reader first, for its bounds, its places and its word on duplicate keys; then types as YAML has them,
        # since for Kubernetes 2.0 is 2, and a parameter's default says its type.
        plain, locator = our_document(content, str(path))
        typed = isinstance(plain, dict) and b"params" in content
        data = yaml.load(content, Loader=yaml.CSafeLoader) if typed else plain
    except (yaml.YAMLError, ValueError) as error:
        faults.append(str(error) if str(error).startswith(f"{path}:") else f"{path}:1:1: {error}")
        return None
    if not isinstance(data, dict) or locator is None:
        faults.append(f"{path}:1:1: must be one YAML mapping")
        return None
    problems = list(_shape_faults(data, path.stem))
    if problems:
        faults.extend(_told(path, locator, problems))
        return None
    policy = _policy(data, path)
    wrong = [] if checked else list(faults_of(policy, SCOPES[policy.scope]))
    faults.extend(_expression_fault(path, content, locator, fault) for fault in wrong)
    return None if wrong else (policy, path, locator)


def _told(path: Path, locator: Locator, problems: Sequence[Fault]) -> Iterator[str]:
    for keys, fault in problems:
        place = locator.place(keys)
        name = ".".join(str(key) for key in keys)
        yield f"{path}:{place.line}:{place.column}: {name + ': ' if name else ''}{fault}"


def _expression_fault(path: Path, content: bytes, locator: Locator, fault: ExpressionFault) -> str:
    """Return the fault at its character where the text stands in one line of the file, else at its key."""
    place = locator.place(fault.key)
    column = place.column
    at = content.decode().splitlines()[place.line - 1].find(fault.text, place.end_column - 1)
    if fault.text and at >= 0:
        column = at + fault.offset + 1
    return f"{path}:{place.line}:{column}: {'.'.join(fault.key)}: {fault.reason}"


def _shape_faults(data: Mapping[str, Any], stem: str) -> Iterator[Fault]:
    for key in data:
        if key not in KEYS:
            yield (key,), f"no such key{instead(key, KEYS)}"
    for key in REQUIRED:
        if key not in data:
            yield (), f"{key} is missing"
    for key, value in data.items():
        if key in KEYS:
            yield from _value_faults((key,), value, KEYS[key])
    name = data.get("id")
    if isinstance(name, str):
        if name != stem:
            yield ("id",), f"must be the file's name, {stem!r}"
        fault = id_fault(name)
        if fault is not None:
            yield ("id",), fault


def id_fault(name: str) -> str | None:
    """Return what is wrong with the id of a policy, None when nothing is."""
    if not _ID.fullmatch(name):
        return "must be words of a-z and 0-9 joined by hyphens"
    if name.startswith(_ORDERS):
        return f"reads as 'allow {name}'; name what is found, without {name.partition('-')[0]}-"
    return None


def _value_faults(path: tuple[str | int, ...], value: Any, rule: Mapping[str, Any]) -> Iterator[Fault]:  # noqa: C901 - a row of rules
    """Yield what the schema's rule refuses: the part of JSON Schema that the table of keys uses."""
    if "enum" in rule:
        if value not in rule["enum"]:
            yield path, f"{value!r} must be one of {', '.join(rule['enum'])}"
        return
    if "anyOf" in rule:
        if isinstance(value, dict):
            yield from _value_faults(path, value, rule["anyOf"][1])
        else:
            yield from _value_faults(path, value, rule["anyOf"][0])
        return
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    if not any(_is(value, kind) for kind in kinds):
        yield path, f"must be {' or '.join(_WORDS[kind] for kind in kinds)}"
    elif isinstance(value, str) and len(value) < rule.get("minLength", 0):
        yield path, "must not be empty"
    elif isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield path, "must not be empty"
        for index, item in enumerate(value):
            yield from _value_faults((*path, index), item, rule.get("items", _ANY))
    elif isinstance(value, dict):
        yield from _mapping_faults(path, value, rule)


def _mapping_faults(path: tuple[str | int, ...], value: Mapping[Any, Any], rule: Mapping[str, Any]) -> Iterator[Fault]:
    properties = rule.get("properties", {})
    for key in rule.get("required", ()):
        if key not in value:
            yield path, f"{key} is missing"
    names = rule.get("propertyNames", {}).get("enum")
    for key, item in value.items():
        if names and key not in names:
            yield (*path, key), f"{key!r} must be one of {', '.join(names)}"
        elif key in properties:
            yield from _value_faults((*path, key), item, properties[key])
        elif rule.get("additionalProperties") is False:
            yield (*path, key), f"no such key{instead(key, properties)}"
        elif isinstance(rule.get("additionalProperties"), dict):
            yield from _value_faults((*path, key), item, rule["additionalProperties"])


_ANY: dict[str, Any] = {"type": ["boolean", "integer", "number", "string", "array", "object"]}
_WORDS = {
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _policy(data: Mapping[str, Any], path: Path) -> Policy:
    lists = ("tags", "profiles", "yields_to", "aliases", "references")
    fields: dict[str, Any] = {key: tuple(data[key]) if key in lists else data[key] for key in data}
    defaults = fields.get("params", {})
    overrides = fields.get("profile_params", {})
    fields["profile_params"] = {profile: _typed_params(params, defaults) for profile, params in overrides.items()}
    fields["severity_when"] = tuple((data.get("severity_when") or {}).items())
    if "fix" in data:
        fields["fix"] = _fix(data["fix"])
    examples = fields.pop("examples")
    return Policy(
        **{"waive": "", **fields},
        subject=path.parent.name,
        file=str(path),
        good=tuple(_example(item, defaults) for item in examples["good"]),
        bad=tuple(_example(item, defaults) for item in examples["bad"]),
    )


def _fix(data: Mapping[str, Any]) -> FixRule:
    pairs = {key: tuple(data[key].items()) for key in ("set", "rename") if key in data}
    return FixRule(**dict(data) | pairs | {"remove": tuple(data.get("remove", ()))})


def _typed_params(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameter values in the types of their defaults: an int may stand for a double."""
    return {key: typed_param(value, defaults.get(key)) for key, value in params.items()}


def _example(item: Any, defaults: Mapping[str, Any]) -> Example:
    fields: dict[str, Any] = {"manifest": item} if isinstance(item, str) else item
    params = {"params": _typed_params(fields["params"], defaults)} if fields.get("params") else {}
    lists = {key: tuple(fields.get(key, ())) for key in ("messages", "usage")}
    return Example(**(fields | params | lists))


def _reference_faults(policy: Policy, found: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _own_faults(policy, found)
    if policy.fix is not None and not (policy.fix.templates() or policy.fix.history):
        yield ("fix",), "changes nothing: give set, rename, remove or history"
    for index, name in enumerate(policy.yields_to):
        if name not in found:
            yield ("yields_to", index), f"no policy {name!r}{instead(name, found)}"
    if _reaches(policy.id, policy.id, found, set()):
        yield ("yields_to",), "leads back to this policy, so that both would be silent"


def _own_faults(policy: Policy, found: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield faulty aliases and parameters."""
    for index, name in enumerate(policy.aliases):
        if name in found:
            yield ("aliases", index), f"{name!r} is the id of another policy"
    for kind, examples in (("good", policy.good), ("bad", policy.bad)):
        for index, example in enumerate(examples):
            for key in set(example.params or {}) - set(policy.params):
                yield ("examples", kind, index, "params", key), "no such parameter"
    for profile, params in policy.profile_params.items():
        for key, value in params.items():
            if key not in policy.params:
                yield ("profile_params", profile, key), "no such parameter"
            elif type(value) is not type(policy.params[key]):
                yield ("profile_params", profile, key), f"must be of the type of its default, {policy.params[key]!r}"


def _reaches(start: str, goal: str, found: Mapping[str, Any], seen: set[str]) -> bool:
    for name in found[start][0].yields_to if start in found else ():
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            if _reaches(name, goal, found, seen):
                return True
    return False
