"""What .NET in a container was told about its garbage-collected heap.

Numbers in variables are hexadecimal, with or without 0x. Limits of the single heaps beat GCHeapHardLimit, which beats
GCHeapHardLimitPercent; DOTNET_ beats COMPlus_. What runtimeconfig.json in the image says is not seen.

Source: docs/core/runtime-config/garbage-collector.md of dotnet/docs; gc.cpp (initialize_gc) of dotnet/runtime.
"""

import re

from auditor.runtimes.environment import Environment
from auditor.runtimes.flags import Decision, Setting, decide, plain_variable, shown
from auditor.runtimes.model import Heap
from auditor.runtimes.view import View

PROGRAMS = frozenset(("dotnet",))
"""The commands that are this runtime."""
IMAGE_PREFIX = "mcr.microsoft.com/dotnet/"
"""What the names of its images start with."""
_PREFIXES = ("COMPlus_", "DOTNET_")
_HEAPS = ("SOH", "LOH", "POH")
_LIMIT, _PERCENT = "GCHeapHardLimit", "GCHeapHardLimitPercent"
VARIABLES = frozenset(
    (
        *(
            f"{prefix}{_LIMIT}{heap}{percent}"
            for prefix in _PREFIXES
            for heap in ("", *_HEAPS)
            for percent in ("", "Percent")
        ),
        *("DOTNET_gcServer", "COMPlus_gcServer", "DOTNET_GCConserveMemory", "DOTNET_ENVIRONMENT"),
        *("DOTNET_RUNNING_IN_CONTAINER", "ASPNETCORE_ENVIRONMENT", "ASPNETCORE_URLS", "ASPNETCORE_HTTP_PORTS"),
    )
)
"""The variables that only this runtime reads."""

_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,16})", re.ASCII)
_DEFAULT_MIN_BYTES = 20 * 2**20


def read(view: View) -> Heap:
    """Return what a container tells its .NET; percentages are of the container's limit, else of the node."""
    environment, memory_bytes = view.environment, view.around.memory_bytes
    limits = [_decide(environment, _LIMIT + heap) for heap in _HEAPS]
    fixed = _decide(environment, _LIMIT)
    shares = [_decide(environment, f"{_LIMIT}{heap}Percent") for heap in _HEAPS]
    share = _decide(environment, _PERCENT)
    unknown = any(decision.unknown for decision in (*limits, fixed, *shares, share))
    if any(_counts(decision) for decision in limits):
        return _heap(limits, _sum(limits), None, unknown=unknown)
    if _counts(fixed):
        amount = hexadecimal(fixed.value)
        # Only the limits of the single heaps come before it.
        above = any(decision.unknown for decision in (*limits, fixed, *shares))
        return _heap([fixed], amount, None, unknown=above)
    chosen = shares if any(_counts(decision) for decision in shares) else [share]
    if any(_counts(decision) for decision in chosen):
        percent = _sum(chosen)
        if percent is not None and not 0 < percent < 100:
            percent = None
        amount = None if percent is None or memory_bytes is None else memory_bytes * percent // 100
        return _heap(chosen, amount, percent, unknown=unknown)
    limit = view.around.memory_max_bytes
    default = None if limit is None else max(_DEFAULT_MIN_BYTES, limit * 3 // 4)
    return Heap("dotnet", unknown=unknown, default_bytes=default)


def hexadecimal(text: str | None) -> int | None:
    """Return the number of a hexadecimal text, None where it is none."""
    match = _HEX.fullmatch(text) if text is not None else None
    return int(match[1], 16) if match else None


def _decide(environment: Environment, name: str) -> Decision:
    settings = plain_variable(environment, (prefix + name for prefix in _PREFIXES), "limit")
    return decide(settings, "limit")


def _counts(decision: Decision) -> bool:
    """Return whether a setting is there; zero is none."""
    return decision.setting is not None and decision.setting.value != "" and hexadecimal(decision.setting.value) != 0


def _sum(decisions: list[Decision]) -> int | None:
    """Return the sum of the settings, None where one cannot be read."""
    numbers = [hexadecimal(decision.value) for decision in decisions if _counts(decision)]
    return None if None in numbers else sum(number for number in numbers if number is not None)


def _heap(decisions: list[Decision], amount: int | None, percent: int | None, *, unknown: bool) -> Heap:
    setting = next((each.setting for each in decisions if _counts(each) and each.setting), Setting("limit"))
    number = amount if percent is None else percent
    return Heap(
        "dotnet",
        max_bytes=amount,
        percent=None if percent is None else float(percent),
        flag=shown(setting, number),
        at=setting.at,
        declared=True,
        unknown=unknown,
    )
