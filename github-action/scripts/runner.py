"""The runner's side of the action: inputs, outputs, the step summary, workflow commands, the event.

Everything here is text that others wrote: a name may hold newlines, `::` or `%`, and must stay a name.
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

SUMMARY_LIMIT = 1 << 20
"""Bytes of a step's summary that GitHub takes; it drops a longer one whole."""

COMMENT_LIMIT = 65_536
"""Characters of a comment that GitHub takes."""


def given(name: str) -> str:
    """Return an input without spaces around it, empty when it is not given. Raises KeyError for a name of no input."""
    return os.environ[f"INPUT_{name.upper().replace('-', '_')}"].strip()


def given_lines(name: str) -> tuple[str, ...]:
    """Return an input's lines, spaces around them and empty lines left out."""
    return tuple(line.strip() for line in given(name).splitlines() if line.strip())


def switched_on(name: str) -> bool:
    """Return an input that is `true` or `false`, false when it is empty. Raises ValueError for another word."""
    words = {"true": True, "false": False, "": False}
    word = given(name).lower()
    if word not in words:
        raise ValueError(f"input {name}: {word!r} is neither true nor false")
    return words[word]


def work_folder() -> Path:
    """Return the folder in which steps of this action leave files for each other; it is made when it is not there."""
    folder = Path(os.environ["RUNNER_TEMP"]) / "memory-auditor"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def event() -> dict[str, Any]:
    """Return what GitHub tells about the event; empty when it tells nothing."""
    path = os.environ.get("GITHUB_EVENT_PATH", "")
    if not path or not Path(path).is_file():
        return {}
    payload = json.loads(Path(path).read_text(encoding="utf-8"))
    return payload if isinstance(payload, dict) else {}


def set_output(name: str, value: str) -> None:
    """Set an output of this step. The value may have any text in it: what ends it cannot be guessed."""
    end = f"end-{secrets.token_hex(16)}"
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{name}<<{end}\n{value}\n{end}\n")


def add_to_summary(text: str) -> None:
    """Append Markdown to the step's summary, cut with a note where the summary would be longer than GitHub takes."""
    path = Path(os.environ["GITHUB_STEP_SUMMARY"])
    used = path.stat().st_size if path.exists() else 0
    with path.open("ab") as file:
        file.write(cut(text, SUMMARY_LIMIT - used, count=_bytes).encode("utf-8", "backslashreplace"))


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def cut(text: str, limit: int, *, count: Any = len) -> str:
    """Return the text, or as many of its first lines as fit with a note that says so; `count` measures a text.

    A block of code that the cut would leave open is closed. What has no room for the note is empty.
    """
    if count(text) <= limit:
        return text
    note = "\n\n*This page is cut here: it is longer than GitHub takes. The report files hold all.*\n"
    room = limit - count(note)
    kept: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        room -= count(line)
        if room - len(fence) - 1 < 0:
            break
        kept.append(line)
        fence = _fence_after(line, fence)
    if room < 0 and not kept:
        return note if count(note) <= limit else ""
    return "".join(kept).rstrip("\n") + (f"\n{fence}" if fence else "") + note


def _fence_after(line: str, fence: str) -> str:
    """Return the fence that is open after a line, empty for none."""
    mark = line.strip()
    ticks = mark[: len(mark) - len(mark.lstrip("`"))]
    if fence:
        return "" if mark == ticks and len(ticks) >= len(fence) else fence
    return ticks if len(ticks) >= 3 else ""


def tell(level: str, message: str, title: str = "Memory audit") -> None:
    """Print a workflow command: `notice`, `warning` or `error` with a message."""
    print(f"::{level} title={_property(title)}::{_data(message)}", flush=True)


def print_unread(text: str) -> None:
    """Print text in which the runner must obey nothing."""
    if not text:
        return
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::", flush=True)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
