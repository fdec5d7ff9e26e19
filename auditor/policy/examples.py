"""Running the examples of a policy: they are its tests."""

from collections.abc import Iterator

import msgspec

from auditor.facts.build import build_record
from auditor.facts.context import Context
from auditor.kube.versions import parse_target
from auditor.policy.model import ActivePolicy, Example, NotJudged, Policy
from auditor.policy.program import Program
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
    target = parse_target(example.kubernetes_version)
    active = ActivePolicy(policy=policy, severity=None, params=policy.params | (example.params or {}))
    read = read_bytes(example.manifest.encode(), "example")
    context, unusable = Context.build(obj for obj in read.objects if obj.pod_path is None)
    for item in (*read.skipped, *unusable):
        yield f"not judged: {item.reason}"
    program = Program([active])
    for obj in read.objects:
        if obj.pod_path is None:
            continue
        for answer in program.judge(build_record(obj, context, target)):
            yield f"not judged: {answer.reason}" if isinstance(answer, NotJudged) else answer.message
