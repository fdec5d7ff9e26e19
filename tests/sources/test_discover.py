"""Discovery: which files are read, which are told as skipped, which are left out."""

# ruff: noqa: E501, PTH110, PTH123, PTH211, ARG001 - a row of a table is one line; links and odd names need os

import os

import pytest

from auditor.sources.discover import SourceError, discover
from auditor.sources.kustomize import without_partial


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(*names, text="a: 1\n"):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def shown(found):
    return [file.shown for file in found.files]


def test_a_folder_gives_its_manifests_in_order_without_hidden_ones(tree):
    tree("k/b.yml", "k/a.yaml", "k/sub/c.json", "k/sub/d.txt", "k/.git/x.yaml", "k/.hidden.yaml", "k/z.YAML")
    found = discover(["k"])
    assert shown(found) == ["k/a.yaml", "k/b.yml", "k/sub/c.json", "k/z.YAML"]
    assert [file.identity_folder for file in found.files] == ["", "", "sub", ""]
    assert (found.skipped, found.notes) == ((), ())
    assert found.files[0].size_bytes == 5


def test_a_named_file_is_read_whatever_its_ending(tree):
    tree("notes.txt")
    (file,) = discover(["notes.txt"]).files
    assert (file.shown, file.identity_folder, file.root) == ("notes.txt", "", 0)


def test_standard_input_is_given_as_bytes():
    (file,) = discover(["-", "-"], stdin=b"x").files
    assert (file.path, file.shown, file.content, file.size_bytes) == ("-", "-", b"x", 1)


def test_each_real_file_is_read_once_in_the_order_of_the_arguments(tree):
    tree("k/b/x.yaml", "k/a.yaml")
    found = discover(["k/b", "k", "k/a.yaml"])
    assert [(file.shown, file.root) for file in found.files] == [("k/b/x.yaml", 0), ("k/a.yaml", 1)]


def test_a_path_that_does_not_exist_is_wrong_use(tree):
    with pytest.raises(SourceError, match="nowhere: No such file"):
        discover(["nowhere"])


def test_a_chart_is_found_as_one_and_nothing_in_it_is_read(tree):
    tree("k/app/Chart.yaml", "k/app/templates/x.yaml", "k/app/charts/sub/Chart.yaml", "k/ok.yaml", "k/app-1.tgz")
    found = discover(["k"])
    assert shown(found) == ["k/ok.yaml"]
    assert [(item.shown, item.identity_folder, item.named) for item in found.charts] == [
        ("k/app", "app", False),
        ("k/app-1.tgz", "", False),
    ]
    assert [(item.shown, item.root) for item in discover(["k/app", "k"]).charts] == [("k/app", 0), ("k/app-1.tgz", 1)]
    assert [item.named for item in discover(["k/app-1.tgz"]).charts] == [True]
    assert discover(["k"], ["app*"]).charts == ()
    assert shown(discover(["k/app/templates/x.yaml"])) == ["k/app/templates/x.yaml"]


def test_links_are_followed_to_files_inside_the_tree_only(tree, tmp_path):
    tree("k/..data/real.yaml", "k/a.yaml", "out/secret.yaml")
    os.symlink("..data/real.yaml", "k/real.yaml")
    os.symlink("a.yaml", "k/A-again.yaml")
    os.symlink("..", "k/up")
    os.symlink(tmp_path / "out/secret.yaml", "k/away.yaml")
    os.symlink(".", "k/loop")
    os.symlink("gone", "k/gone.yaml")
    found = discover(["k"])
    assert shown(found) == ["k/a.yaml", "k/real.yaml"]
    assert sorted(found.notes) == [
        "k/away.yaml: a link that leaves the folder is not followed",
        "k/up: a link that leaves the folder is not followed",
    ]
    assert [item.file for item in found.skipped] == ["k/gone.yaml"]


def test_a_path_argument_that_is_a_link_is_followed(tree):
    tree("real/a.yaml")
    os.symlink("real", "link")
    assert shown(discover(["link"])) == ["link/a.yaml"]


