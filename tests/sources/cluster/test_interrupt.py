"""Ctrl-C while entries are read: raised where one is waited for, kept elsewhere, never lost."""

import signal

import pytest

from auditor.sources.cluster.entries import End, Header
from auditor.sources.cluster.interrupt import interruptible
from tests.sources.cluster.objects import entries, pod


def press():
    signal.raise_signal(signal.SIGINT)


def test_entries_pass_unchanged():
    with interruptible([entries(pod("a"))]) as (stop, (some,)):
        assert list(some) == list(entries(pod("a")))
    assert not stop.asked


def test_while_an_entry_is_waited_for_reading_ends_at_once():
    def slow():
        yield from entries(pod("a"), end=False)
        press()
        pytest.fail("it went on")

    with interruptible([slow()]) as (stop, (some,)):
        assert list(some) == [*entries(pod("a"), end=False), End(interrupted=True)]
    assert stop.asked


def test_at_any_other_moment_the_next_entry_is_the_end_and_the_source_is_closed():
    closed = []

    def source():
        try:
            yield from entries(pod("a"), pod("b"))
        finally:
            closed.append(True)

    with interruptible([source()]) as (_, (some,)):
        assert isinstance(next(some), Header)
        press()
        assert list(some) == [End(interrupted=True)]
        assert closed == [True]


def test_a_cluster_that_was_not_begun_is_named():
    with interruptible([entries(pod("a"), cluster="one"), entries(pod("b"), cluster="two")]) as (_, live):
        press()
        ended = [list(some) for some in live]
    assert [(header.cluster, end) for header, end in ended] == [("one", End(True)), ("two", End(True))]


def test_an_end_that_tells_of_ctrl_c_ends_the_other_clusters_too():
    one = entries(pod("a"), End(interrupted=True), end=False)
    with interruptible([one, entries(pod("b"))]) as (stop, live):
        assert [len(list(some)) for some in live] == [3, 2]
    assert stop.asked


def test_a_second_one_is_raised():
    with interruptible([entries(pod("a"))]):
        press()
        with pytest.raises(KeyboardInterrupt):
            press()
