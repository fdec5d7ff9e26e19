"""Running the examples of a policy: they are its tests."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.facts.members import member_of
from auditor.facts.record import Record, WideRecord
from auditor.facts.surroundings import wide_records
from auditor.kube.versions import parse_target
from auditor.policy.history import history_of
from auditor.policy.model import ActivePolicy, Example, NotJudged, Policy
from auditor.policy.program import Program
from auditor.sources.model import Object
from auditor.sources.read import read_bytes


class Outcome(msgspec.Struct, frozen=True):
    """What one example gave."""

    example: Example
    kind: str
    """`good` or `bad`."""
    found: tuple[str, ...]
    """The messages of this policy alone, sorted; what could not be judged begins with `not judged:`."""

    @property
    def passed(self) -> bool:
        """Whether the messages are the expected ones, in any order; a bad example must give one."""
        return self.found == tuple(sorted(self.example.messages)) and bool(self.found) == (self.kind == "bad")


def run_examples(policy: Policy) -> Iterator[Outcome]:
    """Judge each example of a policy with that policy alone."""
    for kind, examples in (("good", policy.good), ("bad", policy.bad)):
        for example in examples:
            yield Outcome(example, kind, tuple(sorted(_messages(policy, example))))


def _messages(policy: Policy, example: Example) -> Iterator[str]:
    active = ActivePolicy(policy=policy, severity=None, params=policy.params | (example.params or {}))
    read = read_bytes(example.manifest.encode(), "example")
    for item in read.skipped:
        yield f"not judged: {item.reason}"
    program = Program([active])
    for record in _records(read.objects, example):
        if isinstance(record, str):
            yield f"not judged: {record}"
            continue
        for fired in program.judge(record):
            answer = fired if isinstance(fired, NotJudged) else fired.tell()
            yield f"not judged: {answer.reason}" if isinstance(answer, NotJudged) else answer.message


def _records(objects: tuple[Object, ...], example: Example) -> Iterator[Record | WideRecord | str]:
    """Yield everything that there is to judge, and why an object of the context cannot be used."""
    target = parse_target(example.kubernetes_version)
    built, unusable = Context.build(objects, target.minor)
    yield from (item.reason for item in unusable)
    history = history_of(example.usage) if example.usage else None
    context = replace(built, complete=example.complete, history=history)
    members = []
    for obj in objects:
        if obj.pod_path is not None:
            record = build_record(obj, context, target)
            members.append(member_of(obj, record, context.targets))
            yield record
    yield from (record for _, record in wide_records(context, members, target))
