"""Label selectors match as Kubernetes' labels.Selector does (k8s.io/apimachinery/pkg/labels/selector_test.go)."""

import pytest

from auditor.sources.cluster.selector import Selector, SelectorError

LABELS = {"x": "y", "z": "w", "environment": "qa"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("x=y", True),
        ("x==y", True),
        ("x=y,z=w", True),
        ("x = y , z = w", True),
        ("x!=z", True),
        ("x!=y", False),
        ("absent!=anything", True),
        ("notin=in", False),
        ("x", True),
        ("!x", False),
        ("!absent", True),
        ("environment in (qa, production)", True),
        ("environment in (production)", False),
        ("environment notin (production)", True),
        ("absent notin (a)", True),
        ("x in (y),z notin (a,b),environment", True),
        ("empty=", False),
    ],
)
def test_a_selector_matches_as_kubernetes_matches(text, matches):
    assert Selector.parse(text).matches(LABELS) is matches


@pytest.mark.parametrize("text", ["", "x=y,", "=y", "x in y", "x=a=b", "(a)", "x,,y"])
def test_what_is_no_selector_is_refused(text):
    with pytest.raises(SelectorError, match="label selector"):
        Selector.parse(text)
