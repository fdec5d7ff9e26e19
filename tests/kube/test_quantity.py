"""Quantities: the grammar, the rounding and the quirks of resource.Quantity."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.quantity import Quantity, QuantityError, parse, parse_bytes


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("512Mi", 536870912),
        ("1.5Gi", 1610612736),
        ("0.5Mi", 524288),
        ("1.", 1),
        (".5", 1),
        ("1.G", 10**9),
        ("1E", 10**18),
        ("1E3", 1000),
        ("1e3", 1000),
        ("1.3E+6", 1300000),
        ("1E-3", 1),
        ("400m", 1),
        ("1u", 1),
        ("+1Ki", 1024),
        (" 1 ", 1),
        ("9Ei", 2**63 - 1),
        ("12E", 0),
        ("1e19", 0),
        ("1E1000", 0),
        ("9223372036854775808", -(2**63)),
        ("9223372036854775807", 2**63 - 1),
        ("-1", -1),
        (".", 0),
        ("+", 0),
        ("-", 0),
        ("Mi", 0),
        ("m", 0),
        ("0", 0),
        (1024, 1024),
        (0.5, 1),
        (None, 0),
    ],
)
def test_a_quantity_has_the_value_that_kubernetes_reads(text, number):
    quantity = parse(text)
    assert isinstance(quantity, Quantity)
    assert quantity.bytes == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1K",
        "1KB",
        "512MB",
        "1gb",
        "1GiB",
        "1gi",
        "1MI",
        "1i",
        ".5i",
        "1.1.M",
        "1e1.5",
        "1e",
        "1 Mi",
        "x",
        "--1",
        True,
        [],
        {},
    ],
)
def test_what_is_no_quantity_is_refused_with_a_reason(text):
    error = parse(text)
    assert isinstance(error, QuantityError)
    assert error.problem


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1024Mi", "1Gi"),
        ("1025Ki", "1025Ki"),
        (".001Ki", "1024m"),
        ("1000M", "1G"),
        ("0.5Gi", "512Mi"),
        ("1500m", "1500m"),
    ],
)
def test_the_canonical_form_has_the_largest_suffix_without_a_fraction(text, canonical):
    assert parse(text).canonical() == canonical


def test_negative_and_too_large_amounts_have_a_problem():
    assert parse("-1").problem
    assert parse("12E").problem
    assert parse("1Gi").problem is None


def test_only_parts_of_a_byte_are_fractional():
    assert parse("512m").fractional
    assert not parse("1000m").fractional
    assert not parse("0.5Mi").fractional


NUMBERS = st.tuples(st.integers(0, 10**9), st.integers(0, 999))
SUFFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@given(NUMBERS, st.sampled_from(sorted(SUFFIXES)))
def test_the_value_is_the_exact_product_rounded_up(number, suffix):
    whole, thousandths = number
    exact = (whole + Fraction(thousandths, 1000)) * SUFFIXES[suffix]
    quantity = parse(f"{whole}.{thousandths:03}{suffix}")
    if exact < 2**63:
        assert quantity.bytes == -(-exact.numerator // exact.denominator)


@given(NUMBERS, st.sampled_from(sorted(SUFFIXES)))
def test_the_canonical_form_has_the_same_value(number, suffix):
    quantity = parse(f"{number[0]}.{number[1]:03}{suffix}")
    assert parse(quantity.canonical()).nanos == quantity.nanos


@given(st.text(max_size=12) | st.floats() | st.integers() | st.none() | st.booleans())
def test_anything_is_a_quantity_or_an_error(value):
    assert isinstance(parse(value), Quantity | QuantityError)


def test_a_text_for_people_becomes_bytes_or_a_value_error():
    assert parse_bytes("1Ki") == 1024
    with pytest.raises(ValueError, match="512MB"):
        parse_bytes("512MB")
