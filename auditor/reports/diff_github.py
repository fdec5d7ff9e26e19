"""The comparison as GitHub's workflow commands: annotations of new findings on lines that the change shows."""

from auditor.diff.model import Diff
from auditor.reports.diff import verdict
from auditor.reports.github import within_limits
from auditor.reports.text import counted, plain, without_commands


def render(diff: Diff) -> str:
    """Return at most ten commands of each level, worst first; the last lines are plain text for the log.

    A new finding whose line is far from every change is not annotated: GitHub shows it nowhere in the pull request.
    """
    counting = diff.counted
    near = [item.finding for item in counting if item.on_changed_line or item.in_view]
    lines = within_limits(near, diff.report.skipped)
    lines += [without_commands(plain(diff.sentence)), verdict(diff)]
    elsewhere = len(counting) - len(near)
    if elsewhere:
        lines.append(f"{counted(elsewhere, 'finding')} not on changed lines: the other reports have all of them.")
    return "\n".join([*lines, ""])
