"""Laws of reading: no traceback, no silent success, both paths agree, every key is where its place says."""

# ruff: noqa: E501, PTH, ARG001 - a row of a table is one line; links and odd names need os

import re

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.sources import documents, rapid
from auditor.sources.exact import compose
from auditor.sources.lines import Lines
from auditor.sources.model import Object
from auditor.sources.read import read_bytes

PIECES = st.sampled_from(
    [
        *("a", "b: ", "- ", "\n", "\n  ", "\n    ", ": ", "? ", "[", "]", "{", "}", ", ", "'", '"', "# c", " #", "|", ">", "|-\n"),
        *("&x ", "*x", "!t ", "<<: ", "---\n", "...\n", "%YAML 1.1\n", "\t", "\r\n", "\r", "yes", "~", "null", "010", "1e3", "1_0"),
        *(".5", "-0", "0x1F", "1.50", "12", "=", "@", "`", "\\", "\\n", "{{ .x }}", "ä", "😀", "\u2028", "\x85", "\ufeff", "\x01"),
        *("apiVersion: v1\n", "kind: Pod\n", "kind: List\n", "items:\n", "spec:\n", "  containers:\n", "  - name: c\n", "metadata: "),
        *('"a": ', "'a': ", "a:b", "::", "--", "-1", "x y", " ", "  ", "e: |\n  t\n", '"x\\ty"', "''", '""', "null: ", "!!int "),
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=25).map("".join)


def check_not_silent(content: bytes) -> None:
    result = read_bytes(content, "x")
    told = result.objects or result.skipped or result.foreign_documents
    if not told:
        text = re.sub(r"\ufeff(?:#.*)?", "", content.decode())
        try:
            data = [item for item in yaml.compose_all(text, Loader=yaml.CSafeLoader) if item is not None]
        except yaml.YAMLError:
            assert re.fullmatch(r"(?:\ufeff|\.\.\.|---|#.*|~|[Nn]ull|NULL|\s)*", text)
            return
        assert all(
            str(item.value).strip("\ufeff \r\n") in ("", "~", "null", "Null", "NULL") or _empty_list(item)
            for item in data
        )
    for obj in result.objects:
        assert obj.locator.place(obj.path).line >= 1
    for item in result.skipped:
        assert item.reason
        assert item.line is None or item.line >= 1


def _empty_list(node):
    pairs = {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
    return "kind" in pairs and str(pairs["kind"].value).endswith("List")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_never_a_traceback_nor_silence(content):
    check_not_silent(content)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_random_documents_are_never_a_traceback_nor_silence(text):
    check_not_silent(text.encode())


@settings(max_examples=1500, deadline=None)
@given(TEXTS)
def test_what_the_fast_path_reads_the_exact_path_reads_alike(text):
    content = text.encode()
    lines = Lines(content, "x")
    if rapid.unusual(content):
        return
    for document in documents.split(content):
        if not document.plain or rapid.needs_exact(document.text):
            continue
        try:
            fast, locator = rapid.read_rapid(document.text, document.offset, lines, lambda: None)
        except rapid.NotRapid:
            continue
        exact, exact_locator = compose(document.text.decode(), document.offset, lines)
        assert _typed(fast) == _typed(exact)
        for path in _paths(fast):
            if locator._span(locator._find(path)) is not None:
                assert locator.place(path) == exact_locator.place(path)


def _typed(value):
    if isinstance(value, dict):
        return [(key, _typed(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return type(value).__name__, value


def _paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*path, key))


KEYS = st.one_of(
    st.sampled_from(["name", "memory", "limits", "a b", "yes", "1", "null", "~", "it's", 'q"q', "ä", "😀", "", "a: b", "#", "x#", "- a", "{{ x }}", "<<", "*a", "0x1F", "1.50", "true"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff"), max_size=8),
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.sampled_from(
        [
            "512Mi",
            "0.5",
            "1e3",
            "010",
            "yes",
            "~",
            "a\nb\n",
            "  x",
            "# c",
            "a\tb",
            "",
            "x: y",
            "\\d",
            "-",
            "1_000",
            "{{ .x }}",
        ]
    ),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Zl", "Zp"], exclude_characters="\0\x85\ufeff"),
        max_size=20,
    ),
)
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=15
)
STYLES = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([True, False, None]),
        "default_style": st.sampled_from([None, None, "'", '"']),
        "allow_unicode": st.booleans(),
        "width": st.sampled_from([20, 80, 10_000]),
        "indent": st.sampled_from([2, 4]),
        "line_break": st.sampled_from(["\n", "\r\n"]),
    }
)


def dump(data, style) -> str:
    # PyYAML writes tags for what its quoting style would change, and `y` and `n` plainly, which are strings to it.
    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _):
            return True

    plain = lambda dumper, data: dumper.represent_scalar("tag:yaml.org,2002:str", data, style='"')  # noqa: E731
    Dumper.add_representer(str, plain if style["default_style"] == '"' else _text)
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, **{**style, "default_style": None})


def _text(dumper, value):
    from auditor.sources.scalars import resolve_plain

    odd = not isinstance(resolve_plain(value), str) or value in ("=", "<<") or value != value.strip()
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if odd and value.isprintable() else None)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(KEYS, DATA, max_size=5), STYLES)
def test_dumped_data_reads_back_equal_and_every_key_is_at_its_place(data, style):
    data = {
        "apiVersion": "example.org/v1",
        "kind": "Thing",
        **{k: v for k, v in data.items() if k not in ("metadata", "kind", "apiVersion")},
    }
    text = "---\n" + dump(data, style)
    result = read_bytes(text.encode(), "x")
    assert result.skipped == ()
    (obj,) = result.objects
    assert _typed(obj.data) == _typed(data)
    check_keys(obj, text)


def check_keys(obj: Object, text: str) -> None:
    for path in _paths(obj.data):
        if not path or not isinstance(path[-1], str):
            continue
        place = obj.locator.place(path)
        token = _between(text, place)
        if token.startswith("? "):
            continue
        assert yaml.compose(f"? {token}\n: 1", Loader=yaml.SafeLoader).value[0][0].value == path[-1]


def _between(text: str, place) -> str:
    lines = text.encode().splitlines(keepends=True)
    decoded = [line.decode() for line in lines[place.line - 1 : place.end_line]]
    if place.line == place.end_line:
        return decoded[0][place.column - 1 : place.end_column - 1]
    return decoded[0][place.column - 1 :] + "".join(decoded[1:-1]) + decoded[-1][: place.end_column - 1]
