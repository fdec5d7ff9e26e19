"""Facts about single quantities, as written."""

from collections.abc import Sequence
from functools import lru_cache

from auditor.facts.model import QuantityFacts
from auditor.facts.record import HeldQuantity
from auditor.kube.names import meant_block
from auditor.kube.objects import Entry
from auditor.kube.paths import path_text
from auditor.kube.quantity import Quantity, parse


@lru_cache(maxsize=8192)
def quantity_facts(entry: Entry) -> QuantityFacts:
    """Return the facts of one entry; equal entries share them."""
    at, block, name, text, kind = entry
    if kind == "block":
        meant = meant_block(name) if at.startswith("resources.") else f"resources.{name}"
        return QuantityFacts(at, name, block, "", None, True, None, False, "", False, True, meant)
    quantity = parse(None if kind == "null" else text)
    known = kind != "name"
    suggestion = None if known else "memory"
    if not isinstance(quantity, Quantity):
        error = quantity.problem
        return QuantityFacts(at, name, block, text, None, False, error, False, "", known, False, suggestion)
    return QuantityFacts(
        at,
        name,
        block,
        text,
        quantity.bytes,
        quantity.problem is None,
        quantity.problem,
        quantity.fractional,
        quantity.suffix,
        known,
        False,
        suggestion,
    )


_BINARY = frozenset(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))
_DECIMAL = frozenset(("k", "M", "G", "T", "P", "E"))


def units_mixed(held: Sequence[HeldQuantity], depth: int) -> tuple[str, str] | None:
    """Return a decimal and a binary amount of memory beside each other, in words, and the path of the decimal one.

    None when all are of one family. `depth` is the length of the pod spec's path: the result is below it.
    """
    decimal: HeldQuantity | None = None
    binary: HeldQuantity | None = None
    for item in held:
        unit = item.quantity.unit
        if unit in _BINARY:
            binary = binary or item
        elif unit in _DECIMAL:
            decimal = decimal or item
    if decimal is None or binary is None:
        return None
    holder, at = path_text(tuple(decimal.subject.path[depth:])), decimal.quantity.at
    return f"{decimal.quantity.text} and {binary.quantity.text}", f"{holder}.{at}" if holder else at
