"""The two sides of a comparison, each as a folder on disk: a path as it is, a revision in a folder of our own."""

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from auditor.diff.model import SNAPSHOT, Side
from auditor.findings import Skipped
from auditor.sources.checkout import Checkout, shown, submodules
from auditor.sources.cluster.snapshot import is_snapshot
from auditor.sources.discover import SourceError
from auditor.sources.git import Entry, Repository, Revision

_RANGE = re.compile(r"(?P<base>.*?)(?P<dots>\.{2,3})(?P<head>.*)")
_PATHS = (".", "..")
_PATH_STARTS = ("./", "../", "/")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants compared."""

    base: str
    head: str | None = None
    """None: the work tree."""
    paths: Sequence[str] = ()
    """Where to look, below the working folder or below each path; everywhere when empty."""
    merge_base: bool = False
    """Compare with the commit at which HEAD left BASE."""
    trust_head: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """One side on disk."""

    side: Side
    folder: Path
    """What the names in reports are relative to."""
    paths: tuple[tuple[int, str], ...]
    """Which of the paths it has: their numbers and where they are."""
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    entries: Mapping[bytes, Entry] | None = None
    """The files of a side of a repository, by their path from its top; None for a path."""
    top: Path | None = None
    """Where its top is; None for a path."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides, and the files of the repository that decide how they are judged."""

    base: Tree
    head: Tree
    repository: Repository | None
    """None between paths."""
    rules: Mapping[bytes, Entry] | None
    """The files of the revision whose config, policies, waivers and baseline hold; None: those on disk do."""
    scratch: Path
    """A folder of our own, which goes when the comparison is done."""
    trusted: str
    """Whose rules hold, `base` or `head`."""


@dataclass(slots=True)
class Opener:
    """Opens the sides in a scratch folder."""

    asked: Asked
    scratch: Path
    _repository: Repository | None = None
    _checkout: Checkout | None = field(default=None)

    def open(self) -> Sides:
        """Return the sides. Raises SourceError for what is not there."""
        asked = _split(self.asked)
        base, head = self._named(asked.base), self._head(asked)
        tip = base
        if asked.merge_base:
            base = self._left(base, head)
        trees = self._tree(base, "base"), self._tree(head, "head")
        present = {number for tree in trees for number, _ in tree.paths}
        for number, path in enumerate(_below(asked.paths)):
            if number not in present:
                raise SourceError(f"{path}: neither side has it")
        rules = head if asked.trust_head else tip
        trusted = "head" if asked.trust_head else "base"
        entries = None
        if isinstance(rules, Revision):
            entries = _by_path(self._git().entries(rules.tree))
        return Sides(*trees, self._repository, entries, self.scratch, trusted)

    def _git(self) -> Repository:
        if self._repository is None:
            self._repository = Repository.at(Path.cwd())
            self._checkout = Checkout(self._repository)
        return self._repository

    def _named(self, name: str) -> Revision | Path:
        """Return what a name stands for. Raises SourceError when that is nothing, or two things."""
        path = Path(name)
        if name in _PATHS or name.startswith(_PATH_STARTS):
            if not path.exists():
                raise SourceError(f"{name}: there is no such path")
            return path
        is_path = bool(name) and "\0" not in name and os.path.lexists(name)
        try:
            revision = self._git().revision(name)
        except SourceError:
            if not is_path:
                raise
            return path
        # A bare repository's own files, such as HEAD, are nobody's manifests.
        is_path = is_path and not self._git().bare
        if revision is None:
            if is_path:
                return path
            raise self._git().missing(name)
        if is_path:
            raise SourceError(f"{name}: both a revision and a path; write ./{name}, or refs/heads/{name}")
        return revision

    def _head(self, asked: Asked) -> Revision | Path | None:
        if asked.head is not None:
            return self._named(asked.head)
        if isinstance(self._named(asked.base), Path):
            raise SourceError("HEAD is missing: a path is compared with another path, or a revision")
        return None

    def _left(self, base: Revision | Path, head: Revision | Path | None) -> Revision:
        tip = self._git().revision("HEAD") if head is None else head
        if not isinstance(base, Revision) or not isinstance(tip, Revision):
            raise SourceError("--merge-base: only revisions have left each other")
        return self._git().merge_base(base, tip)

    def _tree(self, what: Revision | Path | None, name: str) -> Tree:
        if isinstance(what, Path):
            return _path_tree(what, _below(self.asked.paths))
        repository = self._git()
        entries = repository.work_tree() if what is None else repository.entries(what.tree)
        side = Side("worktree", "", None) if what is None else Side("revision", what.name, what.commit)
        checkout = self._checkout or Checkout(repository)
        top = self.scratch / name
        top.mkdir()
        skipped = checkout.write(checkout.audited(entries), top)
        _mark(top, repository)
        folder = top / os.fsdecode(repository.prefix.rstrip(b"/"))
        folder.mkdir(parents=True, exist_ok=True)
        wanted = _below(self.asked.paths)
        here = _Here(shown(repository.prefix), wanted)
        notes = [f"{at}: a submodule, not entered" for path in submodules(entries) if (at := here.of(path)) is not None]
        told = [
            Skipped(at, item.line, item.column, item.reason)
            for item in skipped
            if (at := here.of(item.file)) is not None
        ]
        return Tree(side, folder, _present(folder, wanted), tuple(told), tuple(notes), _by_path(entries), top)


