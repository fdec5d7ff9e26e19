"""What became of a nightly run, and how it is told: as text, and as a message to a chat."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from auditor.api import Audit
from auditor.deliver.compare import Comparison, Earlier
from auditor.deliver.webhook import Message
from auditor.findings import Finding
from auditor.reports.text import (
    judged,
    plain,
    skipped_words,
    subject_words,
    verdict,
    with_status,
    without_commands,
    workload_words,
    worst_first,
)

_MOST_LINES = 50
_MOST_CLUSTERS = 3


@dataclass(frozen=True, slots=True)
class Night:
    """The result of a nightly run."""

    started: datetime
    audit: Audit
    fail_on: str
    new_only: bool
    """Whether only findings count that the run before did not have."""
    name: str | None = None
    """What the audited cluster is called; None takes it from the findings."""
    comparison: Comparison | None = None
    """What changed since the run before; None when no runs are kept, or they could not be read."""
    run: str | None = None
    """Where the reports are; None when they are nowhere."""
    done: tuple[str, ...] = ()
    """What was done besides the audit."""
    faults: tuple[str, ...] = ()
    """What failed besides the audit."""
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a finding that counts is at or above the threshold."""
        if self.new_only and self.comparison is not None:
            return self.comparison.failed(self.fail_on)
        return self.audit.failed(self.fail_on)

    @property
    def complete(self) -> bool:
        """Whether everything could be judged and delivered."""
        return self.audit.complete and not self.faults

    @property
    def told_findings(self) -> Sequence[Finding]:
        """The findings to name, worst first: the new ones, or all open ones where nothing could be compared."""
        found = with_status(self.audit.report, "new") if self.comparison is None else self.comparison.new
        return worst_first(found)


def render(night: Night) -> str:
    """Return the summary as text, bounded: the reports hold everything."""
    report = night.audit.report
    lines = [_title(night), judged(report), *_changes(night)]
    if night.audit.interrupted:
        lines.append("interrupted: nothing was stored or delivered")
    if night.run is not None or night.audit.interrupted:
        # Where nothing could be stored, the whole report follows.
        is_first = night.comparison is None or night.comparison.previous is None
        lines += _section("Findings" if is_first else "New", map(_finding, night.told_findings))
    if night.comparison is not None:
        title = "Fixed" if night.comparison.certain else "Fixed, or not seen in this run"
        lines += _section(title, map(_earlier, night.comparison.fixed))
    lines += _section("Not judged", map(skipped_words, report.skipped))
    lines += _section("Failed", map(plain, night.faults))
    lines += _section("Done", map(plain, night.done))
    lines += _section("Notes", map(plain, (*report.notes, *night.notes)))
    return without_commands("".join(f"{line}\n" for line in lines))


def message(night: Night) -> Message:
    """Return the summary for a chat."""
    report = night.audit.report
    where = [f"reports: {night.run}"] if night.run else []
    return Message(
        title=_title(night),
        lines=(*_changes(night), judged(report), *where),
        findings=tuple(night.told_findings),
        faults=(*night.faults, *map(skipped_words, report.skipped)),
    )


def _title(night: Night) -> str:
    report = night.audit.report
    clusters = {finding.cluster for finding in report.findings} | {item.cluster for item in report.skipped}
    names = sorted(name for name in clusters if name)
    more = f" and {len(names) - _MOST_CLUSTERS} more" if len(names) > _MOST_CLUSTERS else ""
    name = night.name or ", ".join(names[:_MOST_CLUSTERS]) + more
    when = f"{night.started.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return plain(f"Memory audit {f'of {name}, ' if name else ''}{when}: {verdict(report)}")


def _changes(night: Night) -> list[str]:
    comparison = night.comparison
    if comparison is None or comparison.previous is None:
        return []
    counts = f"{len(comparison.new)} new, {len(comparison.fixed)} fixed, {comparison.known} known"
    return [f"since {comparison.previous}: {counts}"]


def _section(title: str, items: Iterable[str]) -> list[str]:
    lines = list(items)
    if not lines:
        return []
    cut = len(lines) - _MOST_LINES
    more = [f"  and {cut} more"] if cut > 0 else []
    return ["", f"{title}:", *(f"  {line}" for line in lines[:_MOST_LINES]), *more]


def _finding(finding: Finding) -> str:
    where = f"{workload_words(finding.workload)}, {subject_words(finding)}"
    place = f"{finding.cluster}: " if finding.cluster else ""
    return plain(f"{finding.severity}: {place}{where}: {finding.message} [{finding.policy}]")


def _earlier(finding: Earlier) -> str:
    ref = finding.workload
    name = ref.name if ref.namespace is None else f"{ref.namespace}/{ref.name}"
    place = f"{finding.cluster}: " if finding.cluster else ""
    return plain(f"{finding.severity}: {place}{ref.kind} {name}: {finding.message} [{finding.policy}]")
