"""The config file `.auditor.yaml`: which policies judge what, how severely, with which parameters.

Owns the file's shape, finding it, its faults with their places, and choosing the active policies for a namespace and
kind. Command line options win over it; `cli/` joins the two.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from auditor.policy.model import ActivePolicy, Policy

FILE_NAME = ".auditor.yaml"

Severity = Literal["critical", "high", "medium", "low", "info"]
T = TypeVar("T")
Profile = Literal["recommended", "strict", "all"]


class ConfigError(Exception):
    """A config, waiver or baseline file that cannot be used; its text names file, place, key and fault."""


class RuleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a config says about one policy."""

    enabled: bool | None = None
    """True or False overrides the profile; None leaves the choice to it."""
    severity: Severity | None = None
    params: dict[str, Any] = {}


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules that hold only for some namespaces and kinds; a later override wins over an earlier one."""

    rules: dict[str, RuleConfig]
    namespaces: tuple[str, ...] = ()
    """Globs; empty covers all. A workload without a namespace is matched by none but `*`."""
    kinds: tuple[str, ...] = ()
    """Globs; empty covers all."""

    def covers(self, namespace: str | None, kind: str) -> bool:
        """Return whether this override is about such a workload."""
        return _any_match(self.namespaces, namespace or "") and _any_match(self.kinds, kind)


class Sidecars(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More app containers that are sidecars, by glob."""

    names: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole config file; every key may be absent. Paths in it are relative to its folder."""

    profile: Profile | None = None
    kubernetes_version: str | None = None
    feature_gates: dict[str, bool] = {}
    namespace: str | None = None
    fail_on: Literal["critical", "high", "medium", "low", "info", "never"] | None = None
    exclude: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    waivers: str | None = None
    baseline: str | None = None
    template_paths: dict[str, str] = {}
    """Kind to the path of its pod template, such as `ScaledJob: spec.jobTargetRef.template`."""
    sidecars: Sidecars = Sidecars()
    rules: dict[str, RuleConfig] = {}
    overrides: tuple[Override, ...] = ()


def find_config(folder: Path) -> Path | None:
    """Return the nearest `.auditor.yaml` from `folder` upwards, None without one."""
    for place in (folder, *folder.parents):
        candidate = place / FILE_NAME
        if candidate.is_file():
            return candidate
    return None


def load_config(path: Path) -> Config:
    """Read a config file. Raises ConfigError with file, line, column, key and fault."""
    return decode_yaml(path, Config)


def decode_yaml(path: Path, kind: type[T]) -> T:
    """Read one of our own YAML files into a typed value. Raises ConfigError with the place of the fault."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        plain = yaml.load(text, Loader=yaml.CSafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: {getattr(error, 'problem', None) or error}") from error
    try:
        return msgspec.convert({} if plain is None else plain, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(path, text, str(error))) from error


def _explain(path: Path, text: str, message: str) -> str:
    """Put the place of msgspec's `... - at `$.rules[...].severity`` in front of its words."""
    import yaml

    fault, _, where = message.partition(" - at `")
    keys = _keys(where)
    if fault.startswith("Object contains unknown field `"):
        keys.append(fault.split("`")[1])
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    found = list(_walk(node, keys, (), node.start_mark)) if node else []
    # A mapping's key is `[...]` in msgspec's words: of several that fit, the one whose value the words name.
    named = [item for item in found if isinstance(item[2], str) and f"'{item[2]}'" in fault]
    steps, mark, _ = (named or found or [(tuple(keys), None, None)])[0]
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    key_text = ".".join(steps)
    return f"{path}:{line}:{column}: {key_text + ': ' if key_text else ''}{fault[0].lower()}{fault[1:]}"


def _keys(where: str) -> list[str]:
    """Return the keys of msgspec's path; `...` stands for any key of a mapping."""
    return [index or key or "..." for index, key in re.findall(r"\[(\d+)\]|\.([^.\[`]+)|\[\.\.\.\]", where)]


