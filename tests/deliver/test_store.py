"""The store of reports, in a folder and in what fsspec reaches."""

import importlib
import json
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import fsspec
import msgspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from auditor.config import ConfigError
from auditor.deliver.compare import compare
from auditor.deliver.errors import DeliveryError
from auditor.deliver.place import open_place
from auditor.deliver.runs import is_run_name, run_name
from auditor.deliver.store import NewRun, compare_with_last, store_run
from auditor.reports.json import render
from tests.deliver.samples import NIGHT, finding, report

REGISTRY = importlib.import_module("fsspec.registry")
"""The module: the package has a mapping of the same name."""


@pytest.fixture(autouse=True)
def empty_memory():
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture(params=["folder", "file", "memory", "local"])
def place(request, tmp_path):
    """Return a place of each kind that needs no package of the user's."""
    text = {"folder": "audits/here", "file": f"file://{tmp_path}/audits/here", "memory": "memory://audits/here"}
    text["local"] = f"local://{tmp_path}"  # what fsspec reaches and has folders
    return open_place(text[request.param], tmp_path)


def new_run(number=0, *findings, more=()):
    found = report(*findings)
    files = {"audit.json": render(found).encode(), "audit.md": f"night {number}".encode(), **dict(more)}
    return NewRun(
        started=NIGHT + timedelta(days=number), report=found, comparison=compare(found, None, ()), files=files
    )


def store(place, number=0, *findings, keep=30, more=()):
    return store_run(place, new_run(number, *findings, more=more), keep=keep)


def files_of(place, folder):
    return {name: place.read(folder, name) for name in ("audit.json", "audit.md", "audit.csv")}


def test_a_run_is_called_after_its_start_in_utc():
    assert run_name(NIGHT) == "2026-11-24T03-00-00Z"
    assert is_run_name("2026-11-24T03-00-00Z")
    assert not is_run_name("latest")
    assert not is_run_name("2026-11-24T03-00-00Z.bak")


def test_a_run_is_stored_under_its_name_and_in_latest(place):
    run = store(place, 0, finding(1)).run
    assert run.startswith("2026-11-24T03-00-00Z")
    assert place.read(run, "audit.md") == b"night 0"
    assert files_of(place, run) == files_of(place, "latest")
    about = json.loads(place.read(run, "run.json"))
    assert about["run"] == run
    assert about["findings"]["high"] == 1
    assert about["files"]["audit.md"]["bytes"] == len("night 0")
    assert place.read("latest", "run.json") == place.read(run, "run.json")


def test_latest_is_the_newest_run_and_holds_no_file_of_an_older_one(place):
    store(place, 0, more=[("audit.csv", b"a")])
    store(place, 1)
    assert files_of(place, "latest")["audit.md"] == b"night 1"
    assert files_of(place, "latest")["audit.csv"] is None


def test_a_run_that_ends_late_does_not_take_latest_from_a_newer_one(place):
    store(place, 1)
    store(place, 0)
    assert files_of(place, "latest")["audit.md"] == b"night 1"
    assert len(place.folders()) == 3


def test_only_the_newest_runs_are_kept(place):
    runs = [store(place, number, keep=3).run for number in range(5)]
    assert [name for name in place.folders() if name != "latest"] == runs[2:]
    assert store(place, 5, keep=1).removed == (*runs[2:],)
    assert store(place, 6, keep=30).removed == ()


def test_runs_of_one_second_are_removed_too_and_never_the_one_just_written(place):
    for _ in range(4):
        run = store(place, keep=2).run
    left = [name for name in place.folders() if is_run_name(name)]
    assert len(left) == 2
    assert run in left


