"""The engine: objects, policies, waivers, a baseline and today's date in; a report out.

Pure: no clock, no network, no printing, no files. `judge_objects` works on one file's objects and may run anywhere;
`assemble` joins what they gave, in any order, into one report that is the same bytes for any number of workers.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from auditor.baseline import Baseline, apply_baseline
from auditor.config import Selection
from auditor.facts.build import FactOptions, build_record
from auditor.facts.context import Context, is_context, known_elsewhere
from auditor.facts.members import Member, member_of
from auditor.facts.record import Record, Subject, WideRecord
from auditor.facts.surroundings import wide_records
from auditor.findings import (
    SEVERITIES,
    Edit,
    Finding,
    Place,
    Report,
    Rule,
    Skipped,
    Summary,
    WorkloadRef,
    severity_rank,
)
from auditor.identity import fingerprint
from auditor.kube.paths import Path, parse_path
from auditor.kube.versions import Target
from auditor.policy.model import NotJudged, Verdict
from auditor.policy.program import Fired, Program
from auditor.sizing.model import Profile
from auditor.sources.comments import object_lines, own_comments
from auditor.sources.model import Comment, Object
from auditor.waivers import Waiver, annotation_waivers, comment_waivers, waive, waiver_notes
from auditor.yielding import without_yielding

if TYPE_CHECKING:
    from auditor.sizing.fixer import Fixer


class Plan(msgspec.Struct, frozen=True):
    """Everything that decides how objects are judged."""

    selection: Selection
    target: Target
    options: FactOptions
    waivers: tuple[Waiver, ...]
    """The central file's."""
    use_waivers: bool
    aliases: dict[str, str]
    """Old policy id to the present one."""
    today: date
    sizing: Profile | None = None
    """By which findings about use carry the numbers that history argues for; None without history."""


