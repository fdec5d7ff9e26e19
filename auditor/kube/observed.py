"""What the status of pods says about their memory: OOM kills, restarts, evictions, pods that wait for memory.

Sources: OOM kills are containerStatuses[].state and lastState with reason OOMKilled (pkg/kubelet/kuberuntime); an
eviction is status.reason Evicted with the eviction manager's message (pkg/kubelet/eviction/helpers.go); a pod that
waits has a PodScheduled condition of reason Unschedulable whose message counts nodes with `Insufficient memory`
(pkg/scheduler/framework/plugins/noderesources/fit.go).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from auditor.kube.objects import text_or_none

FINISHED = frozenset(("Succeeded", "Failed"))
"""The phases of a pod that holds no memory any more."""

_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_LOW_ON_MEMORY = "low on resource: memory"
_INSUFFICIENT = "Insufficient memory"
_NONE: Mapping[str, int] = {}


class Observed(msgspec.Struct, frozen=True):
    """What was seen of the pods of one workload; finished ones are in `evicted`, `oom_killed` and `restarts` alone."""

    pods_total: int = 0
    """Pods that are neither Succeeded nor Failed."""
    ready_total: int = 0
    """Of those, the ones with a condition Ready."""
    pending_for_memory: int = 0
    """Of those, the ones that no node has the memory for."""
    evicted: int = 0
    """Pods that were evicted because their node was low on memory, as long as they are kept."""
    restarts: dict[str, int] = {}
    """Container to the sum of its restartCounts; only above zero."""
    oom_killed: dict[str, int] = {}
    """Container to the pods in which its present or last termination is an OOM kill."""
    used_bytes: dict[str, int] = {}
    """Container to the largest working set among the pods that metrics.k8s.io told about."""


class Tally:
    """Adds up what pods say; one for each workload."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._restarts: Counter[str] = Counter()
        self._oom_killed: Counter[str] = Counter()
        self._used: dict[str, int] = {}

    def add(self, pod: Mapping[str, Any], used_bytes: Mapping[str, int] = _NONE) -> None:
        """Add one pod, an object of any shape, and the working sets of its containers."""
        status = _mapping(pod.get("status"))
        for key in _STATUSES:
            for item in _mappings(status.get(key)):
                self._container(item)
        if is_finished(pod):
            self._counts["evicted"] += evicted_for_memory(status) is not None
            return
        self._counts["pods_total"] += 1
        for name, size in used_bytes.items():
            self._used[name] = max(size, self._used.get(name, 0))
        for condition in _mappings(status.get("conditions")):
            type_, value = condition.get("type"), condition.get("status")
            if type_ == "Ready" and value == "True":
                self._counts["ready_total"] += 1
            elif type_ == "PodScheduled" and waits_for_memory(condition):
                self._counts["pending_for_memory"] += 1

    def _container(self, item: Mapping[str, Any]) -> None:
        name, restarts = text_or_none(item.get("name")) or "", item.get("restartCount")
        if isinstance(restarts, int) and not isinstance(restarts, bool) and restarts > 0:
            self._restarts[name] += restarts
        states = (_mapping(_mapping(item.get(key)).get("terminated")) for key in ("state", "lastState"))
        if any(state.get("reason") == "OOMKilled" for state in states):
            self._oom_killed[name] += 1

    @property
    def tells_trouble(self) -> bool:
        """Whether memory ended a container or a pod."""
        return bool(self._oom_killed) or self._counts["evicted"] > 0

    def result(self) -> Observed:
        """Return what was added up."""
        return Observed(
            **self._counts,
            restarts=dict(self._restarts),
            oom_killed=dict(self._oom_killed),
            used_bytes=dict(self._used),
        )


def observe(pod: Mapping[str, Any]) -> Observed:
    """Return what one pod says."""
    tally = Tally()
    tally.add(pod)
    return tally.result()


def is_finished(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod has ended."""
    phase = _mapping(pod.get("status")).get("phase")
    return isinstance(phase, str) and phase in FINISHED


def is_finished_job(job: Mapping[str, Any]) -> bool:
    """Return whether a Job has ended: it makes no pod any more (isJobFinished, pkg/controller/job/utils.go)."""
    conditions = _mappings(_mapping(job.get("status")).get("conditions"))
    return any(item.get("type") in ("Complete", "Failed") and item.get("status") == "True" for item in conditions)


def evicted_for_memory(status: Mapping[str, Any]) -> str | None:
    """Return the words of a pod's status that tell of an eviction for memory, None without them."""
    return _LOW_ON_MEMORY if status.get("reason") == "Evicted" and _says(status, _LOW_ON_MEMORY) else None


def waits_for_memory(scheduled: Mapping[str, Any]) -> str | None:
    """Return the words of a condition PodScheduled that tell of a pod that waits for memory, None without them."""
    return _INSUFFICIENT if scheduled.get("status") == "False" and _says(scheduled, _INSUFFICIENT) else None


def _says(owner: Mapping[str, Any], words: str) -> bool:
    message = owner.get("message")
    return isinstance(message, str) and words in message


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
