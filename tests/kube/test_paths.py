"""Paths in an object as text."""

import pytest

from auditor.kube.paths import path_text, with_value


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "template", "spec"), "spec.template.spec"),
        (("items", 3, "spec"), "items[3].spec"),
        (("x.y", "a[b", 0), '["x.y"]["a[b"][0]'),
        ((), ""),
    ],
)
def test_a_path_is_written_as_reports_show_it(path, text):
    assert path_text(path) == text


def test_a_value_is_put_at_a_path_without_changing_the_data_it_is_put_into():
    data = {"spec": {"items": [{"a": 1}, {"b": 2}], "kept": {"c": 3}}}
    changed = with_value(data, ("spec", "items", 1, "b"), 9)
    assert changed == {"spec": {"items": [{"a": 1}, {"b": 9}], "kept": {"c": 3}}}
    assert data == {"spec": {"items": [{"a": 1}, {"b": 2}], "kept": {"c": 3}}}
    assert changed["spec"]["kept"] is data["spec"]["kept"]
    assert with_value({}, ("x", "y"), 1) == {"x": {"y": 1}}
    with pytest.raises(LookupError):
        with_value({"items": []}, ("items", 0), 1)
