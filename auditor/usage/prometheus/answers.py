"""Answers of the API: their shape, and one word for each way in which a request fails."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import msgspec

_READ_BYTES = 800
"""How much of a page is worth telling."""


class Why(Enum):
    """What a failed request asks of its sender."""

    SMALLER = "smaller"
    """Too much, too slow or cut off: ask for less, never for the same again."""
    NEVER = "never"
    """The answer is not one of this API, and a smaller question would not change that."""
    REFUSED = "refused"
    """The credentials are not taken: nothing more is asked."""


class QueryError(Exception):
    """A request that failed; its text holds no credentials."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why


class Series(msgspec.Struct, frozen=True):
    """One series of an answer."""

    metric: dict[str, str]
    """Its labels."""
    values: list[tuple[float, str]] = []
    """Time in seconds, and the value as the API writes it."""


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: list[Series]


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []
    is_partial: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What a range query gave."""

    series: list[Series]
    """Its series."""
    warnings: tuple[str, ...]
    """What the server says besides."""


def decode(body: bytes, clean: Callable[[str], str]) -> Answer:
    """Return the answer in a body; raise QueryError for one that is none. `clean` takes credentials out of a text."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.ValidationError as error:
        raise QueryError(Why.NEVER, f"the answer is not one of the Prometheus API: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise QueryError(Why.SMALLER, "the answer ends in the middle") from None
    if answer.status != "success" or answer.data is None:
        raise QueryError(Why.SMALLER, clean(answer.error) or "the answer holds no data")
    if answer.is_partial:
        raise QueryError(Why.SMALLER, "the answer is partial: a part of the store did not answer")
    if answer.data.result_type != "matrix":
        raise QueryError(Why.NEVER, f"the answer is a {clean(answer.data.result_type)}, not a matrix")
    return Answer(answer.data.result, tuple(clean(text) for text in answer.warnings))


def error_text(body: bytes) -> str:
    """Return what an error answer says; empty for a page that people would read."""
    with suppress(ValueError):
        said = json.loads(body)
        if isinstance(said, dict):
            return str(said.get("error") or said.get("message") or "")
    text = body[:_READ_BYTES].decode("utf-8", "replace").strip()
    return "" if text.startswith("<") else text


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return what Retry-After asks for, in seconds; None without a readable one (RFC 9110, 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        said = headers.get("Date")
        now = parsedate_to_datetime(said) if said else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None
