"""The config file `.auditor.yaml`: which policies judge what, how severely, with which parameters.

Owns the file's shape, finding it, its faults with their places, and choosing the active policies for a namespace and
kind. Command line options win over it; `cli/` joins the two.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from auditor.kube.paths import Path as KeyPath
from auditor.nightly_config import Nightly
from auditor.policy.model import ActivePolicy, Policy, typed_param
from auditor.sources.model import Locator
from auditor.usage.join import Rename

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


class Usage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The history of use that findings are joined with."""

    path: str | None = None
    """A folder of the table, or a Parquet file."""
    window_days: int = 14
    """How many days, up to the last one that the table has."""
    cluster: str | None = None
    """The cluster to read, of a table with several."""
    names: tuple[Rename, ...] = ()
    """Rules from names in the cluster to names in the manifests; the first that matches counts."""


class Chart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a Helm chart is rendered; what is absent is the chart's own, or helm's."""

    values: tuple[str, ...] = ()
    """Files of values, the last wins."""
    set: tuple[str, ...] = ()
    """`KEY=VALUE`, as `helm --set` takes them."""
    release: str | None = None
    """The release's name; the chart's by default."""
    namespace: str | None = None
    api_versions: tuple[str, ...] = ()
    """Such as `monitoring.coreos.com/v1`, for charts that ask what the cluster has."""
    environments: bool | None = None
    """Judge the chart with each of its values files that looks like an environment."""


class Helm(Chart, frozen=True, forbid_unknown_fields=True):
    """How all Helm charts are rendered, and what differs for some."""

    charts: dict[str, Chart] = {}
    """By the chart's folder, relative to the config's. Lists are added to those of all charts, others replace."""


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
    usage: Usage = Usage()
    helm: Helm = Helm()
    nightly: Nightly = Nightly()
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
    from auditor.sources.read import our_document

    try:
        plain, locator = our_document(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(str(error)) from error
    try:
        return msgspec.convert({} if plain is None else plain, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(path, plain, locator, str(error))) from error


def _explain(path: Path, plain: Any, locator: Locator | None, message: str) -> str:
    """Put the place of msgspec's `... - at `$.rules[...].severity`` in front of its words."""
    fault, _, where = message.partition(" - at `")
    keys = _keys(where)
    if fault.startswith("Object contains unknown field `"):
        keys.append(fault.split("`")[1])
    found = list(_walk(plain, keys, ()))
    # A mapping's key is `[...]` in msgspec's words: of several that fit, the one whose value the words name.
    named = [item for item in found if isinstance(item[1], str) and f"'{item[1]}'" in fault]
    steps = (named or found or [(tuple(keys), None)])[0][0]
    place = locator.place(steps) if locator else None
    line, column = (place.line, place.column) if place else (1, 1)
    key_text = ".".join(map(str, steps))
    return f"{path}:{line}:{column}: {key_text + ': ' if key_text else ''}{fault[0].lower()}{fault[1:]}"


def _keys(where: str) -> list[str]:
    """Return the keys of msgspec's path; `...` stands for any key of a mapping."""
    return [index or key or "..." for index, key in re.findall(r"\[(\d+)\]|\.([^.\[`]+)|\[\.\.\.\]", where)]


def _walk(value: Any, keys: Sequence[str], done: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Yield (path, value) of every place that the keys lead to; a missing key is at its nearest existing parent."""
    if not keys:
        yield done, value
        return
    items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    inside = [
        found for key, item in items if keys[0] in (str(key), "...") for found in _walk(item, keys[1:], (*done, key))
    ]
    if not inside and "..." not in keys:
        yield (*done, *keys), None
    yield from inside


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
    value = typed_param(value, default)
    if type(value) is not type(default):
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list"}
        raise ConfigError(
            f"{where}: must be {wanted.get(type(default), 'of the type of its default')}, like {default!r}"
        )
    return value


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
