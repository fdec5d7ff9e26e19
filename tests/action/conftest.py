"""Jobs of the action."""

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
