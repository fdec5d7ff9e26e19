"""Scalars mean what go-yaml v2 and Go's JSON encoder make of them."""

import math

import pytest

from auditor.sources.read import plain_documents
from auditor.sources.scalars import key_text, resolve_plain

TABLE = [
    ("~", None), ("null", None), ("Null", None), ("NULL", None), ("", None), ("nUll", "nUll"),
    ("yes", True), ("Yes", True), ("YES", True), ("y", True), ("Y", True), ("on", True), ("true", True), ("TRUE", True),
    ("no", False), ("n", False), ("N", False), ("off", False), ("OFF", False), ("False", False), ("oN", "oN"),
    ("0", 0), ("-0", 0), ("+1", 1), ("-12", -12), ("010", 8), ("0o17", 15), ("0O17", 15), ("0x1F", 31), ("0X1f", 31),
    ("0b101", 5), ("-0b101", -5), ("-0x10", -16), ("1_000", 1000), ("0_7", 7), ("08", 8), ("09.5", 9.5), ("_1", "_1"),
    ("1e3", 1000), ("1E3", 1000), ("1e-1", 0.1), ("1.", 1), ("1.50", 1.5), (".5", 0.5), ("+.5", 0.5), ("-.5", -0.5),
    ("1_0.5", 10.5), (".5_0", ".5_0"), ("1e400", "1e400"), ("1e", "1e"), ("0x", "0x"), ("0b2", "0b2"), ("+", "+"),
    ("18446744073709551615", 2**64 - 1), ("-9223372036854775808", -(2**63)), ("1e21", 1e21), ("1e20", 10**20),
    ("18446744073709551616", 2**64), ("12:30:45", "12:30:45"), ("2024-01-01", "2024-01-01"), ("1.2.3", "1.2.3"),
    ("512Mi", "512Mi"), ("100m", "100m"), ("=", "="), ("0x1p4", "0x1p4"), ("1__0", 10), ("٣", "٣"),
    ("nan", "nan"), ("NaN", "NaN"), ("inf", "inf"), ("Infinity", "Infinity"), ("-inf", "-inf"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), TABLE)
def test_a_plain_scalar_resolves_as_in_go(text, value):
    assert resolve_plain(text) == value
    assert type(resolve_plain(text)) is type(value)


def test_infinity_and_nan_resolve_though_json_has_none():
    assert resolve_plain("-.Inf") == -math.inf
    assert math.isnan(resolve_plain(".nan"))


@pytest.mark.parametrize(
    "style",
    ["a: {}\n", "- {}\n", "[{}]\n", "a: [x, {}]\n", "a: {{b: {}}}\n", "a:\n  {}\n", "{} # c\n", '"a": {} # c\n'],
)
@pytest.mark.parametrize(("text", "value"), [row for row in TABLE if row[0]])
def test_a_document_holds_the_resolved_scalar_wherever_it_stands(style, text, value):
    (data, _), *_ = plain_documents(style.format(text).encode())
    while isinstance(data, (dict, list)):
        data = data[-1] if isinstance(data, list) else next(iter(data.values()))
    assert data == value
    assert isinstance(data, bool) == isinstance(value, bool)


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("text", [*(text for text, _ in TABLE), ".inf", ".NaN", "-.Inf", "+.inf"])
def test_a_quoted_scalar_is_a_string(quote, text):
    ((data, _),) = plain_documents(f"{quote}{text}{quote}: x\n".encode())
    assert data == {text: "x"}
    ((data, _),) = plain_documents(f"a: {quote}{text}{quote}\n".encode())
    assert data == {"a": text}


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (8, "8"), (1.5, "1.5"), (1e21, "1e+21"), (0.1, "0.1"), ("x", "x"), (None, None)]
)
def test_keys_become_the_strings_that_json_has(value, text):
    assert key_text(value) == text


@pytest.mark.parametrize(
    ("source", "keys"), [("yes: 1\n", ["true"]), ("010: 1\n", ["8"]), ("1: a\n2: b\n", ["1", "2"])]
)
def test_keys_resolve_before_they_become_strings(source, keys):
    ((data, _),) = plain_documents(source.encode())
    assert list(data) == keys
