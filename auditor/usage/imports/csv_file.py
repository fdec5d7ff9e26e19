"""History from CSV files: streamed, so that a file may be larger than memory."""

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TextIO

from auditor.usage.imports.columns import ColumnChoice
from auditor.usage.imports.datadog import WideReader, is_wide
from auditor.usage.imports.longform import LongReader, RowReader
from auditor.usage.imports.model import ImportOptions, ImportResult
from auditor.usage.imports.samples import Samples
from auditor.usage.imports.text import opened

_DELIMITERS = (",", ";", "\t")
_LONGEST_HEADER = 16 * 2**20


def read_csv(
    paths: Sequence[str], options: ImportOptions, choice: ColumnChoice | None = None, *, metric: str | None = None
) -> ImportResult:
    """Return the days of CSV files with a header; `.gz` is unpacked, comma, semicolon or tab part the columns.

    `metric` chooses among several in one table; without it the first one counts and rows of others are faults.
    Raises UsageError for a file that does not exist and for a wrong choice of columns.
    """
    choice = choice or ColumnChoice()
    with Samples(choice.preset or "csv", options) as samples:
        readers = _Readers(LongReader(samples, choice, metric), _wide(samples, metric))
        for path in paths:
            with opened(path, samples) as text:
                if text is not None:
                    _read(text, samples, readers)
        samples.notes += [*readers.long.notes(), *readers.wide.notes()]
        return samples.result()


class _Readers(NamedTuple):
    """What takes the rows, by the form of the table."""

    long: RowReader
    wide: RowReader


def _wide(samples: Samples, metric: str | None) -> RowReader:
    return WideReader(samples, LongReader(samples, ColumnChoice("datadog"), metric))


def _read(text: TextIO, samples: Samples, readers: _Readers) -> None:
    first = text.readline(_LONGEST_HEADER)
    if not first.strip():
        samples.fault(1, "empty", "is empty: a header is needed")
        return
    delimiter = max(_DELIMITERS, key=first.count)
    names = next(csv.reader([first], delimiter=delimiter))
    rows = readers.wide if is_wide(names) else readers.long
    if rows.header(names):
        for line, cells in _rows(text, samples, delimiter, len(names)):
            rows.row(line, cells)


class _Remembering:
    """Lines of a text, those since the last `start` remembered."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.line = 1
        self.since: list[str] = []

    def start(self) -> None:
        self.since = []

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.line += 1
            self.since.append(line)
            yield line.replace("\0", "\ufffd")


def _rows(text: TextIO, samples: Samples, delimiter: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield line and cells of each row.

    A quote that is not closed makes the lines after it part of its cell. Where such a row has not the header's width,
    its first line is a fault and the others are read each for itself.
    """
    lines = _Remembering(text)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        lines.start()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, said = [], str(error)
        else:
            said = "a quote is not closed"
        first = lines.line - len(lines.since) + 1
        if not cells and len(lines.since) == 1 and not lines.since[0].strip():
            continue
        if cells and (len(lines.since) == 1 or len(cells) == width):
            yield first, cells
            continue
        samples.fault(first, "bad line", f"is no row of a CSV file: {said}")
        for at, line in enumerate(lines.since[1:], first + 1):
            yield from _alone(line, at, samples, delimiter)


def _alone(line: str, at: int, samples: Samples, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        samples.fault(at, "bad line", f"is no row of a CSV file: {error}")
        return
    if cells:
        yield at, cells
