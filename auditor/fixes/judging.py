"""Fixes of a whole input: what scan tells of them, and what `auditor fix` makes of its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import msgspec

from auditor.assembly import assemble
from auditor.engine import Judge
from auditor.findings import Finding, Report, WorkloadRef
from auditor.fixes.check import Judging, Proposal, Refusal, propose, with_content
from auditor.plan import Besides, Judged
from auditor.rules import Rules
from auditor.sources.model import Discovery, InputFile, Object
from auditor.sources.read import file_bytes, read_file
from auditor.workers import judge_files, silent, with_contexts

_ROUNDS = 10
"""A fix may make the next one possible: the limit has to be raised before the request."""
_BUDGET_BYTES = 2**18
"""So much of documents is judged for the fixes of a report, tenths of a second; `auditor fix` judges all."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """What fixing some files made."""

    before: Report
    """Before anything was changed."""
    after: Report
    """With all changes."""
    contents: Mapping[str, bytes]
    """File, as reports show it, to its new content; only files that change."""
    made: tuple[Finding, ...]
    """The findings that are fixed, in the order of the report."""
    originals: Mapping[str, bytes]
    """The content of each of these files that was fixed."""
    refused: tuple[Refusal, ...]
    """The fixes that cannot be made."""


def fix_files(found: Discovery, rules: Rules, jobs: int, policies: Sequence[str] = ()) -> Fixed:
    """Return what fixing makes of the files, until nothing is left to fix; no file is written."""
    work = _Input(found, rules, jobs)
    before = report = work.judge({})
    made: list[Finding] = []
    for _ in range(_ROUNDS):
        proposal = work.propose(report, policies)
        if not proposal.contents:
            break
        made.extend(proposal.made)
        work.contents |= proposal.contents
        report = work.judge(work.contents)
    # What one round refuses another may make: only the last one's word counts.
    return Fixed(before, report, dict(work.contents), tuple(made), dict(work.originals), proposal.refused)


def with_replacements(report: Report, found: Discovery, rules: Rules, jobs: int) -> Report:
    """Return a report whose findings carry their fixes as text, where these may be offered."""
    if not any(finding.fix and finding.waived is None for finding in report.findings):
        return report
    return _Input(found, rules, jobs).propose(report, (), budget_bytes=_BUDGET_BYTES).report


@dataclass(slots=True)
class _Input:
    """The files of one run, whose contents fixes change."""

    found: Discovery
    rules: Rules
    jobs: int
    contents: dict[str, bytes] = field(default_factory=dict)
    originals: dict[str, bytes] = field(default_factory=dict)

    def judge(self, contents: Mapping[str, bytes]) -> Report:
        """Return the report on the whole input as if some files had other contents."""
        work = judge_files(self._files(contents), self.rules.task, self.jobs, silent)
        skipped = (*self.found.skipped, *self.rules.skipped, *work.skipped)
        besides = Besides(skipped=skipped, notes=(*self.found.notes, *self.rules.notes, *work.notes))
        return assemble(work.judged, self.rules.task.plan, self.rules.baseline, version("kube-memory-auditor"), besides)

    def propose(self, report: Report, policies: Sequence[str], *, budget_bytes: int | None = None) -> Proposal:
        """Return which fixes of the present report may be offered."""
        files = self._files(self.contents)
        task, _, _ = with_contexts(files, self.rules.task, self.jobs)
        judge = Judge(task.plan)
        known = {file.shown: file for file in self.found.files if file.content is None and file.rendered is None}

        def content(shown: str) -> bytes | None:
            if shown not in known:
                return None
            if shown not in self.originals:
                self.originals[shown] = file_bytes(known[shown]) or b""
            return self.contents.get(shown, self.originals[shown])

        def one(shown: str, text: bytes, ref: WorkloadRef) -> Judged:
            file = with_content(known[shown], text)
            result = read_file(file, task.read)
            same = [obj for obj in result.objects if _ref(obj) == ref]
            judged = judge.judge_objects(same, task.contexts[file.root], keep_records=True)
            return msgspec.structs.replace(judged, skipped=(*result.skipped, *judged.skipped))

        wide = any(context.wide for context in task.contexts)
        judging = Judging(
            task.read,
            content,
            one,
            lambda more: self.judge({**self.contents, **more}),
            wide=wide,
            size_bytes=sum(file.size_bytes for file in files),
        )
        return propose(report, judging, policies, budget_bytes=budget_bytes)

    def _files(self, contents: Mapping[str, bytes]) -> tuple[InputFile, ...]:
        files = self.found.files
        return tuple(with_content(file, contents[file.shown]) if file.shown in contents else file for file in files)


def _ref(obj: Object) -> WorkloadRef:
    return WorkloadRef(obj.api_version, obj.kind, obj.namespace, obj.name)
