"""Paths in an object, as keys and indexes and as text, and what stands there."""

import re
from functools import lru_cache
from typing import Any

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


def value_at(data: Any, path: Path) -> Any:
    """Return what stands at a path in plain data, None where the path does not exist."""
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def with_value(data: Any, path: Path, value: Any) -> Any:
    """Return plain data with a value at a path; what is not on the way to it is shared with `data`.

    Raises LookupError where a list on the way has no such item.
    """
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(data, list) and isinstance(step, int):
        return [*data[:step], with_value(data[step], rest, value), *data[step + 1 :]]
    owner = data if isinstance(data, dict) else {}
    return {**owner, step: with_value(owner.get(step), rest, value)}
