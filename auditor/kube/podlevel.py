"""Pod-level resources: what the API server fills in. Source: pkg/api/pod/util.go of 1.37, SetDefaults_Pod before."""

from collections.abc import Sequence

from auditor.kube.objects import Amounts, Container, Resources
from auditor.kube.resources import aggregate_all


def default_pod_level(pod_level: Resources, containers: Sequence[Container], *, fixed: bool) -> Resources:
    """Return the pod level as defaulted; `fixed` is PodLevelResourcesFixDefaulting (1.37). Empty stays empty.

    Containers are those of pod order without ephemeral ones, already defaulted.
    """
    requests, limits = dict(pod_level.requests), dict(pod_level.limits)
    if not requests and not limits:
        return pod_level
    unreadable = set(pod_level.unreadable)
    # What a container does not tell, the sums that come from it do not tell either.
    for entry in {entry for container in containers for entry in container.unreadable}:
        block, _, key = entry.partition(".")
        if key not in getattr(pod_level, block):
            unreadable.add(entry)
    sums, caps = aggregate_all(containers, "requests"), aggregate_all(containers, "limits")
    for key, amount in caps.items():
        known = f"limits.{key}" not in unreadable
        if key.startswith("hugepages-") and key not in limits and known and not (fixed and key in requests):
            limits[key] = amount
    if fixed or limits:
        _fill_requests(requests, limits, sums, unreadable)
    if fixed:
        for key, amount in requests.items():
            if key not in limits and f"limits.{key}" not in unreadable and _all_limit(containers, key):
                limits[key] = max(amount, caps[key])
    return Resources(requests, limits, tuple(sorted(unreadable)), pod_level.entries, pod_level.refused)


def _fill_requests(requests: Amounts, limits: Amounts, sums: Amounts, unreadable: set[str]) -> None:
    for key in ("cpu", "memory"):
        if key in sums and key not in requests and f"requests.{key}" not in unreadable:
            requests[key] = sums[key]
    for key, amount in limits.items():
        if f"requests.{key}" not in unreadable:
            requests.setdefault(key, amount)


def _all_limit(containers: Sequence[Container], key: str) -> bool:
    return bool(containers) and all(key in container.limits for container in containers)
