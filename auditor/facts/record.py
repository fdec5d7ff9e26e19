"""What is judged together: the facts of one workload, or of one object around the pods, and the subjects they hold."""

from collections.abc import Iterable, Iterator

import msgspec

from auditor.facts.model import (
    AdmissionFacts,
    ContainerFacts,
    PodFacts,
    QuantityFacts,
    VolumeFacts,
    WorkloadFacts,
)
from auditor.facts.wide import (
    AutoscalerFacts,
    ClusterFacts,
    KubeletFacts,
    LimitRangeFacts,
    NamespaceFacts,
    NodeFacts,
    QuotaFacts,
)
from auditor.kube.paths import Path

Variables = dict[str, msgspec.Struct]
"""Variable to the facts that a policy sees under it."""


class Subject(msgspec.Struct, frozen=True):
    """What a verdict is about, and where it stands in the object."""

    type: str
    """container, volume, pod, workload, or the scope of another object: quota, autoscaler ..."""
    name: str
    """Container or volume name, the key of a quota; empty for the others."""
    container_type: str | None
    path: Path
    """The subject's own path in the object: of the container, the volume, the pod spec, or `()` for the object."""


class Problem(msgspec.Struct, frozen=True):
    """A part of a workload that has the wrong shape; it becomes a skipped input with its place."""

    path: Path
    reason: str


class HeldQuantity(msgspec.Struct, frozen=True):
    """A quantity, the subject that holds it."""

    quantity: QuantityFacts
    subject: Subject


class ContainerOnNodes(msgspec.Struct, frozen=True):
    """What some nodes make of a container; null as in ContainerFacts."""

    name: str
    memory_high_bytes: int | None
    memory_min_bytes: int | None
    memory_low_bytes: int | None
    swap_max_bytes: int | None
    oom_score_adj: int | None


class VolumeOnNodes(msgspec.Struct, frozen=True):
    """What some nodes make of a memory volume."""

    name: str
    mount_size_bytes: int | None


class OnNodes(msgspec.Struct, frozen=True):
    """What nodes of one kind make of a pod."""

    names: tuple[str, ...]
    """The nodes, of very many the first hundred; empty for a kubelet configuration without a Node."""
    nodes_total: int
    """How many they are."""
    words: str
    """The nodes for people, such as `nodes a, b and 3 more`."""
    memory_high_bytes: int | None
    """memory.high of the pod's cgroup."""
    memory_min_bytes: int | None
    """memory.min of the pod's cgroup."""
    memory_low_bytes: int | None
    """memory.low of the pod's cgroup."""
    containers: tuple[ContainerOnNodes, ...]
    volumes: tuple[VolumeOnNodes, ...]
    """Memory volumes alone."""


class Record(msgspec.Struct, frozen=True):
    """All facts about one workload."""

    workload: WorkloadFacts
    pod: PodFacts
    containers: tuple[ContainerFacts, ...]
    """In pod order: initContainers, containers, ephemeralContainers."""
    volumes: tuple[VolumeFacts, ...]
    quantities: tuple[HeldQuantity, ...]
    admission: tuple[AdmissionFacts, ...]
    quotas: tuple[str, ...]
    """The names of the ResourceQuotas that count the pods, such as `team-a/quota`."""
    nodes: tuple[OnNodes, ...]
    """For each kind of node in the input that the pod may run on; empty when no node is known."""
    problems: tuple[Problem, ...]
    pod_path: Path
    """The path of the pod spec in the object."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that a workload has subjects of."""
        return POD_SCOPES

    @property
    def shared(self) -> Variables:
        """The variables that the subjects of every scope see besides their own."""
        return {"pod": self.pod, "workload": self.workload}

    def subjects(self, scope: str) -> Iterator[tuple[Subject, msgspec.Struct]]:
        """Yield each subject of a scope with the facts of its own variable, the first of `SCOPES`."""
        if scope == "container":
            for container in self.containers:
                yield self.container_subject(container), container
        elif scope == "volume":
            for volume in self.volumes:
                path = (*self.pod_path, "volumes", volume.index)
                yield Subject("volume", volume.name, None, path), volume
        elif scope == "quantity":
            for held in self.quantities:
                yield held.subject, held.quantity
        elif scope == "pod":
            yield Subject("pod", "", None, self.pod_path), self.pod
        elif scope == "workload":
            yield Subject("workload", "", None, ()), self.workload

    def container_subject(self, container: ContainerFacts) -> Subject:
        """Return the subject of one of this record's containers."""
        path = (*self.pod_path, container.list_name, container.index)
        return Subject("container", container.name, container.type, path)

    def writes(self) -> frozenset[tuple[str, str]]:
        """Return (container, memory volume that it writes) pairs."""
        return frozenset((item.name, name) for item in self.containers for name in item.tmpfs_volumes)


class WideRecord(msgspec.Struct, frozen=True):
    """The facts of one object around the pods, or of the cluster: one scope, some subjects."""

    scope: str
    parts: tuple[tuple[Subject, msgspec.Struct], ...]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The one scope."""
        return (self.scope,)

    @property
    def shared(self) -> Variables:
        """Nothing: there is one variable."""
        return {}

    def subjects(self, scope: str) -> Iterator[tuple[Subject, msgspec.Struct]]:
        """Yield each subject with its facts."""
        if scope == self.scope:
            yield from self.parts

    def writes(self) -> frozenset[tuple[str, str]]:
        """Return nothing: there are no containers here."""
        return frozenset()


POD_SCOPES = ("container", "volume", "quantity", "pod", "workload")

_POD: dict[str, type[msgspec.Struct]] = {"pod": PodFacts, "workload": WorkloadFacts}

SCOPES: dict[str, dict[str, type[msgspec.Struct]]] = {
    "container": {"container": ContainerFacts, **_POD},
    "volume": {"volume": VolumeFacts, **_POD},
    "quantity": {"quantity": QuantityFacts, **_POD},
    "pod": {"pod": PodFacts, "workload": WorkloadFacts},
    "workload": {"workload": WorkloadFacts, "pod": PodFacts},
    # `namespace` is a reserved word of CEL.
    "namespace": {"ns": NamespaceFacts},
    "limitrange": {"limitrange": LimitRangeFacts},
    "quota": {"quota": QuotaFacts},
    "autoscaler": {"autoscaler": AutoscalerFacts},
    "kubelet": {"kubelet": KubeletFacts},
    "node": {"node": NodeFacts},
    "cluster": {"cluster": ClusterFacts},
}
"""Scope of a policy to its variables, its subjects' own first. Every scope also sees `params`."""


def agreed(values: Iterable[int | None]) -> int | None:
    """Return the value that all agree on, None where they do not or where there is none."""
    different = set(values)
    return different.pop() if len(different) == 1 else None
