"""DuckDB stays within the container that it runs in."""

import pytest

from auditor.usage import duck

GI = 2**30


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(f"{GI}\n", GI // 2), (f"{64 * GI}\n", 10**9), ("max\n", 10**9), ("", 10**9), ("\u00e9", 10**9)],
)
def test_half_of_a_limit_is_left_for_the_audit(limit, expected, tmp_path):
    (tmp_path / "memory.max").write_text(limit)
    assert duck.memory_bytes(tmp_path / "memory.max") == expected


def test_without_a_cgroup_it_takes_what_it_takes_elsewhere(tmp_path):
    assert duck.memory_bytes(tmp_path / "memory.max") == 10**9


def test_a_database_has_the_limit_of_its_container(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(str(GI))
    monkeypatch.setattr(duck, "CGROUP_LIMIT", tmp_path / "memory.max")
    with duck.connection() as database:
        (told,) = database.execute("SELECT current_setting('memory_limit')").fetchone()
    assert told == "512.0 MiB"
