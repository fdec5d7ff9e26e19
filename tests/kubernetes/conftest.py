"""What the tests against Kubernetes share: they run when asked for, on programs that are built once a machine."""

import os
import subprocess
from pathlib import Path

import pytest

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
