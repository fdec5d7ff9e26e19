"""Judging with active policies: all conditions of a scope in one expression, one evaluation a subject.

Joined conditions cost a third of single ones. One error makes the joined list an error; that subject is then judged one
condition at a time, and an error is "not judged", never "does not hold".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from auditor.expressions.cel import Compiled, EvaluationError, bind_params
from auditor.expressions.template import Hole, parse_template, write
from auditor.expressions.views import views
from auditor.facts.record import SCOPES, Record, Subject, WideRecord
from auditor.findings import Edit
from auditor.kube.paths import parse_path
from auditor.kube.quantity import show
from auditor.policy.expressions import facts_in
from auditor.policy.model import ActivePolicy, FixRule, NotJudged, Policy, Verdict

Variables = Mapping[str, msgspec.Struct]

_KNOWN_ANSWERS = 10_000
"""So many different sets of facts are remembered for a scope: bounded, so that memory does not grow with the input."""


class Program:
    """Some active policies, compiled; belongs to one thread."""

    def __init__(self, active: Sequence[ActivePolicy]) -> None:
        self._active = active
        self._scopes: dict[str, _Scope | None] = {}

    def judge(self, record: Record | WideRecord) -> "Iterator[Fired | NotJudged]":
        """Yield what fires for the facts of one workload, or of one object around the pods."""
        for name in record.scopes:
            scope = self._scopes[name] if name in self._scopes else self._scope(name)
            if scope is not None:
                yield from scope.judge(record)

    def _scope(self, name: str) -> "_Scope | None":
        """Return the policies of a scope, compiled when it is first judged; None when there are none."""
        active = [item for item in self._active if item.policy.scope == name]
        self._scopes[name] = _Scope(name, active) if active else None
        return self._scopes[name]


class _Scope:
    """The policies of one scope."""

    def __init__(self, name: str, active: Sequence[ActivePolicy]) -> None:
        self.name = name
        self._own, *shared = SCOPES[name]
        self._variables = (self._own, *shared)
        self._conditions = [bind_params(item.policy.when, item.params) for item in active]
        self._names = _mentioned(self._conditions, name)
        self._own_facts = attrgetter(*sorted(self._names.get(self._own, ()))) if self._own in self._names else _nothing
        self._shared_facts = [(v, attrgetter(*sorted(self._names[v]))) for v in shared if v in self._names]
        self._shared_known: dict[tuple[Any, ...], int] = {}
        self._known: dict[tuple[Any, int], tuple[tuple[Any, _Outcome], ...]] = {}
        self._joined = Compiled("[" + ",".join(f"({text})" for text in self._conditions) + "]", self._variables)
        self._single: list[Compiled] | None = None
        self._outcomes = [_Outcome(item) for item in active]

    def judge(self, record: Record | WideRecord) -> "Iterator[Fired | NotJudged]":
        shared = record.shared
        number = self._number(shared)
        for subject, own in record.subjects(self.name):
            key = (self._own_facts(own), number)
            answers = self._known.get(key)
            if answers is None:
                answers = self._known[key] = self._answers({**shared, self._own: own})
            for answer, outcome in answers:
                if answer is True:
                    yield outcome.fired(subject, {**shared, self._own: own})
                else:
                    reason = answer.reason if isinstance(answer, EvaluationError) else f"gave {answer!r}"
                    yield NotJudged(outcome.active.policy.id, subject, reason)

    def _number(self, shared: Variables) -> int:
        """Return a number that equal facts of the shared variables have in common, made once for all subjects."""
        key = tuple([facts(shared[variable]) for variable, facts in self._shared_facts])
        if len(self._known) >= _KNOWN_ANSWERS or len(self._shared_known) >= _KNOWN_ANSWERS:
            self._known.clear()
            self._shared_known.clear()
        return self._shared_known.setdefault(key, len(self._shared_known))

    def _answers(self, variables: Variables) -> "tuple[tuple[Any, _Outcome], ...]":
        """Return the conditions that are not false; they see facts alone, so that equal facts have equal answers."""
        pairs = zip(self._evaluate(views(variables, self._names)), self._outcomes, strict=True)
        return tuple((answer, outcome) for answer, outcome in pairs if answer is not False)

    def _evaluate(self, data: Mapping[str, Any]) -> Sequence[Any]:
        answers: Any = self._joined.evaluate(data)
        if isinstance(answers, EvaluationError):
            if self._single is None:
                self._single = [Compiled(text, self._variables) for text in self._conditions]
            return [single.evaluate(data) for single in self._single]
        values: Sequence[Any] = answers
        return values


def _nothing(_: msgspec.Struct) -> tuple[()]:
    return ()


def _mentioned(texts: Sequence[str], scope: str) -> dict[str, frozenset[str]]:
    """Return the facts that some texts mention, by variable."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for fact in facts_in(text, SCOPES[scope]):
            variable, name = fact.split(".")[:2]
            found.setdefault(variable, set()).add(name)
    return {variable: frozenset(names) for variable, names in found.items()}


