"""What a source yields: Kubernetes objects that know their place, and inputs that could not be judged."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from auditor.findings import Place, Skipped
from auditor.kube.paths import Path, value_at


class Locator(Protocol):
    """Finds the place of a path in the text that an object came from."""

    def place(self, path: Path) -> Place:
        """Return the place of the key at `path` (the key token; for a list item its first token).

        Where the path does not exist, the nearest existing parent's. Under an alias, the anchor's text.
        """

    def alias_place(self, path: Path) -> Place | None:
        """Return the place of the alias through which `path` is reached, None when there is none."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A `# waive:` comment in the source, not inside a block scalar."""

    line: int
    text: str
    """From `#` to the end of the line."""


@dataclass(frozen=True, slots=True)
class Object:
    """One Kubernetes object with its origin.

    `data` is plain: dict, list, str, int, float, bool, None, scalars resolved as Kubernetes' decoder does. A number
    written where a string may stand (a quantity) stays a number here; `text_of` in `locator` is not needed.
    """

    api_version: str
    kind: str
    namespace: str | None
    name: str
    """metadata.name, else metadata.generateName, else empty."""
    data: dict[str, Any]
    file: str
    """As reports show it."""
    identity_folder: str
    """The PATH argument's own relative folder of the file, `` for its top; part of fingerprints. The file's name is
    not."""
    line: int
    """Where the object starts, 1-based."""
    path: Path
    """The path of this object in its document: () or ("items", 3) inside a list."""
    pod_path: Path | None
    """The path of the pod spec below the object: ("spec", "template", "spec"); None when it owns no pods."""
    locator: Locator = field(repr=False, compare=False)
    """Places for paths from the document's root: prefix with `path`."""
    comments: tuple[Comment, ...] = ()
    """The waiver comments of the whole file."""

    @property
    def pod_metadata(self) -> Any:
        """The metadata of the pod template, or of the Pod itself; None where there is none."""
        holder = value_at(self.data, (self.pod_path or ())[:-1])
        return holder.get("metadata") if isinstance(holder, dict) else None


@dataclass(frozen=True, slots=True)
class FileResult:
    """What one file gave."""

    objects: tuple[Object, ...]
    skipped: tuple[Skipped, ...]
    foreign_documents: int
    """Documents that are not Kubernetes objects: counted and left alone."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to read, found by discovery; picklable."""

    path: str
    """To open; `-` is standard input, whose bytes are then in `content`."""
    shown: str
    """As reports show it: POSIX form, relative to the working folder where it lies below it."""
    identity_folder: str
    root: int
    """Which PATH argument it came from, by position: each is one cluster."""
    size_bytes: int
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """Which files an audit reads."""

    files: tuple[InputFile, ...]
    """In order of the arguments, then of their names; each file once."""
    skipped: tuple[Skipped, ...]
    """What can't be read: no permission, a chart that is not rendered ..."""
    notes: tuple[str, ...]
    """Files left out on purpose: kustomize patches, links that leave the tree."""
