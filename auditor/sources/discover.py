"""Finding the files that an audit reads."""

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from auditor.findings import Skipped
from auditor.sources.kustomize import KUSTOMIZATION_NAMES
from auditor.sources.model import Discovery, Found, InputFile
from auditor.sources.read import MAX_FILE_BYTES
from auditor.sources.shown import path_words, shown_path

ENDINGS = (".yaml", ".yml", ".json")
ARCHIVE_ENDINGS = (".tgz", ".tar.gz")
"""Of what may be a packed chart."""


class SourceError(Exception):
    """A PATH argument that does not exist."""


def discover(
    paths: Sequence[str], exclude: Sequence[str] = (), stdin: bytes | None = None, *, base: str | None = None
) -> Discovery:
    """Return the files of the arguments: files as they are named, folders recursively, `-` as the given bytes.

    Reports show them relative to `base`, the working folder by default. Raises SourceError for an argument that is not
    there.
    """
    finder = _Finder(exclude, os.getcwd() if base is None else base)  # noqa: PTH109 - a string is what is compared
    for root, path in enumerate(paths):
        if path == "-":
            finder.add_stdin(root, stdin or b"")
        else:
            finder.add_path(root, path)
    return finder.result()


class _Finder:
    def __init__(self, exclude: Sequence[str], base: str) -> None:
        self._excluded = excluder(exclude)
        self._base = base
        self._seen: set[str] = set()
        self._files: list[InputFile] = []
        self._skipped: list[Skipped] = []
        self._notes: list[str] = []
        self._charts: list[Found] = []
        self._kustomizations: list[Found] = []

    def add_stdin(self, root: int, content: bytes) -> None:
        if "-" not in self._seen:
            self._seen.add("-")
            self._files.append(InputFile("-", "-", "", root, len(content), content))

    def add_path(self, root: int, path: str) -> None:
        try:
            status = os.stat(path)  # noqa: PTH116
        except PermissionError as error:
            self._skip(path, error.strerror)
            return
        except (OSError, ValueError) as error:
            raise SourceError(f"{path_words(path)}: {getattr(error, 'strerror', None) or error}") from error
        if stat.S_ISDIR(status.st_mode):
            self._folder(_Tree(root, path, os.path.realpath(path)), "")
        elif stat.S_ISREG(status.st_mode) and path.endswith(ARCHIVE_ENDINGS):
            self._archive(root, path, "", "")
        elif stat.S_ISREG(status.st_mode):
            self._file(root, path, "", "", status.st_size)
        else:
            self._pipe(root, path)

    def result(self) -> Discovery:
        """Return what was found."""
        charts, kustomizations = tuple(self._charts), tuple(self._kustomizations)
        return Discovery(tuple(self._files), tuple(self._skipped), tuple(self._notes), charts, kustomizations)

    def _shown(self, path: str) -> str:
        return shown_path(path, self._base)

    def _skip(self, path: str, reason: str | None) -> None:
        self._skipped.append(Skipped(self._shown(path), None, None, f"cannot be read: {reason or 'unknown error'}"))

    def _pipe(self, root: int, path: str) -> None:
        """Read what can be read only once, such as a shell's `<(command)`."""
        try:
            with open(path, "rb") as stream:  # noqa: PTH123
                content = stream.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            self._skip(path, error.strerror)
            return
        self._files.append(InputFile(path, self._shown(path), "", root, len(content), content))

    def _file(self, root: int, path: str, relative: str, folder: str, size: int) -> None:
        real, shown = os.path.realpath(path), self._shown(path)
        if real in self._seen or self._excluded(shown) or (relative and self._excluded(relative)):
            return
        if path.endswith(ARCHIVE_ENDINGS):
            self._archive(root, path, relative, folder)
            return
        self._seen.add(real)
        if os.path.basename(path) in KUSTOMIZATION_NAMES:  # noqa: PTH119
            self._kustomizations.append(Found(path, shown, folder, root))
        if path.endswith(ENDINGS) or not relative or path.lower().endswith(ENDINGS):
            self._files.append(InputFile(path, shown, folder, root, size))

    def _archive(self, root: int, path: str, relative: str, folder: str) -> None:
        """Add what may be a packed chart; `relative` is empty for one that is named."""
        real, shown = os.path.realpath(path), self._shown(path)
        if real not in self._seen and not self._excluded(shown) and not (relative and self._excluded(relative)):
            self._seen.add(real)
            self._charts.append(Found(path, shown, folder, root, named=not relative))

    def _folder(self, tree: "_Tree", relative: str) -> None:
        """Walk a folder; links last, so that a file found under its own name keeps it."""
        links: list[tuple[str, str]] = []
        pending = [relative]
        found: list[tuple[str, str, int]] = []
        while pending:
            here = pending.pop()
            entries = self._entries(tree, here)
            for name, entry in entries:
                below = f"{here}/{name}" if here else name
                if entry.is_symlink():
                    links.append((below, entry.path))
                elif entry.is_dir():
                    pending.append(below)
                elif entry.is_file() and _wanted(name):
                    found.append((below, entry.path, _size(entry)))
        for below, path in links:
            found.extend(self._link(tree, below, path))
        linked = {path for _, path in links}
        # Real files first: `seen` then drops the links to them.
        for below, path, size in sorted(found, key=lambda item: (item[1] in linked, item[0].split("/"))):
            self._file(tree.root, path, below, path_words(os.path.dirname(below)), size)  # noqa: PTH120
        self._sort(tree.root)

    def _sort(self, root: int) -> None:
        """Put the files of one argument in the order of their names."""
        mine = [file for file in self._files if file.root == root]
        others = [file for file in self._files if file.root != root]
        self._files = [*others, *sorted(mine, key=lambda file: file.shown.split("/"))]

    def _entries(self, tree: "_Tree", here: str) -> list[tuple[str, os.DirEntry[str]]]:
        """Return what to look at in a folder: nothing when it is a chart, left out, seen, or cannot be read."""
        path = os.path.join(tree.path, here) if here else tree.path  # noqa: PTH118
        shown = self._shown(path)
        real = os.path.realpath(path)
        if real in self._seen or (here and (self._excluded(here) or self._excluded(shown))):
            return []
        self._seen.add(real)
        try:
            with os.scandir(path) as scan:
                entries = sorted((entry.name, entry) for entry in scan if not entry.name.startswith("."))
        except OSError as error:
            self._skip(path, error.strerror)
            return []
        if any(name == "Chart.yaml" for name, _ in entries):
            self._charts.append(Found(path, shown, path_words(here), tree.root))
            return []
        return entries

    def _link(self, tree: "_Tree", below: str, path: str) -> Iterator[tuple[str, str, int]]:
        """Yield the file behind a link that stays in the tree; a folder behind one is walked in its own place."""
        name, real = below.rpartition("/")[2], os.path.realpath(path)
        if self._excluded(below) or self._excluded(self._shown(path)):
            return
        inside = real == tree.real or real.startswith(tree.real.rstrip(os.sep) + os.sep)
        is_folder = os.path.isdir(real)  # noqa: PTH112
        if not is_folder and not _wanted(name):
            return
        if not inside:
            self._notes.append(f"{self._shown(path)}: a link that leaves the folder is not followed")
        elif os.path.isfile(real):  # noqa: PTH113
            yield below, path, os.path.getsize(real)  # noqa: PTH202
        elif not is_folder:
            self._skip(path, "the link leads nowhere")


