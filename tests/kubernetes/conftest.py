"""What the tests against Kubernetes share: they run when asked for, on programs that are built once a machine."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.kubernetes.server.lab import Lab

HERE = Path(__file__).parent
WANTED = os.environ.get("KUBERNETES_TESTS") == "1"


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="asks the real Kubernetes, built with Go: make test-kubernetes")
    for item in items:
        if not WANTED and item.path.is_relative_to(HERE):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def programs():
    """Return the folder with the programs `server` and `oracle`."""
    built = subprocess.run([HERE / "build.sh"], check=True, stdout=subprocess.PIPE, text=True)
    return Path(built.stdout.strip())


@pytest.fixture(scope="session")
def lab(programs, tmp_path_factory):
    """Return an API server that all tests share: each makes its own namespaces."""
    with Lab(programs / "server", tmp_path_factory.mktemp("lab")) as started:
        yield started
