"""Custom kinds that own pods: those whose schema has a pod template, and those that the config names."""

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.kube.paths import Path
from auditor.sources.cluster.ask import Server
from auditor.sources.cluster.discovery import Served
from auditor.sources.cluster.entries import Missing
from auditor.sources.cluster.kinds import DEFINITIONS, Resource
from auditor.sources.cluster.lists import Listing, listed
from auditor.sources.workloads import PATTERN_KEYS, TEMPLATE_NAME, WORKLOAD_KINDS, may_be_custom_workload

_MAX_DEPTH = 64


def custom_kinds(
    server: Server, served: Served, template_paths: Mapping[str, Path], *, named_only: bool
) -> Iterator[Resource | Missing]:
    """Yield the custom kinds to read, by group and name, and what of the definitions could not be read.

    With `named_only` just the kinds of `template_paths`. They are found without their definitions too, where the server
    tells of resources.
    """
    found: dict[tuple[str, str], Resource] = {}
    for kind in template_paths:
        for resource in served.resources.get(kind, ()) if kind not in WORKLOAD_KINDS else ():
            found[resource.group, resource.kind] = resource
    told = named_only and set(template_paths) <= {kind for _, kind in found} | WORKLOAD_KINDS
    for definition in () if told else listed(server, Listing(DEFINITIONS)):
        if isinstance(definition, Missing):
            yield definition
            continue
        resource_of = _resource(definition, template_paths, named_only=named_only)
        if resource_of is not None:
            found[resource_of.group, resource_of.kind] = resource_of
    yield from (found[key] for key in sorted(found))


def _resource(definition: dict[str, Any], template_paths: Mapping[str, Path], *, named_only: bool) -> Resource | None:
    """Return what a definition defines, in its stored version; None when it can own no pods."""
    spec = definition.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group") or ""
    kind, plural = names.get("kind"), names.get("plural")
    versions = [version for version in spec.get("versions") or () if version.get("served")]
    # The stored version needs no conversion, so that a conversion webhook that is down does no harm.
    version = next((version for version in versions if version.get("storage")), versions[0] if versions else None)
    if version is None or not kind or not plural:
        return None
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    if kind not in template_paths and (named_only or not may_be_custom_workload(group) or not has_template(schema)):
        return None
    return Resource(group, version["name"], plural, kind, spec.get("scope") == "Namespaced")


def has_template(schema: Any) -> bool:
    """Return whether objects of an OpenAPI schema may hold a pod template: `containers` below a key named like one.

    A template, or the spec of one, whose fields the schema leaves open may hold them too.
    """
    return _has_template(schema, 0, below_template=False, template=False)


def _has_template(schema: Any, depth: int, *, below_template: bool, template: bool) -> bool:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return False
    properties = schema.get("properties") or {}
    containers = properties.get("containers")
    if below_template and isinstance(containers, dict) and containers.get("type") == "array":
        return True
    if template and not containers and schema.get("x-kubernetes-preserve-unknown-fields") is True:
        return True
    inner = [(schema.get(key), template) for key in ("items", "additionalProperties")]
    if any(_has_template(part, depth + 1, below_template=below_template, template=same) for part, same in inner):
        return True
    for key, part in properties.items():
        named = TEMPLATE_NAME.search(key) is not None
        if key not in PATTERN_KEYS and _has_template(
            part,
            depth + 1,
            below_template=below_template or named,
            template=named or (template and key == "spec"),
        ):
            return True
    return False
