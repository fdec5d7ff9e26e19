"""Writes report objects into a cluster: new ones are created, ours are applied, ours that are gone are removed.

Ours is what carries our label. An object of the same name that does not is refused by the server (409) and stays as it
is; nothing else in the cluster is ever changed.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from auditor.deliver.errors import DeliveryError
from auditor.deliver.policy_reports import MANAGED_BY, NAME, OPENREPORTS, WGPOLICYK8S, Api, ReportObject
from auditor.nightly_config import ReportsApi
from auditor.reports.text import TOOL_NAME, counted, plain
from auditor.sources.cluster.ask import status_of
from auditor.sources.cluster.connect import JSON, Answer, Connection, UnreachableError

T = TypeVar("T")

_APPLY = "application/apply-patch+yaml"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_PAGE = 500
_PAUSES = (0.5, 1.0, 2.0)
_MAX_WAIT_SECONDS = 30
_PASSES = (429, 500, 502, 503, 504)
_NAMESPACE_ENDS = b"NamespaceTerminating"
"""The cause that the API server gives when it creates nothing in a namespace that is being deleted."""
_MOST_FAULTS = 5
"""After so many the rest is not tried: it would fail for the same reason."""
_SHOWN = 300


class Applied(msgspec.Struct, frozen=True):
    """What writing did."""

    api: str
    """The API's group."""
    written: int
    removed: int
    notes: tuple[str, ...]
    """What was left as it is, and why."""


class _Meta(msgspec.Struct, frozen=True):
    name: str
    uid: str
    namespace: str | None = None
    labels: dict[str, str] = {}


class _Item(msgspec.Struct, frozen=True):
    metadata: _Meta


class _ListMeta(msgspec.Struct, frozen=True):
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    items: tuple[_Item, ...] | None
    """null where there is none."""
    metadata: _ListMeta = _ListMeta()


class _Resource(msgspec.Struct, frozen=True):
    name: str


class _Resources(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...]


_Where = tuple[str | None, str]
"""Namespace and name."""


