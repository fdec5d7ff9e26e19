"""What every test has: a scrubbed environment, and golden files that one flag updates."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine: a run that fails can be run again. AUDITOR_FUZZ=1 looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
if not os.environ.get("AUDITOR_FUZZ"):
    settings.load_profile("steady")

_SCRUBBED_PREFIXES = ("AUDITOR_", "GITHUB_", "RUNNER_")
_SCRUBBED = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "KUBECONFIG")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")


@pytest.fixture(autouse=True, scope="session")
def scrubbed_environment() -> object:
    """Take away what a developer's shell or a CI runner sets and a test must not depend on."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name in _SCRUBBED or name.startswith(_SCRUBBED_PREFIXES):
                patch.delenv(name)
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Return a check that a file holds exactly a text; `--update-golden` writes the file instead."""
    update = request.config.getoption("--update-golden")

    def check(path: Path, text: str) -> None:
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.is_file(), f"{path.name} is missing: run pytest --update-golden"
        assert text == path.read_bytes().decode(), f"{path.name} differs: read it, then run pytest --update-golden"

    return check
