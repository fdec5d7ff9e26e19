"""What a Java virtual machine in a container was told about its heap.

Precedence, lowest first: JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS, variables that start scripts put on the command line
(JAVA_OPTS ...), the command line, _JAVA_OPTIONS. Within a line the later flag wins. A fixed size beats a percentage.
Where `java` itself is visible in the command, a script's variable counts only if the command names it.

Source: HotSpot's arguments.cpp (Arguments::set_heap_size), checked against OpenJDK 17 and 25.
"""

import re
from collections.abc import Iterator

import msgspec

from auditor.runtimes.environment import UNKNOWN
from auditor.runtimes.flags import HIDDEN, MAYBE, Decision, Setting, decide, shown
from auditor.runtimes.model import Around, Heap
from auditor.runtimes.shell import Word, split_words
from auditor.runtimes.view import View

PROGRAMS = frozenset(("java",))
"""The commands that are this runtime."""
_SELF_SIZING = frozenset(
    (
        *("elasticsearch", "opensearch", "logstash", "kafka", "cp-kafka", "cp-schema-registry", "zookeeper"),
        *("cassandra", "wildfly", "keycloak", "solr", "neo4j", "sonarqube", "nexus3", "activemq", "artemis"),
        *("trino", "spark", "flink", "hbase", "hive", "pulsar"),
    )
)
IMAGES = _SELF_SIZING | frozenset(
    (
        *("openjdk", "eclipse-temurin", "temurin", "amazoncorretto", "corretto", "zulu-openjdk", "sapmachine"),
        *("ibm-semeru-runtimes", "liberica-openjdk-alpine", "liberica-openjre-alpine", "java", "tomcat", "jetty"),
        *("jenkins", "spring-boot", "maven", "gradle"),
    )
)
"""Names of images that run a JVM; the start scripts of some bring a heap size of their own (`_SELF_SIZING`)."""
_OWN = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
_SCRIPTS = (
    *("JAVA_OPTS", "JAVA_OPTIONS", "CATALINA_OPTS", "ES_JAVA_OPTS", "OPENSEARCH_JAVA_OPTS", "LS_JAVA_OPTS"),
    *("KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "SOLR_OPTS", "SOLR_JAVA_MEM", "JVM_OPTS"),
    *("JENKINS_JAVA_OPTS", "JENKINS_OPTS", "JAVA_OPTS_APPEND", "JVM_ARGS", "SERVER_JVMFLAGS", "MAVEN_OPTS"),
)
_LAST = "_JAVA_OPTIONS"
VARIABLES = frozenset((*_OWN, *_SCRIPTS, _LAST))
"""The variables that only this runtime reads."""

_SIZE = re.compile(r"(0x[0-9a-fA-F]{1,16}|[0-9]{1,19})([kKmMgGtT]?)", re.ASCII)
_PERCENT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?", re.ASCII)
_FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
TAKES_VALUE = frozenset(("-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules"))
"""The flags of `java` whose value is the next word."""
FLAGS = (
    ("-Xmx", "max"),
    ("-XX:MaxHeapSize=", "max"),
    ("-Xms", "initial"),
    ("-XX:InitialHeapSize=", "initial"),
    ("-XX:MaxRAMPercentage=", "max%"),
    ("-XX:MinRAMPercentage=", "min%"),
    ("-XX:InitialRAMPercentage=", "initial%"),
    ("-XX:MaxRAMFraction=", "max/"),
    ("-XX:MinRAMFraction=", "min/"),
    ("-XX:InitialRAMFraction=", "initial/"),
    ("-XX:MaxRAM=", "memory"),
)
"""The start of each flag about memory, and the word for what it sets."""
LAUNCHER_FLAGS = (("-mx", "max"), ("-ms", "initial"))
"""The `java` command knows these, the variables that the machine itself reads do not."""
SWITCHES = {"AlwaysPreTouch": "touch", "UseContainerSupport": "container"}
"""What stands behind `-XX:+` and `-XX:-`, and the word for what it switches."""
# MaxHeapSize before any rule: 96 MiB scaled for 64 bits.
_FLOOR_BYTES = 130_862_280
# The largest heap that compressed pointers reach over HeapBaseMinAddress; only a flag leads above it.
_DEFAULT_CAP_BYTES = 30_688 * 2**20


class _Ergonomics(msgspec.Struct, frozen=True):
    """What the percentages make of the memory."""

    bytes: int
    decided_by: str
    """`min%`, `max%`, or `floor` for the fixed size between them."""


def read(view: View) -> Heap:
    """Return what a container tells its JVM; percentages are of what the JVM takes for the machine's memory."""
    settings = _settings(view)
    memory_bytes = _memory(settings, view.around)
    initial = decide(settings, "initial")
    initial_bytes = size(initial.value) or None
    fixed = decide(settings, "max")
    if fixed.setting is not None:
        heap = _fixed(fixed)
    else:
        heap = _by_percentage(settings, memory_bytes, initial, initial_bytes)
    if not heap.declared and view.image_name in _SELF_SIZING and view.arguments(PROGRAMS) is None:
        heap = msgspec.structs.replace(heap, unknown=True, default_bytes=None)
    if initial_bytes is None and initial.value is None and not initial.hidden:
        initial_bytes = _initial_share(settings, memory_bytes, heap)
    touch = decide(settings, "touch")
    return msgspec.structs.replace(heap, initial_bytes=initial_bytes, always_pre_touch=touch.value == "+")


def size(text: str | None) -> int | None:
    """Return the bytes of a size such as `512m`, None for what the JVM refuses."""
    match = _SIZE.fullmatch(text) if text is not None else None
    return int(match[1], 0 if match[1][1:2] == "x" else 10) * _FACTORS[match[2].lower()] if match else None


def _fixed(decision: Decision) -> Heap:
    setting = decision.setting
    if setting is None or decision.hidden:
        return Heap("jvm", declared=True, unknown=True)
    max_bytes = size(setting.value)
    return Heap(
        "jvm",
        max_bytes=max_bytes or None,
        flag=shown(setting, max_bytes),
        at=setting.at,
        declared=True,
        unknown=decision.unknown,
    )


def _by_percentage(
    settings: list[Setting], memory_bytes: int | None, initial: Decision, initial_bytes: int | None
) -> Heap:
    """Return the heap where no fixed size is set: an initial size above it raises it."""
    maximum, minimum = _share(settings, "max"), _share(settings, "min")
    anything = decide(settings, "max")
    percents = (_percent(maximum, 25.0), _percent(minimum, 50.0))
    ruled = None
    if memory_bytes is not None and percents[0] is not None and percents[1] is not None:
        ruled = _ergonomics(memory_bytes, percents[0], percents[1])
    flag = {"min%": minimum, "max%": maximum}.get(ruled.decided_by) if ruled else maximum
    setting = flag.setting if flag else None
    declared = maximum.setting is not None or setting is not None
    amount = ruled.bytes if ruled else None
    if declared and not anything.hidden:
        if amount is not None and initial_bytes is not None and initial_bytes > amount:
            return _raised(initial, initial_bytes, unknown=anything.unknown)
        by = percents[0 if flag is maximum else 1] if flag else None
        return Heap(
            "jvm",
            max_bytes=amount,
            percent=by,
            flag=shown(setting, by) if setting else None,
            at=setting.at if setting else None,
            declared=True,
            unknown=anything.unknown or flag.unknown if flag else anything.unknown,
        )
    default = None if amount is None or anything.hidden or declared else max(amount, initial_bytes or 0)
    if default is not None and decide(settings, "memory").setting is None:
        default = max(min(default, _DEFAULT_CAP_BYTES), initial_bytes or 0)
    return Heap("jvm", declared=declared, unknown=anything.unknown, default_bytes=default)


def _raised(initial: Decision, initial_bytes: int, *, unknown: bool) -> Heap:
    setting = initial.setting or Setting("initial")
    return Heap("jvm", max_bytes=initial_bytes, flag=shown(setting, 1), at=setting.at, declared=True, unknown=unknown)


def _initial_share(settings: list[Setting], memory_bytes: int | None, heap: Heap) -> int | None:
    share = _share(settings, "initial")
    percent = _percent(share, None)
    if percent is None or memory_bytes is None:
        return None
    top = heap.max_bytes if heap.declared else heap.default_bytes
    amount = int(memory_bytes * percent / 100)
    return amount if top is None else min(amount, top)


def _ergonomics(memory_bytes: int, max_percent: float, min_percent: float) -> _Ergonomics:
    smallest = int(memory_bytes * min_percent / 100)
    if smallest < _FLOOR_BYTES:
        return _Ergonomics(smallest, "min%")
    largest = int(memory_bytes * max_percent / 100)
    return _Ergonomics(largest, "max%") if largest >= _FLOOR_BYTES else _Ergonomics(_FLOOR_BYTES, "floor")


def _share(settings: list[Setting], what: str) -> Decision:
    """Return the percentage that counts: a fraction (JDK 8 to 24) only where no percentage is set."""
    percentage = decide(settings, f"{what}%")
    return percentage if percentage.setting is not None else decide(settings, f"{what}/")


def _percent(decision: Decision, default: float | None) -> float | None:
    """Return the percentage, None when the JVM refuses it or it is not known."""
    setting = decision.setting
    if setting is None:
        return default
    if decision.hidden or not _PERCENT.fullmatch(setting.value):
        return None
    number = float(setting.value)
    if setting.kind.endswith("/"):
        return 100.0 / number if number else None
    return number if number <= 100 else None


def _memory(settings: list[Setting], around: Around) -> int | None:
    """Return what the JVM takes for the machine's memory; -XX:MaxRAM replaces it, even above the limit."""
    ram, container = decide(settings, "memory"), decide(settings, "container")
    if ram.setting is not None:
        return size(ram.value)
    return around.node_capacity_bytes if container.value == "-" else around.memory_bytes


def _settings(view: View) -> list[Setting]:
    """Return all flags in rising precedence."""
    arguments = view.arguments(PROGRAMS)
    settings: list[Setting] = []
    for name in (*_OWN, *_SCRIPTS):
        if arguments is None or name in _OWN:
            settings += _of_variable(view, name)
    if arguments is None:
        settings += _flags(view.words(), launcher=True)
    else:
        settings += _of_command(arguments)
    settings += _of_variable(view, _LAST)
    return settings


def _of_variable(view: View, name: str) -> Iterator[Setting]:
    variable = view.environment.find(name)
    if variable is not None:
        own = name in _OWN or name == _LAST
        words = split_words(variable.text, variable.at, None if own else view.environment)
        yield from _flags(words, launcher=name not in (_LAST, "JAVA_TOOL_OPTIONS"))
    if view.environment.may_change(name):
        yield Setting(MAYBE)


def _of_command(words: tuple[Word, ...]) -> Iterator[Setting]:
    """Yield the flags of `java`; behind `-jar x.jar` or a main class everything is the program's."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.text in TAKES_VALUE:
            skip = True
        elif word.text == "-jar" or not word.text.startswith(("-", "@", UNKNOWN)):
            return
        else:
            yield from _flags((word,), launcher=True)


def _flags(words: tuple[Word, ...], *, launcher: bool) -> Iterator[Setting]:
    for text, at in words:
        if text.startswith(UNKNOWN):
            yield Setting(HIDDEN)
        elif text.startswith(("@", "-XX:Flags=", "-XX:VMOptionsFile=")):
            # A file of flags.
            yield Setting(MAYBE)
        elif text[:5] in ("-XX:+", "-XX:-") and text[5:] in SWITCHES:
            yield Setting(SWITCHES[text[5:]], text[:4], text[4], at)
        else:
            for prefix, kind in (*FLAGS, *LAUNCHER_FLAGS) if launcher else FLAGS:
                if text.startswith(prefix):
                    yield Setting(kind, prefix, text[len(prefix) :], at)
