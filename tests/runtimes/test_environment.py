"""The environment of a container is what the kubelet builds (kubelet_pods.go, expand.go)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.runtimes.environment import UNKNOWN, Environment, Variable, expand, read_environment
from auditor.runtimes.model import Around

MIB = 2**20
MAPS = {"app": {"JAVA_OPTS": "-Xmx1g", "SIZE": "512"}, "more": {"SIZE": "256"}}


def around(**changes):
    facts = {"request_bytes": None, "limit_bytes": None, "memory_max_bytes": None}
    facts |= {"node_allocatable_bytes": None, "node_capacity_bytes": None, "config_maps": MAPS}
    return Around(**{**facts, **changes})


def read(surroundings=None, **raw):
    return read_environment(raw, surroundings or around())


def value(variable_name, surroundings=None, **raw):
    variable = read(surroundings, **raw).find(variable_name)
    return None if variable is None else variable.text


def from_map(name, **more):
    return {"configMapRef": {"name": name}, **more}


def from_secret(name="s", **more):
    return {"secretRef": {"name": name}, **more}


def field(resource, name="V", **more):
    return [{"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource, **more}}}]


def test_the_later_source_of_env_from_wins():
    assert value("SIZE", envFrom=[from_map("app"), from_map("more")]) == "256"
    assert value("SIZE", envFrom=[from_map("more"), from_map("app")]) == "512"


def test_env_beats_env_from_and_its_later_entry_wins():
    env = [{"name": "SIZE", "value": "1"}, {"name": "SIZE", "value": "2"}]
    assert value("SIZE", envFrom=[from_map("app")], env=env) == "2"


def test_a_prefix_is_put_before_the_names_of_a_source():
    found = read(envFrom=[from_map("app", prefix="X_")])
    assert found.find("X_SIZE").text == "512"
    assert found.find("SIZE") is None


def test_a_place_is_the_entry_that_sets_the_variable():
    found = read(
        envFrom=[from_secret(), from_map("app")],
        env=[
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
    )
    assert [found.find(name).at for name in ("SIZE", "A", "B")] == ["envFrom[1]", "env[0].value", "env[1].valueFrom"]


@pytest.mark.parametrize("source", [from_secret(), from_map("elsewhere"), from_map(None)])
def test_a_source_that_is_not_in_the_input_may_hold_any_variable(source):
    found = read(envFrom=[source], env=[{"name": "SET", "value": "1"}])
    assert found.may_change("JAVA_OPTS")
    assert not found.may_change("SET")


def test_a_source_with_a_prefix_may_hold_only_names_with_it():
    found = read(envFrom=[from_secret(prefix="DB_")])
    assert found.may_change("DB_URL")
    assert not found.may_change("JAVA_OPTS")


def test_a_later_hidden_source_may_replace_a_known_variable_and_a_later_known_one_settles_it():
    assert read(envFrom=[from_map("app"), from_secret()]).may_change("JAVA_OPTS")
    assert not read(envFrom=[from_secret(), from_map("app")]).may_change("JAVA_OPTS")


def test_a_value_may_refer_to_earlier_variables_only():
    env = [
        {"name": "A", "value": "$(B)-$(SIZE)"},
        {"name": "B", "value": "b"},
        {"name": "C", "value": "$(A)$(B)"},
    ]
    assert value("A", envFrom=[from_map("app")], env=env) == "$(B)-512"
    assert value("C", envFrom=[from_map("app")], env=env) == "$(B)-512b"


def test_a_value_from_a_config_map_is_not_expanded():
    maps = {"app": {"V": "$(A)"}}
    env = [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "app", "key": "V"}}}]
    assert value("B", around(config_maps=maps), env=env) == "$(A)"


def test_an_optional_key_that_is_absent_leaves_what_was_there():
    reference = {"name": "more", "key": "JAVA_OPTS", "optional": True}
    env = [{"name": "JAVA_OPTS", "valueFrom": {"configMapKeyRef": reference}}]
    assert value("JAVA_OPTS", envFrom=[from_map("app")], env=env) == "-Xmx1g"
    assert value("JAVA_OPTS", env=env) is None


@pytest.mark.parametrize(
    "source",
    [
        {"configMapKeyRef": {"name": "app", "key": "absent"}},
        {"configMapKeyRef": {"name": "elsewhere", "key": "k", "optional": True}},
        {"secretKeyRef": {"name": "s", "key": "k"}},
        {"fieldRef": {"fieldPath": "metadata.name"}},
        {"fileKeyRef": {"path": "f", "key": "k"}},
        {},
    ],
)
def test_what_the_input_does_not_tell_is_unknown(source):
    assert value("V", env=[{"name": "V", "valueFrom": source}]) == UNKNOWN


@pytest.mark.parametrize(
    ("divisor", "text"),
    [(None, "536870913"), ("0", "536870913"), ("1", "536870913"), ("1Mi", "513"), ("1M", "537"), ("1Gi", "1")],
)
def test_a_resource_field_is_divided_and_rounded_up(divisor, text):
    env = field("limits.memory") if divisor is None else field("limits.memory", divisor=divisor)
    assert value("V", around(limit_bytes=512 * MIB + 1), env=env) == text


def test_without_a_limit_the_field_is_the_pods_limit_then_the_nodes_allocatable_memory():
    env = field("limits.memory", divisor="1Mi")
    assert value("V", around(memory_max_bytes=300 * MIB, node_allocatable_bytes=900 * MIB), env=env) == "300"
    assert value("V", around(node_allocatable_bytes=900 * MIB), env=env) == "900"
    assert value("V", around(limit_bytes=0, node_allocatable_bytes=900 * MIB), env=env) == "900"
    assert value("V", around(node_capacity_bytes=900 * MIB), env=env) == UNKNOWN


def test_a_request_is_the_containers_own():
    assert value("V", around(request_bytes=5 * MIB), env=field("requests.memory", divisor="1Mi")) == "5"
    assert value("V", around(limit_bytes=5 * MIB), env=field("requests.memory")) == UNKNOWN


def test_a_field_of_another_container_or_resource_is_unknown():
    own = field("limits.memory", containerName="me")
    assert value("V", around(limit_bytes=7), name="me", env=own) == "7"
    assert value("V", around(limit_bytes=7), name="you", env=own) == UNKNOWN
    assert value("V", around(limit_bytes=7), env=field("limits.cpu")) == UNKNOWN
    assert value("V", around(limit_bytes=7), env=field("limits.memory", divisor="x")) == UNKNOWN


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NOBODY)", "$(NOBODY)"),
        ("$(A", "$(A"),
        ("$A ${A}", "$A ${A}"),
        ("a$", "a$"),
        ("$(A)$(A)", "11"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text, expanded):
    assert expand(text, Environment({"A": Variable("1", "env[0].value")})) == expanded


def _as_go(text, values):
    """Expand, written after the loop of expand.go."""
    out, cursor = "", 0
    while cursor < len(text):
        if text[cursor] != "$" or cursor + 1 == len(text):
            out, cursor = out + text[cursor], cursor + 1
        elif text[cursor + 1] == "$":
            out, cursor = out + "$", cursor + 2
        elif text[cursor + 1] == "(":
            end = text.find(")", cursor + 2)
            if end < 0:
                out, cursor = out + "$(", cursor + 2
            else:
                name = text[cursor + 2 : end]
                out, cursor = out + values.get(name, f"$({name})"), end + 1
        else:
            out, cursor = out + text[cursor : cursor + 2], cursor + 2
    return out


@given(st.text("$()AB x", max_size=20))
def test_any_text_expands_as_in_the_go_source(text):
    values = {"A": "one", "B": "$(A)", "": "empty"}
    environment = Environment({name: Variable(value, "env[0].value") for name, value in values.items()})
    assert expand(text, environment) == _as_go(text, values)


def test_a_reference_to_what_a_hidden_source_may_hold_is_unknown():
    assert value("V", envFrom=[from_secret()], env=[{"name": "V", "value": "-Xmx$(X)m"}]) == f"-Xmx{UNKNOWN}m"


def test_references_that_double_a_value_again_and_again_are_not_followed():
    doubling = [{"name": f"V{i + 1}", "value": f"$(V{i})$(V{i})"} for i in range(60)]
    env = [{"name": "V0", "value": "x" * 100}, *doubling]
    assert value("V3", env=env) == "x" * 800
    assert UNKNOWN in value("V60", env=env)
    assert len(value("V60", env=env)) < 10**6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["name", "value", "valueFrom", "prefix", "configMapRef", "secretRef", "resourceFieldRef"])


@given(env=JSON | st.lists(st.dictionaries(KEYS, JSON)), env_from=JSON | st.lists(st.dictionaries(KEYS, JSON)))
def test_any_shape_is_read(env, env_from):
    assert isinstance(read(env=env, envFrom=env_from), Environment)
