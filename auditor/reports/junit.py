"""The findings as JUnit XML: a suite for each file, a case for each finding and each input that was not judged."""

from collections.abc import Iterable
from html import escape  # not xml.sax.saxutils: that takes 20 ms to import and escapes the same five characters

from auditor.findings import Finding, Report, Skipped
from auditor.reports.text import (
    LEVELS,
    TOOL_NAME,
    group_words,
    plain,
    skipped_where,
    status,
    subject_words,
    verdict,
    waiver_words,
    where_words,
    workload_words,
)


def render(report: Report) -> str:
    """Return JUnit XML: critical, high and medium are failures, low and info pass with their words as output.

    Waived and known findings are skipped cases, inputs that could not be judged are errors. A report without any of
    them has one passing case, since runners take an empty file for a broken run.
    """
    suites = _suites(report)
    body = [line for file, cases in suites.items() for line in _suite(file, cases)]
    time = "" if report.seconds is None else f' time="{report.seconds:.3f}"'
    counts = _counts([case for cases in suites.values() for case in cases])
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites name={_attribute(TOOL_NAME)}{counts}{time}>"]
    return "\n".join([*lines, *body, "</testsuites>", ""])


_Case = tuple[str, list[str]]
"""What became of it (`failure`, `error`, `skipped` or `passed`) and its lines."""


def _suites(report: Report) -> dict[str, list[_Case]]:
    suites: dict[str, list[_Case]] = {}
    for finding in report.findings:
        suites.setdefault(group_words(finding), []).append(_finding_case(finding))
    for item in report.skipped:
        suites.setdefault(item.file or skipped_where(item), []).append(_skipped_case(item))
    if not suites:
        name = f"<testcase classname={_attribute(TOOL_NAME)} name={_attribute(verdict(report))}/>"
        suites[TOOL_NAME] = [("passed", [name])]
    return suites


def _suite(file: str, cases: list[_Case]) -> Iterable[str]:
    yield f"  <testsuite name={_attribute(file)}{_counts(cases)}>"
    for _, lines in cases:
        for line in lines:
            yield f"    {line}"
    yield "  </testsuite>"


def _counts(cases: list[_Case]) -> str:
    outcomes = [outcome for outcome, _ in cases]
    counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    rest = "".join(f' {name}="{outcomes.count(outcome)}"' for name, outcome in counted.items())
    return f' tests="{len(cases)}"{rest}'


def _finding_case(finding: Finding) -> _Case:
    place = finding.place
    where = where_words(finding)
    words = f"{where}: {finding.severity}: {finding.message} ({finding.path})"
    open_tag = _case_tag(
        workload_words(finding.workload),
        f"{finding.policy}: {subject_words(finding)}",
        place.file if place else None,
        place.line if place else None,
    )
    state = status(finding)
    if state != "new":
        reason = waiver_words(finding) or "known from the baseline"
        return "skipped", [open_tag, f"  <skipped message={_attribute(f'{reason}; {words}')}/>", "</testcase>"]
    if LEVELS[finding.severity] == "note":
        return "passed", [open_tag, f"  <system-out>{_text(words)}</system-out>", "</testcase>"]
    tag = f"<failure type={_attribute(finding.severity)} message={_attribute(finding.message)}>"
    return "failure", [open_tag, f"  {tag}{_text(words)}</failure>", "</testcase>"]


def _skipped_case(item: Skipped) -> _Case:
    where = skipped_where(item)
    open_tag = _case_tag("not judged", where, item.file or None, item.line)
    tag = f"<error type={_attribute('not judged')} message={_attribute(item.reason)}>"
    return "error", [open_tag, f"  {tag}{_text(f'{where}: {item.reason}')}</error>", "</testcase>"]


def _case_tag(classname: str, name: str, file: str | None, line: int | None) -> str:
    where = "" if file is None else f" file={_attribute(file)}"
    where += "" if line is None else f' line="{line}"'
    return f"<testcase classname={_attribute(classname)} name={_attribute(name)}{where}>"


# `plain` also removes what XML 1.0 cannot hold: control characters, surrogates, U+FFFE and U+FFFF are not printable.
def _attribute(text: str) -> str:
    return f'"{escape(plain(text), quote=True)}"'


def _text(text: str) -> str:
    return escape(plain(text), quote=False)
