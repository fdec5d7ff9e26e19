"""Findings as report objects of Kubernetes' policy working group: what the objects hold, and how much.

One object for each namespace and one for what has none, as long as it fits: etcd refuses requests over 1.5 MiB, and a
report an object would be thousands of writes a night. Findings that are open are `fail`, accepted ones `skip`, inputs
that could not be judged `error`. https://openreports.io and https://github.com/kubernetes-sigs/wg-policy-prototypes
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from auditor.findings import Finding, Report, Skipped, severity_rank
from auditor.nightly_config import PolicyReportsConfig
from auditor.reports.text import TOOL_NAME, encodable, plain, skipped_where, status, subject_words, waiver_words

NAME = "memory-auditor"
"""Of the objects; further ones of a namespace have a number behind it."""
MANAGED_BY = "app.kubernetes.io/managed-by"
LABELS = {MANAGED_BY: TOOL_NAME}
"""By which the objects of this program are told from others."""
LEFT_OUT = "memory-auditor.io/results-left-out"
"""Annotation: how many results did not fit into the objects of the namespace."""
MAX_BYTES = 900_000
"""Of the results of one object as JSON."""
_MAX_TEXT = 1000
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


class Api(msgspec.Struct, frozen=True):
    """One of the APIs that have such objects."""

    group: str
    version: str
    kind: str
    plural: str
    cluster_kind: str
    cluster_plural: str
    """Of the objects without a namespace."""
    has_source: bool
    """Whether an object says who wrote it; results do in both."""

    @property
    def path(self) -> str:
        """Return the path of the API below the server's root."""
        return f"/apis/{self.group}/{self.version}"


OPENREPORTS = Api("openreports.io", "v1alpha1", "Report", "reports", "ClusterReport", "clusterreports", True)
WGPOLICYK8S = Api(
    "wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports", "ClusterPolicyReport", "clusterpolicyreports", False
)


class ReportObject(msgspec.Struct, frozen=True):
    """One object to write."""

    namespace: str | None
    """None is of the cluster."""
    name: str
    body: dict[str, Any]
    """The whole object."""


def report_objects(
    report: Report, api: Api, config: PolicyReportsConfig, started: datetime
) -> tuple[tuple[ReportObject, ...], int]:
    """Return the objects that a report makes, by namespace, and how many results do not fit into them."""
    seconds = int(started.timestamp())
    by_namespace: dict[str | None, list[dict[str, Any]]] = {}
    for item in report.skipped:
        by_namespace.setdefault(None, []).append(_error(item, seconds))
    for finding in sorted(report.findings, key=_order):
        by_namespace.setdefault(_namespace(finding), []).append(_result(finding, seconds))
    objects: list[ReportObject] = []
    left_out = 0
    for namespace in sorted(by_namespace, key=lambda name: name or ""):
        results = by_namespace[namespace]
        parts = list(_parts(results, config.max_results))
        kept = parts[: config.max_objects]
        missing = len(results) - sum(map(len, kept))
        left_out += missing
        objects += [_object(api, namespace, number, part, missing) for number, part in enumerate(kept, 1)]
    return tuple(objects), left_out


def _order(finding: Finding) -> tuple[bool, int]:
    """Return what findings of a namespace are sorted by: open ones first, the worst of them first."""
    return status(finding) != "new", severity_rank(finding.severity)


def _namespace(finding: Finding) -> str | None:
    """Return the namespace that the finding's object is in; a name that can be none stays out of paths."""
    name = (finding.workload.kind == "Namespace" and finding.workload.name) or finding.workload.namespace
    return name if name and _NAMESPACE.fullmatch(name) else None


def _parts(results: Iterable[dict[str, Any]], most: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the results in lists that fit into an object each."""
    part: list[dict[str, Any]] = []
    size = 0
    for result in results:
        length = len(msgspec.json.encode(result)) + 1
        if part and (len(part) >= most or size + length > MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(result)
        size += length
    if part:
        yield part


def _object(
    api: Api, namespace: str | None, number: int, results: Sequence[dict[str, Any]], left_out: int
) -> ReportObject:
    name = NAME if number == 1 else f"{NAME}-{number}"
    # NOTE: every key is always there: what a later apply does not name would stay.
    metadata: dict[str, Any] = {"name": name, "labels": LABELS, "annotations": {LEFT_OUT: str(left_out)}}
    if namespace is not None:
        metadata["namespace"] = namespace
    counts = {word: sum(result["result"] == word for result in results) for word in ("pass", "fail", "warn", "error")}
    body: dict[str, Any] = {
        "apiVersion": f"{api.group}/{api.version}",
        "kind": api.cluster_kind if namespace is None else api.kind,
        "metadata": metadata,
        "summary": {**counts, "skip": sum(result["result"] == "skip" for result in results)},
        "results": list(results),
    }
    if api.has_source:
        body["source"] = TOOL_NAME
    return ReportObject(namespace, name, body)


def _result(finding: Finding, seconds: int) -> dict[str, Any]:
    workload = finding.workload
    is_open = status(finding) == "new"
    reason = "" if is_open else f" ({waiver_words(finding) or 'accepted by the baseline'})"
    reference = {"apiVersion": workload.api_version, "kind": workload.kind, "name": workload.name}
    if workload.namespace is not None:
        reference["namespace"] = workload.namespace
    properties = {"subject": subject_words(finding), "path": finding.path, "fingerprint": finding.fingerprint}
    for name, number in (("actualBytes", finding.actual_bytes), ("expectedBytes", finding.expected_bytes)):
        if number is not None:
            properties[name] = str(number)
    return {
        "source": TOOL_NAME,
        "policy": finding.policy,
        "category": "Memory",
        "severity": finding.severity,
        "result": "fail" if is_open else "skip",
        "scored": is_open,
        "timestamp": {"seconds": seconds, "nanos": 0},
        "message": _short(finding.message + reason),
        "resources": [{key: _short(text) for key, text in reference.items()}],
        "properties": {key: _short(text) for key, text in properties.items()},
    }


def _error(item: Skipped, seconds: int) -> dict[str, Any]:
    place = skipped_where(item)
    return {
        "source": TOOL_NAME,
        "policy": "input-skipped",
        "category": "Memory",
        "result": "error",
        "scored": False,
        "timestamp": {"seconds": seconds, "nanos": 0},
        "message": _short(f"{place}: {item.reason}" if place else item.reason),
    }


def _short(text: str) -> str:
    """Return the text on one line, printable and bounded."""
    safe = plain(encodable(text))
    return safe if len(safe) <= _MAX_TEXT else safe[: _MAX_TEXT - 1] + "…"
