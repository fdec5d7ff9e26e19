"""Writing what an audit reads of a git tree into a folder of our own: manifests, charts, kustomizations, links.

Content is written as it is in the objects: no filter, no line ends changed. A blob that two trees share is written
once. Names come from untrusted trees: one that would leave the folder is told and not written, and links come last, so
that nothing is written through one.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auditor.findings import Skipped
from auditor.sources.discover import ENDINGS
from auditor.sources.git import FILE, LINK, SUBMODULE, Entry, Repository
from auditor.sources.kustomize import KUSTOMIZATION_NAMES
from auditor.sources.read import MAX_FILE_BYTES

_ENDINGS = tuple(ending.encode() for ending in (*ENDINGS, ".tgz"))
_WHOLE = frozenset(name.encode() for name in ("Chart.yaml", *KUSTOMIZATION_NAMES))
_MAX_PART_BYTES = 5 * 2**20
"""A larger part of a chart or kustomization does not get into an object: Helm refuses it, a ConfigMap holds 1 MiB."""
_ABSENT = "its content is not in this clone: fetch it, or clone without a filter"


@dataclass(slots=True)
class Checkout:
    """Trees of one repository in folders of our own."""

    repository: Repository
    written: dict[str, bytes] = field(default_factory=dict)
    """Blob to a file that holds it."""

    def audited(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return what an audit may read: manifests by their names, links, all of a chart or a kustomization."""
        return _wanted(entries, self._links(entries))

    def write(self, entries: Sequence[Entry], folder: Path) -> tuple[Skipped, ...]:
        """Write files and links into a folder that is there and has none of them; return what cannot be written."""
        wanted, skipped = _safe(entries)
        top = os.fsencode(folder)
        for parent in sorted({os.path.dirname(entry.path) for entry in wanted}):  # noqa: PTH120 - names are bytes
            os.makedirs(os.path.join(top, parent), exist_ok=True)  # noqa: PTH103, PTH118
        skipped += self._files([entry for entry in wanted if entry.kind == FILE], top)
        for path, target in self._links(wanted).items():
            os.symlink(target, os.path.join(top, path))  # noqa: PTH118, PTH211
        return tuple(skipped)

    def _links(self, entries: Sequence[Entry]) -> dict[bytes, bytes]:
        """Return where the links of a tree lead, by their paths."""
        links = [entry for entry in entries if entry.kind == LINK and b"\0" not in entry.path]
        targets = dict(self.repository.blobs({entry.oid for entry in links if entry.oid}))
        top = os.fsencode(self.repository.top)
        found: dict[bytes, bytes] = {}
        for entry in links:
            target = targets.get(entry.oid) if entry.oid else os.readlink(os.path.join(top, entry.path))  # noqa: PTH115, PTH118
            if target and b"\0" not in target:
                found[entry.path] = target
        return found

    def _files(self, files: Sequence[Entry], top: bytes) -> list[Skipped]:
        """Write files; return those that cannot be: their content is not in this clone, or may not be read."""
        skipped: list[Skipped] = []
        missing: dict[str, list[tuple[Entry, bytes]]] = {}
        for entry in files:
            path = os.path.join(top, entry.path)  # noqa: PTH118
            if entry.oid and entry.oid not in self.written and entry.size_bytes <= MAX_FILE_BYTES:
                missing.setdefault(entry.oid, []).append((entry, path))
                continue
            try:
                self._file(entry, path)
            except OSError as error:
                skipped.append(_unreadable(entry, error))
        for oid, content in self.repository.blobs(tuple(missing)):
            for entry, path in missing.pop(oid, ()):
                try:
                    _create(path, content)
                except OSError as error:
                    skipped.append(_unreadable(entry, error))
                else:
                    self.written[oid] = path
        absent = (entry for some in missing.values() for entry, _ in some)
        return [*skipped, *(Skipped(shown(entry.path), None, None, _ABSENT) for entry in absent)]

    def _file(self, entry: Entry, path: bytes) -> None:
        """Write a file whose blob need not be asked for."""
        if entry.size_bytes > MAX_FILE_BYTES:
            _hollow(path, entry.size_bytes)
        elif entry.oid:
            os.link(self.written[entry.oid], path)
        else:
            source = os.open(os.path.join(os.fsencode(self.repository.top), entry.path), os.O_RDONLY | os.O_NOFOLLOW)  # noqa: PTH118
            with open(source, "rb") as stream:  # noqa: PTH123
                _create(path, stream.read(MAX_FILE_BYTES + 1))


def submodules(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the submodules of a tree as paths from its top."""
    return tuple(shown(entry.path) for entry in entries if entry.kind == SUBMODULE)


def shown(path: bytes) -> str:
    """Return a path as text; bytes that are no UTF-8 are written as escapes."""
    return path.decode("utf-8", "backslashreplace")


def _wanted(entries: Sequence[Entry], links: Mapping[bytes, bytes]) -> list[Entry]:
    whole = {folder for entry in entries for folder, _, name in [_split(entry.path)] if name in _WHOLE}
    linked = {os.path.normpath(os.path.join(_split(path)[0], target)) for path, target in links.items()}  # noqa: PTH118
    return [
        entry
        for entry in entries
        if entry.kind == LINK
        or (
            entry.kind == FILE
            and (
                entry.path.lower().endswith(_ENDINGS)
                or entry.path in linked
                or (entry.size_bytes <= _MAX_PART_BYTES and _is_below(entry.path, whole))
            )
        )
    ]


def _split(path: bytes) -> tuple[bytes, bytes, bytes]:
    return path.rpartition(b"/")


def _is_below(path: bytes, folders: set[bytes]) -> bool:
    """Return whether a file is in one of some folders or below it."""
    if not folders:
        return False
    while path:
        path = _split(path)[0]
        if path in folders:
            return True
    return False


def _safe(entries: Iterable[Entry]) -> tuple[list[Entry], list[Skipped]]:
    """Return the entries whose names stay below a folder, each once, and what is wrong with the others."""
    kept: dict[bytes, Entry] = {}
    skipped = []
    for entry in entries:
        parts = entry.path.split(b"/")
        if any(part in (b"", b".", b"..") or part.lower() == b".git" for part in parts):
            skipped.append(Skipped(shown(entry.path), None, None, "its name in git's tree leaves the tree"))
        else:
            kept.setdefault(entry.path, entry)
    behind = {path for path, entry in kept.items() if entry.kind == LINK}
    for path in [path for path in kept if _is_below(path, behind)]:
        del kept[path]
        skipped.append(Skipped(shown(path), None, None, "git's tree has a link in the place of its folder"))
    return list(kept.values()), skipped


def _unreadable(entry: Entry, error: OSError) -> Skipped:
    return Skipped(shown(entry.path), None, None, f"cannot be read: {error.strerror or error}")


def _create(path: bytes, content: bytes) -> None:
    with open(path, "xb") as stream:  # noqa: PTH123
        stream.write(content)


def _hollow(path: bytes, size: int) -> None:
    """Write a file of a size that is refused when it is read, without its content."""
    with open(path, "xb") as stream:  # noqa: PTH123
        stream.truncate(size)
