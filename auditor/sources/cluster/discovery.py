"""Which API groups a cluster serves, in one request where the server can, and from its older form otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from auditor.sources.cluster.ask import Refusal, Server
from auditor.sources.cluster.connect import JSON
from auditor.sources.cluster.entries import Missing
from auditor.sources.cluster.kinds import Resource
from auditor.sources.cluster.lists import FAULTS

_AGGREGATED = ",".join(
    (*(f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")), JSON)
)


@dataclass(frozen=True, slots=True)
class Served:
    """What a cluster serves besides the core group."""

    groups: frozenset[str] | None
    """The API groups; None when the server did not tell: then each has to be tried."""
    resources: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict)
    """Kind to the resources of that kind, each group in the version that it prefers; empty where the server only tells
    of groups (before 1.27)."""

    def may_serve(self, resource: Resource) -> bool:
        """Whether a list of the resource is worth a request."""
        return not resource.group or self.groups is None or resource.group in self.groups


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


class _Listed(msgspec.Struct, frozen=True):
    resource: str = ""
    scope: str = ""
    verbs: list[str] = []
    responseKind: _Kind | None = None  # noqa: N815 - as the API names it


class _Version(msgspec.Struct, frozen=True):
    version: str = ""
    resources: list[_Listed] = []


class _Name(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct, frozen=True):
    """A group in the aggregated form, which names it in its metadata, or in the older one."""

    metadata: _Name = _Name()
    name: str = ""
    versions: list[_Version] = []


class _Groups(msgspec.Struct, frozen=True):
    items: list[_Group] | None = None
    groups: list[_Group] | None = None


def discover(server: Server) -> Served | Missing:
    """Return what the cluster serves, or that it does not tell."""
    answer = server.get("/apis", accept=_AGGREGATED)
    if isinstance(answer, Refusal):
        return Missing("discover the API groups", answer.reason)
    try:
        told = msgspec.json.decode(answer.body, type=_Groups)
    except FAULTS:
        return Missing("discover the API groups", "the answer is no list of groups")
    if told.items is None:
        return Served(frozenset(group.name for group in told.groups or ()))
    resources: dict[str, tuple[Resource, ...]] = {}
    for group in told.items:
        for resource in _preferred(group):
            resources[resource.kind] = (*resources.get(resource.kind, ()), resource)
    return Served(frozenset(group.metadata.name for group in told.items), resources)


def _preferred(group: _Group) -> list[Resource]:
    """Return what can be listed of a group, each kind in the first of its versions: the server sorts them."""
    found: dict[str, Resource] = {}
    for version in group.versions:
        for listed in version.resources:
            if "list" in listed.verbs and listed.responseKind is not None:
                kind = listed.responseKind.kind
                namespaced = listed.scope == "Namespaced"
                resource = Resource(group.metadata.name, version.version, listed.resource, kind, namespaced)
                found.setdefault(kind, resource)
    return list(found.values())
