"""One module per report format, `render(report) -> str` and pure; FORMATS loads each when it is used."""

from collections.abc import Callable
from importlib import import_module


def _lazy(module: str) -> Callable[..., str]:
    """Return the `render` of a format's module, imported at its first call: a scan pays only for what it writes."""

    def render(*arguments: object, **options: object) -> str:
        text: str = import_module(f"auditor.reports.{module}").render(*arguments, **options)
        return text

    return render


FORMATS: dict[str, Callable[..., str]] = {
    "table": _lazy("table"),
    "text": _lazy("plaintext"),
    "json": _lazy("json"),
    "sarif": _lazy("sarif"),
    "csv": _lazy("csv"),
    "csv-inventory": _lazy("csv_inventory"),
    "markdown": _lazy("markdown"),
    "junit": _lazy("junit"),
    "github": _lazy("github"),
    "codequality": _lazy("codequality"),
}
"""Name to renderer. Each takes a Report, `csv-inventory` takes records; `table` also has `width` and `colour`."""