class Judged(msgspec.Struct, frozen=True):
    """What judging some objects gave; picklable and order-free."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    """Only when asked for."""
    members: tuple[Member, ...] = ()
    """What the workloads add to sums; only when something in their cluster needs it, or with the records."""
    joined: tuple[tuple[str, str, str], ...] = ()
    """The workloads that have a history: namespace, kind and name."""
    root: int = 0
    """Which PATH argument, that is which cluster, they belong to."""
    variant: str = ""
    """Which of several renderings of the same chart or base, each a cluster of its own."""
    objects: int = 0
    workloads: int = 0
    containers: int = 0
    foreign_documents: int = 0
    used_waivers: tuple[str, ...] = ()
    """Keys of waivers that covered a finding."""


class Besides(msgspec.Struct, frozen=True):
    """What a report tells besides what the files gave: inputs that were not read, files left out on purpose."""

    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


NOTHING_BESIDES = Besides()

_USAGE = "usage"
"""The folder of the policies about history."""


class Judge:
    """Judges objects by one plan; keeps the compiled programs, one for each set of active policies."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._programs: dict[tuple[int, ...], Program] = {}
        self._fixer: Fixer | None = None

    def program(self, namespace: str | None, kind: str) -> Program:
        """Return the compiled policies for a namespace and kind."""
        key = self._plan.selection.key(namespace, kind)
        if key not in self._programs:
            self._programs[key] = Program(self._plan.selection.active(key))
        return self._programs[key]

    def judge_objects(self, objects: Sequence[Object], context: Context, *, keep_records: bool = False) -> Judged:
        """Judge the objects of one file."""
        findings: list[Finding] = []
        skipped: list[Skipped] = []
        records: list[Record] = []
        members: list[Member] = []
        joined: list[tuple[str, str, str]] = []
        waivers = _FileWaivers(self._plan, objects)
        workloads = containers = 0
        summed, targets = context.wide, context.targets
        for obj in objects:
            if obj.pod_path is None:
                continue
            record = build_record(obj, context, self._plan.target, self._plan.options)
            if obj.live is None or obj.live.primary:
                workloads += 1
                containers += len(record.containers)
            if record.workload.history == "joined":
                joined.append((obj.namespace or "", obj.kind, obj.name))
            if summed or keep_records:
                members.append(member_of(obj, record, targets))
            skipped.extend(_problem(obj, problem.path, problem.reason) for problem in record.problems)
            found, failed = self._judge_record(obj, record)
            skipped.extend(failed)
            findings.extend(waivers.apply(obj, found))
            if keep_records:
                records.append(record)
        return Judged(
            findings=tuple(_once(findings)),
            skipped=tuple(skipped),
            notes=tuple(waivers.notes()),
            records=tuple(records),
            members=tuple(members),
            joined=tuple(joined),
            objects=len(objects),
            workloads=workloads,
            containers=containers,
            used_waivers=tuple(sorted(waivers.used)),
        )

    def judge_surroundings(self, context: Context, members: Sequence[Member]) -> Judged:
        """Judge what stands around the pods of one cluster, whose workloads have all been judged."""
        findings: list[Finding] = []
        skipped: list[Skipped] = []
        notes: list[str] = []
        used: set[str] = set()
        by_file: dict[str, list[tuple[Object, WideRecord]]] = {}
        for obj, record in wide_records(context, members, self._plan.target):
            if known_elsewhere(obj) in context.inherited:
                continue
            by_file.setdefault(obj.file, []).append((obj, record))
        for pairs in by_file.values():
            waivers = _FileWaivers(self._plan, [obj for obj, _ in pairs], own=True)
            for obj, record in pairs:
                found, failed = self._judge_record(obj, record)
                skipped.extend(failed)
                findings.extend(waivers.apply(obj, found))
            notes.extend(waivers.notes())
            used |= waivers.used
        return Judged(tuple(findings), tuple(skipped), tuple(notes), used_waivers=tuple(sorted(used)))

    def _judge_record(self, obj: Object, record: Record | WideRecord) -> tuple[list[Finding], list[Skipped]]:
        found: list[Fired] = []
        failed: list[NotJudged] = []
        for answer in self.program(obj.namespace, obj.kind).judge(record):
            if isinstance(answer, NotJudged):
                failed.append(answer)
            else:
                found.append(answer)
        findings: list[Finding] = []
        for fired in without_yielding(found, record, obj.data):
            told = fired.tell()
            if isinstance(told, NotJudged):
                failed.append(told)
            else:
                findings.append(_finding(obj, told, self._fix(obj, record, told), _injected(record, told.subject)))
        return findings, [_not_judged(obj, answer) for answer in failed]

    def _fix(self, obj: Object, record: Record | WideRecord, verdict: Verdict) -> tuple[Edit, ...] | None:
        """Return what the policy says to change; of a finding about use, what the container's history argues for."""
        if verdict.edits:
            return verdict.edits
        rule = verdict.policy.fix
        by_history = verdict.policy.subject == _USAGE or (rule is not None and rule.history)
        if self._plan.sizing is None or not by_history or isinstance(record, WideRecord):
            return None
        if self._fixer is None:
            from auditor.sizing.fixer import Fixer

            self._fixer = Fixer(self._plan.sizing)
        return self._fixer.fix(obj, record, verdict.subject)


class _FileWaivers:
    """The waivers that can cover findings of one file, and which of them did."""

    def __init__(self, plan: Plan, objects: Sequence[Object], *, own: bool = False) -> None:
        """Take the comments of the file, or with `own` those that each object keeps as its own."""
        self._plan = plan
        self.used: set[str] = set()
        self._inline: list[Waiver] = []
        self._notes: list[str] = []
        self._annotated: set[tuple[int, str, str | None, str]] = set()
        self._by_line: dict[int, tuple[Waiver, ...]] = {}
        if plan.use_waivers and objects and any(obj.comments for obj in objects):
            comments = [c for obj in objects for c in obj.comments] if own else _left_to_workloads(objects)
            self._by_line, notes = comment_waivers(tuple(dict.fromkeys(comments)), objects[0].file)
            self._inline.extend(waiver for line in self._by_line.values() for waiver in line)
            self._notes.extend(notes)

    def apply(self, obj: Object, findings: list[Finding]) -> list[Finding]:
        """Return the findings of one object, waived where a waiver covers them."""
        if not self._plan.use_waivers:
            return findings
        own, notes = annotation_waivers(obj)
        identity = (obj.line, obj.kind, obj.namespace, obj.name)
        if identity not in self._annotated:
            # An object may be judged in several scopes.
            self._annotated.add(identity)
            self._inline.extend(own)
            self._notes.extend(notes)
        if not (own or self._by_line or self._plan.waivers):
            return findings
        result = []
        for finding in findings:
            line = finding.place.line if finding.place else 0
            near = self._by_line.get(line, ()) + self._by_line.get(line - 1, ())
            candidates = (*near, *own, *self._plan.waivers)
            waived, matched = waive(finding, candidates, self._plan.aliases, self._plan.today)
            self.used.update(matched)
            result.append(waived)
        return result

    def notes(self) -> list[str]:
        """Return notes about faulty, expired and unused inline waivers of this file."""
        return self._notes + waiver_notes(self._inline, self.used, self._plan.today)


