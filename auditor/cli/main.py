"""The `auditor` command: finds the sub-command, turns errors into exit codes.

Exit codes: 0 clean, 1 findings, 2 wrong use, 3 incomplete, 4 internal error, 130 Ctrl-C. A closed pipe ends quietly.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

_COMMANDS = {
    "scan": "auditor.cli.scan",
    "cluster": "auditor.cli.cluster",
    "nightly": "auditor.cli.nightly",
    "facts": "auditor.cli.facts",
    "policies": "auditor.cli.policies",
    "baseline": "auditor.cli.baseline",
    "usage": "auditor.cli.usage",
    "size": "auditor.cli.size",
    "fix": "auditor.cli.fix",
    "diff": "auditor.cli.diff",
}
"""Command to its module, which holds it under the same name; imported when asked for."""


class _Commands(click.Group):
    """Imports a command when it is called, so that none pays for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """Return the commands in the order of the table above."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's interface
        """Return a command, None when there is none of that name."""
        module = _COMMANDS.get(cmd_name)
        return getattr(importlib.import_module(module), cmd_name) if module else None


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kube-memory-auditor", prog_name="auditor")
def auditor() -> None:
    """Audit what Kubernetes will really do with each pod's memory."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _quiet(code)
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    """Return the exit code of a command line; tells errors on standard error."""
    try:
        result: Any = auditor.main(args=arguments, prog_name="auditor", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        return _quiet(0)
    except Exception as error:  # noqa: BLE001 - the outermost place: wrong use is 2, all else is a fault of ours
        return _fault(error)
    return result if isinstance(result, int) else 0


def _fault(error: Exception) -> int:
    """Tell an error and return its exit code: 2 for wrong use, 4 for a fault of ours."""
    from auditor.config import ConfigError
    from auditor.kube.versions import VersionError
    from auditor.policy.load import PolicyError
    from auditor.sizing.helm import MappingError
    from auditor.sizing.load import ProfileError
    from auditor.sources.cluster.kubeconfig import ClusterError
    from auditor.sources.discover import SourceError
    from auditor.usage.errors import UsageError

    wrong_use = (
        ClusterError,
        ConfigError,
        MappingError,
        PolicyError,
        ProfileError,
        SourceError,
        UsageError,
        VersionError,
    )
    if isinstance(error, wrong_use):
        click.echo(str(error), err=True)
        return 2
    import traceback

    traceback.print_exception(error)
    click.echo("auditor: internal error; please report it with the lines above", err=True)
    return 4


def _quiet(code: int) -> int:
    """Send what is still to be written nowhere: the reader has gone, and that is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
