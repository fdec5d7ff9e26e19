"""History of memory use: where it comes from, its table, its statistics."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load(path: Path | str) -> "pd.DataFrame":
    """Return a history as a pandas DataFrame, as `table.load` says."""
    from auditor.usage import table

    return table.load(path)
