"""One fact, one finding: which verdicts are silent because another one tells their fact."""

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.facts.record import Record, WideRecord
from auditor.identity import parse_path, value_at
from auditor.policy.model import Verdict


def without_yielding(
    verdicts: Sequence[Verdict], record: Record | WideRecord, data: Mapping[str, Any]
) -> list[Verdict]:
    """Return the verdicts on one object without those that yield to another one.

    A verdict yields to one of a policy in its `yields_to` about the same subject, or when one of the two is about the
    pod itself, or when one is about a memory volume that the other's container writes.
    """
    if not any(verdict.policy.yields_to for verdict in verdicts):
        return list(verdicts)
    rules = _Yielding(verdicts, record, data)
    return [verdict for verdict in verdicts if not rules.silent(verdict)]


class _Yielding:
    """Which of one workload's verdicts are silent; a class, since a closure that calls itself is a cycle of garbage."""

    def __init__(self, verdicts: Sequence[Verdict], record: Record | WideRecord, data: Mapping[str, Any]) -> None:
        self._by_policy: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            self._by_policy.setdefault(verdict.policy.id, []).append(verdict)
        self._writes = record.writes()
        self._data = data
        self._silent: dict[int, bool] = {}

    def silent(self, verdict: Verdict) -> bool:
        """Return whether another verdict that is told itself tells this one's fact; `yields_to` has no cycles."""
        if id(verdict) not in self._silent:
            names = verdict.policy.yields_to
            others = (other for name in names for other in self._by_policy.get(name, ()))
            silent = any(
                _overlap(verdict, other, self._writes, self._data) and not self.silent(other) for other in others
            )
            self._silent[id(verdict)] = silent
        return self._silent[id(verdict)]


def _overlap(one: Verdict, other: Verdict, writes: frozenset[tuple[str, str]], data: Mapping[str, Any]) -> bool:
    left, right = one.subject, other.subject
    if {left.type, right.type} == {"container", "volume"}:
        return (left.name, right.name) in writes or (right.name, left.name) in writes
    if left != right:
        return "pod" in (left.type, right.type)
    if other.policy.scope != "quantity":
        return True
    if one.policy.scope == "quantity":
        return one.at == other.at
    # An absent limit is explained by a misspelt limit, not by a misspelt request.
    absent = value_at(data, (*left.path, *parse_path(one.at))) is None
    return not absent or _block(one.at) == _block(other.at)


def _block(at: str) -> str:
    return "limits" if "limit" in at.lower() else "requests"
