"""The JSON of sizing: its own types, with a version; every key is always present, null is absent."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from auditor.findings import Skipped
from auditor.sizing.backtest import Outcome
from auditor.sizing.model import Recommendation, Totals
from auditor.sizing.patches import Sized, fixes

VERSION = 1


class SizedContainer(msgspec.Struct, frozen=True):
    """One container: what is recommended, and the edits that make it so."""

    recommendation: Recommendation
    """The numbers and their reasons."""
    fix: tuple[dict[str, Any], ...]
    """Path in the object and value to write there; empty when nothing changes."""


class SizingDocument(msgspec.Struct, frozen=True):
    """The recommendations of one run."""

    version: int
    """1."""
    profile: str
    """The profile's id."""
    containers: tuple[SizedContainer, ...]
    """In input order."""
    totals: tuple[Totals, ...]
    """By cluster and namespace."""
    skipped: tuple[Skipped, ...]
    """Inputs that could not be read."""
    notes: tuple[str, ...]
    """What a reader must know besides."""


class BacktestDocument(msgspec.Struct, frozen=True):
    """The back-test of one run."""

    version: int
    """1."""
    fit_ratio: float
    """The share of each window that the profiles saw."""
    outcomes: tuple[Outcome, ...]
    """What was really set, then each profile."""
    skipped: tuple[Skipped, ...]
    """Inputs that could not be read."""


def sizing_document(
    pairs: Iterable[Sized],
    sums: Sequence[Totals],
    *,
    profile: str,
    skipped: Iterable[Skipped] = (),
    notes: Iterable[str] = (),
) -> SizingDocument:
    """Return the recommendations as JSON has them."""
    containers = tuple(SizedContainer(item, fixes(source, item)) for source, item in pairs)
    return SizingDocument(VERSION, profile, containers, tuple(sums), tuple(skipped), tuple(notes))


def backtest_document(
    outcomes: Sequence[Outcome], *, fit_ratio: float, skipped: Iterable[Skipped] = ()
) -> BacktestDocument:
    """Return the back-test as JSON has it."""
    return BacktestDocument(VERSION, fit_ratio, tuple(outcomes), tuple(skipped))
