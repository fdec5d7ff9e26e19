"""Which fixes of a report may be offered: those that can be written, take their findings away and make none worse.

A fix is judged alone, on the very text that would be written, then all of them together with everything around the
pods. Nothing here reads or writes a file.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from auditor.findings import Edit, Finding, Replacement, Report, Skipped, WorkloadRef, severity_rank
from auditor.fixes.files import RefusedError, objects_of, replacements
from auditor.fixes.parts import Document, File
from auditor.fixes.worse import amounts, refuse_lower, refuse_worse, worse
from auditor.kube.paths import value_at
from auditor.plan import Judged
from auditor.sources.model import InputFile
from auditor.sources.read import ReadOptions

_ROUNDS = 4
_OVERHEAD_BYTES = 4096
"""Judging the smallest document costs as much as reading so many bytes."""
_MOST_BYTES = 8 * 2**20
"""A report judges no larger input as a whole once more for the sake of fixes."""
_WIDE = frozenset(("namespace", "limitrange", "quota", "autoscaler", "kubelet", "node", "cluster"))
"""Subjects that are judged with all workloads of their cluster, never with one file."""

STAYS = "the finding would stay"
_TOO_MANY = "there is too much to check here: auditor fix checks all"
_NO_FILE = "it stands in no file that could be written: standard input, rendered or of a cluster"


@dataclass(frozen=True, slots=True)
class Judging:
    """How to judge what a fix makes."""

    read: ReadOptions
    content: Callable[[str], bytes | None]
    """The content of a file by its shown path; None for what is no file: standard input, a pipe, rendered text."""
    one: Callable[[str, bytes, WorkloadRef], Judged]
    """Judge one object of a file, by its shown path, as if the file had a content; the facts are kept."""
    everything: Callable[[Mapping[str, bytes]], Report]
    """Judge the whole input as if some files had other contents."""
    wide: bool
    """Whether anything around the pods is judged."""
    size_bytes: int = 0
    """How large the whole input is."""


class Refusal(msgspec.Struct, frozen=True):
    """A fix that is not offered, and why."""

    finding: Finding
    reason: str
    line: int | None = None
    """The line that is in the way, where it is not the finding's own."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What may be offered."""

    report: Report
    """The report, whose findings carry their replacements."""
    contents: Mapping[str, bytes]
    """File to its content with every fix that was made; files that do not change are not here."""
    made: tuple[Finding, ...]
    """The findings whose fixes are in those contents."""
    refused: tuple[Refusal, ...]


Fix = tuple[str, WorkloadRef, tuple[Edit, ...]]
"""Findings that ask for the same edits of the same object have one fix: file, object and edits."""


def propose(
    report: Report, judging: Judging, policies: Sequence[str] = (), *, budget_bytes: int | None = None
) -> Proposal:
    """Return which fixes of a report may be offered, of some policies only where any are named.

    Each fix is judged in its document. With a budget only so many bytes of documents are judged, the worst findings'
    first, and a large input is not judged as a whole once more; None judges all.
    """
    wanted = [f for f in report.findings if f.fix and f.waived is None and (not policies or f.policy in policies)]
    if budget_bytes is not None:
        wanted.sort(key=lambda finding: severity_rank(finding.severity))
    checker = _Checker(report, judging, budget_bytes)
    offered = [finding for some in _grouped(wanted).values() for finding in checker.alone(some)]
    offered = checker.together(offered)
    changed = {id(finding): checker.lines[_fix(finding)] for finding in offered}
    findings = tuple(
        msgspec.structs.replace(finding, replacements=changed[id(finding)]) if id(finding) in changed else finding
        for finding in report.findings
    )
    made = tuple(finding for finding in offered if _fix(finding) in checker.made)
    return Proposal(msgspec.structs.replace(report, findings=findings), checker.contents, made, tuple(checker.refused))


def _fix(finding: Finding) -> Fix:
    return finding.place.file if finding.place else "-", finding.workload, finding.fix or ()


