"""Edits of ugly texts: what must change does, every other byte stays. The expected texts are written by hand."""

import pytest

from auditor.findings import Replacement
from auditor.fixes.files import RefusedError, fixed, replacements
from auditor.sources.read import ReadOptions
from tests.fixes.asked import RESOURCES, asking, put, remove, rename

HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: demo}\nspec:\n  containers:\n"
REQUEST, LIMIT = f"{RESOURCES}.requests.memory", f"{RESOURCES}.limits.memory"


def edited(text, *edits, **more):
    return fixed(text.encode(), [asking(*edits, **more)], ReadOptions()).decode()


CASES = {
    "a value between comments and odd blanks": (
        "  - name: app   # app\n    resources:  \n        # why\n        requests:  {cpu: 1,  memory:  512m } # m?\n",
        [put(REQUEST, "512Mi")],
        "  - name: app   # app\n    resources:  \n        # why\n        requests:  {cpu: 1,  memory:  512Mi } # m?\n",
    ),
    "single quotes stay": (
        "  - name: app\n    resources: {requests: {memory: '512m'}}\n",
        [put(REQUEST, "512Mi")],
        "  - name: app\n    resources: {requests: {memory: '512Mi'}}\n",
    ),
    "double quotes stay, of the key too": (
        '  - name: app\n    resources:\n      "requests":\n        "memory"  : "512m"   # é\n',
        [put(REQUEST, "512Mi")],
        '  - name: app\n    resources:\n      "requests":\n        "memory"  : "512Mi"   # é\n',
    ),
    "a text that reads as a number is quoted": (
        "  - name: app\n    resources: {requests: {memory: 0.7Gi}}\n",
        [put(REQUEST, "751619277")],
        "  - name: app\n    resources: {requests: {memory: '751619277'}}\n",
    ),
    "an empty value": (
        "  - name: app\n    resources:\n      requests:\n        memory:   # todo\n        cpu: 1\n",
        [put(REQUEST, "1Gi")],
        "  - name: app\n    resources:\n      requests:\n        memory: 1Gi   # todo\n        cpu: 1\n",
    ),
    "null": (
        "  - name: app\n    resources:\n      requests:\n        memory: ~\n",
        [put(REQUEST, "1Gi")],
        "  - name: app\n    resources:\n      requests:\n        memory: 1Gi\n",
    ),
    "no resources: below the last key, by the document's own indentation": (
        "      - image: x\n        name: app\n        ports:\n        - containerPort: 80\n        # the end\n",
        [put(REQUEST, "1Gi"), put(LIMIT, "2Gi")],
        (
            "      - image: x\n        name: app\n        ports:\n        - containerPort: 80\n"
            "        resources:\n          requests:\n            memory: 1Gi\n          limits:\n"
            "            memory: 2Gi\n        # the end\n"
        ),
    ),
    "four columns a level stay four": (
        "    - name: app\n      resources:\n          requests:\n              cpu: 1\n",
        [put(LIMIT, "2Gi")],
        (
            "    - name: app\n      resources:\n          requests:\n              cpu: 1\n          limits:\n"
            "              memory: 2Gi\n"
        ),
    ),
    "resources without a value": (
        "  - name: app\n    resources:  # none\n    image: x\n",
        [put(LIMIT, "2Gi")],
        "  - name: app\n    resources:  # none\n      limits:\n        memory: 2Gi\n    image: x\n",
    ),
    "resources: {}": (
        "  - name: app\n    resources: {}  # none\n    image: x\n",
        [put(LIMIT, "2Gi")],
        "  - name: app\n    resources: {limits: {memory: 2Gi}}  # none\n    image: x\n",
    ),
    "a flow mapping gets one more entry": (
        "  - {name: app, resources: {requests: {cpu: 1, }, }, image: x}\n",
        [put(LIMIT, "2Gi")],
        "  - {name: app, resources: {requests: {cpu: 1, }, limits: {memory: 2Gi}, }, image: x}\n",
    ),
    "never behind a block scalar, whose end is not known": (
        "  - name: app\n    args:\n    - |\n      text\n\n  # b\n",
        [put(LIMIT, "2Gi")],
        "  - name: app\n    resources:\n      limits:\n        memory: 2Gi\n    args:\n    - |\n      text\n\n  # b\n",
    ),
    "no line break at the end": (
        "  - name: app\n    image: x # last",
        [put(LIMIT, "2Gi")],
        "  - name: app\n    image: x # last\n    resources:\n      limits:\n        memory: 2Gi",
    ),
    "a key": (
        "  - name: app\n    resources:\n      limits:\n        mem : 1Gi\n      'limit': {}\n",
        [rename(f"{RESOURCES}.limits.mem", "memory")],
        "  - name: app\n    resources:\n      limits:\n        memory : 1Gi\n      'limit': {}\n",
    ),
    "a quoted key": (
        "  - name: app\n    resources:\n      'limit': {memory: 1Gi}\n",
        [rename(f"{RESOURCES}.limit", "limits")],
        "  - name: app\n    resources:\n      'limits': {memory: 1Gi}\n",
    ),
    "a block goes with its lines alone": (
        "  - name: a\n    # above\n    resources: # with\n      limits:\n        memory: 1 #t\n    # below\n    x: y\n",
        [remove(RESOURCES)],
        "  - name: a\n    # above\n    # below\n    x: y\n",
    ),
    "an entry of a flow mapping goes with one comma": (
        "  - {name: app, resources: {}, image: x}\n",
        [remove(RESOURCES)],
        "  - {name: app, image: x}\n",
    ),
    "the last entry of a flow mapping": (
        "  - {name: app, image: x, resources: {limits: {cpu: 1}} }\n",
        [remove(RESOURCES)],
        "  - {name: app, image: x }\n",
    ),
    "an alias makes room for a value of its own": (
        "  - name: &n app\n    image: *n\n    resources: {limits: {memory: *n}}\n",
        [put(LIMIT, "1Gi")],
        "  - name: &n app\n    image: *n\n    resources: {limits: {memory: 1Gi}}\n",
    ),
    "an anchor that nobody names stays": (
        "  - name: app\n    resources: &r\n      limits: {memory: &m !!str 512}\n",
        [put(LIMIT, "512Mi")],
        "  - name: app\n    resources: &r\n      limits: {memory: &m !!str 512Mi}\n",
    ),
    "a value that YAML would take for something else": (
        "  - name: app\n    mode: Auto\n",
        [put("spec.containers[0].mode", "Off")],
        "  - name: app\n    mode: 'Off'\n",
    ),
    "a value that needs escapes": (
        "  - name: app\n    mode: Auto\n",
        [put("spec.containers[0].mode", "a: b # \t'c'")],
        "  - name: app\n    mode: \"a: b # \\t'c'\"\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_only_what_must_change_does(name):
    before, edits, after = CASES[name]
    assert edited(HEAD + before, *edits) == HEAD + after


@pytest.mark.parametrize("name", CASES)
def test_line_ends_of_windows_stay(name):
    before, edits, after = (
        (HEAD + part).replace("\n", "\r\n") if isinstance(part, str) else part for part in CASES[name]
    )
    assert edited(before, *edits) == after


@pytest.mark.parametrize("name", CASES)
def test_other_documents_markers_and_a_byte_order_mark_stay(name):
    before, edits, after = CASES[name]
    start = "\ufeff# first\n---\na: [1,\n  2]   # not ours\n...\n%YAML 1.1\n--- # ours\n"
    end = "\n---\nkind:   List\n---\n- text: |+\n    ---x\n\n\n"
    assert edited(start + HEAD + before + end, *edits) == start + HEAD + after + end


@pytest.mark.parametrize("name", CASES)
def test_a_fix_that_was_made_is_not_made_again(name):
    """Setting what is set changes nothing; what was renamed or removed is not there any more."""
    _, edits, after = CASES[name]
    for edit in edits:
        if edit.op == "set":
            assert edited(HEAD + after, edit) == HEAD + after
        else:
            with pytest.raises(RefusedError, match=r"is not written here|stands beside"):
                edited(HEAD + after, edit)


JSON = """\
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "demo"},
\t"spec": {"containers": [
    {
      "name": "app",
      "resources": {"limits": {"memory": 512}}
    }
  ]}}
"""


def test_json_stays_json():
    assert edited(JSON, put(LIMIT, "512Mi")) == JSON.replace(": 512}", ': "512Mi"}')


def test_a_new_key_of_json_has_a_line_where_the_others_have():
    added = edited(JSON.replace(',\n      "resources": {"limits": {"memory": 512}}', ""), put(LIMIT, "512Mi"))
    assert added == JSON.replace(": 512}", ': "512Mi"}')


def test_an_object_in_a_list_of_its_own_document():
    item = "- apiVersion: v1\n  kind: Pod\n  metadata: {{name: {0}}}\n  spec: {{containers: [{{name: app}}]}}\n"
    text = "apiVersion: v1\nkind: List\nitems:\n" + item.format("other") + item.format("demo")
    after = edited(text, put(LIMIT, "1Gi"), line=8)
    assert after == text[:-4].removesuffix("{name: app") + "{name: app, resources: {limits: {memory: 1Gi}}}]}\n"


REFUSED = {
    "a value that an alias repeats": (
        "  - name: app\n    resources: {limits: {memory: &m 512}, requests: {memory: *m}}\n",
        [put(LIMIT, "512Mi")],
        "stands in the text of &m, which an alias elsewhere repeats",
        7,
    ),
    "a block that an alias repeats": (
        "  - name: app\n    resources: &r\n      limits: {memory: 512}\n  - name: b\n    resources: *r\n",
        [put(LIMIT, "512Mi")],
        "stands in the text of &r",
        7,
    ),
    "behind an alias": (
        "  - name: app\n    x: &r {limits: {memory: 512}}\n    resources: *r\n",
        [put(LIMIT, "512Mi")],
        r"stands behind the alias \*r",
        8,
    ),
    "a key of a merge": (
        "  - name: app\n    x: &r {memory: 512}\n    resources:\n      limits:\n        <<: *r\n        cpu: 1\n",
        [put(LIMIT, "512Mi")],
        "a merge key",
        10,
    ),
    "a new name that is there": (
        "  - name: app\n    resources: {limits: {mem: 1, memory: 2}}\n",
        [rename(f"{RESOURCES}.limits.mem", "memory")],
        "memory stands beside it already",
        7,
    ),
    "the only key": (
        "  - resources: {}\n",
        [remove(RESOURCES)],
        "the only key",
        6,
    ),
    "the key behind a dash": (
        "  - resources: {}\n    name: app\n",
        [remove(RESOURCES)],
        "a dash stands before it",
        6,
    ),
    "a block scalar": (
        "  - name: app\n    resources:\n      limits:\n        memory: >-\n          512\n",
        [put(LIMIT, "512Mi")],
        "no value of one line",
        9,
    ),
    "a value with a tag": (
        "  - name: app\n    resources: {limits: {memory: !!int 512}}\n",
        [put(LIMIT, "512Mi")],
        "has the tag",
        7,
    ),
    "a text where a mapping should be": (
        "  - name: app\n    resources: none\n",
        [put(LIMIT, "512Mi")],
        "no mapping stands here",
        7,
    ),
    "a list where a mapping should be": (
        "  - name: app\n    resources: []\n",
        [put(LIMIT, "512Mi")],
        "no mapping stands",
        7,
    ),
    "an item that is not there": (
        "  - name: app\n",
        [put("spec.containers[1].resources.limits.memory", "1Gi")],
        "an item of a list is not there",
        6,
    ),
    "explicit keys": (
        "  - ? name\n    : app\n",
        [put(LIMIT, "1Gi")],
        "does not begin its line",
        6,
    ),
    "a comment in what would go": (
        "  - {name: app, resources: {}, # keep\n     image: x}\n",
        [remove(RESOURCES)],
        "a comment",
        6,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_edited_is_refused_with_its_line(name):
    text, edits, reason, line = REFUSED[name]
    with pytest.raises(RefusedError, match=reason) as refused:
        edited(HEAD + text, *edits)
    assert refused.value.line == line


def test_removing_an_anchor_that_is_needed_is_refused():
    text = HEAD + "  - name: app\n    resources: {limits: &l {cpu: 1}}\n    x: *l\n"
    with pytest.raises(RefusedError):
        edited(text, remove(f"{RESOURCES}.limits"))


def test_lone_carriage_returns_are_refused():
    with pytest.raises(RefusedError, match="CR"):
        edited((HEAD + "  - name: app\n").replace("\n", "\r"), put(LIMIT, "1Gi"))


def test_the_object_is_found_by_its_line_when_two_have_one_name():
    pod = HEAD + "  - name: app\n    resources: {limits: {memory: 5}}\n"
    text = pod + "---\n" + pod
    assert edited(text, put(LIMIT, "5Gi"), line=15) == pod + "---\n" + pod.replace("5}", "5Gi}")
    assert edited(text, put(LIMIT, "5Gi"), line=7) == pod.replace("5}", "5Gi}") + "---\n" + pod


def test_an_object_that_is_gone_is_told():
    with pytest.raises(RefusedError, match="not there any more"):
        edited(HEAD + "  - name: app\n", put(LIMIT, "1Gi"), name="other")


LINES = [
    ("a\nb\nc\n", "a\nB\nc\n", [(2, 2, "B\n")]),
    ("a\nb\nc\n", "a\nb\nx\nc\n", [(2, 2, "b\nx\n")]),
    ("a\nb\n", "x\na\nb\n", [(1, 1, "x\na\n")]),
    ("a\nb\nc\n", "a\nc\n", [(2, 2, "")]),
    ("a", "a\nb", [(1, 1, "a\nb")]),
    ("a\nb\nc\nd\ne\nf\n", "A\nb\nc\nd\ne\nF\n", [(1, 1, "A\n"), (6, 6, "F\n")]),
    ("a\nb\nc\nd\n", "A\nb\nc\nD\n", [(1, 4, "A\nb\nc\nD\n")]),
    ("a\r\nb\r\n", "a\r\nB\r\n", [(2, 2, "B\r\n")]),
    ("a\n", "a\n", []),
]


@pytest.mark.parametrize(("before", "after", "wanted"), LINES)
def test_a_change_is_told_as_whole_lines(before, after, wanted):
    found = replacements(before.encode(), after.encode(), "f")
    assert found == tuple(Replacement("f", *item) for item in wanted)
