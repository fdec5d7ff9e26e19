"""What the ways in share: what they return, and the bounds of a credible sample."""

from datetime import datetime, timedelta

import msgspec

from auditor.findings import Skipped
from auditor.usage.model import UsageDay

MAX_SAMPLE_BYTES = 2**50
"""More than a PiB is no memory of a container: an underflow, or a wrong unit."""
FUTURE_TOLERANCE = timedelta(minutes=5)
"""How far a clock may run ahead."""
EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
"""No sample is older: such a time is a wrong unit."""


class ImportResult(msgspec.Struct, frozen=True):
    """What a source gave: days of history, what could not be read, and what a reader must know."""

    rows: tuple[UsageDay, ...]
    """Sorted by cluster, namespace, pod, container and day."""
    skipped: tuple[Skipped, ...]
    """Bad parts with their places; of many of one sort in one file the first are named and the others counted."""
    notes: tuple[str, ...]
    """How the numbers are to be taken: coverage, rounding, what was left out on purpose."""


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What every source may be told."""

    now: datetime
    """The present: later samples are refused, and rows say that they were collected then. Needs a time zone."""
    cluster: str = ""
    """The cluster's name, for samples that name none."""
    namespace: str | None = None
    """The namespace of samples that name none."""
    time_zone: str = "UTC"
    """The zone of times that name none, such as `Europe/Berlin`."""
    unit: str | None = None
    """The unit of the numbers, such as `MiB`; None reads it off the column's name, bytes otherwise."""
    at: datetime | None = None
    """When a text without times was taken; None takes the file's own time. Needs a time zone."""
