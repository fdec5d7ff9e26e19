"""What a run says in numbers, read from the JSON that the auditor wrote."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """The numbers of an audit or of a comparison."""

    findings: int
    """Open ones: neither waived nor known from a baseline."""
    new_findings: int
    """Those that the change made; of a full audit all open ones."""
    memory_delta_bytes: int | None
    """What the change requests more, with its replicas; None of a full audit."""
    anything: bool
    """Whether there is something to tell besides that nothing changed."""


def read(path: Path) -> dict[str, Any] | None:
    """Return the auditor's JSON, None when it wrote none."""
    if not path.is_file():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else None


def result(document: dict[str, Any]) -> Result:
    """Return the numbers of `auditor diff` or `auditor scan`, told apart by their keys."""
    summary = document["summary"]
    if "memory" not in document:
        opened = sum(summary["findings"].values())
        return Result(opened, opened, None, anything=True)
    new = sum(summary["new"].values())
    told = (new, summary["fixed"], summary["workloads_changed"], summary["skipped"])
    asked = (document["waivers_asked"], document["judging"])
    return Result(
        findings=new + summary["unchanged"],
        new_findings=new,
        memory_delta_bytes=document["memory"]["delta"]["request_bytes"],
        anything=any(told) or any(asked),
    )


def new_findings(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the findings that a change made, worst first as the auditor sorted them."""
    return [finding for finding in document["findings"] if finding.get("status") == "new"]
