"""How the table and the plain text order and word an audit; the two differ in width, colour and line form only."""

from auditor.findings import Finding, Report, WorkloadRef, severity_rank
from auditor.reports.text import counted, group_words, plain, skipped_words, with_status

Groups = dict[str, dict[WorkloadRef, list[Finding]]]


def by_file_and_workload(findings: list[Finding]) -> Groups:
    """Return the findings by file or cluster, then workload, in their order."""
    groups: Groups = {}
    for finding in findings:
        groups.setdefault(group_words(finding), {}).setdefault(finding.workload, []).append(finding)
    return groups


def advice_lines(report: Report) -> list[str]:
    """Return what to do about each policy that has findings, worst first, each once: advice is the policy's."""
    ranks: dict[str, int] = {}
    for finding in with_status(report, "new"):
        rank = severity_rank(finding.severity)
        ranks[finding.policy] = min(rank, ranks.get(finding.policy, rank))
    advice = {rule.id: rule.remediation for rule in report.rules}
    names = sorted(ranks, key=lambda name: (ranks[name], name))
    return [plain(f"{name}: {advice[name]}") for name in names if name in advice]


def skipped_lines(report: Report) -> list[str]:
    """Return a line for each input that could not be judged."""
    return [skipped_words(item) for item in report.skipped]


def note_lines(report: Report) -> list[str]:
    """Return the notes, and where the findings are that the baseline holds: they are counted here, listed elsewhere."""
    notes = [plain(note) for note in report.notes]
    known = report.summary.known
    if known:
        listed = "it is" if known == 1 else "they are"
        notes.append(f"{counted(known, 'finding')} known from the baseline; {listed} listed in json, sarif and csv")
    return notes
