"""Rendering one chart with helm."""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from auditor.findings import Place
from auditor.kube.paths import Path as KeyPath
from auditor.sources.model import InputFile, RenderedFrom
from auditor.sources.read import MAX_FILE_BYTES
from auditor.sources.render.charts import (
    Chart,
    check_archive,
    check_folder,
    content_of,
    first_line,
    read_chart,
    template_place,
)
from auditor.sources.render.layers import layers
from auditor.sources.render.model import RefusedError, Rendered, RenderRoot, Tree, Values, within
from auditor.sources.render.process import Sandbox
from auditor.sources.render.substitute import substituted
from auditor.sources.render.values import Probe, Table, probe_places

_SOURCE = re.compile(rb"^---\n# Source: ([^\n]*)\n", re.MULTILINE)
_WAIVER = re.compile(rb"(?<![^ \t\n])#[ \t]*waive:")
_WAIVERS = "`# waive:` comments of a chart are not read: use the annotation, or a file of waivers"
_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_RELEASE = 53

Piece = tuple[str, bytes]
"""What `# Source:` says, and one document."""


def render_chart(root: RenderRoot, helm: str, box: Sandbox) -> Rendered:
    """Return the objects of a chart. Raises RefusedError, and ToolError with helm's words."""
    archive = not Path(root.path).is_dir()
    closed = check_archive(root.path) if archive else check_folder(root.path, root.tree)
    chart = None if archive else read_chart(root.path, root.shown)
    for layer in root.values:
        _check_values(layer, root.tree)
    command = _command(root, helm, box, closed=closed, chart=chart)
    output = box.run(command)
    pieces = _pieces(output)
    tables: Sequence[Table] = [{} for _ in pieces]
    if chart is not None:
        stack = layers(chart, root)
        tables = probe_places(pieces, stack, lambda probe: _pieces(box.run(_probing(command, box, probe))))
    given = [layer.path for layer in root.values if layer.path is not None]
    own = [f"{root.path}/values.yaml"] if chart is not None else []
    notes = (f"{root.shown}: {_WAIVERS}",) if _has_waivers(output, [*own, *given]) else ()
    return Rendered(files=tuple(_files(root, chart, pieces, tables)), notes=notes)


def _check_values(layer: Values, tree: Tree) -> None:
    path = layer.path
    if path is None or tree.holds(path) or (layer.given and not within(tree.limit, os.path.abspath(path))):  # noqa: PTH100
        return
    raise RefusedError(f"{tree.shown(path)} leaves the folder: it is not read")


def _has_waivers(output: bytes, values: Sequence[str]) -> bool:
    """Return whether somebody wrote a waiver as a comment of a template or of values."""
    return _WAIVER.search(output) is not None or any(_WAIVER.search(content_of(path)) is not None for path in values)


def _command(root: RenderRoot, helm: str, box: Sandbox, *, closed: bool, chart: Chart | None) -> list[str]:
    command = [helm, "template"]
    if root.namespace:
        command += ["--namespace", root.namespace]
    if root.kubernetes_version:
        version = root.kubernetes_version
        # A chart sees what it is told; a cluster tells three numbers.
        command += ["--kube-version", f"{version}.0" if version.count(".") == 1 else version]
    command += [part for version in root.api_versions for part in ("--api-versions", version)]
    if not closed:
        command.append("--skip-schema-validation")
    for number, layer in enumerate(root.values):
        command += ["--values", _written(layer, box.folder / f"values-{number}.yaml")]
    command += [part for text in root.sets for part in ("--set", text)]
    command += [part for text in root.string_sets for part in ("--set-string", text)]
    path = root.path if root.own_values else _without_values(root.path, box)
    name = root.release or (chart.name if chart else "")
    if name and len(name) <= _MAX_RELEASE and _RELEASE.fullmatch(name):
        return [*command, "--", name, path]
    if root.release:
        raise RefusedError(f"{root.release!r} cannot be the name of a release")
    return [*command, "--", path]


def _written(layer: Values, copy: Path) -> str:
    """Return a file that holds a layer: helm reads commas in a name as several names, and `://` as an address."""
    path = layer.path
    if path is None:
        copy.write_text(json.dumps(layer.data))
        return str(copy)
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - the path may hold bytes that are no text
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise RefusedError(f"values {path}: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise RefusedError(f"values {path}: larger than {MAX_FILE_BYTES // 2**20} MiB")
    copy.write_bytes(content)
    return str(copy)


def _without_values(path: str, box: Sandbox) -> str:
    """Return a copy of a chart whose own values are none, as Flux packs it when it is told which files hold them."""
    copy = box.folder / "chart"
    shutil.copytree(path, copy)
    (copy / "values.yaml").write_text("{}\n")
    return str(copy)


def _probing(command: Sequence[str], box: Sandbox, probe: Probe) -> list[str]:
    """Return the command with some values changed; what `--set` says still wins."""
    file = box.folder / "probe.yaml"
    file.write_text(json.dumps(probe))
    more = ["--values", str(file)]
    if "--skip-schema-validation" not in command:
        more.append("--skip-schema-validation")
    end = command.index("--")
    return [*command[:end], *more, *command[end:]]


def _pieces(output: bytes) -> list[Piece]:
    """Return the documents of helm's output with their sources."""
    parts = _SOURCE.split(output)
    return [(source.decode("utf-8", "replace"), text) for source, text in zip(parts[1::2], parts[2::2], strict=True)]


def _files(
    root: RenderRoot, chart: Chart | None, pieces: Sequence[Piece], tables: Sequence[Mapping[KeyPath, Place]]
) -> list[InputFile]:
    """Return a file for each template, in the order in which helm first names them."""
    by_source: dict[str, list[int]] = {}
    for number, (source, _) in enumerate(pieces):
        by_source.setdefault(source, []).append(number)
    files = []
    for source, numbers in by_source.items():
        if chart is None:
            template, place = f"{root.shown}:{source}", first_line(root.shown)
        else:
            template, place = template_place(chart, source, root.tree)
        text, starts, line = bytearray(), [], 1
        for number in numbers:
            document = b"---\n" + substituted(pieces[number][1], root.substitutes).rstrip(b"\n") + b"\n"
            starts.append(line + 1)
            line += document.count(b"\n")
            text += document
        origin = RenderedFrom(
            template=template,
            place=place,
            starts=tuple(starts),
            places=tuple(tables[number] for number in numbers),
            namespace=root.namespace,
        )
        files.append(
            InputFile("", template, root.identity_folder, root.root, len(text), content=bytes(text), rendered=origin)
        )
    return files