class Fired:
    """A condition that holds for a subject; what it says is worked out only when nothing else tells the same fact."""

    __slots__ = ("_outcome", "_variables", "at", "policy", "subject")

    def __init__(self, outcome: "_Outcome", subject: Subject, variables: Variables, at: str) -> None:
        self.policy: Policy = outcome.active.policy
        self.subject = subject
        self.at = at
        """The path below the subject where the finding points."""
        self._outcome = outcome
        self._variables = variables

    def tell(self) -> Verdict | NotJudged:
        """Return the verdict with its severity, message and numbers."""
        return self._outcome.verdict(self.subject, self._variables, self.at)


class _Outcome:
    """What a policy says when its condition holds."""

    def __init__(self, active: ActivePolicy) -> None:
        policy = active.policy
        self.active = active
        self._message = _Template(policy.message, active)
        self._at = _Template(policy.at, active)
        self._severities = (
            () if active.severity else tuple((s, _Text(text, active)) for s, text in policy.severity_when)
        )
        self._actual = _Text(policy.actual, active) if policy.actual else None
        self._expected = _Text(policy.expected, active) if policy.expected else None
        self._fix = _Fix(policy.fix, active) if policy.fix else None

    def fired(self, subject: Subject, variables: Variables) -> Fired | NotJudged:
        at = self._at.text(variables)
        if isinstance(at, EvaluationError):
            return NotJudged(self.active.policy.id, subject, at.reason)
        return Fired(self, subject, variables, at)

    def verdict(self, subject: Subject, variables: Variables, at: str) -> Verdict | NotJudged:
        policy = self.active.policy
        severity = self.active.severity or policy.severity
        for other, condition in self._severities:
            holds = condition.value(variables)
            if isinstance(holds, EvaluationError):
                return NotJudged(policy.id, subject, holds.reason)
            if holds is True:
                severity = other
                break
        message = self._message.text(variables)
        actual = self._actual.value(variables) if self._actual else None
        expected = self._expected.value(variables) if self._expected else None
        for value in (message, actual, expected):
            if isinstance(value, EvaluationError):
                return NotJudged(policy.id, subject, value.reason)
        values = self._message.values(variables)
        edits = self._fix.edits(subject, variables) if self._fix else ()
        return Verdict(policy, severity, str(message), values, subject, at, actual, expected, edits)


