"""What Redis and its kin, memcached and PostgreSQL are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.runtimes.stores import postgresql_bytes, redis_bytes
from tests.runtimes.containers import GIB, MIB, SECRETS, env, heap, secret


# The table at the head of redis.conf.
@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1k", 1000),
        ("1kb", 1024),
        ("1m", 1000000),
        ("1mb", MIB),
        ("1g", 10**9),
        ("1gb", GIB),
        ("1GB", GIB),
        ("1Gb", GIB),
        ("100", 100),
        ("100b", 100),
        ("1tb", None),
        ("1.5gb", None),
        ("1Gi", None),
        ("", None),
    ],
)
def test_redis_tells_thousands_and_1024s_apart(text, size):
    assert redis_bytes(text) == size


@pytest.mark.parametrize(
    ("raw", "mib", "flag", "at"),
    [
        ({"command": ["redis-server", "--maxmemory", "100mb"]}, 100, "--maxmemory 100mb", "command[1]"),
        ({"command": ["redis-server"], "args": ["--maxmemory 100mb"]}, 100, "--maxmemory 100mb", "args[0]"),
        ({"command": ["redis-server", "/etc/redis.conf", "--maxmemory", "1mb"]}, 1, "--maxmemory 1mb", "command[2]"),
        ({"image": "redis:7", "args": ["--save", "", "--maxmemory", "1mb"]}, 1, "--maxmemory 1mb", "args[2]"),
        (
            {"image": "redis:7", "command": ["docker-entrypoint.sh", "--maxmemory", "1mb"]},
            1,
            "--maxmemory 1mb",
            "command[1]",
        ),
        ({"command": ["valkey-server", "--maxmemory", "1mb"]}, 1, "--maxmemory 1mb", "command[1]"),
        ({"command": ["keydb-server", "--maxmemory", "1mb"]}, 1, "--maxmemory 1mb", "command[1]"),
        ({"command": ["dragonfly", "--maxmemory=1g"]}, 1024, "--maxmemory=1g", "command[1]"),
        ({"command": ["sh", "-c", "redis-server --maxmemory 1mb"]}, 1, "--maxmemory 1mb", "command[2]"),
        ({"env": env(REDIS_EXTRA_FLAGS="--maxmemory 1mb")}, 1, "--maxmemory 1mb", "env[0].value"),
        ({"env": env(REDIS_ARGS="--maxmemory 1mb")}, 1, "--maxmemory 1mb", "env[0].value"),
        (
            {"command": ["redis-server", "--maxmemory", "1mb", "--maxmemory", "2mb"]},
            2,
            "--maxmemory 2mb",
            "command[3]",
        ),
    ],
)
def test_maxmemory_and_its_place(raw, mib, flag, at):
    found = heap(**raw)
    assert (found.runtime, found.max_bytes, found.flag, found.at) == ("redis", mib * MIB, flag, at)
    assert found.declared
    assert not found.unknown
    assert found.default_bytes is None


def test_a_policy_of_eviction_is_no_size_and_zero_is_no_bound():
    assert not heap(command=["redis-server", "--maxmemory-policy", "allkeys-lru"]).declared
    found = heap(command=["redis-server", "--maxmemory", "0"])
    assert (found.max_bytes, found.declared) == (None, False)


def test_a_file_of_settings_may_hold_maxmemory():
    assert heap(command=["redis-server", "/etc/redis.conf"]).unknown
    assert not heap(command=["redis-server"]).unknown


def test_redis_flags_of_unknown_content_may_decide():
    assert heap(env=secret("REDIS_EXTRA_FLAGS")).unknown
    assert heap(image="redis:7", envFrom=SECRETS).unknown
    found = heap(command=["redis-server", "--maxmemory", "$(M)"], env=secret("M"))
    assert (found.max_bytes, found.flag, found.declared, found.unknown) == (None, "--maxmemory …", True, True)


def test_a_size_that_redis_refuses_is_not_repeated():
    assert heap(command=["redis-server", "--maxmemory", "1Gi"]).flag == "--maxmemory …"


@pytest.mark.parametrize(
    ("raw", "mib", "at"),
    [
        ({"command": ["memcached", "-m", "100"]}, 100, "command[1]"),
        ({"command": ["memcached", "-m100"]}, 100, "command[1]"),
        ({"command": ["memcached", "--memory-limit=100"]}, 100, "command[1]"),
        ({"command": ["memcached", "--memory-limit", "100"]}, 100, "command[1]"),
        ({"image": "memcached:1.6", "args": ["-p", "11211", "-m", "100"]}, 100, "args[2]"),
        ({"image": "memcached:1.6", "args": ["-m 100"]}, 100, "args[0]"),
        ({"env": env(MEMCACHED_CACHE_SIZE="100")}, 100, "env[0].value"),
        ({"env": env(MEMCACHED_CACHE_SIZE="1", MEMCACHED_EXTRA_FLAGS="-m 100")}, 100, "env[1].value"),
    ],
)
def test_memcached_takes_mebibytes(raw, mib, at):
    found = heap(**raw)
    assert (found.runtime, found.max_bytes, found.at) == ("memcached", mib * MIB, at)
    assert found.declared


def test_memcached_takes_64_mebibytes_by_default():
    found = heap(image="memcached:1.6")
    assert (found.default_bytes, found.declared, found.max_bytes) == (64 * MIB, False, None)
    assert heap(image="memcached:1.6", env=secret("MEMCACHED_EXTRA_FLAGS")).default_bytes is None


# PostgreSQL 15 accepts these; a bare number is of blocks of 8 KiB (guc_tables.c, GUC_UNIT_BLOCKS).
@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1GB", GIB),
        ("1.5GB", GIB * 3 // 2),
        ("16384", 128 * MIB),
        ("1 GB", GIB),
        ("131072kB", 128 * MIB),
        ("1TB", 1024 * GIB),
        ("262144B", 262144),
        ("1000.5", 8192 * 1000),
        ("1gb", None),
        ("1Mb", None),
        ("1GiB", None),
        ("", None),
    ],
)
def test_shared_buffers_has_the_units_of_postgresql(text, size):
    assert postgresql_bytes(text) == size


@pytest.mark.parametrize(
    ("raw", "flag", "at"),
    [
        ({"command": ["postgres", "-c", "shared_buffers=1GB"]}, "-c shared_buffers=1GB", "command[2]"),
        ({"command": ["postgres", "-cshared_buffers=1GB"]}, "-cshared_buffers=1GB", "command[1]"),
        ({"command": ["postgres", "--shared_buffers=1GB"]}, "--shared_buffers=1GB", "command[1]"),
        ({"command": ["postgres", "--shared-buffers=1GB"]}, "--shared-buffers=1GB", "command[1]"),
        ({"command": ["postgres", "-B", "131072"]}, "-B 131072", "command[1]"),
        ({"image": "postgres:16", "args": ["-c", "shared_buffers=1GB"]}, "-c shared_buffers=1GB", "args[1]"),
        ({"args": ["postgres", "-c", "shared_buffers=1GB"]}, "-c shared_buffers=1GB", "args[2]"),
        ({"env": env(POSTGRESQL_SHARED_BUFFERS="1GB")}, "POSTGRESQL_SHARED_BUFFERS=1GB", "env[0].value"),
        (
            {"command": ["postgres", "-c", "config_file=/x", "-c", "max_connections=9", "-c", "shared_buffers=1GB"]},
            "-c shared_buffers=1GB",
            "command[6]",
        ),
    ],
)
def test_shared_buffers_and_its_place(raw, flag, at):
    found = heap(**raw)
    assert (found.runtime, found.max_bytes, found.flag, found.at) == ("postgresql", GIB, flag, at)
    assert found.declared
    assert not found.unknown


def test_postgresql_takes_128_mebibytes_by_default():
    assert heap(image="postgres:16").default_bytes == 128 * MIB
    assert heap(image="timescale/timescaledb:latest").default_bytes is None
    found = heap(image="postgres:16", args=["-c", "config_file=/etc/postgresql.conf"])
    assert (found.default_bytes, found.unknown, found.declared) == (None, True, False)


@pytest.mark.parametrize(
    ("command", "name"), [("memcached", "memcached"), ("postgres", "postgresql"), ("redis-server", "redis")]
)
def test_flags_of_unknown_content_may_decide(command, name):
    found = heap(command=["sh", "-c", f"{command} $FLAGS"], env=secret("FLAGS"))
    assert (found.runtime, found.declared, found.unknown, found.default_bytes) == (name, False, True, None)


def test_a_flag_before_unknown_content_has_no_certain_number():
    found = heap(command=["sh", "-c", "memcached -m 100 $FLAGS"])
    assert (found.max_bytes, found.flag, found.declared, found.unknown) == (None, None, True, True)


def test_a_client_in_the_servers_image_is_no_server():
    assert heap(image="postgres:16", command=["pg_dump", "-c"]) is None
    assert heap(image="postgres:16", command=["sh", "-c", "until pg_isready; do sleep 2; done"]) is None
    assert heap(image="redis:7", command=["redis-cli", "ping"]) is None
    assert heap(image="redis:7", command=["sh", "-c", "exec redis-server /etc/redis.conf"]).runtime == "redis"


@given(st.text(max_size=12))
def test_any_size_is_read(text):
    for size in (redis_bytes(text), postgresql_bytes(text)):
        assert size is None or size >= 0


@given(st.integers(16, 2**30 - 1))
def test_a_number_of_blocks_comes_back(blocks):
    assert postgresql_bytes(str(blocks)) == postgresql_bytes(f"{blocks * 8}kB") == blocks * 8192
