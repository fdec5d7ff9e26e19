"""What running pods tell besides their spec: what was observed of them, and how they differ from their template."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from auditor.kube.admission import Pod
from auditor.kube.objects import Container
from auditor.kube.observed import Observed, observe
from auditor.kube.resize import PodStatus, read_status
from auditor.sidecars.injection import injector_of
from auditor.sources.model import Object

ADMISSION = "admission"
"""Who set an amount that a running pod has and its template does not give: a webhook, an autoscaler, a resize."""

_WEBHOOK = "a webhook"
_NOBODY: Mapping[str, str] = {}


def runs(obj: Object) -> bool:
    """Return whether an object holds the spec of pods that are there."""
    return obj.live is not None and obj.live.pods_total > 0


def observed_of(obj: Object) -> Observed | None:
    """Return what was observed of a workload's pods: in a cluster, or of a Pod whose status is in a file."""
    if obj.live is not None:
        return obj.live.observed
    return observe(obj.data) if obj.kind == "Pod" and "status" in obj.data else None


def status_of(obj: Object) -> PodStatus | None:
    """Return what the status of the pods says about their resources, None when there is none."""
    if obj.live is not None:
        return None if obj.live.status is None else read_status(obj.live.status)
    return read_status(obj.data["status"]) if obj.kind == "Pod" and "status" in obj.data else None


def pods_total(obj: Object) -> int | None:
    """Return how many pods have the spec of an object, None when the input has no pods."""
    if obj.live is not None:
        return obj.live.pods_total
    return 1 if obj.kind == "Pod" and "status" in obj.data else None


def injected_by(obj: Object, containers: Sequence[Container]) -> Mapping[str, str]:
    """Return who put the containers there that run and that the template does not have."""
    if obj.live is None or not runs(obj) or obj.live.template is None:
        return _NOBODY
    declared = {
        item.get("name") for key in ("containers", "initContainers") for item in _dicts(obj.live.template.get(key))
    }
    return {
        container.name: injector_of(container.name) or _WEBHOOK
        for container in containers
        if container.type != "ephemeral" and container.name not in declared
    }


def as_written(pod: Pod, template: Pod) -> Pod:
    """Return a running pod whose containers know what their template has: who wrote an amount, and which.

    `template` is the pod that the template would make now, as admitted.
    """
    known = {container.name: container for container in template.containers}
    return msgspec.structs.replace(
        pod, containers=tuple(_as_written(item, known.get(item.name)) for item in pod.containers)
    )


def _as_written(container: Container, declared: Container | None) -> Container:
    if declared is None:
        amounts = (("requests", "request_from"), ("limits", "limit_from"))
        by = {key: ADMISSION for block, key in amounts if "memory" in getattr(container, block)}
        return msgspec.structs.replace(container, written_request_milli=None, written_limit_milli=None, **by)
    return msgspec.structs.replace(
        container,
        written_request_milli=declared.written_request_milli,
        written_limit_milli=declared.written_limit_milli,
        request_from=_from(container.requests, declared.requests, declared.request_from),
        limit_from=_from(container.limits, declared.limits, declared.limit_from),
    )


def _from(amounts: Mapping[str, int], declared: Mapping[str, int], by: str | None) -> str | None:
    if "memory" not in amounts:
        return None
    return by if by is not None and amounts["memory"] == declared.get("memory") else ADMISSION


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
