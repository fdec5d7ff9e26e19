"""Comparing: two sides in, how they differ out."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from auditor.diff.asked import Believed, Believer
from auditor.diff.judge import Result, judge_both
from auditor.diff.lines import ChangedLines, changed_in
from auditor.diff.match import Matched, match
from auditor.diff.memory import memory_of, pairs
from auditor.diff.model import BASE, BOTH, HEAD, KNOWN, NEW, UNCHANGED, WAIVED, Compared, Diff, SideSkipped
from auditor.diff.rules import Judgement, judgement
from auditor.diff.sides import Asked, Opener, scratch_folder
from auditor.diff.words import sentence
from auditor.findings import SEVERITIES, Finding, Report
from auditor.options import Options, usable_cores
from auditor.sources.model import Discovery
from auditor.workers import Progress

_EMPTY = ("no workload to judge", "nothing to judge: no Kubernetes object was read")


def compare(asked: Asked, options: Options, *, count_all: bool = False, progress: Progress | None = None) -> Diff:
    """Return how two sides differ, both judged as the options and the trusted side say.

    Raises SourceError, ConfigError, PolicyError, UsageError or VersionError for wrong use; never for bad manifests.
    """
    with scratch_folder() as scratch:
        sides = Opener(asked, Path(scratch)).open()
        by = judgement(sides, options)
        base, head = judge_both(sides, by, options, progress)
        found = pairs(base.workloads, head.workloads)
        believed = Believed(head.report.findings, ())
        if not asked.trust_head:
            plan, read = by.rules.task.plan, by.rules.task.read
            believed = Believer(base, head, found, plan, read).believed()
        report = msgspec.structs.replace(head.report, findings=believed.findings)
        head = Result(head.side, head.files, head.digests, report, head.workloads, head.owners)
        matched = match(base, head, found)
        if options.replacements:
            report = _with_fixes(report, matched, head, by, options)
            head = Result(head.side, head.files, head.digests, report, head.workloads, head.owners)
        files = [finding.place.file for finding in report.findings if finding.place is not None]
        lines = changed_in(files, sides, base, head, found)
        findings = _compared(report.findings, matched, lines)
    memory, skipped = memory_of(found), _skipped(base.report, head.report)
    return Diff(
        report=_marked(head.report, matched, skipped),
        base=base.side,
        head=head.side,
        sentence=sentence(memory),
        findings=findings,
        fixed=matched.fixed,
        memory=memory,
        waivers_asked=believed.asked,
        judging=by.judging,
        skipped=skipped,
        notes=_notes(base, head),
        files_changed=_changed_files(base, head),
        fail_on=by.config.fail_on,
        count_all=count_all,
    )


def _with_fixes(report: Report, matched: Matched, head: Result, by: Judgement, options: Options) -> Report:
    """Return the report, whose new findings carry their fixes as text; what BASE has too is not this change's to fix.

    What could not be judged counts as if more of it came: then a fix is rather not offered.
    """
    from auditor.fixes.judging import with_replacements

    statuses = [status for status, _ in matched.statuses]
    wanted = tuple(
        finding if status == NEW else msgspec.structs.replace(finding, fix=None)
        for finding, status in zip(report.findings, statuses, strict=True)
    )
    files = Discovery(tuple(head.files.values()), report.skipped, ())
    asked = msgspec.structs.replace(report, findings=wanted)
    offered = with_replacements(asked, files, by.rules, options.jobs or usable_cores()).findings
    findings = tuple(
        msgspec.structs.replace(finding, replacements=fixed.replacements)
        for finding, fixed in zip(report.findings, offered, strict=True)
    )
    return msgspec.structs.replace(report, findings=findings)


def _compared(findings: Sequence[Finding], matched: Matched, lines: ChangedLines) -> tuple[Compared, ...]:
    return tuple(
        Compared(finding, status, was, lines.touch(finding), lines.show(finding))
        for finding, (status, was) in zip(findings, matched.statuses, strict=True)
    )


def _marked(report: Report, matched: Matched, skipped: Sequence[SideSkipped]) -> Report:
    """Return HEAD's report as one in which what BASE has is known, as from a baseline; with what is skipped in BASE."""
    statuses = [status for status, _ in matched.statuses]
    findings = tuple(
        msgspec.structs.replace(finding, baseline="new" if status in (NEW, WAIVED) else "unchanged")
        for finding, status in zip(report.findings, statuses, strict=True)
    )
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding, status in zip(findings, statuses, strict=True):
        counts[finding.severity] += status == NEW
    summary = msgspec.structs.replace(
        report.summary,
        findings=counts,
        waived=statuses.count(WAIVED),
        known=statuses.count(UNCHANGED) + statuses.count(KNOWN),
        skipped=len(skipped),
    )
    told = tuple(
        msgspec.structs.replace(item, reason=f"in BASE: {item.reason}") if side == BASE else item
        for side, item in ((entry.side, entry.item) for entry in skipped)
    )
    return msgspec.structs.replace(report, findings=findings, summary=summary, skipped=told)


def _skipped(base: Report, head: Report) -> tuple[SideSkipped, ...]:
    """Return what could not be judged, HEAD's first; what is so on both sides once."""
    both = set(base.skipped) & set(head.skipped)
    mine = [SideSkipped(BOTH if item in both else HEAD, item) for item in head.skipped]
    return (*mine, *(SideSkipped(BASE, item) for item in base.skipped if item not in both))


def _notes(base: Result, head: Result) -> tuple[str, ...]:
    """Return HEAD's notes; that it holds nothing to judge is no surprise where BASE held something."""
    notes = [note for note in head.report.notes if not (base.side.workloads and note in _EMPTY)]
    if not head.side.workloads and base.side.workloads:
        notes.append("HEAD has no workload")
    return tuple(notes)


def _changed_files(base: Result, head: Result) -> int:
    """Return how many files differ, by their names."""
    names = base.digests.keys() | head.digests.keys()
    return sum(1 for name in names if base.digests.get(name) != head.digests.get(name))
