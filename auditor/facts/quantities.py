"""Facts about single quantities, as written."""

from functools import lru_cache

from auditor.facts.model import QuantityFacts
from auditor.kube.names import meant_block
from auditor.kube.objects import Entry
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
