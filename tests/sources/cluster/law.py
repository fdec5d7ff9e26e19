"""The law of reducing: what is judged of the reduced objects is what is judged of the whole ones."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from auditor.api import Options, rules_of
from auditor.config import Config
from auditor.engine import Judge
from auditor.facts.context import Context, is_context
from auditor.sources.cluster.reduce import reduced


@lru_cache(maxsize=1)
def judge():
    """Return a judge with every policy."""
    plan = rules_of(Options(profile="all"), Config(), Path()).task.plan
    return Judge(plan), plan


def less(objects, template_paths=None):
    """Return objects with what is left of their data, as a snapshot keeps it."""
    return [replace(obj, data=reduced(obj.data, template_paths or {})) for obj in objects if obj.kind != "Secret"]


def told(objects):
    """Return all that is told of some objects: facts, findings, sums, what is skipped."""
    court, plan = judge()
    objects = [obj for obj in objects if obj.kind != "Secret"]
    context, malformed = Context.build(objects, plan.target.minor)
    judged = court.judge_objects(objects, replace(context, complete=True), keep_records=True)
    around = court.judge_surroundings(replace(context, complete=True), judged.members)
    return values(context), malformed, judged, around, [obj.kind for obj in objects if is_context(obj)]


def values(context):
    """Return what a context holds, without the objects that it was read from; of ConfigMaps only which keys."""
    held = ("limit_ranges", "quotas", "namespaces", "horizontal", "vertical", "nodes", "kubelets")
    plain = ("overheads", "priorities", "targets", "scalers", "groups", "unread")
    maps = {space: {name: set(data) for name, data in some.items()} for space, some in context.config_maps.items()}
    return [_bare(getattr(context, key)) for key in held] + [getattr(context, key) for key in plain] + [maps]


def _bare(value):
    if isinstance(value, tuple):
        return [_bare(item) for item in value]
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items()}
    inner = value.value
    if type(inner).__name__ == "NamespaceInfo":
        # Of annotations only those that injectors read are kept.
        return dict(inner.labels)
    return inner