def _left_to_workloads(objects: Sequence[Object]) -> list[Comment]:
    """Return the comments of a file without those that belong to objects around the pods, which are judged later."""
    lines = object_lines(objects)
    elsewhere = {c for obj in objects if is_context(obj) for c in own_comments(obj, lines)}
    return [comment for comment in objects[0].comments if comment not in elsewhere]


def _once(findings: Sequence[Finding]) -> Iterable[Finding]:
    """Return the findings, of live ones each fact once: pods of one workload with several specs share most of them."""
    if all(finding.cluster is None for finding in findings):
        return findings
    kept: dict[str, Finding] = {}
    for finding in findings:
        known = kept.setdefault(finding.fingerprint, finding)
        if severity_rank(finding.severity) < severity_rank(known.severity):
            kept[finding.fingerprint] = finding
    return kept.values()


def _injected(record: Record | WideRecord, subject: Subject) -> str:
    """Return words about the injector of a container that its workload does not declare; empty for others."""
    if not isinstance(record, Record) or subject.type != "container":
        return ""
    by = next((item.injected_by for item in record.containers if item.name == subject.name), None)
    return f" (not in the template: injected by {by})" if by else ""


def _finding(obj: Object, verdict: Verdict, fix: tuple[Edit, ...] | None, besides: str) -> Finding:
    subject = verdict.subject
    path = (*subject.path, *parse_path(verdict.at))
    place, related = _places(obj, path)
    return Finding(
        policy=verdict.policy.id,
        severity=verdict.severity,
        message=verdict.message + besides + _template(obj, place),
        values=verdict.values,
        workload=WorkloadRef(api_version=obj.api_version, kind=obj.kind, namespace=obj.namespace, name=obj.name),
        subject_type=subject.type,
        subject=subject.name,
        container=subject.name if subject.type == "container" else None,
        container_type=subject.container_type,
        place=place,
        related=related,
        path=obj.path_text(path),
        fingerprint=fingerprint(obj, verdict.policy.id, subject, path),
        actual_bytes=verdict.actual_bytes,
        expected_bytes=verdict.expected_bytes,
        fix=fix,
        cluster=obj.cluster,
    )


def _template(obj: Object, place: Place | None) -> str:
    """Return words about the file that an object was rendered from, where the place is in another one."""
    named = obj.template is not None and (place is None or place.file != obj.template)
    return f" (rendered from {obj.template})" if named else ""


def _places(obj: Object, path: Path) -> tuple[Place | None, tuple[Place, ...]]:
    alias = obj.locator.alias_place((*obj.path, *path)) if obj.locator is not None else None
    return obj.place(path), (alias,) if alias else ()


def _problem(obj: Object, path: Path, reason: str) -> Skipped:
    name = f"{obj.kind}/{obj.name}" if obj.name else obj.kind
    where = f" {obj.path_text(path)}:" if path else ""
    return obj.skipped(path, f"{name}:{where} {reason}")


def _not_judged(obj: Object, answer: NotJudged) -> Skipped:
    subject = f"{answer.subject.type} {answer.subject.name}".strip()
    return _problem(obj, answer.subject.path, f"policy {answer.policy} could not judge {subject}: {answer.reason}")


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
