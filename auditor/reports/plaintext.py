"""The report as plain text: no colour, a finding a line, made for pipes, logs and grep."""

from auditor.findings import Finding, Report
from auditor.reports.layout import advice_lines, by_file_and_workload, note_lines, skipped_lines
from auditor.reports.text import (
    judged,
    plain,
    subject_words,
    verdict,
    waiver_words,
    where_words,
    with_status,
    without_commands,
    workload_words,
)


def render(report: Report) -> str:
    """Return the report as lines `file:line:column: severity: subject: message [policy]` below their workload."""
    lines = _findings(with_status(report, "new"))
    lines += _section("What to do", advice_lines(report))
    lines += _section("Waived", [line for line in _findings(with_status(report, "waived")) if line])
    lines += _section("Not judged", skipped_lines(report))
    lines += _section("Notes", note_lines(report))
    if lines:
        lines.append("")
    lines += [verdict(report), judged(report), ""]
    return without_commands("\n".join(lines))


def _section(title: str, items: list[str]) -> list[str]:
    return [*([""] if items else []), *([f"{title}:"] if items else []), *(f"  {item}" for item in items)]


def _findings(findings: list[Finding]) -> list[str]:
    lines: list[str] = []
    for workloads in by_file_and_workload(findings).values():
        for workload, members in workloads.items():
            lines += ["", plain(f"{workload_words(workload)} ({workload.api_version})")]
            lines += [_line(finding) for finding in members]
    return lines[1:]


def _line(finding: Finding) -> str:
    where = where_words(finding) if finding.place else _object_words(finding)
    waiver = waiver_words(finding)
    text = f"{where}: {finding.severity}: {subject_words(finding)}: {finding.message} [{finding.policy}]"
    return plain(f"{text} ({waiver})" if waiver else text)


def _object_words(finding: Finding) -> str:
    words = workload_words(finding.workload)
    return words if finding.cluster is None else f"{finding.cluster}: {words}"
