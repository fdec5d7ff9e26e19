"""What Redis and its kin, memcached and PostgreSQL in a container were told about the memory they hold.

Flags of the command line beat those of variables, which beat a file of settings; the later flag wins.
Source: Redis' src/util.c (memtoull) and redis.conf; memcached's memcached.c; PostgreSQL's guc.c (parse_int) and
the manual's chapter on resource consumption; the start scripts of the images named beside each variable.
"""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from auditor.runtimes.environment import UNKNOWN
from auditor.runtimes.flags import HIDDEN, MAYBE, Setting, decide, digits, plain_variable, shown
from auditor.runtimes.model import Heap
from auditor.runtimes.shell import Command, Word, split_words
from auditor.runtimes.view import View

_DRAGONFLY = frozenset(("dragonfly",))
REDIS_PROGRAMS = _DRAGONFLY | frozenset(("redis-server", "valkey-server", "keydb-server", "redis-stack-server"))
"""The commands that are Redis or speak its flags."""
REDIS_IMAGES = _DRAGONFLY | frozenset(("redis", "valkey", "keydb", "redis-stack-server"))
"""Names of their images."""
# bitnami/redis, bitnami/valkey, redis/redis-stack-server.
_REDIS_FLAGS = ("REDIS_EXTRA_FLAGS", "VALKEY_EXTRA_FLAGS", "REDIS_ARGS")
REDIS_VARIABLES = frozenset(_REDIS_FLAGS)
"""The variables that only they read."""

MEMCACHED_PROGRAMS = frozenset(("memcached",))
"""The command that is memcached."""
MEMCACHED_IMAGES = frozenset(("memcached",))
"""Names of its images."""
# bitnami/memcached.
_MEMCACHED_SIZE, _MEMCACHED_FLAGS = "MEMCACHED_CACHE_SIZE", "MEMCACHED_EXTRA_FLAGS"
MEMCACHED_VARIABLES = frozenset((_MEMCACHED_SIZE, _MEMCACHED_FLAGS))
"""The variables that only it reads."""

POSTGRESQL_PROGRAMS = frozenset(("postgres", "postmaster"))
"""The commands that are the PostgreSQL server."""
POSTGRESQL_IMAGES = frozenset(("postgres", "postgresql", "postgis", "timescaledb", "pgvector"))
"""Names of its images."""
# sclorg/postgresql-container.
_SHARED_BUFFERS = "POSTGRESQL_SHARED_BUFFERS"
POSTGRESQL_VARIABLES = frozenset((_SHARED_BUFFERS,))
"""The variable that only it reads."""

