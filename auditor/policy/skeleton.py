"""A new policy file to start from: complete, with examples that pass."""

import re
from pathlib import Path

from auditor.policy.load import id_fault

_FOLDER = Path(__file__).parent / "skeletons"


def skeleton(name: str, scope: str) -> str:
    """Return the text of a policy file with that id and scope. Raises ValueError for a name that is no id."""
    fault = id_fault(name)
    if fault is not None:
        raise ValueError(fault)
    text = (_FOLDER / f"{scope}.yaml").read_text(encoding="utf-8")
    return re.sub(r"^id: ID$", f"id: {name}", text, count=1, flags=re.MULTILINE)
