"""Which of several settings wins, and what a source of unknown content may change."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from auditor.runtimes.environment import UNKNOWN, Environment

HIDDEN = "hidden"
"""The kind of a setting that exists, but whose content is not known: it may hold any flag."""
MAYBE = "maybe"
"""The kind of a setting that may exist in a source that is not in the input."""


class Setting(NamedTuple):
    """One flag, at its place in the order of precedence."""

    kind: str
    """The runtime's word for what it sets, or `HIDDEN` or `MAYBE`."""
    prefix: str = ""
    """The flag up to its value, as written."""
    value: str = ""
    """The flag's value as written."""
    at: str = ""
    """Its path below the container."""

    @property
    def text(self) -> str:
        """The flag as written."""
        return self.prefix + self.value


class Decision(NamedTuple):
    """The setting that wins."""

    setting: Setting | None
    """None when nothing of that kind is set."""
    hidden: bool
    """True when a setting of unknown content comes later, so that it may win."""
    maybe: bool
    """True when a source that is not in the input may hold a later one."""

    @property
    def value(self) -> str | None:
        """The value that certainly wins, as far as the manifest sets variables; None when there is none."""
        return self.setting.value if self.setting is not None and not self.hidden else None

    @property
    def unknown(self) -> bool:
        """Whether another setting may win, or a part of this one is not known."""
        return self.hidden or self.maybe or (self.setting is not None and UNKNOWN in self.setting.value)


def decide(settings: Sequence[Setting], *kinds: str) -> Decision:
    """Return the last setting of some kinds in an order of rising precedence."""
    hidden = maybe = False
    for setting in reversed(settings):
        if setting.kind in kinds:
            return Decision(setting, hidden, maybe)
        hidden = hidden or setting.kind == HIDDEN
        maybe = maybe or setting.kind == MAYBE
    return Decision(None, hidden, maybe)


def shown(setting: Setting, number: object) -> str:
    """Return the flag for a report: the value only if it was read as a number, as it may come from anywhere."""
    return setting.text if number is not None else f"{setting.prefix}…"


def plain_variable(environment: Environment, names: Iterable[str], kind: str) -> list[Setting]:
    """Return the settings of variables whose whole value is one setting, in rising precedence."""
    settings: list[Setting] = []
    for name in names:
        variable = environment.find(name)
        if variable is not None:
            settings.append(Setting(kind, f"{name}=", variable.text, variable.at))
        if environment.may_change(name):
            settings.append(Setting(MAYBE))
    return settings


def digits(text: str, cap: int = 19) -> int | None:
    """Return a whole number that is written in up to `cap` ASCII digits, else None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= cap else None
