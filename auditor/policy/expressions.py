"""The expressions of a policy: what they ask for, and what is wrong with them."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from auditor.expressions.cel import ExpressionError, Scope, check
from auditor.expressions.template import STRING, Hole, TemplateError, parse_template
from auditor.expressions.types import fields_of, is_struct
from auditor.policy.model import Policy

_FACT = re.compile(r"\b([a-z]+)((?:\.[a-z][a-z0-9_]*)+)\b(?!\()")
_HAS = re.compile(r"\bhas\(\s*([a-z]+(?:\.[a-z][a-z0-9_]*)+)\s*\)")


class ExpressionFault(msgspec.Struct, frozen=True):
    """What is wrong with one expression of a policy."""

    key: tuple[str, ...]
    reason: str
    text: str
    offset: int


def facts_in(text: str, scope: Scope) -> tuple[str, ...]:
    """Return the facts that a text mentions, such as `container.heap.max_bytes`, in order, each once."""
    found: dict[str, None] = {}
    for match in _FACT.finditer(STRING.sub('""', text)):
        if match[1] in scope:
            found[match[0]] = None
    return tuple(found)


def faults_of(policy: Policy, scope: Scope) -> Iterator[ExpressionFault]:
    """Yield what is wrong with a policy's expressions: types, names, parameters, absent facts that nobody asked for."""
    asked = set(_HAS.findall(policy.when))
    yield from _faults(("when",), policy.when, policy, scope, asked, ("bool",))
    for severity, text in policy.severity_when:
        yield from _faults(("severity_when", severity), text, policy, scope, asked | set(_HAS.findall(text)), ("bool",))
    for key in ("actual", "expected"):
        text = getattr(policy, key)
        if text is not None:
            yield from _faults((key,), text, policy, scope, asked, ("int",))
    for key in ("message", "at"):
        yield from _template_faults((key,), getattr(policy, key), policy, scope, asked)
    if policy.fix is None:
        return
    if policy.fix.when:
        asked |= set(_HAS.findall(policy.fix.when))
        yield from _faults(("fix", "when"), policy.fix.when, policy, scope, asked, ("bool",))
    for keys, text in policy.fix.templates():
        yield from _template_faults(("fix", *keys), text, policy, scope, asked)


def _template_faults(
    key: tuple[str, ...], text: str, policy: Policy, scope: Scope, asked: set[str]
) -> Iterator[ExpressionFault]:
    try:
        holes = [part for part in parse_template(text) if isinstance(part, Hole)]
    except TemplateError as error:
        yield ExpressionFault(key, str(error), text, 0)
        return
    for hole in holes:
        # An optional fact inside `has(x) ? x : y` is asked for in the hole itself.
        known = asked | set(_HAS.findall(hole.text))
        yield from _faults(key, hole.text, policy, scope, known, _kinds(hole.format))


def _kinds(form: str) -> tuple[str, ...]:
    if form in ("bytes", "d"):
        return ("int",)
    return ("int", "double") if form else ()


def _faults(  # noqa: PLR0913, PLR0917 - one expression, its policy and what is asked of it
    key: tuple[str, ...], text: str, policy: Policy, scope: Scope, asked: set[str], kinds: tuple[str, ...]
) -> Iterator[ExpressionFault]:
    try:
        kind = check(text, scope, policy.params)
    except ExpressionError as error:
        yield ExpressionFault(key, error.fault, text, error.offset)
        return
    if kinds and kind not in kinds:
        yield ExpressionFault(key, f"must be {' or '.join(kinds)}, not {kind}", text, 0)
    bare = _bare_variable(text, scope)
    if bare:
        # Which facts CEL sees is read off the text: a variable that stands alone would silently see none.
        reason = f"{bare} stands alone; write {bare}.FACT, without spaces"
        yield ExpressionFault(key, reason, text, max(0, text.find(bare)))
    for fact in facts_in(text, scope):
        for part in optional_parts(fact, scope):
            if part not in asked:
                reason = f"{part} may be absent; ask has({part}) in when"
                yield ExpressionFault(key, reason, text, max(0, text.find(part)))


def _bare_variable(text: str, scope: Scope) -> str | None:
    names = "|".join(scope)
    match = re.search(rf"(?<![\w.])({names})\b(?!\.[a-z_]|\()", STRING.sub('""', text))
    return match[1] if match else None


def optional_parts(fact: str, scope: Mapping[str, type[msgspec.Struct]]) -> Iterator[str]:
    """Yield the parts of a fact that may be absent: `container.heap` and `container.heap.max_bytes`."""
    variable, *names = fact.split(".")
    struct: type[msgspec.Struct] | None = scope[variable]
    path = variable
    for name in names:
        if struct is None or name not in fields_of(struct):
            return
        kind, optional = fields_of(struct)[name]
        path += f".{name}"
        if optional:
            yield path
        struct = kind if is_struct(kind) else None
