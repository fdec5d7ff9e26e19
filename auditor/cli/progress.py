"""Progress bars on standard error."""

import sys
import time
from collections.abc import Sequence
from typing import Any, Self


class LateBar:
    """A progress bar on standard error, for work over a second on a terminal; silent otherwise."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._progress: Any = None

    def __enter__(self) -> Self:
        return self

    def columns(self) -> Sequence[Any]:
        """Return the columns of the bar; asked when it appears, so that nobody else imports its library."""
        raise NotImplementedError

    def update(self, **state: Any) -> None:
        """Show a state, the fields of rich's task; the bar appears when the work has taken a second."""
        if self._progress is None and sys.stderr.isatty() and time.monotonic() - self._started > 1:
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(*self.columns(), console=Console(stderr=True), transient=True)
            self._progress.add_task("", total=None)
            self._progress.start()
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], **state)

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()


class Bar(LateBar):
    """Counts what was done, in words such as `files judged`."""

    def __init__(self, words: str = "files judged") -> None:
        super().__init__()
        self._words = words
        self._done = 0

    def columns(self) -> Sequence[Any]:
        """Return a spinner, the words and the number."""
        from rich.progress import MofNCompleteColumn, SpinnerColumn, TextColumn

        return SpinnerColumn(), TextColumn(self._words), MofNCompleteColumn()

    def advance(self, files: int) -> None:
        """Count files that were finished."""
        self._done += files
        self.update(completed=self._done)
