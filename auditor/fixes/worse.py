"""Whether a fix would make something worse: what fires then, and which amounts are lower."""

from collections.abc import Iterable, Mapping, Sequence

from auditor.facts.record import Record
from auditor.findings import Finding, severity_rank
from auditor.fixes.files import RefusedError
from auditor.plan import Judged


def worse(finding: Finding, before: Mapping[str, Finding]) -> bool:
    """Return whether a finding is new, or worse than it was; one that a waiver covers is accepted."""
    known = before.get(finding.fingerprint)
    if finding.waived is not None:
        return False
    return known is None or severity_rank(finding.severity) < severity_rank(known.severity)


Amounts = Mapping[tuple[str, ...], tuple[int | None, int | None]]
"""Container to its admitted request and limit in bytes."""


def amounts(records: Iterable[Record]) -> Amounts:
    """Return the admitted request and limit of every container."""
    return {
        (record.workload.kind, record.workload.namespace or "", record.workload.name, container.name): (
            container.request_bytes,
            container.limit_bytes,
        )
        for record in records
        for container in record.containers
    }


def refuse_lower(before: Amounts, after: Amounts, *, creates: bool) -> None:
    """Raise RefusedError where a policy's fix lowers a request or a limit: for that history must argue."""
    pairs = [(new, before[name]) for name, new in after.items() if name in before]
    lower = any(a is not None and b is not None and a < b for new, old in pairs for a, b in zip(new, old, strict=True))
    if lower or creates:
        raise RefusedError("it would lower a request or a limit, for which a week of history must argue")


def refuse_worse(base: Judged, after: Judged, findings: Sequence[Finding]) -> None:
    """Raise RefusedError where a policy at or above the severity of these findings fires that did not."""
    if len(after.skipped) > len(base.skipped):
        raise RefusedError(f"what it makes could not be judged: {after.skipped[-1].reason}")
    limit = min(severity_rank(finding.severity) for finding in findings)
    known = {finding.fingerprint: finding for finding in base.findings}
    for finding in after.findings:
        if worse(finding, known) and severity_rank(finding.severity) <= limit:
            raise RefusedError(f"it would make {finding.policy} fire: {finding.message}")
