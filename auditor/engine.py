"""The engine: objects and policies in; findings out, waived where a waiver covers them.

Pure: no clock, no network, no printing, no files. `judge_objects` works on one file's objects and may run anywhere;
`assembly` joins what they gave, in any order, into one report.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from auditor.facts.build import build_record
from auditor.facts.context import Context, known_elsewhere
from auditor.facts.members import Member, member_of
from auditor.facts.record import Record, Subject, WideRecord
from auditor.facts.surroundings import wide_records
from auditor.file_waivers import FileWaivers
from auditor.findings import Edit, Finding, Place, Skipped, WorkloadRef, severity_rank
from auditor.identity import fingerprint
from auditor.kube.paths import Path, parse_path
from auditor.plan import Judged, Plan
from auditor.policy.model import NotJudged, Verdict
from auditor.policy.program import Fired, Program
from auditor.sources.model import Object
from auditor.yielding import without_yielding

if TYPE_CHECKING:
    from auditor.sizing.fixer import Fixer

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
        waivers = FileWaivers(self._plan, objects)
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
            waivers = FileWaivers(self._plan, [obj for obj, _ in pairs], own=True)
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
