"""What changed since the last run: findings that are new, that are gone, and those that were known."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from auditor.findings import SEVERITIES, Finding, Report, severity_rank
from auditor.reports import json as json_report
from auditor.reports.text import is_complete, plain, with_status


class _Ref(msgspec.Struct, frozen=True):
    kind: str
    name: str
    namespace: str | None = None


class Earlier(msgspec.Struct, frozen=True):
    """A finding as the JSON report of an earlier run has it; keys that are not here are of no matter."""

    policy: str
    severity: str
    fingerprint: str
    workload: _Ref
    message: str = ""
    waived: Any = None
    baseline: str | None = None
    cluster: str | None = None


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Document(msgspec.Struct, frozen=True):
    findings: tuple[Earlier, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The open findings of a run beside those of an earlier one. Open is what is neither waived nor in the baseline."""

    previous: str | None
    """The earlier run; None when there is none to compare with, and then every finding is new."""
    new: tuple[Finding, ...]
    """Open findings that were not open then, or that have become more severe."""
    known: int
    """Open findings that were open then."""
    fixed: tuple[Earlier, ...]
    """Findings that were open then and are not there any more; waived ones are still there."""
    certain: bool
    """False when this run could not judge everything: what is gone may only not have been seen."""

    def failed(self, fail_on: str) -> bool:
        """Return whether a new finding is at or above a severity; False for `never`."""
        if fail_on == "never":
            return False
        return any(severity_rank(finding.severity) <= severity_rank(fail_on) for finding in self.new)


def read_findings(data: bytes) -> tuple[Earlier, ...]:
    """Return the open findings of a JSON report. Raises ValueError, in words, for one that cannot be used."""
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version != json_report.VERSION:
            raise ValueError(f"it has version {plain(version) or 'none'}, this program compares {json_report.VERSION}")
        findings = msgspec.json.decode(data, type=_Document).findings
    except msgspec.MsgspecError as error:
        raise ValueError(f"it is no JSON report: {plain(str(error))}") from None
    except UnicodeDecodeError:
        raise ValueError("it is no JSON report: it is not UTF-8") from None
    strange = {finding.severity for finding in findings} - {*SEVERITIES}
    if strange:
        raise ValueError(f"it is no JSON report: there is no severity {plain(min(strange))!r}")
    return tuple(finding for finding in findings if finding.waived is None and finding.baseline != "unchanged")


def compare(report: Report, previous: str | None, earlier: Iterable[Earlier]) -> Comparison:
    """Return what changed between the open findings of an earlier run and a report."""
    before = list(earlier)
    worst: dict[_Key, int] = {}
    for known in before:
        rank = severity_rank(known.severity)
        worst[_key(known)] = min(rank, worst.get(_key(known), rank))
    left = Counter(map(_key, before))
    now = with_status(report, "new")
    new = []
    for finding in now:
        key = _key(finding)
        if left[key] > 0 and severity_rank(finding.severity) >= worst[key]:
            left[key] -= 1
        else:
            new.append(finding)
    still_there = {_key(finding) for finding in report.findings}
    return Comparison(
        previous=previous,
        new=tuple(new),
        known=len(now) - len(new),
        fixed=tuple(known for known in before if _key(known) not in still_there),
        certain=is_complete(report),
    )


_Key = tuple[str | None, str]


def _key(finding: Finding | Earlier) -> _Key:
    return finding.cluster, finding.fingerprint
