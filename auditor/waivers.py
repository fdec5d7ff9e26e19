"""Waivers: accepted findings, who they cover, why, and until when.

They come from three places: a central YAML file, an annotation on the workload or its pod template, and a comment on
the key's line or the line above. A reason and an end date are required everywhere; a faulty, expired or unused waiver
is told in the report's notes and never hides a finding.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from auditor.config import ConfigError, decode_yaml
from auditor.findings import Finding, Waived
from auditor.sources.model import Comment, Object
from auditor.sources.read import our_document

ANNOTATION = "memory-auditor.io/waive"
LONG = timedelta(days=365)
"""A waiver that ends later than this from today is told."""

_COMMENT = re.compile(r"#\s*waive:\s*(?P<policy>[A-Za-z0-9*?\[\]-]+)(?P<rest>.*)$")
_FIELD = re.compile(r"""(?P<key>[a-z]+)=(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))""")
_MAX_ANNOTATION_CHARS = 16_384


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A waiver as a file or an annotation has it: one accepted finding, or a set of them by glob."""

    policy: str
    reason: str
    until: date
    kind: str = "*"
    namespace: str = "*"
    name: str = "*"
    containers: tuple[str, ...] = ()
    """Container globs; empty covers every subject of the workload."""


class Waiver(_Entry, frozen=True, kw_only=True):
    """An accepted finding, and where that is written."""

    by: str
    """As reports name it."""

    @property
    def key(self) -> str:
        """What tells this waiver from others in the list of used ones."""
        return f"{self.by}\0{self.policy}"

    def covers(self, finding: Finding, aliases: Mapping[str, str]) -> bool:
        """Return whether this waiver is about that finding, its end date aside."""
        workload = finding.workload
        return (
            fnmatchcase(finding.policy, aliases.get(self.policy, self.policy))
            and fnmatchcase(workload.kind, self.kind)
            and fnmatchcase(workload.namespace or "", self.namespace)
            and fnmatchcase(workload.name, self.name)
            and (not self.containers or any(fnmatchcase(finding.container or "", glob) for glob in self.containers))
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    waivers: tuple[_Entry, ...] = ()


def load_waivers(path: Path) -> tuple[Waiver, ...]:
    """Read a central waiver file. Raises ConfigError with the place of the fault."""
    entries = decode_yaml(path, _File).waivers
    for index, entry in enumerate(entries):
        if not entry.reason.strip():
            raise ConfigError(f"{path}: waivers[{index}].reason: must not be empty")
    return tuple(_waiver(entry, f"{path}: waivers[{index}]") for index, entry in enumerate(entries))


def _waiver(entry: _Entry, by: str) -> Waiver:
    return Waiver(by=by, **msgspec.structs.asdict(entry))


def annotation_waivers(obj: Object) -> tuple[tuple[Waiver, ...], tuple[str, ...]]:
    """Return the waivers in an object's own and its pod template's annotation, and notes about faulty ones."""
    waivers: list[Waiver] = []
    notes: list[str] = []
    for where, text in _annotations(obj):
        by = f"annotation on {obj.kind}/{obj.name}{where} ({obj.origin})"
        try:
            waivers.extend(_parse_annotation(text, by))
        except ValueError as error:
            notes.append(f"{by}: faulty waiver ignored: {error}")
    return tuple(waivers), tuple(notes)


def _annotations(obj: Object) -> Iterable[tuple[str, Any]]:
    """Yield the waiver annotations of the object and of its pod template, once when they are the same mapping."""
    places: list[tuple[str, Any]] = [("", obj.data.get("metadata"))]
    if obj.pod_path and len(obj.pod_path) > 1:
        places.append((" pod template", obj.pod_metadata))
    for where, metadata in places:
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, dict) and ANNOTATION in annotations:
            yield where, annotations[ANNOTATION]


def _parse_annotation(text: Any, by: str) -> list[Waiver]:
    """Return the waivers of one annotation. Raises ValueError with what is wrong."""
    if not isinstance(text, str) or len(text) > _MAX_ANNOTATION_CHARS:
        raise ValueError("must be a text of at most 16,384 characters")
    plain, _ = our_document(text.encode("utf-8", "surrogatepass"), "annotation")
    if not isinstance(plain, list):
        raise ValueError("must be a YAML list of {policy, containers, reason, until}")  # noqa: TRY004 - one error type
    entries = [msgspec.convert(item, _Entry) for item in plain]
    if any(not entry.reason.strip() for entry in entries):
        raise ValueError("reason must not be empty")
    return [_waiver(entry, by) for entry in entries]


def comment_waivers(comments: Sequence[Comment], file: str) -> tuple[dict[int, tuple[Waiver, ...]], tuple[str, ...]]:
    """Return the waivers of a file's comments by line, and notes about faulty ones."""
    by_line: dict[int, tuple[Waiver, ...]] = {}
    notes: list[str] = []
    for comment in comments:
        by = f"comment {file}:{comment.line}"
        try:
            by_line[comment.line] = (_parse_comment(comment.text, by),)
        except ValueError as error:
            notes.append(f'{by}: faulty waiver ignored: {error}; write # waive: ID until=YYYY-MM-DD reason="..."')
    return by_line, tuple(notes)


def _parse_comment(text: str, by: str) -> Waiver:
    """Return the waiver of `# waive: ID until=YYYY-MM-DD reason="..."`. Raises ValueError with what is wrong."""
    match = _COMMENT.search(text)
    if not match:
        raise ValueError("it names no policy")
    fields = {m["key"]: m["plain"] if m["quoted"] is None else m["quoted"] for m in _FIELD.finditer(match["rest"])}
    unknown = sorted(fields.keys() - {"until", "reason"})
    if unknown:
        raise ValueError(f"unknown {unknown[0]!r}")
    if not fields.get("reason", "").strip():
        raise ValueError("it has no reason")
    if "until" not in fields:
        raise ValueError("it has no end date")
    return Waiver(policy=match["policy"], reason=fields["reason"], until=date.fromisoformat(fields["until"]), by=by)


def waive(
    finding: Finding, candidates: Iterable[Waiver], aliases: Mapping[str, str], today: date
) -> tuple[Finding, list[str]]:
    """Return the finding, waived by the first waiver that covers it and is in force, and the keys of all that cover it.

    A waiver holds through its end date (UTC).
    """
    matched: list[str] = []
    result = finding
    for waiver in candidates:
        if not waiver.covers(finding, aliases):
            continue
        matched.append(waiver.key)
        if result.waived is None and waiver.until >= today:
            waived = Waived(reason=waiver.reason, expires=waiver.until.isoformat(), by=waiver.by)
            result = msgspec.structs.replace(finding, waived=waived)
    return result, matched


def waiver_notes(waivers: Iterable[Waiver], used: set[str], today: date) -> list[str]:
    """Return what a reader must know: expired, unused and very long waivers."""
    notes = []
    for waiver in waivers:
        name = f"{waiver.by}: waiver of {waiver.policy}"
        if waiver.until < today:
            notes.append(f"{name} expired on {waiver.until.isoformat()} and waives nothing")
        elif waiver.key not in used:
            notes.append(f"{name} is unused: no such finding")
        elif waiver.until - today > LONG:
            notes.append(f"{name} holds until {waiver.until.isoformat()}, more than 365 days from today")
    return notes
