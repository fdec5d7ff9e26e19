"""One fact, one finding: what fired and is silent because something else that fired tells its fact."""

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.facts.record import Record, WideRecord
from auditor.kube.paths import parse_path, value_at
from auditor.policy.program import Fired


def without_yielding(fired: Sequence[Fired], record: Record | WideRecord, data: Mapping[str, Any]) -> list[Fired]:
    """Return what fired for one object without what yields to something else.

    A policy yields to one in its `yields_to` about the same subject, or when one of the two is about the pod itself, or
    when one is about a memory volume that the other's container writes.
    """
    names = {one.policy.id for one in fired}
    if all(names.isdisjoint(one.policy.yields_to) for one in fired):
        return list(fired)
    rules = _Yielding(fired, record, data)
    return [one for one in fired if not rules.silent(one)]


class _Yielding:
    """What is silent of what fired for one object; a class, since a closure that calls itself is a cycle of garbage."""

    def __init__(self, fired: Sequence[Fired], record: Record | WideRecord, data: Mapping[str, Any]) -> None:
        self._by_policy: dict[str, list[Fired]] = {}
        for one in fired:
            self._by_policy.setdefault(one.policy.id, []).append(one)
        self._writes = record.writes()
        self._data = data
        self._silent: dict[int, bool] = {}

    def silent(self, one: Fired) -> bool:
        """Return whether something else that is told itself tells this one's fact; `yields_to` has no cycles."""
        if id(one) not in self._silent:
            others = (other for name in one.policy.yields_to for other in self._by_policy.get(name, ()))
            self._silent[id(one)] = any(
                _overlap(one, other, self._writes, self._data) and not self.silent(other) for other in others
            )
        return self._silent[id(one)]


def _overlap(one: Fired, other: Fired, writes: frozenset[tuple[str, str]], data: Mapping[str, Any]) -> bool:
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
