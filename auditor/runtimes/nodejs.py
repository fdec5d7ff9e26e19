"""What Node.js in a container was told about V8's old space.

NODE_OPTIONS comes before the command line, and the later flag wins; a percentage beats a size. `_` and `-` are the same
in a flag's name. The other spaces of the heap and buffers come on top and are not counted.

Source: Node.js' doc/api/cli.md and src/node.cc, V8's src/heap/heap.cc; the order was checked against Node.js 20.
"""

import re
from collections.abc import Iterator

from auditor.runtimes.environment import UNKNOWN
from auditor.runtimes.flags import HIDDEN, MAYBE, Setting, decide, digits, shown
from auditor.runtimes.model import Heap
from auditor.runtimes.shell import Word, split_words
from auditor.runtimes.view import View

_NODE = frozenset(("node", "nodejs"))
PROGRAMS = _NODE | frozenset(("npm", "npx", "yarn", "pnpm", "pm2", "pm2-runtime"))
"""The commands that are this runtime or start it; only `node` itself takes the flags."""
IMAGES = frozenset(("node",))
"""Names of images that run it."""
_OPTIONS = "NODE_OPTIONS"
VARIABLES = frozenset((_OPTIONS,))
"""The variables that only this runtime reads."""

_MIB = 2**20
_GIB = 2**30
FLAGS = {"--max-old-space-size": "size", "--max-old-space-size-percentage": "percent"}
"""The flags about memory, written with `-`, and the word for what they set."""
TAKES_VALUE = frozenset(
    (
        *("-r", "--require", "--import", "--loader", "--experimental-loader", "--env-file", "--env-file-if-exists"),
        *("-C", "--conditions", "--title", "--icu-data-dir", "--openssl-config", "--redirect-warnings"),
    )
)
"""The flags of `node` whose value is the next word."""
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,9})?", re.ASCII)
_TAG = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?(?![0-9.]*[a-z])", re.ASCII)


def read(view: View) -> Heap:
    """Return what a container tells its Node.js; a percentage is of what it takes for the machine's memory."""
    settings = list(_settings(view))
    percentage, fixed = decide(settings, "percent"), decide(settings, "size")
    decision = percentage if percentage.setting is not None else fixed
    setting, memory_bytes = decision.setting, view.around.memory_bytes
    # A percentage that is not known of beats a size.
    hidden, maybe = percentage.hidden or decision.hidden, percentage.maybe or decision.maybe
    if setting is None:
        default = None if hidden else _default(view)
        return Heap("nodejs", unknown=hidden or maybe, default_bytes=default)
    if hidden:
        return Heap("nodejs", declared=True, unknown=True)
    percent = _percent(setting.value) if setting.kind == "percent" else None
    if setting.kind == "percent":
        max_bytes = None if percent is None or memory_bytes is None else int(memory_bytes * percent / 100)
    else:
        mib = digits(setting.value)
        max_bytes = None if mib is None else mib * _MIB
    return Heap(
        "nodejs",
        max_bytes=max_bytes,
        percent=percent,
        flag=shown(setting, max_bytes if percent is None else percent),
        at=setting.at,
        declared=True,
        unknown=maybe,
    )


def _settings(view: View) -> Iterator[Setting]:
    variable = view.environment.find(_OPTIONS)
    if variable is not None:
        yield from _flags(split_words(variable.text, variable.at), whole=True)
    if view.environment.may_change(_OPTIONS):
        yield Setting(MAYBE)
    arguments = view.arguments(_NODE)
    if arguments is None and not view.has_command and view.image is not None:
        # The entry point of the image puts `node` before flags.
        arguments = view.words()
    yield from _flags(arguments or (), whole=False)


def _flags(words: tuple[Word, ...], *, whole: bool) -> Iterator[Setting]:
    """Yield the flags; unless they are the `whole`, what follows the script is the script's."""
    skip = False
    for text, at in words:
        name, equals, value = text.partition("=")
        kind = FLAGS.get(name.replace("_", "-"))
        if skip:
            skip = False
        elif text.startswith(UNKNOWN):
            yield Setting(HIDDEN)
        elif kind is not None and not (kind == "size" and value == "0"):
            yield Setting(kind, f"{name}{equals}", value, at)
        elif text in TAKES_VALUE:
            skip = True
        elif not whole and not text.startswith("-"):
            return


def _percent(text: str) -> float | None:
    number = float(text) if _PERCENT.fullmatch(text) else 0.0
    return number if 0 < number <= 100 else None


def _default(view: View) -> int | None:
    """Return the old space by default: half of the memory, from 20.3 on also inside a cgroup of version 2.

    From 512 MiB up to 4 GiB of memory all versions of V8 agree, and again from 16 GiB on; elsewhere they do not.
    """
    memory_bytes = view.around.memory_bytes
    name, _, tag = (view.image or "").partition("@")[0].rpartition("/")[2].partition(":")
    version = _TAG.match(tag) if name in IMAGES else None
    if version is None or memory_bytes is None:
        return None
    if int(version[1]) < 20 or (int(version[1]) == 20 and version[2] is not None and int(version[2]) < 3):
        return None
    if 512 * _MIB <= memory_bytes <= 4 * _GIB:
        return memory_bytes // 2
    return 4 * _GIB if memory_bytes >= 16 * _GIB else None