def _walk(
    node: Any, keys: Sequence[str], done: tuple[str, ...], mark: Any
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield (keys, mark of the last key, scalar value) of every place in a composed document that the keys lead to."""
    if not keys:
        yield done, mark, getattr(node, "value", None)
        return
    value = getattr(node, "value", None)
    reached = False
    for index, item in enumerate(value if isinstance(value, list) else ()):
        key, child = (item[0].value, item[1]) if isinstance(item, tuple) else (str(index), item)
        if keys[0] in (key, "..."):
            start = item[0].start_mark if isinstance(item, tuple) else item.start_mark
            found = list(_walk(child, keys[1:], (*done, key), start))
            reached = reached or bool(found)
            yield from found
    if not reached and "..." not in keys:
        # A missing key is at its nearest existing parent.
        yield (*done, *keys), mark, None


def _any_match(patterns: Sequence[str], text: str) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


class Selection:
    """Chooses the active policies for a namespace and kind, checked once when it is made.

    Raises ConfigError for an unknown policy, an unknown parameter or a parameter of the wrong type.
    """

    def __init__(self, policies: Sequence[Policy], config: Config, profile: str, origin: str) -> None:
        self._policies = tuple(policies)
        self._profile = profile
        names = {alias: policy for policy in policies for alias in (policy.id, *policy.aliases)}
        self._base = _checked(config.rules, names, f"{origin}: rules")
        self._overrides = tuple(
            (override, _checked(override.rules, names, f"{origin}: overrides[{index}].rules"))
            for index, override in enumerate(config.overrides)
        )

    def key(self, namespace: str | None, kind: str) -> tuple[int, ...]:
        """Return which overrides cover such a workload; equal keys have equal active policies."""
        return tuple(i for i, (override, _) in enumerate(self._overrides) if override.covers(namespace, kind))

    def active(self, key: tuple[int, ...] = ()) -> tuple[ActivePolicy, ...]:
        """Return the policies that judge the workloads of that key, by id."""
        layers = (self._base, *(self._overrides[index][1] for index in key))
        chosen = []
        for policy in self._policies:
            rules = [layer[policy.id] for layer in layers if policy.id in layer]
            enabled = self._profile == "all" or self._profile in policy.profiles
            severity: str | None = None
            params = policy.params | policy.profile_params.get(self._profile, {})
            for rule in rules:
                enabled = enabled if rule.enabled is None else rule.enabled
                severity = rule.severity or severity
                params = params | rule.params
            if enabled:
                chosen.append(ActivePolicy(policy=policy, severity=severity, params=params))
        return tuple(chosen)

    def everywhere(self) -> tuple[ActivePolicy, ...]:
        """Return every policy that is active for some workload, with its base severity and parameters."""
        seen: dict[str, ActivePolicy] = {}
        for key in ((), *((i,) for i in range(len(self._overrides)))):
            for active in self.active(key):
                seen.setdefault(active.policy.id, active)
        return tuple(seen[name] for name in sorted(seen))


def _checked(rules: Mapping[str, RuleConfig], names: Mapping[str, Policy], where: str) -> dict[str, RuleConfig]:
    """Return the rules by policy id, aliases resolved and parameters converted to their types."""
    checked = {}
    for name, rule in rules.items():
        policy = names.get(name)
        if policy is None:
            raise ConfigError(f"{where}.{name}: no such policy{_near(name, names)}")
        params = {key: _param(policy, key, value, f"{where}.{name}.params.{key}") for key, value in rule.params.items()}
        checked[policy.id] = msgspec.structs.replace(rule, params=params)
    return checked


def _param(policy: Policy, key: str, value: Any, where: str) -> Any:
    """Return a parameter's value in the type of its default; an int may stand for a double."""
    if key not in policy.params:
        raise ConfigError(f"{where}: no such parameter{_near(key, policy.params)}")
    default = policy.params[key]
    if type(default) is float and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list"}
        raise ConfigError(
            f"{where}: must be {wanted.get(type(default), 'of the type of its default')}, like {default!r}"
        )
    return value


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
