"""Programs that some tests run: a test without its program is skipped, or fails where every program must be there."""

import os
import shutil

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


def without(tool: str) -> None:
    """Skip or fail the test that asks, for want of a tool."""
    if REQUIRED:
        pytest.fail(f"{tool} is not installed, and AUDITOR_TOOLS_REQUIRED=1")
    pytest.skip(f"{tool} is not installed")
