"""Writing what was fixed: whole files or nothing, beside the old one and renamed."""

import os
import stat
from pathlib import Path


class WriteError(Exception):
    """Why a file was left as it is."""


def write_fixed(path: str, before: bytes, after: bytes) -> None:
    """Replace the content of a file that still has the content which was fixed; its mode stays, links stay links.

    Raises WriteError; the file is then as it was.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
        if not os.access(target, os.W_OK):
            raise WriteError("is read-only")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(after)
        beside.chmod(mode)
        if target.read_bytes() != before:
            raise WriteError("was changed by someone else meanwhile")
        beside.replace(target)
    except OSError as error:
        raise WriteError(f"cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
