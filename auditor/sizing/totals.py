"""The recommendations of each namespace together."""

from collections.abc import Iterable

from auditor.sizing.model import Recommendation, Totals
from auditor.sizing.recommend import monthly_cost


def totals(recommendations: Iterable[Recommendation], *, price_per_gib_hour: float | None = None) -> tuple[Totals, ...]:
    """Return a line for each cluster and namespace, sorted; plain init containers are in no sum.

    An init container runs to its end before the others start, so that its request is not reserved beside theirs.
    """
    groups: dict[tuple[str, str | None], list[Recommendation]] = {}
    for item in recommendations:
        groups.setdefault((item.cluster, item.namespace), []).append(item)
    order = sorted(groups, key=lambda key: (key[0], key[1] is not None, key[1] or ""))
    return tuple(_total(key, groups[key], price_per_gib_hour) for key in order)


def _total(key: tuple[str, str | None], items: list[Recommendation], price: float | None) -> Totals:
    request = recommended_request = limit = recommended_limit = 0
    for item in items:
        if item.replicas is None or item.container_type in ("init", "ephemeral"):
            continue
        current_request, current_limit = item.request_bytes or 0, item.limit_bytes or 0
        request += current_request * item.replicas
        limit += current_limit * item.replicas
        new_request, new_limit = item.recommended_request_bytes, item.recommended_limit_bytes
        recommended_request += (current_request if new_request is None else new_request) * item.replicas
        recommended_limit += ((new_limit or 0) if item.sized else current_limit) * item.replicas
    return Totals(
        cluster=key[0],
        namespace=key[1],
        containers=len(items),
        unsized=sum(not item.sized for item in items),
        uncounted=sum(item.replicas is None for item in items),
        request_bytes=request,
        recommended_request_bytes=recommended_request,
        limit_bytes=limit,
        recommended_limit_bytes=recommended_limit,
        monthly_cost_difference=monthly_cost(recommended_request - request, price),
    )
