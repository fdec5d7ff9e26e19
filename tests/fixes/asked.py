"""Findings that ask for edits, without an audit behind them."""

from auditor.findings import Edit, Finding, Place, WorkloadRef
from auditor.kube.paths import parse_path

RESOURCES = "spec.containers[0].resources"


def put(path, value):
    return Edit("set", parse_path(path), value)


def rename(path, name):
    return Edit("rename", parse_path(path), name)


def remove(path):
    return Edit("remove", parse_path(path))


def asking(*edits, line=1, name="demo", kind="Pod", namespace=None):
    """Return a finding about `v1 Pod demo` that asks for some edits."""
    return Finding(
        policy="some-policy",
        severity="high",
        message="told",
        values={},
        workload=WorkloadRef("v1", kind, namespace, name),
        subject_type="container",
        subject="app",
        container="app",
        container_type="app",
        place=Place("pod.yaml", line, 1, line, 2),
        related=(),
        path="",
        fingerprint="0" * 32,
        fix=edits,
    )
