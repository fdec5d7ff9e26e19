"""Writes and checks the generated pages: `python -m auditor.docs write` or `check`.

They are docs/policies/, docs/facts.md, docs/policy.schema.json and docs/report.schema.json.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from auditor.expressions.cel import FUNCTIONS
from auditor.expressions.types import fields_of, is_struct
from auditor.facts import model
from auditor.facts.record import SCOPES
from auditor.policy.expressions import facts_in
from auditor.policy.keys import schema
from auditor.policy.load import load_policies, shipped_folder
from auditor.policy.model import Policy
from auditor.policy.show import page

ROOT = Path(__file__).parent.parent / "docs"


def pages() -> dict[str, str]:
    """Return every generated page by its path below docs/."""
    policies = load_policies([shipped_folder()])
    found = {f"policies/{policy.id}.md": page(policy) for policy in policies}
    found["policies/README.md"] = _index(policies)
    found["facts.md"] = _facts_page(policies)
    found["policy.schema.json"] = json.dumps(schema(), indent=2) + "\n"
    return found


def _index(policies: tuple[Policy, ...]) -> str:
    lines = ["# Policies", ""]
    for subject in dict.fromkeys(policy.subject for policy in policies):
        lines += [f"## {subject}", "", "| id | severity | scope | profiles | says |", "|---|---|---|---|---|"]
        for policy in policies:
            if policy.subject == subject:
                message = policy.message.replace("|", "\\|")
                profiles = ", ".join(policy.profiles)
                lines.append(
                    f"| [{policy.id}]({policy.id}.md) | {policy.severity} | {policy.scope} | {profiles} | `{message}` |"
                )
        lines.append("")
    return "\n".join(lines)


def _facts_page(policies: tuple[Policy, ...]) -> str:
    lines = ["# Facts", "", inspect.cleandoc(model.__doc__ or ""), "", "## Scopes and their variables", ""]
    lines += ["| scope | variables |", "|---|---|"]
    lines += [f"| {scope} | {', '.join([*variables, 'params'])} |" for scope, variables in SCOPES.items()]
    lines += ["", "## Functions", ""] + [f"- `{text}`" for text in FUNCTIONS.values()]
    users = _users(policies)
    for variable, struct in _variables():
        lines += ["", f"## {variable}", "", inspect.cleandoc(struct.__doc__ or ""), ""]
        lines += ["| fact | type | meaning | asked by |", "|---|---|---|---|"]
        texts = _field_texts(struct)
        for name, (kind, optional) in fields_of(struct).items():
            type_name = _type_name(kind) + (", may be absent" if optional else "")
            asked = ", ".join(users.get(f"{variable}.{name}", ()))
            lines.append(f"| `{variable}.{name}` | {type_name} | {texts[name]} | {asked} |")
    return "\n".join(lines) + "\n"


def _variables() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    seen: dict[str, type[msgspec.Struct]] = {}
    for variables in SCOPES.values():
        seen.update(variables)
    for variable, struct in seen.items():
        yield variable, struct
        for name, (kind, _) in fields_of(struct).items():
            if is_struct(kind):
                yield f"{variable}.{name}", kind


def _type_name(kind: object) -> str:
    names = {str: "string", int: "int", float: "double", bool: "bool"}
    if kind in names:
        return names[kind]
    return "map" if is_struct(kind) else "list of string"


def _field_texts(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the docstring below each field, from the source."""
    body = ast.parse(inspect.getsource(struct)).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    texts = {}
    for field, text in pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            words = text.value.value if isinstance(text.value, ast.Constant) else ""
            texts[field.target.id] = " ".join(str(words).split()).replace("|", "\\|")
    return {name: texts.get(name, "") for name in struct.__struct_fields__}


def _users(policies: tuple[Policy, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for policy in policies:
        text = " ".join([policy.when, policy.message, policy.at, *(condition for _, condition in policy.severity_when)])
        names = {".".join(fact.split(".")[:size]) for fact in facts_in(text, SCOPES[policy.scope]) for size in (2, 3)}
        for name in sorted(names):
            found.setdefault(name, []).append(policy.id)
    return found


def main() -> None:
    """Write the pages, or say which are out of date and end with 1."""
    written = pages()
    stale = [name for name, text in written.items() if not _is(ROOT / name, text)]
    gone = [path for path in (ROOT / "policies").glob("*.md") if f"policies/{path.name}" not in written]
    if sys.argv[1:] == ["write"]:
        for name in stale:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(written[name], encoding="utf-8")
        for path in gone:
            path.unlink()
        return
    for name in [*stale, *(f"policies/{path.name}" for path in gone)]:
        sys.stderr.write(f"docs/{name} is out of date; run `make docs`\n")
    sys.exit(1 if stale or gone else 0)


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
