"""Paths in an object, as keys and indexes and as text."""

import re
from functools import lru_cache

Path = tuple[str | int, ...]
"""A path in an object: keys and list indexes, such as `("spec", "containers", 0, "resources")`."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """Return the path of a text such as `env[2].value` or `resources.limits.memory`; empty for an empty text."""
    return tuple(int(index) if index else key for key, index in _STEP.findall(text))


@lru_cache(maxsize=4096)
def path_text(path: Path) -> str:
    """Return a path as reports show it, `spec.containers[0].resources`; keys that hold a dot are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif "." in step or "[" in step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text
