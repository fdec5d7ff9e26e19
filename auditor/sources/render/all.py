"""What is rendered of an input, and in whose place its files then stand."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from auditor.findings import Skipped
from auditor.sources.discover import excluder
from auditor.sources.model import Discovery, InputFile
from auditor.sources.render.model import RefusedError, Rendered, RenderRoot
from auditor.sources.render.pool import render_roots
from auditor.sources.render.references import Reference, references
from auditor.sources.render.referred import Elsewhere, asked_for
from auditor.sources.render.roots import Roots
from auditor.sources.rendering import RenderOptions

_MAX_ROUNDS = 4
"""An Application may be rendered by a chart that another Application names."""


def render_all(found: Discovery, options: RenderOptions, exclude: Sequence[str], base: str | None) -> Discovery:
    """Return what was found with charts and kustomizations as the files that they render to."""
    roots = Roots(found, options, os.path.abspath(base or os.getcwd()))  # noqa: PTH100, PTH109
    work = _Work(roots, options)
    parts = roots.parts()
    plain = [file for file in found.files if file.content is not None or os.path.realpath(file.path) not in parts]
    work.ask(plain)
    work.render(roots.plain())
    for _ in range(_MAX_ROUNDS):
        asked = work.take_asked()
        if not asked:
            break
        work.render(asked)
    return _joined(found, work, exclude)


@dataclass(slots=True)
class _Work:
    """Which roots were rendered so far, and who asked for them."""

    roots: Roots
    options: RenderOptions
    done: list[tuple[RenderRoot, Rendered]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    elsewhere: int = 0
    _asked: list[RenderRoot] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    """References that were looked at, by their words."""
    _folders: set[str] = field(default_factory=set)
    """Folders that a reference asks for."""

    def ask(self, files: Sequence[InputFile]) -> None:
        """Note what the objects of some files ask for."""
        for reference in references(files):
            key = f"{reference.root} {reference.by} {reference.path}"
            if key in self._known:
                continue
            self._known.add(key)
            try:
                self._note(reference)
            except Elsewhere:
                self.elsewhere += 1
            except RefusedError as error:
                self.skipped.append(Skipped(reference.file, None, None, f"{reference.by}: not rendered: {error}"))

    def _note(self, reference: Reference) -> None:
        root = asked_for(reference, self.roots)
        if root is None:
            return
        self._asked.append(root)
        self._folders.add(root.path)
        if reference.unknown:
            reason = f"{reference.by}: rendered without {reference.unknown}, which is not known here"
            self.skipped.append(Skipped(reference.file, None, None, reason))

    def take_asked(self) -> list[RenderRoot]:
        """Return what was asked for since the last time; what was rendered for nobody is given up for it."""
        asked, self._asked = self._asked, []
        self.done = [item for item in self.done if item[0].asked or item[0].path not in self._folders]
        return asked

    def render(self, roots: Sequence[RenderRoot]) -> None:
        """Render roots, but those that somebody asks for in another way, and note what their objects ask for."""
        wanted = [root for root in roots if root.asked or root.path not in self._folders]
        for root, rendered in zip(wanted, render_roots(wanted, self.options) if wanted else (), strict=True):
            self.done.append((root, rendered))
            self.ask(rendered.files)


def _joined(found: Discovery, work: _Work, exclude: Sequence[str]) -> Discovery:
    """Return the files that are left as they are, and those of the renderings."""
    excluded = excluder(exclude)
    used = {path for _, rendered in work.done for path in rendered.used}
    kept = [file for file in found.files if file.content is not None or os.path.realpath(file.path) not in used]
    rendered = [
        replace(file, rendered=replace(file.rendered, variant=variant)) if file.rendered and variant else file
        for (_, rendering), variant in zip(work.done, _variants(work.done), strict=True)
        for file in rendering.files
        if not excluded(file.shown)
    ]
    skipped = [item for _, rendering in work.done for item in rendering.skipped]
    notes = [note for _, rendering in work.done for note in rendering.notes]
    if work.elsewhere:
        noun = (
            "source of an Application or release is"
            if work.elsewhere == 1
            else "sources of Applications or releases are"
        )
        notes.append(f"{work.elsewhere} {noun} in another repository and not rendered")
    left = tuple(item for item in found.kustomizations if os.path.realpath(item.path) not in used)
    joined = Discovery(
        files=(*kept, *rendered),
        skipped=(*found.skipped, *work.roots.skipped, *work.skipped, *skipped),
        notes=(*found.notes, *notes),
        kustomizations=left,
    )
    return joined.in_order()


def _variants(done: Sequence[tuple[RenderRoot, Rendered]]) -> list[str]:
    """Return for each rendering what tells it from others of the same chart or base, empty for the only one.

    Those stand for the same objects in different places.
    """
    users: dict[str, int] = {}
    for root, rendered in done:
        for path in {root.path, *rendered.used}:
            users[path] = users.get(path, 0) + 1
    return [
        "" if all(users[path] == 1 for path in {root.path, *rendered.used}) else root.identity_folder or root.shown
        for root, rendered in done
    ]
