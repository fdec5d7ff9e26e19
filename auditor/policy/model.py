"""The policy file as a value, and what judging with policies gives."""

from typing import Any

import msgspec

from auditor.facts.record import Subject
from auditor.findings import Edit


def typed_param(value: Any, default: Any) -> Any:
    """Return a parameter's value in the type of its default where an int stands for a double; else as it is."""
    return float(value) if type(value) is int and type(default) is float else value


class Example(msgspec.Struct, frozen=True):
    """A manifest in a policy file that is its test and its documentation."""

    manifest: str
    """YAML text, one or more documents."""
    messages: tuple[str, ...]
    """The exact messages that this policy must give; empty in a good example."""
    kubernetes_version: str | None = None
    params: dict[str, Any] | None = None
    usage: tuple[dict[str, Any], ...] = ()
    """A small history, a line for each container; see `auditor.policy.history`."""
    complete: bool = False
    """Whether the manifest is the whole cluster."""


class FixRule(msgspec.Struct, frozen=True):
    """What a policy changes so that its finding is gone; texts and paths may hold `{cel}`, paths are below the subject.

    `{cel:bytes}` is written as a Kubernetes quantity, exactly.
    """

    when: str = ""
    """CEL condition of the fix; empty: whenever the policy fires."""
    set: tuple[tuple[str, str], ...] = ()
    """(path, text) pairs."""
    rename: tuple[tuple[str, str], ...] = ()
    """(path, new key) pairs."""
    remove: tuple[str, ...] = ()
    """Paths."""
    history: bool = False
    """Whether request and limit become what history argues for, where there is one."""

    def templates(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        """Return every text that may hold expressions, each with its key in the policy file."""
        named = [((key, path), text) for key in ("set", "rename") for path, text in getattr(self, key)]
        paths = [((key, path), path) for key in ("set", "rename") for path, _ in getattr(self, key)]
        return (*named, *paths, *((("remove",), path) for path in self.remove))


class Policy(msgspec.Struct, frozen=True):
    """One policy file."""

    id: str
    severity: str
    scope: str
    subject: str
    """The folder it stands in: requests-limits, qos, sidecars, tmpfs, namespace, runtimes ..."""
    when: str
    """CEL condition over the scope's facts; a finding when it is exactly true."""
    message: str
    at: str
    """Path below the subject where the finding points; may hold `{cel}`."""
    why: str
    remediation: str
    waive: str
    """When a waiver is reasonable."""
    file: str
    tags: tuple[str, ...] = ()
    params: dict[str, Any] = {}
    severity_when: tuple[tuple[str, str], ...] = ()
    """(severity, CEL condition) pairs, the first true one replaces `severity`."""
    actual: str | None = None
    """CEL of an int: the number in bytes that is wrong (the CSV's actual_bytes)."""
    expected: str | None = None
    """CEL of an int: the number it is held against."""
    profiles: tuple[str, ...] = ("recommended", "strict")
    """The profiles that enable it; `all` enables every policy."""
    profile_params: dict[str, dict[str, Any]] = {}
    """Parameter values that a profile sets, by profile."""
    fix: FixRule | None = None
    """What takes the finding away, where one answer can be defended to the owner."""
    yields_to: tuple[str, ...] = ()
    """Policies whose finding for the same subject silences this one's."""
    aliases: tuple[str, ...] = ()
    deprecated: str | None = None
    references: tuple[str, ...] = ()
    good: tuple[Example, ...] = ()
    bad: tuple[Example, ...] = ()


class ActivePolicy(msgspec.Struct, frozen=True):
    """A policy as a config switched it on: its severity and parameters for some namespace and kind."""

    policy: Policy
    severity: str | None
    """The config's severity, which then holds for every case; None: the policy's own."""
    params: dict[str, Any]


class Verdict(msgspec.Struct, frozen=True):
    """A condition that held for a subject."""

    policy: Policy
    severity: str
    message: str
    values: dict[str, Any]
    subject: Subject
    at: str
    actual_bytes: int | None
    expected_bytes: int | None
    edits: tuple[Edit, ...] = ()
    """What the policy's fix changes, paths from the object's root; empty without one."""


class NotJudged(msgspec.Struct, frozen=True):
    """A condition whose evaluation was an error; it makes the run incomplete."""

    policy: str
    subject: Subject
    reason: str
