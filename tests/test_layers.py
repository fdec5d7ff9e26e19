"""The layers: a lower package may import an upper one, never the reverse, and heavy packages stay where they belong."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "auditor"

LAYERS = (
    ("findings",),
    ("kube",),
    ("runtimes", "sidecars"),
    ("sources",),
    ("usage",),
    ("expressions",),
    ("facts",),
    ("sizing",),
    ("policy",),
    (
        "config",
        "contexts",
        "options",
        "rendering",
        "nightly_config",
        "identity",
        "waivers",
        "baseline",
        "yielding",
        "records",
        "plan",
        "file_waivers",
        "engine",
        "assembly",
    ),
    ("workers", "rules", "sizing_inputs", "live", "fixes", "api"),
    ("diff",),
    ("reports",),
    ("deliver",),
    ("cli", "docs"),
)
"""Upper first. Modules of one row may import each other."""

RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
LEFT_OUT = {"__init__", "__main__"}
EXTRA = {("api", "reports")}
"""Pairs that are allowed besides; a pair that nobody uses fails."""

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
ONLY_IN = {"cel_expr_python": "expressions/cel.py", "google.protobuf": "expressions/", "ryml": "sources/"}
NEVER_AT_IMPORT = ("pydantic", "ruamel", "jsonschema", "pandas", "rich", "kubernetes")


def imported(tree):
    """Yield (module, node) of every import, function bodies included; `from auditor import x` counts as `auditor.x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield node.module, node
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def parts(name):
    return name.removesuffix(".py").split("/")


def tree_of(name):
    return ast.parse((PACKAGE / name).read_text(), filename=name)


def test_every_module_has_its_layer():
    assert {parts(name)[0] for name in MODULES} - LEFT_OUT <= set(RANK)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_its_own_layer_and_those_above(name):
    own = parts(name)[0]
    if own in LEFT_OUT:
        return
    wrong = []
    for module, node in imported(tree_of(name)):
        steps = module.split(".")
        if steps[0] != "auditor" or len(steps) == 1 or steps[1] not in RANK:
            continue
        if RANK[steps[1]] > RANK[own] and (own, steps[1]) not in EXTRA:
            wrong.append(f"{name}:{node.lineno} imports {module}")
    assert not wrong


def test_no_allowance_is_left_over():
    used = set()
    for name in MODULES:
        for module, _ in imported(tree_of(name)):
            steps = module.split(".")
            if steps[0] == "auditor" and len(steps) > 1:
                used.add((parts(name)[0], steps[1]))
    assert used >= EXTRA


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_known_in_one_place_only(library):
    users = {
        name for name in MODULES if any(f"{module}.".startswith(f"{library}.") for module, _ in imported(tree_of(name)))
    }
    assert users, f"nobody imports {library}: this test looks at nothing"
    assert all(name.startswith(ONLY_IN[library]) for name in users), users


@pytest.mark.parametrize("name", MODULES)
def test_heavy_packages_are_not_imported_with_the_module(name):
    tree = tree_of(name)
    inside = {id(child) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for child in ast.walk(node)}
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for child in ast.walk(node)
    }
    early = [
        f"{name}:{node.lineno} {module}"
        for module, node in imported(tree)
        if module.split(".")[0] in NEVER_AT_IMPORT and id(node) not in inside | typing_only
    ]
    assert not early
