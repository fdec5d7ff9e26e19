"""CEL: compile, check, evaluate. The only module that knows the library (cel-expr-python, Google's C++ runtime).

Texts are checked against a typed environment (a descriptor of the facts) and evaluated in an untyped one over plain
maps, since a typed one refuses maps. Evaluation never raises: an error is a value, and so "not judged".
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import msgspec

from auditor.expressions.near import instead
from auditor.expressions.types import PACKAGE, descriptor_pool, fields_of, is_struct
from auditor.kube.humane import format_bytes, percent_text
from auditor.kube.meant import meant_quantity, with_unit
from auditor.kube.quantity import MAX_BYTES, parse_bytes

MAX_CHARS = 2_000
"""Strings are not bounded by the runtime's iteration budget, so that texts are bounded here."""

FUNCTIONS = {
    "times": "times(bytes: int, factor: double) -> int: the product, rounded up; CEL multiplies no int by a double",
    "largest": "largest(a: int, b: int) -> int: the larger of the two",
    "quantity": 'quantity("512Mi") -> int: the bytes of a Kubernetes quantity',
    "bytes_text": "bytes_text(bytes: int) -> string: 512Mi, 1.5Gi",
    "percent_text": "percent_text(share: double) -> string: 0.5 is 50%",
    "with_unit": 'with_unit("512m", "Mi") -> string: the number with another unit, 512Mi; empty where it is no number',
    "meant_quantity": 'meant_quantity("512MB") -> string: what a refused quantity surely means, 512M; else empty',
}
"""Helpers that conditions and messages may call, each with what it returns."""

Scope = Mapping[str, type[msgspec.Struct]]

_PARAM = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\bparams\.([A-Za-z_]\w*)""")
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNDEFINED = re.compile(r"undefined field '(\w+)' not found in struct 'facts\.(\w+)'")
_UNDECLARED = re.compile(r"undeclared reference to '(\w+)[\w.]*'")


class ExpressionError(Exception):
    """A text that is no valid condition over the facts."""

    def __init__(self, fault: str, offset: int) -> None:
        super().__init__(fault)
        self.fault = fault
        self.offset = offset
        """Where in the text, in characters from 0."""


class EvaluationError(msgspec.Struct, frozen=True):
    """What evaluating gave instead of a value, in CEL's words."""

    reason: str


def bind_params(text: str, params: Mapping[str, Any]) -> str:
    """Return the text with `params.NAME` replaced by the parameter's value as a literal; strings are left alone.

    Raises ExpressionError for an unknown parameter.
    """

    def literal(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        if match[2] not in params:
            hint = instead(match[2], params, "params.")
            raise ExpressionError(f"no parameter {match[2]!r}{hint}", match.start())
        value = params[match[2]]
        text = json.dumps(value, ensure_ascii=False)
        return f"({text})" if isinstance(value, int | float) and not isinstance(value, bool) and value < 0 else text

    return _PARAM.sub(literal, text)


def check(text: str, scope: Scope, params: Mapping[str, Any]) -> str:
    """Return the name of the text's type, such as `bool`, `int`, `string` or `list`. Raises ExpressionError."""
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"longer than {MAX_CHARS} characters", 0)
    bound = bind_params(text, params)
    env = _typed(tuple(scope.items()))
    try:
        name: str = env.compile(bound).return_type().name()
    except RuntimeError as error:
        raise _explained(str(error), bound, text, scope) from error
    return name.lower()


def _explained(words: str, bound: str, text: str, scope: Scope) -> ExpressionError:
    match = _ERROR.search(words)
    if not match:
        return ExpressionError(words.partition("\n")[0], 0)
    lines = bound.splitlines(keepends=True)
    offset = sum(map(len, lines[: int(match[1]) - 1])) + int(match[2]) - 1
    # A replaced parameter moves what follows it: the same words before it are at the same place.
    offset = offset if bound[:offset] == text[:offset] else text.find(bound[offset : offset + 8])
    fault = match[3].removesuffix(" (in container '')")
    field = _UNDEFINED.search(fault)
    name = _UNDECLARED.search(fault)
    if field:
        struct = next(s for s in _all_structs(scope) if s.__name__ == field[2])
        fault = f"no fact {field[1]!r}{instead(field[1], fields_of(struct))}"
    elif name:
        known = [*scope, "params", *FUNCTIONS]
        hint = instead(name[1], known) or f"; known are {', '.join(known)}"
        fault = f"no variable or function {name[1]!r}{hint}"
    return ExpressionError(fault, max(0, offset))


def _all_structs(scope: Scope) -> list[type[msgspec.Struct]]:
    found = list(scope.values())
    for struct in found:
        found.extend(kind for kind, _ in fields_of(struct).values() if is_struct(kind))
    return found


class Compiled:
    """A text ready to be evaluated over plain maps; belongs to one thread."""

    def __init__(self, text: str, variables: Sequence[str]) -> None:
        self._expression = _plain(tuple(variables)).compile(text)

    def evaluate(self, data: Mapping[str, Any]) -> Any:
        """Return the plain value, or an EvaluationError; never raises for what the data holds."""
        try:
            value = self._expression.eval(data=data)
        except RuntimeError as error:
            # The iteration budget is the one error that the library raises instead of returning.
            return EvaluationError(str(error))
        if value.type().name() == "ERROR":
            return EvaluationError(str(value.value()))
        return value.plain_value()


@cache
def _typed(scope: tuple[tuple[str, type[msgspec.Struct]], ...]) -> Any:
    from cel_expr_python import cel

    pool = descriptor_pool(struct for _, struct in scope)
    variables = {name: cel.Type(f"{PACKAGE}.{struct.__name__}") for name, struct in scope}
    return cel.NewEnv(pool, variables=variables, functions=_functions())


@cache
def _plain(variables: tuple[str, ...]) -> Any:
    from cel_expr_python import cel

    return cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN), functions=_functions())


def _functions() -> list[Any]:
    from cel_expr_python import cel

    kinds = cel.Type
    table = (
        ("times", [kinds.INT, kinds.DOUBLE], kinds.INT, _times),
        ("largest", [kinds.INT, kinds.INT], kinds.INT, max),
        ("quantity", [kinds.STRING], kinds.INT, parse_bytes),
        ("bytes_text", [kinds.INT], kinds.STRING, format_bytes),
        ("percent_text", [kinds.DOUBLE], kinds.STRING, percent_text),
        ("with_unit", [kinds.STRING, kinds.STRING], kinds.STRING, with_unit),
        ("meant_quantity", [kinds.STRING], kinds.STRING, meant_quantity),
    )
    return [
        cel.FunctionDecl(name, [cel.Overload(id=f"auditor_{name}", return_type=result, parameters=given, impl=call)])
        for name, given, result, call in table
    ]


def _times(number: int, factor: float) -> int:
    """Return the product rounded up, within the 64 bits that CEL has; the factor is the decimal number as written."""
    if not math.isfinite(factor):
        return MAX_BYTES if number * factor > 0 else -MAX_BYTES
    exact = _exact(factor)
    return max(-MAX_BYTES, min(-(-number * exact.numerator // exact.denominator), MAX_BYTES))


@cache
def _exact(factor: float) -> Fraction:
    """Return the shortest decimal number that reads as this double: 1.1 is eleven tenths, not a little more."""
    return Fraction(repr(factor))
