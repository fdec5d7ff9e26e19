"""The numbers that a finding about use carries: what a profile recommends for its container."""

from auditor.facts.record import Record, Subject
from auditor.findings import Edit
from auditor.sizing.gather import sizing_input
from auditor.sizing.model import Profile
from auditor.sizing.patches import edits
from auditor.sizing.program import Sizer
from auditor.sizing.recommend import recommend
from auditor.sources.model import Object


class Fixer:
    """Sizes containers by one profile; belongs to one thread."""

    def __init__(self, profile: Profile) -> None:
        self._sizer = Sizer(profile)

    def fix(self, obj: Object, record: Record, subject: Subject) -> tuple[Edit, ...] | None:
        """Return what to write, None where nothing is recommended; of a pod, for all of its containers."""
        place = subject.path[-2:]
        some = [item for item in record.containers if subject.type == "pod" or (item.list_name, item.index) == place]
        if subject.type not in ("container", "pod"):
            return None
        items = [sizing_input(obj, record, container, container.usage) for container in some]
        return tuple(edit for item in items for edit in edits(item, recommend(item, self._sizer))) or None