_MIB = 2**20
_MEMCACHED_DEFAULT_BYTES = 64 * _MIB
_POSTGRESQL_DEFAULT_BYTES = 128 * _MIB
_BLOCK_BYTES = 8192
_REDIS_SIZE = re.compile(r"([0-9]{1,19})([a-z]{0,2})", re.ASCII | re.IGNORECASE)
_REDIS_UNITS = {
    "": 1,
    "b": 1,
    **{letter: 1000**power for power, letter in enumerate("kmg", 1)},
    **{f"{letter}b": 1024**power for power, letter in enumerate("kmg", 1)},
}
_DRAGONFLY_UNITS = {**_REDIS_UNITS, **{letter: 1024**power for power, letter in enumerate("kmgt", 1)}, "tb": 1024**4}
_POSTGRESQL_SIZE = re.compile(r"\s*([0-9]{1,19}(?:\.[0-9]{0,9})?)\s*(B|kB|MB|GB|TB)?\s*", re.ASCII)
_POSTGRESQL_UNITS = {None: _BLOCK_BYTES, "B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


def read_redis(view: View) -> Heap:
    """Return maxmemory; 0, or none, is no bound. A file of settings may hold it."""
    arguments = view.arguments(REDIS_PROGRAMS)
    settings: list[Setting] = []
    words = view.words() if arguments is None else arguments
    if words and not words[0].text.startswith(("-", UNKNOWN)):
        settings.append(Setting(MAYBE))
    settings += _of_variables(view, _REDIS_FLAGS, _redis_flags)
    settings += _redis_flags(words)
    dragonfly = view.arguments(_DRAGONFLY) is not None or view.image_name in _DRAGONFLY
    units = _DRAGONFLY_UNITS if dragonfly else _REDIS_UNITS
    return _heap("redis", settings, lambda text: redis_bytes(text, units))


def redis_bytes(text: str, units: dict[str, int] = _REDIS_UNITS) -> int | None:
    """Return the bytes of a size such as `1gb` (1024s) or `1g` (1000s), None where it is none."""
    match = _REDIS_SIZE.fullmatch(text)
    factor = units.get(match[2].lower()) if match else None
    return int(match[1]) * factor if match and factor is not None else None


def _redis_flags(words: Command) -> Iterator[Setting]:
    waiting: Word | None = None
    for word in words:
        text, at = word
        if waiting is not None:
            yield Setting("size", f"{waiting.text} ", text, waiting.at)
            waiting = None
        elif text == "--maxmemory":
            waiting = word
        elif text.startswith(("--maxmemory=", "--maxmemory ")):
            yield Setting("size", text[:12], text[12:].strip(), at)
        elif text.startswith(UNKNOWN):
            yield Setting(HIDDEN)


def read_memcached(view: View) -> Heap:
    """Return the memory for items: MiB of -m, 64 by default; connections and hash table come on top."""
    settings = plain_variable(view.environment, (_MEMCACHED_SIZE,), "size")
    settings += _of_variables(view, (_MEMCACHED_FLAGS,), _memcached_flags)
    arguments = view.arguments(MEMCACHED_PROGRAMS)
    settings += _memcached_flags(view.words() if arguments is None else arguments)
    return _heap("memcached", settings, _mebibytes, _MEMCACHED_DEFAULT_BYTES)


def _mebibytes(text: str) -> int | None:
    number = digits(text)
    return None if number is None else number * _MIB


def _memcached_flags(words: Command) -> Iterator[Setting]:
    waiting: Word | None = None
    for word in words:
        text, at = word
        if waiting is not None:
            yield Setting("size", f"{waiting.text} ", text, waiting.at)
            waiting = None
        elif text in ("-m", "--memory-limit"):
            waiting = word
        elif text.startswith("--memory-limit="):
            yield Setting("size", text[:15], text[15:], at)
        elif text.startswith("-m"):
            yield Setting("size", "-m", text[2:].strip(), at)
        elif text.startswith(UNKNOWN):
            yield Setting(HIDDEN)


def read_postgresql(view: View) -> Heap:
    """Return shared_buffers; the memory of queries comes on top. A file of settings may hold it."""
    arguments = view.arguments(POSTGRESQL_PROGRAMS)
    words = view.words() if arguments is None else arguments
    flags = list(_postgresql_flags(words))
    settings = [Setting(MAYBE)] if any(flag.kind == "file" for flag in flags) else []
    settings += plain_variable(view.environment, (_SHARED_BUFFERS,), "size")
    default = _POSTGRESQL_DEFAULT_BYTES if view.image_name == "postgres" and not settings else None
    return _heap("postgresql", settings + flags, postgresql_bytes, default)


def postgresql_bytes(text: str) -> int | None:
    """Return the bytes of a size such as `1GB`, or of a bare number of 8 KiB blocks; None where it is none."""
    match = _POSTGRESQL_SIZE.fullmatch(text)
    if not match:
        return None
    return round(Fraction(match[1].rstrip(".")) * _POSTGRESQL_UNITS[match[2]] / _BLOCK_BYTES) * _BLOCK_BYTES


def _postgresql_flags(words: Command) -> Iterator[Setting]:
    waiting: Word | None = None
    for word in words:
        text, at = word
        if waiting is not None:
            prefix = f"{waiting.text} "
            yield from _postgresql_setting(prefix, text, waiting.at if waiting.text == "-B" else at)
            waiting = None
        elif text in ("-c", "-B"):
            waiting = word
        elif text.startswith(("--", "-c", "-B")):
            yield from _postgresql_setting(text[:2], text[2:], at)
        elif text.startswith(UNKNOWN):
            yield Setting(HIDDEN)


def _postgresql_setting(prefix: str, text: str, at: str) -> Iterator[Setting]:
    if prefix.strip() == "-B":
        yield Setting("size", prefix, text, at)
        return
    name, _, value = text.partition("=")
    known = name.strip().replace("-", "_").lower()
    if known == "shared_buffers":
        yield Setting("size", f"{prefix}{name}=", value, at)
    elif known == "config_file":
        yield Setting("file")


def _of_variables(view: View, names: tuple[str, ...], flags: Callable[[Command], Iterator[Setting]]) -> list[Setting]:
    """Return the flags of variables that a start script puts on the command line."""
    settings: list[Setting] = []
    for name in names:
        variable = view.environment.find(name)
        if variable is not None:
            settings += flags(split_words(variable.text, variable.at, view.environment))
        if view.environment.may_change(name):
            settings.append(Setting(MAYBE))
    return settings


def _heap(
    runtime: str, settings: list[Setting], number: Callable[[str], int | None], default_bytes: int | None = None
) -> Heap:
    decision = decide(settings, "size")
    setting = decision.setting
    max_bytes = number(setting.value) if setting is not None else None
    if setting is None or max_bytes == 0:
        return Heap(runtime, unknown=decision.unknown, default_bytes=None if decision.hidden else default_bytes)
    if decision.hidden:
        return Heap(runtime, declared=True, unknown=True)
    return Heap(
        runtime,
        max_bytes=max_bytes,
        flag=shown(setting, max_bytes),
        at=setting.at,
        declared=True,
        unknown=decision.unknown,
    )