class _Tree:
    """A PATH argument that is a folder."""

    def __init__(self, root: int, path: str, real: str) -> None:
        self.root = root
        self.path = path
        self.real = real


def _wanted(name: str) -> bool:
    return name.lower().endswith(ENDINGS) or name in KUSTOMIZATION_NAMES or name.endswith(ARCHIVE_ENDINGS)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0


def excluder(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a path, or a folder above it, matches a glob; one without `/` matches at any depth."""
    if not patterns:
        return lambda _: False
    compiled = re.compile("|".join(f"(?:{_glob(pattern)})" for pattern in patterns))
    return lambda path: compiled.fullmatch(path) is not None


_GLOB = re.compile(
    r"(?P<deep>\*\*/)|(?P<rest>\*\*)|(?P<any>\*)|(?P<one>\?)|\[(?P<not>!?)(?P<set>[^\]]+)\]|(?P<text>.)", re.DOTALL
)


@lru_cache(maxsize=64)
def _glob(pattern: str) -> str:
    text = pattern.removeprefix("./").strip("/")
    parts = ["" if "/" in text else "(?:.*/)?"]
    for match in _GLOB.finditer(text):
        match match.lastgroup:
            case "deep":
                parts.append("(?:.*/)?")
            case "rest":
                parts.append(".*")
            case "any":
                parts.append("[^/]*")
            case "one":
                parts.append("[^/]")
            case "set":
                inverse = "^" if match["not"] else ""
                parts.append(f"[{inverse}{re.escape(match['set']).replace(chr(92) + '-', '-')}]")
            case _:
                parts.append(re.escape(match.group()))
    return "".join(parts) + "(?:/.*)?"
