"""Jobs of the action."""

import os
import subprocess
from pathlib import Path

import pytest
from action_lab import Repository, Runner


@pytest.fixture
def job(tmp_path):
    """A job whose Python is this one."""
    (tmp_path / "work").mkdir()
    return Runner(tmp_path)


@pytest.fixture
def repository(job):
    """A git repository in the job's workspace."""
    return Repository(job.workspace)


HERE = Path(__file__).parent
WANTED = os.environ.get("ACTION_TESTS") == "1"


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="runs act, actionlint or pre-commit: make test-action")
    for item in items:
        if not WANTED and item.get_closest_marker("needs_go"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def programs():
    """Return the folder with `act` and `actionlint`."""
    built = subprocess.run([HERE / "build.sh"], check=True, stdout=subprocess.PIPE, text=True)
    return Path(built.stdout.strip())
