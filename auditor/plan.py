"""The values that judging passes on: what decides, what judging some objects gave, what a report tells besides."""

from datetime import date

import msgspec

from auditor.config import Selection
from auditor.facts.members import Member
from auditor.facts.options import FactOptions
from auditor.facts.record import Record
from auditor.findings import Finding, Skipped
from auditor.kube.versions import Target
from auditor.records import NOTHING_PACKED, Packed
from auditor.sizing.model import Profile
from auditor.waivers import Waiver


class Plan(msgspec.Struct, frozen=True):
    """Everything that decides how objects are judged."""

    selection: Selection
    target: Target
    options: FactOptions
    waivers: tuple[Waiver, ...]
    """The central file's."""
    use_waivers: bool
    aliases: dict[str, str]
    """Old policy id to the present one."""
    today: date
    sizing: Profile | None = None
    """By which findings about use carry the numbers that history argues for; None without history."""


class Judged(msgspec.Struct, frozen=True):
    """What judging some objects gave; picklable and order-free."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    """Only when asked for."""
    packed: Packed = NOTHING_PACKED
    """The same of a cluster, in their place."""
    members: tuple[Member, ...] = ()
    """What the workloads add to sums; only when something in their cluster needs it, or with the records."""
    joined: tuple[tuple[str, str, str], ...] = ()
    """The workloads that have a history: namespace, kind and name."""
    root: int = 0
    """Which PATH argument, that is which cluster, they belong to."""
    variant: str = ""
    """Which of several renderings of the same chart or base, each a cluster of its own."""
    objects: int = 0
    workloads: int = 0
    containers: int = 0
    foreign_documents: int = 0
    used_waivers: tuple[str, ...] = ()
    """Keys of waivers that covered a finding."""


class Besides(msgspec.Struct, frozen=True):
    """What a report tells besides what the files gave: inputs that were not read, files left out on purpose."""

    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


NOTHING_BESIDES = Besides()
