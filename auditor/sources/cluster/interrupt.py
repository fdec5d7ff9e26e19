"""Ctrl-C while clusters are audited: reading ends at once, and what was read is judged and told.

An exception at any other moment would lose what was read, or a batch that is on its way to a worker. So it is raised
only while an entry is waited for; else it is kept until the next one is asked for.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from auditor.sources.cluster.entries import End, Entries, Entry, Header


class Interrupt:
    """Whether Ctrl-C was pressed; it ends the entries of every cluster of a run."""

    def __init__(self) -> None:
        self.asked = False
        self._reading = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Note the first Ctrl-C, raising it where an entry is waited for; raise every further one."""
        if self._reading or self.asked:
            self.asked = True
            raise KeyboardInterrupt
        self.asked = True

    def ending(self, entries: Entries) -> Entries:
        """Yield entries; after Ctrl-C one end that says so, and nothing more."""
        begun = False
        while True:
            # The header comes first whatever happens: it names the cluster.
            entry = End(interrupted=True) if self.asked and begun else self._next(entries)
            if entry is None:
                return
            begun = begun or isinstance(entry, Header)
            yield entry
            if isinstance(entry, End):
                self.asked = self.asked or entry.interrupted
                _close(entries)
                return

    def _next(self, entries: Entries) -> Entry | None:
        """Return the next entry: an interrupted end when Ctrl-C comes meanwhile, None when there is none."""
        try:
            self._reading = True
            return next(entries, None)
        except KeyboardInterrupt:
            self.asked = True
            return End(interrupted=True)
        finally:
            self._reading = False


def _close(entries: Entries) -> None:
    close = getattr(entries, "close", None)
    if close is not None:
        close()


@contextmanager
def interruptible(clusters: Sequence[Entries]) -> Iterator[tuple[Interrupt, Iterator[Entries]]]:
    """Give what keeps Ctrl-C, and entries that it ends; a thread besides the main one hears of none."""
    stop = Interrupt()
    ending = map(stop.ending, clusters)
    if not clusters or threading.current_thread() is not threading.main_thread():
        yield stop, ending
        return
    before = signal.signal(signal.SIGINT, stop.on_signal)
    try:
        yield stop, ending
    finally:
        signal.signal(signal.SIGINT, before)
