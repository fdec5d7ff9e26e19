"""Whose config, policies, waivers and baseline judge both sides, and which of their files the change touches."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from auditor.config import FILE_NAME, Config, ConfigError, find_config, load_config
from auditor.diff.model import Judging
from auditor.diff.sides import Sides
from auditor.options import Options
from auditor.policy.load import PolicyError
from auditor.rules import Rules, rules_of
from auditor.sources.checkout import Checkout, shown
from auditor.sources.git import FILE, Entry, Repository
from auditor.usage.errors import UsageError


@dataclass(frozen=True, slots=True)
class Judgement:
    """What judges both sides."""

    rules: Rules
    config: Config
    """As it is written."""
    folder: Path
    """What its paths are relative to."""
    start: bytes | None
    """That folder from the top of the repository, for a config of a revision; None for one on disk."""
    judging: tuple[Judging, ...]
    """The files of it that the change touches."""
    placed: Config
    """The config with the files that it names in the places where they are now."""
    options: Options
    """The options, likewise."""


def judgement(sides: Sides, options: Options) -> Judgement:
    """Return what judges both sides. Raises ConfigError or PolicyError for a fault in it."""
    if sides.repository is None or sides.rules is None:
        path = Path(options.config) if options.config else find_config(Path.cwd())
        config, folder = (Config(), Path.cwd()) if path is None else (load_config(path), path.parent)
        judging: tuple[Judging, ...] = ()
        if sides.repository is not None:
            judging = _Finder(sides, sides.repository, sides.head.entries or {}).touched(config, path, options)
        return Judgement(rules_of(options, config, folder), config, folder, None, judging, config, options)
    finder = _Finder(sides, sides.repository, sides.rules)
    with _told(finder.top, sides):
        config, path = finder.config(options)
        here = finder.placed(config, path)
        folder = Path.cwd() if path is None else path.parent
        mine = finder.options(options)
        rules = rules_of(mine, here, folder)
    inside = path is not None and path.is_relative_to(finder.top)
    start = finder.start(path) if inside else None
    touched = finder.touched(config, path, options)
    return Judgement(_named(rules, finder.top, sides), config, folder, start, touched, here, mine)


class _Finder:
    """Finds in a revision the files that the config and the options name, and writes them to a folder of our own."""

    def __init__(self, sides: Sides, repository: Repository, entries: Mapping[bytes, Entry]) -> None:
        self._sides = sides
        self._repository = repository
        self._entries = entries
        self._checkout = Checkout(repository)
        self.top = sides.scratch / "rules"
        self.top.mkdir(exist_ok=True)

    def config(self, options: Options) -> tuple[Config, Path | None]:
        """Return the config that holds, and where it is; no config when the revision has none."""
        if options.config:
            path = self._place(options.config)
            if path is None:
                return Config(), None
            return load_config(path), path
        folder = self._repository.prefix
        while True:
            name = folder + FILE_NAME.encode()
            if name in self._entries:
                path = self._written(name)
                return load_config(path), path
            if not folder:
                break
            folder = folder[: folder.rstrip(b"/").rfind(b"/") + 1]
        path = find_config(self._repository.top.parent)
        return (Config(), None) if path is None else (load_config(path), path)

    def placed(self, config: Config, path: Path | None) -> Config:
        """Return a config of the revision with the files that it names in the places where they are now."""
        start = self.start(path)
        if path is None or start is None or not path.is_relative_to(self.top):
            return config
        usage = config.usage
        return msgspec.structs.replace(
            config,
            policies=tuple(self._file(start, name) for name in config.policies),
            waivers=config.waivers and self._file(start, config.waivers),
            baseline=config.baseline and self._file(start, config.baseline),
            usage=msgspec.structs.replace(usage, path=usage.path and self._history(start, usage.path)),
        )

    def _file(self, start: bytes, name: str) -> str:
        """Return where a file that the config names is now: from the revision, or outside of the repository."""
        inside = _join(start, name)
        if inside.startswith((b"/", b"../")) or inside == b"..":
            return os.path.normpath(self._repository.top / os.fsdecode(inside))
        return str(self._written(inside))

    def _history(self, start: bytes, name: str) -> str:
        """Return where the history is: it judges nothing, so that one beside the repository's files will do."""
        inside = _join(start, name)
        if self._has(self._entries, inside):
            return self._file(start, name)
        return os.path.normpath(self._repository.top / os.fsdecode(inside))

    def options(self, options: Options) -> Options:
        """Return the options with the files that they name in the places where they are now."""
        policies = [str(place) for name in options.policies if (place := self._place(name)) is not None]
        waivers, baseline = (self._text(name) for name in (options.waivers, options.baseline))
        return replace(options, config=None, policies=policies, waivers=waivers, baseline=baseline)

    def touched(self, config: Config, path: Path | None, options: Options) -> tuple[Judging, ...]:
        """Return the files of these rules that differ between the sides of a repository."""
        base, head = self._sides.base.entries, self._sides.head.entries
        if base is None or head is None:
            return ()
        names = [("config", name) for name in self._configs(options, base, head)]
        start = self.start(path)
        if start is not None:
            in_config = (
                ("policies", config.policies),
                ("waivers", (config.waivers,)),
                ("baseline", (config.baseline,)),
            )
            names += [(what, _join(start, name)) for what, some in in_config for name in some if name]
        named = (("policies", options.policies), ("waivers", (options.waivers,)), ("baseline", (options.baseline,)))
        for what, some in named:
            names += [(what, inside) for name in some if name and (inside := self._inside(name)) is not None]
        both = {**base, **head}
        found = {
            Judging(what, shown(name), change, self._sides.trusted)
            for what, prefix in names
            for name in _at_or_below(prefix, both)
            if (change := self._change(base.get(name), head.get(name))) is not None
        }
        return tuple(sorted(found))

    def _configs(self, options: Options, *trees: Mapping[bytes, Entry]) -> list[bytes]:
        """Return the config that an option names, or every one that may be the nearest of a side."""
        if options.config:
            inside = self._inside(options.config)
            return [] if inside is None else [inside]
        parts = self._repository.prefix.split(b"/")[:-1]
        names = [b"/".join([*parts[:size], FILE_NAME.encode()]) for size in range(len(parts), -1, -1)]
        return [name for name in names if any(name in tree for tree in trees)]

    def start(self, path: Path | None) -> bytes | None:
        """Return the folder of a config from the top of the repository, None for one outside of it."""
        if path is None:
            return None
        if path.is_relative_to(self.top):
            return os.path.dirname(os.fsencode(path).removeprefix(self._root()))  # noqa: PTH120 - names are bytes
        inside = self._inside(str(path))
        return None if inside is None else os.path.dirname(inside)  # noqa: PTH120

    def _root(self) -> bytes:
        return os.fsencode(self.top) + b"/"

    def _inside(self, name: str) -> bytes | None:
        """Return a path from the top of the repository, None for one outside of it."""
        top = os.fsencode(os.path.realpath(self._repository.top)) + b"/"
        full = os.path.join(os.path.realpath(Path.cwd()), name)  # noqa: PTH118 - text in, bytes out
        normal = os.path.normpath(os.fsencode(full))
        return normal.removeprefix(top) if normal.startswith(top) else None

    def _place(self, name: str) -> Path | None:
        """Return where an option's file is now; None for one of the repository that the change adds."""
        inside = self._inside(name)
        if inside is None or not (self._has(self._entries, inside) or self._has(self._sides.head.entries, inside)):
            return Path(name)
        return self._written(inside) if self._has(self._entries, inside) else None

    def _text(self, name: str | None) -> str | None:
        place = self._place(name) if name else None
        return None if place is None else str(place)

    @staticmethod
    def _has(entries: Mapping[bytes, Entry] | None, prefix: bytes) -> bool:
        return entries is not None and next(_at_or_below(prefix, entries), None) is not None

    def _written(self, prefix: bytes) -> Path:
        """Write a file, or all below a folder, unless it is there; return where it is."""
        names = _at_or_below(prefix, self._entries)
        absent = [self._entries[name] for name in names if not os.path.lexists(os.path.join(self._root(), name))]  # noqa: PTH118
        skipped = self._checkout.write([entry for entry in absent if entry.kind == FILE], self.top)
        if skipped:
            raise ConfigError(f"{skipped[0].file}: {skipped[0].reason}")
        return self.top / os.fsdecode(prefix)

    def _change(self, before: Entry | None, after: Entry | None) -> str | None:
        if before is None or after is None:
            return "added" if before is None else "removed"
        return None if self._id(before, after.oid) == self._id(after, before.oid) else "changed"

    def _id(self, entry: Entry, like: str) -> str:
        """Return the id of a file's content; of one in the work tree as git would make it, in the form of another."""
        if entry.oid or entry.kind != FILE:
            return entry.oid
        content = (self._repository.top / os.fsdecode(entry.path)).read_bytes()
        kind = hashlib.sha256 if len(like) == 64 else hashlib.sha1
        return kind(b"blob %d\0%s" % (len(content), content)).hexdigest()


