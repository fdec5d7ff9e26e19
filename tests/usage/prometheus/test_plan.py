"""How questions are cut: nothing is asked twice, and nothing is left out."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.usage.prometheus.model import Days, Shard
from auditor.usage.prometheus.parts import (
    ENDINGS,
    KILLS,
    MORE,
    OWNERS,
    RENAMED,
    USE,
    Labels,
    Server,
    alternatives,
    bundles,
    part_text,
    quoted,
)
from auditor.usage.prometheus.plan import Task, blocks, day_of, evaluated_at, runs, shards_for
from auditor.usage.prometheus.preflight import interval_of

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,6}[a-z0-9]", fullmatch=True)
EVERYTHING = Shard(names=(), others=True)


def covers(shard, namespace, pod):
    """Whether a shard asks for a pod, as its matchers say."""
    inside = namespace not in shard.excluded if shard.others else namespace in shard.names
    return inside and (not shard.endings or pod[-1] in shard.endings)


def times_asked(shards, namespace, pod):
    return sum(covers(shard, namespace, pod) for shard in shards)


@given(st.dictionaries(NAMES, st.integers(1, 500), max_size=20), st.integers(1, 300), NAMES, NAMES)
def test_every_pod_of_every_namespace_is_in_exactly_one_shard(series, most, stranger, pod):
    shards = shards_for(series, most)
    for namespace in {*series, stranger}:
        assert times_asked(shards, namespace, pod) == 1


@given(st.dictionaries(NAMES, st.integers(1, 500), max_size=20), st.integers(1, 300))
def test_a_shard_of_several_namespaces_holds_no_more_than_it_may(series, most):
    for shard in shards_for(series, most):
        if len(shard.names) > 1:
            assert sum(series[name] for name in shard.names) <= most


@given(st.lists(NAMES, unique=True, max_size=12), st.booleans(), NAMES, NAMES, st.integers(1, 9), st.data())
def test_halves_ask_together_for_what_the_whole_asks(names, others, stranger, pod, length, data):  # noqa: PLR0917
    shard = Shard(names=tuple(names), others=others or not names, excluded=("elsewhere",) if others else ())
    first = date(2026, 3, 1)
    task = Task(parts=USE, shard=shard, days=Days(first, first + timedelta(days=length - 1)))
    while smaller := task.halves():
        assert task not in smaller
        for day in task.days:
            for part in task.parts:
                for namespace in {*names, stranger}:
                    whole = covers(task.shard, namespace, pod)
                    found = [half for half in smaller if day in set(half.days) and part in half.parts]
                    assert times_asked([half.shard for half in found], namespace, pod) == whole
        task = data.draw(st.sampled_from(smaller))
    assert (len(task.days), len(task.parts)) == (1, 1)


@given(st.sets(st.dates(date(2026, 1, 1), date(2026, 3, 1))), st.integers(1, 20))
def test_runs_cut_into_blocks_hold_each_day_once_the_newest_first(days, length):
    found = [day for run in runs(days) for block in reversed(blocks(run, length)) for day in block]
    assert found == sorted(days)
    assert all(len(block) <= length for run in runs(days) for block in blocks(run, length))


@given(st.dates(date(2000, 1, 1), date(2099, 1, 1)), st.booleans())
def test_an_evaluation_speaks_of_the_day_that_it_was_made_for(day, late):
    assert day_of(evaluated_at(day, late=late), late=late) == day


def test_a_day_is_evaluated_a_millisecond_before_its_end():
    assert evaluated_at(date(1970, 1, 1)) == pytest.approx(86_399.999)


def test_five_thousand_containers_take_few_requests():
    # 14 days of samples a minute, each read six times for the working set: 605 million
    series = {f"team-{number}": 25 for number in range(200)}
    assert len(shards_for(series, 11_000)) == 1


def test_a_namespace_that_is_too_big_is_cut_by_the_last_character_of_its_pods():
    big = [shard for shard in shards_for({"big": 100, "small": 1}, 40) if shard.names == ("big",)]
    assert sorted("".join(shard.endings for shard in big)) == sorted(ENDINGS)
    assert len(big) == 3


def test_matchers_hold_names_literally():
    assert alternatives(["a.b", "c"]) == r"a\.b|c"
    assert quoted('a\\"b') == '"a\\\\\\"b"'
    text = part_text(USE[2], Server(cluster=(("cluster", "=", 'x"y'),)), Shard(names=("a", "b")))
    assert 'cluster="x\\"y",namespace=~"a|b",container!="",container!="POD"' in text


def test_the_image_is_asked_for_only_where_it_exists():
    assert "image" not in part_text(USE[2], Server(), EVERYTHING)
    assert 'image!=""' in part_text(USE[2], Server(has_image=True), EVERYTHING)


def test_renamed_labels_are_asked_for_by_their_new_names():
    server = Server(cadvisor=Labels(), kubernetes=RENAMED)
    for part in (*MORE[2:], *OWNERS, *KILLS):
        text = part_text(part, server, EVERYTHING, back_seconds=86_460)
        assert "exported_namespace" in text
        assert "(namespace" not in text
    assert "exported" not in part_text(USE[0], server, EVERYTHING)


def test_no_expression_of_a_day_is_a_subquery():
    server = Server(swap="container_memory_swap", pressure_rule="rule")
    for part in [part for parts in (*bundles(server), OWNERS, KILLS) for part in parts]:
        text = part_text(part, server, EVERYTHING, back_seconds=86_460)
        assert "$" not in text
        assert not any(":" in window.partition("]")[0] for window in text.split("[")[1:])


@pytest.mark.parametrize(
    ("in_an_hour", "seconds"), [(60, 60), (61, 60), (59, 60), (120, 30), (118, 30), (240, 15), (360, 10), (100, 36)]
)
def test_the_interval_is_a_usual_one_where_one_is_near(in_an_hour, seconds):
    assert interval_of(in_an_hour) == seconds


def test_days_are_counted_with_both_ends():
    days = Days(date(2026, 2, 27), date(2026, 3, 2))
    assert len(days) == len(list(days)) == 4
    assert len(msgspec.structs.replace(days, last=days.first)) == 1
