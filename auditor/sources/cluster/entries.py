"""What is read of a cluster, in order: one header, its objects, what could not be read, an end.

The API and a snapshot yield the same entries, so that auditing one is auditing the other. The order is part of the
contract: the header first; then what stands around pods (nodes, LimitRanges ... and PodMetrics); then the objects that
own pods; then Pods, by namespace as the API server lists them; the end last. `Missing` may stand anywhere between.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

SNAPSHOT_VERSION = 1


class Header(msgspec.Struct, frozen=True, tag="cluster", tag_field="entry"):
    """Which cluster, and which part of it."""

    version: int
    """Of the snapshot's form: `SNAPSHOT_VERSION`."""
    cluster: str
    """The name that reports give it."""
    kubernetes_version: str | None
    """Of the API server, such as `1.34`; None when it did not say."""
    namespaces: tuple[str, ...] = ()
    """The only ones that were read; empty for all."""
    selector: str | None = None
    """The label selector of the pods and of what owns them; None for all."""

    @property
    def whole(self) -> bool:
        """Whether the whole cluster was asked for."""
        return not self.namespaces and self.selector is None


class Item(msgspec.Struct, frozen=True, tag="object", tag_field="entry"):
    """One object, reduced to what facts read."""

    data: dict[str, Any]
    """With apiVersion, kind and metadata, also where the API leaves them out in lists."""


class Missing(msgspec.Struct, frozen=True, tag="missing", tag_field="entry"):
    """What was asked for and could not be read; it makes the audit incomplete."""

    what: str
    """The request for people, such as `list pods in namespace team-a` or `list nodes`."""
    reason: str
    """The fault, and what would mend it, such as `forbidden: grant list on pods in namespace team-a`."""
    kind: str | None = None
    """The kind that is missing; None when it is no kind, such as a group's discovery."""
    namespace: str | None = None
    """The one namespace that it is missing in; None for all."""


class End(msgspec.Struct, frozen=True, tag="end", tag_field="entry"):
    """Nothing follows; a snapshot without it was cut."""

    interrupted: bool = False
    """Whether reading was stopped before everything was read."""


Entry = Header | Item | Missing | End
Entries = Iterator[Entry]
