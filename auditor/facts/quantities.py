"""Reading `resources` blocks: amounts for the memory model, and a QuantityFacts for every memory entry as written."""

import difflib
from functools import lru_cache
from typing import Any

from auditor.facts.model import HeldQuantity, Path, Problem, QuantityFacts, Subject
from auditor.kube.objects import NOTHING, Amounts
from auditor.kube.quantity import MAX_INT64, Quantity, QuantityError, parse

_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage", "storage"})
_SHORT = frozenset({"mem", "ram"})
_BLOCKS = ("requests", "limits")


class Reader:
    """Reads the blocks of one workload; collects quantities and problems on the way."""

    def __init__(self) -> None:
        self.quantities: list[HeldQuantity] = []
        self.problems: list[Problem] = []

    def problem(self, path: Path, reason: str) -> None:
        """Note a part that has the wrong shape."""
        self.problems.append(Problem(path, reason))

    def resources(self, block: Any, path: Path, subject: Subject) -> tuple[Amounts, Amounts, bool, bool]:
        """Return (requests, limits, requests known, limits known) of a `resources` block; null is an empty one."""
        if block is None:
            return NOTHING, NOTHING, True, True
        if type(block) is not dict:
            self.problem(path, f"resources must be a mapping, not {_kind(block)}")
            return NOTHING, NOTHING, False, False
        for key in block:
            if key not in _BLOCKS and key != "claims":
                self._misspelt_block(f"resources.{key}", key, subject, prefix="")
        requests, requests_known = self.amounts(block.get("requests"), path, "requests", subject)
        limits, limits_known = self.amounts(block.get("limits"), path, "limits", subject)
        return requests, limits, requests_known, limits_known

    def misplaced_blocks(self, container: dict[str, Any], subject: Subject) -> None:
        """Note `limits` and `requests` that stand directly under a container, where the API server drops them."""
        for key in _BLOCKS:
            if key in container:
                self._misspelt_block(key, key, subject, prefix="resources.")

    def _misspelt_block(self, at: str, key: str, subject: Subject, *, prefix: str) -> None:
        near = difflib.get_close_matches(str(key).lower(), _BLOCKS, n=1, cutoff=0.8)
        if near:
            self._hold(subject, at, str(key), str(key), "", known=False, dropped=True, suggestion=prefix + near[0])

    def amounts(self, block: Any, path: Path, name: str, subject: Subject) -> tuple[Amounts, bool]:
        """Return the amounts of a `requests` or `limits` block, and whether its memory is certain."""
        if block is None:
            return NOTHING, True
        if type(block) is not dict:
            self.problem((*path, name), f"{name} must be a mapping, not {_kind(block)}")
            return NOTHING, False
        memory = cpu = None
        hugepages = False
        known = True
        for key, value in block.items():
            at = f"resources.{name}.{key}"
            if key == "memory":
                memory = self.quantity(value, at, key, name, subject)
                known = memory is not None
            elif key == "cpu":
                parsed = parse(value)
                if isinstance(parsed, Quantity):
                    cpu = parsed.milli
                else:
                    self.problem((*path, name, "cpu"), f"{name}.cpu is not a quantity")
                    known = False
            elif not isinstance(key, str) or key in _STANDARD or "/" in key:
                continue
            elif key.startswith("hugepages-"):
                hugepages = True
                self.quantity(value, at, key, name, subject)
            elif looks_like_memory(key):
                self._hold(subject, at, key, name, text_of(value), known=False, dropped=False, suggestion="memory")
                known = False
        return Amounts(memory, cpu, hugepages), known

    def quantity(self, value: Any, at: str, name: str, block: str, subject: Subject) -> int | None:
        """Note a quantity as written; return its bytes, None when the API server would not take it."""
        parsed = parse(value)
        text = text_of(value)
        if isinstance(parsed, QuantityError):
            self._hold(subject, at, name, block, text, error=parsed.reason)
            return None
        error = _refusal(parsed)
        self._hold(subject, at, name, block, text, parsed=parsed, error=error)
        return None if error else parsed.value

    def _hold(
        self,
        subject: Subject,
        at: str,
        name: str,
        block: str,
        text: str,
        *,
        parsed: Quantity | None = None,
        error: str | None = None,
        known: bool = True,
        dropped: bool = False,
        suggestion: str | None = None,
    ) -> None:
        facts = QuantityFacts(
            at=at,
            name=name,
            block=block,
            text=text,
            bytes=parsed.value if parsed else None,
            valid=parsed is not None and error is None,
            error=error,
            fractional=parsed is not None and not isinstance(parsed.amount, int) and parsed.fractional,
            unit=parsed.suffix if parsed else "",
            known=known,
            dropped=dropped,
            suggestion=suggestion,
        )
        self.quantities.append(HeldQuantity(facts, subject))


def _refusal(parsed: Quantity) -> str | None:
    if parsed.amount < 0:
        return "must be greater than or equal to 0"
    if parsed.amount > MAX_INT64:
        return f"is above {MAX_INT64} bytes, and Kubernetes reads it as {parsed.value}"
    return None


def text_of(value: Any) -> str:
    """Return a scalar as people write it; for a list or a mapping, what it is."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else _kind(value)


def _kind(value: Any) -> str:
    kinds = {dict: "a mapping", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


@lru_cache(maxsize=1024)
def looks_like_memory(key: str) -> bool:
    """Return whether an unknown resource name was probably meant to be `memory`."""
    plain = key.lower().removeprefix("requests.").removeprefix("limits.")
    return plain in _SHORT or difflib.SequenceMatcher(None, plain, "memory").ratio() >= 0.75
