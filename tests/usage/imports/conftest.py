"""What the tests of imports share."""

from datetime import UTC, datetime

import pytest

from auditor.usage.imports import ImportOptions

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def options():
    return ImportOptions(now=NOW)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a file into the working folder and return its name."""
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write
