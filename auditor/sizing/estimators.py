"""The estimators that a profile may name: other tools' formulas over the rows of a container."""

from auditor.sizing.model import Estimate, SizingInput
from auditor.usage import krr, vpa


def estimate(name: str, item: SizingInput) -> Estimate | str:
    """Return what `vpa` or `krr` says of a container, or in its words why it says nothing."""
    if not item.days:
        return f"the estimator {name} needs days with a peak, and history has none"
    return _krr(item) if name == "krr" else _vpa(item)


def _krr(item: SizingInput) -> Estimate | str:
    until = max(row.day for row in item.days)
    found = krr.estimate(item.days, until=until, scaled_by_memory=item.scaled_by_memory)
    if found.recommended_bytes is None:
        return f"krr recommends nothing: {found.info}"
    return Estimate(found.recommended_bytes, None, None)


def _vpa(item: SizingInput) -> Estimate | str:
    found = vpa.estimate(item.days, containers=max(1, item.pod_containers))
    if found is None:
        return "the estimator vpa needs days with a peak, and history has none"
    return Estimate(found.target_bytes, found.lower_bytes, found.upper_bytes)
