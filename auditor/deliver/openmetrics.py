"""The numbers of a run as metrics, in text that both OpenMetrics 1.0 and the older Prometheus format take.

Gauges without timestamps, so that the Pushgateway and the node exporter's textfile collector take them too.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from auditor.deliver.compare import Comparison
from auditor.deliver.recommended import Key, Sizes
from auditor.findings import SEVERITIES, Finding, Report
from auditor.reports.text import encodable, plain, status

PREFIX = "memory_auditor"
Labels = tuple[tuple[str, str], ...]

_HELP = {
    "info": "The program and the version of Kubernetes that it judged for; always 1.",
    "last_run_timestamp_seconds": "When the run started, in seconds since 1970.",
    "incomplete": "1 when something could not be judged or delivered, else 0.",
    "objects": "Kubernetes objects read.",
    "workloads": "Workloads judged.",
    "containers": "Containers judged.",
    "skipped": "Inputs that could not be judged.",
    "findings": "Findings that are neither waived nor in the baseline.",
    "findings_accepted": "Findings that are waived or in the baseline.",
    "findings_new": "Findings that the run before did not have.",
    "findings_fixed": "Findings of the run before that are gone.",
    "container_request_bytes": "The memory request as admitted.",
    "container_limit_bytes": "The memory limit as admitted.",
    "container_recommended_request_bytes": "The memory request that history argues for.",
    "container_recommended_limit_bytes": "The memory limit that history argues for.",
    "container_recommendations_cut": "Containers with a recommendation that are not told here: there are too many.",
}
"""Name without the prefix to its meaning, in the order of the text."""


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What the metrics of a run are made of."""

    started: datetime
    """When the run started."""
    report: Report
    comparison: Comparison | None
    """None when no runs are kept."""
    incomplete: bool
    """Whether something could not be judged or delivered."""
    sizes: Mapping[Key, Sizes]
    """Recommendations by container."""
    max_containers: int
    """How many of them are told."""
    cluster: str | None
    """The label `cluster` where nothing else names one."""


def render(numbers: Numbers) -> str:
    """Return the metrics as text."""
    lines: list[str] = []
    for name, series in _families(numbers).items():
        if series:
            family = f"{PREFIX}_{name}"
            lines += [f"# HELP {family} {_HELP[name]}", f"# TYPE {family} gauge"]
            lines += [f"{family}{_labels(labels)} {value}" for labels, value in series.items()]
    return "".join(f"{line}\n" for line in (*lines, "# EOF"))


def _families(numbers: Numbers) -> dict[str, dict[Labels, float]]:
    """Return the series of each metric, in the order of `_HELP`."""
    report, cluster = numbers.report, _named(cluster=numbers.cluster)
    counts = report.summary
    versions = _named(version=report.tool_version, kubernetes_version=report.kubernetes_version)
    found: dict[str, dict[Labels, float]] = {
        "info": {(*cluster, *versions): 1},
        "last_run_timestamp_seconds": {cluster: math.floor(numbers.started.timestamp())},
        "incomplete": {cluster: int(numbers.incomplete)},
        "objects": {cluster: counts.objects},
        "workloads": {cluster: counts.workloads},
        "containers": {cluster: counts.containers},
        "skipped": {cluster: counts.skipped},
        "findings": _findings(numbers, accepted=False),
        "findings_accepted": _findings(numbers, accepted=True),
        **_changes(numbers, cluster),
        **_containers(numbers),
    }
    return {name: found.get(name, {}) for name in _HELP}


def _findings(numbers: Numbers, *, accepted: bool) -> dict[Labels, float]:
    return _counted(
        _named(
            cluster=finding.cluster or numbers.cluster,
            namespace=_namespace(finding),
            policy=finding.policy,
            severity=finding.severity,
        )
        for finding in numbers.report.findings
        if (status(finding) != "new") is accepted
    )


def _namespace(finding: Finding) -> str | None:
    workload = finding.workload
    return workload.name if workload.kind == "Namespace" else workload.namespace


def _changes(numbers: Numbers, cluster: Labels) -> dict[str, dict[Labels, float]]:
    """Return new and fixed findings by severity, zeros included: an alert may then compare them."""
    if numbers.comparison is None:
        return {}
    new = Counter(finding.severity for finding in numbers.comparison.new)
    fixed = Counter(finding.severity for finding in numbers.comparison.fixed)
    return {
        name: {(*cluster, *_named(severity=severity)): count[severity] for severity in SEVERITIES}
        for name, count in (("findings_new", new), ("findings_fixed", fixed))
    }


def _containers(numbers: Numbers) -> dict[str, dict[Labels, float]]:
    """Return the sizes of the containers that a recommendation changes most, in order of their names."""
    most = sorted(numbers.sizes, key=lambda key: (-numbers.sizes[key].change_bytes, key))[: numbers.max_containers]
    found: dict[str, dict[Labels, float]] = {}
    for key in sorted(most):
        cluster = key.cluster or numbers.cluster
        named = msgspec.structs.asdict(key) | {"cluster": cluster}
        for name, size in msgspec.structs.asdict(numbers.sizes[key]).items():
            if size is not None:
                found.setdefault(f"container_{name}", {})[_named(**named)] = size
    cut = len(numbers.sizes) - len(most)
    found["container_recommendations_cut"] = {_named(cluster=numbers.cluster): cut}
    return found


def _counted(labels: Iterable[Labels]) -> dict[Labels, float]:
    return dict(sorted(Counter(labels).items()))


def _named(**labels: str | None) -> Labels:
    """Return labels without those that say nothing: to Prometheus an empty label is none."""
    return tuple((name, plain(encodable(value))) for name, value in labels.items() if value)


def _labels(labels: Labels) -> str:
    text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{text}}}" if text else ""


def _escaped(value: str) -> str:
    """Return a label's value as the text format wants it; it has no line break."""
    return value.replace("\\", "\\\\").replace('"', '\\"')
