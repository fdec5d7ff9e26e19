"""The pods of one workload while its namespace is read: each spec once, counted, with what was observed of all."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from auditor.kube.observed import Tally, is_finished
from auditor.sources.cluster.owners import Made, Reference
from auditor.sources.cluster.sameness import memory_key

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Group:
    """Pods of one workload that have one spec."""

    def __init__(self) -> None:
        self._packed = b""
        self.total = 0
        self.nodes: Counter[str] = Counter()
        self._started = False

    def add(self, pod: dict[str, Any]) -> None:
        """Count a pod; the first whose containers have a status stands for all, else the first."""
        started = bool((pod.get("status") or {}).get("containerStatuses"))
        if not self.total or (started and not self._started):
            self._packed, self._started = _encode(pod), started
        self.total += 1
        node = pod["spec"].get("nodeName")
        if node:
            self.nodes[node] += 1

    def pod(self) -> dict[str, Any]:
        """Return the pod that stands for all, a new copy."""
        return _decode(self._packed)  # type: ignore[no-any-return]


class RunningWorkload:
    """The pods of one workload in the namespace that is being read."""

    def __init__(self, made: Made, reference: Reference) -> None:
        self.made = made
        self.reference = reference
        self.tally = Tally()
        self.groups: dict[bytes, Group] = {}

    def add(self, pod: dict[str, Any], used_bytes: Mapping[str, int]) -> None:
        """Count a pod, with the working sets of its containers; of a finished one only what was observed stays."""
        self.tally.add(pod, used_bytes)
        if not is_finished(pod):
            self.groups.setdefault(memory_key(pod), Group()).add(pod)
