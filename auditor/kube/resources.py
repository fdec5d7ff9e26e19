"""Effective memory of a pod: what its containers sum up to, phase by phase.

Source: k8s.io/component-helpers/resource/helpers.go (PodRequests, PodLimits) of 1.37; KEP-753.
"""

from collections.abc import Sequence

from auditor.kube.objects import Amounts, Container, Resources


def counted(containers: Sequence[Container]) -> list[Container]:
    """Return the containers that count: all but ephemeral ones."""
    return [container for container in containers if container.type != "ephemeral"]


def aggregate(containers: Sequence[Container], block: str, key: str) -> int | None:
    """Return the most that the containers ask for in any phase, in thousandths; None when nobody sets the key.

    `containers` are in pod order, init containers first; a sidecar counts from its start to the end of the pod.
    """
    total = side = peak = 0
    present = False
    for container in containers:
        amount = (container.requests if block == "requests" else container.limits).get(key)
        if amount is None:
            amount = 0
        else:
            present = True
        if container.type == "init":
            current = amount + side
        else:
            total += amount
            if container.type != "sidecar":
                continue
            side += amount
            current = side
        peak = max(peak, current)
    return max(total, peak) if present else None


def aggregate_all(containers: Sequence[Container], block: str) -> Amounts:
    """Return the aggregate of every resource that a container sets."""
    keys = sorted({key for container in containers for key in getattr(container, block)})
    return {key: amount for key in keys if (amount := aggregate(containers, block, key)) is not None}


def pod_request(
    containers: Sequence[Container], pod_level: Resources | None, overhead: Amounts, key: str
) -> int | None:
    """Return the request that the scheduler uses; the pod level replaces the containers, overhead comes on top."""
    amount = aggregate(containers, "requests", key)
    if pod_level is not None:
        amount = pod_level.requests.get(key, amount)
    extra = overhead.get(key)
    return amount if extra is None else (amount or 0) + extra


def pod_limit(containers: Sequence[Container], pod_level: Resources | None, overhead: Amounts, key: str) -> int | None:
    """Return the sum of declared limits; overhead is added only to a limit that is present and not zero."""
    amount = aggregate(containers, "limits", key)
    if pod_level is not None:
        amount = pod_level.limits.get(key, amount)
    return amount + overhead.get(key, 0) if amount else amount


def running(containers: Sequence[Container], key: str) -> int | None:
    """Return what app containers and sidecars request together; None when none of them sets the key."""
    amounts = [c.requests[key] for c in containers if c.type in ("app", "sidecar") and key in c.requests]
    return sum(amounts) if amounts else None


def init_peak(containers: Sequence[Container], key: str) -> tuple[int, Container] | None:
    """Return the peak request of the plain init containers and who is at it; None without plain init containers."""
    side = 0
    found: tuple[int, Container] | None = None
    for container in containers:
        amount = container.requests.get(key, 0)
        if container.type == "sidecar":
            side += amount
        elif container.type == "init" and (found is None or amount + side > found[0]):
            found = (amount + side, container)
    return found
