"""History from Parquet files in long form, in batches; a row's number stands for its line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from auditor.usage.errors import UsageError
from auditor.usage.imports.columns import ColumnChoice
from auditor.usage.imports.longform import LongReader
from auditor.usage.imports.model import ImportOptions, ImportResult
from auditor.usage.imports.samples import Samples

_BATCH_ROWS = 65_536


def read_parquet(
    paths: Sequence[str], options: ImportOptions, choice: ColumnChoice | None = None, *, metric: str | None = None
) -> ImportResult:
    """Return the days of Parquet files; arguments as for CSV. Times may be timestamps, texts or numbers.

    Raises UsageError for a file that does not exist and for a wrong choice of columns.
    """
    choice = choice or ColumnChoice()
    with Samples(choice.preset or "parquet", options) as samples:
        reader = LongReader(samples, choice, metric)
        for path in paths:
            if not Path(path).is_file():
                raise UsageError(f"{path}: is no file")
            samples.begin(Path(path).as_posix())
            _read(path, samples, reader)
        samples.notes += reader.notes()
        return samples.result()


def _read(path: str, samples: Samples, reader: LongReader) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = [_name(name) for name in file.schema_arrow.names]
            if reader.header(names):
                for line, cells in _rows(file, reader.used):
                    reader.row(line, cells)
    except (pa.ArrowException, OSError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        samples.fault(None, "no Parquet", f"cannot be read as Parquet: {words[:200]}")


def _name(name: Any) -> str:
    return name if isinstance(name, str) else str(name)


def _rows(file: Any, used: frozenset[int]) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield number and cells of each row; columns that nobody reads stay None."""
    names = file.schema_arrow.names
    line = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[names[at] for at in sorted(used)]):
        empty = [None] * batch.num_rows
        columns: list[list[Any]] = [empty] * len(names)
        for at, column in zip(sorted(used), batch.columns, strict=True):
            columns[at] = column.to_pylist()
        for cells in zip(*columns, strict=True):
            line += 1
            yield line, cells
