"""What a JVM is told, wherever it stands."""

import pytest

from auditor.runtimes.jvm import read_heap

MIB = 2**20


def heap(limit=1024 * MIB, image=None, **raw):
    return read_heap(raw, image, limit)


def env(**variables):
    return [{"name": name, "value": value} for name, value in variables.items()]


@pytest.mark.parametrize(
    ("raw", "size", "at"),
    [
        ({"command": ["java", "-Xmx512m", "-jar", "a.jar"]}, 512, "command[1]"),
        ({"command": ["/usr/bin/java"], "args": ["-Xmx1g", "-jar", "a.jar"]}, 1024, "args[0]"),
        ({"command": ["sh", "-c", "exec java -Xmx256m -jar a.jar"]}, 256, "command[2]"),
        ({"env": env(JAVA_TOOL_OPTIONS="-Xmx100M -Xms50m")}, 100, "env[0].value"),
        ({"env": env(JAVA_OPTS="-Xmx64m")}, 64, "env[0].value"),
        ({"env": env(JAVA_OPTS="-Xmx64m -Xmx128m")}, 128, "env[0].value"),
        ({"env": env(_JAVA_OPTIONS="-Xmx32m"), "command": ["java", "-Xmx512m"]}, 32, "env[0].value"),
        ({"env": env(JAVA_TOOL_OPTIONS="-Xmx32m"), "command": ["java", "-Xmx512m"]}, 512, "command[1]"),
        ({"env": env(JAVA_TOOL_OPTIONS="-XX:MaxHeapSize=104857600")}, 100, "env[0].value"),
        ({"env": env(JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=50.0")}, 512, "env[0].value"),
        ({"env": env(JAVA_TOOL_OPTIONS="-Xmx100m -XX:MaxRAMPercentage=50.0")}, 100, "env[0].value"),
    ],
)
def test_the_deciding_flag_and_its_place(raw, size, at):
    found = heap(**raw)
    assert found.max_bytes == size * MIB
    assert found.at == at


def test_flags_of_the_program_are_not_the_jvms():
    assert heap(command=["java", "-jar", "a.jar", "-Xmx512m"]).max_bytes is None


def test_what_is_no_jvm_has_no_heap():
    assert heap(command=["python", "-Xmx512m"]) is None
    assert heap(image="registry.example/app:1") is None


def test_an_image_of_the_list_is_a_jvm_without_a_declared_heap():
    found = heap(image="docker.io/library/eclipse-temurin:21@sha256:00")
    assert (found.max_bytes, found.flag, found.at) == (None, None, None)


def test_a_value_from_elsewhere_is_unknown_not_absent():
    secret = [{"name": "JAVA_TOOL_OPTIONS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    assert heap(env=secret).max_bytes is None


def test_a_percentage_without_a_limit_depends_on_the_node():
    assert heap(limit=None, env=env(JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=50")).max_bytes is None


def test_the_initial_heap_and_pre_touch():
    found = heap(command=["java", "-Xms2g", "-XX:+AlwaysPreTouch"])
    assert found.initial_bytes == 2048 * MIB
    assert found.always_pre_touch
    assert not heap(command=["java", "-XX:+AlwaysPreTouch", "-XX:-AlwaysPreTouch"]).always_pre_touch


@pytest.mark.parametrize(
    "raw", [{"env": 3}, {"env": [3, {"name": 4}]}, {"command": {}, "args": [None]}, {"command": "java"}]
)
def test_odd_shapes_are_no_jvm(raw):
    assert heap(**raw) is None
