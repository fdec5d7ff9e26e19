"""Which history belongs to which workload: by namespace, kind, name and container, with rules for renamed workloads."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from auditor.usage.model import UsageFacts

Workload = tuple[str, str, str]
"""Namespace, kind and name."""


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the name of a workload in a cluster becomes its name in the manifests."""

    pattern: str
    """A regular expression that the whole name in the history matches, such as `prod-(.+)`."""
    name: str
    """The name in the manifests, with `\\1` for the first group."""


class ContainerHistory(msgspec.Struct, frozen=True):
    """The history of one container of a workload."""

    workload: Workload
    container: str
    container_type: str | None
    facts: UsageFacts


@dataclass(frozen=True, slots=True)
class History:
    """The histories of a window, by workload; picklable."""

    workloads: Mapping[Workload, Mapping[str, ContainerHistory]] = field(default_factory=dict)
    """Workload, under its name in the manifests, to container to history."""
    last_day: str = ""
    """The last day of the window; empty for no history."""
    ambiguous: tuple[Workload, ...] = ()
    """Workloads under whose name the rules put two of the history; they join nothing."""

    @staticmethod
    def build(found: Iterable[ContainerHistory], renames: Sequence[Rename] = (), last_day: str = "") -> "History":
        """Return the history by workload; raises ValueError for a rule that is no regular expression."""
        origins: dict[Workload, set[Workload]] = {}
        workloads: dict[Workload, dict[str, ContainerHistory]] = {}
        for item in found:
            namespace, kind, name = item.workload
            key = (namespace, kind, renamed(name, renames))
            origins.setdefault(key, set()).add(item.workload)
            workloads.setdefault(key, {})[item.container] = item
        ambiguous = tuple(sorted(key for key, names in origins.items() if len(names) > 1))
        for key in ambiguous:
            del workloads[key]
        return History(workloads, last_day, ambiguous)

    def of(self, namespace: str | None, kind: str, name: str) -> Mapping[str, ContainerHistory]:
        """Return the containers of a workload that have history; a workload without a namespace has none."""
        return self.workloads.get((namespace, kind, name), {}) if namespace is not None else {}


def renamed(name: str, rules: Sequence[Rename]) -> str:
    """Return the name by the first rule that matches, the name itself without one.

    Raises ValueError for a rule that is no regular expression, or whose name refers to a group that it does not have.
    """
    for rule in rules:
        try:
            match = re.fullmatch(rule.pattern, name)
            if match:
                return match.expand(rule.name)
        except (re.error, IndexError) as error:
            raise ValueError(f"{rule.pattern!r}: {error}") from error
    return name
