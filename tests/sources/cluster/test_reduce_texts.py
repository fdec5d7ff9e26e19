"""Commands and variables lose what may be secret and keep what they tell runtimes."""

import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.runtimes.model import Around
from auditor.runtimes.read import read_heap
from auditor.sources.cluster.reduce_texts import reduced_config_map, reduced_texts

GIB = 2**30
AROUNDS = (
    Around(None, None, None, None, None, {}),
    Around(GIB, 2 * GIB, 2 * GIB, 8 * GIB, 9 * GIB, {}),
)


def heaps(raw, image, maps):
    return [read_heap(raw, image, msgspec.structs.replace(around, config_maps=maps)) for around in AROUNDS]


def left(raw, image=None):
    return {"name": "c"} | reduced_texts(raw, image)


WORDS = (
    *("java", "/usr/bin/java", "node", "sh", "bash", "-c", "-ec", "-lc", "exec", "export", "tini", "--", "env", "-jar"),
    *(
        "-Xmx",
        "-Xmx512m",
        "-Xms64m",
        "-XX:MaxRAMPercentage=",
        "75.0",
        "-XX:+AlwaysPreTouch",
        "-XX:-UseContainerSupport",
    ),
    *("-Dspring.password=hunter2", "-cp", "/app/lib:/app", "app.jar", "com.example.Main", "@args", "-XX:Flags=.f"),
    *("--max-old-space-size=300", "--max_old_space_size=", "server.js", "--require", "redis-server", "--maxmemory"),
    *("100mb", "--maxmemory=1gb", "--maxmemory-policy", "memcached", "-m", "64", "-m64", "postgres", "-B", "16384"),
    *("shared_buffers=128MB", "-cshared_buffers=1GB", "--shared-buffers=1GB", "config_file=/etc/pg.conf", "512", "m"),
    *(
        "docker-entrypoint.sh",
        "/bin/entry.sh",
        "JAVA_OPTS=",
        "JAVA_OPTS=-Xmx1g",
        "SIZE=",
        "SIZE=256m",
        "GOMEMLIMIT=",
        "A=b",
    ),
    *(
        "s3cr3t",
        "--password=s3cr3t",
        "https://u:s3cr3t@host/x",
        "then",
        "if",
        "[",
        "]",
        "true",
        "sleep",
        "x",
        "0x10",
        "off",
    ),
)
MARKS = (
    " ",
    " ",
    " ",
    " ",
    "  ",
    "\n",
    '"',
    "'",
    ";",
    "&&",
    "|",
    "(",
    ")",
    "$",
    "\\",
    "`",
    "#",
    "=",
    "/",
    "{",
    "}",
    ":",
    "-",
)
REFERENCES = (
    *(
        "$(SIZE)",
        "$(OPTS)",
        "$(NONE)",
        "$(JAVA_OPTS)",
        "$SIZE",
        "${SIZE}",
        "${SIZE:-64m}",
        "${OPTS-}",
        "$OPTS",
        "$NONE",
    ),
    *(
        "${NONE:-128m}",
        "$JAVA_HOME/bin/java",
        "$$",
        "$@",
        "$1",
        "$(cat /run/secret)",
        "${OPTS%%x}",
        "$(FROM_MAP)",
        "$FROM_MAP",
    ),
)
pieces = st.lists(st.sampled_from(WORDS) | st.sampled_from(MARKS) | st.sampled_from(REFERENCES), max_size=9).map(
    "".join
)
spaced = st.lists(st.sampled_from(WORDS) | st.sampled_from(REFERENCES) | pieces, max_size=7).map(" ".join)
texts = st.sampled_from(WORDS) | pieces | spaced
NAMES = (
    "JAVA_TOOL_OPTIONS",
    "JAVA_OPTS",
    "_JAVA_OPTIONS",
    "NODE_OPTIONS",
    "GOMEMLIMIT",
    "GOGC",
    "SIZE",
    "OPTS",
    "JAVA_HOME",
)
MORE = ("DOTNET_GCHeapHardLimit", "MEMCACHED_CACHE_SIZE", "POSTGRESQL_SHARED_BUFFERS", "REDIS_EXTRA_FLAGS", "PASSWORD")
MAP = {"configMapKeyRef": {"name": "m", "key": "OPTS"}}
RESOURCE = {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}
sources = st.sampled_from(
    (MAP, RESOURCE, {"secretKeyRef": {"name": "s", "key": "k"}}, {"fieldRef": {"fieldPath": "spec.x"}})
)
values = st.fixed_dictionaries({"value": texts}) | st.fixed_dictionaries({"valueFrom": sources})
variables = st.tuples(st.sampled_from(NAMES + MORE), values).map(lambda pair: {"name": pair[0], **pair[1]})
FROM = ({"configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}}, {"prefix": "P_", "configMapRef": {"name": "m"}})
containers = st.fixed_dictionaries(
    {},
    optional={
        "command": st.lists(texts, max_size=4),
        "args": st.lists(texts, max_size=4),
        "env": st.lists(variables, max_size=5),
        "envFrom": st.lists(st.sampled_from(FROM), max_size=2),
    },
)
images = st.sampled_from(
    (None, "openjdk:21", "node:22", "redis:7", "memcached:1.6", "postgres:17", "registry.example/app:1")
)


@settings(max_examples=500)
@given(containers, images)
@example({"command": ["java", "-Xmx$(SIZE)"], "env": [{"name": "SIZE", "value": "512m"}]}, None)
@example({"command": ["sh", "-c", "java -Xmx${SIZE}m"], "env": [{"name": "SIZE", "value": "512"}]}, None)
@example({"command": ["sh", "-c", "SIZE=512; java -Xmx${SIZE}m"]}, None)
@example(
    {"command": ["redis-server"], "args": ["--maxmemory", "$(SIZE)"], "env": [{"name": "SIZE", "value": "1gb"}]}, None
)
def test_what_is_left_tells_a_runtime_the_same(raw, image):
    raw = {"name": "c"} | raw
    assert heaps(left(raw, image), image, {}) == heaps(raw, image, {})


map_texts = st.text(st.sampled_from("ab -=$\"'"), max_size=8) | st.sampled_from(
    ("-Xmx512m", "-Xms64m -Xmx1g -Dpassword=s3cr3t", "$OPTS", "--max-old-space-size=300", "512m", "1GB", "s3cr3t", "")
)
maps = st.dictionaries(st.sampled_from(("OPTS", "JAVA_OPTS", "NODE_OPTIONS", "FROM_MAP", "GOMEMLIMIT")), map_texts)


@settings(max_examples=250)
@given(containers, images, maps)
def test_what_is_left_of_config_maps_tells_a_runtime_the_same(raw, image, data):
    raw = {"name": "c"} | raw
    kept = reduced_config_map(data)
    assert heaps(left(raw, image), image, {"m": kept}) == heaps(raw, image, {"m": data})
    assert "s3cr3t" not in json.dumps(kept)


@settings(max_examples=250)
@given(containers, images)
@example(
    {"args": ["--token", "s3cr3t=", "S3CR3T=", "hunter2=="], "envFrom": [{"secretRef": {"name": "s"}}]}, "openjdk:21"
)
@example({"args": ["$s3cr3t", "${s3cr3t}", "$(s3cr3t)", "${NONE:-s3cr3t}", "pa$$s3cr3t", "\\s3cr3t"]}, "openjdk:21")
def test_a_secret_that_stands_anywhere_is_gone(raw, image):
    kept = json.dumps(left(raw, image)).lower()
    assert "s3cr3t" not in kept
    assert "hunter2" not in kept


SECRET = "hunter2"  # noqa: S105 - made up
PLANTED = {
    "a property of Java": {"command": ["java", "-Xmx512m", f"-Dpassword={SECRET}", "-jar", "app.jar"]},
    "a property in a variable": {"env": [{"name": "JAVA_OPTS", "value": f"-Xmx512m -Dpassword={SECRET}"}]},
    "a property in quotes": {"env": [{"name": "JAVA_OPTS", "value": f"-Xmx512m '-Da=b {SECRET} c' \"{SECRET}\""}]},
    "an address": {"command": ["java", "-Xmx512m", f"--db=postgres://app:{SECRET}@db/app?password={SECRET}"]},
    "a script": {"command": ["sh", "-c", f"export TOKEN={SECRET}; PW='{SECRET}' java -Xmx512m -Dp=$TOKEN"]},
    "a script over lines": {"command": ["sh"], "args": ["-c", f"echo {SECRET} | base64\njava -Xmx512m # {SECRET}\n"]},
    "a value that a flag refers to": {
        "command": ["java", "-Xmx512m", "-Dp=$(PASSWORD)"],
        "env": [{"name": "PASSWORD", "value": SECRET}],
    },
    "a value that a script refers to": {
        "command": ["sh", "-c", 'java -Xmx512m "-Dp=${PASSWORD:-hunter2}"'],
        "env": [{"name": "PASSWORD", "value": f"{SECRET} -Xms{SECRET}"}],
    },
    "a value that nothing refers to": {
        "env": [{"name": "PASSWORD", "value": SECRET}, {"name": "JAVA_OPTS", "value": "-Xmx512m"}]
    },
    "the name of a variable": {
        "env": [{"name": f"P_{SECRET}", "value": ""}, {"name": "JAVA_OPTS", "value": "-Xmx512m"}]
    },
    "what stands for an amount": {"command": ["java", "-Xmx512m", f"-Xms{SECRET}", f"-XX:MaxRAM={SECRET}"]},
    "letters behind backslashes": {"command": ["sh", "-c", "java -Xmx512m " + "".join(f"\\{c}" for c in SECRET)]},
    "the keys of sources": {
        "command": ["java", "-Xmx512m"],
        "env": [{"name": "JAVA_OPTS", "valueFrom": {"secretKeyRef": {"name": SECRET, "key": SECRET}}}],
        "envFrom": [{"secretRef": {"name": SECRET}}],
    },
    "a password of base64": {"command": ["java", "-Xmx512m", f"{SECRET}==", f"-p{SECRET}", f"+{SECRET}", f"@{SECRET}"]},
}


@pytest.mark.parametrize("raw", PLANTED.values(), ids=PLANTED)
def test_a_secret_beside_a_heap_is_gone_and_the_heap_is_not(raw):
    kept = left(raw)
    assert SECRET not in json.dumps(kept)
    assert SECRET in json.dumps(raw).replace("\\", "")
    assert heaps(kept, None, {}) == heaps(raw, None, {}) != [None, None]


def test_numbers_stay_only_where_a_flag_takes_them():
    raw = {
        "command": ["java", "-Xmx$(SIZE)", "-Dpin=1234", "1234"],
        "env": [{"name": "PIN", "value": "1234"}, {"name": "SIZE", "value": "512m"}, {"name": "OTHER", "value": "99"}],
    }
    raw["command"].append("$(PIN)")
    assert left(raw) == {
        "name": "c",
        "command": ["java", "-Xmx$(SIZE)", "-x", "x", "$(PIN)"],
        "env": [{"name": "PIN", "value": "x"}, {"name": "SIZE", "value": "512m"}],
    }


def test_places_in_lists_do_not_change():
    raw = {"env": [{"name": "A", "value": "a"}, {"name": "B", "value": "b"}, {"name": "GOMEMLIMIT", "value": "1GiB"}]}
    assert left(raw) == {"name": "c", "env": [{}, {}, {"name": "GOMEMLIMIT", "value": "1GiB"}]}


def test_of_a_container_without_a_runtime_nothing_is_left():
    raw = {
        "command": ["/app/server", "--db=postgres://app:hunter2@db"],
        "args": ["java-like", "a b"],
        "env": [{"name": "A", "value": "b"}],
        "envFrom": [{"secretRef": {"name": "s"}}],
    }
    assert reduced_texts(raw, "registry.example/app:1") == {}


def test_of_a_config_map_amounts_and_flags_are_left():
    data = {
        "JAVA_OPTS": "-Xmx512m -Dpassword=hunter2",
        "HEAP_SIZE": "512",
        "LIMIT": "1Gi",
        "PIN": "1234",
        "PORT": "8080",
        "password": "hunter2",
        "application.properties": "spring.datasource.password=hunter2\n" * 1000,
        "jvm.options": "# hunter2\n" * 100 + "-Xms1g\n-Xmx2g\n",
    }
    kept = reduced_config_map(data)
    assert "hunter2" not in json.dumps(kept)
    options = kept.pop("jvm.options")
    assert options.split()[-2:] == ["-Xms1g", "-Xmx2g"]
    assert kept == {
        "JAVA_OPTS": "-Xmx512m -x",
        "HEAP_SIZE": "512",
        "LIMIT": "1Gi",
        "PIN": "x",
        "PORT": "x",
        "password": "x",
        "application.properties": "x",
    }
