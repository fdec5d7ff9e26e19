"""Which runtime a container has."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.runtimes.model import Around, Heap
from auditor.runtimes.read import read_heap
from tests.runtimes.containers import GIB, MIB, env, heap


def test_a_visible_command_beats_the_image_which_beats_a_variable():
    assert heap(image="openjdk:21", command=["node", "a.js"], env=env(GOGC="1")).runtime == "nodejs"
    assert heap(image="openjdk:21", env=env(NODE_OPTIONS="-x")).runtime == "jvm"
    assert heap(env=env(NODE_OPTIONS="-x")).runtime == "nodejs"


def test_a_variable_of_a_config_map_is_a_sign():
    source = [{"configMapRef": {"name": "c"}, "prefix": "GO"}]
    assert heap(maps={"c": {"MEMLIMIT": "1GiB"}}, envFrom=source).max_bytes == GIB
    assert heap(maps={"c": {"OTHER": "1GiB"}}, envFrom=source) is None


def test_a_variable_of_a_large_config_map_is_a_sign():
    data = {f"KEY_{index}": "x" for index in range(500)}
    source = [{"configMapRef": {"name": "c"}}]
    assert heap(maps={"c": data}, envFrom=source) is None
    assert heap(maps={"c": {**data, "GOMEMLIMIT": "1GiB"}}, envFrom=source).max_bytes == GIB


@pytest.mark.parametrize(
    "command",
    [
        ["busybox", "sh", "-c", "exec java -Xmx100m A"],
        ["/bin/bash", "-euo", "pipefail", "-c", "java -Xmx100m A"],
        ["bash", "--login", "-c", "java -Xmx100m A"],
        ["tini", "--", "sh", "-c", "java -Xmx100m A"],
        ["env", "A=b", "java", "-Xmx100m", "A"],
        ["timeout", "10", "java", "-Xmx100m", "A"],
    ],
)
def test_a_program_is_found_behind_what_starts_it(command):
    assert heap(command=command).max_bytes == 100 * MIB


def test_a_file_of_commands_is_not_read():
    assert heap(command=["sh", "/app/java.sh", "java -Xmx1m"]) is None
    assert heap(command=["bash"], env=env(JAVA_OPTS="-Xmx100m")).max_bytes == 100 * MIB


def test_a_long_command_is_read_in_time():
    started = time.perf_counter()
    heap(command=["nohup", *["x"] * 300_000], image="openjdk:21")
    heap(command=["sh", "-c", "nohup x;" * 300_000], image="openjdk:21")
    assert time.perf_counter() - started < 5


def test_a_hidden_source_alone_is_no_runtime():
    assert heap(envFrom=[{"secretRef": {"name": "s"}}]) is None


@pytest.mark.parametrize(
    "raw",
    [
        {"command": ["go-runner", "x"]},
        {"command": ["sh", "-c", "./node-exporter --java"]},
        {"command": ["sh", "-c", "cat /etc/java/x; ls java.d"]},
        {"command": ["app", "java"]},
        {"command": ["sleep", "1"], "image": "node:22"},
        {"command": ["python3", "-m", "http.server"], "image": "openjdk:21"},
        {"image": "oliver006/redis_exporter"},
        {"image": "registry.example/java-app:1"},
        {"env": env(JAVA_HOME="/opt/java", GOPATH="/go")},
    ],
)
def test_what_only_looks_like_a_runtime_is_none(raw):
    assert heap(**raw) is None


@pytest.mark.parametrize(
    ("image", "runtime"),
    [
        ("redis", "redis"),
        ("docker.io/bitnami/redis:7.2", "redis"),
        ("valkey/valkey@sha256:00", "redis"),
        ("registry:5000/team/memcached", "memcached"),
        ("quay.io/prometheus/prometheus:v2", "go"),
        ("mcr.microsoft.com/dotnet/runtime:8.0", "dotnet"),
        ("node:22", "nodejs"),
        ("tomcat:10", "jvm"),
        ("bitnami/postgresql:16", "postgresql"),
    ],
)
def test_an_image_is_known_by_the_last_part_of_its_name(image, runtime):
    assert heap(image=image).runtime == runtime


def test_a_report_never_shows_more_of_a_variable_than_the_flag():
    value = "-Dpassword=hunter2 -Xmx100m -Dtoken=hunter2"
    found = heap(env=env(JAVA_OPTS=value))
    assert found.flag == "-Xmx100m"
    mixed = heap(command=["sh", "-c", "java -Xmx$P A"], env=env(P="hunter2"))
    assert "hunter2" not in repr(mixed)


def test_the_last_program_of_a_script_counts():
    found = heap(command=["sh", "-c", "java -Xmx1m -jar migrate.jar && exec java -Xmx100m -jar a.jar"])
    assert found.max_bytes == 100 * MIB


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(
    (
        *("java", "-Xmx1g", "-Xms", "node", "--max-old-space-size=1", "sh", "-c", "$(A)", "postgres", "-c", "-B", "-m"),
        *("redis-server", "--maxmemory", "java -Xmx$A $B", "shared_buffers=1", "-XX:MaxRAMPercentage=7", "exec", ""),
        *("memcached", "env"),
    )
)
NAMES = st.sampled_from(["JAVA_OPTS", "_JAVA_OPTIONS", "NODE_OPTIONS", "GOGC", "DOTNET_GCHeapHardLimit", "A"])
ENTRIES = st.fixed_dictionaries({"name": NAMES | JSON}, optional={"value": WORDS | JSON, "valueFrom": JSON})


@given(
    lines=st.tuples(*[st.lists(WORDS | JSON, max_size=5) | JSON] * 2),
    env=st.lists(ENTRIES, max_size=4) | JSON,
    env_from=st.lists(st.fixed_dictionaries({"secretRef": JSON}) | JSON, max_size=2) | JSON,
    image=st.sampled_from([None, "", "redis", "openjdk:21", "memcached", "postgres", "node:20", ":", "@"]),
    limit=st.none() | st.integers(0, 2**63),
)
def test_any_container_is_read(lines, env, env_from, image, limit):
    raw = {"command": lines[0], "args": lines[1], "env": env, "envFrom": env_from}
    found = read_heap(raw, image, Around(None, limit, limit, None, None, {}))
    assert found is None or isinstance(found, Heap)
    if found is not None:
        assert (found.flag is None) == (found.at is None)
        assert found.declared or found.max_bytes is None
        assert "\0" not in (found.flag or "")


def test_a_container_of_no_runtime_costs_microseconds():
    raw = {
        "name": "app",
        "env": [{"name": f"NAME_{i}", "value": f"some value {i}"} for i in range(10)],
        "command": ["/app/server"],
        "args": ["--config=/etc/app/config.yaml", "--port=8080", "--log level"],
    }
    around = Around(None, GIB, GIB, None, None, {})
    started = time.perf_counter()
    for _ in range(10_000):
        read_heap(raw, "registry.example/app:1", around)
    assert time.perf_counter() - started < 1  # 100 µs each, where 2 are usual
