"""Measures how often leaks are found and how often something else is taken for one, on made series.

Rewrites the tables of docs/leaks.md; `--check` only says whether they are current. Seeded: the same numbers each time.
"""

import argparse
import math
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from auditor.usage.aggregate_model import Floor
from auditor.usage.leak import find_leak

PAGE = Path(__file__).resolve().parents[1] / "docs" / "leaks.md"
_MIB = 1024 * 1024
_FIRST = date(2026, 11, 1)
_RUNS = 100
_LENGTHS = (8, 14, 28)
_BASE_MIB = 400
_LIMIT_BYTES = 1024 * _MIB

Shape = Callable[["Day"], float]
"""What a day's minimum has beyond its base and its noise, in MiB."""


@dataclass(frozen=True)
class Day:
    """Where a point of a series stands."""

    number: int
    """Since the window began."""
    age: int
    """Since the container last started."""
    days: int
    """The length of the window."""
    turn: float
    """0 to 1, another one for each run: where in its cycle or at which day something happens."""


@dataclass(frozen=True)
class Case:
    """A kind of series."""

    name: str
    shape: Shape
    noise_mib: float = 8
    memory: float = 0
    """How much of a day's noise stays the next day: 0 is none, 1 a random walk."""
    pods: int = 3
    restart: bool = False
    """Whether each container restarts in the middle."""


def _leak(mib_per_day: float) -> Shape:
    return lambda day: mib_per_day * day.age


def _week(day: Day) -> float:
    return 50 * math.sin(2 * math.pi * (day.number / 7 + day.turn))


def _workdays(day: Day) -> float:
    return 100.0 * ((day.number + int(7 * day.turn)) % 7 < 5)


def _steps(count: int) -> Shape:
    return lambda day: (
        100.0 * sum(day.number >= day.days * (step + 0.3 + 0.4 * day.turn) / count for step in range(count))
    )


def _fill(days: float) -> Shape:
    return lambda day: 200 * (1 - math.exp(-day.number / days))


LEAKS = (
    Case("5 MiB a day (half of what is looked for)", _leak(5)),
    Case("15 MiB a day", _leak(15)),
    Case("15 MiB a day, one pod", _leak(15), pods=1),
    Case("15 MiB a day, much noise (32 MiB)", _leak(15), noise_mib=32),
    Case("15 MiB a day, a restart in the middle", _leak(15), restart=True),
    Case("15 MiB a day under a weekly cycle of ±50 MiB", lambda day: _leak(15)(day) + _week(day)),
    Case("40 MiB a day", _leak(40)),
    Case("40 MiB a day, much noise (32 MiB)", _leak(40), noise_mib=32),
    Case("40 MiB a day under a weekly cycle of ±50 MiB", lambda day: _leak(40)(day) + _week(day)),
)
"""What should be found."""

OTHERS = (
    Case("flat", lambda _: 0.0),
    Case("flat, much noise (32 MiB)", lambda _: 0.0, noise_mib=32),
    Case("slow drift: 80 % of each day's noise (32 MiB) stays", lambda _: 0.0, noise_mib=32, memory=0.8),
    Case("random walk of 32 MiB a day, one pod", lambda _: 0.0, noise_mib=32, memory=1, pods=1),
    Case("weekly cycle of ±50 MiB", _week),
    Case("workdays 100 MiB over weekends", _workdays),
    Case("one step of 100 MiB", _steps(1)),
    Case("one step of 100 MiB, much noise (32 MiB)", _steps(1), noise_mib=32),
    Case("two steps of 100 MiB", _steps(2)),
    Case("three steps of 100 MiB", _steps(3)),
    Case("five steps of 100 MiB", _steps(5)),
    Case("a cache of 200 MiB that fills with a time constant of 1 day", _fill(1)),
    Case("the same, 3 days", _fill(3)),
    Case("the same, 10 days", _fill(10)),
    Case("a restart in the middle", lambda _: 0.0, restart=True),
)
"""What should not."""


def floors(case: Case, days: int, seed: int, limit_bytes: int | None) -> list[Floor]:
    """Return the daily minima of a run; half of the noise is common to the pods, as load is."""
    source = random.Random(f"{case.name} {days} {seed}")
    turn = source.random()
    common = _noise(case, days, source)
    made = []
    for pod in range(case.pods):
        own = _noise(case, days, source)
        for number in range(days):
            restarted = case.restart and number == days // 2
            age = number - days // 2 if case.restart and number >= days // 2 else number
            noise_mib = case.noise_mib * math.sqrt(0.5) * (common[number] + own[number])
            value_mib = _BASE_MIB + case.shape(Day(number, age, days, turn)) + noise_mib
            made.append(
                Floor(
                    pod=f"web-{pod}",
                    day=_FIRST + timedelta(days=number),
                    min_bytes=max(0, round(value_mib * _MIB)),
                    limit_bytes=limit_bytes,
                    restarts=int(restarted),
                    oom_kills=0,
                )
            )
    return made


def _noise(case: Case, days: int, source: random.Random) -> list[float]:
    made, last = [], 0.0
    for _ in range(days):
        last = case.memory * last + source.gauss(0, 1)
        made.append(last)
    return made


def share(case: Case, days: int, limit_bytes: int | None) -> float:
    """Return the share of runs in which a leak is found."""
    runs = (floors(case, days, seed, limit_bytes) for seed in range(_RUNS))
    found = sum(find_leak(run, limit_bytes=limit_bytes) is not None for run in runs)
    return found / _RUNS


def table(cases: tuple[Case, ...], limit_bytes: int | None) -> str:
    """Return the Markdown table of the cases."""
    head = " | ".join(f"{days} days" for days in _LENGTHS)
    lines = [f"| series | {head} |", "|---" * (1 + len(_LENGTHS)) + "|"]
    for case in cases:
        cells = " | ".join(f"{share(case, days, limit_bytes):.0%}".replace("%", " %") for days in _LENGTHS)
        lines.append(f"| {case.name} | {cells} |")
    return "\n".join(lines)


def render(page: str) -> str:
    """Return the page with its two tables measured anew."""
    for name, cases, limit_bytes in (("found", LEAKS, _LIMIT_BYTES), ("mistaken", OTHERS, None)):
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        head, rest = page.split(begin)
        _, tail = rest.split(end)
        page = head + begin + table(cases, limit_bytes) + end + tail
    return page


def main() -> int:
    """Rewrite the page, or with `--check` return 1 when it is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 when the page is not current")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    made = render(page)
    if not check:
        PAGE.write_text(made, encoding="utf-8")
    return int(check and made != page)


if __name__ == "__main__":
    sys.exit(main())
