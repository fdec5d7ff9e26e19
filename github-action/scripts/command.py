"""The auditor's command line for a run: the inputs as options, never as text that a shell reads."""

import os
from pathlib import Path

from event import Plan
from runner import given, given_lines, switched_on

JSON = "result.json"
MARKDOWN = "result.md"
"""Names of the files, in the action's folder, that later steps read."""

_VALUES = ("config", "profile", "fail-on", "kubernetes-version", "namespace", "waivers", "baseline")
"""Inputs that are an option of the same name."""

_LISTS = ("policies", "helm-values")
"""Inputs whose lines are an option each."""


def arguments(plan: Plan, folder: Path) -> list[str]:
    """Return what to call the auditor with; `folder` takes the files for later steps.

    A value stands behind an equals sign, and what is no option behind `--`: one that begins with `-` stays a value.
    """
    paths = given_lines("paths") or (".",)
    if plan.base:
        own = [f"--path={path}" for path in paths if path != "."]
        own += ["--merge-base"] if plan.from_merge_base else []
        own += ["--trust-head"] if switched_on("trust-head") else []
        return ["diff", *own, *_options(), *_outputs(folder), "--", plan.base, *([plan.head] if plan.head else [])]
    return ["scan", *_options(), *_outputs(folder), "--", *paths]


def baseline_arguments(target: str) -> list[str]:
    """Return how to write today's findings to a baseline file."""
    return [
        "baseline",
        "write",
        *_options(("fail-on", "baseline")),
        f"--to={target}",
        "--",
        *(given_lines("paths") or (".",)),
    ]


def _options(left_out: tuple[str, ...] = ()) -> list[str]:
    options = [f"--{name}={given(name)}" for name in _VALUES if name not in left_out and given(name)]
    options += [f"--{name}={value}" for name in _LISTS for value in given_lines(name)]
    options += [f"--usage={_history(given('usage'))}"] if given("usage") else []
    return [*options, "--helm-environments"] if switched_on("helm-environments") else options


def _history(name: str) -> str:
    """Return where the history is: a path, else an artifact that was fetched into the temporary folder."""
    fetched = Path(os.environ["RUNNER_TEMP"]) / name
    return str(fetched) if not Path(name).exists() and fetched.exists() else name


def _outputs(folder: Path) -> list[str]:
    """Return the reports: annotations to the log, where GitHub reads them, the others to files."""
    wanted = [f"json={folder / JSON}", f"markdown={folder / MARKDOWN}"]
    wanted += [f"{kind}={given(f'{kind}-file')}" for kind in ("sarif", "csv") if given(f"{kind}-file")]
    return ["--output=github", *(f"--output={text}" for text in (*wanted, *given_lines("outputs")))]
