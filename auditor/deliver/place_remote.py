"""Runs in object storage, or wherever else fsspec reaches.

Each object is put with one request, which object storage shows whole or not at all. There is no rename of a folder: a
run is complete when its last object is there.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from auditor.deliver.errors import DeliveryError
from auditor.reports.text import plain

T = TypeVar("T")

_SHOWN = 300


class RemotePlace:
    """A URL that fsspec reaches; `Place` says what the methods do."""

    def __init__(self, filesystem: Any, root: str, url: str) -> None:
        self._fs = filesystem
        self._root = root
        self._url = url

    @property
    def shown(self) -> str:
        """Return the URL without user and password."""
        return without_user(self._url)

    def folders(self) -> Sequence[str]:
        """Return the names of the folders below the URL."""
        found: list[dict[str, Any]] = self._try(lambda: self._fs.ls(self._root, detail=True), [])
        folders = (str(item["name"]).rstrip("/") for item in found if item.get("type") == "directory")
        return sorted(name.rpartition("/")[2] for name in folders)

    def read(self, folder: str, file: str) -> bytes | None:
        """Return an object, None when it is not there."""
        data: bytes | None = self._try(lambda: self._fs.cat_file(self._path(folder, file)), None)
        return data

    def add(self, folder: str, files: Callable[[str], Mapping[str, bytes]]) -> str:
        """Write objects under a name that no other run has, since nothing here refuses a second one."""
        name = f"{folder}-{secrets.token_hex(3)}"
        self.replace(name, files(name), ())
        return name

    def replace(self, folder: str, files: Mapping[str, bytes], gone: Sequence[str]) -> None:
        """Write each object with one request."""
        self._make(folder)
        for file, data in files.items():
            self._put(self._path(folder, file), data)
        for file in gone:
            self._remove(self._path(folder, file))

    def remove(self, folder: str, files: Sequence[str]) -> None:
        """Remove objects by name, then the folder, where there is such a thing, when nothing else is in it."""
        for file in files:
            self._remove(self._path(folder, file))
        if not self._try(lambda: self._fs.ls(self._path(folder), detail=False), []):
            with suppress(DeliveryError):
                self._try(lambda: self._fs.rmdir(self._path(folder)), None)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold nothing: there are no locks here, and every object is whole at any time."""
        yield

    def _path(self, *parts: str) -> str:
        return "/".join((self._root, *parts))

    def _make(self, folder: str) -> None:
        """Make a folder, where there is such a thing; never what it is in, which may be a bucket."""
        path = self._path(folder)

        def make() -> bool:
            with suppress(FileExistsError):
                self._fs.mkdir(path, create_parents=False)
            return True

        if not self._try(make, missing=False):
            raise DeliveryError(f"{self.shown}: there is no such bucket or folder")

    def _put(self, path: str, data: bytes) -> None:
        self._try(lambda: self._fs.pipe_file(path, data), None)

    def _remove(self, path: str) -> None:
        self._try(lambda: self._fs.rm_file(path), None)

    def _try(self, work: Callable[[], T], missing: T) -> T:
        """Return what the file system gives, or `missing` when there is no such thing."""
        try:
            return work()
        except FileNotFoundError:
            return missing
        except Exception as error:  # noqa: BLE001 - each package behind fsspec has errors of its own
            raise DeliveryError(f"{self.shown}: {said(error, self._url)}") from None


def without_user(url: str) -> str:
    """Return a URL without user and password."""
    scheme, sign, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return plain(f"{scheme}{sign}{host.rpartition('@')[2]}{slash}{path}")


def said(error: Exception, url: str) -> str:
    """Return what an error says, on one line, bounded, without the URL's password."""
    text = str(error) or type(error).__name__
    try:
        password = urlsplit(url).password
    except ValueError:
        password = None
    for word in (url, *([password] if password else ())):
        text = text.replace(word, "***" if word != url else without_user(url))
    text = plain(" ".join(text.split()))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
