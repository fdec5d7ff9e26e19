"""Helm values: every container lands where the mapping says, or is told."""

import pytest
import yaml

from auditor.sizing.helm import MappingError, Rule, helm_values, load_mapping
from tests.sizing.test_patches import WANTED, pair


def values(pairs, *rules):
    text, skipped, notes = helm_values(pairs, rules)
    return yaml.safe_load(text), skipped, notes


def test_a_path_template_is_filled_with_the_names():
    found, skipped, notes = values([pair()], Rule("apps.{namespace}.{kind}.{name}.{container}.resources"))
    assert found == {"apps": {"shop": {"Deployment": {"web": {"app": {"resources": WANTED}}}}}}
    assert (skipped, notes) == ((), ())


def test_a_dot_in_a_name_divides_no_key():
    found, _, _ = values([pair(name="web.v2")], Rule("{name}.resources"))
    assert found == {"web.v2": {"resources": WANTED}}


def test_the_first_rule_that_fits_holds():
    rules = (Rule("a", kind="Job"), Rule("b", name="w*", container="app"), Rule("c"))
    found, _, _ = values([pair()], *rules)
    assert found == {"b": WANTED}


def test_a_container_that_no_rule_fits_is_told():
    found, skipped, _ = values([pair(namespace=None)], Rule("a", namespace="shop"))
    assert found == {}
    assert [(item.file, item.reason) for item in skipped] == [
        ("Deployment web, container app", "no rule of the mapping fits: it is in no Helm value")
    ]


def test_containers_that_share_a_value_get_the_larger_of_each_number_and_a_note():
    mib = 2**20
    pairs = [pair(request=300 * mib, limit=900 * mib), pair(request=400 * mib, limit=500 * mib, name="api")]
    found, _, notes = values(pairs, Rule("resources"))
    assert found == {"resources": {"requests": {"memory": "400Mi"}, "limits": {"memory": "900Mi"}}}
    assert notes == ("Deployment api, container app: shares resources with others, which holds the larger numbers",)


def test_a_path_through_the_numbers_of_another_container_is_told():
    rules = (Rule("web.resources", name="web"), Rule("web.resources.limits.memory"))
    _, skipped, _ = values([pair(), pair(name="api")], *rules)
    assert len(skipped) == 1
    assert "leads through another container's" in skipped[0].reason


@pytest.mark.parametrize("first", [True, False])
def test_a_path_that_is_a_parent_of_anothers_keeps_both_in_any_order(first):
    pairs = [pair(), pair(name="api")]
    found, skipped, _ = values(pairs if first else pairs[::-1], Rule("a", name="web"), Rule("a.sub"))
    assert found == {"a": {"sub": WANTED} | WANTED}
    assert skipped == ()


def write(folder, text):
    path = folder / "mapping.yaml"
    path.write_text(text)
    return path


def test_a_mapping_is_read(tmp_path):
    path = write(tmp_path, "values:\n- {path: web.resources, name: web}\n- path: '{name}.resources'\n")
    assert load_mapping(path) == (Rule("web.resources", name="web"), Rule("{name}.resources"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ":1:1: must be a mapping with one key, `values`, a list of rules"),
        ("[]", ":1:1: must be a mapping with one key"),
        ("values: x", ":1:1: must be a mapping with one key"),
        ("values: []\nmore: 1", ":1:1: must be a mapping with one key"),
        ("values:\n- name: web\n", ":2:3: values[0]: Object missing required field `path`"),
        ("values:\n- {path: a, nam: b}\n", ":2:4: values[0]: Object contains unknown field `nam`"),
        (
            "values:\n- {path: '{pod}.a'}\n",
            ":2:4: values[0]: path: {pod} must be one of kind, namespace, name, container",
        ),
        ("values:\n- {path: a..b}\n", ":2:4: values[0]: path: must be keys joined by dots"),
        ("values: [", ":2:1: YAML error"),
    ],
)
def test_a_faulty_mapping_is_told_with_its_place(tmp_path, text, fault):
    path = write(tmp_path, text)
    with pytest.raises(MappingError) as caught:
        load_mapping(path)
    assert str(caught.value).startswith(f"{path}{fault}")


def test_a_mapping_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(MappingError, match="No such file"):
        load_mapping(tmp_path / "none.yaml")
