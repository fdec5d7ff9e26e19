"""From what judging gave to one report, the same bytes for any number of workers."""

from collections.abc import Iterable, Sequence

from auditor.baseline import Baseline, apply_baseline
from auditor.config import Selection
from auditor.findings import SEVERITIES, Finding, Place, Report, Rule, Skipped, Summary
from auditor.plan import NOTHING_BESIDES, Besides, Judged, Plan
from auditor.waivers import waiver_notes


def _order(finding: Finding) -> tuple[object, ...]:
    """Return what findings are sorted by: their place, and in a cluster, which has none, their object."""
    place, workload = finding.place or _NO_PLACE, finding.workload
    live = () if finding.cluster is None else (finding.cluster, workload.namespace or "", workload.kind, workload.name)
    return (
        place.file,
        place.line,
        place.column,
        live,
        finding.policy,
        workload.name,
        finding.path,
        finding.fingerprint,
    )


_NO_PLACE = Place(file="", line=0, column=0, end_line=0, end_column=0)


def assemble(
    judged: Iterable[Judged],
    plan: Plan,
    baseline: Baseline | None,
    tool_version: str,
    besides: Besides = NOTHING_BESIDES,
) -> Report:
    """Join what the files gave, and what was found on the way to them, into one report."""
    parts = list(judged)
    findings = sorted((finding for part in parts for finding in part.findings), key=_order)
    used = {key for part in parts for key in part.used_waivers}
    told = [*besides.notes, *(note for part in parts for note in part.notes)]
    if plan.use_waivers:
        told += waiver_notes(plan.waivers, used, plan.today)
    if baseline is not None:
        findings, gone = apply_baseline(findings, baseline)
        told += gone
    foreign = sum(part.foreign_documents for part in parts)
    if foreign:
        told.append(f"{foreign} {'document is' if foreign == 1 else 'documents are'} not Kubernetes and left alone")
    skipped = tuple(sorted({*besides.skipped, *(item for part in parts for item in part.skipped)}, key=_skipped_order))
    summary = _summary(parts, findings, skipped)
    if not summary.workloads:
        told.append("no workload to judge" if summary.objects else "nothing to judge: no Kubernetes object was read")
    return Report(
        tool_version=tool_version,
        kubernetes_version=plan.target.version,
        summary=summary,
        findings=tuple(findings),
        skipped=skipped,
        notes=tuple(told),
        rules=_rules(plan.selection),
    )


def _skipped_order(item: Skipped) -> tuple[str, int, int, str, str]:
    return (item.file, item.line or 0, item.column or 0, item.cluster or "", item.reason)


def _summary(parts: Sequence[Judged], findings: Sequence[Finding], skipped: Sequence[Skipped]) -> Summary:
    counts = dict.fromkeys(SEVERITIES, 0)
    waived = known = 0
    for finding in findings:
        if finding.waived is not None:
            waived += 1
        elif finding.baseline == "unchanged":
            known += 1
        else:
            counts[finding.severity] += 1
    return Summary(
        objects=sum(part.objects for part in parts),
        workloads=sum(part.workloads for part in parts),
        containers=sum(part.containers for part in parts),
        findings=counts,
        waived=waived,
        known=known,
        skipped=len(skipped),
    )


def _rules(selection: Selection) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            id=active.policy.id,
            severity=active.severity or active.policy.severity,
            scope=active.policy.scope,
            why=active.policy.why,
            remediation=active.policy.remediation,
            references=active.policy.references,
            tags=active.policy.tags,
        )
        for active in selection.everywhere()
    )