def test_nothing_that_another_wrote_is_removed(tmp_path):
    place = open_place("audits", tmp_path)
    old = tmp_path / "audits" / "2020-01-01T00-00-00Z"
    notes = tmp_path / "audits" / "notes"
    for folder in (old, notes):
        folder.mkdir(parents=True)
        (folder / "precious").write_text("mine")
    other = tmp_path / "audits" / "2020-01-02T00-00-00Z"
    other.mkdir()
    (other / "run.json").write_text(json.dumps({"tool": "another", "run": other.name}))
    ours = store(place, 0).run
    (tmp_path / "audits" / ours / "comment.txt").write_text("keep this")
    for number in range(1, 4):
        store(place, number, keep=1)
    assert (old / "precious").read_text() == (notes / "precious").read_text() == "mine"
    assert (other / "run.json").exists()
    assert [path.name for path in (tmp_path / "audits" / ours).iterdir()] == ["comment.txt"]


def test_a_run_whose_description_names_other_files_loses_only_ours(tmp_path):
    place = open_place("audits", tmp_path)
    run = tmp_path / "audits" / store(place, 0).run
    victim = tmp_path / "victim"
    victim.write_text("mine")
    about = json.loads((run / "run.json").read_text())
    about["files"]["../../victim"] = about["files"]["audit.md"]
    (run / "run.json").write_text(json.dumps(about))
    store(place, 1, keep=1)
    assert victim.read_text() == "mine"
    assert not (run / "audit.md").exists()


def test_a_link_that_is_called_like_a_run_is_left_alone(tmp_path):
    place = open_place("audits", tmp_path)
    elsewhere = open_place("elsewhere", tmp_path)
    there = tmp_path / "elsewhere" / store(elsewhere, 0).run
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / there.name).symlink_to(there)
    store(place, 1, keep=1)
    assert (there / "audit.md").exists()


def test_two_runs_of_one_second_are_two_runs(place):
    first, second = store(place, 0).run, store(place, 0).run
    assert first != second
    assert is_run_name(first)
    assert is_run_name(second)
    assert place.read(first, "run.json") != place.read(second, "run.json")


