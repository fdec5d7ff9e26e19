"""The findings as a GitLab Code Quality report: an issue for each finding and each input that was not judged.

GitLab shows the difference between the reports of a merge request's two branches, by fingerprint.
https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

import hashlib
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

from auditor.findings import Finding, Report, Skipped
from auditor.reports.text import encodable, encode_json, finding_words, plain, with_status

SEVERITIES = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor", "info": "info"}
"""Our severities in GitLab's words."""

_NOT_JUDGED = "not-judged"
_NO_FILE = "cluster"
"""The path of what is in no file; GitLab drops an issue without a path."""


def render(report: Report) -> str:
    """Return a JSON list, in the report's order. Waived and known findings are left out: they are accepted."""
    findings = (_finding(finding) for finding in with_status(report, "new"))
    skipped = (_skipped(item) for item in report.skipped)
    return encode_json(list(_told_apart([*findings, *skipped])), indent=1) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    place = finding.place
    lines = (place.line, place.end_line) if place else (1, 1)
    return {
        "description": plain(finding_words(finding)),
        "check_name": finding.policy,
        "fingerprint": _fingerprint(finding),
        "severity": SEVERITIES[finding.severity],
        "location": _location(place.file if place else _NO_FILE, lines),
    }


def _fingerprint(finding: Finding) -> str:
    """Return what tells an issue from all others of the report: ours does not know clusters apart."""
    if finding.cluster is None:
        return finding.fingerprint
    return _digest(f"{finding.fingerprint}\n{finding.cluster}")


def _skipped(item: Skipped) -> dict[str, Any]:
    line = item.line or 1
    where = "" if item.cluster is None else f"cluster {item.cluster}: "
    return {
        "description": plain(f"not judged: {where}{item.reason}"),
        "check_name": _NOT_JUDGED,
        "fingerprint": _digest(f"{_NOT_JUDGED}\n{item.file}\n{where}{item.reason}"),
        "severity": "critical",
        "location": _location(item.file or _NO_FILE, (line, line)),
    }


def _location(file: str, lines: tuple[int, int]) -> dict[str, Any]:
    """Return a place: GitLab finds no file whose path begins with `./`."""
    path = "stdin" if file == "-" else posixpath.normpath(encodable(file))
    return {"path": path, "lines": {"begin": lines[0], "end": lines[1]}}


def _told_apart(issues: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the issues with fingerprints that are unique: GitLab keeps one of several with the same.

    Two objects of one identity in one folder share ours; the second one's is made of it and its number.
    """
    seen: dict[str, int] = {}
    for issue in issues:
        key = issue["fingerprint"]
        number = seen[key] = seen.get(key, 0) + 1
        yield issue if number == 1 else {**issue, "fingerprint": _digest(f"{key}\n{number}")}


def _digest(text: str) -> str:
    return hashlib.sha256(encodable(text).encode()).hexdigest()[:32]
