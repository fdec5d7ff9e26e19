"""The store of reports: each run in a folder of its own, the last one also in `latest`, old ones removed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from auditor.deliver.compare import Comparison, compare, read_findings
from auditor.deliver.place import Place
from auditor.deliver.runs import (
    ABOUT,
    FILES,
    LATEST,
    VERSION,
    RunAbout,
    is_run_name,
    own_files,
    read_about,
    run_name,
    stored,
)
from auditor.findings import Report
from auditor.reports.text import TOOL_NAME, is_complete

_LOOKED_AT = 5
"""So many runs are tried until one can be compared with."""


class Written(msgspec.Struct, frozen=True):
    """What storing a run did."""

    run: str
    """The name of its folder."""
    removed: tuple[str, ...]
    """Older runs that were removed."""


def compare_with_last(place: Place, report: Report) -> tuple[Comparison, tuple[str, ...]]:
    """Return what changed since the newest run that can be read, and notes about those that cannot.

    Raises DeliveryError when the place cannot be used.
    """
    notes = []
    for run in _runs(place)[: -_LOOKED_AT - 1 : -1]:
        about = read_about(place.read(run, ABOUT))
        if about is None or about.run != run:
            # not ours, or one that is still being written
            continue
        try:
            earlier = read_findings(_checked(place.read(run, FILES["json"]), about))
        except ValueError as error:
            notes.append(f"run {run} is not compared with: {error}")
            continue
        return compare(report, run, earlier), tuple(notes)
    return compare(report, None, ()), (*notes, "there is no earlier run to compare with: every finding is new")


def _checked(data: bytes | None, about: RunAbout) -> bytes:
    """Return a run's JSON report. Raises ValueError when it is not the file that was written."""
    name = FILES["json"]
    if data is None:
        raise ValueError(f"its {name} is missing")
    if stored({name: data})[name] != about.files.get(name):
        raise ValueError(f"its {name} is not as it was written")
    return data


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is to be stored."""

    started: datetime
    """When it started, with a time zone."""
    report: Report
    """What it found."""
    comparison: Comparison
    """What changed since the last one."""
    files: dict[str, bytes]
    """Its reports by file name."""


def store_run(place: Place, new: NewRun, *, keep: int) -> Written:
    """Write a run's files, put them into `latest` unless a later run is there, and remove runs beyond `keep`.

    Raises DeliveryError; what is written by then stays.
    """

    def with_about(run: str) -> Mapping[str, bytes]:
        return {**new.files, ABOUT: msgspec.json.format(msgspec.json.encode(_about(run, new)), indent=2) + b"\n"}

    run = place.add(run_name(new.started), with_about)
    with place.alone():
        _update_latest(place, run, with_about(run))
        return Written(run, _prune(place, run, keep))


def _about(run: str, new: NewRun) -> RunAbout:
    return RunAbout(
        version=VERSION,
        tool=TOOL_NAME,
        tool_version=new.report.tool_version,
        run=run,
        started=new.started.astimezone(UTC).isoformat(timespec="seconds"),
        complete=is_complete(new.report),
        findings=new.report.summary.findings,
        previous=new.comparison.previous,
        new=len(new.comparison.new),
        fixed=len(new.comparison.fixed),
        files=stored(new.files),
    )


def _update_latest(place: Place, run: str, files: Mapping[str, bytes]) -> None:
    data = place.read(LATEST, ABOUT)
    there = read_about(data)
    if there is not None and there.run > run:
        return
    gone = [name for name in own_files(there) if name not in files] if there else []
    place.replace(LATEST, files, gone)


def _prune(place: Place, run: str, keep: int) -> tuple[str, ...]:
    """Remove the oldest runs of ours until `keep` are left, never the one just written."""
    ours = []
    for name in _runs(place):
        about = read_about(place.read(name, ABOUT))
        if about is not None and about.run == name:
            ours.append(about)
    # NOTE: the new one need not be last by its name: it may have the free name of one of the same second.
    others = [about for about in ours if about.run != run]
    old = others[: max(0, len(ours) - keep)]
    for about in old:
        place.remove(about.run, own_files(about))
    return tuple(about.run for about in old)


def _runs(place: Place) -> Sequence[str]:
    """Return the folders that are named like runs, oldest first."""
    return [name for name in place.folders() if is_run_name(name)]
