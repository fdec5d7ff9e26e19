"""Bytes as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.kube.humane import format_bytes

KI, MI, GI = 1024, 1024**2, 1024**3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1 byte"),
        (100, "100 bytes"),
        (1023, "1023 bytes"),
        (KI, "1Ki"),
        (512 * MI, "512Mi"),
        (1536 * MI, "1.5Gi"),
        (GI, "1Gi"),
        (1_000_000_000, "953.7Mi"),
        (GI - 1, "1Gi"),
        (-512 * MI, "-512Mi"),
        (-3, "-3 bytes"),
        (1024**6, "1Ei"),
        (5000 * 1024**6, "5000Ei"),
    ],
)
def test_bytes_are_written_in_the_largest_binary_unit_that_fits(value: int, text: str) -> None:
    assert format_bytes(value) == text


@settings(deadline=None, max_examples=200)
@given(st.integers(min_value=KI, max_value=2**70))
def test_the_printed_number_is_within_half_a_tenth_of_a_unit(value: int) -> None:
    text = format_bytes(value)
    unit = 1024 ** (("Ki", "Mi", "Gi", "Ti", "Pi", "Ei").index(text[-2:]) + 1)
    whole, _, tenth = text[:-2].partition(".")
    tenths = int(whole) * 10 + int(tenth or 0)
    assert abs(tenths * unit - value * 10) * 2 <= unit
