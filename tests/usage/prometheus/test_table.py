"""A pull into the table on disk: what is read back, and what a second pull asks for."""

import pytest

from auditor.usage.errors import UsageError
from auditor.usage.prometheus import PullConfig, pull
from auditor.usage.table import days_present, read_days
from tests.usage.prometheus.lab import Fault
from tests.usage.prometheus.script import DAYS, MIB, NOW, WEB


def test_what_is_pulled_is_in_the_table_and_not_asked_for_again(server_url, tmp_path):
    config = PullConfig(url=server_url, cluster="blue", window_days=3)
    first = pull(config, tmp_path / "history", now=NOW)
    assert first.skipped == ()
    assert {str(day) for day in days_present(tmp_path / "history", "blue")} == set(DAYS)
    rows, skipped = read_days(tmp_path / "history")
    assert (len(rows), skipped) == (first.rows, ())
    (row,) = [row for row in rows if (str(row.day), row.pod, row.container) == ("2026-03-03", WEB, "app")]
    assert (row.cluster, row.max_bytes, row.limit_bytes) == ("blue", 500 * MIB + 750_000, 640 * MIB)
    again = pull(config, tmp_path / "history", now=NOW)
    assert (again.requests, again.days_wanted) == (0, ())


def test_a_gap_is_noted_beside_the_table_which_stays_readable(proxy, tmp_path):
    folder = tmp_path / "history"
    config = PullConfig(url=proxy.url, window_days=3)
    proxy.rule = lambda request: Fault(422, b"{}") if "container_memory_cache" in request.fields["query"] else None
    with pytest.raises(UsageError, match="HTTP 422"):
        pull(config, folder, now=NOW)
    proxy.rule = lambda request: (
        Fault(422, b"{}") if "max_over_time(container_memory_cache" in request.fields["query"] else None
    )
    first = pull(config, folder, now=NOW)
    assert [str(day) for day in first.days_incomplete] == list(DAYS)
    rows, skipped = read_days(folder)
    assert (len(rows), skipped) == (first.rows, ())
    proxy.rule = lambda _: None
    second = pull(config, folder, now=NOW.replace(hour=2))
    assert (second.days_wanted, second.skipped) == (first.days_incomplete, ())
    assert not [row for row in read_days(folder)[0] if row.cache_max_bytes is None]
    assert pull(config, folder, now=NOW.replace(hour=3)).requests == 0


def test_a_broken_note_of_gaps_is_told_by_name(tmp_path):
    (tmp_path / ".pull-.json").write_text("{")
    with pytest.raises(UsageError, match=r"\.pull-\.json"):
        pull(PullConfig(url="http://127.0.0.1:9"), tmp_path, now=NOW)
