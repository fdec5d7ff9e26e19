"""The near name that an error tells to write instead."""

import difflib
from collections.abc import Iterable


def instead(name: object, known: Iterable[str], prefix: str = "") -> str:
    """Return `; write NEAR instead` for the known name that is nearest, empty when none is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; write {prefix}{near[0]} instead" if near else ""
