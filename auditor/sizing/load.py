"""Loads sizing profiles: shape, types and expressions are checked before anything is sized.

Every fault of every file is told at once, as `file:line:column: key: fault`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from auditor.expressions.cel import ExpressionError, check
from auditor.expressions.near import instead
from auditor.kube.paths import Path as KeyPath
from auditor.sizing.model import ContainerNumbers, Estimate, Profile
from auditor.sources.model import Locator
from auditor.sources.read import our_document
from auditor.usage.model import UsageFacts

ESTIMATORS = ("vpa", "krr")
"""What a profile may name as `estimator`."""

KEYS: Mapping[str, str] = {
    "id": "The file's name without its ending.",
    "why": "Whom it is for, and where its numbers come from.",
    "params": "Parameters with their defaults: numbers, texts, true or false.",
    "estimator": f"One of {', '.join(ESTIMATORS)}: fills the variable `estimate`.",
    "request": "CEL of an int: the memory request in bytes.",
    "limit": "CEL of an int: the memory limit in bytes; left out, limits stay as they are.",
    "limit_when": "CEL condition: where it does not hold, the limit stays as it is.",
}
"""The keys of a profile file, each with what it says."""

REQUIRED = ("id", "why", "request")

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TEXTS = ("id", "why", "estimator", "request", "limit", "limit_when")
_KINDS = {"request": "int", "limit": "int", "limit_when": "bool"}

Fault = tuple[KeyPath, str, int | None]
"""Path in the file, what is wrong there, and where in the expression, None outside of one."""


class ProfileError(Exception):
    """Profiles that cannot be used: a line for each fault."""


def shipped_folder() -> Path:
    """Return the folder of the shipped profiles: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    packed = package / "shipped_sizing"
    return packed if packed.is_dir() else package.parent / "sizing"


def scope_of(estimator: str | None) -> dict[str, type[msgspec.Struct]]:
    """Return the variables of a profile's expressions; `estimate` only with an estimator."""
    scope: dict[str, type[msgspec.Struct]] = {"usage": UsageFacts, "container": ContainerNumbers}
    return scope if estimator is None else scope | {"estimate": Estimate}


def load_profiles(folders: Sequence[Path], *, trusted: Path | None = None) -> dict[str, Profile]:
    """Return the profiles of some folders by id, sorted; a later folder overrides by id. Raises ProfileError.

    The expressions of a trusted folder are not checked against their variables: the test suite has done so.
    """
    faults: list[str] = []
    found: dict[str, Profile] = {}
    for folder in folders:
        if not folder.is_dir():
            faults.append(f"{folder}: no such folder of profiles")
        seen: set[str] = set()
        for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            profile = _load(path, faults, checked=folder == trusted)
            if profile is None:
                continue
            if profile.id in seen:
                faults.append(f"{path}:1:1: id: {profile.id!r} is there twice in {folder}")
            seen.add(profile.id)
            found[profile.id] = profile
    if faults:
        raise ProfileError("\n".join(faults))
    return dict(sorted(found.items()))


def _load(path: Path, faults: list[str], *, checked: bool) -> Profile | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        faults.append(f"{path}: {error.strerror}")
        return None
    try:
        # Our reader first, for its bounds and its places; then types as YAML has them, since for Kubernetes 2.0 is 2,
        # and a factor must stay a double.
        plain, locator = our_document(content, str(path))
        data = yaml.load(content, Loader=yaml.CSafeLoader) if isinstance(plain, dict) else plain
    except (yaml.YAMLError, ValueError) as error:
        faults.append(str(error) if str(error).startswith(f"{path}:") else f"{path}:1:1: {error}")
        return None
    if not isinstance(data, dict) or locator is None:
        faults.append(f"{path}:1:1: must be one YAML mapping")
        return None
    problems = list(_shape_faults(data, path.stem)) or ([] if checked else list(_expression_faults(data)))
    if problems:
        faults.extend(_told(path, content, locator, data, problem) for problem in problems)
        return None
    return Profile(**data, file=str(path))


def _told(path: Path, content: bytes, locator: Locator, data: Mapping[str, Any], problem: Fault) -> str:
    """Return the fault at its character where the expression stands in one line of the file, else at its key."""
    keys, fault, offset = problem
    place = locator.place(keys)
    column = place.column
    if offset is not None:
        at = content.decode().splitlines()[place.line - 1].find(data[str(keys[0])], place.end_column - 1)
        column = at + offset + 1 if at >= 0 else column
    name = ".".join(str(key) for key in keys)
    return f"{path}:{place.line}:{column}: {name + ': ' if name else ''}{fault}"


def _shape_faults(data: Mapping[Any, Any], stem: str) -> Iterator[Fault]:
    for key in data:
        if key not in KEYS:
            yield (key,), f"no such key{instead(key, KEYS)}", None
    for key in REQUIRED:
        if key not in data:
            yield (), f"{key} is missing", None
    if "limit_when" in data and "limit" not in data:
        yield ("limit_when",), "there is no limit that it could be for", None
    for key in _TEXTS:
        if key in data:
            yield from _text_faults(key, data[key], stem)
    yield from _param_faults(data.get("params", {}))


def _param_faults(params: Any) -> Iterator[Fault]:
    if not isinstance(params, dict):
        yield ("params",), "must be a mapping", None
        return
    for name, value in params.items():
        if not isinstance(value, bool | int | float | str):
            yield ("params", name), "must be a number, a text, or true or false", None


def _text_faults(key: str, value: Any, stem: str) -> Iterator[Fault]:
    if not (isinstance(value, str) and value.strip()):
        yield (key,), "must be a text", None
    elif key == "estimator" and value not in ESTIMATORS:
        yield (key,), f"{value!r} must be one of {', '.join(ESTIMATORS)}", None
    elif key == "id":
        yield from _id_faults(value, stem)


def _id_faults(name: str, stem: str) -> Iterator[Fault]:
    if name != stem:
        yield ("id",), f"must be the file's name, {stem!r}", None
    if not _ID.fullmatch(name):
        yield ("id",), "must be words of a-z and 0-9 joined by hyphens", None


def _expression_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    scope = scope_of(data.get("estimator"))
    for key, wanted in _KINDS.items():
        if key not in data:
            continue
        try:
            kind = check(data[key], scope, data.get("params", {}))
        except ExpressionError as error:
            yield (key,), _humane(error.fault), error.offset
            continue
        if kind != wanted:
            yield (key,), f"must be {wanted}, not {kind}{_hint(kind, wanted)}", 0


def _humane(fault: str) -> str:
    known, _, _ = fault.partition(";")
    return f"{known}; name an estimator first" if known == "no variable or function 'estimate'" else fault


def _hint(kind: str, wanted: str) -> str:
    return "; write times(bytes, factor) for a product" if (kind, wanted) == ("double", "int") else ""
