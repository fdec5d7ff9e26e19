"""Facts that are packed come back as they were, in order."""

import pytest

from auditor.api import Options, run
from auditor.records import NOTHING_PACKED, Records, pack, unpack
from tests.sources.cluster.objects import entries, pod


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = entries(*(pod(f"p{number}") for number in range(5)))
    return tuple(run((), Options(jobs=1, keep_records=True), clusters=[stream]).records)


def test_packed_records_are_the_same_and_smaller(records):
    many = records * 100
    assert unpack(pack(many)) == many
    assert len(pack(many).content) < 20 * len(many)


def test_nothing_is_packed_as_nothing():
    assert pack(()) is NOTHING_PACKED
    assert unpack(NOTHING_PACKED) == ()


def test_packed_and_plain_parts_are_one_sequence(records):
    both = Records([pack(records[:2]), records[2:3], NOTHING_PACKED, pack(records[3:])])
    assert [record.workload.name for record in both] == [f"p{number}" for number in range(5)]
    assert (len(both), both[0], both[-1], both[1:3]) == (5, records[0], records[4], records[1:3])
    assert both == records
    assert both != records[1:]


def test_no_records_are_false():
    assert not Records([NOTHING_PACKED, ()])
