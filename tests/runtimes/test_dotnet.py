"""What .NET is told: numbers are hexadecimal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.runtimes.dotnet import hexadecimal
from tests.runtimes.containers import GIB, MIB, SECRETS, env, heap, secret

LIMIT = "DOTNET_GCHeapHardLimit"


@pytest.mark.parametrize(
    ("text", "number"),
    [("C800000", 200 * MIB), ("0xC800000", 200 * MIB), ("0XC800000", 200 * MIB), ("10", 16), ("g", None), ("", None)],
)
def test_a_number_is_hexadecimal(text, number):
    assert hexadecimal(text) == number


@given(st.integers(0, 2**64 - 1))
def test_every_number_comes_back(number):
    assert hexadecimal(f"{number:x}") == hexadecimal(f"{number:#X}") == number


def test_a_limit_and_its_place():
    found = heap(env=env(A="1", **{LIMIT: "0x10000000"}))
    assert (found.runtime, found.max_bytes, found.flag) == ("dotnet", 256 * MIB, f"{LIMIT}=0x10000000")
    assert (found.at, found.declared, found.unknown, found.percent) == ("env[1].value", True, False, None)


def test_a_decimal_number_is_far_larger_than_meant():
    assert heap(env=env(**{LIMIT: "1073741824"})).max_bytes == 0x1073741824


def test_the_newer_prefix_beats_the_older():
    assert heap(env=env(COMPlus_GCHeapHardLimit="200", DOTNET_GCHeapHardLimit="100")).max_bytes == 0x100
    assert heap(env=env(COMPlus_GCHeapHardLimit="200")).max_bytes == 0x200


def test_a_percentage_is_hexadecimal_and_of_the_memory():
    found = heap(GIB, env=env(DOTNET_GCHeapHardLimitPercent="32"))
    assert (found.max_bytes, found.percent) == (512 * MIB, 50.0)
    unlimited = heap(None, node=4 * GIB, env=env(DOTNET_GCHeapHardLimitPercent="32"))
    assert unlimited.max_bytes == 2 * GIB
    assert heap(None, env=env(DOTNET_GCHeapHardLimitPercent="32")).percent == 50.0


def test_a_size_beats_a_percentage_and_zero_is_none():
    both = {LIMIT: "100", f"{LIMIT}Percent": "32"}
    assert heap(env=env(**both)).max_bytes == 0x100
    assert heap(GIB, env=env(**{**both, LIMIT: "0"})).percent == 50.0


@pytest.mark.parametrize("bad", ["64", "C8", "0"])
def test_the_runtime_passes_over_a_percentage_of_100_or_more(bad):
    found = heap(GIB, env=env(DOTNET_GCHeapHardLimitPercent=bad))
    assert (found.declared, found.default_bytes) == (False, 768 * MIB)


def test_a_percentage_that_is_no_number_is_declared():
    found = heap(env=env(DOTNET_GCHeapHardLimitPercent="x"))
    assert (found.max_bytes, found.percent, found.declared) == (None, None, True)


def test_the_limits_of_the_single_heaps_add_up_and_beat_all():
    single = {f"{LIMIT}SOH": "100", f"{LIMIT}LOH": "20", f"{LIMIT}POH": "3"}
    found = heap(env=env(**single, **{LIMIT: "1000000"}))
    assert (found.max_bytes, found.flag) == (0x123, f"{LIMIT}SOH=100")
    shares = {f"{LIMIT}SOHPercent": "14", f"{LIMIT}LOHPercent": "A", LIMIT: "1000000"}
    found = heap(1000 * MIB, env=env(**shares))
    assert (found.max_bytes, found.percent) == (300 * MIB, 30.0)


@pytest.mark.parametrize(
    "refused",
    [
        {f"{LIMIT}SOH": "100"},
        {f"{LIMIT}LOH": "100", f"{LIMIT}POH": "1"},
        {f"{LIMIT}SOHPercent": "50", f"{LIMIT}LOHPercent": "20"},
    ],
)
def test_limits_of_single_heaps_that_do_not_fit_have_no_number(refused):
    found = heap(env=env(**refused))
    assert (found.max_bytes, found.percent, found.declared) == (None, None, True)


def test_by_default_a_limited_container_gives_three_quarters():
    image = "mcr.microsoft.com/dotnet/aspnet:8.0"
    assert heap(GIB, image=image).default_bytes == 768 * MIB
    assert heap(20 * MIB, image=image).default_bytes == 20 * MIB
    assert heap(None, node=8 * GIB, image=image).default_bytes is None
    assert heap(8 * GIB, node=8 * GIB, image=image).default_bytes is None


def test_a_limit_of_unknown_content_is_declared():
    found = heap(env=secret(LIMIT))
    assert (found.max_bytes, found.declared, found.unknown) == (None, True, True)
    found = heap(env=env(**{LIMIT: "100"}), envFrom=SECRETS)
    assert (found.max_bytes, found.unknown) == (0x100, True)


def test_a_percentage_of_unknown_content_does_not_touch_a_size():
    found = heap(env=[*env(**{LIMIT: "100"}), *secret(f"{LIMIT}Percent")])
    assert (found.max_bytes, found.unknown) == (0x100, False)


def test_what_is_no_number_is_declared_and_not_repeated():
    found = heap(env=env(**{LIMIT: "x512MB"}))
    assert (found.max_bytes, found.flag, found.declared) == (None, f"{LIMIT}=…", True)


def test_it_is_recognised_by_command_image_or_variable():
    assert heap(command=["dotnet", "app.dll"]).runtime == "dotnet"
    assert heap(env=env(ASPNETCORE_URLS="http://+:80")).runtime == "dotnet"
    assert heap(env=env(DOTNET_gcServer="1")).runtime == "dotnet"
    assert heap(image="registry.example/dotnet/aspnet:8.0") is None
