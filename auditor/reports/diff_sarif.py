"""The comparison as SARIF: the new findings, or with `--all` every finding of HEAD with its `baselineState`."""

import msgspec

from auditor.diff.model import Diff
from auditor.reports import sarif
from auditor.reports.diff import asked_words, judging_words


def render(diff: Diff) -> str:
    """Return one SARIF run, with what could not be judged on either side; a side without objects is no failure."""
    report = diff.report
    counting = {id(item.finding) for item in diff.findings if item.status == "new"}
    marked = zip(report.findings, diff.findings, strict=True)
    findings = tuple(finding for finding, item in marked if diff.count_all or id(item.finding) in counting)
    objects = max(report.summary.objects, diff.base.objects)
    summary = msgspec.structs.replace(report.summary, objects=objects)
    told = [f"Changed by this change: {judging_words(item)}" for item in diff.judging]
    told += [f"Waiver that this change asks for: {asked_words(item)}" for item in diff.waivers_asked]
    notes = (diff.sentence, *told, *diff.notes)
    return sarif.render(msgspec.structs.replace(report, findings=findings, summary=summary, notes=notes))
