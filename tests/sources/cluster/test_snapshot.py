"""A snapshot gives back what was read, is there whole or not at all, and whatever it holds does no harm."""

import gzip
import json
import os
import stat

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Header, Item, Missing
from auditor.sources.cluster.snapshot import MAX_LINE_BYTES, SnapshotError, is_snapshot, load, save

HEADER = Header(SNAPSHOT_VERSION, "prod", "1.34", ("shop",), "app=web")
POD = Item({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}})
FORBIDDEN = Missing("list nodes", "forbidden: grant list on nodes", "Node")
ENTRIES = (HEADER, FORBIDDEN, POD, End())
HEADER_LINE = msgspec.json.encode(HEADER) + b"\n"
END_LINE = b'{"entry":"end"}\n'

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts
plain = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
items = st.builds(Item, st.dictionaries(texts, plain, max_size=5))
# What is told of a fault is on one printable line.
lines = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
faults = st.builds(Missing, lines, lines, st.none() | texts, st.none() | texts)


def written(tmp_path, content, name="s.jsonl"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def line(value):
    return json.dumps(value).encode() + b"\n"


@given(st.lists(items | faults, max_size=8), st.booleans())
def test_what_was_saved_is_loaded_again(tmp_path_factory, some, interrupted):
    path = tmp_path_factory.mktemp("s") / "cluster.jsonl.gz"
    entries = [HEADER, *some, End(interrupted)]
    assert list(save(iter(entries), path)) == entries
    assert list(load(path)) == entries
    assert is_snapshot(path)


def test_the_same_entries_give_the_same_bytes_at_any_time_under_any_name(tmp_path, monkeypatch):
    one, other = tmp_path / "one.jsonl.gz", tmp_path / "other.jsonl.gz"
    list(save(iter(ENTRIES), one))
    monkeypatch.setattr("time.time", lambda: 0.0)
    list(save(iter(ENTRIES), other))
    assert one.read_bytes() == other.read_bytes()


def test_it_is_json_lines_that_zcat_shows(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    list(save(iter(ENTRIES), path))
    found = [json.loads(text) for text in gzip.decompress(path.read_bytes()).splitlines()]
    assert [item["entry"] for item in found] == ["cluster", "missing", "object", "end"]
    assert found[2]["data"] == POD.data


def test_an_unpacked_snapshot_is_one_too(tmp_path):
    path = written(tmp_path, HEADER_LINE + END_LINE)
    assert is_snapshot(path)
    assert list(load(path)) == [HEADER, End()]


def test_the_file_appears_only_at_the_end(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(b"of yesterday")
    entries = save(iter(ENTRIES), path)
    for _ in range(3):
        next(entries)
        assert path.read_bytes() == b"of yesterday"
    assert next(entries) == End()
    assert list(load(path)) == list(ENTRIES)
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_may_be_read_by_whom_other_files_may_be(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    list(save(iter(ENTRIES), path))
    (tmp_path / "usual").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_fault_of_the_source_leaves_no_file(tmp_path):
    def broken():
        yield HEADER
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        list(save(broken(), tmp_path / "s.jsonl.gz"))
    assert list(tmp_path.iterdir()) == []


def test_whoever_stops_taking_entries_leaves_a_snapshot_that_says_so(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    entries = save(iter(ENTRIES), path)
    assert [next(entries), next(entries)] == [HEADER, FORBIDDEN]
    entries.close()
    assert list(load(path)) == [HEADER, FORBIDDEN, End(interrupted=True)]
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_while_it_writes_ends_the_entries_and_the_snapshot_as_interrupted(tmp_path):
    def interrupted():
        yield HEADER
        raise KeyboardInterrupt

    path = tmp_path / "s.jsonl.gz"
    assert list(save(interrupted(), path)) == [HEADER, End(interrupted=True)]
    assert list(load(path)) == [HEADER, End(interrupted=True)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110 - a device
def test_a_full_disk_loses_the_file_and_is_told_and_the_audit_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.open", lambda *_: open("/dev/full", "wb", buffering=0))  # noqa: PTH123, SIM115
    path = tmp_path / "s.jsonl.gz"
    found = list(save(iter(ENTRIES), path))
    assert [entry for entry in found if entry in ENTRIES] == list(ENTRIES)
    (told,) = [entry for entry in found if entry not in ENTRIES]
    assert told == Missing(f"save {path}", "cannot be written: No space left on device")
    assert found.index(told) < found.index(End())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "is a folder"), ("no/such/s.gz", "there is no folder"), ("closed/s.gz", "the folder cannot be written")],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(tmp_path, name, words, monkeypatch):
    (tmp_path / "closed").mkdir()
    # Who runs as root may write everywhere.
    monkeypatch.setattr("os.access", lambda path, _: path.name != "closed")

    def never():
        raise AssertionError
        yield

    with pytest.raises(SnapshotError, match=words):
        save(never(), tmp_path / name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its first line is no header"),
        (b"kind: Pod\n", "its first line is no header"),
        (b'{"entry":"end"}\n', "its first line is no header"),
        (line({"entry": "cluster", "version": 0, "cluster": "a", "kubernetes_version": None}), "is no header"),
        (line({"entry": "cluster", "version": 1, "cluster": 1, "kubernetes_version": None}), "cannot be read"),
        (
            line({"entry": "cluster", "version": 1, "cluster": "a", "kubernetes_version": None, "selector": "=("}),
            "read",
        ),
        (
            line({"entry": "cluster", "version": 2, "wholly": "new"}),
            "of version 2, and this auditor reads up to version 1",
        ),
        (gzip.compress(HEADER_LINE)[:12], "is no snapshot"),
        (b"\x1f\x8b\x08 and nothing that is packed", "is no snapshot"),
        (b"[" * 100_000, "its first line is no header"),
        (b'{"entry":"cluster","cluster":"' + b"a" * (2 << 20) + b'"}\n', "its first line is no header"),
    ],
)
def test_a_file_that_is_no_snapshot_of_this_version_is_wrong_use(tmp_path, content, words):
    path = written(tmp_path, content)
    with pytest.raises(SnapshotError, match=words) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_wrong_use(tmp_path):
    with pytest.raises(SnapshotError, match="No such file"):
        load(tmp_path / "none")


def test_only_snapshots_are_taken_for_one(tmp_path):
    assert is_snapshot(written(tmp_path, line({"entry": "cluster", "version": 7}), "of-later"))
    for content in (b"", b"kind: Pod\n", b"{}\n", b"\x1f\x8b\x08", gzip.compress(b"kind: Pod\n"), b"{" * 5000):
        assert not is_snapshot(written(tmp_path, content))
    assert not is_snapshot(tmp_path)
    assert not is_snapshot(tmp_path / "none")


BAD_LINES = {
    "no JSON": b"{nothing\n",
    "no UTF-8": b'{"entry":"object","data":{"a":"\xff"}}\n',
    "no entry": b"[1]\n",
    "an entry of no known sort": line({"entry": "secret", "data": {}}),
    "an object that is a list": line({"entry": "object", "data": []}),
    "an object without data": line({"entry": "object"}),
    "a number that is none": b'{"entry":"object","data":{"a":1e999}}\n',
    "an end that is no boolean": line({"entry": "end", "interrupted": "yes"}),
    "another header": HEADER_LINE,
    "an object that is too deep": b'{"entry":"object","data":{"a":' + b"[" * 64 + b"]" * 64 + b"}}\n",
    "an object that is far too deep": b'{"entry":"object","data":{"a":' + b"[" * 9000 + b"]" * 9000 + b"}}\n",
    "a number of more than 64 bits": b'{"entry":"object","data":{"a":18446744073709551616}}\n',
    "a negative number of more than 64 bits": b'{"entry":"object","data":{"a":[-9223372036854775809]}}\n',
    "an object with half a character": b'{"entry":"object","data":{"a":"\\ud800"}}\n',
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
def test_a_line_that_cannot_be_read_is_missing_and_the_rest_is_read(tmp_path, bad):
    found = list(load(written(tmp_path, HEADER_LINE + bad + msgspec.json.encode(POD) + b"\n" + END_LINE)))
    assert [found[0], *found[2:]] == [HEADER, POD, End()]
    assert isinstance(found[1], Missing)
    assert found[1].what == "read line 2 of the snapshot"
    assert found[1].reason


def test_an_object_of_64_levels_is_read(tmp_path):
    deep = {"a": None}
    for _ in range(63):
        deep = {"a": deep}
    found = list(load(written(tmp_path, HEADER_LINE + msgspec.json.encode(Item(deep)) + b"\n" + END_LINE)))
    assert found == [HEADER, Item(deep), End()]


def test_an_end_that_is_missing_is_told(tmp_path):
    found = list(load(written(tmp_path, HEADER_LINE + msgspec.json.encode(POD) + b"\n")))
    assert found == [HEADER, POD, Missing("read the snapshot", "it has no end: it was cut off")]


def test_a_packed_file_that_breaks_off_is_told_and_what_came_before_counts(tmp_path):
    objects = [Item({"kind": "Pod", "noise": os.urandom(2000).hex()}) for _ in range(50)]
    content = gzip.compress(HEADER_LINE + b"\n".join(map(msgspec.json.encode, objects)) + b"\n" + END_LINE)
    *found, cut = load(written(tmp_path, content[: len(content) // 2]))
    assert found[0] == HEADER
    assert 0 < len(found) - 1 < 50
    assert found[1:] == objects[: len(found) - 1]
    assert isinstance(cut, Missing)
    assert "breaks off" in cut.reason


def test_nothing_behind_the_end_is_read(tmp_path):
    assert list(load(written(tmp_path, HEADER_LINE + END_LINE + b"{garbage"))) == [HEADER, End()]


def test_a_line_beyond_the_bound_ends_the_reading_without_being_held(tmp_path):
    bomb = gzip.compress(HEADER_LINE + b'{"entry":"object","data":{"a":"' + b"a" * (4 * MAX_LINE_BYTES))
    found = list(load(written(tmp_path, bomb)))
    assert found == [HEADER, Missing("read the snapshot", "line 2: is too large: the rest is not read")]


def test_lines_beyond_the_bound_of_all_end_the_reading(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.sources.cluster.snapshot.MAX_BYTES", 300)
    pod = msgspec.json.encode(POD) + b"\n"
    found = list(load(written(tmp_path, HEADER_LINE + pod * 10 + END_LINE)))
    assert found[:-1] == [HEADER, *[POD] * (300 // len(pod))]
    assert found[-1].reason.endswith("is too large: the rest is not read")


def test_after_many_bad_lines_the_rest_is_left(tmp_path):
    found = list(load(written(tmp_path, HEADER_LINE + b"x\n" * 1_000_000)))
    assert len(found) == 102
    assert found[-1].what == "read the snapshot"


def test_words_of_a_snapshot_are_told_on_one_printable_line(tmp_path):
    hostile = "a\n::error::\x1b[31m" + "b" * 100_000
    content = (
        msgspec.json.encode(Header(1, hostile, None)) + b"\n" + msgspec.json.encode(Missing(hostile, hostile)) + b"\n"
    )
    header, missing, _ = load(written(tmp_path, content))
    for text in (header.cluster, missing.what, missing.reason):
        assert text.isprintable()
        assert len(text) < 1000


def test_a_snapshot_takes_the_place_of_no_device_or_pipe_and_of_no_link(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link.jsonl.gz"
    os.mkfifo(pipe)
    with pytest.raises(SnapshotError, match="is a device or a pipe"):
        save(iter(ENTRIES), pipe)
    link.symlink_to("behind.jsonl.gz")
    assert tuple(save(iter(ENTRIES), link)) == ENTRIES
    assert link.is_symlink()
    assert is_snapshot(tmp_path / "behind.jsonl.gz")
