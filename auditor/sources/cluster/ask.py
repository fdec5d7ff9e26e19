"""Requests with patience: what is busy, broken for a moment or cut off is asked again, within bounds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from auditor.sources.cluster.connect import JSON, Answer, Connection, UnreachableError

_BUSY = (429, 503)
_BROKEN = (500, 502, 503, 504)
_BUSY_TRIES = 10
"""As client-go does when the server says how long to wait."""
_MAX_WAIT_SECONDS = 60
_PAUSES = (0.5, 1.0, 2.0)
"""Seconds before asking again when the server says nothing of waiting."""


class Status(msgspec.Struct, frozen=True):
    """What the API server says of a request that it did not answer."""

    message: str = ""
    reason: str = ""
    metadata: "StatusMeta | None" = None


class StatusMeta(msgspec.Struct, frozen=True):
    """The metadata of a Status."""

    continue_: str = msgspec.field(default="", name="continue")
    """Of an expired list: the token that goes on with what is there now."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer, after all tries."""

    status: int | None
    """The HTTP status; None when no answer came."""
    reason: str
    """For people, on one line."""
    continue_token: str = ""
    """Where a list that expired (410) can go on."""


class Server:
    """Asks one API server, waiting where that helps."""

    def __init__(self, connection: Connection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection = connection
        self._sleep = sleep
        self._lost = False
        """Whether the last request got no answer at all: then the next one is tried once, not for seconds again."""

    def get(self, path: str, query: Sequence[tuple[str, str]] = (), accept: str = JSON) -> Answer | Refusal:
        """Return the answer with status 200, or why there is none."""
        pauses = iter(() if self._lost else _PAUSES)
        busy = 0
        while True:
            answer = self._once(path, query, accept)
            if isinstance(answer, Answer):
                if answer.status == 200:
                    return answer
                if answer.status in _BUSY and answer.retry_after_seconds is not None:
                    busy += 1
                    if busy >= _BUSY_TRIES or answer.retry_after_seconds > _MAX_WAIT_SECONDS:
                        return self._refusal(answer, "the server is too busy: ")
                    self._sleep(answer.retry_after_seconds)
                    continue
            pause = next(pauses, None) if _passes(answer) else None
            if pause is None:
                return self._refusal(answer) if isinstance(answer, Answer) else Refusal(None, str(answer))
            self._sleep(pause)

    def _once(self, path: str, query: Sequence[tuple[str, str]], accept: str) -> Answer | UnreachableError:
        try:
            answer = self._connection.get(path, query, accept)
        except UnreachableError as error:
            self._lost = True
            return error
        self._lost = False
        return answer

    def _refusal(self, answer: Answer, prefix: str = "") -> Refusal:
        said = status_of(answer.body)
        text = said.message if said else answer.body[:200].decode(errors="replace")
        if answer.status == 401:
            prefix = "the credentials are not accepted any more: "
        words = self._connection.clean(text)
        return Refusal(
            answer.status,
            f"{prefix}HTTP {answer.status}" + (f": {words}" if words else ""),
            said.metadata.continue_ if said and said.metadata else "",
        )


def status_of(body: bytes) -> Status | None:
    """Return the Status that an answer holds; None when it is none."""
    try:
        return msgspec.json.decode(body, type=Status)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _passes(answer: Answer | UnreachableError) -> bool:
    """Whether asking again may help."""
    if isinstance(answer, UnreachableError):
        return not answer.lasting
    return answer.status in _BROKEN or answer.status in _BUSY
