"""Fixes of new findings that fit on lines of the change: text in the comment, and suggestions that apply by a click.

A click writes into the pull request's branch, so a suggestion is made only where the lines are surely the ones that
were audited: one block, all of it changed, in a file that the merge with the base did not touch.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import event
import pages
import result
import runner
from github_api import Api, ApiError

MAX_SHOWN = 10
"""Suggestions in the comment, and new review comments of a run."""

MAX_TEXT = 2_000
"""Characters of one; a longer one is no suggestion that a person reads."""

_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_UNPROCESSABLE = 422


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One block of lines and what to write instead."""

    file: str
    line: int
    end_line: int
    """Inclusive."""
    text: str
    """The new lines without the last line break; empty to remove the lines."""
    policy: str
    message: str
    fingerprint: str


def of(document: Mapping[str, Any]) -> list[Suggestion]:
    """Return a suggestion for each new finding on a changed line whose fix is one block; none twice."""
    found: dict[tuple[object, ...], Suggestion] = {}
    for finding in result.new_findings(dict(document)):
        blocks = finding.get("replacements") or []
        if len(blocks) != 1 or not finding.get("on_changed_line"):
            continue
        block = blocks[0]
        # A review comment has LF only: applied to a file with CRLF it would leave lines of both kinds.
        if "\r" in block["text"] or len(block["text"]) > MAX_TEXT:
            continue
        item = Suggestion(
            file=str(block["file"]).removeprefix("./"),
            line=int(block["line"]),
            end_line=int(block["end_line"]),
            text=str(block["text"]).removesuffix("\n"),
            policy=str(finding["policy"]),
            message=str(finding["message"]),
            fingerprint=str(finding["fingerprint"]),
        )
        found.setdefault((item.file, item.line, item.end_line, item.text), item)
    return list(found.values())


def as_text(document: Mapping[str, Any]) -> str:
    """Return the suggestions as a section of Markdown, empty when there are none."""
    found = of(document)
    if not found:
        return ""
    parts = ["\n### Suggested changes\n"]
    for item in found[:MAX_SHOWN]:
        lines = f"{item.line}" if item.line == item.end_line else f"{item.line} to {item.end_line}"
        parts.append(f"{pages.escaped(item.file)}, line {lines} ({pages.escaped(item.policy)}):\n")
        parts.append(pages.fenced(item.text, "yaml") if item.text else "remove\n")
    if len(found) > MAX_SHOWN:
        parts.append(f"and {len(found) - MAX_SHOWN} more\n")
    return "\n".join(parts)


def post(api: Api, pulls: str, found: event.PullRequest, document: Mapping[str, Any]) -> None:
    """Write a review comment for each suggestion that is not there yet. Raises ApiError."""
    wanted = [item for item in of(document) if fits(item, found.head_sha, document, event.run_git)]
    if not wanted:
        return
    author = runner.given("comment-author")
    there = {
        _first_line(item)
        for item in api.pages(f"{pulls}/{found.number}/comments?per_page=100")
        if (item.get("user") or {}).get("login") == author and item.get("line") is not None
    }
    refused = 0
    for item in [item for item in wanted if _marker(item) not in there][:MAX_SHOWN]:
        try:
            api.send("POST", f"{pulls}/{found.number}/comments", _body(item, found.head_sha))
        except ApiError as error:
            if error.status != _UNPROCESSABLE:
                raise
            refused += 1
    if refused:
        runner.tell("notice", f"GitHub shows the lines of {refused} suggestions in no difference; they are left out.")


def fits(item: Suggestion, head_sha: str, document: Mapping[str, Any], git: Callable[..., str]) -> bool:
    """Return whether every line is changed, and the branch has the file as it was audited."""
    base, head = ((document.get(side) or {}).get("commit") for side in ("base", "head"))
    if not (base and head and head_sha):
        return False
    try:
        audited, branch = (git("rev-parse", "--verify", f"{commit}:{item.file}") for commit in (head, head_sha))
        difference = git(
            "diff-tree",
            "-U0",
            "-p",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            base,
            head,
            "--",
            f":(literal){item.file}",
        )
    except event.NoAnswerError:
        return False
    changed = {
        line for start, size in _HUNK.findall(difference) for line in range(int(start), int(start) + int(size or 1))
    }
    return audited == branch and changed >= set(range(item.line, item.end_line + 1))


def _body(item: Suggestion, head_sha: str) -> dict[str, Any]:
    words = f"**{pages.escaped(item.policy)}**: {pages.escaped(item.message)}"
    text = f"{_marker(item)}\n{words[:MAX_TEXT]}\n\n{pages.fenced(item.text, 'suggestion')}"
    place = {"commit_id": head_sha, "path": item.file, "line": item.end_line, "side": "RIGHT"}
    if item.line != item.end_line:
        place |= {"start_line": item.line, "start_side": "RIGHT"}
    return {"body": text, **place}


def _marker(item: Suggestion) -> str:
    digest = hashlib.sha256(item.text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"<!-- kube-memory-auditor suggestion: {item.fingerprint} {digest} -->"


def _first_line(comment: Mapping[str, Any]) -> str:
    return str(comment.get("body", "")).replace("\r\n", "\n").split("\n", 1)[0]
