"""Rendering one kustomization with kustomize, or with the one in kubectl."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auditor.findings import Place
from auditor.kube.paths import Path as KeyPath
from auditor.sources.kustomize import as_list
from auditor.sources.model import InputFile, RenderedFrom
from auditor.sources.read import MAX_FILE_BYTES, plain_documents
from auditor.sources.render.charts import first_line
from auditor.sources.render.kustomizations import Kustomization, closure
from auditor.sources.render.model import RefusedError, Rendered, RenderRoot
from auditor.sources.render.origins import Origins
from auditor.sources.render.process import Sandbox, ToolError
from auditor.sources.render.substitute import substituted

_SEPARATOR = b"\n---\n"


def render_kustomization(root: RenderRoot, tool: str, box: Sandbox) -> Rendered:
    """Return the objects of a kustomization. Raises RefusedError, and ToolError with kustomize's words."""
    members = closure(root.path, root.tree)
    around = box.folder / "around"
    around.mkdir()
    changes, more, texts = _changes(root, around)
    members = [*members, *more]
    # `originAnnotations` of the outermost one hold for all below it: each object then names its file.
    content = {
        **changes,
        "resources": [os.path.relpath(root.path, around)],
        "buildMetadata": ["originAnnotations"],
    }
    (around / "kustomization.yaml").write_text(json.dumps(content))
    command = [tool, "kustomize" if Path(tool).name.startswith("kubectl") else "build", str(around)]
    try:
        output = box.run(command)
    except ToolError as error:
        # It names folders as seen from the one around.
        raise ToolError(str(error).replace(content["resources"][0], root.shown)) from error
    used = tuple(sorted({*texts, *(file for member in members for file in member.files())}))
    return Rendered(files=tuple(_files(root, members, around, output)), used=used)


def _changes(root: RenderRoot, around: Path) -> tuple[dict[str, Any], list[Kustomization], list[str]]:
    """Return what is put around the kustomization, the components that it names, and the patches that it holds."""
    changes, more = dict(root.changes), []
    components = []
    for name in as_list(changes.get("components")):
        folder = os.path.realpath(os.path.join(root.path, str(name)))  # noqa: PTH118
        if not root.tree.holds(folder):
            raise RefusedError(f"components names {name}, which leaves the folder: it is not followed")
        more.extend(closure(folder, root.tree))
        components.append(os.path.relpath(folder, around))
    if components:
        changes["components"] = components
    patches, texts = [], []
    for patch in as_list(changes.get("patches")):
        name = patch.get("path") if isinstance(patch, dict) else None
        if isinstance(name, str):
            path = os.path.realpath(os.path.join(root.path, name))  # noqa: PTH118
            texts.append(path)
            patches.append(_inline(root, patch, path))
        else:
            patches.append(patch)
    if patches:
        changes["patches"] = patches
    return changes, more, texts


def _inline(root: RenderRoot, patch: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a patch with the text of its file: kustomize would not read one outside of the folder around."""
    if not os.path.isfile(path) or not root.tree.holds(path):  # noqa: PTH113
        raise RefusedError(f"patches names {patch['path']}, which is not a file of this repository")
    with open(path, encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
        return {key: value for key, value in patch.items() if key != "path"} | {"patch": stream.read(MAX_FILE_BYTES)}


def _files(root: RenderRoot, members: Sequence[Kustomization], around: Path, output: bytes) -> list[InputFile]:
    """Return a file for each file that objects come from, in the order of kustomize's output."""
    origins = Origins(members, root.tree, root.changes)
    files = {file for member in members for file in member.files()}
    by_file: dict[str, list[tuple[bytes, Mapping[KeyPath, Place]]]] = {}
    documents = output.split(_SEPARATOR) if output.strip() else []
    for text in documents:
        data = next((data for data, _ in plain_documents(text)), None)
        source = _source(data, around, members[0].file, files)
        by_file.setdefault(source, []).append((text, origins.table(data, source)))
    return [_file(root, source, parts) for source, parts in by_file.items()]


def _file(root: RenderRoot, source: str, parts: Sequence[tuple[bytes, Mapping[KeyPath, Place]]]) -> InputFile:
    shown = root.tree.shown(source)
    text, starts, line = bytearray(), [], 1
    for part, _ in parts:
        document = b"---\n" + substituted(part, root.substitutes).strip(b"\n") + b"\n"
        starts.append(line + 1)
        line += document.count(b"\n")
        text += document
    origin = RenderedFrom(
        template=shown,
        place=first_line(shown),
        starts=tuple(starts),
        places=tuple(table for _, table in parts),
        namespace=root.namespace,
    )
    return InputFile("", shown, root.identity_folder, root.root, len(text), content=bytes(text), rendered=origin)


def _source(data: Any, around: Path, default: str, files: set[str]) -> str:
    """Return the file that an object comes from: kustomize's word where it names a member's file, else the root's."""
    metadata = data.get("metadata") if isinstance(data, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get("config.kubernetes.io/origin") if isinstance(annotations, dict) else None
    origin = next((data for data, _ in plain_documents(text.encode())), None) if isinstance(text, str) else None
    if isinstance(origin, dict):
        for key in ("path", "configuredIn"):
            if isinstance(origin.get(key), str):
                real = os.path.realpath(around / str(origin[key]))
                if real in files:
                    return real
    return default
