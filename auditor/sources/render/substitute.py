"""Flux's variables in a rendering: `${name}`, `${name:=default}`, `$${name}` for the text itself."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(rb"\$?\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-=]([^}]*))?\}")


def substituted(text: bytes, variables: Mapping[str, str] | None) -> bytes:
    """Return a text with its variables replaced; None leaves all as it is, an unknown one becomes its default."""
    if variables is None:
        return text

    def value(match: re.Match[bytes]) -> bytes:
        if match[0].startswith(b"$$"):
            return match[0][1:]
        known = variables.get(match[1].decode())
        return (match[2] or b"") if known is None else known.encode()

    return _VARIABLE.sub(value, text)
