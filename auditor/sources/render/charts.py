"""A chart on disk: its name, its dependencies, its files, and whether it may be rendered at all."""

import contextlib
import gzip
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.findings import Place
from auditor.sources.model import Locator
from auditor.sources.read import MAX_FILE_BYTES, plain_documents
from auditor.sources.render.model import RefusedError, Tree, within

CHART_FILE = "Chart.yaml"
ARCHIVE_ENDINGS = (".tgz", ".tar.gz")

_MAX_DEPTH = 8
"""Of charts in charts."""
_MAX_ENTRIES = 100_000
"""Files and folders of one chart."""
_MAX_UNPACKED_BYTES = 256 * 2**20
"""Of an archive; helm takes 100 MiB."""
_KNOWN_SCHEMAS = re.compile(r"https?://json-schema\.org/")


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, and those in its `charts/`."""

    name: str
    folder: str
    """Empty for one that is an archive."""
    data: dict[str, Any] = field(repr=False)
    """Its Chart.yaml."""
    locator: Locator | None = field(repr=False)
    inner: "tuple[Chart, ...]" = ()
    """The charts of `charts/` that are folders."""

    def named(self, name: str) -> "Chart | None":
        """Return the inner chart that helm calls so: by its alias, or its own name."""
        real = next((str(item["name"]) for item in self.dependencies() if item.get("alias") == name), name)
        return next((chart for chart in self.inner if chart.name == real), None)

    def dependencies(self) -> list[dict[str, Any]]:
        """Return the entries of `dependencies` that have a name."""
        listed = self.data.get("dependencies")
        entries = listed if isinstance(listed, list) else []
        return [item for item in entries if isinstance(item, dict) and isinstance(item.get("name"), str)]


def read_chart(folder: str, shown: str, depth: int = 0) -> Chart:
    """Return the chart in a folder; one whose Chart.yaml cannot be read has no name, which helm will tell."""
    data, locator = first_document(os.path.join(folder, CHART_FILE), f"{shown}/{CHART_FILE}")  # noqa: PTH118
    if not isinstance(data, dict):
        data, locator = {}, None
    below = Path(folder, "charts")
    children = sorted(below.iterdir()) if depth < _MAX_DEPTH and below.is_dir() else []
    inner = [
        read_chart(str(child), f"{shown}/charts/{child.name}", depth + 1)
        for child in children
        if (child / CHART_FILE).is_file()
    ]
    name = data.get("name")
    return Chart(name if isinstance(name, str) else "", folder, data, locator, tuple(inner))


def first_document(path: str, shown: str) -> tuple[Any, Locator | None]:
    """Return the first YAML document of a file and its locator; (None, None) when there is none to read."""
    return next(iter(plain_documents(content_of(path), shown)), (None, None))


def content_of(path: str) -> bytes:
    """Return what a file holds, up to a bound; nothing for one that cannot be read, which the tool tells."""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - the path may hold bytes that are no text
            return stream.read(MAX_FILE_BYTES)
    except OSError:
        return b""


def check_folder(folder: str, tree: Tree) -> bool:
    """Return whether the chart's schemas of values can be used without reaching for other files.

    Raises RefusedError for a link that leaves the tree, or that leads back up, and for a chart of too many files.
    """
    schemas_are_closed = True
    for number, (here, entry) in enumerate(_entries(folder)):
        if number >= _MAX_ENTRIES:
            raise RefusedError(f"the chart has more than {_MAX_ENTRIES} files")
        if entry.is_symlink():
            _check_link(entry.path, here, tree)
        if entry.name == "values.schema.json":
            schemas_are_closed &= _is_closed(content_of(entry.path))
        elif entry.name.endswith(ARCHIVE_ENDINGS) and Path(here).name == "charts":
            schemas_are_closed &= check_archive(entry.path)
    return schemas_are_closed


def _entries(folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(here) as scan:
                entries = list(scan)
        except OSError as error:
            raise RefusedError(f"{os.path.relpath(here, folder)} cannot be read: {error.strerror}") from error
        for entry in entries:
            yield here, entry
            if entry.is_dir():
                pending.append(entry.path)


def _check_link(path: str, here: str, tree: Tree) -> None:
    shown = tree.shown(path)
    if not tree.holds(path):
        raise RefusedError(f"{shown} is a link that leaves the folder: it is not followed")
    if within(os.path.realpath(path), os.path.realpath(here)):
        raise RefusedError(f"{shown} is a link to a folder that it is in")


def check_archive(path: str) -> bool:
    """Return whether the schemas in a chart's archive can be used without reaching for other files.

    helm itself unpacks with bounds, to memory, and refuses links and paths that leave the chart.
    """
    closed = True
    try:
        with _opened(path) as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                if name == "values.schema.json":
                    stream = archive.extractfile(member) if member.size <= MAX_FILE_BYTES else None
                    closed &= stream is not None and _is_closed(stream.read(MAX_FILE_BYTES))
                elif name.endswith(ARCHIVE_ENDINGS):
                    closed = False
    except _FAULTS:
        return True  # helm tells what is wrong with it
    return closed


_FAULTS = (OSError, EOFError, tarfile.TarError, zlib.error)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tarfile.TarFile]:
    """Give an archive to read once from its start; it ends with an OSError where it unpacks to too much."""
    with gzip.open(path) as stream, tarfile.open(fileobj=_Bounded(stream), mode="r|") as archive:  # type: ignore[call-overload]
        yield archive


class _Bounded:
    """The beginning of an unpacked stream; more is an error, as it is to helm."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = _MAX_UNPACKED_BYTES

    def read(self, size: int) -> bytes:
        """Return the next bytes. Raises OSError behind the bound."""
        block = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise OSError("unpacks to too much")
        return block


