"""Writes and checks the generated pages: `python -m auditor.docs write` or `check`.

They are docs/policies/, docs/facts/ and docs/policy.schema.json.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
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
    found["facts/README.md"] = _facts_index()
    users = _users(policies)
    found |= {f"facts/{variable}.md": _facts_page(variable, struct, users) for variable, struct in _variables()}
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


def _facts_index() -> str:
    lines = ["# Facts", "", inspect.cleandoc(model.__doc__ or ""), "", "## Scopes and their variables", ""]
    lines += ["| scope | variables |", "|---|---|"]
    for scope, variables in SCOPES.items():
        links = ", ".join(f"[{variable}]({variable}.md)" for variable in variables)
        lines.append(f"| {scope} | {links}, params |")
    lines += ["", "## Functions", ""] + [f"- `{text}`" for text in FUNCTIONS.values()]
    return "\n".join(lines) + "\n"


def _facts_page(variable: str, struct: type[msgspec.Struct], users: Mapping[str, Sequence[str]]) -> str:
    """Return the page of a variable: each of its facts with type, unit, meaning, when it is absent, who asks it."""
    lines = [f"# {variable}", "", inspect.cleandoc(struct.__doc__ or "")]
    texts = _field_texts(struct)
    for name, (kind, optional) in fields_of(struct).items():
        meaning, absent = _meaning(texts[name])
        asked = ", ".join(f"[{user}](../policies/{user}.md)" for user in users.get(f"{variable}.{name}", ()))
        type_name = f"[{variable}.{name}]({variable}.{name}.md)" if is_struct(kind) else _type_name(kind)
        rows = [("type", type_name), ("unit", _unit(name)), ("absent", absent if optional else "never")]
        rows.append(("asked by", asked))
        lines += ["", f"## {variable}.{name}", "", meaning, "", "| | |", "|---|---|"]
        lines += [f"| {key} | {value} |" for key, value in rows if value]
    return "\n".join(lines) + "\n"


def _meaning(text: str) -> tuple[str, str]:
    """Return what a fact means, and when it is absent: the clause of its docstring that begins so."""
    before, _, after = text.partition("; absent ")
    return (f"{before}.", after.rstrip(".")) if after else (text, "when it is not known")


def _unit(name: str) -> str:
    units = (
        *(("_bytes", "bytes"), ("_millis", "thousandths of a core"), ("_percent", "percent"), ("_ratio", "ratio")),
        *(("percent", "percent"), ("_adj", "-997 to 1000")),
    )
    return next((unit for end, unit in units if name.endswith(end)), "")


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
    gone = [path for folder in _FOLDERS for path in (ROOT / folder).glob("*.md") if _name(path) not in written]
    if sys.argv[1:] == ["write"]:
        for name in stale:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(written[name], encoding="utf-8")
        for path in gone:
            path.unlink()
        return
    for name in [*stale, *map(_name, gone)]:
        sys.stderr.write(f"docs/{name} is out of date; run `make docs`\n")
    sys.exit(1 if stale or gone else 0)


_FOLDERS = ("policies", "facts")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
