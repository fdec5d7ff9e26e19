"""The keys of a policy file: the one table for loading, its errors, and the JSON Schema."""

from typing import Any

from auditor.facts.record import SCOPES
from auditor.findings import SEVERITIES

PROFILES = ("recommended", "strict", "all")

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_PARAM: dict[str, Any] = {"type": ["boolean", "integer", "number", "string", "array"]}
_PARAMS: dict[str, Any] = {"type": "object", "additionalProperties": _PARAM}
_SERIES: dict[str, Any] = {
    "type": ["string", "integer", "number", "array"],
    "description": "A quantity or number for every day, or a list of one a day, the last day last.",
}
_HISTORY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["workload", "container"],
    "properties": {
        "namespace": _TEXT | {"description": "Default: shop."},
        "workload": _TEXT | {"description": "Kind/name, such as Deployment/web."},
        "container": _TEXT,
        "type": {"enum": ["app", "init", "sidecar", "ephemeral"]},
        "days": {"type": "integer", "description": "Days up to 2026-01-31; 14 by default."},
        "pods": {"type": "integer", "description": "Pods with the same numbers; 1 by default."},
        "coverage": {"type": "number", "description": "Share of each day's samples; 1 by default."},
        **dict.fromkeys(("min", "mean", "p95", "p99", "max", "request", "limit"), _SERIES),
        **dict.fromkeys(("swap_max", "rss_max", "cache_max"), _SERIES),
        **dict.fromkeys(("oom_kills", "restarts", "pressure_waiting_ratio"), _SERIES),
    },
}
_EXAMPLE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["manifest"],
    "properties": {
        "manifest": _TEXT | {"description": "YAML text, one or more documents."},
        "messages": _TEXTS | {"description": "The exact messages that the policy gives; of a bad example."},
        "kubernetes_version": _TEXT | {"description": "The version to judge for; the newest by default."},
        "params": _PARAMS | {"description": "Parameters in place of the policy's own."},
        "usage": {"type": "array", "items": _HISTORY, "description": "A small history, a line for each container."},
        "complete": {
            "type": "boolean",
            "description": "Whether the manifest is the whole cluster, as --complete says.",
        },
    },
}

_TEMPLATES: dict[str, Any] = {"type": "object", "additionalProperties": _TEXT}
_FIX: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "when": _TEXT | {"description": "CEL condition of the fix; without it the fix holds whenever the policy does."},
        "set": _TEMPLATES | {"description": "Path below the subject to the text to write there; both may hold {cel}."},
        "rename": _TEMPLATES | {"description": "Path below the subject to the key's new name; both may hold {cel}."},
        "remove": _TEXTS | {"description": "Paths below the subject to remove; they may hold {cel}."},
        "history": {"type": "boolean", "description": "Write the request and limit that history argues for."},
    },
}

REQUIRED = ("id", "severity", "scope", "when", "message", "at", "why", "remediation", "examples")

KEYS: dict[str, dict[str, Any]] = {
    "id": _TEXT | {"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "description": "The file's name; reads as 'allow ID'."},
    "severity": {"enum": list(SEVERITIES), "description": "How bad a finding is."},
    "severity_when": {
        "type": "object",
        "propertyNames": {"enum": list(SEVERITIES)},
        "additionalProperties": _TEXT,
        "description": "Severity to CEL condition; the first that is true replaces `severity`.",
    },
    "scope": {"enum": list(SCOPES), "description": "What the condition is asked for; decides its variables."},
    "when": _TEXT | {"description": "CEL condition over the facts; a finding when it is true."},
    "message": _TEXT | {"description": "The fact with its numbers: {cel[:format]}, formats bytes, percent, .1f."},
    "at": {"type": "string", "description": "Path below the subject where the finding points; may hold {cel}."},
    "actual": _TEXT | {"description": "CEL of the bytes that are wrong."},
    "expected": _TEXT | {"description": "CEL of the bytes that they are held against."},
    "why": _TEXT | {"description": "Why it matters, with its source."},
    "remediation": _TEXT | {"description": "What to do; ends in a period."},
    "fix": _FIX | {"description": "What takes the finding away, where one answer can be defended to the owner."},
    "waive": _TEXT | {"description": "When a waiver is reasonable."},
    "references": _TEXTS | {"description": "Pages to read."},
    "tags": _TEXTS | {"description": "Words to group policies by."},
    "params": _PARAMS | {"description": "Parameters with their defaults; a config overrides them, types hold."},
    "profiles": {"type": "array", "items": {"enum": list(PROFILES)}, "description": "The profiles that enable it."},
    "profile_params": {
        "type": "object",
        "propertyNames": {"enum": list(PROFILES)},
        "additionalProperties": _PARAMS,
        "description": "Parameter values that a profile sets.",
    },
    "yields_to": _TEXTS | {"description": "Policies whose finding for the same subject silences this one's."},
    "aliases": _TEXTS | {"description": "Ids that it had before."},
    "deprecated": _TEXT | {"description": "Why it is kept but should not be used any more."},
    "examples": {
        "type": "object",
        "additionalProperties": False,
        "required": ["good", "bad"],
        "properties": {
            "good": {"type": "array", "minItems": 1, "items": {"anyOf": [_TEXT, _EXAMPLE]}},
            "bad": {"type": "array", "minItems": 1, "items": _EXAMPLE | {"required": ["manifest", "messages"]}},
        },
        "description": "Manifests that are its tests and its documentation.",
    },
}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a policy file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policy of the Kubernetes memory auditor",
        "type": "object",
        "additionalProperties": False,
        "required": list(REQUIRED),
        "properties": KEYS,
    }
