"""Which findings are new, unchanged, fixed: by fingerprint, for workloads that moved by policy, subject and path."""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from auditor.diff.judge import Result
from auditor.diff.memory import Identity, Pair, identity_of
from auditor.diff.model import KNOWN, NEW, UNCHANGED, WAIVED
from auditor.findings import Finding, severity_rank

_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Matched:
    """HEAD's findings with their statuses, and what is fixed."""

    statuses: tuple[tuple[str, str | None], ...]
    """Of each finding: its status, and the lower severity that it had."""
    fixed: tuple[Finding, ...]


def match(base: Result, head: Result, found: Iterable[Pair]) -> Matched:
    """Return how HEAD's findings are related to BASE's; those that BASE waives are not there to be matched."""
    old = [finding for finding in base.report.findings if finding.waived is None]
    new = list(head.report.findings)
    same = _Pool([(finding.fingerprint, finding) for finding in old])
    met = [same.take(finding.fingerprint, finding) for finding in new]
    places = _Places(base, head, found)
    moved = _Pool([(places.of_base(finding), finding) for finding in same.left()])
    met = [
        moved.take(places.of_head(finding), finding) if one is None else one
        for one, finding in zip(met, new, strict=True)
    ]
    return Matched(tuple(_status(finding, one) for finding, one in zip(new, met, strict=True)), tuple(moved.left()))


def _status(finding: Finding, old: Finding | None) -> tuple[str, str | None]:
    if finding.waived is not None:
        return WAIVED, None
    worse = old is not None and severity_rank(finding.severity) < severity_rank(old.severity)
    was = old.severity if old is not None and worse else None
    if finding.baseline == UNCHANGED:
        return KNOWN, was
    return (UNCHANGED, None) if old is not None and not worse else (NEW, was)


class _Pool:
    """BASE's findings by a key, each to be met by one of HEAD's: the worst first, so that one that is worse is seen."""

    def __init__(self, items: Sequence[tuple[Hashable, Finding]]) -> None:
        self._order = [finding for _, finding in items]
        self._waiting: dict[Hashable, list[Finding]] = {}
        for key, finding in items:
            if key is not None:
                self._waiting.setdefault(key, []).append(finding)
        for some in self._waiting.values():
            some.sort(key=lambda finding: severity_rank(finding.severity), reverse=True)
        self._met: set[int] = set()

    def take(self, key: Hashable, finding: Finding) -> Finding | None:
        """Return the finding of BASE that one of HEAD is: the first that is not milder, else the worst."""
        some = self._waiting.get(key) if key is not None else None
        if not some:
            return None
        rank = severity_rank(finding.severity)
        fit = [number for number, old in enumerate(some) if severity_rank(old.severity) <= rank]
        old = some.pop(fit[0] if fit else -1)
        self._met.add(id(old))
        return old

    def left(self) -> list[Finding]:
        """Return what nobody met, in order."""
        return [finding for finding in self._order if id(finding) not in self._met]


class _Places:
    """What findings of an object that moved are matched by."""

    def __init__(self, base: Result, head: Result, found: Iterable[Pair]) -> None:
        self._base, self._head = base, head
        self._from: dict[tuple[Identity, str], tuple[Identity, str]] = {}
        for pair in found:
            if pair.before is None or pair.after is None:
                continue
            if pair.moved:
                owner = (pair.before.identity, pair.before.folder)
                self._from[pair.after.identity, pair.after.folder] = owner

    def of_base(self, finding: Finding) -> Hashable:
        """Return the key of one of BASE's findings."""
        return _key(self._base.owners.get(finding.fingerprint), finding)

    def of_head(self, finding: Finding) -> Hashable:
        """Return the key that one of HEAD's findings had in BASE; None for a workload that did not move."""
        owner = self._head.owners.get(finding.fingerprint)
        if owner is None:
            return _key(None, finding)
        before = self._from.get(owner)
        return None if before is None else _key(before, finding)


def _key(owner: tuple[Identity, str] | None, finding: Finding) -> Hashable:
    """Return what a finding is about wherever its object is; lists of what has a name are told by the subject."""
    about = owner or (identity_of(0, finding.workload), "")
    return (about, finding.policy, finding.subject_type, finding.subject, _INDEX.sub("[]", finding.path))
