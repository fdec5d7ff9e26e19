"""The waivers of one file, of a cluster, and of the central file, applied to findings; which of them are used."""

from collections.abc import Sequence

from auditor.facts.context import is_context
from auditor.findings import Finding
from auditor.plan import Plan
from auditor.sources.comments import object_lines, own_comments
from auditor.sources.model import Comment, Object
from auditor.waivers import Waiver, annotation_waivers, comment_waivers, waive, waiver_notes


class FileWaivers:
    """The waivers that can cover findings of one file, and which of them did."""

    def __init__(self, plan: Plan, objects: Sequence[Object], *, own: bool = False) -> None:
        """Take the comments of the file, or with `own` those that each object keeps as its own."""
        self._plan = plan
        self.used: set[str] = set()
        self._inline: list[Waiver] = []
        self._notes: list[str] = []
        self._annotated: set[tuple[int, str, str | None, str]] = set()
        self._by_line: dict[int, tuple[Waiver, ...]] = {}
        if plan.use_waivers and objects and any(obj.comments for obj in objects):
            comments = [c for obj in objects for c in obj.comments] if own else _left_to_workloads(objects)
            self._by_line, notes = comment_waivers(tuple(dict.fromkeys(comments)), objects[0].file)
            self._inline.extend(waiver for line in self._by_line.values() for waiver in line)
            self._notes.extend(notes)

    def apply(self, obj: Object, findings: list[Finding]) -> list[Finding]:
        """Return the findings of one object, waived where a waiver covers them."""
        if not self._plan.use_waivers:
            return findings
        own, notes = annotation_waivers(obj)
        identity = (obj.line, obj.kind, obj.namespace, obj.name)
        if identity not in self._annotated:
            # An object may be judged in several scopes.
            self._annotated.add(identity)
            self._inline.extend(own)
            self._notes.extend(notes)
        if not (own or self._by_line or self._plan.waivers):
            return findings
        result = []
        for finding in findings:
            line = finding.place.line if finding.place else 0
            near = self._by_line.get(line, ()) + self._by_line.get(line - 1, ())
            candidates = (*near, *own, *self._plan.waivers)
            waived, matched = waive(finding, candidates, self._plan.aliases, self._plan.today)
            self.used.update(matched)
            result.append(waived)
        return result

    def notes(self) -> list[str]:
        """Return notes about faulty, expired and unused inline waivers of this file."""
        return self._notes + waiver_notes(self._inline, self.used, self._plan.today)


def _left_to_workloads(objects: Sequence[Object]) -> list[Comment]:
    """Return the comments of a file without those that belong to objects around the pods, which are judged later."""
    lines = object_lines(objects)
    elsewhere = {c for obj in objects if is_context(obj) for c in own_comments(obj, lines)}
    return [comment for comment in objects[0].comments if comment not in elsewhere]
