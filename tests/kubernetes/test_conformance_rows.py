"""Every row of the corpus that is about this version of Kubernetes holds on a real API server."""

import copy
import time
from pathlib import Path

import pytest
import yaml

from auditor.kube.quantity import parse
from tests.kubernetes.words import assert_none, by_value

CORPUS = Path(__file__).parents[1] / "conformance"
INFORMED_SECONDS = 3
# The corpus also says what becomes of pods that are there: an ephemeral container comes later than its pod.
NOT_CREATED = ("ephemeralContainers",)
# Here we say more than the server: which container, and what was written.
OUR_WORDS = ("container i", "512MB")
PATHS = {
    "LimitRange": "/api/v1/namespaces/{}/limitranges",
    "RuntimeClass": "/apis/node.k8s.io/v1/runtimeclasses",
}


def rows():
    """Return (row, pod spec, context) of what a server can be asked, all names made unique."""
    every = [row for path in sorted(CORPUS.glob("*.yaml")) for row in yaml.safe_load(path.read_text()) if "spec" in row]
    # A status is what a server makes itself, and rows about quantities have no pod.
    for index, row in enumerate(row for row in every if "spec" in row and "status" not in row):
        context, spec = copy.deepcopy(row.get("context", [])), copy.deepcopy(row["spec"])
        plain = not any(key in row for key in ("version", "gates")) and not any(key in spec for key in NOT_CREATED)
        if not plain or not all(item["kind"] in PATHS for item in context):
            continue
        for item in context:
            if item["kind"] == "RuntimeClass":
                item["metadata"]["name"] += f"-{index}"
                item["handler"] = "x"
        if "runtimeClassName" in spec:
            spec["runtimeClassName"] += f"-{index}"
        for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
            container["image"] = "registry.example/app:1"
        yield row, spec, context, f"row-{index}"


@pytest.fixture(scope="module")
def answered(lab):
    """Return (row, status code, body)."""
    found = list(rows())
    for _, spec, context, space in found:
        lab.create("/api/v1/namespaces", {"metadata": {"name": space}})
        named = {item["metadata"]["name"] for item in context}
        if spec.get("runtimeClassName", "") not in {"", *named}:
            name = spec["runtimeClassName"]
            fixed = {"overhead": {"podFixed": spec["overhead"]}} if spec.get("overhead") else {}
            body = {"kind": "RuntimeClass", "metadata": {"name": name}, "handler": "x", **fixed}
            lab.create(PATHS["RuntimeClass"], body)
        for item in context:
            if item["metadata"].get("namespace", "team-a") == "team-a":
                body = {**item, "metadata": {"name": item["metadata"]["name"]}}
                lab.create(PATHS[item["kind"]].format(space), body)
    time.sleep(INFORMED_SECONDS)
    answers = lab.call_all(
        (
            "POST",
            f"/api/v1/namespaces/{space}/pods?dryRun=All",
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec},
        )
        for _, spec, _, space in found
    )
    return [(row, *answer) for (row, *_), answer in zip(found, answers, strict=True)]


def test_most_rows_can_be_asked(answered):
    assert len(answered) > 60


def test_the_server_admits_and_refuses_the_same_pods(answered):
    wrong = []
    for row, status, body in answered:
        expected = row.get("rejects")
        words = by_value(body.get("message", ""))
        same = expected is None or expected in OUR_WORDS or by_value(expected) in words
        if (status == 201) != (expected is None) or not same:
            wrong.append((row["name"], expected, status, body.get("message")))
    assert_none(wrong)


def test_the_class_and_the_amounts_are_the_same(answered):
    wrong = []
    for row, status, body in answered:
        if status != 201:
            continue
        pairs = [(row.get("pod", {}).get("qos_class"), body["status"]["qosClass"])]
        spec = body["spec"]
        theirs = {c["name"]: c["resources"] for c in (*spec.get("initContainers", ()), *spec["containers"])}
        for name, facts in row.get("containers", {}).items():
            for key, block in (("request_bytes", "requests"), ("limit_bytes", "limits")):
                if facts.get(key) is not None:
                    amount = theirs[name].get(block, {}).get("memory")
                    pairs.append((parse(facts[key]).bytes, amount and parse(amount).bytes))
        wrong.extend((row["name"], *pair) for pair in pairs if pair[0] is not None and pair[0] != pair[1])
    assert_none(wrong)
