"""Where runs are kept: a folder or object storage, as small files in folders below a root."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from auditor.config import ConfigError
from auditor.deliver.place_local import LocalPlace
from auditor.deliver.place_remote import RemotePlace, said, without_user

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::|://)", re.ASCII)
_FILE = "file://"


class Place(Protocol):
    """Where runs are kept. Every method raises DeliveryError when the place cannot be used."""

    @property
    def shown(self) -> str:
        """Return the place without credentials."""

    def folders(self) -> Sequence[str]:
        """Return the names of the folders below the root, in order; none when there is no root yet."""

    def read(self, folder: str, file: str) -> bytes | None:
        """Return a file, None when it is not there."""

    def add(self, folder: str, files: Callable[[str], Mapping[str, bytes]]) -> str:
        """Write a folder that is not there yet and return its name: the wanted one, or one that sorts next to it.

        `files` is given the name and returns what to write, in this order.
        """

    def replace(self, folder: str, files: Mapping[str, bytes], gone: Sequence[str]) -> None:
        """Write files into a folder, each whole or not at all and in this order, then remove others by name."""

    def remove(self, folder: str, files: Sequence[str]) -> None:
        """Remove files by name, in this order, then the folder when nothing else is in it."""

    def alone(self) -> AbstractContextManager[None]:
        """Return a context in which no other run of this program changes or removes what is there."""


def open_place(text: str, base: Path) -> Place:
    """Return the place that a folder or a URL names; `base` is what a relative folder is below.

    Raises ConfigError for a URL that fsspec does not know, or for which its package is not installed.
    """
    if text.startswith(_FILE):
        return LocalPlace(Path(text.removeprefix(_FILE)))
    if _SCHEME.match(text) is None:
        return LocalPlace(base / text)
    from fsspec.core import url_to_fs

    try:
        filesystem, root = url_to_fs(text, use_listings_cache=False, skip_instance_cache=True)
    except (ImportError, ValueError) as error:
        # fsspec's words name the package to install, or the scheme that nobody knows
        raise ConfigError(f"nightly.reports: {without_user(text)}: {said(error, text)}") from None
    return RemotePlace(filesystem, str(root).rstrip("/"), text)
