"""CEL over facts: absence, errors, parameters, helpers and message templates."""

import msgspec
import pytest

from auditor.expressions.cel import Compiled, EvaluationError, ExpressionError, bind_params, check
from auditor.expressions.template import Hole, TemplateError, parse_template, write
from auditor.expressions.views import view


class Inner(msgspec.Struct, frozen=True):
    size: int | None


class Thing(msgspec.Struct, frozen=True):
    name: str
    size: int | None
    names: tuple[str, ...]
    inner: Inner | None


SCOPE = {"thing": Thing}


def evaluate(text, thing=None):
    thing = thing or Thing("a", 5, ("x",), Inner(None))
    return Compiled(text, ["thing"]).evaluate({"thing": view(thing, thing.__struct_fields__)})


def test_absent_facts_are_absent_keys_and_zero_is_there():
    assert evaluate("has(thing.size)", Thing("a", None, (), None)) is False
    assert evaluate("has(thing.size) && thing.size == 0", Thing("a", 0, (), None)) is True
    assert evaluate("has(thing.inner) && has(thing.inner.size)") is False


def test_an_error_is_a_value_and_never_true():
    answer = evaluate("thing.size > 1", Thing("a", None, (), None))
    assert isinstance(answer, EvaluationError)
    assert "size" in answer.reason
    assert isinstance(evaluate("thing.size / 0 == 1"), EvaluationError)


def test_a_runaway_expression_ends_with_an_error():
    numbers = "[" + ",".join("1" * 1 for _ in range(100)) + "]"
    text = f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, {numbers}.all(d, a == b))))"
    assert isinstance(evaluate(text), EvaluationError)


def test_helpers_compute_what_their_page_says():
    assert evaluate("times(3, 1.5)") == 5
    assert evaluate("times(1073741824, 2.0)") == 2147483648
    assert evaluate("largest(3, 7)") == 7
    assert evaluate('quantity("512Mi")') == 536870912
    assert evaluate("bytes_text(536870912)") == "512Mi"
    assert isinstance(evaluate('quantity("512MB")'), EvaluationError)


def test_parameters_are_bound_as_literals_outside_strings():
    params = {"a": 2.0, "b": 'say "hi"', "c": -1, "d": ["x"], "e": True}
    assert (
        bind_params('params.a > 1.0 && "params.a" == params.b', params) == '2.0 > 1.0 && "params.a" == "say \\"hi\\""'
    )
    assert bind_params("1 - params.c", params) == "1 - (-1)"
    assert bind_params("params.d == params.e", params) == '["x"] == true'


@pytest.mark.parametrize(
    ("text", "fault", "offset"),
    [
        ("thing.sise > 1", "no fact 'sise'; write size instead", 5),
        ("thng.size > 1", "no variable or function 'thng'; write thing instead", 4),
        ("thing.size > 1.5", "found no matching overload", 11),
        ("thing.size >", "Syntax error", 12),
        ("params.x > 1", "no parameter 'x'", 0),
        ("thing.size > 1 || " * 200 + "true", "longer than 2000 characters", 0),
    ],
)
def test_a_wrong_text_is_refused_with_its_place(text, fault, offset):
    with pytest.raises(ExpressionError) as caught:
        check(text, SCOPE, {"y": 1})
    assert fault in caught.value.fault
    assert caught.value.offset == offset


def test_a_right_text_has_its_type():
    assert check("has(thing.size) && thing.size > 1", SCOPE, {}) == "bool"
    assert check("thing.size", SCOPE, {}) == "int"
    assert check("times(thing.size, 2.0) + 1", SCOPE, {}) == "int"


def test_templates_hold_texts_and_holes():
    assert parse_template('a {x:bytes} {{b}} {y ? "p" : "q"} {z:.1f}') == (
        "a ",
        Hole("x", "bytes"),
        " {b} ",
        Hole('y ? "p" : "q"', ""),
        " ",
        Hole("z", ".1f"),
        "",
    )


@pytest.mark.parametrize("text", ["{a", "a}", "{}", "{ }"])
def test_a_broken_template_is_refused(text):
    with pytest.raises(TemplateError):
        parse_template(text)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (536870912, "bytes", "512Mi"),
        (0.256, "percent", "26%"),
        (2.25, ".1f", "2.2"),
        (1234567, ",d", "1,234,567"),
        (["a", "b"], "", "a, b"),
        (True, "", "true"),
        (2.0, "", "2"),
    ],
)
def test_values_are_written_as_their_format_says(value, form, text):
    assert write(value, form) == text
