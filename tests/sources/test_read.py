"""Files become objects, skipped inputs and foreign documents."""

# ruff: noqa: E501, PTH, ARG001 - a row of a table is one line; links and odd names need os

import os
import textwrap

import pytest

from auditor.sources.model import InputFile
from auditor.sources.read import MAX_FILE_BYTES, ReadOptions, file_bytes, may_hold_context, read_bytes, read_file

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: a
spec:
  containers:
  - name: c
    resources:
      limits:
        memory: 1Gi
"""
MEMORY = ("spec", "containers", 0, "resources", "limits", "memory")


def read(text, **options):
    content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    return read_bytes(content, "x.yaml", ReadOptions(**options))


def names(result):
    return [(obj.kind, obj.name) for obj in result.objects]


def only_reason(text):
    result = read(text)
    assert result.objects == ()
    (skipped,) = result.skipped
    return skipped


def test_a_stream_gives_its_objects_in_order_and_leaves_empty_documents_out():
    result = read(
        "# head\n---\n---\n"
        + POD
        + "--- # second\n# only a comment\n---\n"
        + POD.replace("name: a", "name: b")
        + "...\n"
    )
    assert names(result) == [("Pod", "a"), ("Pod", "b")]
    assert (result.skipped, result.foreign_documents) == ((), 0)
    assert [obj.line for obj in result.objects] == [4, 17]


@pytest.mark.parametrize(
    "text", ["", "\n", "# c\n", "---\n", "---\n---\n...\n", "\ufeff", "\ufeff# c\n---\n", "~\n", "null"]
)
def test_nothing_is_nothing(text):
    result = read(text)
    assert (result.objects, result.skipped, result.foreign_documents) == ((), (), 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t,
        lambda t: "\ufeff" + t,
        lambda t: t.replace("\n", "\r\n"),
        lambda t: "\ufeff" + t.replace("\n", "\r\n"),
        lambda t: "%YAML 1.1\n---\n" + t,
        lambda t: "---\n" + t + "...\n",
        lambda t: t.replace("\n", "\r"),
    ],
)
def test_line_ends_marks_and_directives_change_nothing(change):
    result = read(change(POD).encode())
    assert result.skipped == ()
    (obj,) = result.objects
    place = obj.locator.place(MEMORY)
    line = change(POD).replace("\r\n", "\n").replace("\r", "\n").split("\n").index("        memory: 1Gi") + 1
    assert (place.line, place.column, place.end_line, place.end_column) == (line, 9, line, 15)


def test_documents_that_are_not_kubernetes_are_counted():
    result = read("a: 1\n---\n- 1\n---\nplain text\n---\nkind: Thing\n---\napiVersion: v2\nname: chart\n")
    assert (result.objects, result.skipped, result.foreign_documents) == ((), (), 5)


def test_one_bad_document_hides_no_other():
    result = read(POD + "---\na: [1\n---\n" + POD)
    assert len(result.objects) == 2
    (skipped,) = result.skipped
    assert skipped.reason.startswith("YAML error")
    assert 12 <= skipped.line <= 13


def test_a_duplicate_key_is_an_error_with_both_places():
    skipped = only_reason(POD + "        cpu: 1\n        memory: 2Gi\n")
    assert (skipped.line, skipped.column) == (12, 9)
    assert skipped.reason == "duplicate key 'memory': the first is at line 10, column 9"


def test_a_duplicate_key_in_json_is_an_error_with_both_places():
    skipped = only_reason('{"apiVersion": "v1", "kind": "Pod",\n\t"a": {"b": 1}, "x": "\\ud83d\\ude00",\n "a": 2}')
    assert (skipped.line, skipped.column) == (3, 2)
    assert skipped.reason == "duplicate key 'a': the first is at line 2, column 2"


def test_keys_that_are_equal_only_in_json_are_duplicates():
    assert "duplicate key '8'" in only_reason("kind: x\n010: 1\n8: 1\n").reason


def test_json_with_tabs_and_surrogates_is_read_and_located():
    text = '{\n\t"apiVersion":\t"v1",\n\t"kind": "Pod", "x": "\\ud83d\\ude00\\u0041\\/", "\\u0061b": 1,\n\t"metadata": {"name": "ä"},\n\t"spec": {"containers": [{\t"name":\t"c", "ä": {"memory": 1e3}}]}\n}'
    (obj,) = read(text.encode()).objects
    assert (obj.name, obj.data["x"], obj.data["ab"]) == ("ä", "😀A/", 1)
    place = obj.locator.place(("spec", "containers", 0, "ä", "memory"))
    line = text.split("\n")[place.line - 1]
    assert line[place.column - 1 : place.end_column - 1] == '"memory"'
    key = obj.locator.place(("ab",))
    assert text.split("\n")[key.line - 1][key.column - 1 : key.end_column - 1] == '"\\u0061b"'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (POD.encode("utf-16"), "not UTF-8: save it as UTF-8"),
        (POD.encode("utf-32"), "not UTF-8: save it as UTF-8"),
        (POD.encode("utf-16-le"), "holds a NUL byte: not a text"),
        (POD.encode() + b"# \xff", "not UTF-8"),
        (POD.encode() + b"# \0", "holds a NUL byte: not a text"),
    ],
)
def test_what_is_no_utf8_text_is_skipped(content, reason):
    assert only_reason(content).reason == reason


def test_control_characters_are_refused_with_a_place():
    skipped = only_reason(POD.encode() + b"# \x01\n")
    assert "control characters are not allowed" in skipped.reason


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n", 4),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}-web\n", 4),
        ("{{- if .Values.enabled }}\napiVersion: v1\nkind: Pod\n{{- end }}\n", 1),
        ("apiVersion: v1\nkind: Pod\nspec:\n  {{- toYaml .Values.spec | nindent 2 }}\n", 4),
        ('{{ include "x" . }}\n', 1),
    ],
)
def test_an_unrendered_helm_template_is_named_as_one(text, line):
    skipped = only_reason(text)
    assert skipped.reason.startswith("template that is not rendered: render it (Helm: `helm template`)")
    assert skipped.line == line


def test_braces_in_strings_are_no_template():
    text = POD.replace(
        "  name: a\n",
        "  name: a\n  annotations:\n    a: '{{ x }}'\n    b: up {{ $labels.pod }}\n    c: |\n      {{- if y }}\n",
    )
    assert names(read(text)) == [("Pod", "a")]


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("kind: Deployment\nspec: {}\n", (1, 1), "Deployment: apiVersion is missing"),
        ("apiVersion: 1\nkind: Pod\n", (1, 1), "Pod: apiVersion must be a string, not a number"),
        ("apiVersion: v1\nkind: [Pod]\n", (2, 1), "kind must be a string, not a list"),
        ("apiVersion: v1\nkind: Pod\nmetadata: []\n", (3, 1), "Pod: metadata must be a mapping, not a list"),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: []\n", (4, 3), "Pod: metadata.name must be a string, not a list"),
        ("apiVersion: v1\nkind: Pod\nspec: []\n", (3, 1), "Pod: spec must be a mapping, not a list"),
        ("apiVersion: apps/v1\nkind: Deployment\nspec: null\n", (3, 1), "Deployment: spec is missing"),
        ("apiVersion: apps/v1\nkind: Deployment\nspec:\n  template: yes\n", (4, 3), "Deployment: spec.template must be a mapping, not a boolean"),
        ("apiVersion: v1\nkind: Pod\nspec:\n  containers: {}\n", (4, 3), "Pod: spec.containers must be a list, not a mapping"),
        ("apiVersion: v1\nkind: Pod\nspec: {}\n", (3, 1), "Pod: spec.containers is missing"),
        ("apiVersion: v1\nkind: List\nitems: {}\n", (3, 1), "List: items must be a list, not a mapping"),
        ("apiVersion: v1\nkind: List\nitems:\n- x\n", (4, 3), "List: an item must be a mapping, not a string"),
    ],
)  # fmt: skip
def test_wrong_shapes_are_skipped_with_their_place(text, place, reason):
    skipped = only_reason(text)
    assert ((skipped.line, skipped.column), skipped.reason) == (place, reason)


def test_lists_give_their_items_with_paths():
    result = read("""\
        apiVersion: v1
        kind: List
        items:
        - apiVersion: v1
          kind: Namespace
          metadata: {name: ns}
        - apiVersion: v1
          kind: PodList
          items:
          - metadata: {name: p}
            spec: {containers: [{name: c}]}
        """)
    assert names(result) == [("Namespace", "ns"), ("Pod", "p")]
    pod = result.objects[1]
    assert (pod.path, pod.pod_path, pod.api_version, pod.line) == (("items", 1, "items", 0), ("spec",), "v1", 10)
    place = pod.locator.place((*pod.path, "spec", "containers", 0))
    assert (place.line, place.column, place.end_column) == (11, 26, 30)


def test_the_namespace_option_fills_namespaced_objects_only():
    text = POD + "---\n" + POD.replace("name: a", "name: a\n  namespace: own") + "---\napiVersion: v1\nkind: Node\n"
    assert [obj.namespace for obj in read(text, namespace="given").objects] == ["given", "own", None]
    assert [obj.namespace for obj in read(text).objects] == [None, "own", None]


def test_a_name_written_as_a_number_is_its_text():
    assert names(read(POD.replace("name: a", "name: 0x10"))) == [("Pod", "16")]
    assert names(read(POD.replace("name: a", "generateName: a-"))) == [("Pod", "a-")]


def test_quantities_written_as_numbers_stay_numbers():
    for text, value in (("1e9", 10**9), ("0x10", 16), ("1_000", 1000), ("0.5", 0.5), ("1073741824", 2**30)):
        (obj,) = read(POD.replace("1Gi", text)).objects
        limits = obj.data["spec"]["containers"][0]["resources"]["limits"]
        assert limits == {"memory": value}
        assert type(limits["memory"]) is type(value)


def test_waiver_comments_are_found_outside_scalars_only():
    text = (
        POD.replace("        memory: 1Gi\n", '        memory: 1Gi # waive: a until=2030-01-01 reason="x"\r\n')
        + '  # waive: b\n  x: "# waive: no"\n  y: |\n    # waive: no\n  z: a#waive:no\n  w: >-\n    t\n    # waive: no\n# waive: c\n'
    )
    (obj,) = read(text.encode()).objects
    assert [(c.line, c.text) for c in obj.comments] == [
        (10, '# waive: a until=2030-01-01 reason="x"'),
        (11, "# waive: b"),
        (19, "# waive: c"),
    ]


def test_a_file_is_read_and_a_missing_or_large_one_is_skipped(tmp_path):
    good, large = tmp_path / "a.yaml", tmp_path / "b.yaml"
    good.write_text(POD)
    with large.open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    result = read_file(InputFile(str(good), "a.yaml", "sub", 0, 1), ReadOptions())
    assert (result.objects[0].file, result.objects[0].identity_folder) == ("a.yaml", "sub")
    for path, reason in ((large, "larger than 64 MiB"), (tmp_path / "no", "cannot be read: No such file or directory")):
        file = InputFile(str(path), "shown", "", 0, 1)
        assert [item.reason for item in read_file(file, ReadOptions()).skipped] == [reason]
        assert file_bytes(file) is None
    assert file_bytes(InputFile("-", "-", "", 0, 1, b"x")) == b"x"


@pytest.mark.parametrize(
    "text", ["kind: Node\n", '"kind":"LimitRange"', "kind:   'RuntimeClass'", "{kind: PodList}", "kind: &a List"]
)
def test_the_context_pattern_sees_context_objects(text):
    assert may_hold_context(text.encode())


def test_the_context_pattern_leaves_workloads_alone():
    assert not may_hold_context(POD.encode())


def test_the_parser_prints_nothing_of_its_own(capfd):
    read("a: b: c\n---\n{a: 1}: 2\n---\n[[[\n")
    assert capfd.readouterr() == ("", "")
    assert os.fstat(2)
