"""`auditor size`: the requests and limits that history argues for, as a table or a patch."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from auditor.cli.common import Output, exit_code, parse_outputs, standard_input, write_output
from auditor.cli.options import options_from, paths_and_options
from auditor.findings import Skipped
from auditor.kube.humane import format_bytes, percent_text
from auditor.reports.csv import Cell, write_rows
from auditor.reports.text import bytes_words, columns, counted, encode_json, place_words, plain, without_commands
from auditor.sizing.backtest import FIT_RATIO, Outcome
from auditor.sizing.model import Profile, Recommendation, SizingInput, Totals
from auditor.sizing.patches import Sized

FORMATS = ("table", "json", "csv", "kustomize", "json-patch", "helm")
"""What recommendations may be written as; a back-test takes the first three."""

CSV_COLUMNS = (
    "cluster",
    "namespace",
    "kind",
    "name",
    "container",
    "container_type",
    "replicas",
    "profile",
    "request_bytes",
    "limit_bytes",
    "recommended_request_bytes",
    "recommended_limit_bytes",
    "request_difference_bytes",
    "limit_difference_bytes",
    "monthly_cost_difference",
    "days",
    "coverage_ratio",
    "floor_bytes",
    "pod_days",
    "request_over_pod_days",
    "limit_over_pod_days",
    "reasons",
)
"""The columns of `--output csv`, fields of Recommendation; new ones are added at the right."""

BACKTEST_COLUMNS = Outcome.__struct_fields__
"""The columns of a back-test's CSV."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is sized."""

    items: tuple[SizingInput, ...]
    skipped: tuple[Skipped, ...]


@click.command()
@paths_and_options
@click.option(
    "--inputs",
    metavar="FILE",
    help="In place of PATHs: containers with their history, a JSON object a line; - is stdin.",
)
@click.option("--sizing", "names", multiple=True, metavar="NAME", help="Sizing profile. [default: balanced]")
@click.option(
    "--sizing-folder", "folders", multiple=True, metavar="FOLDER", help="Profiles besides the shipped; override by id."
)
@click.option("--price", type=click.FloatRange(min=0), metavar="NUMBER", help="Price of a GiB of memory for an hour.")
@click.option("--helm-mapping", metavar="FILE", help="Which Helm value holds the resources of which container.")
@click.option("--backtest", is_flag=True, help="Size by the first part of the window, judge on the rest.")
@click.option(
    "--fit-ratio",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=FIT_RATIO,
    show_default=True,
    help="The part of the window that a back-test sizes by.",
)
@click.option(
    "--output", "outputs", multiple=True, metavar="FORMAT[=PATH]", help=f"Repeatable. Formats: {', '.join(FORMATS)}."
)
@click.option("--quiet", is_flag=True, help="No table on standard output when files are written.")
def size(**arguments: Any) -> int:
    """Recommend memory requests and limits from history.

    Exit codes: 0, 2 wrong use, 3 something could not be read or sized by its mapping.
    """
    formats = FORMATS[:3] if arguments["backtest"] else FORMATS
    outputs = parse_outputs(arguments["outputs"], formats, quiet=arguments["quiet"])
    if any(output.format == "helm" for output in outputs) and arguments["helm_mapping"] is None:
        raise click.UsageError("--output helm: needs --helm-mapping FILE")
    profiles = _profiles(arguments)
    gathered = _gathered(arguments)
    if arguments["backtest"]:
        return _backtest(gathered, profiles, arguments["fit_ratio"], outputs)
    return _size(gathered, profiles, arguments, outputs)


def _profiles(arguments: dict[str, Any]) -> list[Profile]:
    from auditor.expressions.near import instead
    from auditor.sizing.load import load_profiles, shipped_folder

    shipped = shipped_folder()
    known = load_profiles([shipped, *map(Path, arguments["folders"])], trusted=shipped)
    names = arguments["names"] or (tuple(known) if arguments["backtest"] else ("balanced",))
    for name in names:
        if name not in known:
            near = instead(name, known) or f"; there are {', '.join(known)}"
            raise click.UsageError(f"--sizing {name}: no such profile{near}")
    if len(names) > 1 and not arguments["backtest"]:
        raise click.UsageError("--sizing: one profile sizes; several are compared by --backtest")
    return [known[name] for name in dict.fromkeys(names)]