def test_runs_at_once_do_not_mix(tmp_path):
    place = open_place("audits", tmp_path)
    many = [(f"audit.{ending}", os.urandom(100_000)) for ending in ("csv", "sarif")]
    threads = [
        threading.Thread(target=store, args=(place, number % 2), kwargs={"keep": 4, "more": many})
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = [name for name in place.folders() if name != "latest"]
    assert len(runs) == 4
    for folder in (*runs, "latest"):
        about = json.loads(place.read(folder, "run.json"))
        for name, file in about["files"].items():
            assert len(place.read(folder, name)) == file["bytes"]
    assert all(not path.name.startswith(".writing") for path in (tmp_path / "audits").rglob("*"))


def test_a_run_that_was_cut_off_leaves_no_run_and_is_swept_later(tmp_path):
    place = open_place("audits", tmp_path)
    half = tmp_path / "audits" / ".writing-2026-11-23T03-00-00Z-1-abc"
    half.mkdir(parents=True)
    (half / "audit.json").write_text("{")
    fresh = tmp_path / "audits" / ".writing-2026-11-24T02-00-00Z-2-abc"
    fresh.mkdir()
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(half, (long_ago, long_ago))
    comparison, _ = compare_with_last(place, report())
    assert comparison.previous is None
    store(place, 0)
    assert not half.exists()
    assert fresh.exists()


def test_a_file_that_cannot_be_written_leaves_no_run(tmp_path):
    place = open_place("audits", tmp_path)
    with pytest.raises(DeliveryError, match="No such file"):
        store(place, 0, more=[("no/such/folder", b"x")])
    assert list((tmp_path / "audits").iterdir()) == []


def test_the_last_run_is_compared_with(place):
    store(place, 0, finding(1))
    run = store(place, 1, finding(2)).run
    comparison, notes = compare_with_last(place, report(finding(2), finding(3)))
    assert comparison.previous == run
    assert (comparison.known, len(comparison.new), notes) == (1, 1, ())


def test_without_an_earlier_run_that_is_told(place):
    comparison, notes = compare_with_last(place, report(finding(1)))
    assert comparison.previous is None
    assert notes == ("there is no earlier run to compare with: every finding is new",)


def test_a_run_that_was_changed_or_is_of_another_version_is_told_and_the_one_before_is_taken(tmp_path):
    place = open_place("audits", tmp_path)
    good = store(place, 0, finding(1)).run
    for number, (file, change) in enumerate(
        [
            ("audit.json", lambda data: data[: len(data) // 2]),
            ("audit.json", None),
        ],
        1,
    ):
        path = tmp_path / "audits" / store(place, number, finding(1)).run / file
        path.unlink() if change is None else path.write_bytes(change(path.read_bytes()))
    newer = msgspec.structs.replace(
        new_run(3), files={"audit.json": render(report()).replace('"version": "1"', '"version": "9"', 1).encode()}
    )
    store_run(place, newer, keep=30)
    comparison, notes = compare_with_last(place, report(finding(1)))
    assert comparison.previous == good
    assert [note.partition(": ")[2] for note in notes] == [
        "it has version 9, this program compares 1",
        "its audit.json is missing",
        "its audit.json is not as it was written",
    ]


def test_a_run_of_which_the_last_object_is_missing_is_no_run():
    place = open_place("memory://audits", Path())
    fsspec.filesystem("memory").pipe_file("/audits/2026-11-25T03-00-00Z-abc/audit.json", b"{}")
    good = store(place, 0, finding(1)).run
    assert compare_with_last(place, report(finding(1)))[0].previous == good


def test_the_lock_of_a_folder_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.deliver.place_local._LOCK_SECONDS", 0.1)
    place = open_place("audits", tmp_path)
    with place.alone(), pytest.raises(DeliveryError, match=r"another run has held it"):
        store(place, 0)
    assert store(place, 1).run


def test_a_folder_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "audits").write_text("")
    place = open_place("audits", tmp_path)
    for use in (lambda: store(place, 0), lambda: compare_with_last(place, report())):
        with pytest.raises(DeliveryError, match=r"audits: .*(exists|Not a directory)"):
            use()


def test_a_bucket_or_folder_that_is_not_there_is_told_and_not_made(tmp_path):
    place = open_place(f"local://{tmp_path}/elsewhere", Path())
    with pytest.raises(DeliveryError, match=r"local://.*/elsewhere: there is no such bucket or folder"):
        store(place, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_url_whose_package_is_missing_names_the_package(monkeypatch):
    known = {"class": "no_such_package.Fs", "err": "Install s3fs to access S3"}
    monkeypatch.setitem(REGISTRY.known_implementations, "s3", known)
    monkeypatch.delitem(REGISTRY._registry, "s3", raising=False)
    with pytest.raises(ConfigError, match=r"nightly\.reports: s3://bucket/audits: Install s3fs to access S3"):
        open_place("s3://bucket/audits", Path())


def test_a_url_that_nobody_knows_is_told_without_its_password():
    with pytest.raises(ConfigError) as caught:
        open_place("gopher://me:hunter2@host/audits", Path())
    assert "gopher://host/audits" in str(caught.value)
    assert "hunter2" not in str(caught.value)


class Refusing(MemoryFileSystem):
    """A store of somebody's package, which has errors of its own."""

    protocol = "refusing"

    class RefusedError(Exception):
        """No error that Python knows."""

    def pipe_file(self, path, value, **_):
        if path.endswith("audit.json"):
            super().pipe_file(path, value)
        else:
            raise self.RefusedError("denied for me:hunter2@host\n\x1b[31mred")


def test_an_error_of_a_package_is_told_on_one_line_without_a_password_and_leaves_no_run(monkeypatch):
    monkeypatch.setitem(REGISTRY._registry, "refusing", Refusing)
    monkeypatch.setattr(
        Refusing, "_strip_protocol", classmethod(lambda _, path: "/" + path.rpartition("://")[2].strip("/"))
    )
    place = open_place("refusing://me:hunter2@host/audits", Path())
    with pytest.raises(DeliveryError) as caught:
        store(place, 0)
    assert str(caught.value) == "refusing://host/audits: denied for me:***@host \\x1b[31mred"
    assert compare_with_last(place, report())[0].previous is None
