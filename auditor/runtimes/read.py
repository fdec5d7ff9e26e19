"""Which runtime a container has, and what it was told about memory.

A runtime is recognised by a command that is visible, else by an image of a list, else by a variable that only it reads.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from auditor.runtimes import dotnet, go, jvm, nodejs, stores
from auditor.runtimes.environment import Source, mappings, read_sources
from auditor.runtimes.model import Around, Heap
from auditor.runtimes.view import View, image_name, origin, read_view


class _Runtime(NamedTuple):
    programs: frozenset[str]
    images: frozenset[str]
    variables: frozenset[str]
    read: Callable[[View], Heap]


_RUNTIMES = (
    _Runtime(jvm.PROGRAMS, jvm.IMAGES, jvm.VARIABLES, jvm.read),
    _Runtime(nodejs.PROGRAMS, nodejs.IMAGES, nodejs.VARIABLES, nodejs.read),
    _Runtime(dotnet.PROGRAMS, frozenset(), dotnet.VARIABLES, dotnet.read),
    _Runtime(stores.REDIS_PROGRAMS, stores.REDIS_IMAGES, stores.REDIS_VARIABLES, stores.read_redis),
    _Runtime(stores.MEMCACHED_PROGRAMS, stores.MEMCACHED_IMAGES, stores.MEMCACHED_VARIABLES, stores.read_memcached),
    _Runtime(stores.POSTGRESQL_PROGRAMS, stores.POSTGRESQL_IMAGES, stores.POSTGRESQL_VARIABLES, stores.read_postgresql),
    _Runtime(go.PROGRAMS, go.IMAGES, go.VARIABLES, go.read),
)
PROGRAMS = frozenset(name for runtime in _RUNTIMES for name in runtime.programs)
"""The commands of all runtimes."""
VARIABLES = frozenset(name for runtime in _RUNTIMES for name in runtime.variables)
"""The variables that runtimes read."""
_MENTION = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, sorted(PROGRAMS | VARIABLES)))})(?![\w-])")
OTHERS = frozenset(
    (
        *("redis-cli", "valkey-cli", "keydb-cli", "redis-sentinel", "redis-benchmark", "psql", "pg_isready", "pg_dump"),
        *("pg_dumpall", "pg_restore", "pg_basebackup", "createdb", "dropdb", "keytool", "python", "python3", "perl"),
        *("ruby", "php", "nginx", "sleep", "tail", "cat", "curl", "wget", "nc", "echo", "printf", "true", "false"),
        *(
            "test",
            "[",
            "[[",
            "exit",
            "done",
            "fi",
            "set",
            "cd",
            "cp",
            "mv",
            "rm",
            "ln",
            "ls",
            "chmod",
            "chown",
            "mkdir",
        ),
        *("grep", "sed", "awk", "date", "trap", "wait"),
    )
)
"""What images of a list also run: clients, and the words of scripts that wait for something."""


def read_heap(raw: dict[str, Any], image: str | None, around: Around) -> Heap | None:
    """Return what a container tells its runtime about memory, None when no runtime is recognised."""
    if not (_is_of_runtime(image) or _has_sign(raw, around)):
        return None
    view = read_view(raw, image, around)
    runtime = _choose(view)
    if runtime is None:
        return None
    heap = runtime.read(view)
    if heap.flag is None or heap.at is None:
        return heap
    return msgspec.structs.replace(heap, at=origin(raw, view, heap.flag, heap.at))


def may_declare(raw: dict[str, Any], image: str | None) -> bool:
    """Return whether a container may tell a runtime anything about memory, whatever the ConfigMaps hold."""
    if _is_of_runtime(image) or _has_sign(raw, NOTHING_AROUND):
        return True
    return "envFrom" in raw and any(item.get("configMapRef") is not None for _, item in mappings(raw["envFrom"]))


NOTHING_AROUND = Around(None, None, None, None, None, {})
"""Of a container whose surroundings are not known."""


def _is_of_runtime(image: str | None) -> bool:
    return image is not None and _runtime_of_image(image) is not None


def _choose(view: View) -> _Runtime | None:
    for runtime in _RUNTIMES:
        if view.arguments(runtime.programs) is not None:
            return runtime
    if view.image is not None and not view.runs_only(OTHERS):
        found = _runtime_of_image(view.image)
        if found is not None:
            return found
    is_set = view.environment.find
    return next((runtime for runtime in _RUNTIMES if any(is_set(name) for name in runtime.variables)), None)


@lru_cache(maxsize=4096)
def _runtime_of_image(image: str) -> _Runtime | None:
    if image.startswith(dotnet.IMAGE_PREFIX):
        return next(runtime for runtime in _RUNTIMES if runtime.read is dotnet.read)
    name = image_name(image)
    return next((runtime for runtime in _RUNTIMES if name in runtime.images), None)


def _has_sign(raw: dict[str, Any], around: Around) -> bool:
    """Return whether a command or variable of a runtime may be there: cheap, as most containers have none."""
    env = raw.get("env")
    if env.__class__ is list:
        for item in env:
            if item.__class__ is dict:
                name = item.get("name")
                if name.__class__ is str and name in VARIABLES:
                    return True
    for key in ("command", "args"):
        texts = raw.get(key)
        if texts.__class__ is list:
            for text in texts:
                if text.__class__ is str and (
                    text.rpartition("/")[2] in PROGRAMS
                    or ((" " in text or "\n" in text or "=" in text) and _mentions(text))
                ):
                    return True
    return "envFrom" in raw and any(_holds_sign(source) for source in read_sources(raw, around))


def _holds_sign(source: Source) -> bool:
    if not source.data:
        return False
    if len(source.data) < len(VARIABLES):
        return any(f"{source.prefix}{key}" in VARIABLES for key in source.data)
    size = len(source.prefix)
    return any(name.startswith(source.prefix) and name[size:] in source.data for name in VARIABLES)


@lru_cache(maxsize=4096)
def _mentions(text: str) -> bool:
    return _MENTION.search(text) is not None
