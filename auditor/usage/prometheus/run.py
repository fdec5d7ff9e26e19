"""Sends requests with a few workers, and makes smaller what a server cannot bear.

A request that was too much, too slow or cut off is never sent again: its halves are. What cannot be halved fails for
good. When nothing succeeds any more, the rest is not asked at all.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Generic, Protocol, Self, TypeVar

import msgspec

from auditor.usage.errors import UsageError
from auditor.usage.prometheus.answers import Answer, QueryError, Why
from auditor.usage.prometheus.client import Client
from auditor.usage.prometheus.parts import Server

_NO_HALVES_AFTER = 12
"""After so many failures without a success smaller questions are not tried any more."""
_GONE_AFTER = 40
"""After so many the server counts as gone."""


class Ask(Protocol):
    """A question that may be halved."""

    def query(self, server: Server) -> str:
        """Return its PromQL."""

    def times(self) -> tuple[float, float, int]:
        """Return start, end and step in seconds."""

    def halves(self) -> Sequence[Self]:
        """Return smaller questions that together ask the same; none when there are no smaller ones."""

    def words(self) -> str:
        """Return what it asks for."""


A = TypeVar("A", bound=Ask)


class _NotAskedError(Exception):
    """Stands for the answer to a question that was not sent, since the server is gone."""


class Outcome(msgspec.Struct, Generic[A], frozen=True, kw_only=True):
    """What became of one question."""

    tag: int
    """The group that it belongs to."""
    ask: A
    """The question."""
    answer: Answer | None
    """Its answer; None when it failed for good."""
    error: str
    """Why it failed, empty otherwise and where it was not asked."""
    last: bool
    """Whether the whole group is finished with it."""


_Result = Answer | Exception


class Runner:
    """Asks one server. `advance(done, total, words)` is called after each request."""

    def __init__(self, client: Client, server: Server, workers: int, advance: Callable[[int, int, str], None]) -> None:
        self._client = client
        self._server = server
        self._workers = workers
        self._advance = advance
        self._done = 0
        self._total = 0
        self._in_a_row = 0
        self.warnings: set[str] = set()
        """What the server said besides, each once."""

    def run(self, asks: Iterable[tuple[int, A]]) -> Iterator[Outcome[A]]:
        """Yield what becomes of tagged questions, as they finish; earlier ones are sent first.

        Raises UsageError when the credentials are refused.
        """
        waiting: deque[tuple[int, A]] = deque(asks)
        self._total += len(waiting)
        open_by_tag = Counter(tag for tag, _ in waiting)
        jobs: SimpleQueue[tuple[int, A] | None] = SimpleQueue()
        results: SimpleQueue[tuple[int, A, _Result]] = SimpleQueue()
        threads: list[threading.Thread] = []
        under_way = 0
        try:
            while waiting or under_way:
                while waiting and under_way < self._workers:
                    jobs.put(waiting.popleft())
                    under_way += 1
                    if len(threads) < min(self._workers, under_way):
                        threads.append(threading.Thread(target=self._work, args=(jobs, results), daemon=True))
                        threads[-1].start()
                tag, ask, result = results.get()
                under_way -= 1
                smaller = self._judge(result, ask)
                waiting.extendleft((tag, half) for half in reversed(smaller))
                open_by_tag[tag] += len(smaller) - 1
                self._done += 1
                self._total += len(smaller)
                self._advance(self._done, self._total, ask.words())
                if not smaller:
                    answer = result if isinstance(result, Answer) else None
                    error = "" if answer else str(result)
                    yield Outcome(tag=tag, ask=ask, answer=answer, error=error, last=not open_by_tag[tag])
        finally:
            for _ in threads:
                jobs.put(None)

    def _work(self, jobs: "SimpleQueue[tuple[int, A] | None]", results: "SimpleQueue[tuple[int, A, _Result]]") -> None:
        while (job := jobs.get()) is not None:
            tag, ask = job
            results.put((tag, ask, self._result(ask)))

    def _result(self, ask: Ask) -> _Result:
        if self._in_a_row >= _GONE_AFTER:
            return _NotAskedError()
        start, end, step = ask.times()
        try:
            return self._client.query_range(ask.query(self._server), start=start, end=end, step=step)
        except Exception as error:  # noqa: BLE001 - a thread hands it on to who waits, which raises it
            return error

    def _judge(self, result: _Result, ask: A) -> Sequence[A]:
        """Return the smaller questions to ask instead; raise what ends everything."""
        if isinstance(result, Answer):
            self._in_a_row = 0
            self.warnings.update(result.warnings)
            return ()
        if isinstance(result, _NotAskedError):
            return ()
        if not isinstance(result, QueryError):
            raise result
        if result.why is Why.REFUSED:
            raise UsageError(f"{self._client.shown}: {result}")
        self._in_a_row += 1
        may_halve = result.why is Why.SMALLER and self._in_a_row <= _NO_HALVES_AFTER
        return ask.halves() if may_halve else ()
