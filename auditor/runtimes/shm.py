"""Programs that need more shared memory than the 64 MiB of /dev/shm that container runtimes give.

Sources: the documentation of the images (docker-library/docs postgres "Caveats", SeleniumHQ/docker-selenium "quick
start", PyTorch's README "Using Docker").
"""

from functools import lru_cache
from typing import Any

from auditor.runtimes.view import image_name

_SHM = "/dev/shm"  # noqa: S108 - where programs look for it, not a file of ours
_PROGRAMS = {
    **dict.fromkeys(
        ("postgres", "postgresql", "postgis", "timescaledb", "timescaledb-ha", "spilo-15", "spilo-16"), "PostgreSQL"
    ),
    **dict.fromkeys(("standalone-chrome", "node-chrome", "standalone-edge", "chrome", "browserless"), "Chrome"),
    **dict.fromkeys(("standalone-firefox", "node-firefox"), "Firefox"),
    **dict.fromkeys(("puppeteer", "playwright"), "a headless browser"),
    **dict.fromkeys(("pytorch", "pytorch-notebook", "vllm-openai", "torchserve"), "PyTorch"),
}


def shm_program(image: str | None, mounts: object) -> str | None:
    """Return the program of an image that needs more, None when none is known or something is mounted at /dev/shm."""
    program = _program(image) if image is not None else None
    return None if program is None or _mounted(mounts) else program


@lru_cache(maxsize=4096)
def _program(image: str) -> str | None:
    return _PROGRAMS.get(image_name(image))


def _mounted(mounts: object) -> bool:
    items: list[Any] = mounts if isinstance(mounts, list) else []
    return any(isinstance(item, dict) and str(item.get("mountPath")).rstrip("/") == _SHM for item in items)
