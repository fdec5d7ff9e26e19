"""What a pull is told and what it says: values only."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec

from auditor.findings import Skipped


class Secret(msgspec.Struct, frozen=True):
    """A text that no error, log or representation may show."""

    value: str
    """The text itself."""

    def __repr__(self) -> str:
        """Return a word in its place."""
        return "Secret(***)"

    __str__ = __repr__


class PullConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server is, how to speak to it, and how much to ask for."""

    url: str
    """The API's root, such as `https://prometheus.example:9090` or the API server's service proxy; a path before
    `/api/v1` is kept."""
    token: Secret | None = None
    """Bearer token; at most one of token, token_file and username."""
    token_file: Path | None = None
    """A file that holds the bearer token; it is read at each request, since tokens of service accounts rotate."""
    username: str | None = None
    """User of basic authentication."""
    password: Secret | None = None
    """Password of that user."""
    client_certificate: Path | None = None
    """PEM file of a client certificate, with its key unless `client_key` is given."""
    client_key: Path | None = None
    """PEM file of the certificate's key."""
    ca_file: Path | None = None
    """PEM file of the authorities to trust instead of the system's."""
    verify: bool = True
    """Whether the server's certificate is verified."""
    headers: tuple[tuple[str, Secret], ...] = ()
    """Headers sent with each request, such as `X-Scope-OrgID`."""
    cluster: str = ""
    """The cluster's name in the table; empty takes `cluster_value`."""
    cluster_label: str = ""
    """Label that tells clusters apart in a shared store; empty for a store of one cluster."""
    cluster_value: str = ""
    """The value of that label."""
    window_days: int = 14
    """How many whole days before today (UTC) the table should hold."""
    workers: int = 4
    """Requests at once."""
    query_timeout_seconds: int = 60
    """What the server is told as `timeout=`; the connection waits ten seconds more."""
    connect_timeout_seconds: float = 10.0
    """How long to wait for a connection."""
    max_body_bytes: int = 64 * 2**20
    """An answer longer than this, unpacked, counts as too many samples."""
    max_wait_seconds: float = 120.0
    """The longest Retry-After that is obeyed; a server that asks for more is given up."""
    samples_per_request: int = 100_000_000
    """How many samples a request may make the server look at."""
    settle_seconds: int = 900
    """A day is whole so long after its end: late scrapes and late remote writes are then in."""
    pressure_rule: str = "namespace_pod_container:container_pressure_memory_waiting_seconds:rate5m"
    """A recording rule of the rate of container_pressure_memory_waiting_seconds_total; asked for where it exists."""

    @property
    def table_cluster(self) -> str:
        """Return the name that rows carry."""
        return self.cluster or self.cluster_value


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a pull is."""

    done: int
    """Requests that are finished, of those planned."""
    total: int
    """Requests planned so far; halving adds some."""
    step: str
    """What is being asked for, such as `2026-11-01`."""


class PullResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a pull did."""

    cluster: str
    """The name that the rows carry."""
    days_wanted: tuple[date, ...]
    """The days of the window that the table lacked, in order."""
    days_written: tuple[date, ...]
    """Days written, those with gaps included."""
    days_empty: tuple[date, ...]
    """Days for which the server has no sample."""
    days_incomplete: tuple[date, ...]
    """Days of which a part could not be had: the next pull asks for them again."""
    rows: int
    """Rows written."""
    containers: int
    """Different containers of pods in them."""
    requests: int
    """Requests sent."""
    received_bytes: int
    """Bytes of bodies received, as they came over the wire."""
    seconds: float
    """Wall time."""
    interval_seconds: float | None
    """The scrape interval that most days have; None when it was not seen."""
    coverage_ratio: float | None
    """Mean coverage of the rows, 0 to 1; None without rows or interval."""
    missing: tuple[str, ...]
    """Metrics that the server does not have."""
    notes: tuple[str, ...]
    """What a reader must know besides: what the missing metrics leave unknown, values that were dropped."""
    skipped: tuple[Skipped, ...]
    """What was asked and not had, for good."""


Matcher = tuple[str, str, str]
"""Label, operator (`=`, `!=`, `=~`, `!~`), value; the value is plain for `=` and RE2 for `=~`."""


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a cluster: namespaces that are named, or all others; in one of them perhaps only some pods."""

    names: tuple[str, ...]
    """The namespaces that are known to be in it."""
    others: bool = False
    """Whether namespaces that nobody named are in it too: those of short-lived pods that counting did not see."""
    excluded: tuple[str, ...] = ()
    """With `others`: the namespaces of the other shards."""
    endings: str = ""
    """Last characters of the pods' names; empty for all."""


class Days(msgspec.Struct, frozen=True, order=True):
    """Consecutive days, both ends included."""

    first: date
    """The first day."""
    last: date
    """The last day."""

    def __len__(self) -> int:
        """Return how many days these are."""
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        """Yield each day, in order."""
        for ordinal in range(self.first.toordinal(), self.last.toordinal() + 1):
            yield date.fromordinal(ordinal)
