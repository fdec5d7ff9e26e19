"""What history recommends for the containers of an audit, beside what they have."""

from collections.abc import Iterable

import msgspec

from auditor.facts.model import ContainerFacts
from auditor.facts.record import Record
from auditor.sizing.model import Profile, Recommendation, SizingInput
from auditor.sizing.program import Sizer
from auditor.sizing.recommend import recommend


class Key(msgspec.Struct, frozen=True, order=True):
    """One container of a workload."""

    cluster: str
    """Empty when nobody names it."""
    namespace: str
    """Empty when nobody says it."""
    kind: str
    name: str
    container: str


class Sizes(msgspec.Struct, frozen=True):
    """Bytes that a container has and that it should have; None is none."""

    request_bytes: int | None
    limit_bytes: int | None
    recommended_request_bytes: int | None
    recommended_limit_bytes: int | None

    @property
    def change_bytes(self) -> int:
        """Return by how much the recommendation moves request and limit together."""
        request = abs((self.recommended_request_bytes or 0) - (self.request_bytes or 0))
        if self.limit_bytes is None or self.recommended_limit_bytes is None:
            return request
        return request + abs(self.recommended_limit_bytes - self.limit_bytes)


def recommended(records: Iterable[Record], profile: Profile) -> dict[Key, Sizes]:
    """Return the sizes of each container for which history recommends something.

    Of a workload whose pods have different specs the largest number of each kind is told.
    """
    sizer = Sizer(profile)
    found: dict[Key, Sizes] = {}
    for record in records:
        for container in record.containers:
            if container.usage is None or container.type == "ephemeral":
                continue
            answer = recommend(_input(record, container), sizer)
            if answer.sized:
                key = _key(record, container)
                found[key] = _larger(found.get(key), answer)
    return found


def _key(record: Record, container: ContainerFacts) -> Key:
    workload = record.workload
    return Key(workload.cluster or "", workload.namespace or "", workload.kind, workload.name, container.name)


def _input(record: Record, container: ContainerFacts) -> SizingInput:
    workload = record.workload
    return SizingInput(
        api_version=workload.api_version,
        kind=workload.kind,
        namespace=workload.namespace,
        name=workload.name,
        replicas=workload.replicas,
        pod_path=record.pod_path,
        pod_containers=sum(1 for item in record.containers if item.type in ("app", "sidecar")),
        container=container.name,
        container_type=container.type,
        request_bytes=container.request_bytes,
        limit_bytes=container.limit_bytes,
        heap=container.heap,
        usage=container.usage,
    )


def _larger(known: Sizes | None, answer: Recommendation) -> Sizes:
    now = (
        answer.request_bytes,
        answer.limit_bytes,
        answer.recommended_request_bytes,
        answer.recommended_limit_bytes,
    )
    if known is None:
        return Sizes(*now)
    return Sizes(*(_largest(old, new) for old, new in zip(msgspec.structs.astuple(known), now, strict=True)))


def _largest(old: int | None, new: int | None) -> int | None:
    numbers = [number for number in (old, new) if number is not None]
    return max(numbers, default=None)
