"""`auditor diff`: what a change does to memory."""

import shutil
import sys
from typing import Any

import click

from auditor.cli.common import Output, exit_code, parse_outputs, write_output
from auditor.cli.options import options_from, reading_options, report_options
from auditor.cli.outputs import needs_replacements
from auditor.cli.progress import Bar
from auditor.reports.diff import DIFF_FORMATS

_LEAST_MARKDOWN = 2_000


@click.command()
@click.argument("base")
@click.argument("head", required=False)
@click.option("--path", "only", multiple=True, metavar="PATH", help="Look only there; repeatable.")
@click.option(
    "--merge-base", is_flag=True, help="Compare with the commit at which HEAD left BASE, as BASE...HEAD does."
)
@click.option("--trust-head", is_flag=True, help="Take config, policies, waivers and baseline from HEAD.")
@click.option("--all", "count_all", is_flag=True, help="Count and show unchanged findings too.")
@click.option(
    "--markdown-limit",
    type=click.IntRange(min=_LEAST_MARKDOWN),
    metavar="BYTES",
    help="Cut the Markdown there. [default: 1 MiB]",
)
@reading_options
@report_options(tuple(DIFF_FORMATS))
def diff(**arguments: Any) -> int:
    """Compare BASE with HEAD: git revisions, paths or snapshots. Without HEAD: the work tree.

    Exit codes: 0 no new findings at or above --fail-on, 1 new ones, 2 wrong use, 3 something could not be judged.
    """
    outputs = parse_outputs(arguments["outputs"], tuple(DIFF_FORMATS), quiet=arguments["quiet"])
    from auditor.diff.compare import compare
    from auditor.diff.sides import Asked

    asked = Asked(
        base=arguments["base"],
        head=arguments["head"],
        paths=arguments["only"],
        merge_base=arguments["merge_base"],
        trust_head=arguments["trust_head"],
    )
    with Bar() as bar:
        told = {"baseline": arguments["baseline"], "replacements": needs_replacements(outputs)}
        options = options_from(arguments, **told)
        found = compare(asked, options, count_all=arguments["count_all"], progress=bar.advance)
    for output in outputs:
        write_output(output, _render(output, found, arguments["markdown_limit"]))
    failed = found.failed(arguments["fail_on"] or found.fail_on or "medium")
    return exit_code(failed=failed, complete=found.complete)


def _render(output: Output, found: Any, limit: int | None) -> str:
    render = DIFF_FORMATS[output.format]
    if output.format == "markdown" and limit is not None:
        return render(found, limit=limit)
    if output.format == "table" and output.path is None and sys.stdout.isatty():
        return render(found, width=shutil.get_terminal_size().columns, colour=True)
    return render(found)
