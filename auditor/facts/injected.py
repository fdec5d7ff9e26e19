"""Facts about containers that an injector will add to a pod when it is created."""

from typing import Any

import msgspec

from auditor.facts.context import Context
from auditor.facts.live import runs
from auditor.kube.admission import Pod
from auditor.kube.quantity import capped
from auditor.sidecars.injection import Injection, injections
from auditor.sources.model import Object


class Injected(msgspec.Struct, frozen=True):
    """What will be injected into one pod."""

    found: tuple[Injection, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the containers."""
        return tuple(item.container for item in self.found)

    @property
    def unsized(self) -> tuple[str, ...]:
        """Return those that the pod's totals do not hold, in words with the annotations that would size them."""
        return tuple(
            f"{item.container} by {item.injector}" + (f" ({', '.join(item.missing)})" if item.missing else "")
            for item in self.found
            if not item.sized
        )

    def on_top(self, amount_bytes: int | None, which: str) -> int | None:
        """Return an amount of the pod with those of the injected containers; None when not known or none is injected.

        An injected init container runs before the others and is taken not to be the peak.
        """
        more = [item.request_bytes if which == "request" else item.limit_bytes for item in self.found if not item.init]
        if not more or amount_bytes is None or None in more:
            return None
        return capped(amount_bytes + sum(size for size in more if size is not None))


NOTHING = Injected()


def injected(obj: Object, spec: dict[str, Any], pod: Pod, context: Context) -> Injected:
    """Return what will be injected into an object's pods, by their own metadata and their Namespace's.

    Pods that run have what they got.
    """
    if runs(obj):
        return NOTHING
    metadata = obj.pod_metadata
    namespace = context.namespaces.get(obj.namespace) if obj.namespace is not None else None
    if not isinstance(metadata, dict):
        metadata = {}
    found = injections(
        metadata.get("annotations"),
        metadata.get("labels"),
        obj.namespace,
        namespace.value.labels if namespace else None,
        namespace.value.annotations if namespace else None,
        [container.name for container in pod.containers],
        host_network=spec.get("hostNetwork") is True,
    )
    return Injected(found) if found else NOTHING
