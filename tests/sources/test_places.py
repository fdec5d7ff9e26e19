"""Every place is exactly the key's text, wherever and however it is written."""

import pytest

from auditor.sources.read import read_bytes

HEAD = "apiVersion: example.org/v1\nkind: Thing\n"


def located(text, path):
    (obj,) = read_bytes(text.encode(), "x").objects
    return cut(text, obj.locator.place(path)), cut(text, obj.locator.alias_place(path))


def cut(text, place):
    if place is None:
        return None
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    assert place.line == place.end_line
    before = "\n".join(lines[: place.line - 1]).count("\n") if place.line > 1 else 0
    assert before <= place.line
    return place.line, lines[place.line - 1][place.column - 1 : place.end_column - 1]


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ("a:\n  b: 1\n", ("a", "b"), (4, "b")),
        ("a:\n  b: 1\n", ("a",), (3, "a")),
        ("a:\n  b: 1\n", (), (1, "apiVersion")),
        ("a:\n  b: 1\n", ("a", "b", "no", 3), (4, "b")),
        ("a:\n  b: 1\n", ("no", "b"), (1, "apiVersion")),
        ("a: {'b c': 1, \"d\": 2}\n", ("a", "b c"), (3, "'b c'")),
        ("a: {'b c': 1, \"d\": 2}\n", ("a", "d"), (3, '"d"')),
        ("a: {'it''s': 1}\n", ("a", "it's"), (3, "'it''s'")),
        ('a: {"q\\"\\u0041": 1}\n', ("a", 'q"A'), (3, '"q\\"\\u0041"')),
        ("a: {ä: ö, memory: 1}\n", ("a", "memory"), (3, "memory")),
        ("a: {😀: 😀, memory: 1}\n", ("a", "memory"), (3, "memory")),
        ("a:\n- x: 1\n  y: 2\n- z\n", ("a", 0), (4, "x")),
        ("a:\n- x: 1\n  y: 2\n- z\n", ("a", 1), (6, "z")),
        ("a:\n- x: 1\n", ("a", 7), (3, "a")),
        ("a:\n- - p: 1\n", ("a", 0), (4, "p")),
        ("a: [1, 'q r', \"\"]\n", ("a", 1), (3, "'q r'")),
        ("a: [1, 'q r', \"\"]\n", ("a", 2), (3, '""')),
        ("a: [{}, [ ]]\n", ("a", 0), (3, "{}")),
        ("a: [{}, [ ]]\n", ("a", 1), (3, "[ ]")),
        ('"": {x: 1}\n', ("",), (3, '""')),
        ("a:\tb\nc: 1\n", ("c",), (4, "c")),
        ("yes: 1\n", ("true",), (3, "yes")),
        ("a: x # c: d\nb: {c: 1}\n", ("b", "c"), (4, "c")),
        ("a: |\n  b: 1\nb: 2\n", ("b",), (5, "b")),
        ("a: {\n  b: 1,\n  c: 2}\n", ("a", "c"), (5, "c")),
        ("? a\n: b: 1\n", ("a", "b"), (4, "b")),
    ],
)
@pytest.mark.parametrize(
    "change",
    [str, lambda t: t.replace("\n", "\r\n"), lambda t: "\ufeff" + t, lambda t: "---\n" + t],
    ids=["lf", "crlf", "bom", "marker"],
)
def test_a_place_is_the_key_token(body, path, expected, change):
    text = change(HEAD + body)
    line, token = expected
    assert located(text, path) == ((line + text.startswith("---"), token), None)


ANCHORS = (
    HEAD
    + """\
base: &base
  limits: &limits
    memory: 1Gi
  other: 1
other: &other {limits: 2, more: {deep: 1}}
one: *base
two:
  <<: *base
  own: 1
three:
  <<: [*other, *base]
list:
- *base
- k: *limits
"""
)


@pytest.mark.parametrize(
    ("path", "expected", "alias"),
    [
        (("base", "limits", "memory"), (5, "memory"), None),
        (("one",), (8, "one"), None),
        (("one", "limits", "memory"), (5, "memory"), (8, "*base")),
        (("two", "limits", "memory"), (5, "memory"), (10, "*base")),
        (("two", "other"), (6, "other"), (10, "*base")),
        (("two", "own"), (11, "own"), None),
        (("three", "limits"), (7, "limits"), (13, "*other")),
        (("three", "more", "deep"), (7, "deep"), (13, "*other")),
        (("three", "other"), (6, "other"), (13, "*base")),
        (("list", 0), (4, "limits"), (15, "*base")),
        (("list", 0, "limits"), (4, "limits"), (15, "*base")),
        (("list", 1, "k"), (16, "k"), None),
        (("list", 1, "k", "memory"), (5, "memory"), (16, "*limits")),
    ],
)
def test_under_an_alias_the_place_is_the_anchors_text(path, expected, alias):
    assert located(ANCHORS, path) == (expected, alias)


def test_merge_keys_follow_go_yaml():
    (obj,) = read_bytes(ANCHORS.encode(), "x").objects
    assert obj.data["three"] == {"limits": 2, "more": {"deep": 1}, "other": 1}
    assert obj.data["two"] == {"limits": {"memory": "1Gi"}, "other": 1, "own": 1}
    late = HEAD + "base: &b {a: 1}\np: {a: 2, <<: *b}\nq: {<<: *b, a: 3}\n"
    (obj,) = read_bytes(late.encode(), "x").objects
    # NOTE: go-yaml v2 merges where the merge key stands, and Kubernetes uses go-yaml v2.
    assert (obj.data["p"], obj.data["q"]) == ({"a": 1}, {"a": 3})


def test_places_in_the_second_document_count_from_the_top_of_the_file():
    text = HEAD + "a: 1\n---\n" + HEAD + "ä: {b: 1}\n"
    _, second = read_bytes(text.encode(), "x").objects
    assert cut(text, second.locator.place(("ä", "b"))) == (7, "b")
    assert second.line == 5
