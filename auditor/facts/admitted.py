"""The pod of an object as admission leaves it: what a template will make, or what runs."""

from typing import Any

import msgspec

from auditor.facts.context import Context
from auditor.facts.live import as_written, runs
from auditor.kube.admission import Pod, Rules, admit
from auditor.kube.priority import default_class
from auditor.sources.model import Object


def admitted(obj: Object, spec: dict[str, Any], context: Context, rules: Rules) -> Pod:
    """Return the pod of an object with a pod spec.

    A pod that runs was admitted once: a LimitRange or a quota that is younger, or cannot be read, changes nothing of
    it. What admission says today is said of the next pod of its template.
    """
    if not runs(obj) or obj.live is None:
        return _admit(spec, obj.namespace, context, rules, defaults=True)
    pod = _admit(spec, obj.namespace, context, rules, defaults=False)
    if obj.live.template is None:
        return msgspec.structs.replace(pod, events=(), unspecified=())
    following = _admit(obj.live.template, obj.namespace, context, rules, defaults=True)
    return msgspec.structs.replace(
        as_written(pod, following), events=following.events, unspecified=following.unspecified
    )


def _admit(spec: dict[str, Any], space: str | None, context: Context, rules: Rules, *, defaults: bool) -> Pod:
    """Admit a spec, with or without the defaults that LimitRanges give."""
    ranges = context.limit_ranges.get(space, ()) if defaults and space is not None and context.limit_ranges else ()
    quotas = context.quotas.get(space, ()) if space is not None and context.quotas else ()
    default = default_class(context.priorities) if context.priorities else None
    return admit(
        spec,
        rules,
        [held.value for held in ranges],
        context.overheads,
        [held.value for held in quotas],
        default_class=default.name if default else "",
        defaults_known=not defaults or space is None or ("LimitRange", space) not in context.unread,
    )
