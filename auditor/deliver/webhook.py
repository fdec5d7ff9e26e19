"""A summary of a run for a chat: JSON with `text` and `blocks`, as Slack's incoming webhooks take it.

Mattermost, Rocket.Chat and others read `text`. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from auditor.deliver.errors import DeliveryError
from auditor.deliver.web import WebRequest, host_of, is_confidential, send, variable
from auditor.findings import Finding
from auditor.nightly_config import WebhookConfig
from auditor.reports.text import encodable, plain, subject_words, workload_words, worst_first

_MAX_TEXT = 2900
"""Slack takes 3,000 characters in a section."""
_MAX_LINE = 280
_MAX_TITLE = 150


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a chat is told."""

    title: str
    """One line: which cluster, how many findings."""
    lines: tuple[str, ...]
    """What changed and where the reports are."""
    findings: tuple[Finding, ...]
    """Those to be named: the new ones, or all where there is nothing to compare with."""
    faults: tuple[str, ...]
    """What could not be judged or delivered."""


def post(
    message: Message,
    config: WebhookConfig,
    environment: Mapping[str, str],
    *,
    ca_file: Path | None,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Post a summary; return the host. Raises DeliveryError, which never holds the URL's path."""
    url = variable(config.url_variable, environment)
    try:
        host = host_of(url)
    except ValueError as error:
        raise DeliveryError(f"the variable {config.url_variable}: {error}") from None
    if not is_confidential(url):
        raise DeliveryError(f"the variable {config.url_variable}: it must be https, since its path is a secret")
    body = msgspec.json.encode(payload(message, config.max_findings))
    headers = {"Content-Type": "application/json; charset=utf-8"}
    send(WebRequest(method="POST", url=url, body=body, headers=headers, ca_file=ca_file, secret=True), sleep=sleep)
    return host


def payload(message: Message, max_findings: int) -> dict[str, Any]:
    """Return the JSON of a summary: bounded, with every character of names that Slack would read as markup escaped."""
    title = _line(message.title, _MAX_TITLE)
    named = worst_first(message.findings)[:max_findings]
    lists = [
        [_line(line) for line in message.lines],
        [_line(f"• {_finding(finding)}") for finding in named] + _more(len(message.findings) - len(named)),
        [_line(f"⚠ {fault}") for fault in message.faults[:max_findings]]
        + _more(len(message.faults) - len(message.faults[:max_findings])),
    ]
    sections = [_joined(lines) for lines in lists if lines]
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}]
    # NOTE: verbatim keeps Slack from making links of what looks like an address in a name
    blocks += [{"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}} for text in sections]
    return {
        "text": "\n".join((_escaped(title), *sections)),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _finding(finding: Finding) -> str:
    where = f"{workload_words(finding.workload)}, {subject_words(finding)}"
    return f"{finding.severity}: {where}: {finding.message} ({finding.policy})"


def _more(number: int) -> list[str]:
    return [f"and {number} more"] if number > 0 else []


def _line(text: str, most: int = _MAX_LINE) -> str:
    """Return untrusted text as one printable line of at most so many characters, not yet escaped."""
    safe = plain(encodable(text))
    return safe if len(safe) <= most else safe[: most - 1] + "…"


def _joined(lines: list[str]) -> str:
    """Return lines as one escaped text that Slack takes; what does not fit is left out and told."""
    kept: list[str] = []
    room = _MAX_TEXT
    for number, line in enumerate(lines):
        escaped = _escaped(line)
        room -= len(escaped) + 1
        if room < 0:
            kept += _more(len(lines) - number)
            break
        kept.append(escaped)
    return "\n".join(kept)


def _escaped(text: str) -> str:
    """Return text in which no markup of Slack begins: https://docs.slack.dev/messaging/formatting-message-text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
