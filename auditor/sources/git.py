"""Reading a git repository: revisions, trees, blobs, and which files its work tree has.

Only git's plumbing is called: neither index nor work tree is written, and no hook, filter, text conversion or monitor
that the repository's config names is run. The environment's GIT_* variables are left out, nothing is fetched, and names
are bytes (`-z`).
"""

import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.sources.discover import SourceError

FILE, LINK, SUBMODULE = "file", "link", "submodule"
_KINDS = {b"120000": LINK, b"160000": SUBMODULE, b"100644": FILE, b"100755": FILE, b"100664": FILE}
# fmt: off
_GIT = (
    "git", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "-c", "core.hooksPath=/dev/null",
)
# fmt: on
_FROM_ANOTHER = re.compile(r"[~^:]|@\{")
_OBJECT = re.compile(r"[0-9a-fA-F]{7,64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a tree."""

    path: bytes
    """From the top of the repository."""
    kind: str
    """`file`, `link` or `submodule`."""
    oid: str
    """The id of its blob; empty for a file of the work tree, whose content is on disk."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision that is there."""

    name: str
    """As it was asked for."""
    tree: str
    commit: str | None
    """None for the name of a tree."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, seen from a folder of its work tree or from a bare one."""

    folder: Path
    """Where git is called."""
    top: Path
    """The top of the work tree; the git directory of a bare repository."""
    prefix: bytes
    """The folder from the top, with a slash at its end; empty at the top."""
    shallow: bool
    bare: bool

    @staticmethod
    def at(folder: Path) -> "Repository":
        """Return the repository that a folder belongs to. Raises SourceError when there is none that git will read."""
        bare = _line(folder, "rev-parse", "--is-inside-work-tree") != b"true"
        top = folder if bare else Path(os.fsdecode(_line(folder, "rev-parse", "--show-toplevel")))
        prefix = b"" if bare else _line(folder, "rev-parse", "--show-prefix")
        shallow = _line(folder, "rev-parse", "--is-shallow-repository") == b"true"
        return Repository(folder, top, prefix, shallow, bare)

    def revision(self, name: str) -> Revision | None:
        """Return a revision, None when there is none of that name."""
        if not name or "\0" in name:
            return None
        tree = self._id(f"{name}^{{tree}}")
        return None if tree is None else Revision(name, tree, self._id(f"{name}^{{commit}}"))

    def missing(self, name: str) -> SourceError:
        """Return the error that tells that a revision is not there, and in a shallow clone what to fetch."""
        if not self.shallow:
            return SourceError(f"{name}: neither a git revision nor a path")
        if _FROM_ANOTHER.search(name):
            advice = "it is told from another commit: git fetch --unshallow"
            return SourceError(f"{name}: not in this shallow clone; {advice} (in GitHub Actions: fetch-depth: 0)")
        fetched = name if _OBJECT.fullmatch(name) else name.removeprefix("refs/remotes/").removeprefix("origin/")
        return SourceError(
            f"{name}: not in this shallow clone; fetch it: git fetch --depth=1 origin {fetched}"
            " (in GitHub Actions: actions/checkout with fetch-depth: 0)"
        )

    def merge_base(self, base: Revision, head: Revision) -> Revision:
        """Return the commit at which `head` left `base`. Raises SourceError when there is none here."""
        if base.commit is None or head.commit is None:
            tree = base.name if base.commit is None else head.name
            raise SourceError(f"{tree}: is no commit, so that nothing can have left it")
        done = _call(self.folder, "merge-base", base.commit, head.commit)
        found = done.stdout.strip().decode()
        revision = self.revision(found) if found else None
        if revision is not None:
            return Revision(base.name, revision.tree, revision.commit)
        advice = "; this clone is shallow: git fetch --unshallow, or fetch-depth: 0" if self.shallow else ""
        raise SourceError(f"{base.name} and {head.name} have no common commit{advice}")

    def remotes(self) -> tuple[str, ...]:
        """Return the names under which the repository lies on other machines: the last parts of their addresses."""
        done = _call(self.folder, "config", "--null", "--get-regexp", r"^remote\..*\.url$")
        addresses = [item.partition(b"\n")[2].decode("utf-8", "replace") for item in done.stdout.split(b"\0")]
        names = (re.split(r"[/:]", address.rstrip("/"))[-1] for address in addresses)
        return tuple(dict.fromkeys(name for name in names if re.fullmatch(r"[\w.-]+", name)))

    def entries(self, tree: str) -> tuple[Entry, ...]:
        """Return the files of a tree, submodules among them, in git's order. Raises SourceError without the tree."""
        done = _checked(self.folder, "ls-tree", "-r", "-z", "-l", "--full-tree", tree)
        return tuple(_entry(line) for line in done.split(b"\0") if line)

    def work_tree(self) -> tuple[Entry, ...]:
        """Return the files of the work tree that are tracked, or new and not ignored, as they are on disk."""
        if self.bare:
            raise SourceError("a bare repository has no work tree: name HEAD")
        tracked = _checked(self.top, "ls-files", "-z", "-t", "--stage").split(b"\0")
        new = _checked(self.top, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
        known = {path: tuple(about.split()) for about, _, path in (line.partition(b"\t") for line in tracked) if path}
        known |= dict.fromkeys((path for path in new if path), (b"?", b"100644", b""))
        disk = _Disk(self.top)
        found = []
        for path, (tag, mode, oid, *_) in sorted(known.items()):
            here = Entry(path, SUBMODULE, "", 0) if mode == b"160000" else disk.entry(path)
            if here is None and tag == b"S":
                # A sparse checkout leaves the file in the index alone.
                here = Entry(path, _KINDS.get(mode, FILE), oid.decode(), 0)
            if here is not None:
                found.append(here)
        return tuple(found)

    def blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (id, content) of blobs, each read when it is asked for; those that are not there are left out."""
        with tempfile.TemporaryFile() as wanted:
            wanted.write("".join(f"{oid}\n" for oid in oids).encode())
            wanted.seek(0)
            # A file, not a pipe: nothing can then wait for anything.
            command = [*_GIT, "-C", str(self.folder), "cat-file", "--batch", "--buffer"]
            with subprocess.Popen(command, stdin=wanted, stdout=subprocess.PIPE, env=_environment()) as process:  # noqa: S603
                stream = process.stdout
                while stream is not None and (header := stream.readline()):
                    words = header.split()
                    if len(words) != 3:
                        continue  # `ID missing`
                    content = stream.read(int(words[2]))
                    stream.read(1)
                    yield words[0].decode(), content

    def _id(self, name: str) -> str | None:
        done = _call(self.folder, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
        return done.stdout.strip().decode() if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed in a file."""

    written: tuple[tuple[int, int], ...] = ()
    """The first and last of lines that are new or other."""
    removed: tuple[tuple[int, int], ...] = ()
    """Where lines are gone with nothing in their place: the line above, and by how much the first was indented."""


def changed_lines(old: Path, new: Path) -> dict[str, Changes]:
    """Return what changed in files of one name in two folders, lines as in `new`; nothing for a file that did not.

    The names must be plain words: git quotes others.
    """
    command = ("diff", "--no-index", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "-U0")
    form = ("--src-prefix=a/", "--dst-prefix=b/", "--diff-algorithm=myers", "--text")
    done = _call(new.parent, *command, *form, "--", old.name, new.name)
    if done.returncode > 1:
        raise SourceError(f"git diff: {_words(done.stderr)}")
    # `-U0` leaves the lines of the files after a sign, so that none can look like one of git's own.
    return {
        part.partition(b"\n")[0].rpartition(b"/")[2].decode(): _changes(part)
        for part in re.split(rb"^diff --git ", done.stdout, flags=re.MULTILINE)
        if part
    }


_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@.*\n(?:-( *))?", re.MULTILINE)


def _changes(part: bytes) -> Changes:
    written, removed = [], []
    for match in _HUNK.finditer(part):
        first, count = int(match[1]), int(match[2] or b"1")
        if count:
            written.append((first, first + count - 1))
        else:
            removed.append((first, len(match[3] or b"")))
    return Changes(tuple(written), tuple(removed))


def _entry(line: bytes) -> Entry:
    about, _, path = line.partition(b"\t")
    mode, _, oid, size = about.split()
    return Entry(path, _KINDS.get(mode, FILE), oid.decode(), 0 if size == b"-" else int(size))


class _Disk:
    """Files of a work tree as they are on disk."""

    def __init__(self, top: Path) -> None:
        self._top = os.fsencode(os.path.realpath(top))
        self._inside: dict[bytes, bool] = {b"": True}

    def entry(self, path: bytes) -> Entry | None:
        """Return a file; None when it is gone, or lies behind a link that took a folder's place."""
        full = os.path.join(self._top, path)  # noqa: PTH118 - names are bytes
        folder = os.path.dirname(path)  # noqa: PTH120
        if folder not in self._inside:
            whole = os.path.join(self._top, folder)  # noqa: PTH118
            self._inside[folder] = os.path.realpath(whole) == whole
        try:
            status = os.lstat(full)
        except OSError:
            return None
        if not self._inside[folder]:
            return None
        if stat.S_ISLNK(status.st_mode):
            return Entry(path, LINK, "", 0)
        return Entry(path, FILE, "", status.st_size) if stat.S_ISREG(status.st_mode) else None


def _environment() -> dict[str, str]:
    """Return the environment without what would lead git elsewhere, or let it ask, fetch or write."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # A partial clone would fetch what is missing; git before 2.45 knows no word against that but to allow no protocol.
    alone = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
    return kept | alone | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _call(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command: Sequence[str] = [*_GIT, "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=_environment(), check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise SourceError("git is not installed: it is needed to read revisions and to compare files") from error


def _checked(folder: Path, *arguments: str) -> bytes:
    done = _call(folder, *arguments)
    if done.returncode:
        missing = "; this clone was made with a filter: clone it whole" if b"promisor remote" in done.stderr else ""
        raise SourceError(f"git {arguments[0]}: {_words(done.stderr)}{missing}")
    return done.stdout


def _line(folder: Path, *arguments: str) -> bytes:
    """Return the one line that git answers, which may hold line breaks of a folder's name."""
    return _checked(folder, *arguments).removesuffix(b"\n")


def _words(text: bytes) -> str:
    """Return git's words on one line."""
    return " ".join(text.decode("utf-8", "backslashreplace").split()).removeprefix("fatal: ")
