"""Reads a cluster through its API, in the order that `entries` promises. Nothing is written, and no Secret is read."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from auditor.kube.paths import Path
from auditor.sources.cluster.ask import Refusal, Server
from auditor.sources.cluster.connect import Connection
from auditor.sources.cluster.custom import custom_kinds
from auditor.sources.cluster.discovery import Served, discover
from auditor.sources.cluster.entries import SNAPSHOT_VERSION, End, Entries, Header, Item, Missing
from auditor.sources.cluster.kinds import (
    CONFIG_MAPS,
    CONTEXT,
    LINKS,
    NAMESPACES,
    NODES,
    OPTIONAL,
    OWNERS,
    PODS,
    Resource,
)
from auditor.sources.cluster.kubelets import kubelet_configurations
from auditor.sources.cluster.lists import Data, Listing, grant, listed, read_object

Reduce = Callable[[Data], Data | None]
"""From a whole object to what facts read; None is left out."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read of a cluster."""

    namespaces: tuple[str, ...] = ()
    """Only these; empty for all. What belongs to no namespace (nodes, classes) is read all the same."""
    selector: str | None = None
    """A label selector as kubectl takes it, for pods. What owns them is read without: who judges matches it."""
    custom: bool = True
    """Whether to look for custom kinds with pod templates; those of `template_paths` are read all the same."""
    template_paths: Mapping[str, Path] = field(default_factory=dict)
    """Custom kind to the path of its template, as the config says."""
    config_maps: tuple[str, ...] | None = None
    """Names of the ConfigMaps to read, in every namespace that is read; empty for all of them, None for none at all.
    A role may be restricted to the names (resourceNames)."""
    kubelet_config: bool = False
    """Whether to ask each kubelet for its configuration through the API server: needs get on nodes/proxy."""
    page_size: int = 500
    """Objects of a page at most."""


def read_cluster(
    connection: Connection,
    wanted: Wanted,
    *,
    reduce: Reduce,
    sleep: Callable[[float], None] = time.sleep,
) -> Entries:
    """Yield what is wanted of a cluster: what cannot be read is a `Missing`, Ctrl-C while reading an interrupted end.

    Of a ReplicaSet or Job with an owner only apiVersion, kind and metadata are yielded: it links pods to their owner.
    """
    yield Header(
        SNAPSHOT_VERSION, connection.name, connection.kubernetes_version, wanted.namespaces, wanted.selector or None
    )
    try:
        for entry in _Reader(Server(connection, sleep=sleep), wanted).entries():
            if not isinstance(entry, Missing):
                data = reduce(entry)
                if data is not None:
                    yield Item(data)
            else:
                yield entry
    except KeyboardInterrupt:
        yield End(interrupted=True)
        return
    yield End()


class _Reader:
    def __init__(self, server: Server, wanted: Wanted) -> None:
        self._server = server
        self._wanted = wanted

    def entries(self) -> Iterator[Data | Missing]:
        """Yield everything in its order."""
        told = discover(self._server)
        if isinstance(told, Missing):
            yield told
            told = Served(None)
        yield from self._nodes()
        yield from self._namespaces()
        for resource in CONTEXT:
            yield from self._all(resource)
        for resource in OPTIONAL:
            if told.may_serve(resource):
                yield from self._all(resource, optional=True)
        yield from self._config_maps()
        for resource in OWNERS:
            yield from map(_link, self._all(resource)) if _is_link(resource) else self._all(resource)
        yield from self._custom(told)
        selector = (("labelSelector", self._wanted.selector),) if self._wanted.selector else ()
        yield from self._all(PODS, selector)

    def _all(
        self, resource: Resource, query: tuple[tuple[str, str], ...] = (), *, optional: bool = False
    ) -> Iterator[Data | Missing]:
        """Yield the objects of a resource in the namespaces that are wanted."""
        wanted = self._wanted
        namespaces: Iterable[str | None] = (wanted.namespaces if resource.namespaced else ()) or (None,)
        for namespace in namespaces:
            yield from listed(self._server, Listing(resource, namespace, query, optional, wanted.page_size))

    def _nodes(self) -> Iterator[Data | Missing]:
        names = []
        for entry in self._all(NODES):
            if not isinstance(entry, Missing):
                names.append(str((entry.get("metadata") or {}).get("name")))
            yield entry
        if self._wanted.kubelet_config:
            yield from kubelet_configurations(self._server, names)

    def _namespaces(self) -> Iterator[Data | Missing]:
        """Yield the Namespaces; the wanted ones each by itself, so that a name that does not exist is told."""
        if not self._wanted.namespaces:
            yield from self._all(NAMESPACES)
        for name in self._wanted.namespaces:
            answer = self._server.get(f"{NAMESPACES.path()}/{name}")
            found = answer if isinstance(answer, Refusal) else read_object(answer.body, NAMESPACES)
            if not isinstance(found, Refusal):
                yield found
                continue
            reason = found.reason
            if found.status == 403:
                reason = grant("get", "namespaces", name, namespaced=True)
            elif found.status == 404:
                reason = "there is no such namespace"
            yield Missing(f"get namespace {name}", reason, NAMESPACES.kind, name)

    def _config_maps(self) -> Iterator[Data | Missing]:
        names = self._wanted.config_maps
        if names is None:
            return
        if not names:
            yield from self._all(CONFIG_MAPS)
        for name in names:
            yield from self._all(CONFIG_MAPS, (("fieldSelector", f"metadata.name={name}"),))

    def _custom(self, served: Served) -> Iterator[Data | Missing]:
        wanted = self._wanted
        if not wanted.custom and not wanted.template_paths:
            return
        for entry in custom_kinds(self._server, served, wanted.template_paths, named_only=not wanted.custom):
            if isinstance(entry, Missing):
                yield entry
            elif entry.namespaced or not wanted.namespaces:
                yield from self._all(entry, optional=True)


def _is_link(resource: Resource) -> bool:
    return (resource.group, resource.kind) in LINKS


def _link(entry: Data | Missing) -> Data | Missing:
    """Return an owned object without what its owner's template says already."""
    if isinstance(entry, Missing):
        return entry
    owners = (entry.get("metadata") or {}).get("ownerReferences") or ()
    if not any(owner.get("controller") for owner in owners):
        return entry
    return {key: entry[key] for key in ("apiVersion", "kind", "metadata")}
