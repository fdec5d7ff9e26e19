"""Times and amounts as exports write them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.usage.errors import UsageError
from auditor.usage.imports.values import AmountError, Clock, amount_bytes, unit_bytes, unit_of_column

MOMENT = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
MS = int(MOMENT.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("536870912", 536870912),
        ("512Mi", 536870912),
        ("512MiB", 536870912),
        ("512 MiB", 536870912),
        ("1.5GiB", 1610612736),
        ("1GB", 10**9),
        ("1kB", 1000),
        ("1.5e3", 1500),
        ("0.1", 1),
        ("1000m", 1),
        ("0", 0),
        (1.2, 2),
        (7, 7),
    ],
)
def test_an_amount_is_read_in_bytes_rounded_up(text, number):
    assert amount_bytes(text)[0] == number


def test_plain_numbers_are_multiples_of_the_unit_and_others_are_not():
    assert amount_bytes("1.5", 1024**2) == (1572864, False)
    assert amount_bytes("1Gi", 1024**2) == (1024**3, True)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("-1", "negative"),
        ("-1Mi", "negative"),
        (-1, "negative"),
        (2**64 - 1, "absurd"),
        ("18446744073709551615", "absurd"),
        ("1e999", "absurd"),
        ("2Pi", "absurd"),
        ("abc", "number"),
        ("1 XiB", "number"),
        ("1" * 100, "number"),
        (float("nan"), "number"),
        (float("inf"), "number"),
        (True, "number"),
        ([], "number"),
    ],
)
def test_what_is_no_amount_of_memory_says_which_fault_it_has(value, kind):
    with pytest.raises(AmountError) as caught:
        amount_bytes(value)
    assert caught.value.kind == kind


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.binary()))
def test_no_value_raises_anything_else(value):
    with suppress(AmountError):
        amount_bytes(value)
    Clock("UTC").milliseconds(value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-01T12:30:00Z",
        "2026-11-01T13:30:00+01:00",
        "2026-11-01 12:30:00",
        "2026-11-01 12:30:00 UTC",
        str(MS),
        str(MS // 1000),
        f"{MS // 1000}.0",
        MS * 1000,
        MS * 10**6,
        float(MS),
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT.astimezone(timezone(timedelta(hours=5))),
    ],
)
def test_one_moment_in_many_forms_is_one_moment(value):
    assert Clock("UTC").milliseconds(value) == MS


def test_times_without_a_zone_are_of_the_zone_that_is_given_and_counted():
    clock = Clock("Europe/Berlin")
    assert clock.milliseconds("2026-11-01 13:30:00") == MS
    assert clock.milliseconds("2026-11-01T12:30:00Z") == MS
    assert clock.without_zone == 1


@pytest.mark.parametrize("value", ["", "yesterday", "-1", "1e400", "2026-13-01", None, True, [], "9" * 70, 10**30])
def test_what_is_no_time_is_none(value):
    assert Clock("UTC").milliseconds(value) is None


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("memory_mib", "mib"),
        ("value (MiB)", "mib"),
        ("Memory [GB]", "gb"),
        ("working_set_bytes", "bytes"),
        ("bytes", None),
        ("value", None),
        ("submib", None),
    ],
)
def test_a_columns_name_may_end_in_its_unit(name, unit):
    assert unit_of_column(name) == unit


@pytest.mark.parametrize(("zone"), ["Moon/Base", "../../etc/passwd", ""])
def test_an_unknown_zone_is_wrong_use(zone):
    with pytest.raises(UsageError, match="time zone"):
        Clock(zone)


def test_an_unknown_unit_is_wrong_use():
    with pytest.raises(UsageError, match="not one of bytes"):
        unit_bytes("parsecs")
