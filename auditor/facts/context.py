"""What other objects of the same inputs contribute to a pod: LimitRanges, RuntimeClasses, Nodes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auditor.findings import Skipped
from auditor.kube.limitrange import LimitRange, read_limit_range
from auditor.kube.objects import Amounts, Fault, read_amounts
from auditor.sources.model import Object


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """The memory of one Node in bytes; None where its status does not say."""

    name: str
    capacity_bytes: int | None
    allocatable_bytes: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """The context objects of one cluster; picklable."""

    limit_ranges: Mapping[str, tuple[LimitRange, ...]] = field(default_factory=dict)
    """By namespace, in order of their names."""
    overheads: Mapping[str, Amounts] = field(default_factory=dict)
    """RuntimeClass to its overhead, empty for a class without one."""
    nodes: tuple[NodeMemory, ...] = ()
    capacity_bytes: int | None = None
    """Memory capacity of the nodes when all agree."""
    allocatables_bytes: tuple[int, ...] = ()
    """The different amounts of allocatable memory, smallest first; empty when a node does not say."""

    @staticmethod
    def build(objects: Iterable[Object]) -> "tuple[Context, tuple[Skipped, ...]]":
        """Return the context, and the objects that are malformed or contradict each other."""
        unique, skipped = _unique(objects)
        ranges: dict[str, list[LimitRange]] = {}
        overheads: dict[str, Amounts] = {}
        nodes: list[NodeMemory] = []
        for obj in unique:
            read = _read(obj)
            match read:
                case Fault():
                    skipped.append(Skipped(obj.file, obj.line, None, f"{obj.kind} {obj.name}: {read.reason}"))
                case LimitRange():
                    ranges.setdefault(obj.namespace or "", []).append(read)
                case NodeMemory():
                    nodes.append(read)
                case dict():
                    overheads[obj.name] = read
        ordered = {key: tuple(sorted(some, key=lambda item: item.name)) for key, some in ranges.items()}
        capacities = {node.capacity_bytes for node in nodes}
        sizes = {node.allocatable_bytes for node in nodes}
        context = Context(
            ordered,
            overheads,
            tuple(nodes),
            capacities.pop() if len(capacities) == 1 else None,
            () if None in sizes else tuple(sorted(size for size in sizes if size is not None)),
        )
        return context, tuple(skipped)


EMPTY = Context()


def _kind(obj: Object) -> str | None:
    group = obj.api_version.rpartition("/")[0]
    if obj.kind == "LimitRange" and group == "":
        return None if obj.namespace is None else f"LimitRange {obj.namespace}/{obj.name}"
    if obj.kind == "Node" and group == "":
        return f"Node {obj.name}"
    return f"RuntimeClass {obj.name}" if obj.kind == "RuntimeClass" and group == "node.k8s.io" else None


def _unique(objects: Iterable[Object]) -> tuple[list[Object], list[Skipped]]:
    """Return each context object once; two different ones of one identity are both left out and named."""
    by_identity: dict[str, list[Object]] = {}
    for obj in objects:
        identity = _kind(obj)
        if identity is not None:
            by_identity.setdefault(identity, []).append(obj)
    unique: list[Object] = []
    skipped: list[Skipped] = []
    for identity, same in by_identity.items():
        if all(obj.data == same[0].data for obj in same):
            unique.append(same[0])
            continue
        places = ", ".join(f"{obj.file}:{obj.line}" for obj in same)
        skipped.extend(
            Skipped(o.file, o.line, None, f"{identity} is there with different contents: {places}") for o in same
        )
    return unique, skipped


def _read(obj: Object) -> LimitRange | NodeMemory | Amounts | Fault:
    if obj.kind == "LimitRange":
        return read_limit_range(obj.data, f"{obj.namespace}/{obj.name}", f"{obj.file}:{obj.line}")
    if obj.kind == "Node":
        return _node(obj)
    overhead = obj.data.get("overhead")
    fixed = overhead.get("podFixed") if isinstance(overhead, dict) else overhead
    return _amounts(fixed, "overhead.podFixed")


def _amounts(raw: object, at: str) -> Amounts | Fault:
    read = read_amounts(raw, at, "requests")
    if isinstance(read, Fault):
        return read
    return Fault((at,), f"{read.refused[0][0]}: {read.refused[0][1]}") if read.refused else read.requests


def _node(obj: Object) -> NodeMemory | Fault:
    status = obj.data.get("status")
    if not isinstance(status, dict):
        return NodeMemory(obj.name, None, None)
    found: list[int | None] = []
    for key in ("capacity", "allocatable"):
        amounts = _amounts(status.get(key), f"status.{key}")
        if isinstance(amounts, Fault):
            return amounts
        memory = amounts.get("memory")
        found.append(None if memory is None else -(-memory // 1000))
    return NodeMemory(obj.name, found[0], found[1])
