"""What a Java virtual machine in a container was told about its heap.

Precedence, lowest first: JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS, variables that start scripts put on the command line
(JAVA_OPTS ...), the command line, _JAVA_OPTIONS. Within a line the later flag wins. A fixed size beats a percentage.
Where `java` itself is visible in the command, a script's variable counts only if the command names it.
MinRAMPercentage, which rules below about 250 MB, and -XX:MaxRAM are not looked at.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

_IMAGES = frozenset(
    (
        *("openjdk", "eclipse-temurin", "temurin", "amazoncorretto", "corretto", "zulu-openjdk", "sapmachine"),
        *("ibm-semeru-runtimes", "liberica-openjdk-alpine", "liberica-openjre-alpine", "java", "tomcat", "jetty"),
        *("elasticsearch", "opensearch", "logstash", "kafka", "cp-kafka", "cp-schema-registry", "zookeeper"),
        *("cassandra", "jenkins", "wildfly", "keycloak", "solr", "neo4j", "sonarqube", "nexus3", "activemq", "artemis"),
        *("trino", "spark", "flink", "hbase", "hive", "pulsar", "spring-boot", "maven", "gradle"),
    )
)
_OWN = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
_SCRIPTS = (
    *("JAVA_OPTS", "JAVA_OPTIONS", "CATALINA_OPTS", "ES_JAVA_OPTS", "OPENSEARCH_JAVA_OPTS", "LS_JAVA_OPTS"),
    *("KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "SOLR_OPTS", "SOLR_JAVA_MEM", "JVM_OPTS"),
    *("JENKINS_JAVA_OPTS", "JENKINS_OPTS", "JAVA_OPTS_APPEND", "JVM_ARGS", "SERVER_JVMFLAGS", "MAVEN_OPTS"),
)
_LAST = ("_JAVA_OPTIONS",)
_VARIABLES = frozenset((*_OWN, *_SCRIPTS, *_LAST))
_TOKEN = re.compile(r"""[^\s"'=;&|]*=?(?:"[^"]*"|'[^']*'|[^\s"';&|])+""")
_SIZE = re.compile(r"([0-9]+)([kKmMgGtT]?)", re.ASCII)
_FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_TAKES_VALUE = frozenset(("-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules"))
_FLAGS = (
    ("-Xmx", "max"),
    ("-XX:MaxHeapSize=", "max"),
    ("-XX:MaxRAMPercentage=", "max%"),
    ("-Xms", "initial"),
    ("-XX:InitialHeapSize=", "initial"),
    ("-XX:InitialRAMPercentage=", "initial%"),
)


class Heap(msgspec.Struct, frozen=True):
    """A heap as declared; see HeapFacts for the meaning of each."""

    max_bytes: int | None
    initial_bytes: int | None
    flag: str | None
    at: str | None
    always_pre_touch: bool


class _Flag(msgspec.Struct, frozen=True):
    kind: str
    text: str
    value: str
    at: str


class _Source(msgspec.Struct, frozen=True):
    flags: tuple[_Flag, ...]
    unknown: bool = False
    """True for a variable whose value comes from elsewhere."""


def read_heap(raw: dict[str, Any], image: str | None, memory_max_bytes: int | None) -> Heap | None:
    """Return what a container tells its JVM, None when no JVM is recognised; percentages are of `memory_max_bytes`."""
    variables = _variables(raw.get("env"))
    lines = _lines(raw)
    visible = any(_is_java(token) for _, text in lines for token in _tokens(text))
    if not variables and not visible and not (image and _is_java_image(image)):
        return None
    sources = _sources(variables, lines, visible=visible)
    maximum = _decide(sources, "max")
    share = _decide(sources, "max%") if maximum is None else None
    initial = _decide(sources, "initial")
    initial_share = _decide(sources, "initial%") if initial is None else None
    flag = maximum or share
    shown = flag if isinstance(flag, _Flag) else None
    touch = _decide(sources, "touch")
    return Heap(
        _amount(maximum, share, memory_max_bytes),
        _amount(initial, initial_share, memory_max_bytes),
        shown.text if shown else None,
        shown.at if shown else None,
        isinstance(touch, _Flag) and touch.value == "+",
    )


def _amount(fixed: "_Flag | bool | None", share: "_Flag | bool | None", memory_max_bytes: int | None) -> int | None:
    if isinstance(fixed, _Flag):
        match = _SIZE.fullmatch(fixed.value)
        return int(match[1][:19]) * _FACTORS[match[2].lower()] if match else None
    if not isinstance(share, _Flag) or memory_max_bytes is None:
        return None
    try:
        percent = float(share.value)
    except ValueError:
        return None
    return int(memory_max_bytes * percent / 100) if 0 <= percent <= 100 else None


def _decide(sources: list[_Source], kind: str) -> "_Flag | bool | None":
    """Return the flag that wins, True when an unknown source may decide, None when nobody says."""
    for source in reversed(sources):
        if source.unknown:
            return True
        for flag in reversed(source.flags):
            if flag.kind == kind:
                return flag
    return None


def _sources(
    variables: dict[str, tuple[str | None, str]], lines: list[tuple[str, str]], *, visible: bool
) -> list[_Source]:
    command = " ".join(text for _, text in lines)
    names = [*_OWN, *_SCRIPTS, "", *_LAST]
    sources: list[_Source] = []
    for name in names:
        if not name:
            sources.append(_Source(tuple(_command_flags(lines, visible=visible))))
        elif name in variables and not (visible and name in _SCRIPTS and name not in command):
            text, at = variables[name]
            sources.append(_Source((), unknown=True) if text is None else _Source(tuple(_flags(_tokens(text), at))))
    return sources


def _variables(env: object) -> dict[str, tuple[str | None, str]]:
    found: dict[str, tuple[str | None, str]] = {}
    for index, item in enumerate(env) if isinstance(env, list) else ():
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and name in _VARIABLES:
            value = item.get("value")
            text = value if isinstance(value, str) else None if "valueFrom" in item else ""
            found[name] = (text, f"env[{index}].value")
    return found


def _lines(raw: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key in ("command", "args"):
        items = raw.get(key)
        if isinstance(items, list):
            found.extend((f"{key}[{index}]", item) for index, item in enumerate(items) if isinstance(item, str))
    return found


def _command_flags(lines: list[tuple[str, str]], *, visible: bool) -> Iterator[_Flag]:
    """Yield the flags of the command line; behind `-jar x.jar` or a main class everything is the program's."""
    reading, skip = not visible, False
    for at, text in lines:
        # A whole argument is one token unless it is a script.
        tokens = _tokens(text) if " " in text else [text]
        for token in tokens:
            if _is_java(token):
                reading, skip = True, False
            elif not reading:
                continue
            elif skip:
                skip = False
            elif visible and (token == "-jar" or not token.startswith(("-", "$", "@"))):  # noqa: S105 - a flag
                reading = False
            elif token in _TAKES_VALUE:
                skip = True
            else:
                yield from _flags([token], at)


def _flags(tokens: list[str], at: str) -> Iterator[_Flag]:
    for token in tokens:
        # JAVA_OPTS="-Xmx1g -Xms1g" inside a script is a variable of the script.
        name, equals, value = token.partition("=")
        if equals and not name.startswith("-") and value:
            yield from _flags(_tokens(value.strip("\"'")), at)
            continue
        bare = token.strip("\"'")
        if bare in ("-XX:+AlwaysPreTouch", "-XX:-AlwaysPreTouch"):
            yield _Flag("touch", bare, bare[4], at)
        for prefix, kind in _FLAGS:
            if bare.startswith(prefix):
                yield _Flag(kind, bare, bare[len(prefix) :], at)


@lru_cache(maxsize=2048)
def _split(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text))


def _tokens(text: str) -> list[str]:
    return list(_split(text))


def _is_java(token: str) -> bool:
    return token == "java" or token.endswith("/java")  # noqa: S105 - a command


@lru_cache(maxsize=2048)
def _is_java_image(image: str) -> bool:
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return name in _IMAGES
