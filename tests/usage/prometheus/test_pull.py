"""What is pulled from real servers with a history that can be reckoned by hand."""

from datetime import date

import pytest

from tests.usage.prometheus.script import DAYS, MIB, NOW, WEB


@pytest.fixture
def everything(server_url, pulled, table):
    result = pulled(server_url)
    return result, table


def test_every_day_is_written_with_each_container_once(everything):
    result, table = everything
    assert result.skipped == ()
    assert [str(day) for day in result.days_written] == list(DAYS)
    found = {(row.pod, row.container) for row in table.rows if row.day == date(2026, 3, 2)}
    assert found == {
        (WEB, "app"),
        (WEB, "proxy"),
        (WEB, "setup"),
        ("db-0", "db"),
        ("report-29041440-abcde", "report"),
        ("etcd-node-1", "main"),
        ("debug", "main"),
        ("canary-7c5b-q8q8q", "main"),
    }
    keys = [(row.day, row.namespace, row.pod, row.container) for row in table.rows]
    assert len(keys) == len(set(keys))


def test_the_numbers_of_a_day_are_those_of_its_raw_samples(everything):
    _, table = everything
    row = table.one("2026-03-02", WEB, "app")
    # 100 MiB, then 1000 bytes more each minute: 1440 samples, of which the last is 1439 steps up
    assert (row.samples, row.coverage) == (1440, 1.0)
    assert row.min_bytes == 100 * MIB
    assert row.max_bytes == 100 * MIB + 1_439_000
    assert row.mean_bytes == 100 * MIB + 719_500
    # linear between samples: rank 0.95 x 1439 = 1367.05
    assert row.p95_bytes == 100 * MIB + 1_367_050
    assert row.p99_bytes == 100 * MIB + 1_424_610
    assert row.rss_max_bytes == -(-row.max_bytes // 2)
    assert row.cache_max_bytes == row.max_bytes // 4


def test_a_spike_of_one_sample_is_the_peak_of_its_day_only(everything):
    _, table = everything
    assert table.one("2026-03-03", WEB, "app").max_bytes == 100 * MIB + 750_000 + 400 * MIB
    assert table.one("2026-03-04", WEB, "app").max_bytes == 100 * MIB + 1_439_000


def test_requests_and_limits_are_those_of_the_day(everything):
    _, table = everything
    rows = [table.one(day, WEB, "app") for day in DAYS]
    assert [row.limit_bytes for row in rows] == [512 * MIB, 640 * MIB, 640 * MIB]
    assert [row.request_bytes for row in rows] == [128 * MIB] * 3
    assert table.one("2026-03-02", "debug", "main").limit_bytes is None


def test_init_containers_and_sidecars_are_told_from_the_others(everything):
    _, table = everything
    types = {name: table.one("2026-03-02", WEB, name).container_type for name in ("app", "proxy", "setup")}
    assert types == {"app": "app", "proxy": "sidecar", "setup": "init"}


def test_a_short_container_has_its_few_samples_and_says_how_few(everything):
    _, table = everything
    row = table.one("2026-03-02", WEB, "setup")
    assert (row.samples, row.min_bytes, row.max_bytes, row.mean_bytes) == (2, 7 * MIB, 9 * MIB, 8 * MIB)
    assert row.coverage == pytest.approx(2 / 1440)


@pytest.mark.parametrize(
    ("day", "pod", "name", "owner"),
    [
        ("2026-03-02", WEB, "app", ("Deployment", "web")),
        ("2026-03-02", "db-0", "db", ("StatefulSet", "db")),
        ("2026-03-02", "report-29041440-abcde", "report", ("CronJob", "report")),
        ("2026-03-02", "canary-7c5b-q8q8q", "main", ("Rollout", "canary")),
        ("2026-03-02", "etcd-node-1", "main", ("Pod", "etcd")),
        ("2026-03-02", "debug", "main", ("Pod", "debug")),
        ("2026-03-04", "stranger", "main", ("", "")),
    ],
)
def test_a_pod_belongs_to_the_top_of_its_chain_of_owners(everything, day, pod, name, owner):
    _, table = everything
    row = table.one(day, pod, name)
    assert (row.workload_kind, row.workload_name) == owner


def test_a_restarted_container_is_one_row_over_all_its_series(everything):
    _, table = everything
    first, second, third = (table.one(day, "db-0", "db") for day in DAYS)
    assert [row.samples for row in (first, second, third)] == [1440, 1440, 1440]
    assert (first.min_bytes, first.max_bytes) == (200 * MIB, 250 * MIB)
    # 334 scrapes (second 0 to 19980) before the kill at second 20010, 1106 after
    assert first.mean_bytes == -(-(334 * 200 + 1106 * 250) * MIB // 1440)
    assert (second.min_bytes, second.max_bytes) == (250 * MIB, 300 * MIB)


def test_a_kill_counts_once_on_the_day_of_its_time(everything):
    _, table = everything
    # the third kill is seen only on the third day, and happened on the second
    assert [table.one(day, "db-0", "db").oom_kills for day in DAYS] == [1, 2, 0]


def test_a_restart_counts_on_the_day_whose_scrape_saw_it(everything):
    _, table = everything
    assert [table.one(day, "db-0", "db").restarts for day in DAYS] == [1, 1, 1]
    assert [table.one(day, WEB, "app").restarts for day in DAYS] == [0, 0, 0]


def test_a_job_that_is_killed_and_never_restarts_counts_one_kill(everything):
    _, table = everything
    assert table.one("2026-03-03", "report-29042880-abcde", "report").oom_kills == 1
    assert table.one("2026-03-02", "report-29041440-abcde", "report").oom_kills == 0
    assert not [row for row in table.rows if row.pod == "report-29042880-abcde" and row.day == date(2026, 3, 4)]


def test_kills_of_a_pod_that_nobody_knows_are_unknown(everything):
    _, table = everything
    row = table.one("2026-03-04", "stranger", "main")
    assert (row.oom_kills, row.restarts, row.container_type) == (None, None, None)


def test_swap_is_kept_and_an_underflow_is_left_out_and_told(everything):
    result, table = everything
    assert table.one("2026-03-02", "etcd-node-1", "main").swap_max_bytes == 5 * MIB
    assert table.one("2026-03-02", "debug", "main").swap_max_bytes is None
    assert "3 values are no amounts of memory and were left out" in result.notes


def test_the_summary_says_what_it_took(everything):
    result, table = everything
    assert result.interval_seconds == 60
    assert result.rows == len(table.rows)
    assert result.containers == 10
    assert 5 <= result.requests <= 12
    assert result.received_bytes > 1000
    assert 0.5 < result.coverage_ratio < 1
    assert result.missing == ()


def test_rows_say_where_they_come_from_and_when(everything):
    _, table = everything
    assert {row.source for row in table.rows} == {"prometheus"}
    assert {row.collected_at for row in table.rows} == {NOW}


def test_the_last_window_of_days_is_asked_and_nothing_of_today(server_url, pulled, table):
    result = pulled(server_url, window_days=2)
    assert [str(day) for day in result.days_wanted] == ["2026-03-03", "2026-03-04"]
    assert {str(row.day) for row in table.rows} == {"2026-03-03", "2026-03-04"}


def test_a_day_is_not_whole_until_its_last_scrapes_are_in(server_url, pulled):
    result = pulled(server_url, now=NOW.replace(hour=0, minute=14), window_days=1)
    assert [str(day) for day in result.days_wanted] == ["2026-03-03"]


def test_a_second_pull_asks_for_nothing(server_url, pulled, table):
    pulled(server_url)
    writes = len(table.writes)
    again = pulled(server_url)
    assert (again.requests, again.days_wanted, len(table.writes)) == (0, (), writes)


def test_a_pull_asks_only_for_the_days_that_the_table_lacks(server_url, pulled, table):
    table.days = {date(2026, 3, 2), date(2026, 3, 4)}
    result = pulled(server_url)
    assert {str(row.day) for row in table.rows} == {"2026-03-03"}
    assert [str(day) for day in result.days_written] == ["2026-03-03"]


def test_days_before_the_oldest_sample_are_empty_and_cost_no_requests(prometheus_url, pulled):
    result = pulled(prometheus_url, window_days=30)
    assert [str(day) for day in result.days_written] == list(DAYS)
    assert len(result.days_empty) == 27
    assert result.requests <= 12


def test_small_requests_give_the_same_rows_as_large_ones(server_url, pulled, table):
    pulled(server_url)
    large = {(row.day, row.pod, row.container): row for row in table.rows}
    table.writes, table.days = [], set()
    # one container's day is 1440 samples, read about six times
    result = pulled(server_url, samples_per_request=20_000)
    assert result.requests > 30
    assert {(row.day, row.pod, row.container): row for row in table.rows} == large


def test_each_day_is_written_when_it_is_finished_the_newest_first(prometheus_url, pulled, table):
    pulled(prometheus_url, samples_per_request=120_000, workers=1)
    assert [{str(row.day) for row in rows} for rows in table.writes] == [{day} for day in reversed(DAYS)]


def test_progress_ends_with_everything_done(prometheus_url, pulled):
    seen = []
    pulled(prometheus_url, progress=seen.append)
    assert (seen[0].done, seen[0].step) == (0, "what the server has")
    assert seen[-1].done == seen[-1].total > 0
