"""What a JVM is told, wherever it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.runtimes import jvm
from tests.runtimes.containers import GIB, MIB, SECRETS, env, heap, secret


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
        ({"env": env(JDK_JAVA_OPTIONS="-Xmx60m", JAVA_TOOL_OPTIONS="-Xmx50m")}, 60, "env[0].value"),
        ({"env": env(JDK_JAVA_OPTIONS="-Xmx60m"), "command": ["java", "-Xmx70m"]}, 70, "command[1]"),
        ({"command": ["java", "-mx300m", "A"]}, 300, "command[1]"),
        ({"command": ["java", "-Xmx0x10000000", "A"]}, 256, "command[1]"),
        ({"command": ["java", "-Xmx100M", "-XX:MaxHeapSize=200m", "A"]}, 200, "command[2]"),
        ({"command": ["java", "-cp", "-Xmx1m", "-Xmx100M", "A"]}, 100, "command[3]"),
        ({"command": ["/docker-entrypoint.sh", "java", "-Xmx100m", "-jar", "a.jar"]}, 100, "command[2]"),
        ({"command": ["tini", "--", "java", "-Xmx100m", "-jar", "a.jar"]}, 100, "command[3]"),
        ({"command": ["bash", "-o", "pipefail", "-ec"], "args": ["cd /app; java -Xmx100m A"]}, 100, "args[0]"),
        ({"args": ["java -Xmx100m -jar a.jar"]}, 100, "args[0]"),
        ({"image": "openjdk:21", "args": ["-Xmx100m", "-jar", "a.jar"]}, 100, "args[0]"),
        ({"image": "openjdk:21", "args": ["-Xms100m -Xmx100m"]}, 100, "args[0]"),
    ],
)
def test_the_deciding_flag_and_its_place(raw, size, at):
    found = heap(**raw)
    assert found.max_bytes == size * MIB
    assert found.at == at
    assert found.declared
    assert not found.unknown
    assert found.default_bytes is None


def test_flags_of_the_program_are_not_the_jvms():
    assert heap(command=["java", "-jar", "a.jar", "-Xmx512m"]).max_bytes is None
    assert heap(command=["java", "Main", "-Xmx512m"]).max_bytes is None


def test_what_is_no_jvm_has_no_heap():
    assert heap(command=["python", "-Xmx512m"]) is None
    assert heap(image="registry.example/app:1") is None
    assert heap(command=["sh", "-c", "echo java"]) is None


def test_an_image_of_the_list_is_a_jvm_without_a_declared_heap():
    found = heap(image="docker.io/library/eclipse-temurin:21@sha256:00")
    assert (found.max_bytes, found.flag, found.at, found.declared) == (None, None, None, False)


@pytest.mark.parametrize("image", ["elasticsearch:8", "bitnami/kafka", "wildfly:30", "apache/flink:1"])
def test_an_image_whose_start_script_sizes_the_heap_has_no_known_default(image):
    found = heap(image=image)
    assert (found.declared, found.unknown, found.default_bytes) == (False, True, None)


def test_a_declared_heap_of_such_an_image_is_known():
    found = heap(image="elasticsearch:8", env=env(ES_JAVA_OPTS="-Xms512m -Xmx512m"))
    assert (found.max_bytes, found.initial_bytes, found.unknown) == (512 * MIB, 512 * MIB, False)


def test_a_value_from_elsewhere_is_unknown_not_absent():
    found = heap(env=secret("JAVA_TOOL_OPTIONS"))
    assert (found.max_bytes, found.declared, found.unknown, found.default_bytes) == (None, False, True, None)


def test_a_later_setting_of_unknown_content_hides_the_number():
    found = heap(command=["java", "-Xmx100m", "A"], env=secret("_JAVA_OPTIONS"))
    assert (found.max_bytes, found.flag, found.declared, found.unknown) == (None, None, True, True)


def test_an_earlier_setting_of_unknown_content_changes_nothing_for_a_size():
    found = heap(command=["java", "-Xmx100m", "A"], env=secret("JAVA_TOOL_OPTIONS"))
    assert (found.max_bytes, found.unknown) == (100 * MIB, False)


def test_but_it_may_hold_a_size_that_beats_a_percentage():
    found = heap(command=["java", "-XX:MaxRAMPercentage=50", "A"], env=secret("JAVA_TOOL_OPTIONS"))
    assert (found.max_bytes, found.declared, found.unknown) == (None, True, True)


def test_a_secret_of_env_from_may_override_and_leaves_the_number():
    found = heap(command=["java", "-Xmx100m", "A"], envFrom=SECRETS)
    assert (found.max_bytes, found.declared, found.unknown) == (100 * MIB, True, True)
    assert heap(command=["java", "A"], envFrom=SECRETS).unknown
    assert not heap(command=["java", "A"], envFrom=[{"secretRef": {"name": "s"}, "prefix": "DB_"}]).unknown


def test_a_config_map_of_the_input_is_read():
    maps = {"java": {"JAVA_OPTS": "-Xmx100m"}}
    found = heap(maps=maps, envFrom=[{"configMapRef": {"name": "java"}}])
    assert (found.max_bytes, found.at) == (100 * MIB, "envFrom[0]")


def test_a_flag_file_may_hold_flags():
    assert heap(command=["java", "@/app/flags", "A"]).unknown
    assert not heap(command=["java", "@/app/flags", "-Xmx100m", "A"]).unknown
    assert heap(command=["java", "-XX:VMOptionsFile=/app/flags", "A"]).unknown


@pytest.mark.parametrize(
    "script", ["exec java $JAVA_OPTS -jar a.jar", 'java "$JAVA_OPTS" A', "java ${JAVA_OPTS:--Xmx1g} A"]
)
def test_a_variable_in_a_script_is_a_part_of_the_command(script):
    found = heap(command=["sh", "-c", script], env=env(JAVA_OPTS="-Xmx100m"))
    assert found.max_bytes == 100 * MIB


def test_a_variable_that_the_visible_command_does_not_name_is_not_read():
    found = heap(command=["java", "-jar", "a.jar"], env=env(JAVA_OPTS="-Xmx100m"))
    assert (found.max_bytes, found.declared) == (None, False)


def test_a_variable_that_the_manifest_does_not_set_may_come_from_the_image():
    assert heap(command=["sh", "-c", "java $JAVA_OPTS -jar a.jar"]).unknown
    assert not heap(command=["sh", "-c", "java $JAVA_OPTS -Xmx1g -jar a.jar"]).unknown


@pytest.mark.parametrize(
    "raw",
    [
        {"command": ["sh", "-c", "java $JAVA_OPTS A"]},
        {"command": ["sh", "-c", "java $(JAVA_OPTS) A"]},
        {"command": ["java", "$(JAVA_OPTS)", "A"]},
    ],
)
def test_the_place_of_a_flag_from_a_variable_is_the_variable(raw):
    found = heap(**raw, env=env(JAVA_OPTS="-Xmx100m"))
    assert (found.max_bytes, found.at) == (100 * MIB, "env[0].value")


@pytest.mark.parametrize("size", ["$(SIZE)", "${SIZE}", "$SIZE"])
def test_a_size_may_come_from_another_variable(size):
    suffix = "" if size == "$SIZE" else "m"
    value = "100m" if size == "$SIZE" else "100"
    found = heap(env=env(SIZE=value, JAVA_OPTS=f"-Dx=1 -Xmx{size}{suffix}"))
    assert (found.max_bytes, found.flag, found.at) == (100 * MIB, "-Xmx100m", "env[1].value")


def test_the_jvms_own_variables_are_not_expanded_by_a_shell():
    found = heap(env=env(SIZE="100", JAVA_TOOL_OPTIONS="-Xmx${SIZE}m"))
    assert (found.max_bytes, found.declared) == (None, True)


def test_a_size_that_is_the_containers_limit_is_known():
    limit = {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}
    found = heap(512 * MIB, env=[{"name": "L", "valueFrom": limit}, {"name": "JAVA_OPTS", "value": "-Xmx$(L)m"}])
    assert found.max_bytes == 512 * MIB


def test_a_size_of_which_a_part_is_unknown_is_declared():
    found = heap(env=[*secret("SIZE"), *env(JAVA_OPTS="-Xmx$(SIZE)m")])
    assert (found.max_bytes, found.flag, found.declared, found.unknown) == (None, "-Xmx…", True, True)


def test_a_secret_within_another_option_hides_nothing():
    found = heap(env=[*secret("PASSWORD"), *env(JAVA_OPTS="-Dp=$(PASSWORD) -Xmx100m")])
    assert (found.max_bytes, found.unknown) == (100 * MIB, False)


@pytest.mark.parametrize("bad", ["-Xmx1.5g", "-Xmx512mb", "-Xmx", "-Xmx-1", "-Xmxhunter2"])
def test_a_size_that_the_jvm_refuses_is_declared_and_not_repeated(bad):
    found = heap(env=env(JAVA_TOOL_OPTIONS=bad))
    assert (found.max_bytes, found.flag, found.declared) == (None, "-Xmx…", True)


def test_a_script_may_export_the_variable():
    found = heap(command=["sh", "-c", "export JAVA_TOOL_OPTIONS=-Xmx100m; exec java -jar a.jar"])
    assert (found.max_bytes, found.at) == (100 * MIB, "command[2]")
    assert heap(command=["sh", "-c", "JAVA_OPTS='-Xmx100m' ./start.sh"]).max_bytes == 100 * MIB


# MaxRAM (or the cgroup's limit) in MiB, flags, MaxHeapSize as OpenJDK 17.0.15 and 25 print it (PrintFlagsFinal).
PRINTED = [
    (64, "", 33554432),
    (128, "", 67108864),
    (200, "", 104857600),
    (249, "", 132120576),
    (250, "", 132120576),
    (300, "", 132120576),
    (400, "", 132120576),
    (512, "", 134217728),
    (1024, "", 268435456),
    (3000, "", 786432000),
    (200, "-XX:MaxRAMPercentage=75", 104857600),
    (512, "-XX:MaxRAMPercentage=20", 132120576),
    (512, "-XX:MaxRAMPercentage=75", 402653184),
    (200, "-XX:MinRAMPercentage=80", 132120576),
    (200, "-XX:MaxRAMPercentage=75 -XX:MinRAMPercentage=60", 125829120),
    (1024, "-XX:MaxRAMFraction=2", 536870912),
    (1024, "-XX:MaxRAMFraction=2 -XX:MaxRAMPercentage=30", 322961408),
    (1024, "-Xms800m", 838860800),
    (1024, "-Xms800m -XX:MaxRAMPercentage=50", 838860800),
    (1024, "-XX:MaxRAMPercentage=0", 132120576),
    (65536, "", 17179869184),
]
STEP = 2 * MIB  # the JVM rounds up to this


@pytest.mark.parametrize(("memory", "flags", "printed"), PRINTED)
def test_the_heap_is_what_openjdk_prints(memory, flags, printed):
    found = heap(memory * MIB, env=env(JAVA_TOOL_OPTIONS=flags))
    size = found.max_bytes if found.max_bytes is not None else found.default_bytes
    assert -(-size // STEP) * STEP == printed


@pytest.mark.parametrize(("memory", "flags", "printed"), PRINTED)
def test_max_ram_takes_the_place_of_the_memory(memory, flags, printed):
    found = heap(1 * GIB, env=env(JAVA_TOOL_OPTIONS=f"-XX:MaxRAM={memory}m {flags}"))
    size = found.max_bytes if found.max_bytes is not None else found.default_bytes
    assert -(-size // STEP) * STEP == printed


def test_the_default_reaches_as_far_as_compressed_pointers():
    assert heap(256 * GIB, command=["java", "A"]).default_bytes == 30688 * MIB
    assert heap(256 * GIB, command=["java", "-XX:MaxRAM=256g", "A"]).default_bytes == 64 * GIB
    assert heap(256 * GIB, command=["java", "-XX:MaxRAMPercentage=25", "A"]).max_bytes == 64 * GIB


def test_without_a_limit_the_nodes_memory_counts():
    assert heap(None, node=8 * GIB, command=["java", "A"]).default_bytes == 2 * GIB
    assert heap(16 * GIB, node=8 * GIB, command=["java", "A"]).default_bytes == 2 * GIB
    assert heap(None, command=["java", "A"]).default_bytes is None


def test_without_container_support_the_nodes_memory_counts():
    flags = "-XX:-UseContainerSupport"
    assert heap(GIB, node=8 * GIB, env=env(JAVA_OPTS=flags)).default_bytes == 2 * GIB
    assert heap(GIB, node=8 * GIB, env=env(JAVA_OPTS=f"{flags} -XX:+UseContainerSupport")).default_bytes == GIB // 4


def test_a_percentage_without_a_limit_depends_on_the_node():
    flags = env(JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=50")
    found = heap(None, env=flags)
    assert (found.max_bytes, found.percent, found.declared) == (None, 50.0, True)
    assert heap(None, node=4 * GIB, env=flags).max_bytes == 2 * GIB


def test_the_percentage_is_told_where_it_decides():
    found = heap(env=env(JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=85.5"))
    assert (found.percent, found.flag) == (85.5, "-XX:MaxRAMPercentage=85.5")
    assert heap(env=env(JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=85 -Xmx1m")).percent is None
    small = heap(200 * MIB, env=env(JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=85"))
    assert (small.percent, small.flag, small.declared) == (50.0, None, True)
    least = heap(200 * MIB, env=env(JAVA_TOOL_OPTIONS="-XX:MinRAMPercentage=40"))
    assert (least.percent, least.flag, least.declared) == (40.0, "-XX:MinRAMPercentage=40", True)


@pytest.mark.parametrize("bad", ["150", "50%", "-1", "nan", "1e1", ""])
def test_a_percentage_that_the_jvm_refuses_has_no_number(bad):
    found = heap(env=env(JAVA_TOOL_OPTIONS=f"-XX:MaxRAMPercentage={bad}"))
    assert (found.max_bytes, found.percent, found.declared) == (None, None, True)


def test_the_initial_heap_and_pre_touch():
    found = heap(command=["java", "-Xms2g", "-XX:+AlwaysPreTouch"])
    assert found.initial_bytes == 2048 * MIB
    assert found.always_pre_touch
    assert not heap(command=["java", "-XX:+AlwaysPreTouch", "-XX:-AlwaysPreTouch"]).always_pre_touch


def test_an_initial_percentage_is_cut_at_the_largest_heap():
    assert heap(command=["java", "-XX:InitialRAMPercentage=50", "A"]).initial_bytes == 256 * MIB
    assert heap(command=["java", "-XX:InitialRAMPercentage=50", "-Xmx100m", "A"]).initial_bytes == 100 * MIB
    assert heap(command=["java", "-XX:InitialRAMPercentage=10", "A"]).initial_bytes == GIB // 10
    assert heap(command=["java", "-Xms0", "A"]).initial_bytes is None
    assert heap(command=["java", "A"]).initial_bytes is None


@pytest.mark.parametrize(
    "raw", [{"env": 3}, {"env": [3, {"name": 4}]}, {"command": {}, "args": [None]}, {"command": "java"}]
)
def test_odd_shapes_are_no_jvm(raw):
    assert heap(**raw) is None


@given(st.integers(1, 10**6), st.sampled_from("kmgtKMGT"))
def test_a_size_is_a_number_of_binary_units(number, unit):
    assert jvm.size(f"{number}{unit}") == number * 1024 ** ("kmgt".index(unit.lower()) + 1)
    assert jvm.size(f"{number}") == number


@given(st.integers(MIB, 2**42), st.floats(0, 100), st.floats(0, 100))
def test_a_percentage_never_allows_more_than_the_memory_or_the_floor(memory, largest, smallest):
    flags = f"-XX:MaxRAMPercentage={largest:.3f} -XX:MinRAMPercentage={smallest:.3f}"
    found = heap(memory, env=env(JAVA_TOOL_OPTIONS=flags))
    assert 0 <= found.max_bytes <= max(memory, 130862280)


def test_a_visible_java_is_not_sized_by_the_images_script():
    found = heap(image="cassandra:5", command=["java", "-jar", "a.jar"])
    assert (found.unknown, found.default_bytes) == (False, GIB // 4)


def test_a_fraction_of_the_memory_is_a_share_of_it():
    assert heap(command=["java", "-XX:InitialRAMFraction=8", "A"]).initial_bytes == 128 * MIB
    assert heap(command=["java", "-XX:MaxRAMFraction=0", "A"]).max_bytes is None


def test_an_initial_size_raises_a_default_beyond_the_reach_of_pointers():
    assert heap(256 * GIB, command=["java", "-Xms40g", "A"]).default_bytes == 40 * GIB
