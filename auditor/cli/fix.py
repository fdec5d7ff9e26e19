"""`auditor fix`: writes into manifests what policies and history say to change."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.common import exit_code, standard_input
from auditor.cli.options import audit_options, options_from
from auditor.findings import Finding
from auditor.reports.text import counted, fix_words, plain, skipped_words, where_words, without_commands

if TYPE_CHECKING:
    from auditor.fixes.judging import Fixed
    from auditor.sources.model import InputFile


@click.command()
@audit_options
@click.option("--policy", "only", multiple=True, metavar="ID", help="Fix what this policy finds, no other; repeatable.")
@click.option("--diff", is_flag=True, help="Print a patch for `git apply`; write nothing.")
@click.option("--complete", is_flag=True, help="The input is a whole cluster: what is missing in it is missing.")
def fix(**arguments: Any) -> int:
    """Write into manifests what policies, and history with --usage, say to change.

    Comments, order and layout survive. Nothing is lowered without a week of history, and no fix that makes another
    policy fire is made. Exit codes: 0, 2 wrong use, 3 something could not be judged, fixed or written.
    """
    from auditor.api import inputs_of, usable_cores
    from auditor.fixes.judging import fix_files

    options = options_from(arguments, complete=arguments["complete"])
    found, rules = inputs_of(arguments["paths"], options, stdin=standard_input(arguments["paths"]))
    _known_policies(arguments["only"], rules.task.plan.selection.everywhere())
    fixed = fix_files(found, rules, options.jobs or usable_cores(), arguments["only"])
    files = {file.shown: file for file in found.files}
    failed = False
    if arguments["diff"]:
        _patch(fixed, files)
    else:
        failed = _write(fixed, files)
    _tell(fixed, written=not arguments["diff"])
    incomplete = bool(fixed.before.skipped) or not fixed.before.summary.objects
    return exit_code(failed=False, complete=not (failed or incomplete or fixed.refused))


def _known_policies(names: Sequence[str], active: Sequence[Any]) -> None:
    from auditor.expressions.near import instead

    known = {item.policy.id: item for item in active}
    for name in names:
        if name not in known:
            near = instead(name, known) or "; `auditor policies list` names those that are active"
            raise click.UsageError(f"--policy {name}: no such policy{near}")


def _patch(fixed: "Fixed", files: "dict[str, InputFile]") -> None:
    """Print the patch."""
    from auditor.reports.patch import patch

    for shown, content in sorted(fixed.contents.items()):
        name = os.fsencode(os.path.relpath(files[shown].path)).replace(os.fsencode(os.sep), b"/")
        sys.stdout.buffer.write(patch(name, fixed.originals[shown], content))
    sys.stdout.buffer.flush()


def _write(fixed: "Fixed", files: "dict[str, InputFile]") -> bool:
    """Write the files; return whether one could not be."""
    from auditor.fixes.write import WriteError, write_fixed

    failed = False
    for shown, content in sorted(fixed.contents.items()):
        try:
            write_fixed(files[shown].path, fixed.originals[shown], content)
        except WriteError as error:
            failed = True
            _say(f"{plain(shown)}: not fixed: {error}")
    return failed


def _tell(fixed: "Fixed", *, written: bool) -> None:
    """Tell each fix and each that cannot be made, on standard error beside a patch."""
    for finding in fixed.made:
        _say(f"{_where(finding)}: {'fixed' if written else 'fix'}: {fix_words(finding)}", err=not written)
    for refusal in fixed.refused:
        line = "" if refusal.line is None else f" (line {refusal.line})"
        _say(f"{_where(refusal.finding)}: not fixed: {plain(refusal.reason)}{line}")
    for item in fixed.before.skipped:
        _say(f"skipped: {skipped_words(item)}")
    files = counted(len(fixed.contents), "file")
    _say(f"{counted(len(fixed.made), 'finding')} fixed in {files}" if fixed.contents else "nothing to fix")


def _say(text: str, *, err: bool = True) -> None:
    click.echo(without_commands(text), err=err)


def _where(finding: Finding) -> str:
    return f"{plain(where_words(finding))}: {finding.policy}"
