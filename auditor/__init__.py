"""Audits what Kubernetes will really do with each pod's memory.

`auditor.audit(paths)` is the Python API; `auditor` on the command line is `auditor.cli.main`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.api import Audit, Options, audit

__all__ = ["Audit", "Options", "audit"]


def __getattr__(name: str) -> Any:
    """Import the API when it is asked for, so that importing one module stays cheap."""
    if name in __all__:
        from auditor import api

        return getattr(api, name)
    raise AttributeError(f"module 'auditor' has no attribute {name!r}")