class _Fix:
    """What a policy changes when its condition holds."""

    def __init__(self, rule: FixRule, active: ActivePolicy) -> None:
        def pairs(some: Sequence[tuple[str, str]]) -> list[tuple[_Template, _Template]]:
            return [tuple(_Template(text, active, _written) for text in pair) for pair in some]  # type: ignore[misc]

        self._when = _Text(rule.when, active) if rule.when else None
        self._set, self._rename = pairs(rule.set), pairs(rule.rename)
        self._remove = [_Template(text, active, _written) for text in rule.remove]

    def edits(self, subject: Subject, variables: Variables) -> tuple[Edit, ...]:
        """Return the edits, none where the fix's condition does not hold or one of them cannot be told."""
        if self._when is not None and self._when.value(variables) is not True:
            return ()
        told = [("rename", *pair) for pair in self._rename] + [("set", *pair) for pair in self._set]
        found = []
        for op, path, value in [*told, *(("remove", path, None) for path in self._remove)]:
            where, what = path.text(variables), "" if value is None else value.text(variables)
            if isinstance(where, EvaluationError) or isinstance(what, EvaluationError):
                return ()
            found.append(Edit(op, (*subject.path, *parse_path(where)), what))  # type: ignore[arg-type] # of the table
        return tuple(found)


def _written(value: Any, form: str) -> str:
    """Return a value as a manifest has it: bytes as an exact quantity."""
    return show(value * 1000) if form == "bytes" else write(value, form)


class _Text:
    """One expression outside the condition; a plain fact is read without CEL."""

    def __init__(self, text: str, active: ActivePolicy) -> None:
        scope = active.policy.scope
        self.facts = facts_in(text, SCOPES[scope])
        self._path: tuple[str, ...] = tuple(text.split(".")) if self.facts == (text,) else ()
        self._constant = active.params.get(text.removeprefix("params.")) if text.startswith("params.") else None
        self._names = _mentioned([text], scope)
        self._text, self._variables = bind_params(text, active.params), tuple(SCOPES[scope])
        self._compiled: Compiled | None = None
        self._paths = [tuple(fact.split(".")) for fact in self.facts]
        self._known: dict[tuple[Any, ...], Any] = {}

    def value(self, variables: Variables) -> Any:
        if self._path:
            return read_fact(self._path, variables)
        if self._constant is not None:
            return self._constant
        # The same facts have the same value: many containers of an input are alike.
        key = tuple([read_fact(path, variables) for path in self._paths])
        if key not in self._known:
            if self._compiled is None:
                self._compiled = Compiled(self._text, self._variables)
            if len(self._known) >= _KNOWN_ANSWERS:
                self._known.clear()
            self._known[key] = self._compiled.evaluate(views(variables, self._names))
        return self._known[key]


def read_fact(path: Sequence[str], variables: Variables) -> Any:
    """Return a fact by its path, `("container", "heap", "max_bytes")`; None where it is absent."""
    value: Any = variables[path[0]]
    for name in path[1:]:
        value = None if value is None else getattr(value, name)
    return value


class _Template:
    """A message, a path or what a fix writes, with its holes."""

    def __init__(self, text: str, active: ActivePolicy, writer: Callable[[Any, str], str] = write) -> None:
        self._write = writer
        self._parts: list[str | tuple[_Text, str]] = []
        for part in parse_template(text):
            self._parts.append((_Text(part.text, active), part.format) if isinstance(part, Hole) else part)
        texts = [part[0] for part in self._parts if not isinstance(part, str)]
        self._facts = tuple(dict.fromkeys(fact for text in texts for fact in text.facts))

    def text(self, variables: Variables) -> str | EvaluationError:
        """Return the text, or why it cannot be told."""
        written = []
        for part in self._parts:
            if isinstance(part, str):
                written.append(part)
                continue
            value = part[0].value(variables)
            if isinstance(value, EvaluationError):
                return value
            written.append("" if value is None else self._write(value, part[1]))
        return "".join(written)

    def values(self, variables: Variables) -> dict[str, Any]:
        """Return the facts that the text is made of, by their names; absent ones are left out."""
        found = {fact: read_fact(fact.split("."), variables) for fact in self._facts}
        return {fact: _plain(value) for fact, value in found.items() if value is not None}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
