"""What the tests of reading a cluster share."""

import pytest

from auditor.sources.cluster.connect import connect
from tests.sources.cluster.api import Api, make_certificates, write_kubeconfig
from tests.tools import need


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def api():
    with Api() as started:
        yield started


@pytest.fixture
def connection(api, tmp_path):
    with connect(kubeconfig=str(write_kubeconfig(tmp_path / "kubeconfig", api.url))) as made:
        yield made


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    need("openssl")
    return make_certificates(tmp_path_factory.mktemp("certificates"))
