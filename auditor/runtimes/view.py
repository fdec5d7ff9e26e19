"""A container as the runtimes read it: its environment and the commands that it visibly runs."""

from typing import Any

import msgspec

from auditor.runtimes.environment import Environment, Variable, expand, read_environment, references
from auditor.runtimes.model import Around
from auditor.runtimes.shell import Command, Word, peel, read_script, split_words

SHELLS = frozenset(("sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"))
"""The commands that run a script."""
WRAPPERS = frozenset(
    (
        *("tini", "dumb-init", "catatonit", "gosu", "su-exec", "setpriv", "setsid", "sudo", "nice", "ionice", "nohup"),
        *(
            "time",
            "timeout",
            "numactl",
            "taskset",
            "stdbuf",
            "command",
            "env",
            "exec",
            "xvfb-run",
            "opentelemetry-instrument",
        ),
    )
)
"""The commands that run another command, which stands somewhere behind them."""


class View(msgspec.Struct, frozen=True):
    """What a runtime's module looks at."""

    image: str | None
    """The image as written."""
    environment: Environment
    """With the variables that a visible script exports."""
    commands: tuple[Command, ...]
    """Every command that is visible; the only one is without its program where only `args` are given."""
    has_command: bool
    """False where the image's entry point runs: `args` alone are given, or nothing."""
    around: Around
    """What the runtime sees around it."""

    @property
    def image_name(self) -> str:
        """The last part of the image's name, without tag and digest; empty without an image."""
        return image_name(self.image or "")

    def arguments(self, programs: frozenset[str]) -> Command | None:
        """Return the words behind the last visible command of these programs, None where none is visible."""
        for command in reversed(self.commands):
            for index in _positions(command):
                if basename(command[index].text) in programs:
                    return command[index + 1 :]
        return None

    def words(self) -> Command:
        """Return the words of all commands."""
        return tuple(word for command in self.commands for word in command)

    def runs_only(self, programs: frozenset[str]) -> bool:
        """Return whether every visible command is of these programs."""
        return bool(self.commands) and all(basename(command[0].text) in programs for command in self.commands)


def read_view(raw: dict[str, Any], image: str | None, around: Around) -> View:
    """Return the view of a container."""
    environment = read_environment(raw, around)
    items = [Word(expand(text, environment), at) for at, text in lines(raw)]
    has_command = bool(items) and items[0].at.startswith("command")
    exported: dict[str, Variable] = {}
    commands: tuple[Command, ...] = ()
    script = _script_of(items) if has_command else _first_script(items)
    if script is not None:
        commands, exported = read_script(script.text, script.at, environment)
    elif items:
        if not has_command and items[0].text.startswith("-"):
            # Flags for an entry point that may be a shell's.
            items = [word for item in items for word in _split_flags(item)]
        rest, exported, _ = peel(items)
        commands = (tuple(rest),) if rest else ()
    return View(image, environment.with_variables(exported), commands, has_command, around)


def lines(raw: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the strings of `command` and `args` as path and text, before any expansion."""
    found: list[tuple[str, str]] = []
    for key in ("command", "args"):
        items = raw.get(key)
        if isinstance(items, list):
            found.extend((f"{key}[{index}]", item) for index, item in enumerate(items) if isinstance(item, str))
    return found


def origin(raw: dict[str, Any], view: View, flag: str, at: str) -> str:
    """Return where a flag is written: the variable, if it stands there and comes into the command by `$(NAME)`."""
    text = dict(lines(raw)).get(at, "")
    if flag in text:
        return at
    found = (view.environment.find(name) for name in references(text))
    return next((variable.at for variable in found if variable is not None and flag in variable.text), at)


def image_name(image: str) -> str:
    """Return the last part of an image's name, without tag and digest."""
    return basename(image.partition("@")[0]).partition(":")[0]


def basename(text: str) -> str:
    """Return the last part of a path."""
    return text.rpartition("/")[2]


def _positions(command: Command) -> range:
    """Return where the program may stand: first, or anywhere behind what starts another program."""
    first = basename(command[0].text)
    starts = first in WRAPPERS or first.endswith(".sh") or "entrypoint" in first
    return range(len(command)) if starts else range(1)


def _script_of(items: list[Word]) -> Word | None:
    """Return the script of `sh -c`, None when there is none."""
    for index in _positions(tuple(items)) if items else ():
        if basename(items[index].text) in SHELLS:
            return _script_behind(items[index + 1 :])
    return None


def _script_behind(items: list[Word]) -> Word | None:
    takes_value = found = False
    for item in items:
        if takes_value:
            takes_value = False
        elif item.text in SHELLS:
            continue
        elif item.text.startswith(("-", "+")) and not item.text.startswith("--"):
            found = found or "c" in item.text
            takes_value = item.text.endswith("o")
        elif not item.text.startswith("--"):
            return item if found else None
    return None


def _first_script(items: list[Word]) -> Word | None:
    """Return the first of `args` where it is a command line for an entry point such as `sh -c`."""
    if items and not items[0].text.startswith("-") and any(character.isspace() for character in items[0].text.strip()):
        return items[0]
    return _script_of(items)


def _split_flags(item: Word) -> Command:
    return split_words(item.text, item.at) if " -" in item.text else (item,)
