"""Compares the time of `auditor diff` with that of one audit of the same files: what is the same is judged once.

Makes a git repository of Deployments, one a file, of which a change edits some, and audits it, the changed files alone,
and the change.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run import Measure, median

HERE = Path(__file__).resolve().parent
_QUOTA = """\
apiVersion: v1
kind: LimitRange
metadata: {name: limits, namespace: %s}
spec: {limits: [{type: Container, max: {memory: 64Gi}}]}
"""


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com", "-c", "commit.gpgSign=false")
    subprocess.run([shutil.which("git") or "git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def _repository(folder: Path, files: int, changed: int) -> Path:
    """Make the repository, `main` before and `change` after; return a folder with the changed files alone."""
    where = ["--count", str(files), "--documents-per-file", "1", "--to", str(folder / "repository")]
    subprocess.run([sys.executable, str(HERE / "generate.py"), *where], check=True, capture_output=True)
    repository, alone = folder / "repository", folder / "changed"
    alone.mkdir()
    _git(repository, "init", "-q", "-b", "main")
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", "before")
    _git(repository, "branch", "wider")
    _git(repository, "switch", "-q", "-c", "change")
    paths = sorted(repository.glob("*.yaml"))
    for path in paths[:: max(1, len(paths) // changed)][:changed]:
        text = path.read_text().replace("memory: ", "memory: 1", 1)
        path.write_text(text)
        (alone / path.name).write_text(text)
    _git(repository, "commit", "-q", "-a", "-m", "after")
    _git(repository, "switch", "-q", "wider")
    (repository / "limits.yaml").write_text(_QUOTA % "shop")
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", "something around the pods")
    _git(repository, "switch", "-q", "change")
    return alone


def _table(rows: list[tuple[str, Measure]]) -> str:
    lines = ["| work | wall s | CPU s | largest process MB | wall, scan = 1 | CPU, scan = 1 |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    base = rows[0][1]
    for words, taken in rows:
        ratios = f"{taken.wall_seconds / base.wall_seconds:.2f} | {taken.cpu_seconds / base.cpu_seconds:.2f}"
        memory = f"{taken.largest_bytes / 2**20:.0f}"
        lines.append(f"| {words} | {taken.wall_seconds:.2f} | {taken.cpu_seconds:.2f} | {memory} | {ratios} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5_000, help="manifests (default 5000)")
    parser.add_argument("--changed", type=int, default=250, help="of which the change edits so many (default 250)")
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each command, the median counts (default 3)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = _repository(folder, options.files, options.changed)
        os.chdir(folder / "repository")
        more = ["--fail-on", "never", "--quiet", "--jobs", str(options.jobs), "--output", f"json={folder / 'out.json'}"]
        auditor = [sys.executable, "-m", "auditor"]
        works = (
            ("scan of all files", ["scan", "."]),
            ("scan of the changed files", ["scan", str(alone)]),
            ("diff: some files changed", ["diff", "main", "change"]),
            ("diff: a LimitRange added, so that all is judged twice", ["diff", "main", "wider"]),
        )
        rows = [(words, median([*auditor, *work, *more], options.runs)) for words, work in works]
    sys.stdout.write(f"{options.files} files, {options.changed} changed; median of {options.runs}; {os.cpu_count()} ")
    sys.stdout.write(f"cores, {platform.machine()}, Python {platform.python_version()}\n\n{_table(rows)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
