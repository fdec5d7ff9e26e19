"""What CEL sees of a fact struct: a small plain dict in which an absent fact is an absent key."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Names = Mapping[str, frozenset[str]]
"""Variable to the names of its facts that some text mentions."""


_PLAIN = frozenset((str, int, float, bool))


def view(struct: msgspec.Struct, names: Iterable[str]) -> dict[str, Any]:
    """Return the named facts of a struct. A tuple anywhere would turn every expression into an error: lists instead."""
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(struct, name)
        kind = value.__class__
        if kind in _PLAIN:
            found[name] = value
        elif kind is tuple:
            found[name] = [item if item.__class__ in _PLAIN else msgspec.to_builtins(item) for item in value]
        elif value is not None:
            found[name] = view(value, value.__struct_fields__)
    return found


def views(variables: Mapping[str, msgspec.Struct], names: Names) -> dict[str, Any]:
    """Return the activation of some variables, with just the facts that are mentioned: the whole map is converted."""
    return {name: view(struct, names.get(name, ())) for name, struct in variables.items()}
