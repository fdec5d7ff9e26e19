"""The law of every edit, on made-up layouts, by the word of another parser (ruamel.yaml).

Every line that is not about the fix is the same, every comment is there, and the documents differ in the path alone.
"""

import copy
import io

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from auditor.fixes.files import RefusedError, fixed, replacements
from auditor.sources.read import ReadOptions
from tests.fixes.asked import RESOURCES, asking, put, remove, rename

REQUEST, LIMIT = f"{RESOURCES}.requests.memory", f"{RESOURCES}.limits.memory"


def loaded(text):
    return [plain(document) for document in YAML().load_all(io.StringIO(text.removeprefix("\ufeff")))]


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


class Writer:
    """Writes YAML in a layout that is drawn: indentation, quotes, comments, blank lines, flow or block."""

    def __init__(self, draw):
        self.draw = draw
        self.lines = []
        self.comments = 0

    def one_of(self, *choices):
        return self.draw(st.sampled_from(choices))

    def comment(self):
        self.comments += 1
        return f"# comment {self.comments}" + self.one_of("", " é", ": 'x", " {", " &a *b")

    def scalar(self, value):
        if isinstance(value, int):
            return str(value)
        return self.one_of("{0}", "'{0}'", '"{0}"').format(value)

    def end(self, text):
        self.lines.append(text + self.one_of("", "", "  ", "  " + self.comment()))
        if self.one_of(0, 0, 0, 1):
            self.lines.append(self.one_of("", "   ", "      " + self.comment()))

    def flow(self, value):
        if isinstance(value, dict):
            space = self.one_of("", " ")
            inner = f",{self.one_of(' ', '  ')}".join(f"{key}: {self.flow(item)}" for key, item in value.items())
            return f"{{{space}{inner}{space}}}"
        if isinstance(value, list):
            return f"[{', '.join(self.flow(item) for item in value)}]"
        return self.scalar(value)

    def mapping(self, value, indent, first=""):
        for key, item in value.items():
            head = (first or " " * indent) + self.one_of(key, f"'{key}'", f'"{key}"') + self.one_of(":", " :")
            first = ""
            self.value(item, head, indent)

    def value(self, item, head, indent):
        if item == "BLOCK":
            self.lines.append(f"{head} {self.one_of('|', '|-', '>', '|+')}")
            self.lines += [" " * (indent + 3) + "# no comment", " " * (indent + 3) + "{no: map}"]
        elif isinstance(item, dict) and item and self.one_of(True, True, False):
            self.end(head)
            self.mapping(item, indent + self.one_of(2, 3, 4))
        elif isinstance(item, list) and item and isinstance(item[0], dict) and self.one_of(True, True, False):
            self.end(head)
            dash = indent + self.one_of(0, 2)
            gap = self.one_of(1, 3)
            for one in item:
                self.mapping(one, dash + 1 + gap, " " * dash + "-" + " " * gap)
        else:
            self.end(f"{head} {self.flow(item)}")


KEYS = ("image", "command", "resources", "script")


@st.composite
def pods(draw):
    """Return a text with a pod in it, and which of the edits below have something to do there."""
    writer = Writer(draw)
    requests = draw(st.fixed_dictionaries({}, optional={"cpu": st.just(1), "memory": st.sampled_from(["512m", 512])}))
    limits = draw(
        st.fixed_dictionaries({}, optional={"mem": st.just("1Gi"), "memory": st.just("512m"), "cpu": st.just(2)})
    )
    resources = draw(
        st.sampled_from([{}, {"requests": requests}, {"limits": limits}, {"requests": requests, "limits": limits}])
    )
    values = {"image": "x", "command": ["a", "b"], "resources": resources, "script": "BLOCK"}
    keys = draw(st.permutations(KEYS))[: draw(st.integers(0, 4))]
    container = {"name": "app", **{key: values[key] for key in keys}}
    if "script" in container and draw(st.booleans()):
        container = dict(reversed(container.items()))
    spec = {"containers": [container, {"name": "other", "image": "y"}], "restartPolicy": "Always"}
    if draw(st.booleans()):
        spec = dict(reversed(spec.items()))
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "demo"}, "spec": spec}
    if "script" in container:
        # A block scalar is written in block style alone.
        writer.one_of = forced_block(writer)
    writer.mapping(pod, 0)
    before = draw(st.sampled_from(["", "# top\n---\n", "a: {b: 1}\n--- # two\n", "\ufeff# bom\n"]))
    after = draw(st.sampled_from(["", "---\n- x: |\n    a\n\n", "...\n"]))
    text = before + "\n".join(writer.lines) + "\n" + after
    if not after and draw(st.booleans()) and "script" not in container:
        text = text[:-1]
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def forced_block(writer):
    choose = writer.one_of
    return lambda *choices: True if choices == (True, True, False) else choose(*choices)


EDITS = (
    put(REQUEST, "512Mi"),
    put(LIMIT, "1Gi"),
    rename(f"{RESOURCES}.limits.mem", "memory"),
    remove(RESOURCES),
    remove(f"{RESOURCES}.requests.memory"),
)


def expected(documents, edit):
    """Return what the documents say once the pod is edited, or None where there is nothing to edit."""
    documents = copy.deepcopy(documents)
    here = next(one for one in documents if isinstance(one, dict) and one.get("kind") == "Pod")
    *parents, last = edit.path
    for step in parents:
        if isinstance(here, dict) and step not in here:
            if edit.op != "set":
                return None
            here[step] = {}
        here = here[step]
    if edit.op == "set":
        here[last] = edit.value
    elif last not in here or (edit.op == "rename" and edit.value in here):
        return None
    elif edit.op == "rename":
        here[edit.value] = here.pop(last)
    else:
        del here[last]
    return documents


def outcome(text, edit):
    """Return the text with the edit, or why it is refused."""
    line = text.count("\n", 0, text.index("demo")) + 1
    try:
        return fixed(text.encode(), [asking(edit, line=line)], ReadOptions()).decode()
    except RefusedError as error:
        return error


def comments(text):
    return [line.partition("# comment")[2] for line in text.splitlines() if "# comment" in line]


@given(pods(), st.sampled_from(EDITS))
def test_an_edit_keeps_its_law_or_is_refused(text, edit):
    wanted = expected(loaded(text), edit)
    after = outcome(text, edit)
    if isinstance(after, RefusedError):
        # Setting a value and naming a key are refused nowhere in these layouts where there is something to do.
        assert wanted is None or edit.op == "remove", after.reason
        return
    assert loaded(after) == wanted
    lines = text.splitlines(keepends=True)
    for item in reversed(replacements(text.encode(), after.encode(), "f")):
        lines[item.line - 1 : item.end_line] = item.text.splitlines(keepends=True)
    assert "".join(lines) == after
    if edit.op != "remove":
        assert len(gone_lines(text, after)) <= 1
        assert comments(after) == comments(text)


def gone_lines(before, after):
    """Return the lines of a text that another does not have in the same order."""
    found, position, gone = after.splitlines(), 0, []
    for line in before.splitlines():
        if line in found[position:]:
            position = found.index(line, position) + 1
        else:
            gone.append(line)
    return gone


@given(pods(), st.sampled_from(EDITS[:2]))
def test_setting_twice_is_setting_once(text, edit):
    once = fixed(text.encode(), [asking(edit, line=1)], ReadOptions())
    assert fixed(once, [asking(edit, line=1)], ReadOptions()) == once
