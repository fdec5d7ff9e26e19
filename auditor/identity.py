"""The identity of a finding that survives edits elsewhere."""

import hashlib

from auditor.facts.record import Subject
from auditor.kube.paths import Path
from auditor.sources.model import Object

FINGERPRINT_VERSION = 1


def fingerprint(obj: Object, policy: str, about: Subject, path: Path) -> str:
    """Return 32 hexadecimal digits that survive edits elsewhere, moved lines and renamed files.

    Made of policy, group, kind, namespace, name, subject and path by names, and the PATH argument's own relative folder
    of the file; never of lines, numbers or the version in a group.
    """
    group = obj.api_version.partition("/")[0] if "/" in obj.api_version else ""
    subject = f"{about.type}/{about.name}"
    identity = (obj.namespace or "", obj.name, subject, _named_path(obj, path), obj.identity_folder)
    parts = (str(FINGERPRINT_VERSION), policy, group, obj.kind, *identity)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _named_path(obj: Object, path: Path) -> str:
    """Return the path with list indexes replaced by the items' names, so that a new item before it changes nothing."""
    here: object = obj.data
    steps = []
    for step in path:
        if isinstance(step, int) and isinstance(here, list) and step < len(here):
            here = here[step]
            name = here.get("name") if isinstance(here, dict) else None
            steps.append(f"[{name if isinstance(name, str) else step}]")
        else:
            here = here.get(step) if isinstance(here, dict) else None
            steps.append(str(step))
    return ".".join(steps)
