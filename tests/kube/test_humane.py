"""Bytes as people read them."""

import re

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
        (1_000_000_000, "1G"),
        (100_000_000, "100M"),
        (64_000_000, "64M"),
        (28_000_000_000, "28G"),
        (1_048_577 * KI, "1048577Ki"),
        (1144 * MI, "1144Mi"),
        (751_619_276, "716.8Mi"),
        (GI - 1, "1073741823 bytes"),
        (-512 * MI, "-512Mi"),
        (-3, "-3 bytes"),
        (1024**6, "1Ei"),
        (5000 * 1024**6, "5000Ei"),
    ],
)
def test_bytes_are_written_in_the_largest_binary_unit_that_fits(value: int, text: str) -> None:
    assert format_bytes(value) == text


UNITS = {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "Ei": 2**60,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}


@settings(deadline=None, max_examples=300)
@given(st.integers(min_value=0, max_value=2**70) | st.integers(0, 2**20).map(lambda count: count * MI))
def test_what_looks_whole_is_exact_and_all_is_within_half_a_tenth_of_a_unit(value: int) -> None:
    match = re.fullmatch(r"(\d+)(?:\.(\d))?([KMGTPE]i?| bytes?)?", format_bytes(value))
    assert match
    unit = UNITS.get(match[3] or "", 1)
    tenths = int(match[1]) * 10 + int(match[2] or 0)
    error = abs(tenths * unit - value * 10)
    assert error * 2 <= unit
    assert match[2] or error == 0
