"""The words of a command line, a script or a variable, as far as readers of `runtimes` tell them apart."""

import re
from typing import Any

from auditor.runtimes import dotnet, jvm, nodejs
from auditor.runtimes.read import OTHERS, PROGRAMS, VARIABLES
from auditor.runtimes.shell import EXPORTS, KEYWORDS, TEXT_CAP
from auditor.runtimes.view import SHELLS, WRAPPERS

SIZE, HEX = "size", "hex"
"""How an amount is written: decimal with a unit or without, or hexadecimal as .NET reads it."""

_UNIT = r"[kKmMgGtT]?[iI]?[bB]?"
SIZES = re.compile(rf"[+-]?(?:0[xX][0-9a-fA-F]{{1,16}}|[0-9]{{1,19}}(?:\.[0-9]{{0,9}})?){_UNIT}|off", re.ASCII)
"""Amounts as the runtimes write them."""
# With a reference in it an amount is in pieces.
_PIECES = {
    SIZE: re.compile(rf"[+-]?(?:0[xX][0-9a-fA-F]{{0,16}}|[0-9]{{0,19}}(?:\.[0-9]{{0,9}})?){_UNIT}|off", re.ASCII),
    HEX: re.compile(r"(?:0[xX])?[0-9a-fA-F]{1,16}", re.ASCII),
}
_AMOUNTS = {
    **dict.fromkeys(("GOMEMLIMIT", "GOGC", "MEMCACHED_CACHE_SIZE", "POSTGRESQL_SHARED_BUFFERS"), SIZE),
    **{name: HEX for name in dotnet.VARIABLES if "GCHeapHardLimit" in name},
}
"""The variables whose whole value is an amount."""

_WAITING = frozenset(("--maxmemory", "-m", "--memory-limit", "-B"))
"""The flags whose amount is the next word."""
_PROGRAM_WORDS = PROGRAMS | SHELLS | WRAPPERS | OTHERS
_WORDS = _PROGRAM_WORDS | KEYWORDS | EXPORTS | jvm.TAKES_VALUE | nodejs.TAKES_VALUE | {"-jar", "-c"}
_SWITCHES = frozenset(f"-XX:{sign}{name}" for sign in "+-" for name in jvm.SWITCHES)
_STARTS = (
    *(start for start, _ in (*jvm.FLAGS, *jvm.LAUNCHER_FLAGS)),
    *("--maxmemory=", "--memory-limit=", "-B", "-m"),
)
_FLAG = re.compile(
    rf"(?:{'|'.join(map(re.escape, sorted(_STARTS, key=len, reverse=True)))})"
    r"|--max[-_]old[-_]space[-_]size(?:[-_]percentage)?(?:=|$)"
    r"|(?:--|-c)?(?i:shared[-_]buffers)(?:=|$)"
    r"|(?P<file>-XX:Flags=|-XX:VMOptionsFile=|(?:--|-c)?(?i:config[-_]file)(?:=|$))",
    re.ASCII,
)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=", re.ASCII)
_UNITS = frozenset(("B", "kB", "MB", "GB", "TB"))
_TOKEN = re.compile(
    r"(?P<space>\s+)|\\(?P<escaped>.?)|\$\((?P<named>[^()\s'\"`;&|$\\]+)\)"
    r"|\$\{(?P<braced>[A-Za-z_]\w*)(?P<dash>(?::?-)?)|\$(?P<bare>[A-Za-z_]\w*)"
    r"|(?P<mark>[$'\"`;&|(){}#\0])|(?P<chunk>[^\s\\$'\"`;&|(){}#\0]+)",
    re.ASCII | re.DOTALL,
)
_UPPER = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_ENDS = frozenset(";&|()")
_WORD_CHARACTER = re.compile(r"\w", re.ASCII)

NOBODY = "_x"
"""The name of a variable that nobody sets."""


def shape(value: object) -> Any:
    """Return a value of the same kind without content, for what has the wrong kind where it stands."""
    empty: dict[type, Any] = {dict: {}, list: [], str: "", int: 0, float: 0}
    return value if value is None or isinstance(value, bool) else empty.get(type(value))


class Names:
    """The variables of one container."""

    def __init__(self, known: set[str], *, any_upper: bool) -> None:
        self._known = known
        self._any_upper = any_upper
        """Whether others may be set too, by `envFrom`."""
        self.amounts = dict(_AMOUNTS)
        """Those that hold an amount, or a piece of one, and how it is written."""

    def kept(self, name: str, *, apart: bool) -> str:
        """Return a name that may be told; `apart`: whether it does not stand in the middle of other text."""
        if name in self._known or name in VARIABLES:
            return name
        return name if self._any_upper and apart and _UPPER.fullmatch(name) else NOBODY


