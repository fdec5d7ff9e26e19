"""The action's audit: inputs and event in; annotations, summary, reports and outputs out.

It ends with 0 whatever the auditor says, so that the steps after it run; the last step ends with the auditor's code.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import command
import event
import pages
import result
import runner

WRONG_USE = 2


def main() -> int:
    """Audit and tell; return 0. What the auditor's code is stands in the output `exit-code`."""
    folder = runner.work_folder()
    for name in (command.JSON, command.MARKDOWN):
        (folder / name).unlink(missing_ok=True)
    try:
        payload = runner.event()
        plan = event.plan(os.environ.get("GITHUB_EVENT_NAME", ""), payload, runner.given("base"), event.run_git)
        arguments = command.arguments(plan, folder)
    except (event.RefusedError, event.NoAnswerError, ValueError) as error:
        _refuse(str(error))
        return 0
    code, errors = _auditor(arguments)
    _tell(code, errors, plan, folder)
    if not plan.base and runner.given("write-baseline"):
        code = max(code, _write_baseline(runner.given("write-baseline")))
    runner.set_output("exit-code", str(code))
    return 0


def _refuse(words: str) -> None:
    runner.tell("error", words)
    runner.add_to_summary(f"## Memory audit\n\nNothing was audited: {pages.escaped(words)}\n")
    runner.set_output("exit-code", str(WRONG_USE))


def _auditor(arguments: list[str]) -> tuple[int, str]:
    """Run the auditor; return its code and what it said on standard error.

    NOTE: `-I` keeps the audited folder off the module path: a pull request may hold an `auditor/` or a `json.py`.
    """
    program = [os.environ["AUDITOR_PYTHON"], "-I", "-m", "auditor"]
    done = subprocess.run([*program, *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    # Standard output holds workflow commands, which the auditor escapes; standard error may hold anything.
    print(done.stdout.decode(errors="replace"), end="", flush=True)
    errors = done.stderr.decode(errors="replace")
    runner.print_unread(errors)
    return done.returncode, errors


def _tell(code: int, errors: str, plan: event.Plan, folder: Path) -> None:
    """Write outputs and the step's summary."""
    document = result.read(folder / command.JSON)
    page = folder / command.MARKDOWN
    if document is None or not page.is_file():
        last = errors.strip().splitlines()[-1:] or [f"the auditor ended with {code}"]
        runner.tell("error", f"The audit did not run: {last[0]}")
        runner.add_to_summary(f"## Memory audit\n\nThe audit did not run.\n\n{pages.fenced(errors[-10_000:], 'text')}")
        return
    runner.add_to_summary(page.read_text(encoding="utf-8") + _links(document, plan))
    numbers = result.result(document)
    delta = numbers.memory_delta_bytes
    runner.set_output("findings", str(numbers.findings))
    runner.set_output("new-findings", str(numbers.new_findings))
    runner.set_output("memory-delta-bytes", "" if delta is None else str(delta))
    for kind in ("sarif", "csv"):
        file = runner.given(f"{kind}-file")
        if file and Path(file).is_file():
            runner.set_output(f"{kind}-file", file)


def _links(document: dict[str, Any], plan: event.Plan) -> str:
    server, repository = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    commit = (document.get("head") or {}).get("commit")
    if not (plan.base and server and repository and commit):
        return ""
    text = pages.links(result.new_findings(document), f"{server}/{repository}/blob/{commit}")
    return f"\n{text}" if text else ""


def _write_baseline(target: str) -> int:
    """Write today's findings to a baseline file and return the code of that: 0, 2 or 3."""
    code, _ = _auditor(command.baseline_arguments(target))
    if Path(target).is_file():
        runner.set_output("baseline-file", target)
    return code


if __name__ == "__main__":
    sys.exit(main())