def _gathered(arguments: dict[str, Any]) -> Gathered:
    """Return what the manifests and the history hold, or what a file of joined containers does."""
    from auditor.api import sizing_inputs
    from auditor.sizing.inputs import read_lines

    path, paths = arguments["inputs"], arguments["paths"]
    if (path is None) is not bool(paths):
        raise click.UsageError("name manifests, or --inputs FILE")
    if path is None:
        return Gathered(*sizing_inputs(paths, options_from(arguments), stdin=standard_input(paths)))
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise click.UsageError(f"--inputs {path}: {error.strerror}") from error
    return Gathered(*read_lines(content, path))


def _size(gathered: Gathered, profiles: Sequence[Profile], arguments: dict[str, Any], outputs: Iterable[Output]) -> int:
    from auditor.sizing.helm import helm_values, load_mapping
    from auditor.sizing.patches import json_patches, kustomize_component
    from auditor.sizing.program import Sizer
    from auditor.sizing.recommend import recommend
    from auditor.sizing.totals import totals
    from auditor.sizing.wire import sizing_document

    sizer, price = Sizer(profiles[0]), arguments["price"]
    pairs = [(item, recommend(item, sizer, price_per_gib_hour=price)) for item in gathered.items]
    sums = totals((pair[1] for pair in pairs), price_per_gib_hour=price)
    values, skipped = "", gathered.skipped
    notes: tuple[str, ...] = ()
    if arguments["helm_mapping"] is not None:
        values, unplaced, notes = helm_values(pairs, load_mapping(Path(arguments["helm_mapping"])))
        skipped += unplaced
    render = {
        "table": lambda: _table(pairs, sums, skipped),
        "json": lambda: _json(sizing_document(pairs, sums, profile=profiles[0].id, skipped=skipped, notes=notes)),
        "csv": lambda: write_rows(CSV_COLUMNS, (_row(pair[1]) for pair in pairs)),
        "kustomize": lambda: kustomize_component(pairs),
        "json-patch": lambda: encode_json(json_patches(pairs), indent=2) + "\n",
        "helm": lambda: values,
    }
    for output in outputs:
        write_output(output, render[output.format]())
    return _ended(gathered, outputs, skipped, notes)


def _backtest(gathered: Gathered, profiles: Sequence[Profile], fit_ratio: float, outputs: Iterable[Output]) -> int:
    from auditor.sizing.backtest import backtest
    from auditor.sizing.wire import backtest_document
    from auditor.usage.statistics import facts_of

    outcomes = backtest(
        gathered.items,
        profiles,
        lambda rows, until, window: facts_of(rows, until=until, window_days=window),
        fit_ratio=fit_ratio,
    )
    render = {
        "table": lambda: _backtest_table(outcomes, gathered.skipped),
        "json": lambda: _json(backtest_document(outcomes, fit_ratio=fit_ratio, skipped=gathered.skipped)),
        "csv": lambda: write_rows(BACKTEST_COLUMNS, [_cells(item, BACKTEST_COLUMNS) for item in outcomes]),
    }
    for output in outputs:
        write_output(output, render[output.format]())
    return _ended(gathered, outputs, gathered.skipped, ())


def _ended(gathered: Gathered, outputs: Iterable[Output], skipped: Sequence[Skipped], notes: Iterable[str]) -> int:
    """Tell what the reader must know and return the exit code; a table on standard output tells what was skipped."""
    told = any((output.format, output.path) == ("table", None) for output in outputs)
    for item in () if told else skipped:
        click.echo(_skipped_line(item), err=True)
    for note in notes:
        click.echo(f"note: {plain(note)}", err=True)
    if not gathered.items:
        click.echo("nothing to size: no container was read", err=True)
    return exit_code(failed=False, complete=bool(gathered.items) and not skipped)


