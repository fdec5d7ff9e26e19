"""Message templates: `{cel[:format]}` with the formats bytes, percent and Python's number formats; `{{` is a brace."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from auditor.kube.humane import format_bytes, percent_text

_NUMBER = re.compile(r"[+,]?(?:\.\d{1,2})?[dfg]")
STRING = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""")
"""A string literal of CEL, in which braces and names mean nothing."""


class TemplateError(Exception):
    """A message that is no template."""


class Hole(msgspec.Struct, frozen=True):
    """An expression in a template, and how its value is written."""

    text: str
    format: str
    """`bytes`, `percent`, a Python number format, or empty."""


def parse_template(text: str) -> tuple[str | Hole, ...]:
    """Return the literal texts and holes of a template. Raises TemplateError."""
    return tuple(_parts(text))


def _parts(text: str) -> Iterator[str | Hole]:
    position = 0
    literal = ""
    while position < len(text):
        pair = text[position : position + 2]
        if pair in ("{{", "}}"):
            literal += pair[0]
            position += 2
        elif text[position] == "}":
            raise TemplateError("a brace that closes nothing; write }} for a brace")
        elif text[position] == "{":
            end = _end(text, position)
            yield literal
            literal = ""
            yield _hole(text[position + 1 : end])
            position = end + 1
        else:
            literal += text[position]
            position += 1
    yield literal


def _end(text: str, start: int) -> int:
    """Return where the hole that starts here ends; braces in strings do not count."""
    position, depth = start, 0
    while position < len(text):
        string = STRING.match(text, position)
        if string:
            position = string.end()
            continue
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
        position += 1
    raise TemplateError("a brace that is not closed; write {{ for a brace")


def _hole(text: str) -> Hole:
    expression, colon, form = text.rpartition(":")
    if colon and (form in ("bytes", "percent") or _NUMBER.fullmatch(form)):
        return Hole(expression.strip(), form)
    if not text.strip():
        raise TemplateError("an empty {}")
    return Hole(text.strip(), "")


def write(value: Any, form: str) -> str:
    """Return a value as a message has it. Raises ValueError when the format is not for such a value."""
    if form == "bytes":
        return format_bytes(value)
    if form == "percent":
        return percent_text(value)
    if form:
        return format(value, form)
    if isinstance(value, list | tuple):
        return ", ".join(write(item, "") for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
