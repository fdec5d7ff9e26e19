"""Enough of the shell's grammar to find the commands of a script, their words, and the variables it sets.

Control flow is not followed: every command of a script is taken to run, in the order in which it stands.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from auditor.runtimes.environment import UNKNOWN, Environment, Variable

TEXT_CAP = 65536
"""A longer script is read up to here."""
# Bounded repeats keep a text of many open brackets linear.
_NESTED = r"(?:[^()]|\((?:[^()]|\([^()]{0,300}+\)){0,300}+\)){0,500}+"
_VARIABLE = (
    r"\$\{(?P<name>[A-Za-z_]\w*)(?::?-(?P<default>[^}]{0,500}))?\}|\$(?P<bare>[A-Za-z_]\w*)"
    rf"|(?P<unknown>\$\({_NESTED}\)|\$\{{[^}}]{{0,500}}\}}|`[^`]{{0,500}}`|\$[0-9@*#?!$-])"
)
_REFERENCE = re.compile(_VARIABLE, re.ASCII)
_PIECE = re.compile(
    rf"""(?P<joined>\\\n)|\\(?P<escaped>.)|'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*+)"|{_VARIABLE}"""
    r"""|(?P<space>[ \t\r]+)|(?P<end>[;&|()]+|\n+)|(?P<comment>(?<![^\s;])\#[^\n]*)|(?P<plain>[^\s\\'"$`;&|()]+|.)""",
    re.ASCII | re.DOTALL,
)
_QUOTED_ESCAPE = re.compile(r"\\([\"\\$`])")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII | re.DOTALL)
KEYWORDS = frozenset(("then", "do", "else", "if", "elif", "while", "until", "!", "{", "}"))
"""The words that may stand before a command."""
EXPORTS = frozenset(("export", "declare", "typeset", "env", "cross-env", "exec"))
"""The commands that hand variables on to what they start."""


class Word(NamedTuple):
    """One word of a command."""

    text: str
    """Without quotes; `UNKNOWN` stands for what is not known of it."""
    at: str
    """The path, below the container, of the text that it comes from."""


Command = tuple[Word, ...]


class Script(NamedTuple):
    """What a script does."""

    commands: tuple[Command, ...]
    """Its commands in order, without the assignments before them."""
    exported: dict[str, Variable]
    """The variables that its programs see anew."""


def split_words(text: str, at: str, environment: Environment | None = None) -> Command:
    """Return the words of a variable's value: quotes group, `$NAME` is replaced if an environment is given."""
    lookup = None if environment is None else _lookup(environment, {})
    reader = _Reader(at, lookup, script=False)
    reader.read(text)
    return tuple(word for command in reader.commands for word in command)


def read_script(text: str, at: str, environment: Environment) -> Script:
    """Return the commands of a script; its own assignments hold from where they stand."""
    scope: dict[str, Variable] = {}
    exported: dict[str, Variable] = {}
    reader = _Reader(at, _lookup(environment, scope), script=True)

    def assign(words: list[Word]) -> list[Word]:
        rest, assigned, exporting = peel(words)
        # Before a command an assignment is for that command; else it reaches programs only if exported.
        for name, variable in assigned.items():
            if rest or exporting or name in exported or environment.find(name) is not None:
                exported[name] = variable
            scope[name] = variable
        return rest

    reader.assign = assign
    reader.read(text)
    return Script(tuple(reader.commands), exported)


def _lookup(environment: Environment, scope: Mapping[str, Variable]) -> Callable[[str], Variable | None]:
    def lookup(name: str) -> Variable | None:
        variable = scope.get(name) or environment.find(name)
        if variable is None and environment.may_change(name):
            return Variable(UNKNOWN, "envFrom", certain=False)
        return variable

    return lookup


def peel(words: list[Word]) -> tuple[list[Word], dict[str, Variable], bool]:
    """Return the words behind leading keywords and assignments, the assignments, and whether `export` leads them."""
    assigned: dict[str, Variable] = {}
    exporting = False
    for index, word in enumerate(words):
        match = _ASSIGNMENT.fullmatch(word.text)
        if match:
            assigned[match[1]] = Variable(match[2], word.at)
        elif word.text in EXPORTS:
            exporting = True
        elif word.text not in KEYWORDS and not (exporting and word.text.startswith("-")):
            return words[index:], assigned, exporting
    return [], assigned, exporting


class _Reader:
    """Puts words together from the pieces of a text."""

    def __init__(self, at: str, lookup: Callable[[str], Variable | None] | None, *, script: bool) -> None:
        self.script = script
        self.at = at
        self.lookup = lookup
        self.assign: Callable[[list[Word]], list[Word]] = list
        self.commands: list[Command] = []
        self._words: list[Word] = []
        self._parts: list[str] | None = None
        self._word_at = at
        # Variables may make a text grow by so much in all.
        self._room = TEXT_CAP

    def read(self, text: str) -> None:
        for match in _PIECE.finditer(text[:TEXT_CAP]):
            kind = match.lastgroup or ""
            if kind == "space" or (not self.script and kind == "end" and match[0].isspace()):
                self._end_word()
            elif kind == "end" and self.script:
                self._end_command()
            elif kind in ("name", "default", "bare", "unknown") and self.lookup is not None:
                self._insert(*self._value(match))
            elif kind == "double":
                self._add(_QUOTED_ESCAPE.sub(r"\1", self._quoted(match[kind])))
            elif kind in ("escaped", "single"):
                self._add(match[kind])
            elif kind == "plain" or not self.script or kind in ("name", "default", "bare", "unknown"):
                self._add(match[0])
        self._end_command()

    def _quoted(self, text: str) -> str:
        if self.lookup is None or "$" not in text:
            return text
        return _REFERENCE.sub(lambda match: self._value(match)[0], text)

    def _value(self, match: re.Match[str]) -> tuple[str, str]:
        """Return the value and place of a variable; what the manifest does not set may be set by the image."""
        name = match["name"] or match["bare"]
        variable = self.lookup(name) if self.lookup is not None and name else None
        if variable is not None and not variable.certain:
            return UNKNOWN, variable.at
        if variable is not None and (variable.text or match["default"] is None):
            self._room -= len(variable.text)
            return (variable.text if self._room >= 0 else UNKNOWN), variable.at
        default = match["default"]
        return (UNKNOWN if default is None or "$" in default else default.strip("\"'")), self.at

    def _add(self, text: str) -> None:
        if self._parts is None:
            self._parts, self._word_at = [], self.at
        self._parts.append(text)

    def _insert(self, value: str, at: str) -> None:
        """Add a value that stands outside quotes: its white space parts words."""
        for index, field in enumerate(value.split()):
            if index:
                self._end_word()
            if self._parts is None:
                self._parts, self._word_at = [], at
            self._parts.append(field)

    def _end_word(self) -> None:
        if self._parts is not None:
            self._words.append(Word("".join(self._parts), self._word_at))
            self._parts = None

    def _end_command(self) -> None:
        self._end_word()
        words = self.assign(self._words)
        if words:
            self.commands.append(tuple(words))
        self._words = []