def is_chart_archive(path: str) -> bool:
    """Return whether an archive starts as `helm package` writes it: one folder with a Chart.yaml."""
    try:
        with _opened(path) as archive:
            for member in archive:
                steps = member.name.removeprefix("./").split("/")
                if len(steps) == 2 and steps[1] == CHART_FILE:
                    return True
    except _FAULTS:
        pass
    return False


def _is_closed(schema: bytes) -> bool:
    """Return whether a JSON schema refers to nothing but itself: helm would read other files, and ask other hosts."""
    try:
        pending = [json.loads(schema)]
    except (ValueError, RecursionError):
        return True  # helm tells what is wrong with it
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            pending.extend(node.values())
            references = [node.get(key) for key in ("$ref", "$dynamicRef", "$recursiveRef")]
            if any(isinstance(item, str) and not _is_known(item) for item in references):
                return False
            if isinstance(node.get("$schema"), str) and not _KNOWN_SCHEMAS.match(node["$schema"]):
                return False
    return True


def _is_known(reference: str) -> bool:
    return reference.startswith("#") or _KNOWN_SCHEMAS.match(reference) is not None


def template_place(chart: Chart, source: str, tree: Tree) -> tuple[str, Place]:
    """Return the template that helm's `# Source:` names, as reports show it, and a place for what it gives.

    Without a file of that name the chart that brought it stands for it: the entry of an archived dependency.
    """
    steps = source.split("/")
    here, steps = chart, steps[1:]
    while len(steps) > 2 and steps[0] == "charts":
        inner = here.named(steps[1])
        if inner is None:
            return source, _dependency_place(here, steps[1], tree)
        here, steps = inner, steps[2:]
    path = os.path.join(here.folder, *steps)  # noqa: PTH118
    if ".." not in steps and os.path.isfile(path) and tree.holds(path):  # noqa: PTH113
        shown = tree.shown(path)
        return shown, first_line(shown)
    return source, _dependency_place(here, "", tree)


def _dependency_place(chart: Chart, name: str, tree: Tree) -> Place:
    shown = tree.shown(os.path.join(chart.folder, CHART_FILE))  # noqa: PTH118
    listed = chart.data.get("dependencies")
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        if chart.locator is not None and isinstance(item, dict) and name in (item.get("alias"), item.get("name")):
            return chart.locator.place(("dependencies", index))
    return first_line(shown)


def first_line(shown: str) -> Place:
    """Return the place that stands for a whole file."""
    return Place(shown, 1, 1, 1, 1)