def _grouped(findings: Iterable[Finding]) -> dict[Fix, list[Finding]]:
    groups: dict[Fix, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_fix(finding), []).append(finding)
    return groups


class _After(NamedTuple):
    """What is found when fixes are made."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    """What could be judged before and cannot be now."""


class _Checker:
    """Judges fixes of one report; keeps what it found."""

    def __init__(self, report: Report, judging: Judging, budget_bytes: int | None) -> None:
        self._before = {finding.fingerprint: finding for finding in report.findings}
        self._skipped = len(report.skipped)
        self._judging = judging
        self._budget = budget_bytes
        self._files: dict[str, File] = {}
        self._judged: dict[tuple[str, int, WorkloadRef], Judged] = {}
        self.lines: dict[Fix, tuple[Replacement, ...]] = {}
        self.refused: list[Refusal] = []
        self.contents: dict[str, bytes] = {}
        self._texts: dict[tuple[str, int, WorkloadRef], bytes] = {}
        """Document and object to the document with every fix that was made; only where it changed."""
        self.made: set[Fix] = set()

    def alone(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return those of the findings of one fix that it takes away, when it may be offered by itself."""
        fix = _fix(findings[0])
        try:
            document = self._file(fix[0]).document(findings[0])
            self._spend(_OVERHEAD_BYTES + len(document.text))
            base = self._base(fix[0], document, fix[1])
            changed = document.fixed(findings[:1], self._judging.read)
            after = self._judging.one(fix[0], changed, fix[1])
            if not all(edit.argued for edit in fix[2]):
                creates = self._creates_limit(document.text, findings[0])
                refuse_lower(amounts(base.records), amounts(after.records), creates=creates)
            refuse_worse(base, after, findings)
        except RefusedError as error:
            self.refused.extend(Refusal(finding, error.reason, error.line) for finding in findings)
            return []
        self.lines[fix] = replacements(document.text, changed, fix[0], document.slice.line)
        known, left = ({finding.fingerprint for finding in judged.findings} for judged in (base, after))
        gone = []
        for finding in findings:
            if finding.subject_type not in _WIDE and finding.fingerprint not in known:
                self.refused.append(Refusal(finding, _NO_FILE))
            elif finding.fingerprint in left:
                self.refused.append(Refusal(finding, STAYS))
            else:
                gone.append(finding)
        return gone

    def _file(self, shown: str) -> "File":
        if shown not in self._files:
            content = self._judging.content(shown)
            if content is None:
                raise RefusedError(_NO_FILE)
            self._files[shown] = File(content)
        return self._files[shown]

    def _base(self, shown: str, document: Document, ref: WorkloadRef) -> Judged:
        key = (shown, document.slice.start, ref)
        if key not in self._judged:
            self._judged[key] = self._judging.one(shown, document.text, ref)
        return self._judged[key]

    def _spend(self, size: int) -> None:
        if self._budget is not None:
            self._budget -= size
            if self._budget < 0:
                raise RefusedError(_TOO_MANY)

    def _creates_limit(self, content: bytes, finding: Finding) -> bool:
        """Return whether a fix writes a memory limit where nothing is written: lower than no limit at all."""
        data = objects_of(content, [finding], self._judging.read)[0].data
        paths = [edit.path for edit in finding.fix or () if edit.op == "set" and edit.path[-2:] == ("limits", "memory")]
        return any(value_at(data, path) is None for path in paths)

    def together(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return those findings whose fixes may be made all at once; the contents are those with these fixes."""
        left = list(findings)
        for _ in range(_ROUNDS):
            self._make(left)
            if not self.contents:
                return left
            if not self._judging.wide:
                after = self._several()
            elif self._budget is not None and self._judging.size_bytes > _MOST_BYTES:
                break
            else:
                report = self._judging.everything(self.contents)
                after = _After(report.findings, report.skipped[self._skipped :])
            blamed = self._blamed(left, after)
            if not blamed:
                return left
            self.refused.extend(Refusal(finding, reason) for finding, reason in blamed)
            gone = {id(finding) for finding, _ in blamed}
            left = [finding for finding in left if id(finding) not in gone]
        large = self._judging.wide and self._budget is not None and self._judging.size_bytes > _MOST_BYTES
        reason = _TOO_MANY if large else "together with other fixes it makes something worse"
        self.refused.extend(Refusal(finding, reason) for finding in left)
        self._make([])
        return []

    def _several(self) -> "_After":
        """Return what the objects come to that more than one fix changes: alone each fix has been judged."""
        counts = Counter((file, ref) for file, ref, _ in self.made)
        findings: list[Finding] = []
        skipped: list[Skipped] = []
        for (file, start, ref), text in self._texts.items():
            if counts[file, ref] > 1:
                after, base = self._judging.one(file, text, ref), self._judged[file, start, ref]
                findings.extend(after.findings)
                skipped.extend(after.skipped[len(base.skipped) :])
        return _After(tuple(findings), tuple(skipped))

    def _make(self, findings: Sequence[Finding]) -> None:
        """Write all fixes; one that changes what another has changed waits for the next run."""
        self.contents, self.made = {}, set()
        written: dict[tuple[str, WorkloadRef, tuple[str | int, ...]], Edit] = {}
        by_document: dict[tuple[str, int], list[Finding]] = {}
        for (file, ref, edits), some in _grouped(findings).items():
            if all(written.setdefault((file, ref, edit.path), edit) == edit for edit in edits):
                start = self._file(file).document(some[0]).slice.start
                by_document.setdefault((file, start), []).append(some[0])
        changed: dict[str, dict[int, bytes]] = {}
        for (file, start), some in by_document.items():
            document = self._file(file).document(some[0])
            text = self._made(document, some)
            if text != document.text:
                changed.setdefault(file, {})[start] = text
        self._texts = {
            (file, start, finding.workload): changed[file][start]
            for (file, start), some in by_document.items()
            if start in changed.get(file, {})
            for finding in some
        }
        self.contents = {file: self._file(file).with_texts(texts) for file, texts in changed.items()}

    def _made(self, document: Document, findings: Sequence[Finding]) -> bytes:
        """Return a document with fixes, all at once; where that cannot be, one by one without those in the way."""
        try:
            text = document.fixed(findings, self._judging.read)
        except RefusedError:
            text = document.text
            for finding in findings:
                with contextlib.suppress(RefusedError):
                    text = document.fixed([finding], self._judging.read, text)
                    self.made.add(_fix(finding))
            return text
        self.made.update(_fix(finding) for finding in findings)
        return text

    def _blamed(self, findings: Sequence[Finding], after: "_After") -> list[tuple[Finding, str]]:
        """Return the findings whose fixes are to blame for what is worse now, or that are still there."""
        there = {finding.fingerprint for finding in after.findings}
        made = [finding for finding in findings if _fix(finding) in self.made]
        blamed = [(finding, STAYS) for finding in made if finding.fingerprint in there]
        if after.skipped and made:
            return [(finding, f"what they make could not be judged: {after.skipped[-1].reason}") for finding in made]
        for new in after.findings:
            if worse(new, self._before):
                reason = f"it would make {new.policy} fire: {new.message}"
                blamed += [(finding, reason) for finding in _suspects(made, new)]
        first: dict[int, tuple[Finding, str]] = {}
        for finding, reason in blamed:
            first.setdefault(id(finding), (finding, reason))
        return list(first.values())


def _suspects(made: Sequence[Finding], new: Finding) -> list[Finding]:
    """Return whose fixes may have caused a new finding: those of its object, else of its namespace, else all.

    A fix may cost less than it heals: what is milder than its own finding is no reason against it.
    """
    able = [finding for finding in made if severity_rank(new.severity) <= severity_rank(finding.severity)]
    if new.subject_type not in _WIDE:
        return [finding for finding in able if finding.workload == new.workload]
    near = [finding for finding in able if finding.workload.namespace == new.workload.namespace]
    return near or able


def with_content(file: InputFile, content: bytes) -> InputFile:
    """Return a file as if it had a content."""
    return replace(file, content=content, size_bytes=len(content))
