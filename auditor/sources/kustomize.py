"""Which files a kustomization uses as parts: they are no whole objects and are not judged."""

import os
from collections.abc import Iterator
from typing import Any

from auditor.sources.read import MAX_FILE_BYTES, plain_documents

KUSTOMIZATION_NAMES = frozenset(("kustomization.yaml", "kustomization.yml", "Kustomization"))


def partial_files(kustomization: str) -> frozenset[str]:
    """Return the real paths of the patches and the component folders that a kustomization file names."""
    try:
        with open(kustomization, "rb") as stream:  # noqa: PTH123 - the path may hold bytes that are no text
            content = stream.read(MAX_FILE_BYTES)
    except OSError:
        return frozenset()  # it is told as a skipped input when it is read as one
    folder = os.path.dirname(kustomization)  # noqa: PTH120
    named = (name for data, _ in plain_documents(content) for name in _named(data))
    return frozenset(os.path.realpath(os.path.join(folder, name)) for name in named)  # noqa: PTH118


def _named(data: Any) -> Iterator[str]:
    if not isinstance(data, dict):
        return
    for key in ("patches", "patchesJson6902"):
        for patch in _list(data.get(key)):
            if isinstance(patch, dict) and _is_path(patch.get("path")):
                yield patch["path"]
    for key in ("patchesStrategicMerge", "components"):
        yield from filter(_is_path, _list(data.get(key)))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_path(value: Any) -> bool:
    """Whether a value names a file or folder here: not a patch written inline, not a remote component."""
    return isinstance(value, str) and value != "" and "\n" not in value and "\0" not in value and "://" not in value
