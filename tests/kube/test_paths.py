"""Paths in an object as text."""

import pytest

from auditor.kube.paths import path_text


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
