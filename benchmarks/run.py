"""Measures `auditor scan` as a whole process, beside what PyYAML's C loader needs only to parse the same files.

Prints a Markdown table. Wall time, CPU time and the largest process come from the kernel's accounting of the finished
process; the sum over the process tree is sampled from /proc and is absent where there is none.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
_SAMPLE_SECONDS = 0.01
_MIB = 1024 * 1024

_PARSE = """
import pathlib, sys, yaml
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.yaml")):
    with path.open("rb") as stream:
        for document in yaml.load_all(stream, Loader=yaml.CSafeLoader):
            pass
"""


@dataclass(frozen=True)
class Measure:
    """What one run, or the median of several, took."""

    wall_seconds: float
    cpu_seconds: float
    largest_bytes: int
    """Resident peak of the largest process."""
    tree_bytes: int | None
    """Peak of the processes together, shared pages counted once (PSS); None where /proc does not tell."""


class _TreeSampler(threading.Thread):
    """Samples the memory of a process and its descendants until it is told to stop."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._done = threading.Event()
        self.peak_bytes: int | None = None

    def run(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            total = sum(_pss_bytes(process) for process in _descendants(self._root))
            if total:
                self.peak_bytes = max(self.peak_bytes or 0, total)

    def stop(self) -> None:
        self._done.set()
        self.join()


def _descendants(root: int) -> list[int]:
    found, queue = [], [root]
    while queue:
        process = queue.pop()
        found.append(process)
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                queue += [int(child) for child in children.read_text().split()]
            except OSError:  # it ended between the listing and the reading
                continue
    return found


def _pss_bytes(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def measure(command: list[str], *, sample: bool) -> Measure:
    """Run a command to its end and return what it took; a failure ends the benchmark."""
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        sampler = _TreeSampler(process.pid) if sample else None
        if sampler:
            sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if sampler:
            sampler.stop()
        if process.returncode != 0:
            errors.seek(0)
            words = errors.read().decode(errors="replace").strip()
            raise SystemExit(f"exit code {process.returncode}: {' '.join(command)}\n{words}")
    unit = 1 if sys.platform == "darwin" else 1024
    peak = sampler.peak_bytes if sampler else None
    return Measure(wall_seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, peak)


def median(command: list[str], runs: int) -> Measure:
    """Return the medians of `runs` runs; one more run is sampled for the tree, so that sampling slows no timed run."""
    measures = [measure(command, sample=False) for _ in range(runs)]
    sampled = measure(command, sample=True)
    return Measure(
        statistics.median(one.wall_seconds for one in measures),
        statistics.median(one.cpu_seconds for one in measures),
        int(statistics.median(one.largest_bytes for one in measures)),
        sampled.tree_bytes,
    )


def table(rows: list[tuple[str, Measure, Measure | None]]) -> str:
    """Return the rows as a Markdown table; each ratio is to the parse of the same files."""
    lines = ["| work | wall s | CPU s | largest process MB | all processes MB | wall, parse = 1 |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for words, taken, base in rows:
        tree = "-" if taken.tree_bytes is None else f"{taken.tree_bytes / _MIB:.0f}"
        ratio = "" if base is None else f"{taken.wall_seconds / base.wall_seconds:.2f}"
        largest = f"{taken.largest_bytes / _MIB:.0f}"
        lines.append(f"| {words} | {taken.wall_seconds:.2f} | {taken.cpu_seconds:.2f} | {largest} | {tree} | {ratio} |")
    return "\n".join(lines)


def _scan(data: Path, report: Path, jobs: int) -> list[str]:
    options = ["--profile", "all", "--fail-on", "never", "--quiet", "--jobs", str(jobs), "--output", f"sarif={report}"]
    return [sys.executable, "-m", "auditor", "scan", str(data), *options]


def _one_manifest(folder: Path, data: Path) -> Path:
    """Write the first document of the set to a file of its own."""
    first = next(iter(sorted(data.glob("*.yaml")))).read_text()
    path = folder / "one" / "deployment.yaml"
    path.parent.mkdir()
    path.write_text(first.split("---\n")[0])
    return path.parent


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that generate.py wrote")
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each command, the median counts (default 3)")
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2], help="numbers of processes to try (default 1 2)")
    options = parser.parse_args(arguments)
    files = sorted(options.data.glob("*.yaml"))
    if not files:
        raise SystemExit(f"no files in {options.data}: run benchmarks/generate.py first")
    size_mb = sum(path.stat().st_size for path in files) / 1e6
    parse = [sys.executable, "-c", _PARSE, str(options.data)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = _one_manifest(folder, options.data)
        base = median(parse, options.runs)
        rows: list[tuple[str, Measure, Measure | None]] = [("PyYAML C loader, parse only", base, base)]
        for jobs in options.jobs:
            words = f"audit, all policies, SARIF, {jobs} process{'' if jobs == 1 else 'es'}"
            rows.append((words, median(_scan(options.data, folder / "all.sarif", jobs), options.runs), base))
        rows.append(("audit of one manifest", median(_scan(one, folder / "one.sarif", 1), options.runs), None))
    sys.stdout.write(f"{len(files)} files, {size_mb:.1f} MB; median of {options.runs}; {os.cpu_count()} cores, ")
    sys.stdout.write(f"{platform.machine()}, Python {platform.python_version()}\n\n{table(rows)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
