"""Paths as reports show them."""

import os


def shown_path(path: str, base: str) -> str:
    """Return a path in POSIX form, relative to a folder where it lies below it; links stay as they are named."""
    full = os.path.abspath(path)  # noqa: PTH100 - links must stay as they are named
    if full == base:
        return "."
    return path_words(full.removeprefix(base.rstrip(os.sep) + os.sep))


def path_words(path: str) -> str:
    """Return a path as text in POSIX form; bytes that are no UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace").replace(os.sep, "/")
