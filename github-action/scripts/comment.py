"""The comment of a pull request: one, found again by its marker and its author, and updated.

It fails softly: without permission, or without an answer, a notice says so and the run goes on.
"""

import os
import re
import sys
from collections.abc import Callable
from typing import Any

import command
import event
import result
import runner
import suggestions
from github_api import Api, ApiError

_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_CATEGORY = re.compile(r"[A-Za-z0-9._-]{1,60}")


def marker(category: str) -> str:
    """Return the first line of our comments, which nobody sees."""
    return f"<!-- kube-memory-auditor: {category} -->"


def main() -> int:
    """Write the comment and the suggestions that are asked for; return 0."""
    try:
        _comment()
    except ApiError as error:
        runner.tell("notice", f"No comment on the pull request: {error}. {_advice(error)}".strip())
    except ValueError as error:
        runner.tell("warning", f"No comment on the pull request: {error}")
    return 0


def _advice(error: ApiError) -> str:
    if error.status in {401, 403, 404}:
        return "A comment needs `permissions: pull-requests: write`."
    return ""


def _comment() -> None:
    found = event.pull_request_of(runner.event())
    document = result.read(runner.work_folder() / command.JSON)
    page = runner.work_folder() / command.MARKDOWN
    if found is None or document is None or not page.is_file():
        return
    if found.from_fork:
        runner.tell("notice", "No comment on the pull request: it is from a fork, where the token can only read.")
        return
    category, repository = runner.given("category"), os.environ["GITHUB_REPOSITORY"]
    if not _CATEGORY.fullmatch(category):
        raise ValueError(f"input category: {category!r} has other characters than letters, digits, `.`, `_`, `-`")
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"{repository!r} is no repository")
    api = Api(os.environ["GITHUB_API_URL"], runner.given("token"))
    if runner.switched_on("comment"):
        text = body(category, page.read_text(encoding="utf-8"), suggestions.as_text(document))
        keep(api, f"/repos/{repository}/issues", found.number, text, result.result(document))
    if runner.switched_on("suggestions"):
        suggestions.post(api, f"/repos/{repository}/pulls", found, document)


def body(category: str, page: str, more: str) -> str:
    """Return the comment: its marker, the page, cut where the comment would be too long, and what stands below it."""
    first = f"{marker(category)}\n"
    return first + runner.cut(page, runner.COMMENT_LIMIT - len(first) - len(more)) + more


def keep(api: Api, issues: str, number: int, text: str, numbers: result.Result) -> None:
    """Update our comment, or write the first one when there is something to tell. Raises ApiError."""
    first_line = text.split("\n", 1)[0]
    mine = _mine(first_line, runner.given("comment-author"))
    found = [item for item in api.pages(f"{issues}/{number}/comments?per_page=100") if mine(item)]
    if not found:
        if numbers.anything:
            api.send("POST", f"{issues}/{number}/comments", {"body": text})
        return
    # Two runs at the same time may have written one each: the oldest stays.
    oldest, *others = sorted(found, key=lambda item: int(item["id"]))
    if oldest.get("body") != text:
        api.send("PATCH", f"{issues}/comments/{int(oldest['id'])}", {"body": text})
    for item in others:
        api.send("DELETE", f"{issues}/comments/{int(item['id'])}")


def _mine(first_line: str, author: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether a comment is ours: anybody can write the marker, so its author counts too."""

    def mine(item: dict[str, Any]) -> bool:
        written_by = (item.get("user") or {}).get("login")
        return written_by == author and str(item.get("body", "")).replace("\r\n", "\n").startswith(f"{first_line}\n")

    return mine


if __name__ == "__main__":
    sys.exit(main())
