"""Time the table of history: writing, writing again, and adding up a window in DuckDB.

    python benchmarks/usage_table.py [--containers 5000] [--days 14] [--pods 3]

Prints a Markdown table. The largest process is the resident peak of one that aggregates and does nothing else.
"""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from auditor.usage.aggregate import aggregate
from auditor.usage.model import UsageDay
from auditor.usage.table import days_present, write_days

FIRST = date(2026, 11, 1)
MIB = 2**20


def rows_of(day: int, containers: int, pods: int) -> Iterator[UsageDay]:
    """Yield the rows of one day; every seventh container leaks 1 MiB a day, the others only wander."""
    seed = random.Random(day)
    for number in range(containers):
        base = (number % 50 + 1) * 16 * MIB
        for pod in range(pods):
            low = base + seed.randrange(MIB) + (number % 7 == 0) * day * MIB
            yield UsageDay(
                cluster="prod",
                day=FIRST + timedelta(days=day),
                namespace=f"ns-{number % 40}",
                workload_kind="Deployment",
                workload_name=f"app-{number}",
                pod=f"app-{number}-{pod}",
                container="main",
                container_type="app",
                samples=1440,
                coverage=1.0,
                min_bytes=low,
                mean_bytes=low + MIB,
                p95_bytes=low + 2 * MIB,
                p99_bytes=low + 3 * MIB,
                max_bytes=low + 4 * MIB,
                rss_max_bytes=low,
                request_bytes=base,
                limit_bytes=2 * base,
                oom_kills=0,
                restarts=0,
                source="prometheus",
                collected_at=datetime(2026, 12, 1, tzinfo=UTC),
            )


def timed(folder: Path, days: int) -> None:
    """Aggregate, and print the seconds and the resident peak in MiB."""
    begun = time.perf_counter()
    aggregate(folder, since=FIRST, until=FIRST + timedelta(days=days - 1))
    print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def main() -> None:
    """Write a store into a temporary folder, and print what it takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--containers", type=int, default=5000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--pods", type=int, default=3)
    parser.add_argument("--of", type=Path, help="only aggregate this store, and print numbers")
    options = parser.parse_args()
    if options.of is not None:
        timed(options.of, options.days)
        return
    print("| work | seconds | largest process, MiB |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for words in ("write", "write the same again"):
            seconds = 0.0
            for day in range(options.days):
                rows = list(rows_of(day, options.containers, options.pods))
                begun = time.perf_counter()
                write_days(folder, rows)
                seconds += time.perf_counter() - begun
            print(f"| {words}, a day at a time | {seconds:.2f} | |")
        begun = time.perf_counter()
        days_present(folder, "prod")
        print(f"| which days are present | {time.perf_counter() - begun:.2f} | |")
        command = [sys.executable, __file__, "--of", name, "--days", str(options.days)]
        for _ in range(3):
            made = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            print(f"| aggregate {options.containers} containers | {float(made[0]):.2f} | {made[1]} |")


if __name__ == "__main__":
    main()
