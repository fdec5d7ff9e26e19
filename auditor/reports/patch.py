"""Changed files as a patch that `git apply` and `patch -p1` take from the working folder."""

from collections.abc import Iterable, Iterator
from difflib import diff_bytes, unified_diff

_ESCAPES = {0x22: b'\\"', 0x5C: b"\\\\", 0x07: b"\\a", 0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0B: b"\\v"}
_ESCAPES |= {0x0C: b"\\f", 0x0D: b"\\r"}
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E
_NO_BREAK = b"\n\\ No newline at end of file\n"


def patch(name: bytes, before: bytes, after: bytes) -> bytes:
    """Return the unified diff of a file; its name is relative to the working folder, in the file system's bytes.

    NOTE: without git's own `diff --git` line, whose names would be relative to the top of the repository.
    """
    lines = diff_bytes(unified_diff, _lines(before), _lines(after), b"", b"", lineterm=b"\n")
    body = [line if line.endswith(b"\n") else line + _NO_BREAK for line in lines][2:]
    return b"".join([b"--- " + _quoted(b"a/" + name), b"+++ " + _quoted(b"b/" + name), *body])


def _lines(content: bytes) -> list[bytes]:
    """Return lines as git has them: a line feed alone ends one."""
    parts = content.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _quoted(name: bytes) -> bytes:
    """Return a name as a header of a patch has it: quoted as in C where it must be, else ended by a tab."""
    if all(_FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE and byte not in _ESCAPES for byte in name):
        # A space would otherwise end the name.
        return name + (b"\t\n" if b" " in name else b"\n")
    return b'"' + b"".join(_escaped(name)) + b'"\n'


def _escaped(name: Iterable[int]) -> Iterator[bytes]:
    for byte in name:
        plain = _FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE
        yield _ESCAPES.get(byte) or (bytes((byte,)) if plain else b"\\%03o" % byte)