def _json(document: object) -> str:
    return encode_json(document, indent=2) + "\n"


def _skipped_line(item: Skipped) -> str:
    return f"{plain(place_words(item.file, item.line, item.column))}: skipped: {plain(item.reason)}"


def _cells(struct: object, columns: Iterable[str]) -> list[Cell]:
    return [getattr(struct, column) for column in columns]


def _row(item: Recommendation) -> list[Cell]:
    return [*_cells(item, CSV_COLUMNS[:-1]), "; ".join(item.reasons)]


def _table(pairs: Sequence[Sized], sums: Iterable[Totals], skipped: Iterable[Skipped]) -> str:
    lines: list[str] = []
    members: dict[tuple[str, str | None], list[Recommendation]] = {}
    for _, item in pairs:
        members.setdefault((item.cluster, item.namespace), []).append(item)
    for total in sums:
        title = " ".join(part for part in (total.cluster, total.namespace or "(no namespace)") if part)
        rows = map(_recommended, members[total.cluster, total.namespace])
        header = ("workload", "container", "request", "limit", "request x replicas", "over limit", "history", "why")
        lines += [
            plain(title),
            *columns([header, *rows]),
            f"  {_sum(total)}",
            "",
        ]
    return without_commands("\n".join([*lines, *map(_skipped_line, skipped), ""]))


def _recommended(item: Recommendation) -> tuple[str, ...]:
    over = "-" if item.limit_over_pod_days is None else f"{item.limit_over_pod_days} of {item.pod_days} pod-days"
    seen = "-" if item.coverage_ratio is None else f"{item.days} days, {percent_text(item.coverage_ratio)}"
    return (
        plain(f"{item.kind} {item.name}"),
        plain(item.container),
        _change(item.request_bytes, item.recommended_request_bytes, sized=item.sized),
        _change(item.limit_bytes, item.recommended_limit_bytes, sized=item.sized),
        "-" if item.request_difference_bytes is None else _signed(item.request_difference_bytes),
        over,
        seen,
        plain("; ".join(item.reasons)),
    )


def _sum(total: Totals) -> str:
    difference = total.recommended_request_bytes - total.request_bytes
    words = [
        f"total: requests {_change(total.request_bytes, total.recommended_request_bytes, sized=True)}",
        f"({_signed(difference)}), limits {_change(total.limit_bytes, total.recommended_limit_bytes, sized=True)};",
        counted(total.containers, "container"),
    ]
    if total.monthly_cost_difference is not None:
        words.insert(2, f"{total.monthly_cost_difference:+.2f} a month;")
    if total.unsized:
        words.append(f"({total.unsized} without a recommendation)")
    if total.uncounted:
        words.append(f"({total.uncounted} without a number of replicas: in no sum)")
    return " ".join(words)


def _change(old: int | None, new: int | None, *, sized: bool) -> str:
    before = bytes_words(old)
    after = bytes_words(new)
    return before if not sized or before == after else f"{before} -> {after}"


def _signed(size_bytes: int) -> str:
    return f"+{format_bytes(size_bytes)}" if size_bytes > 0 else format_bytes(size_bytes)


def _backtest_table(outcomes: Iterable[Outcome], skipped: Iterable[Skipped]) -> str:
    header = ("profile", "containers", "pod-days", "OOM", "over request", "slack a pod", "slack share", "not sized")
    rows = [
        (
            item.profile,
            str(item.containers),
            str(item.pod_days),
            str(item.oom_pod_days),
            str(item.over_request_pod_days),
            bytes_words(item.slack_bytes),
            "-" if item.slack_ratio is None else percent_text(item.slack_ratio),
            str(item.unsized),
        )
        for item in outcomes
    ]
    return "\n".join([*columns([header, *rows]), *map(_skipped_line, skipped), ""])
