"""Which files a kustomization uses as parts: they are no whole objects and are not judged."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from auditor.sources.model import Discovery
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
        for patch in as_list(data.get(key)):
            if isinstance(patch, dict) and _is_path(patch.get("path")):
                yield patch["path"]
    for key in ("patchesStrategicMerge", "components"):
        yield from filter(_is_path, as_list(data.get(key)))


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, anything else as an empty one."""
    return value if isinstance(value, list) else []


def _is_path(value: Any) -> bool:
    """Whether a value names a file or folder here: not a patch written inline, not a remote component."""
    return isinstance(value, str) and value != "" and "\n" not in value and "\0" not in value and "://" not in value


def without_partial(found: Discovery) -> Discovery:
    """Return what was found without the files that its kustomizations name as parts: told, not judged."""
    partial: dict[str, str] = {}
    for kustomization in found.kustomizations:
        named = partial_files(kustomization.path)
        partial.update(dict.fromkeys(named, kustomization.shown))
    taken: dict[str, int] = {}
    kept = []
    for file in found.files:
        owner = _owner(file.path, partial) if partial and file.content is None else None
        if owner is None:
            kept.append(file)
        else:
            taken[owner] = taken.get(owner, 0) + 1
    return replace(found, files=tuple(kept), notes=(*found.notes, *(_told(*item) for item in taken.items())))


def _told(shown: str, count: int) -> str:
    if count == 1:
        return f"{shown}: 1 file that it names as a patch or component is not judged by itself"
    return f"{shown}: {count} files that it names as patches or components are not judged by themselves"


def _owner(path: str, partial: dict[str, str]) -> str | None:
    """Return the kustomization that names a file, or a folder above it."""
    real = os.path.realpath(path)
    if os.path.basename(real) in KUSTOMIZATION_NAMES:  # noqa: PTH119
        return None
    while real not in partial:
        parent = os.path.dirname(real)  # noqa: PTH120
        if parent == real:
            return None
        real = parent
    return partial[real]