@dataclass(frozen=True, slots=True)
class _Here:
    """Names from the top of a repository, as seen from the working folder."""

    prefix: str
    paths: Sequence[str]

    def of(self, path: str) -> str | None:
        """Return the name from the working folder, None for one that is not looked at."""
        if not path.startswith(self.prefix):
            return None
        name = path.removeprefix(self.prefix)
        looked_at = any(wanted in (".", name) or name.startswith(f"{wanted}/") for wanted in self.paths)
        return name if looked_at else None


def scratch_folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder that nobody else can read, and that goes when it is left."""
    return tempfile.TemporaryDirectory(prefix="auditor-", dir=os.path.realpath(tempfile.gettempdir()))


def _mark(top: Path, repository: Repository) -> None:
    """Let a folder be a repository's top to who renders charts: nothing leaves it, and its own name is known."""
    (top / ".git").mkdir()
    remotes = "".join(f"url = ../{name}\n" for name in repository.remotes())
    (top / ".git" / "config").write_text(remotes, encoding="utf-8", errors="surrogateescape")


def _split(asked: Asked) -> Asked:
    """Return what `BASE..HEAD` or `BASE...HEAD` in one word asks; an empty side is git's HEAD."""
    match = _RANGE.fullmatch(asked.base)
    is_path = asked.base in _PATHS or asked.base.startswith(_PATH_STARTS) or os.path.lexists(asked.base)
    if match is None or is_path:
        return asked
    if asked.head is not None:
        raise SourceError(f"{asked.base}: holds both sides, and a second is given")
    merge_base = asked.merge_base or len(match["dots"]) == 3
    return Asked(match["base"] or "HEAD", match["head"] or "HEAD", asked.paths, merge_base, asked.trust_head)


def _below(paths: Sequence[str]) -> tuple[str, ...]:
    """Return where to look, from the folder of each side. Raises SourceError for a path outside of it."""
    found = []
    for path in paths or (".",):
        name = os.path.normpath(path)
        if os.path.isabs(name):  # noqa: PTH117 - text in, text out
            name = os.path.relpath(name)
        if name == ".." or name.startswith("../"):
            raise SourceError(f"--path {path}: outside of the working folder; run in a folder above it")
        found.append(name)
    return tuple(found)


def _path_tree(path: Path, wanted: Sequence[str]) -> Tree:
    """Return a side that is a path; names in reports are relative to it, or to the folder of a file."""
    side = Side("folder", str(path), None)
    real = Path(os.path.realpath(path))
    if real.is_dir():
        return Tree(side, real, _present(real, wanted))
    if is_snapshot(real):
        side = msgspec.structs.replace(side, kind=SNAPSHOT)
    if tuple(wanted) != (".",):
        raise SourceError(f"{path}: is a file, in which --path has nothing to choose")
    return Tree(side, real.parent, ((0, str(real)),))


def _present(folder: Path, wanted: Sequence[str]) -> tuple[tuple[int, str], ...]:
    places = [(number, os.path.normpath(folder / path)) for number, path in enumerate(wanted)]
    return tuple((number, place) for number, place in places if os.path.lexists(place))


def _by_path(entries: Sequence[Entry]) -> dict[bytes, Entry]:
    return {entry.path: entry for entry in entries}
