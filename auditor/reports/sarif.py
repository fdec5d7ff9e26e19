"""The findings as SARIF 2.1.0 (OASIS Standard with errata 01), shaped so that GitHub code scanning takes them whole."""

from typing import Any

from auditor.findings import Finding, Replacement, Report, Rule, Skipped
from auditor.reports.locations import ROOT, artifact, location, related
from auditor.reports.text import LEVELS, TOOL_NAME, counted, encode_json, fix_words, is_complete, plain, worst_first

MAX_RESULTS = 5_000
"""GitHub shows the first 5,000 results of a run and refuses more than 25,000."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_NAMES = {"qos": "QoS", "jvm": "JVM", "limitrange": "LimitRange"}
_NOTIFICATIONS = {
    "input-skipped": "An input, or a part of one, could not be judged.",
    "results-cut": "There are more findings than results.",
    "note": "What a reader of the results must know besides.",
}


def render(report: Report) -> str:
    """Return one SARIF run: every policy a rule, at most `MAX_RESULTS` results, the worst kept and first."""
    return encode_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]}, indent=1) + "\n"


def _run(report: Report) -> dict[str, Any]:
    kept = _most_important(report.findings)
    return {
        "tool": {"driver": _driver(report)},
        "automationDetails": {"id": f"{TOOL_NAME}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder in which the auditor ran."}}},
        "invocations": [_invocation(report, len(report.findings) - len(kept))],
        "results": _results(report, kept),
        "properties": {"kubernetesVersion": report.kubernetes_version},
    }


def _most_important(findings: tuple[Finding, ...]) -> list[Finding]:
    """Return the findings worst first, waived ones after all others, cut to what consumers take."""
    open_findings = worst_first(finding for finding in findings if finding.waived is None)
    waived = worst_first(finding for finding in findings if finding.waived is not None)
    return [*open_findings, *waived][:MAX_RESULTS]


def _driver(report: Report) -> dict[str, Any]:
    return {
        "name": TOOL_NAME,
        "version": report.tool_version,
        "rules": [_rule(rule) for rule in report.rules],
        "notifications": [{"id": name, "shortDescription": {"text": text}} for name, text in _NOTIFICATIONS.items()],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    links = [link for link in rule.references if link.startswith(("https://", "http://"))]
    described = {
        "id": rule.id,
        "shortDescription": {"text": _title(rule.id)},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\n{rule.remediation}", "markdown": _help(rule)},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        # NOTE: no `security-severity`: it would turn a configuration finding into a security alert with a CVSS score.
        "properties": {"tags": [*rule.tags, rule.scope], "severity": rule.severity},
    }
    if links:
        described["helpUri"] = links[0]
    return described


def _title(rule_id: str) -> str:
    """Return a policy's id as words: `memory-limit-missing` is `Memory limit missing`."""
    words = " ".join(_NAMES.get(word, word) for word in rule_id.split("-"))
    return words[:1].upper() + words[1:]


def _help(rule: Rule) -> str:
    parts = [
        f"**{rule.id}** · {rule.severity} · judges each {rule.scope}",
        rule.why,
        f"**What to do:** {rule.remediation}",
        "\n".join(f"- <{link}>" for link in rule.references),
    ]
    return "\n\n".join(part for part in parts if part)


def _results(report: Report, findings: list[Finding]) -> list[dict[str, Any]]:
    indexes = {rule.id: number for number, rule in enumerate(report.rules)}
    artifacts: dict[str, dict[str, Any]] = {}
    # SARIF 2.1.0, 3.27.23 and 3.27.24: `suppressions` stands in all results of a run or in none, and so does
    # `baselineState`; an empty list of suppressions says "not waived".
    any_waived = any(finding.waived is not None for finding in findings)
    any_baseline = any(finding.baseline is not None for finding in findings)
    results = []
    for finding in findings:
        result = _result(finding, artifacts)
        if finding.policy in indexes:
            result["ruleIndex"] = indexes[finding.policy]
        if any_waived:
            result["suppressions"] = _suppressions(finding)
        if any_baseline:
            result["baselineState"] = finding.baseline or "new"
        results.append(result)
    return results


