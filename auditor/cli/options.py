"""The options that commands share, and the audit's `Options` that they make."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from auditor.findings import SEVERITIES
from auditor.policy.keys import PROFILES

F = TypeVar("F", bound=Callable[..., Any])

FAIL_ON = (*SEVERITIES, "never")


def audit_options(command: F) -> F:
    """Add the paths and options of every command that audits."""
    return click.argument("paths", nargs=-1, required=True, metavar="PATH...")(reading_options(command))


def paths_and_options(command: F) -> F:
    """Add the same, of a command that can do without paths."""
    return click.argument("paths", nargs=-1, metavar="[PATH]...")(reading_options(command))


def judging_options(command: F) -> F:
    """Add the options of every command that judges, wherever its objects come from."""
    return _with(
        command,
        click.option(
            "--policies",
            multiple=True,
            metavar="FOLDER",
            help="Policies besides the shipped ones; they override by id.",
        ),
        click.option(
            "--profile",
            type=click.Choice(PROFILES),
            help="Which policies judge. [default: recommended]",
        ),
        click.option("--config", metavar="FILE", help="Config file. [default: the nearest .auditor.yaml upwards]"),
        click.option("--kubernetes-version", metavar="VERSION", help=_VERSION_HELP),
        click.option(
            "--feature-gate",
            "feature_gates",
            multiple=True,
            metavar="NAME=BOOL",
            help="A gate of that version, switched.",
        ),
        click.option("--waivers", metavar="FILE", help="A file of waivers."),
        click.option("--no-waivers", is_flag=True, help="Ignore every waiver: file, annotation and comment."),
        click.option(
            "--usage", metavar="PATH", help="History of use to join: a folder of its table, or a Parquet file."
        ),
        click.option("--usage-window", metavar="DAYS", help="Days of it, such as 14d. [default: 14d]"),
        click.option("--usage-cluster", metavar="NAME", help="The cluster to read, of a table with several."),
        click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes. [default: the cores]"),
    )


_VERSION_HELP = "Such as 1.34. [default: the cluster's own, else the newest known]"


def report_options(formats: Sequence[str]) -> Callable[[F], F]:
    """Return what adds the options of a command that writes reports and fails by severity."""

    def add(command: F) -> F:
        return _with(
            command,
            click.option("--baseline", metavar="FILE", help="Findings that are known; only new ones count."),
            click.option(
                "--fail-on",
                type=click.Choice(FAIL_ON),
                help="Lowest severity that makes the exit code 1. [default: medium]",
            ),
            click.option(
                "--output",
                "outputs",
                multiple=True,
                metavar="FORMAT[=PATH]",
                help=f"Report to write; repeatable. Formats: {', '.join(formats)}.",
            ),
            click.option("--quiet", is_flag=True, help="No table on standard output when reports go to files."),
        )

    return add


def reading_options(command: F) -> F:
    """Add the options of a command that reads files."""
    files = (
        click.option("--namespace", metavar="NAME", help="Namespace of objects that name none."),
        click.option("--exclude", multiple=True, metavar="GLOB", help="Files and folders to leave out."),
    )
    return judging_options(_with(rendering_options(command), *files))


def rendering_options(command: F) -> F:
    """Add the options of a command that renders charts and kustomizations."""
    return _with(
        command,
        click.option("--helm-values", multiple=True, metavar="FILE", help="Values for each chart; the last file wins."),
        click.option("--helm-set", multiple=True, metavar="KEY=VALUE", help="A value for each chart, as helm --set."),
        click.option("--helm-release", metavar="NAME", help="Name of each release. [default: the chart's]"),
        click.option("--helm-api-versions", multiple=True, metavar="VERSION", help="An API that the cluster has."),
        click.option(
            "--helm-environments",
            is_flag=True,
            help="Judge each chart with each of its values files that looks like an environment.",
        ),
        click.option("--helm", metavar="PROGRAM", envvar="AUDITOR_HELM", help="helm. [default: the one on PATH]"),
        click.option(
            "--kustomize",
            metavar="PROGRAM",
            envvar="AUDITOR_KUSTOMIZE",
            help="kustomize or kubectl. [default: the one on PATH]",
        ),
        click.option(
            "--render-timeout",
            "render_seconds",
            type=click.FloatRange(min=0, min_open=True),
            default=60.0,
            metavar="SECONDS",
            help="How long one rendering may take. [default: 60]",
        ),
    )


HELM_OPTIONS = (
    "helm_values",
    "helm_set",
    "helm_release",
    "helm_api_versions",
    "helm_environments",
    "helm",
    "kustomize",
    "render_seconds",
)
"""The names of those."""


def _with(command: F, *options: Callable[[F], F]) -> F:
    """Add options so that the help lists them in this order, before those that are there."""
    for option in reversed(options):
        command = option(command)
    return command


def options_from(arguments: dict[str, Any], **more: Any) -> Any:
    """Return the audit's `Options` from the arguments that `audit_options` gives."""
    from auditor.api import Options

    names = (
        "policies",
        "profile",
        "config",
        "kubernetes_version",
        "feature_gates",
        "namespace",
        "exclude",
        "waivers",
        "usage",
        "usage_cluster",
        "jobs",
        *HELM_OPTIONS,
    )
    window = arguments["usage_window"]
    return Options(
        **{name: arguments[name] for name in names if name in arguments},
        usage_window_days=None if window is None else days_of(window),
        use_waivers=not arguments["no_waivers"],
        **more,
    )


def days_of(text: str) -> int:
    """Return the days of a text such as `14d`, `2w` or `14`. Raises click.UsageError."""
    match = re.fullmatch(r"([1-9][0-9]{0,3})([dw]?)", text)
    if not match:
        raise click.UsageError(f"{text!r} is no number of days: write 14d or 2w")
    return int(match[1]) * (7 if match[2] == "w" else 1)
