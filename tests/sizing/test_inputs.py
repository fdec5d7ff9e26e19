"""Containers from JSON Lines: what is no container is told with its line, the rest counts."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.sizing.inputs import read_lines
from tests.sizing.containers import day, heap, item, usage


def lines(*items):
    return b"\n".join(each if isinstance(each, bytes) else msgspec.json.encode(each) for each in items)


def test_what_was_written_is_read():
    items = (item(heap=heap()), item(usage=None, days=(), replicas=None))
    assert read_lines(lines(*items) + b"\n\n", "x") == (items, ())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{bad", "malformed"),
        (b"7", "Expected `object`"),
        (b'{"kind": "Pod"}', "missing required field `api_version`"),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
        (lines(item(request_bytes=-1)), "request_bytes is -1, which is no amount of memory"),
        (lines(item(usage=usage(max_bytes=2**61))), "usage.max_bytes is 2305843009213693952, which is no amount"),
        (lines(item(heap=heap(max_bytes=-2))), "heap.max_bytes is -2"),
        (lines(item(days=(day(0), day(1, max_bytes=2**61)))), "days[1].max_bytes is"),
        (lines(item(replicas=-1)), "replicas is -1, which is no count"),
        (lines(item(index=2**31)), "index is 2147483648, which is no count"),
    ],
)
def test_a_line_that_is_none_is_told_and_the_rest_counts(line, words):
    found, (fault,) = read_lines(lines(item(), line, item(name="api")), "in.jsonl")
    assert [each.name for each in found] == ["web", "api"]
    assert (fault.file, fault.line) == ("in.jsonl", 2)
    assert fault.reason.startswith("is no container with history: ")
    assert words in fault.reason


@given(st.binary())
def test_no_bytes_raise(content):
    found, _ = read_lines(content, "x")
    assert found == ()
