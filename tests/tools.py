"""Programs that some tests run: a test without its program is skipped, or fails where every program must be there."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

REQUIRED = os.environ.get("AUDITOR_TOOLS_REQUIRED") == "1"
"""Read at import: the environment is scrubbed before the first test."""


def need(*names: str) -> dict[str, str]:
    """Return each program's path; skip the test that asks, or fail it where `AUDITOR_TOOLS_REQUIRED=1`."""
    found = {name: shutil.which(name) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        without(", ".join(missing))
    return {name: path for name, path in found.items() if path is not None}


_RENDERING = Path(__file__).parent / "sources" / "render" / "tools.sh"


def need_rendering(name: str) -> str:
    """Return the path of helm, helm3 or kubectl as `sources/render/tools.sh` fetches them, and nothing else does.

    A test of helm3 is skipped where it is not: it is built where Go is.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.sha256(_RENDERING.read_bytes()).hexdigest()[:16]
    program = cache / "kube-memory-auditor" / f"rendering-{key}" / name
    if not program.is_file():
        if name == "helm3":
            pytest.skip("helm3 is not built: no Go when tests/sources/render/tools.sh ran")
        without(f"{name} (tests/sources/render/tools.sh)")
    return str(program)


def without(tool: str) -> None:
    """Skip or fail the test that asks, for want of a tool."""
    if REQUIRED:
        pytest.fail(f"{tool} is not installed, and AUDITOR_TOOLS_REQUIRED=1")
    pytest.skip(f"{tool} is not installed")
