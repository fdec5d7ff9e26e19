"""What a source yields: Kubernetes objects that know their place, and inputs that could not be judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from auditor.findings import Place, Skipped
from auditor.kube.observed import Observed
from auditor.kube.paths import Path, path_text, value_at


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
class Live:
    """What a cluster tells about pods that run, or would: those of one workload that have one spec.

    The object's `data` then holds their spec in the place of its template's.
    """

    pods_total: int
    """How many pods have this spec; 0 for a template that has no pod."""
    nodes: tuple[tuple[str, int], ...]
    """Node to how many of them it has, by name."""
    observed: Observed
    """Of all pods of the workload."""
    template: dict[str, Any] | None
    """The pod spec in the workload's own template; None for a pod alone, or when it is not known."""
    status: dict[str, Any] | None
    """The status of one of these pods; what it says about resizes holds for all of them."""
    owner: str | None
    """The topmost owner above the workload, such as `Prometheus/k8s`; None when nothing owns it."""
    others_total: int = 0
    """Pods of the workload with another spec, which are another object."""
    primary: bool = True
    """Whether this object stands for the workload: the spec of most of its pods."""


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
    """As reports show it; empty for an object of a cluster."""
    identity_folder: str
    """The PATH argument's own relative folder of the file, `` for its top; part of fingerprints. The file's name is
    not."""
    line: int
    """Where the object starts, 1-based; 0 for an object of a cluster."""
    path: Path
    """The path of this object in its document: () or ("items", 3) inside a list."""
    pod_path: Path | None
    """The path of the pod spec below the object: ("spec", "template", "spec"); None when it owns no pods."""
    locator: Locator | None = field(repr=False, compare=False)
    """Places for paths from the document's root: prefix with `path`; None for an object of a cluster."""
    comments: tuple[Comment, ...] = ()
    """The waiver comments of the whole file."""
    cluster: str | None = None
    """The cluster that it is in; None for an object of a file."""
    live: Live | None = None
    """What runs of it; None for an object of a file."""
    template: str | None = None
    """The file that it was rendered from, as reports show it; None for an object that was not rendered."""

    @property
    def pod_metadata(self) -> Any:
        """The metadata of the pod template, or of the Pod itself; None where there is none."""
        holder = value_at(self.data, (self.pod_path or ())[:-1])
        return holder.get("metadata") if isinstance(holder, dict) else None

    @property
    def origin(self) -> str:
        """Where it is, for people: `app.yaml:12`, or `cluster prod`."""
        return f"{self.file}:{self.line}" if self.cluster is None else f"cluster {self.cluster}"

    def place(self, path: Path = ()) -> Place | None:
        """Return the place of the key at a path below this object, None for an object of a cluster."""
        return None if self.locator is None else self.locator.place((*self.path, *path))

    def skipped(self, path: Path, reason: str) -> Skipped:
        """Return that a part of this object could not be judged."""
        place = self.place(path)
        if place is None:
            return Skipped(self.file, None, None, reason, self.cluster)
        return Skipped(place.file, place.line, place.column, reason, self.cluster)

    def path_text(self, path: Path) -> str:
        """Return a path below this object as reports show it.

        What runs may hold containers that the template does not: they are told by name, and the others by their place
        in the template, which is what people edit.
        """
        start = len(self.pod_path or ())
        template = self.live.template if self.live is not None else None
        if template is None or len(path) < start + 2 or path[:start] != self.pod_path:
            return path_text(path)
        head, (key, index), rest = path[:start], path[start : start + 2], path[start + 2 :]
        name = value_at(self.data, (*head, key, index, "name"))
        items = template.get(str(key))
        if not isinstance(index, int) or not isinstance(name, str):
            return path_text(path)
        for number, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict) and item.get("name") == name:
                return path_text((*head, key, number, *rest))
        below = path_text(rest)
        return f"{path_text((*head, key))}[{name}]{'.' if below and below[0] != '[' else ''}{below}"


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
    rendered: "RenderedFrom | None" = None
    """Where the content came from, when a tool rendered it; None for what is read as it is."""


@dataclass(frozen=True, slots=True)
class RenderedFrom:
    """What a rendered text came from: places that exist, since its own lines are nobody's; picklable."""

    template: str
    """The file that gave it, as reports show it."""
    place: Place
    """What stands for all of it: the template, else the chart, else the archive that holds them."""
    starts: tuple[int, ...] = ()
    """The line of the text in which each of its documents begins."""
    places: tuple[Mapping[Path, Place], ...] = ()
    """For each of them, the key in the repository that was shown to decide what stands at a path; `()` is the document
    itself."""
    namespace: str | None = None
    """For objects that name none; None leaves it to the option."""
    variant: str = ""
    """Which of several renderings of the same chart or base; each is a cluster of its own, whose context is that of the
    PATH argument too. Empty for the only one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A chart, or a kustomization file, among the inputs."""

    path: str
    """To open."""
    shown: str
    identity_folder: str
    root: int
    named: bool = False
    """Whether it is a PATH argument itself, of archives."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """Which files an audit reads."""

    files: tuple[InputFile, ...]
    """In order of the arguments, then of their names; each file once."""
    skipped: tuple[Skipped, ...]
    """What cannot be read: no permission, a link that leads nowhere ..."""
    notes: tuple[str, ...]
    """What is left out on purpose: patches of a kustomization, links that leave the tree ..."""
    charts: tuple[Found, ...] = ()
    """Folders with a Chart.yaml, of which nothing is in `files`, and archives that may be charts."""
    kustomizations: tuple[Found, ...] = ()
    """Files that are kustomizations by their names."""

    def in_order(self) -> "Discovery":
        """Return the same with the files of each argument in the order of their names."""
        return replace(self, files=tuple(sorted(self.files, key=lambda file: (file.root, file.shown.split("/")))))
