"""The hooks, run by pre-commit itself: it clones the repository that has them and installs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from act_lab import copy_auditor
from action_lab import LIMITED, UNLIMITED, Repository

pytestmark = pytest.mark.needs_go  # not Go, but what is only installed for `make test-action`
PRE_COMMIT = "pre-commit==4.7.0"


@pytest.fixture
def pre_commit(tmp_path):
    """Runs every hook of this repository in another one."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", PRE_COMMIT], check=True)
    hooks = Repository(tmp_path / "hooks")
    copy_auditor(hooks.folder)
    hooks.commit({})
    (tmp_path / "home").mkdir()

    def pre_commit(repository):
        environment = {
            **{name: value for name, value in os.environ.items() if name.lower().startswith(("pip_", "https_proxy"))},
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path / "home"),
            "PRE_COMMIT_HOME": str(tmp_path / "cache"),
        }
        command = [python, "-m", "pre_commit", "try-repo", hooks.folder, "--all-files", "--verbose", "--color", "never"]
        done = subprocess.run(
            command, cwd=repository.folder, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        return done.returncode, done.stdout + done.stderr

    return pre_commit


def test_both_hooks_pass_and_fail_as_the_commands_do(pre_commit, tmp_path):
    repository = Repository(tmp_path / "work")
    repository.commit({"k8s/web.yaml": LIMITED})
    code, said = pre_commit(repository)
    assert code == 0, said
    assert said.count("Passed") == 2
    (repository.folder / "k8s" / "web.yaml").write_text(UNLIMITED)
    repository.git("add", "--all")
    code, said = pre_commit(repository)
    assert code == 1, said
    assert said.count("Failed") == 2
    assert said.count("no memory limit") == 2
    repository.git("commit", "--quiet", "--message=accepted")
    code, said = pre_commit(repository)
    assert (said.count("Failed"), said.count("Passed")) == (1, 1), "the second hook tells what a commit changes"
