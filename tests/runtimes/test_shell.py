"""Scripts are split as a shell splits them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.runtimes.environment import UNKNOWN, Environment, Source, Variable
from auditor.runtimes.shell import read_script, split_words

SET = Environment(
    {"OPTS": Variable("-a -b", "env[0].value"), "EMPTY": Variable("", "env[1].value")},
    (Source("SECRET_", None, "envFrom[0]"),),
)


def commands(script):
    return [[word.text for word in command] for command in read_script(script, "args[0]", SET).commands]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("java -Xmx1g", [["java", "-Xmx1g"]]),
        ("cd /app && exec java -jar a.jar", [["cd", "/app"], ["java", "-jar", "a.jar"]]),
        ("a; b | c & d || e", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("if x; then\n  exec java\nfi", [["x"], ["java"], ["fi"]]),
        ("java 'a b' \"c d\" e\\ f", [["java", "a b", "c d", "e f"]]),
        ("java -Da='b c'd", [["java", "-Da=b cd"]]),
        ("java \\\n  -Xmx1g", [["java", "-Xmx1g"]]),
        ("a # java -Xmx1g\nb", [["a"], ["b"]]),
        ("a '' \"\"", [["a", "", ""]]),
        ("a $OPTS ${OPTS}", [["a", "-a", "-b", "-a", "-b"]]),
        ('a "$OPTS"', [["a", "-a -b"]]),
        ("a '$OPTS'", [["a", "$OPTS"]]),
        ("a \\$OPTS", [["a", "$OPTS"]]),
        ("a x$OPTS", [["a", "x-a", "-b"]]),
        ("a $EMPTY b", [["a", "b"]]),
        ("a ${EMPTY:-c} ${NOBODY:-d e} ${NOBODY-f}", [["a", "c", "d", "e", "f"]]),
        ("a $NOBODY ${SECRET_X:-1}", [["a", UNKNOWN, UNKNOWN]]),
        (
            "a $(nproc) `nproc` $(( $(x) / 2 ))m $@ ${OPTS%b}",
            [["a", UNKNOWN, UNKNOWN, f"{UNKNOWN}m", UNKNOWN, UNKNOWN]],
        ),
        ("(a; b)", [["a"], ["b"]]),
    ],
)
def test_a_script_has_the_commands_of_a_shell(script, expected):
    assert commands(script) == expected


def test_a_variable_of_the_script_holds_from_where_it_stands():
    assert commands('M=512; java -Xmx${M}m; M="1 2"; x $M') == [["java", "-Xmx512m"], ["x", "1", "2"]]


@pytest.mark.parametrize(
    ("script", "exported"),
    [
        ("A=1 ./start.sh", {"A": "1"}),
        ("export A=1 B='2 3'; ./start.sh", {"A": "1", "B": "2 3"}),
        ("env A=1 ./start.sh", {"A": "1"}),
        ("A=1; ./start.sh", {}),
        ("OPTS=1; ./start.sh", {"OPTS": "1"}),
        ('export OPTS="$OPTS -c"; ./start.sh', {"OPTS": "-a -b -c"}),
    ],
)
def test_programs_see_the_assignments_that_are_exported(script, exported):
    found = read_script(script, "args[0]", SET).exported
    assert {name: variable.text for name, variable in found.items()} == exported


def test_a_word_from_a_variable_has_the_variables_place():
    (words,) = read_script("java $OPTS -c", "args[0]", SET).commands
    assert [word.at for word in words] == ["args[0]", "env[0].value", "env[0].value", "args[0]"]


def test_a_value_is_split_into_words_with_quotes_and_no_operators():
    words = split_words("-a 'b c' \"d\ne\" f;g (h)\n$X", "env[0].value")
    assert [word.text for word in words] == ["-a", "b c", "d\ne", "f;g", "(h)", "$X"]


@given(st.text(st.sampled_from("ab $(){}`'\"\\\n;&|#=-:X\0"), max_size=60))
def test_any_text_is_read(text):
    for command in read_script(text, "args[0]", SET).commands:
        assert command
    assert all(word.at == "env[0].value" for word in split_words(text, "env[0].value"))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="'\0"), max_size=10), min_size=1, max_size=5))
def test_words_in_single_quotes_come_back_as_they_are(words):
    text = "x " + " ".join(f"'{word}'" for word in words)
    assert commands(text) == [["x", *words]]


@pytest.mark.parametrize("piece", ["$(", "${", "`", '"', "'", "\\", "((", "$((", "a=", '"$(', "#"])
def test_a_hostile_script_is_read_in_time(piece):
    started = time.perf_counter()
    read_script(piece * 500_000, "args[0]", SET)
    assert time.perf_counter() - started < 5


def test_variables_that_double_in_a_script_are_not_followed():
    (words,) = read_script("A=xxxxxxxxxx;" + "A=$A$A;" * 60 + "java $A", "args[0]", SET).commands
    assert UNKNOWN in words[1].text
    assert len(words[1].text) < 10**6