def _result(finding: Finding, artifacts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.policy,
        "level": LEVELS[finding.severity],
        "message": {"text": _message(finding.message)},
        "locations": [location(finding, artifacts)],
        "partialFingerprints": {"memoryAuditor/v1": finding.fingerprint},
        "properties": _properties(finding),
    }
    if finding.related:
        result["relatedLocations"] = related(finding, artifacts)
    if finding.replacements:
        result["fixes"] = [_fix(finding, finding.replacements)]
    return result


def _fix(finding: Finding, replacements: tuple[Replacement, ...]) -> dict[str, Any]:
    """Return the fix: for each file, whole lines and what to write instead of them."""
    by_file: dict[str, list[dict[str, Any]]] = {}
    for item in replacements:
        by_file.setdefault(item.file, []).append(_replacement(item))
    changes = [{"artifactLocation": artifact(file), "replacements": some} for file, some in by_file.items()]
    return {"description": {"text": _message(fix_words(finding))}, "artifactChanges": changes}


def _replacement(item: Replacement) -> dict[str, Any]:
    """Return lines without their last line break, which stays; lines that are removed go with theirs."""
    if not item.text:
        region = {"startLine": item.line, "startColumn": 1, "endLine": item.end_line + 1, "endColumn": 1}
        return {"deletedRegion": region}
    text = item.text.removesuffix("\n").removesuffix("\r")
    # NOTE: without an end column a region ends before the line break (SARIF 2.1.0, 3.30.8).
    region = {"startLine": item.line, "startColumn": 1, "endLine": item.end_line}
    return {"deletedRegion": region, "insertedContent": {"text": text}}


def _properties(finding: Finding) -> dict[str, Any]:
    bag: dict[str, Any] = {"severity": finding.severity, "path": finding.path}
    if finding.actual_bytes is not None:
        bag["actualBytes"] = finding.actual_bytes
    if finding.expected_bytes is not None:
        bag["expectedBytes"] = finding.expected_bytes
    return bag


def _message(text: str) -> str:
    """Return the message with no embedded link: SARIF reads `[words](target)`, and a manifest may hold one."""
    return plain(text).replace("](", "] (")


def _suppressions(finding: Finding) -> list[dict[str, Any]]:
    """Return the waiver: `inSource` for an annotation or a comment, `external` for a waiver file; none is `[]`."""
    waived = finding.waived
    if waived is None:
        return []
    in_source = waived.by == "annotation" or waived.by.startswith(("annotation ", "comment "))
    return [
        {
            "kind": "inSource" if in_source else "external",
            "status": "accepted",
            "justification": plain(f"{waived.reason} (until {waived.expires}, {waived.by})"),
        }
    ]


def _invocation(report: Report, cut: int) -> dict[str, Any]:
    """Return how the run went: `executionSuccessful` is false exactly where the audit is incomplete.

    Incomplete is what exit code 3 says: an input could not be judged, or there was no object. Findings are a success.
    """
    notifications = [_skipped(item) for item in report.skipped]
    if cut:
        text = f"{counted(cut, 'finding')} not shown: a run holds {MAX_RESULTS} results. JSON and CSV hold all."
        notifications.append(_notification("results-cut", "warning", text))
    notifications += [_notification("note", "note", _message(note)) for note in report.notes]
    return {"executionSuccessful": is_complete(report), "toolExecutionNotifications": notifications}


def _notification(name: str, level: str, text: str) -> dict[str, Any]:
    index = list(_NOTIFICATIONS).index(name)
    return {"descriptor": {"id": name, "index": index}, "level": level, "message": {"text": text}}


def _skipped(item: Skipped) -> dict[str, Any]:
    if item.cluster is not None:
        return _notification("input-skipped", "error", _message(f"cluster {item.cluster}: {item.reason}"))
    physical: dict[str, Any] = {"artifactLocation": artifact(item.file)}
    if item.line is not None:
        physical["region"] = {"startLine": item.line}
        if item.column is not None:
            physical["region"]["startColumn"] = item.column
    notification = _notification("input-skipped", "error", _message(item.reason))
    return {**notification, "locations": [{"physicalLocation": physical}]}
