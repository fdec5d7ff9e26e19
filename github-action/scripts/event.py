"""What a run audits: the change of a pull request, or everything."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Git = Callable[..., str]
"""Runs git with arguments and returns what it printed. Raises NoAnswerError."""


class NoAnswerError(Exception):
    """Git could not answer; its text is git's own."""


class RefusedError(Exception):
    """The action does not run so; its text says how instead."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The pull request that a comment belongs to."""

    number: int
    head_sha: str
    """The last commit of its branch; empty when the event does not say."""
    from_fork: bool
    """Whether its branch is in another repository, so that the run's token can only read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to audit."""

    base: str
    """The revision that the change is held against; empty to audit everything."""
    head: str
    """The revision that has the change; empty to audit the files as they are."""
    from_merge_base: bool
    """Whether the base went on meanwhile: then the change begins where its branch left the base."""
    pull_request: PullRequest | None


def plan(name: str, payload: Mapping[str, Any], base: str, git: Git) -> Plan:
    """Return what an event of a name audits; `base`, when not empty, is held against instead of the event's own.

    Raises RefusedError for an event that must not audit what a stranger wrote.
    """
    if name == "pull_request_target":
        raise RefusedError(
            "run on `pull_request`: `pull_request_target` gives a stranger's change a token that can write and the "
            "repository's secrets; docs/github-action.md says more"
        )
    found = pull_request_of(payload) if name.startswith("pull_request") else None
    if base:
        return Plan(base, "HEAD", from_merge_base=True, pull_request=found)
    if found is not None:
        return _change(payload["pull_request"], found, git)
    if name == "merge_group":
        return Plan(str(payload["merge_group"]["base_sha"]), "HEAD", from_merge_base=False, pull_request=None)
    return Plan("", "", from_merge_base=False, pull_request=None)


def pull_request_of(payload: Mapping[str, Any]) -> PullRequest | None:
    """Return the pull request of an event, None when it is about none."""
    found = payload.get("pull_request")
    if not isinstance(found, dict):
        return None
    head = found.get("head") or {}
    # The head's repository is null when the fork was deleted meanwhile.
    source = (head.get("repo") or {}).get("full_name")
    target = (payload.get("repository") or {}).get("full_name")
    return PullRequest(int(found["number"]), str(head.get("sha", "")), source is None or source != target)


def _change(payload: Mapping[str, Any], found: PullRequest, git: Git) -> Plan:
    """Return base and head of a pull request.

    Checkout takes the commit in which GitHub merged the pull request into its base, where the difference to the first
    parent is exactly the change. The parents are read from the commit itself: in a shallow clone nothing else has them.
    """
    checked_out = git("rev-parse", "--verify", "HEAD^{commit}").strip()
    headers = git("cat-file", "commit", checked_out).split("\n\n")[0].splitlines()
    parents = [line.removeprefix("parent ") for line in headers if line.startswith("parent ")]
    if len(parents) == 2 and parents[1] == found.head_sha:
        return Plan(parents[0], checked_out, from_merge_base=False, pull_request=found)
    base_sha = str((payload.get("base") or {}).get("sha", ""))
    return Plan(base_sha, found.head_sha or checked_out, from_merge_base=True, pull_request=found)


def run_git(*arguments: str) -> str:
    """Return what git prints; of its configuration only what it must have, since a repository can name programs in it.

    Raises NoAnswerError.
    """
    options = ("-c", f"safe.directory={os.getcwd()}", "-c", "core.fsmonitor=false")  # noqa: PTH109 - as git sees it
    command = ["git", *options, "--no-replace-objects", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", check=False)
    if done.returncode:
        raise NoAnswerError(done.stderr.strip() or f"git {arguments[0]} ended with {done.returncode}")
    return done.stdout
