"""Which revisions a run compares: read from the event and from the commit that was checked out."""

from __future__ import annotations

import os
import shutil
import subprocess

import event
import pytest
from action_lab import LIMITED, UNLIMITED, Repository


@pytest.fixture
def change(repository, monkeypatch):
    """A pull request, checked out as the merge commit."""
    payload = repository.pull_request({"web.yaml": LIMITED}, {"web.yaml": UNLIMITED})
    monkeypatch.chdir(repository.folder)
    return payload


def test_the_merge_commit_is_compared_with_the_base_that_it_merged_into(change, repository):
    plan = event.plan("pull_request", change, "", event.run_git)
    assert plan.base == repository.git("rev-parse", "main")
    assert plan.head == repository.git("rev-parse", "HEAD")
    assert not plan.from_merge_base
    assert plan.pull_request == event.PullRequest(7, change["pull_request"]["head"]["sha"], from_fork=False)


def test_a_base_that_went_on_since_the_event_does_not_count_as_the_change(change, repository):
    # The payload's base is older than the merge commit's first parent.
    repository.git("checkout", "--quiet", "main")
    newer = repository.commit({"other.yaml": UNLIMITED})
    repository.git("checkout", "--quiet", "--detach", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=merge", "topic")
    assert event.plan("pull_request", change, "", event.run_git).base == newer


def test_parents_are_known_in_a_clone_of_depth_one(change, repository, tmp_path, monkeypatch):
    shallow = tmp_path / "shallow"
    repository.git("branch", "merged")
    repository.git("clone", "--quiet", "--depth=1", "--branch=merged", f"file://{repository.folder}", str(shallow))
    monkeypatch.chdir(shallow)
    assert event.plan("pull_request", change, "", event.run_git).base == repository.git("rev-parse", "main")


def test_a_checked_out_branch_is_compared_from_where_it_left_the_base(change, repository):
    repository.git("checkout", "--quiet", "topic")
    plan = event.plan("pull_request", change, "", event.run_git)
    assert plan.base == change["pull_request"]["base"]["sha"]
    assert plan.head == change["pull_request"]["head"]["sha"]
    assert plan.from_merge_base


def test_a_branch_whose_last_commit_is_a_merge_is_not_taken_for_githubs_merge(change, repository):
    # Someone who merges main into the branch chooses the parents, and so must not choose the base.
    repository.git("checkout", "--quiet", "topic")
    repository.git("commit", "--quiet", "--allow-empty", "--message=loose rules")
    loose = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "evil", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=merge", loose)
    change["pull_request"]["head"]["sha"] = repository.git("rev-parse", "HEAD")
    plan = event.plan("pull_request", change, "", event.run_git)
    assert plan.base == change["pull_request"]["base"]["sha"]


def test_a_given_base_wins_on_every_event(change):
    for name in ("pull_request", "push", "workflow_dispatch"):
        plan = event.plan(name, change, "origin/release", event.run_git)
        assert (plan.base, plan.head, plan.from_merge_base) == ("origin/release", "HEAD", True)


@pytest.mark.parametrize("name", ["push", "schedule", "workflow_dispatch"])
def test_other_events_audit_everything(name):
    plan = event.plan(name, {"after": "1" * 40}, "", event.run_git)
    assert (plan.base, plan.head, plan.pull_request) == ("", "", None)


def test_a_merge_queue_is_compared_with_its_base():
    plan = event.plan("merge_group", {"merge_group": {"base_sha": "a" * 40, "head_sha": "b" * 40}}, "", event.run_git)
    assert (plan.base, plan.head) == ("a" * 40, "HEAD")


@pytest.mark.parametrize(
    ("source", "from_fork"),
    [({"full_name": "shop/deploy"}, False), ({"full_name": "stranger/deploy"}, True), (None, True)],
)
def test_a_fork_is_told_by_the_repository_of_the_branch(change, source, from_fork):
    change["pull_request"]["head"]["repo"] = source
    assert event.pull_request_of(change).from_fork is from_fork


def test_an_event_with_a_token_that_can_write_for_strangers_is_refused(change):
    with pytest.raises(event.RefusedError, match="run on `pull_request`"):
        event.plan("pull_request_target", change, "", event.run_git)


def test_git_says_what_is_wrong_where_there_is_no_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(event.NoAnswerError, match="not a git repository"):
        event.run_git("rev-parse", "HEAD")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_workspace_of_another_user_is_read_as_in_a_container_job(tmp_path, monkeypatch):
    repository = Repository(tmp_path / "other")
    commit = repository.commit({"a": "a"})
    for path in (repository.folder, *repository.folder.rglob("*")):
        shutil.chown(path, user=12345)
    monkeypatch.chdir(repository.folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    plain = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert "dubious ownership" in plain.stderr
    assert event.run_git("rev-parse", "HEAD").strip() == commit