def _join(folder: bytes, name: str) -> bytes:
    return os.path.normpath(os.path.join(folder, os.fsencode(name)))  # noqa: PTH118 - names are bytes


def _at_or_below(prefix: bytes, entries: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """Yield the names that are a path or lie below it."""
    if prefix in entries:
        yield prefix
        return
    folder = prefix.rstrip(b"/") + b"/"
    yield from (name for name in entries if name.startswith(folder))


@contextmanager
def _told(top: Path, sides: Sides) -> Iterator[None]:
    """Name the side in errors, where they would name a folder of our own."""
    try:
        yield
    except (ConfigError, PolicyError, UsageError) as error:
        raise type(error)(str(error).replace(f"{top}/", f"{_whose(sides)}:")) from error


def _whose(sides: Sides) -> str:
    return (sides.base if sides.trusted == "base" else sides.head).side.name


def _named(rules: Rules, top: Path, sides: Sides) -> Rules:
    """Return the rules with waivers that name the side's file."""
    plan = rules.task.plan
    waivers = tuple(
        msgspec.structs.replace(waiver, by=waiver.by.replace(f"{top}/", f"{_whose(sides)}:")) for waiver in plan.waivers
    )
    return replace(rules, task=replace(rules.task, plan=msgspec.structs.replace(plan, waivers=waivers)))
