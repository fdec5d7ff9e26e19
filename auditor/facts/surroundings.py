"""Everything around the pods of one cluster, as records to judge; the whole input has been read before."""

from collections.abc import Iterator, Sequence

from auditor.facts.context import Context
from auditor.facts.members import Member, by_workload, counted_members
from auditor.facts.record import WideRecord
from auditor.facts.scaling import autoscaler_records
from auditor.facts.settings import kubelet_records, limit_range_records, node_records
from auditor.facts.totals import cluster_records, namespace_records, quota_records
from auditor.kube.versions import Target
from auditor.sources.model import Object


def wide_records(context: Context, members: Sequence[Member], target: Target) -> Iterator[tuple[Object, WideRecord]]:
    """Yield each object around the pods with its record; `members` are all workloads, in input order."""
    making = counted_members(members)
    yield from limit_range_records(context)
    yield from kubelet_records(context, target)
    yield from node_records(context, making)
    yield from quota_records(context, making)
    yield from autoscaler_records(context, by_workload(members))
    yield from namespace_records(context, making)
    yield from cluster_records(context, making)
