"""Finding what an audit reads: files as they are, charts and kustomizations rendered."""

from collections.abc import Sequence

from auditor.sources.discover import discover
from auditor.sources.kustomize import without_partial
from auditor.sources.model import Discovery
from auditor.sources.rendering import RenderOptions


def find_inputs(
    paths: Sequence[str],
    exclude: Sequence[str] = (),
    stdin: bytes | None = None,
    *,
    rendering: RenderOptions | None = None,
    base: str | None = None,
) -> Discovery:
    """Return the files of the arguments, each rendering as files of its own, in the order of their names.

    A chart or kustomization that does not render is skipped, with the tool's words. What a kustomization names as a
    part is not judged by itself. Raises SourceError for an argument that does not exist.
    """
    found = discover(paths, exclude, stdin, base=base)
    if found.charts or found.kustomizations:
        from auditor.sources.render.all import render_all

        found = render_all(found, rendering or RenderOptions(), exclude, base)
    return without_partial(found)
