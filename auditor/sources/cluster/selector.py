"""Label selectors as text, `app=web,tier in (a,b),!old`: which labels they match.

Source: k8s.io/apimachinery/pkg/labels/selector.go.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_PART = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<without>[^\s!=,()]+)"
    r"|(?P<key>[^\s!=,()]+)\s*(?:(?P<sign>==?|!=)\s*(?P<value>[^\s!=,()]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)


class SelectorError(ValueError):
    """A text that is no label selector."""


class Requirement(msgspec.Struct, frozen=True):
    """One condition on a label."""

    key: str
    values: frozenset[str] | None
    """None asks for the key alone."""
    negated: bool

    def holds(self, labels: Mapping[str, Any]) -> bool:
        """Return whether labels meet it; a label that is absent meets a negated one."""
        found = self.key in labels and (self.values is None or labels[self.key] in self.values)
        return found is not self.negated


class Selector(msgspec.Struct, frozen=True):
    """All conditions of a selector."""

    requirements: tuple[Requirement, ...]

    @staticmethod
    def parse(text: str) -> "Selector":
        """Return the selector of a text. Raises SelectorError."""
        found: list[Requirement] = []
        position = 0
        while position < len(text):
            match = _PART.match(text, position)
            if match is None:
                raise SelectorError(f"label selector {text!r}: not understood from {text[position:]!r}")
            found.append(_requirement(match))
            position = match.end()
        if not found or text.rstrip().endswith(","):
            raise SelectorError(f"label selector {text!r}: a condition is missing")
        return Selector(tuple(found))

    def matches(self, labels: Mapping[str, Any]) -> bool:
        """Return whether labels meet every condition."""
        return all(requirement.holds(labels) for requirement in self.requirements)


def _requirement(match: re.Match[str]) -> Requirement:
    if match["absent"]:
        return Requirement(match["without"], None, negated=True)
    if match["sign"]:
        return Requirement(match["key"], frozenset((match["value"],)), negated=match["sign"] == "!=")
    if match["set"]:
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], values, negated=match["set"] == "notin")
    return Requirement(match["key"], None, negated=False)
