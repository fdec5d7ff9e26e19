"""LimitRanges and ResourceQuotas themselves: a real API server defaults and refuses them as we say."""

import pytest

from auditor.kube.limitrange import LimitRange, contradictions, read_limit_range
from auditor.kube.objects import Fault
from auditor.kube.quantity import parse
from auditor.kube.quota import read_quota
from tests.kubernetes.generate import Generator
from tests.kubernetes.words import assert_none

COUNT = 1500
SPACE = "limits-and-quotas"
SIZES = ("0", "1500m", "64Mi", "64Mi", "67108864", "100M", "128Mi", "0.5Gi", "1Gi", "1G")
RATIOS = ("1", "1", "1.5", "2", "4", "500m", "16", "1.001")
BAD = ("1KB", "", True)
NEGATIVE = "-1"
"""The server takes it in a LimitRange, where we cannot read it."""
FIELDS = ("min", "max", "default", "defaultRequest")
OUR_KEYS = ("memory", "requests.memory", "limits.memory", "cpu", "limits.cpu", "pods", "count/pods", "hugepages-2Mi")
QUOTA_KEYS = (
    *OUR_KEYS,
    *("requests.hugepages-2Mi", "limits.hugepages-2Mi", "mem", "memroy", "configmaps", "requests.storage"),
    *("requests.ephemeral-storage", "example.com/gpu", "requests.example.com/gpu"),
)
HARD = ("0", "1", "2", "4Mi", "1Gi", "1500m")
SCOPES = (
    *("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "PriorityClass"),
    *("CrossNamespacePodAffinity", "VolumeAttributesClass", "Nonsense"),
)
OPERATORS = ("In", "NotIn", "Exists", "Exists", "DoesNotExist", "Near")


class Limits(Generator):
    """Specs of LimitRanges and ResourceQuotas, right and wrong."""

    def amount(self, values, *more):
        return self.rng.choice((*BAD, *more)) if self.chance(0.01) else self.rng.choice(values)

    def limit_range(self):
        item = {"type": "Container" if self.chance(0.8) else "Pod"}
        for field in FIELDS[: 2 if item["type"] == "Pod" else 4]:
            if self.chance(0.45):
                item[field] = {"memory": self.amount(SIZES)}
        if self.chance(0.3):
            item["maxLimitRequestRatio"] = {"memory": self.amount(RATIOS)}
        return {"limits": [item]}

    def quota(self):
        keys = self.rng.sample(OUR_KEYS, 2) if self.chance(0.6) else self.rng.sample(QUOTA_KEYS, 2)
        # What is no memory, cpu or number of pods is not looked at.
        hard = {key: self.amount(HARD, NEGATIVE) if key in OUR_KEYS else self.rng.choice(("0", "2")) for key in keys}
        spec = {"hard": hard}
        if self.chance(0.4):
            spec["scopes"] = self.rng.sample(SCOPES, self.rng.choice((1, 1, 2)))
        if self.chance(0.3):
            expressions = []
            for _ in range(self.rng.choice((1, 1, 2))):
                expression = {"scopeName": self.rng.choice(SCOPES), "operator": self.rng.choice(OPERATORS)}
                if self.chance(0.5):
                    expression["values"] = ["high"]
                expressions.append(expression)
            spec["scopeSelector"] = {"matchExpressions": expressions}
        return spec


@pytest.fixture(scope="module")
def space(lab):
    lab.create("/api/v1/namespaces", {"metadata": {"name": SPACE}})
    return f"/api/v1/namespaces/{SPACE}"


def ask(lab, path, kind, specs):
    bodies = [{"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec} for spec in specs]
    return lab.call_all(("POST", f"{path}?dryRun=All", body) for body in bodies)


@pytest.fixture(scope="module")
def ranges(lab, space):
    """Return (spec, what we read, status code, body)."""
    generator = Limits()
    specs = [generator.limit_range() for _ in range(COUNT)]
    answers = ask(lab, f"{space}/limitranges", "LimitRange", specs)
    return [
        (spec, read_limit_range({"spec": spec}, "x", ""), *answer) for spec, answer in zip(specs, answers, strict=True)
    ]


def test_the_same_limit_ranges_are_refused(ranges):
    wrong = []
    for spec, ours, status, body in ranges:
        faults = [ours] if isinstance(ours, Fault) else [words for item in ours.items for words in contradictions(item)]
        if bool(faults) != (status != 201):
            wrong.append((spec, faults, status, body.get("message")))
    assert_none(wrong)


def test_limit_ranges_are_defaulted_alike(ranges):
    wrong = []
    for spec, ours, status, body in ranges:
        if status != 201 or not isinstance(ours, LimitRange):
            continue
        for item, theirs in zip(ours.items, body["spec"]["limits"], strict=True):
            amounts = (item.min, item.max, item.default, item.default_request)
            for field, found in zip(FIELDS, amounts, strict=True):
                expected = {key: parse(value).milli for key, value in theirs.get(field, {}).items()}
                if found != expected:
                    wrong.append((spec, field, found, expected))
    assert_none(wrong)


def test_the_same_quotas_are_refused(lab, space):
    generator = Limits()
    specs = [generator.quota() for _ in range(COUNT)]
    wrong = []
    for spec, (status, body) in zip(specs, ask(lab, f"{space}/resourcequotas", "ResourceQuota", specs), strict=True):
        ours = read_quota({"spec": spec}, "x", "")
        if isinstance(ours, Fault) != (status != 201):
            wrong.append((spec, ours, status, body.get("message")))
    assert_none(wrong)
