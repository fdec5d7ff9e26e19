"""Faults of an input, so many that naming all would bury them: the first of each sort are named, the others counted."""

from auditor.findings import Skipped

LISTED = 20
"""Faults of one sort in one file that are named one by one."""


class Faults:
    """Collects what could not be read."""

    def __init__(self) -> None:
        self._listed: list[Skipped] = []
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, file: str, line: int | None, sort: str, reason: str) -> None:
        """Add a fault; `sort` is what the count of the further ones is called by."""
        count = self._counts.get((file, sort), 0) + 1
        self._counts[file, sort] = count
        if count <= LISTED:
            self._listed.append(Skipped(file, line, None, reason))

    def result(self) -> tuple[Skipped, ...]:
        """Return all faults in order of file and line, the counts of a file at its end."""
        order = [((item.file, 0, item.line or 0), item) for item in self._listed]
        for (file, sort), count in self._counts.items():
            if count > LISTED:
                rest = Skipped(file, None, None, f"{count - LISTED} more of this sort: {sort}")
                order.append(((file, 1, 0), rest))
        return tuple(item for _, item in sorted(order, key=lambda pair: pair[0]))
