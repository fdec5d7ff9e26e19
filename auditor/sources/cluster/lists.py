"""Lists of one resource, page by page: one page in memory, every object once, every fault told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from auditor.sources.cluster.ask import Refusal, Server
from auditor.sources.cluster.entries import Missing
from auditor.sources.cluster.kinds import PAGE_SIZES, Resource
from auditor.sources.cluster.kubeconfig import tidy

Data = dict[str, Any]

_RESTARTS = 2
"""How often a list that expired is begun anew when the server offers no token to go on with."""
_EXPIRED_TRIES = 3
"""How often in a row a token may be expired."""


class _ListMeta(msgspec.Struct, frozen=True):
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct, frozen=True):
    """A list's page; of each object only the outermost keys are decoded."""

    items: list[dict[str, msgspec.Raw]] | None = None
    metadata: _ListMeta = _ListMeta()


class _Metadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object's metadata without managedFields, which may be half of an object."""

    name: Any = None
    generateName: Any = None  # noqa: N815 - as the API names it
    namespace: Any = None
    uid: Any = None
    resourceVersion: Any = None  # noqa: N815
    generation: Any = None
    creationTimestamp: Any = None  # noqa: N815
    deletionTimestamp: Any = None  # noqa: N815
    deletionGracePeriodSeconds: Any = None  # noqa: N815
    labels: Any = None
    annotations: Any = None
    ownerReferences: Any = None  # noqa: N815


_PAGE = msgspec.json.Decoder(_Page)
_ITEM = msgspec.json.Decoder(dict[str, msgspec.Raw])
_METADATA = msgspec.json.Decoder(_Metadata)
_ANY = msgspec.json.Decoder()
FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding an answer raises: it is no JSON, has another shape, or is nested too deeply."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one list asks for."""

    resource: Resource
    namespace: str | None = None
    """None is all namespaces, and cluster-scoped resources."""
    query: tuple[tuple[str, str], ...] = ()
    """Selectors."""
    optional: bool = False
    """Whether an API that is not there is nothing to tell."""
    page_size: int = 500

    @property
    def what(self) -> str:
        """The request for people: `list pods in namespace team-a`."""
        return f"list {self.resource.words}" + (f" in namespace {self.namespace}" if self.namespace else "")

    def missing(self, reason: str) -> Missing:
        """Return that it could not be read."""
        return Missing(self.what, reason, self.resource.kind, self.namespace)


class _Reading:
    """How far a list is read: which token comes next, and what a fault of it means."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.token = ""
        self._last = ""
        self._ordered = True
        self._restarted = 0
        self._expired = 0
        """Answers 410 since the last page."""

    def is_new(self, data: Data) -> bool:
        """Whether an object was not yielded before the list was begun anew: pages go by the order of keys."""
        metadata = data.get("metadata") or {}
        key = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"
        if key > self._last:
            self._last = key
            return True
        self._ordered = self._restarted > 0 and self._ordered
        return not self._restarted

    def turn(self, token: str) -> bool:
        """Go on with the next page's token; return whether there is one."""
        self.token, self._expired = token, 0
        return bool(token)

    def recovers(self, refusal: Refusal) -> bool:
        """Go on after a token that expired, with the token that the server offers or from the start; else False."""
        if refusal.status != 410 or not self.token:
            return False
        self._expired += 1
        if not refusal.continue_token:
            self._restarted += 1
        self.token = refusal.continue_token
        return self._ordered and self._expired <= _EXPIRED_TRIES and self._restarted <= _RESTARTS


def listed(server: Server, listing: Listing) -> Iterator[Data | Missing]:
    """Yield the objects in the server's order, with apiVersion and kind; last a `Missing` where they are not all.

    A list whose token expired goes on with the token that the server offers, over what is there by then; without one it
    is begun anew, and what comes before the last object that was yielded is left out.
    """
    reading = _Reading(listing)
    while True:
        answer = server.get(listing.resource.path(listing.namespace), _query(listing, reading.token))
        if isinstance(answer, Refusal):
            if reading.recovers(answer):
                continue
            if not (answer.status == 404 and listing.optional):
                yield listing.missing(_reason(answer, listing))
            return
        try:
            page = _PAGE.decode(answer.body)
            for item in page.items or ():
                data = _object(item, listing.resource)
                if reading.is_new(data):
                    yield data
        except FAULTS as error:
            yield listing.missing(f"the answer is no list: {tidy(error)}")
            return
        if not reading.turn(page.metadata.continue_):
            return


def read_object(body: bytes, resource: Resource) -> Data | Refusal:
    """Return the one object that an answer holds, as `listed` would yield it."""
    try:
        return _object(_ITEM.decode(body), resource)
    except FAULTS as error:
        return Refusal(None, f"the answer is no object: {tidy(error)}")


def grant(verb: str, words: str, namespace: str | None, *, namespaced: bool) -> str:
    """Return the words for a right that is missing."""
    where = f" in namespace {namespace}" if namespace else " in all namespaces" if namespaced else ""
    return f"forbidden: grant {verb} on {words}{where}"


def _query(listing: Listing, token: str) -> Sequence[tuple[str, str]]:
    # No resourceVersion: the most recent state, in the order of its keys.
    size = min(listing.page_size, PAGE_SIZES.get(listing.resource.kind, listing.page_size))
    paging = (("limit", str(size)), *((("continue", token),) if token else ()))
    return (*listing.query, *paging)


def _object(item: dict[str, msgspec.Raw], resource: Resource) -> Data:
    """Decode an object; in lists the API leaves out its apiVersion and kind."""
    data: Data = {"apiVersion": resource.api_version, "kind": resource.kind}
    for key, raw in item.items():
        data[key] = msgspec.to_builtins(_METADATA.decode(raw)) if key == "metadata" else _ANY.decode(raw)
    return data


def _reason(refusal: Refusal, listing: Listing) -> str:
    resource = listing.resource
    if refusal.status == 403:
        return grant("list", resource.words, listing.namespace, namespaced=resource.namespaced)
    if refusal.status == 404:
        return f"the server does not serve {resource.api_version}: HTTP 404"
    if refusal.status == 410:
        return "the list expired again and again while it was read"
    return refusal.reason
