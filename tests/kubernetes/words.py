"""Refusals as texts that can be compared: Kubernetes prints an amount as it was written, we print its value."""

import re

from auditor.kube.quantity import Quantity, parse

_AMOUNT = re.compile(r'(?:(?<=[ "=])|^)[+-]?[0-9.]+(?:[numkMGTPE]i?|Ki|[eE][+-]?[0-9]+)?(?=[", \]]|\.? |$)')
# Of these, one thing is wrong and Kubernetes says several: for the request that the limit became, for each list of
# names that the name is not in, for each comparison with the amount.
_ONE_OF_SEVERAL = ("must be a standard resource", "must be greater than or equal to <0>")


def by_value(text):
    """Return a text with every amount as its value in thousandths."""

    def value(match):
        quantity = parse(match[0])
        return f"<{quantity.milli}>" if isinstance(quantity, Quantity) else match[0]

    return " ".join(_AMOUNT.sub(value, text).split())


def compare_refusals(ours, theirs, *, known):
    """Return whether both refuse for the same reasons; `known` is False where we may have to be silent."""
    found, expected = {by_value(text) for text in ours}, {by_value(text) for text in theirs}
    if not known or any(words in text for text in found for words in _ONE_OF_SEVERAL):
        return found <= expected and (bool(found) or not known)
    return found == expected


def assert_none(wrong):
    """Fail with the five shortest of what differs, a line for each part."""
    some = sorted(wrong, key=lambda item: len(str(item)))[:5]
    assert not wrong, f"{len(wrong)} differ:\n\n" + "\n\n".join("\n".join(map(str, item)) for item in some)