def test_a_folder_that_cannot_be_read_is_skipped(tree, monkeypatch):
    tree("k/a.yaml", "k/no/b.yaml")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("no"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = discover(["k"])
    assert shown(found) == ["k/a.yaml"]
    assert [(item.file, item.reason) for item in found.skipped] == [("k/no", "cannot be read: Permission denied")]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("b.yaml", ["k/a.yaml", "k/t/c.yaml", "k/t/u/a.yaml"]),
        ("a.yaml", ["k/b.yaml", "k/t/c.yaml"]),
        ("t/", ["k/a.yaml", "k/b.yaml"]),
        ("k/t/**", ["k/a.yaml", "k/b.yaml"]),
        ("**/u/*.yaml", ["k/a.yaml", "k/b.yaml", "k/t/c.yaml"]),
        ("t/*.yaml", ["k/a.yaml", "k/b.yaml", "k/t/u/a.yaml"]),
        ("k/[ab].yaml", ["k/t/c.yaml", "k/t/u/a.yaml"]),
        ("k/[!a].yaml", ["k/a.yaml", "k/t/c.yaml", "k/t/u/a.yaml"]),
        ("k/?.yaml", ["k/t/c.yaml", "k/t/u/a.yaml"]),
    ],
)
def test_exclude_globs(tree, pattern, left):
    tree("k/a.yaml", "k/b.yaml", "k/t/c.yaml", "k/t/u/a.yaml")
    assert shown(discover(["k"], [pattern])) == left


def test_kustomize_patches_and_components_are_not_judged_and_told(tree):
    tree(
        "k/base/d.yaml", "k/p/one.yaml", "k/p/two.yaml", "k/p/three.yaml", "k/comp/x.yaml", "k/comp/kustomization.yaml"
    )
    tree(
        "k/over/kustomization.yaml",
        text="resources: [../base]\ncomponents: [../comp, 'https://x/y']\npatches: [{path: ../p/one.yaml}, {patch: x}]\n"
        "patchesStrategicMerge:\n- ../p/two.yaml\n- |\n  a: 1\npatchesJson6902: [{path: ../p/three.yaml}]\n",
    )
    found = without_partial(discover(["k"]))
    assert shown(found) == ["k/base/d.yaml", "k/comp/kustomization.yaml", "k/over/kustomization.yaml"]
    (note,) = found.notes
    assert note.startswith("k/over/kustomization.yaml: 4 files that it names as patches or components are not judged")


def test_a_kustomization_without_ending_counts_but_is_no_manifest(tree):
    tree("k/p.yaml", "k/d.yaml")
    tree("k/Kustomization", text="patches: [{path: p.yaml}]\n")
    found = discover(["k"])
    assert shown(without_partial(found)) == ["k/d.yaml"]
    assert [item.shown for item in found.kustomizations] == ["k/Kustomization"]


def test_a_file_outside_the_working_folder_is_shown_in_full(tree, tmp_path, monkeypatch):
    tree("k/a.yaml", "w/x")
    monkeypatch.chdir(tmp_path / "w")
    assert shown(discover(["../k"])) == [f"{tmp_path.as_posix()}/k/a.yaml"]


def test_a_pipe_is_read_once(tree):
    os.mkfifo("pipe")
    writer = os.open("pipe", os.O_RDWR)
    os.write(writer, b"a: 1\n")
    reader_done = discover
    if os.fork() == 0:
        os.close(writer)
        os._exit(0)
    os.wait()
    import threading

    threading.Timer(0.2, os.close, (writer,)).start()
    (file,) = reader_done(["pipe"]).files
    assert file.content == b"a: 1\n"


def test_a_name_that_is_no_utf8_is_shown_with_escapes(tree, tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff.yaml", "w", encoding="utf-8") as stream:
        stream.write("a: 1\n")
    (file,) = discover(["."]).files
    assert file.shown == "\\xff.yaml"
    assert os.path.exists(file.path)
