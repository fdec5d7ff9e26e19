"""`auditor policies`: works with policies."""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

import click

from auditor.policy.keys import PROFILES
from auditor.policy.model import Policy

_FOLDERS = click.option(
    "--policies", "folders", multiple=True, metavar="FOLDER", help="Policies besides the shipped ones."
)


@click.group()
def policies() -> None:
    """List, show and test policies."""


def _load(folders: Sequence[str], *, shipped: bool = True) -> tuple[Policy, ...]:
    from auditor.policy.load import load_policies, shipped_folder

    return load_policies([*([shipped_folder()] if shipped else []), *map(Path, folders)])


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
@click.argument("paths", nargs=-1, metavar="[FOLDER]...")
def run_tests(paths: Sequence[str]) -> int:
    """Run the examples of the policies in some folders, of all shipped ones by default.

    Exit codes: 0, 1 an example fails, 2 a policy that cannot be used.
    """
    from auditor.policy.examples import run_examples

    loaded = _load(paths)
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
                expected = sorted(outcome.example.messages)
                for line in difflib.unified_diff(expected, outcome.found, "expected", "found", lineterm="", n=99):
                    click.echo(f"  {line}")
                if not expected and not outcome.found:
                    click.echo("  a bad example must expect and give a message")
    click.echo(f"{total - failed} passed, {failed} failed: {total} examples of {len(loaded)} policies")
    return 1 if failed else 0


@policies.command()
def schema() -> int:
    """Print the JSON Schema of the policy file, for editors."""
    from auditor.policy.keys import schema as policy_schema

    click.echo(json.dumps(policy_schema(), indent=2))
    return 0
