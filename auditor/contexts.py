"""The objects that stand around pods, on their way from the files that hold them to contexts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from auditor.config import ConfigError
from auditor.facts.beside import bounds_beside
from auditor.facts.context import Context, known_elsewhere, without_namespace
from auditor.findings import Skipped
from auditor.sources.comments import own_comments
from auditor.sources.model import Object
from auditor.sources.places import with_kept_places


def alone(obj: Object, lines: Sequence[int]) -> Object:
    """Return a context object without its text, with the places and comments that it needs by itself."""
    obj = replace(obj, data=_needed(obj))
    keys = tuple(obj.data) if obj.kind in _FLAT else _PLACED.get(obj.kind, ("spec",))
    return replace(with_kept_places(obj, keys), comments=own_comments(obj, lines))


_FLAT = frozenset(("KubeletConfiguration", "PriorityClass", "RuntimeClass"))
_PLACED = {"ConfigMap": (), "Namespace": (), "Node": ("status",)}
_NODE_STATUS = ("capacity", "allocatable", "nodeInfo")


def _needed(obj: Object) -> dict[str, Any]:
    """Return the data of a Node without what makes its status large: images, conditions, volumes."""
    status = obj.data.get("status")
    if obj.kind != "Node" or not isinstance(status, dict):
        return obj.data
    return obj.data | {"status": {key: status[key] for key in _NODE_STATUS if key in status}}


def unnamed(objects: Sequence[Object]) -> list[str]:
    """Return what a reader must know of objects of the context that name no namespace."""
    lost, beside = without_namespace(objects), sum(map(bounds_beside, objects))
    notes = []
    if lost:
        words = "object of the context names no namespace and joins" if lost == 1 else _MANY_LOST
        notes.append(f"{lost} {words} no workload: give --namespace")
    if beside:
        notes.append(f"{beside} {_ONE_BESIDE if beside == 1 else _MANY_BESIDE} judged: give --namespace")
    return notes


_MANY_LOST = "objects of the context name no namespace and join"
_ONE_BESIDE = "autoscaler names no namespace: it bounds what lies beside it and names none either, and is not"
_MANY_BESIDE = "autoscalers name no namespace: they bound what lies beside them and names none either, and are not"


def on_top_of(shared: Sequence[Object], own: Sequence[Object], minor: int) -> tuple[Context, tuple[Skipped, ...]]:
    """Return the context of a rendering in that of its PATH argument; what it has itself hides the same of that."""
    mine = {(obj.kind, obj.namespace, obj.name) for obj in own}
    inherited = [obj for obj in shared if (obj.kind, obj.namespace, obj.name) not in mine]
    context, skipped = Context.build([*inherited, *own], minor)
    return replace(context, inherited=frozenset(map(known_elsewhere, inherited))), skipped


def on_node(contexts: Sequence[Context], name: str) -> list[Context]:
    """Return the contexts reduced to a node where they have it. Raises ConfigError when none has."""
    if not any(held.value.name == name for context in contexts for held in context.nodes):
        known = ", ".join(held.value.name for context in contexts for held in context.nodes)
        lost = any(("Node", "") in context.unread for context in contexts)
        raise ConfigError(
            f"--node {name}: no such Node in the input; "
            + (f"nodes are {known}" if known else "it has none")
            + ("; some cannot be read, which a scan tells" if lost else "")
        )
    return [context.on_node(name) for context in contexts]
