"""The findings as GitHub's workflow commands: annotations on the lines of a pull request."""

from collections.abc import Sequence

from auditor.findings import Finding, Place, Report, Skipped
from auditor.reports.text import (
    LEVELS,
    counted,
    finding_words,
    judged,
    plain,
    skipped_where,
    verdict,
    with_status,
    without_commands,
    worst_first,
)

LIMIT = 10
"""GitHub shows ten annotations of each level a step and drops the others without a word."""

_RESERVED_FOR_SKIPPED = 3
"""At most so many of the ten errors go to inputs that could not be judged, when findings need the others."""


def render(report: Report) -> str:
    """Return at most ten commands of each level, worst first; the last notice tells how many findings are not shown.

    Waived and known findings are not annotated. The last lines are plain text for the log.
    """
    commands = within_limits(with_status(report, "new"), report.skipped)
    # The verdict holds numbers and our own words only, so it cannot be a command.
    return "\n".join([*commands, without_commands(verdict(report)), judged(report), ""])


def within_limits(findings: Sequence[Finding], inputs: Sequence[Skipped]) -> list[str]:
    """Return the commands for findings and inputs that could not be judged, as many as GitHub shows."""
    by_level: dict[str, list[str]] = {"error": [], "warning": [], "note": []}
    for finding in worst_first(findings):
        by_level[LEVELS[finding.severity]].append(_command(finding))
    skipped = [_skipped(item) for item in inputs]
    kept = skipped[: max(LIMIT - len(by_level["error"]), _RESERVED_FOR_SKIPPED)]
    errors = by_level["error"][: LIMIT - len(kept)] + kept
    warnings = by_level["warning"][:LIMIT]
    notices = by_level["note"]
    total = sum(len(commands) for commands in by_level.values()) + len(skipped)
    if len(notices) > LIMIT or len(errors) + len(warnings) + len(notices) < total:
        notices = notices[: LIMIT - 1]
        hidden = total - len(errors) - len(warnings) - len(notices)
        notices = [*notices, _more(hidden)]
    return [*errors, *warnings, *notices]


def _more(hidden: int) -> str:
    words = f"{counted(hidden, 'further result')} not shown: GitHub shows {LIMIT} annotations of a level in a step."
    return f"::notice title={_property('Memory audit')}::{_data(words + ' The other reports have all of them.')}"


def _command(finding: Finding) -> str:
    level = LEVELS[finding.severity].replace("note", "notice")
    title = f"{finding.severity}: {finding.policy}"
    return _write(level, [*_span(finding.place), f"title={_property(title)}"], finding_words(finding))


def _skipped(item: Skipped) -> str:
    properties = [f"file={_property(item.file)}"] if item.file not in ("", "-") else []
    properties += [f"line={item.line}"] if item.line is not None and properties else []
    properties += [f"col={item.column}"] if item.column is not None and item.line is not None and properties else []
    return _write(
        "error", [*properties, f"title={_property('not judged')}"], f"{item.file or skipped_where(item)}: {item.reason}"
    )


def _span(place: Place | None) -> list[str]:
    """Properties of a place. GitHub takes columns only where they are on one line, and no file for standard input."""
    if place is None or place.file == "-":
        return []
    span = [f"file={_property(place.file)}", f"line={place.line}", f"endLine={place.end_line}"]
    if place.line == place.end_line:
        span += [f"col={place.column}", f"endColumn={place.end_column}"]
    return span


def _write(level: str, properties: list[str], message: str) -> str:
    return f"::{level} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
