"""Baselines: today's findings, accepted as they are, so that only new ones fail.

A baseline is keyed by fingerprint, so a finding that moved to another line or file name stays known and the same
finding on another object does not. It keeps the severity: a finding that became worse is new.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from auditor.config import ConfigError
from auditor.findings import Finding, severity_rank


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One accepted finding; policy, object and subject are there for people who read the file."""

    fingerprint: str
    severity: str
    policy: str
    object: str
    subject: str = ""
    count: int = 1
    """How many findings share the fingerprint: two objects of one identity in one folder."""


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole baseline file."""

    version: int
    findings: tuple[Known, ...]


def write_baseline(findings: Iterable[Finding]) -> str:
    """Return the baseline file that accepts these findings; waived ones are left to their waivers."""
    kept = [finding for finding in findings if finding.waived is None]
    counts = Counter(finding.fingerprint for finding in kept)
    worst: dict[str, Finding] = {}
    for finding in kept:
        other = worst.get(finding.fingerprint)
        if other is None or severity_rank(finding.severity) < severity_rank(other.severity):
            worst[finding.fingerprint] = finding
    known = tuple(_known(worst[key], counts[key]) for key in sorted(worst))
    text = msgspec.json.format(msgspec.json.encode(Baseline(version=1, findings=known)), indent=2)
    return text.decode() + "\n"


def _known(finding: Finding, count: int) -> Known:
    workload = finding.workload
    name = "/".join(part for part in (workload.kind, workload.namespace, workload.name) if part)
    return Known(
        fingerprint=finding.fingerprint,
        severity=finding.severity,
        policy=finding.policy,
        object=name,
        subject=f"{finding.subject_type} {finding.subject}".strip(),
        count=count,
    )


def load_baseline(path: Path) -> Baseline:
    """Read a baseline file. Raises ConfigError when it cannot be used."""
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=Baseline)
        for known in baseline.findings:
            severity_rank(known.severity)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError(f"{path}: not a baseline: {error}; write one with `auditor baseline write`") from error
    if baseline.version != 1:
        raise ConfigError(
            f"{path}: version {baseline.version} is not known; write it anew with `auditor baseline write`"
        )
    return baseline


def apply_baseline(findings: Iterable[Finding], baseline: Baseline) -> tuple[list[Finding], list[str]]:
    """Return the findings marked `new` or `unchanged`, and a note when accepted ones are gone."""
    left = {known.fingerprint: known.count for known in baseline.findings}
    severities = {known.fingerprint: severity_rank(known.severity) for known in baseline.findings}
    marked = []
    for finding in findings:
        key = finding.fingerprint
        known = left.get(key, 0) > 0 and severity_rank(finding.severity) >= severities[key]
        if key in left and finding.waived is None:
            left[key] -= 1
        marked.append(msgspec.structs.replace(finding, baseline="unchanged" if known else "new"))
    gone = sum(count for count in left.values() if count > 0)
    notes = [f"{gone} accepted findings of the baseline are gone; write it anew to keep it short"] if gone else []
    return marked, notes
