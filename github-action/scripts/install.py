"""Installs the auditor of this checkout, with the versions of constraints.txt, into a folder of its own.

The folder is in the runner's tool cache and named after what is installed: a runner that keeps its cache installs once.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Iterator
from pathlib import Path

import runner

ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("auditor", "policies", "sizing", "pyproject.toml", "constraints.txt")


def main(step: str) -> int:
    """Do one step: `key` tells what to cache, `install` installs and tells the Python to run."""
    if step == "key":
        runner.set_output("key", f"kube-memory-auditor-pip-{_platform()}-{_digest([ROOT / 'constraints.txt'])}")
        runner.set_output("path", str(pip_cache()))
        return 0
    runner.set_output("python", str(install()))
    return 0


def pip_cache() -> Path:
    """Return the folder in which pip keeps what it downloads for us."""
    return Path(os.environ["RUNNER_TEMP"]) / "memory-auditor-pip"


def install() -> Path:
    """Return the Python of an environment with the auditor; make it when it is not there.

    It is made beside and renamed, so that it is there whole or not at all. Raises CalledProcessError.
    """
    tools = Path(os.environ.get("RUNNER_TOOL_CACHE") or os.environ["RUNNER_TEMP"]) / "kube-memory-auditor"
    target = tools / f"{_platform()}-{_digest(_files())}"
    python = target / "bin" / "python"
    if python.exists():
        return python
    tools.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix="new-", dir=tools))
    try:
        _make(beside)
        beside.rename(target)
    except OSError:
        # Another job on this runner was faster.
        if not python.exists():
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return python


def _make(folder: Path) -> None:
    """Make an environment and install into it."""
    venv.EnvBuilder(with_pip=True, symlinks=True).create(folder)
    pip = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--cache-dir", str(pip_cache()), "--constraint", str(ROOT / "constraints.txt")]
    with tempfile.TemporaryDirectory() as copy:
        # A build writes where its sources are, and the checkout of an action is not ours to write to.
        for name in (*_SOURCES, "README.md", "LICENSE"):
            place, beside = ROOT / name, Path(copy) / name
            _ = shutil.copytree(place, beside) if place.is_dir() else shutil.copyfile(place, beside)
        subprocess.run([*pip, *options, copy], check=True)


def _platform() -> str:
    return f"{sys.platform}-{platform.machine()}-py{platform.python_version()}"


def _files() -> Iterator[Path]:
    """Yield what the installed auditor is made of."""
    for name in _SOURCES:
        place = ROOT / name
        yield from sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        if "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
