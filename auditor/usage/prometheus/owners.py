"""Whose a pod is: the chain of owners to its top, and the type of its containers."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from auditor.usage.prometheus.answers import Series
from auditor.usage.prometheus.parts import STAT, Labels

Pod = tuple[str, str]
"""Namespace and pod."""

_NOBODY = ("", "<none>")
"""How kube-state-metrics says that there is no owner: empty since 2.9, `<none>` before."""

_RULE_KINDS = {
    "deployment": "Deployment",
    "daemonset": "DaemonSet",
    "statefulset": "StatefulSet",
    "replicaset": "ReplicaSet",
    "job": "Job",
    "cronjob": "CronJob",
    "barepod": "Pod",
    "staticpod": "Pod",
}
"""Words of kube-prometheus' label workload_type; another word is a kind as it is."""

_CHANGES = re.compile(r"-[0-9]{8,}$")
"""What a CronJob appends to the name of a Job: minutes since 1970, seconds before Kubernetes 1.21."""


class Owners(msgspec.Struct, frozen=True):
    """Owners as the server tells them, link by link."""

    pods: dict[Pod, tuple[str, str]] = {}
    """Pod to kind and name of what owns it; the kind is empty for a pod without an owner."""
    replicasets: dict[tuple[str, str], tuple[str, str]] = {}
    """Namespace and ReplicaSet to its owner."""
    jobs: dict[tuple[str, str], tuple[str, str]] = {}
    """Namespace and Job to its owner."""
    ruled: dict[Pod, tuple[str, str]] = {}
    """Pod to its top owner, from the recording rule."""
    init: dict[tuple[str, str, str], str] = {}
    """Namespace, pod and container to `init` or `sidecar`."""

    def top(self, namespace: str, pod: str) -> tuple[str, str]:
        """Return kind and name of a pod's top owner; `Pod` and its name without one; empty texts when unknown."""
        link = self.pods.get((namespace, pod))
        if link is None:
            kind, name = self.ruled.get((namespace, pod), ("", ""))
            return (kind, pod) if kind == "Pod" else (kind, name)
        kind, name = link
        if kind in _NOBODY:
            return "Pod", pod
        if kind == "Node":  # a static pod: the kubelet appends the node's name
            return "Pod", pod.removesuffix(f"-{name}")
        chain = {"ReplicaSet": self.replicasets, "Job": self.jobs}.get(kind, {})
        above = chain.get((namespace, name), ("", ""))
        return (kind, name) if above[0] in _NOBODY else above


def read(found: Iterable[Series], labels: Labels) -> Owners:
    """Return the owners of the series of one or more answers."""
    owners = Owners({}, {}, {}, {}, {})
    for series in found:
        _add(owners, series.metric, labels)
    return owners


def _add(owners: Owners, metric: Mapping[str, str], labels: Labels) -> None:
    namespace = metric.get(labels.namespace, "")
    pod = metric.get(labels.pod, "")
    owner = (metric.get("owner_kind", ""), metric.get("owner_name", ""))
    match metric.get(STAT):
        case "pod":
            owners.pods[namespace, pod] = owner
        case "replicaset":
            owners.replicasets[namespace, metric.get("replicaset", "")] = owner
        case "job":
            owners.jobs[namespace, metric.get("job_name", "")] = owner
        case "init":
            kind = "sidecar" if metric.get("restart_policy") == "Always" else "init"
            owners.init[namespace, pod, metric.get(labels.container, "")] = kind
        case "rule":
            word, name = metric.get("workload_type", ""), metric.get("workload", "")
            kind = _RULE_KINDS.get(word, word)
            if kind == "Job" and _CHANGES.search(name):
                kind, name = "CronJob", _CHANGES.sub("", name)
            owners.ruled[metric.get("namespace", ""), metric.get("pod", "")] = (kind, name)
