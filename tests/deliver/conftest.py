"""What the tests of deliveries share."""

import pytest

from tests.deliver.web_server import WebServer
from tests.sources.cluster.api import make_certificates
from tests.tools import need


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def web():
    with WebServer() as started:
        yield started


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    need("openssl")
    return make_certificates(tmp_path_factory.mktemp("certificates"))