class Words:
    """Reduces texts, one after the other."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.kept = False
        """Whether the last text held a flag or variable about memory."""
        self._base: str | None = None
        self._amount: str | None = None
        self._next: str | None = None
        self._fresh = True
        self._after_number = False
        self._out: list[str] = []

    def reduced_lists(self, *lists: Any) -> list[Any]:
        """Return lists of words, of which the later goes on with the earlier: a flag's amount may be the next item."""
        self._next = None
        return [self._list(items) if isinstance(items, list) else shape(items) for items in lists]

    def _list(self, items: list[Any]) -> list[Any]:
        return [self.reduced(item, first=self._next) if isinstance(item, str) else shape(item) for item in items]

    def reduced(self, text: str, amount: str | None = None, *, first: str | None = None) -> str:
        """Return a text; `amount` says how one is written where the whole text is one, `first` where its start is."""
        self.kept, self._base, self._out = False, amount, []
        self._begin(first or amount)
        for match in _TOKEN.finditer(text[:TEXT_CAP]):
            self._add(match)
        return "".join(self._out)

    def _begin(self, amount: str | None) -> None:
        """Begin a word."""
        self._amount, self._next, self._fresh = amount, None, True

    def _add(self, match: re.Match[str]) -> None:
        kind, text, out = match.lastgroup, match[0], self._out
        if kind == "chunk":
            out.append(self._chunk(text))
            self._fresh = self._fresh and out[-1].endswith("=") and self._assigns(out[-1])
        elif kind == "space":
            out.append(text)
            waiting = self._next
            self._begin(waiting or self._base)
        elif kind == "mark":
            out.append(text)
            if text in _ENDS:
                self._begin(self._base)
        elif kind == "escaped":
            out.append(r"\x" if _WORD_CHARACTER.fullmatch(match["escaped"]) else text)
            self._fresh = False
        else:
            self._reference(match)

    @staticmethod
    def _assigns(text: str) -> bool:
        return _ASSIGNMENT.fullmatch(text) is not None

    def _reference(self, match: re.Match[str]) -> None:
        name = match["named"] or match["braced"] or match["bare"]
        apart = self._amount is not None or not match.string[match.start() - 1 : match.start()].isalnum()
        kept = self._names.kept(name, apart=apart)
        if kept != NOBODY and self._amount is not None:
            self._names.amounts.setdefault(kept, self._amount)
        start = "$(" if match["named"] else "${" if match["braced"] else "$"
        self._out.append(f"{start}{kept}{')' if match['named'] else match['dash'] or ''}")
        # Behind a dash stands what takes the place of the value.
        self._fresh = bool(match["dash"]) and self._fresh

    def _chunk(self, chunk: str) -> str:
        """Return what may be told of a run of characters that mean nothing to a shell."""
        after_number, self._after_number = self._after_number, False
        amount = self._amount
        if amount is not None:
            if _PIECES[amount].fullmatch(chunk):
                self._after_number = chunk[-1:].isdigit() or chunk.endswith(".")
                return chunk
            if chunk == "=":
                # `shared_buffers = 1GB` in one word.
                self._next = amount
                return chunk
        if after_number and chunk in _UNITS:
            return chunk
        return self._word(chunk) if self._fresh else self._rest(chunk)

    def _word(self, chunk: str) -> str:
        if chunk in _WAITING or chunk in _SWITCHES:
            self._next, self.kept = SIZE if chunk in _WAITING else None, True
            return chunk
        if chunk in _WORDS:
            return chunk
        flag = _FLAG.match(chunk)
        if flag is not None:
            return self._flag(flag, chunk[flag.end() :])
        assignment = _ASSIGNMENT.match(chunk)
        if assignment is None:
            return neutral(chunk)
        name = self._names.kept(assignment[1], apart=False)
        self.kept = self.kept or name in VARIABLES
        self._amount = self._names.amounts.get(name)
        value = chunk[assignment.end() :]
        return f"{name}={self._chunk(value) if value else ''}"

    def _flag(self, flag: re.Match[str], value: str) -> str:
        self.kept, start = True, flag[0]
        if flag["file"]:
            return start + ("?" if value else "")
        self._amount = SIZE
        if not value and start[-1] != "=":
            self._next = SIZE
        if not value or _PIECES[SIZE].fullmatch(value):
            return start + value
        return f"{start}?{_options(value)}"

    def _rest(self, chunk: str) -> str:
        """Return what stands behind a reference, a quote or an escape in a word."""
        if chunk in _PROGRAM_WORDS:
            return chunk
        after_dollar = bool(self._out) and self._out[-1][-1:] == "$"
        if after_dollar and chunk[0].isdigit():
            return chunk[0] + (neutral("x" + chunk[1:]) if len(chunk) > 1 else "")
        return neutral(chunk)


def neutral(chunk: str) -> str:
    """Return a text that readers take for the same: its first sign, and the program that it ends in."""
    _, slash, base = chunk.rpartition("/")
    if base in _PROGRAM_WORDS:
        tail = base
    elif base.endswith(".sh") or "entrypoint" in base:
        tail = ("entrypoint" if "entrypoint" in base else "x") + (".sh" if base.endswith(".sh") else "")
    else:
        tail = "" if slash and not base else "x"
    first = "" if _WORD_CHARACTER.match(chunk) else chunk[0]
    if first in ("-", "+"):
        return _dashed(chunk, slash, tail)
    if not slash:
        return first + (tail if len(chunk) > len(first) else "")
    return f"{'/' if first == '/' else f'{first}x/'}{tail}"


def _dashed(chunk: str, slash: str, tail: str) -> str:
    """Return a word that begins with a dash, with what tells shells whether a script follows."""
    if not chunk.strip("-+"):
        return chunk[:3]
    start = "--" if chunk.startswith("--") else chunk[0]
    return f"{start}x{_options(chunk)}{'/' if slash else ''}{tail if slash or tail != 'x' else ''}"


def _options(chunk: str) -> str:
    return ("c" if "c" in chunk else "") + ("o" if chunk.endswith("o") else "")
