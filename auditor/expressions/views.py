"""What CEL sees of a fact struct: a small plain dict in which an absent fact is an absent key."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Names = Mapping[str, frozenset[str]]
"""Variable to the names of its facts that some text mentions."""


def view(struct: msgspec.Struct, names: Iterable[str]) -> dict[str, Any]:
    """Return the named facts of a struct. A tuple anywhere would turn every expression into an error: lists instead."""
    found = {}
    for name in names:
        value = getattr(struct, name)
        if value is None:
            continue
        if isinstance(value, tuple):
            value = [msgspec.to_builtins(item) for item in value]
        elif isinstance(value, msgspec.Struct):
            value = view(value, value.__struct_fields__)
        found[name] = value
    return found


def views(variables: Mapping[str, msgspec.Struct], names: Names) -> dict[str, Any]:
    """Return the activation of some variables, with just the facts that are mentioned: the whole map is converted."""
    return {name: view(struct, names.get(name, ())) for name, struct in variables.items()}
