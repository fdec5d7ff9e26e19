"""Which names below `resources` Kubernetes knows, and which of the others were probably meant for memory."""

from functools import lru_cache

_MEMORY_NAMES = frozenset(("mem", "ram", "memory-limit", "memorylimit", "memory-request", "memoryrequest"))
# Close to `memory` by spelling only.
_OTHER_WORDS = frozenset(("cpu", "storage", "pods", "ephemeral-storage"))
_MAX_EDITS = 2


@lru_cache(maxsize=1024)
def looks_like_memory(name: str) -> bool:
    """Return whether an unknown resource name was probably meant to be `memory`."""
    low = name.lower()
    if name == "memory" or low in _OTHER_WORDS or "/" in name:
        return False
    return low in _MEMORY_NAMES or _edits(low, "memory") <= _MAX_EDITS


@lru_cache(maxsize=1024)
def meant_block(name: str) -> str | None:
    """Return `limits` or `requests` for an unknown key below `resources` that was probably meant so, else None."""
    low = name.lower()
    if name in ("limits", "requests", "claims"):
        return None
    return next((block for block in ("limits", "requests") if _edits(low, block) <= _MAX_EDITS), None)


def _edits(left: str, right: str) -> int:
    """Return the edit distance of two short words; a swap of neighbours is one edit."""
    if abs(len(left) - len(right)) > _MAX_EDITS:
        return _MAX_EDITS + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
