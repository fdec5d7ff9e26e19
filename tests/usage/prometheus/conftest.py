"""What the tests of pulling share: scripted history, the real servers over it, and a table that is only remembered."""

import sys
import types
from datetime import date

import pytest

from auditor.usage.prometheus import PullConfig, pull
from tests.tools import need
from tests.usage.prometheus import lab
from tests.usage.prometheus.script import NOW, scripted


@pytest.fixture(scope="session")
def prometheus_tools():
    """Return the paths of Prometheus' programs."""
    return need("prometheus", "promtool")


@pytest.fixture(scope="session")
def data(prometheus_tools, tmp_path_factory):
    """Return a database with the scripted history."""
    return lab.fill(scripted(), tmp_path_factory.mktemp("prometheus"), prometheus_tools["promtool"])


@pytest.fixture(scope="session")
def prometheus_url(data, prometheus_tools):
    """Return the URL of a Prometheus that has the scripted history."""
    with lab.prometheus(data, prometheus_tools) as url:
        yield url


@pytest.fixture(scope="session")
def victoria_metrics_url(tmp_path_factory):
    """Return the URL of a VictoriaMetrics that has the scripted history."""
    program = need("victoria-metrics")["victoria-metrics"]
    with lab.victoria_metrics(scripted(), tmp_path_factory.mktemp("vm"), program) as url:
        yield url


@pytest.fixture(params=["prometheus", "victoria_metrics"])
def server_url(request):
    """Return the URL of each real server in turn."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def proxy(prometheus_url):
    """Return a proxy in front of Prometheus."""
    with lab.Proxy(prometheus_url) as started:
        yield started


class Table:
    """Remembers what is written to it."""

    def __init__(self):
        self.writes = []
        self.days = set()

    @property
    def rows(self):
        return [row for rows in self.writes for row in rows]

    def one(self, day, pod, container):
        """Return the only row of a container on a day."""
        (row,) = [
            row for row in self.rows if (row.day, row.pod, row.container) == (date.fromisoformat(day), pod, container)
        ]
        return row


@pytest.fixture
def table(monkeypatch):
    """Return a table that stands in for the one on disk."""
    kept = Table()
    fake = types.ModuleType("auditor.usage.table")

    def write_days(_folder, rows):
        rows = list(rows)
        kept.writes.append(rows)
        kept.days |= {row.day for row in rows}
        return types.SimpleNamespace(skipped=())

    fake.write_days = write_days
    fake.days_present = lambda _folder, _cluster: set(kept.days)
    monkeypatch.setitem(sys.modules, "auditor.usage.table", fake)
    return kept


@pytest.fixture
def pulled(table, tmp_path):  # noqa: ARG001 - it stands in for the real table
    """Return a function that pulls into the table and gives the result."""

    def run(url, *, now=NOW, sleep=lambda _: None, progress=lambda _: None, **config):
        config.setdefault("window_days", 3)
        folder = tmp_path / "history"
        folder.mkdir(exist_ok=True)
        return pull(PullConfig(url=url, **config), folder, now=now, sleep=sleep, progress=progress)

    return run
