"""The runs of a store: what they are called, which files they have, and what each says about itself."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from auditor.reports.text import TOOL_NAME

VERSION = 1
ABOUT = "run.json"
"""The file that makes a folder a run of ours; it is written last and removed last."""
LATEST = "latest"
FILES = {
    "sarif": "audit.sarif",
    "csv": "audit.csv",
    "csv-inventory": "inventory.csv",
    "json": "audit.json",
    "markdown": "audit.md",
}
"""Format to its file in a run."""

_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z(-[0-9a-f]+)?", re.ASCII)


class StoredFile(msgspec.Struct, frozen=True):
    """One file of a run."""

    bytes: int
    """Its size."""
    sha256: str
    """Its digest, in hexadecimal digits."""


class RunAbout(msgspec.Struct, frozen=True, kw_only=True):
    """What `run.json` holds."""

    version: int
    """1."""
    tool: str
    """The program that wrote the run."""
    tool_version: str
    """Its version."""
    run: str
    """The folder's name."""
    started: str
    """When the run started, ISO 8601 in UTC."""
    complete: bool
    """Whether everything could be judged."""
    findings: dict[str, int]
    """Severity to open findings."""
    previous: str | None
    """The run that it was compared with; None without one."""
    new: int
    """Open findings that the previous run did not have; all of them without one."""
    fixed: int
    """Findings of the previous run that are gone."""
    files: dict[str, StoredFile]
    """Its files by name, without this one."""


def run_name(started: datetime) -> str:
    """Return the folder of a run: its start in UTC, so that the order of names is the order of runs."""
    return f"{started.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}"


def is_run_name(name: str) -> bool:
    """Return whether a folder may be a run, by its name."""
    return _NAME.fullmatch(name) is not None


def stored(files: Mapping[str, bytes]) -> dict[str, StoredFile]:
    """Return what `run.json` says about some files."""
    return {name: StoredFile(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}


def read_about(data: bytes | None) -> RunAbout | None:
    """Return what a `run.json` says; None when there is none, or one that this program did not write."""
    if data is None:
        return None
    try:
        about = msgspec.json.decode(data, type=RunAbout)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return about if about.tool == TOOL_NAME and is_run_name(about.run) else None


def own_files(about: RunAbout) -> tuple[str, ...]:
    """Return the files of a run that may be removed: only such as this program writes, `run.json` last."""
    return (*(name for name in about.files if name in FILES.values()), ABOUT)
