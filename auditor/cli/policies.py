"""`auditor policies`: works with policies."""

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.facts.record import SCOPES
from auditor.policy.keys import PROFILES
from auditor.policy.model import Policy

if TYPE_CHECKING:
    from auditor.policy.examples import Outcome

_FOLDERS = click.option(
    "--policies", "folders", multiple=True, metavar="FOLDER", help="Policies besides the shipped ones."
)


@click.group()
def policies() -> None:
    """List, show and test policies."""


def _load(folders: Sequence[str]) -> tuple[Policy, ...]:
    from auditor.policy.load import load_policies, shipped_folder

    return load_policies([shipped_folder(), *map(Path, folders)])


@policies.command(name="list")
@_FOLDERS
@click.option("--profile", type=click.Choice(PROFILES), default="all", show_default=True)
@click.option("--output", type=click.Choice(("table", "json")), default="table", show_default=True)
def list_policies(folders: Sequence[str], profile: str, output: str) -> int:
    """List policies: id, severity, scope, profiles."""
    chosen = [policy for policy in _load(folders) if profile == "all" or profile in policy.profiles]
    if output == "json":
        rows = [
            {"id": p.id, "severity": p.severity, "scope": p.scope, "profiles": list(p.profiles), "params": p.params}
            for p in chosen
        ]
        click.echo(json.dumps(rows, indent=2))
        return 0
    width = max((len(policy.id) for policy in chosen), default=0)
    for policy in chosen:
        click.echo(f"{policy.id:<{width}}  {policy.severity:<8}  {policy.scope:<9}  {', '.join(policy.profiles)}")
    return 0


@policies.command()
@click.argument("name", metavar="ID")
@_FOLDERS
def show(name: str, folders: Sequence[str]) -> int:
    """Show the page of a policy."""
    from auditor.policy.show import page

    loaded = _load(folders)
    for policy in loaded:
        if name == policy.id or name in policy.aliases:
            click.echo(page(policy), nl=False)
            return 0
    near = difflib.get_close_matches(name, [policy.id for policy in loaded], n=3)
    raise click.UsageError(f"no policy {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))


@policies.command(name="test")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
def run_tests(paths: Sequence[str]) -> int:
    """Run the examples of the policies in some folders or files, of all shipped ones by default.

    Exit codes: 0, 1 an example fails, 2 a policy that cannot be used.
    """
    from auditor.policy.examples import run_examples

    loaded = _load([str(path if path.is_dir() else path.parent) for path in map(Path, paths)])
    if paths:
        roots = [Path(path).resolve() for path in paths]
        loaded = tuple(p for p in loaded if any(Path(p.file).resolve().is_relative_to(root) for root in roots))
    total = failed = 0
    for policy in loaded:
        for outcome in run_examples(policy):
            total += 1
            if not outcome.passed:
                failed += 1
                click.echo(f"{policy.file}: {outcome.kind} example fails:")
                click.echo("\n".join(f"  {line}" for line in _difference(outcome)))
    click.echo(f"{total - failed} passed, {failed} failed: {total} examples of {_counted(len(loaded))}")
    return 1 if failed else 0


def _counted(policies: int) -> str:
    return "1 policy" if policies == 1 else f"{policies} policies"


def _difference(outcome: "Outcome") -> Iterator[str]:
    expected = sorted(outcome.example.messages)
    yield from difflib.unified_diff(expected, outcome.found, "expected", "found", lineterm="", n=99)
    if not expected and not outcome.found:
        yield "a bad example must expect and give a message"


@policies.command()
@click.argument("name", metavar="ID")
@click.option("--scope", type=click.Choice(tuple(SCOPES)), default="container", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("policies"), show_default=True)
def new(name: str, scope: str, folder: Path) -> int:
    """Write a policy file to start from: FOLDER/ID.yaml, complete and with examples that pass."""
    from auditor.policy.skeleton import skeleton

    try:
        text = skeleton(name, scope)
    except ValueError as error:
        raise click.UsageError(f"{name!r}: {error}") from error
    path = folder / f"{name}.yaml"
    if path.exists():
        raise click.UsageError(f"{path} is there already")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from error
    click.echo(f"wrote {path}; edit it, then run: auditor policies test {path}")
    return 0


@policies.command()
def schema() -> int:
    """Print the JSON Schema of the policy file, for editors."""
    from auditor.policy.keys import schema as policy_schema

    click.echo(json.dumps(policy_schema(), indent=2))
    return 0
