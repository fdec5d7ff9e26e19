"""Which containers are known to be sidecars, by name or image; the list is `known.toml`."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import msgspec

from auditor.runtimes.view import image_name


class Known(msgspec.Struct, frozen=True):
    """The list."""

    names: Mapping[str, str]
    """Name of a container to the word for whom it belongs to."""
    images: Mapping[str, str]
    """Last part of an image, without tag, to the word for whom it belongs to."""


@lru_cache(maxsize=1)
def known() -> Known:
    """Return the list; it is read at the first call."""
    import tomllib

    names: dict[str, str] = {}
    images: dict[str, str] = {}
    text = Path(__file__).with_name("known.toml").read_text(encoding="utf-8")
    for owner, entry in tomllib.loads(text).items():
        names.update(dict.fromkeys(entry.get("names", ()), owner))
        images.update(dict.fromkeys(entry.get("images", ()), owner))
    return Known(names, images)


@lru_cache(maxsize=4096)
def known_sidecar(name: str, image: str | None, names: tuple[str, ...] = (), images: tuple[str, ...] = ()) -> bool:
    """Return whether a container's name or image is that of a sidecar.

    `names` and `images` are the user's globs; those of images are held against the whole reference and against its
    last part without tag.
    """
    if name in known().names or any(fnmatchcase(name, glob) for glob in names):
        return True
    if image is None:
        return False
    short = image_name(image)
    return short in known().images or any(fnmatchcase(image, glob) or fnmatchcase(short, glob) for glob in images)


def owner_of(name: str, image: str | None) -> str | None:
    """Return whom a known sidecar belongs to, by its name before its image; None for any other container."""
    owner = known().names.get(name)
    return owner if owner is not None or image is None else known().images.get(image_name(image))
