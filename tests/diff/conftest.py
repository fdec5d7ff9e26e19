"""A repository to compare in."""

import os
import subprocess
import sys

import pytest

from tests.diff.repository import Repository
from tests.tools import need


@pytest.fixture
def repo(tmp_path, monkeypatch):
    need("git")
    made = Repository(tmp_path / "repo").start()
    monkeypatch.chdir(made.folder)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def run(repo):
    """Run the command as a user does, in the repository."""

    def run(*arguments, env=None, cwd=None):
        command = [sys.executable, "-m", "auditor", "diff", *map(str, arguments)]
        variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": repo.environment["HOME"]} | (env or {})
        return subprocess.run(
            command, cwd=cwd or repo.folder, env=variables, capture_output=True, text=True, timeout=120, check=False
        )

    return run
