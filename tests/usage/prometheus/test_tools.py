"""What happens to a test whose program is not installed."""

import pytest

from tests import tools


def test_a_missing_program_skips_the_test_and_is_named(monkeypatch):
    monkeypatch.setattr(tools, "REQUIRED", False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        tools.need("sh", "no-such-program")


def test_a_missing_program_fails_the_test_where_all_must_be_there(monkeypatch):
    monkeypatch.setattr(tools, "REQUIRED", True)
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        tools.need("no-such-program")


def test_programs_that_are_there_are_given_by_path():
    assert tools.need("sh")["sh"].endswith("/sh")
