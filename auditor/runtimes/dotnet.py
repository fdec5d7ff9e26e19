"""What .NET in a container was told about its garbage-collected heap.

Numbers in variables are hexadecimal, with or without 0x. Limits of the single heaps, then their percentages,
beat GCHeapHardLimit, which beats GCHeapHardLimitPercent; DOTNET_ beats COMPlus_. What runtimeconfig.json in the image
says is not seen.

Source: docs/core/runtime-config/garbage-collector.md of dotnet/docs; gc.cpp (initialize_gc) of dotnet/runtime.
"""

import re

from auditor.runtimes.environment import Environment
from auditor.runtimes.flags import Decision, Setting, decide, plain_variable, shown
from auditor.runtimes.model import Around, Heap
from auditor.runtimes.view import View

PROGRAMS = frozenset(("dotnet",))
"""The commands that are this runtime."""
IMAGE_PREFIX = "mcr.microsoft.com/dotnet/"
"""What the names of its images start with."""
_PREFIXES = ("COMPlus_", "DOTNET_")
_HEAPS = ("SOH", "LOH", "POH")
_LIMIT = "GCHeapHardLimit"
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
    environment = view.environment
    heaps = [_decide(environment, _LIMIT + heap) for heap in _HEAPS]
    shares = [_decide(environment, f"{_LIMIT}{heap}Percent") for heap in _HEAPS]
    unknown = False
    for decisions, percents in (
        (heaps, False),
        (shares, True),
        ([_decide(environment, _LIMIT)], False),
        ([_decide(environment, f"{_LIMIT}Percent")], True),
    ):
        unknown = unknown or any(decision.unknown for decision in decisions)
        if any(_counts(decision) for decision in decisions):
            number = _sum(decisions)
            if not percents:
                return _heap(decisions, number, None, unknown=unknown)
            if number is not None and number < 100:
                memory_bytes = view.around.memory_bytes
                amount = None if memory_bytes is None else memory_bytes * number // 100
                return _heap(decisions, amount, number, unknown=unknown)
            # The runtime passes over one percentage of 100 and more, but does not start with several such.
            if number is None or len(decisions) > 1:
                return _heap(decisions, None, None, unknown=unknown)
    return Heap("dotnet", unknown=unknown, default_bytes=_default(view.around))


def _default(around: Around) -> int | None:
    """Return three quarters of the limit, at least 20 MiB; None where no limit is below the node's memory."""
    limit, capacity = around.memory_max_bytes, around.node_capacity_bytes
    if limit is None or (capacity is not None and limit >= capacity):
        return None
    return max(_DEFAULT_MIN_BYTES, limit * 3 // 4)


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
    """Return the sum, None where one cannot be read, or the limit of the small or the large objects lacks."""
    numbers = [hexadecimal(decision.value) if _counts(decision) else 0 for decision in decisions]
    if 0 in numbers[:2]:
        return None
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