class Writer:
    """Writes into one cluster."""

    def __init__(self, connection: Connection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection = connection
        self._sleep = sleep

    def apis(self, wanted: ReportsApi) -> tuple[Api, ...]:
        """Return the wanted APIs that the cluster has. Raises DeliveryError when one is missing."""
        if wanted == "auto":
            found = next((api for api in (OPENREPORTS, WGPOLICYK8S) if self._has(api)), None)
            if found is None:
                raise DeliveryError("the cluster has neither the API openreports.io nor wgpolicyk8s.io")
            return (found,)
        apis = [api for api in (OPENREPORTS, WGPOLICYK8S) if wanted in ("both", api.group.partition(".")[0])]
        missing = [f"{api.group}/{api.version}" for api in apis if not self._has(api)]
        if missing:
            raise DeliveryError(f"the cluster does not have the API {' nor '.join(missing)}")
        return tuple(apis)

    def _has(self, api: Api) -> bool:
        answer = self._get(api.path)
        if answer.status == 404:
            return False
        if answer.status != 200:
            raise DeliveryError(f"{api.group}: {self._said(answer)}")
        names = {item.name for item in self._decoded(answer, _Resources).resources}
        return {api.plural, api.cluster_plural} <= names

    def write(self, api: Api, objects: Sequence[ReportObject], *, prune: bool) -> Applied:
        """Write objects and, with `prune`, remove those of ours that are not among them any more.

        Without it only further parts of namespaces that were written go. Raises DeliveryError when something could
        not be written or removed; what could is.
        """
        ours = {(meta.namespace, meta.name): meta.uid for meta in self._ours(api)}
        faults: list[str] = []
        notes: list[str] = []
        written = removed = 0
        for item in objects:
            if len(faults) < _MOST_FAULTS:
                fault, note = self._write(api, item, ours.get((item.namespace, item.name)))
                written += not (fault or note)
                faults += [fault] if fault else []
                notes += [note] if note else []
        for where, uid in _gone(ours, objects, prune=prune):
            if len(faults) < _MOST_FAULTS:
                fault = self._remove(api, where, uid)
                removed += not fault
                faults += [fault] if fault else []
        if faults:
            done = f"{counted(written, 'object')} written, {removed} removed"
            raise DeliveryError(f"{api.group}: {done}, then: {'; '.join(faults)}")
        return Applied(api.group, written, removed, tuple(notes))

    def _ours(self, api: Api) -> Iterator[_Meta]:
        for plural in (api.plural, api.cluster_plural):
            token = ""
            while True:
                query = [("labelSelector", f"{MANAGED_BY}={TOOL_NAME}"), ("limit", str(_PAGE))]
                query += [("continue", token)] if token else []
                answer = self._get(f"{api.path}/{plural}", query, _METADATA_ONLY)
                if answer.status != 200:
                    raise DeliveryError(f"list {plural}.{api.group}: {self._said(answer)}")
                page = self._decoded(answer, _List)
                yield from (item.metadata for item in page.items or ())
                token = page.metadata.continue_
                if not token:
                    break

    def _write(self, api: Api, item: ReportObject, uid: str | None) -> tuple[str, str]:
        """Write one object; return a fault, or a note about what is no fault."""
        where = _words(api, (item.namespace, item.name))
        if uid is None:
            answer = self._create(api, item)
            if answer.status == 409:
                uid = self._our_uid(api, item)
                if uid is None:
                    return f"{where} is there and not ours: it stays as it is", ""
        if uid is not None:
            answer = self._apply(api, item, uid)
        if answer.status in (200, 201):
            return "", ""
        if item.namespace is not None and (answer.status == 404 or _NAMESPACE_ENDS in answer.body):
            return "", f"{where} is not written: its namespace is gone"
        return f"{'create' if uid is None else 'patch'} {where}: {self._said(answer)}", ""

    def _create(self, api: Api, item: ReportObject) -> Answer:
        query = [("fieldManager", NAME)]
        return self._send("POST", _path(api, item.namespace), query, msgspec.json.encode(item.body))

    def _apply(self, api: Api, item: ReportObject, uid: str) -> Answer:
        """Apply an object of ours; one that has been replaced meanwhile is a conflict by its uid."""
        query = [("fieldManager", NAME), ("force", "true")]
        body = {**item.body, "metadata": {**item.body["metadata"], "uid": uid}}
        return self._send("PATCH", _path(api, item.namespace, item.name), query, msgspec.json.encode(body), _APPLY)

    def _our_uid(self, api: Api, item: ReportObject) -> str | None:
        """Return the uid of an object that another run of ours, or our own lost request, has just made."""
        answer = self._get(_path(api, item.namespace, item.name))
        if answer.status != 200:
            return None
        meta = self._decoded(answer, _Item).metadata
        return meta.uid if meta.labels.get(MANAGED_BY) == TOOL_NAME else None

    def _remove(self, api: Api, where: _Where, uid: str) -> str:
        """Remove one object of ours; return a fault. One that is gone, or is another by now, is none."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        answer = self._send("DELETE", _path(api, *where), (), msgspec.json.encode(options))
        if answer.status in (200, 202, 404, 409):
            return ""
        return f"delete {_words(api, where)}: {self._said(answer)}"

    def _get(self, path: str, query: Sequence[tuple[str, str]] = (), accept: str = JSON) -> Answer:
        return self._patiently(lambda: self._connection.get(path, query, accept))

    def _send(
        self, method: str, path: str, query: Sequence[tuple[str, str]], body: bytes, content_type: str = JSON
    ) -> Answer:
        return self._patiently(lambda: self._connection.send(method, path, query, body, content_type))

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Return the answer to a request, sent again when that may help. Raises DeliveryError when none comes."""
        pauses = iter(_PAUSES)
        while True:
            answer: Answer | UnreachableError
            try:
                answer = ask()
            except UnreachableError as error:
                answer = error
            pause = next(pauses, None) if _may_pass(answer) else None
            if isinstance(answer, UnreachableError):
                if pause is None:
                    raise DeliveryError(f"the API server does not answer: {answer}")
            elif pause is None:
                return answer
            else:
                pause = min(max(pause, answer.retry_after_seconds or 0), _MAX_WAIT_SECONDS)
            self._sleep(pause)

    def _decoded(self, answer: Answer, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DeliveryError(f"the API server's answer cannot be read: {plain(str(error))}") from None

    def _said(self, answer: Answer) -> str:
        """Return what the server says of a request that it did not carry out."""
        status = status_of(answer.body)
        text = status.message if status else answer.body[:_SHOWN].decode(errors="replace")
        words = self._connection.clean(text)
        return f"HTTP {answer.status}" + (f": {words}" if words else "")


def _may_pass(answer: Answer | UnreachableError) -> bool:
    """Whether sending a request again may help."""
    if isinstance(answer, UnreachableError):
        return not answer.lasting
    return answer.status in _PASSES


def _gone(ours: Mapping[_Where, str], objects: Sequence[ReportObject], *, prune: bool) -> list[tuple[_Where, str]]:
    """Return what of ours is to be removed; without `prune` only of namespaces that are written."""
    wanted = {(item.namespace, item.name) for item in objects}
    namespaces = {namespace for namespace, _ in wanted}
    return [(where, uid) for where, uid in ours.items() if where not in wanted and (prune or where[0] in namespaces)]


def _path(api: Api, namespace: str | None, name: str = "") -> str:
    plural = api.cluster_plural if namespace is None else f"namespaces/{namespace}/{api.plural}"
    return f"{api.path}/{plural}" + (f"/{name}" if name else "")


def _words(api: Api, where: _Where) -> str:
    namespace, name = where
    if namespace is None:
        return f"{api.cluster_plural}.{api.group} {plain(name)}"
    return f"{api.plural}.{api.group} {plain(namespace)}/{plain(name)}"
