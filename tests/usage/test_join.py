"""Which history belongs to which workload."""

from datetime import UTC, date, datetime

import pytest

from auditor.usage.join import ContainerHistory, History, Rename, renamed
from auditor.usage.model import UsageDay
from auditor.usage.statistics import facts_of

DAY = date(2026, 1, 31)


def history(name="web", kind="Deployment", namespace="shop", container="app"):
    row = UsageDay(
        day=DAY,
        namespace=namespace,
        workload_kind=kind,
        workload_name=name,
        pod="p",
        container=container,
        samples=1440,
        coverage=1.0,
        max_bytes=7,
        source="test",
        collected_at=datetime(2026, 2, 1, tzinfo=UTC),
    )
    return ContainerHistory((namespace, kind, name), container, None, facts_of([row], until=DAY, window_days=1))


def test_a_workload_has_the_history_of_its_namespace_kind_and_name():
    found = History.build([history(), history(container="proxy"), history("api")])
    assert list(found.of("shop", "Deployment", "web")) == ["app", "proxy"]
    assert found.of("shop", "StatefulSet", "web") == {}
    assert found.of("pay", "Deployment", "web") == {}


def test_a_workload_without_a_namespace_has_none():
    assert History.build([history()]).of(None, "Deployment", "web") == {}


def test_the_first_rule_that_matches_the_whole_name_renames_it():
    rules = [Rename("prod-(.+)", r"\1"), Rename("prod-web", "other")]
    assert renamed("prod-web", rules) == "web"
    assert renamed("my-prod-web", rules) == "my-prod-web"
    found = History.build([history("prod-web")], rules)
    assert list(found.of("shop", "Deployment", "web")) == ["app"]


def test_two_workloads_under_one_name_join_nothing_and_are_named():
    found = History.build([history("prod-web"), history("web")], [Rename("prod-(.+)", r"\1")])
    assert found.of("shop", "Deployment", "web") == {}
    assert found.ambiguous == (("shop", "Deployment", "web"),)


@pytest.mark.parametrize("rule", [Rename("(", "x"), Rename("a.*", r"\3")])
def test_a_rule_that_cannot_be_used_says_so(rule):
    with pytest.raises(ValueError, match=r"\(|a"):
        renamed("abc", [rule])
