"""One nightly run from its parts: what goes to which cluster, what is kept when something fails or is interrupted."""

import json
from contextlib import contextmanager

import msgspec
import pytest

from auditor.api import Audit, sizing_profile
from auditor.deliver.night import Work, run_night
from auditor.deliver.place import open_place
from auditor.deliver.summary import render
from auditor.nightly_config import ClusterConfig, MetricsConfig, Nightly, PolicyReportsConfig
from auditor.sources.cluster.connect import Answer
from auditor.sources.cluster.kubeconfig import ClusterError
from tests.deliver.samples import DB, NIGHT, SKIPPED, WEB, finding, report

OURS = {"items": [{"metadata": {"name": "memory-auditor", "uid": "u1", "namespace": "team-old"}}]}
SERVED = {"resources": [{"name": "reports"}, {"name": "clusterreports"}]}


class Cluster:
    """Has the API of reports and one object of ours of an earlier night; remembers what is written."""

    def __init__(self, name):
        self.name = name
        self.sent = []

    @contextmanager
    def __call__(self):
        yield self

    def get(self, path, query=(), accept=""):  # noqa: ARG002 - the connection's interface
        if path == "/apis/openreports.io/v1alpha1":
            return Answer(200, json.dumps(SERVED).encode())
        there = OURS if path.endswith("/reports") else {"items": None}
        return Answer(200, json.dumps(there).encode())

    def send(self, method, path, query, body, content_type=""):  # noqa: ARG002 - the connection's interface
        self.sent.append((method, path.partition("v1alpha1/")[2], json.loads(body)))
        return Answer(200, b"{}")

    def clean(self, text):
        return text


def work(tmp_path, *findings, skipped=(), interrupted=False, **changes):
    made = report(*findings, skipped=skipped)
    nightly = Nightly(policy_reports=PolicyReportsConfig(), **changes.pop("nightly", {}))
    values = {
        "nightly": nightly,
        "folder": tmp_path,
        "started": NIGHT,
        "fail_on": "high",
        "audit": lambda: Audit(made, (), None, interrupted=interrupted),
        "profile": sizing_profile,
        "sleep": lambda _: None,
    }
    return Work(**(values | changes))


def written(cluster):
    return [(method, path) for method, path, _ in cluster.sent]


def test_each_cluster_gets_the_findings_about_itself(tmp_path):
    prod, test = Cluster("prod"), Cluster("test")
    found = (finding(1, cluster="prod"), finding(2, cluster="test", workload=DB), finding(3))
    night = run_night(work(tmp_path, *found, clusters=(prod, test)))
    assert written(prod) == [
        ("POST", "namespaces/team-a/reports"),
        ("DELETE", "namespaces/team-old/reports/memory-auditor"),
    ]
    assert written(test)[0] == ("POST", "namespaces/team-b/reports")
    (result,) = prod.sent[0][2]["results"]
    assert result["properties"]["fingerprint"] == f"{1:032x}"
    assert night.done == ("policy reports: openreports.io: 1 written, 1 removed",) * 2


def test_a_cluster_goes_by_the_name_that_the_config_gives_it(tmp_path):
    cluster = Cluster("kubernetes-admin@kubernetes")
    named = {"cluster": ClusterConfig(name="prod")}
    run_night(work(tmp_path, finding(1, cluster="prod"), clusters=(cluster,), nightly=named))
    assert ("POST", "namespaces/team-a/reports") in written(cluster)


@pytest.mark.parametrize(
    ("changes", "skipped"),
    [({"namespaces": ("team-a",)}, ()), ({"selector": "app=web"}, ()), ({}, (SKIPPED,))],
    ids=["namespaces", "selector", "incomplete"],
)
def test_what_was_not_looked_at_is_not_removed(tmp_path, changes, skipped):
    cluster = Cluster("prod")
    found = finding(1, cluster="prod")
    nightly = {"cluster": ClusterConfig(**changes)}
    run_night(work(tmp_path, found, clusters=(cluster,), nightly=nightly, skipped=skipped))
    assert "DELETE" not in [method for method, _ in written(cluster)]


def test_a_cluster_that_is_gone_by_then_is_told_and_the_next_one_gets_its_reports(tmp_path):
    def gone():
        raise ClusterError("context prod: the server does not accept the credentials")

    test = Cluster("test")
    night = run_night(work(tmp_path, finding(1, cluster="test"), clusters=(gone, test)))
    assert night.faults == ("policy reports: context prod: the server does not accept the credentials",)
    assert not night.complete
    assert written(test)


def test_results_that_do_not_fit_are_told(tmp_path):
    small = {"nightly": {}, "clusters": (Cluster("prod"),)}
    many = [finding(number, cluster="prod") for number in range(9)]
    made = work(tmp_path, *many, **small)
    config = PolicyReportsConfig(max_results=2, max_objects=2)
    made = Work(
        **{name: getattr(made, name) for name in Work.__slots__}
        | {"nightly": msgspec.structs.replace(made.nightly, policy_reports=config)}
    )
    assert "policy reports: openreports.io: 5 results left out for want of room" in run_night(made).notes


def test_an_interrupted_run_stores_and_delivers_nothing(tmp_path):
    cluster = Cluster("prod")
    nightly = {"metrics": MetricsConfig(textfile="a.prom"), "reports": "audits"}
    place = open_place("audits", tmp_path)
    night = run_night(
        work(tmp_path, finding(1, cluster="prod"), interrupted=True, clusters=(cluster,), place=place, nightly=nightly)
    )
    assert cluster.sent == []
    assert list(tmp_path.iterdir()) == []
    assert "interrupted: nothing was stored or delivered" in render(night)


def test_the_summary_is_bounded_and_holds_no_character_that_moves_a_terminal(tmp_path):
    nasty = msgspec.structs.replace(WEB, name="::error::\x1b[31m\u202e")
    many = [finding(number, workload=nasty, cluster="prod") for number in range(300)]
    text = render(run_night(work(tmp_path, *many, place=open_place("audits", tmp_path))))
    assert "  and 250 more\n" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert text.startswith("Memory audit of prod, 2026-11-24 03:00 UTC: 300 findings: 300 high\n")


def test_of_an_incomplete_run_nothing_is_said_to_be_fixed(tmp_path):
    place = open_place("audits", tmp_path)
    run_night(work(tmp_path, finding(1), place=place))
    night = run_night(work(tmp_path, skipped=(SKIPPED,), place=place))
    assert "\nFixed, or not seen in this run:\n" in render(night)
