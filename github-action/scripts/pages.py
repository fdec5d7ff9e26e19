"""Markdown of our own around the auditor's: text from manifests stays text, links lead to the lines of a commit."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

MAX_LINKS = 50

_MARKUP = re.compile(r"([\\`*_{}\[\]()#|~!+\-])")
_BREAK = "&#8203;"
"""A zero-width space: it ends a mention, an issue number or an address that a name would otherwise become."""


def escaped(text: str) -> str:
    """Return text so that Markdown, HTML, mentions and links in it are letters, on one line."""
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    safe = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = re.sub(r"#(?=\w)", f"#{_BREAK}", _MARKUP.sub(r"\\\1", safe))
    return safe.replace("@", f"@{_BREAK}").replace("://", f":{_BREAK}//").replace("www.", f"www{_BREAK}.")


def fenced(text: str, language: str = "") -> str:
    """Return text as a block of code that nothing in it can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{end}{fence}\n"


def links(findings: Sequence[dict[str, Any]], blob_url: str) -> str:
    """Return a list of links to the lines of findings in a commit; `blob_url` ends with it. Empty without findings."""
    placed = [finding for finding in findings if finding.get("file") and finding.get("line")]
    lines = [f"- [{_place(finding)}]({_url(finding, blob_url)}) {escaped(finding['policy'])}" for finding in placed]
    if not lines:
        return ""
    more = [f"- and {len(lines) - MAX_LINKS} more"] if len(lines) > MAX_LINKS else []
    return "\n".join(["### Lines of the new findings", "", *lines[:MAX_LINKS], *more, ""])


def _place(finding: dict[str, Any]) -> str:
    return escaped(f"{finding['file']}:{finding['line']}")


def _url(finding: dict[str, Any], blob_url: str) -> str:
    path = quote(str(finding["file"]).removeprefix("./"), safe="/", errors="replace")
    return f"{blob_url}/{path}#L{int(finding['line'])}"
