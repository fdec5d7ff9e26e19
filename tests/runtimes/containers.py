"""Containers for tests of runtimes."""

from typing import Any

from auditor.runtimes.model import Around, Heap
from auditor.runtimes.read import read_heap

MIB = 2**20
GIB = 2**30


def heap(
    limit: int | None = GIB, image: str | None = None, node: int | None = None, maps: Any = None, **raw: Any
) -> Heap | None:
    """Return the heap of a container with a memory limit in bytes, on a node with a capacity in bytes."""
    return read_heap(raw, image, Around(None, limit, limit, None, node, maps or {}))


def env(**variables: str) -> list[dict[str, str]]:
    """Return variables with plain values."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def secret(name: str) -> list[dict[str, Any]]:
    """Return a variable whose value is in a Secret."""
    return [{"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]


SECRETS = [{"secretRef": {"name": "s"}}]
"""An `envFrom` of a Secret."""
