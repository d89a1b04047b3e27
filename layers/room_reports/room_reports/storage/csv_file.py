"""Strict CSV: RFC 4180 in UTF-8, a header in the catalogue's order, a row a line."""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, cast

from room_reports.model.reports import Kind, Report
from room_reports.storage.errors import HeaderError, UnreadableCsvError

HIVE_ESCAPE = "\ue000"
"""The tables' escape character, which therefore must not occur in a value."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_ROWS_AT_ONCE = 2000

csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class CsvSummary:
    """What was written."""

    rows: int
    size: int
    """Bytes before compression."""
    sha256: str
    """Of the bytes before compression, in hexadecimal."""
    columns: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    """Columns that the catalogue does not know; they stand after those that it knows."""

    @property
    def schema(self) -> str:
        """A short hash of the header, to tell at a glance that it changed."""
        return hashlib.sha256(",".join(self.columns).encode()).hexdigest()[:16]


def write_csv(
    header: list[str],
    rows: Iterable[list[str]],
    report: Report,
    out: IO[bytes],
    *,
    neutralise: bool = True,
    compress: bool = False,
) -> CsvSummary:
    """Writes ``rows`` to ``out`` as strict CSV, in constant memory.

    Args:
        header: the columns' names in the order of the values; empty when the source gave none,
            and then there are no rows.
        neutralise: whether text that a spreadsheet would run as a formula gets an apostrophe.
        compress: gzip, without a time stamp, so that equal rows give equal bytes.

    Raises:
        HeaderError: when a column of the catalogue is missing or a name stands twice.
    """
    names = header or [column.name for column in report.columns]
    order = _order(names, report)
    columns = tuple(names[index] for index in order)
    numbers = {column.name for column in report.columns if column.kind is not Kind.TEXT}
    clean = [_cleaner(neutralise and name not in numbers) for name in columns]
    steps = list(zip(order, clean, strict=True))
    cells = ([tidy(row[index]) for index, tidy in steps] for row in rows)
    known = {column.name for column in report.columns}
    digest = hashlib.sha256()
    count = size = 0
    target = gzip.GzipFile("", "wb", 6, out, mtime=0) if compress else out
    try:
        for block, written in _blocks(columns, cells):
            digest.update(block)
            size += len(block)
            count += written
            target.write(block)
    finally:  # or it would be closed some day after ``out`` was
        if target is not out:
            target.close()
    return CsvSummary(
        rows=count,
        size=size,
        sha256=digest.hexdigest(),
        columns=columns,
        unknown_columns=tuple(name for name in columns if known and name not in known),
    )


def read_csv(file: IO[bytes], *, compressed: bool = False) -> Iterator[list[str]]:
    """The rows of a file that ``write_csv`` wrote, the header first; reads from its start.

    Raises:
        UnreadableCsvError: when it is something else.
    """
    file.seek(0)
    source = cast("IO[bytes]", gzip.GzipFile(fileobj=file, mode="rb")) if compressed else file
    text = io.TextIOWrapper(source, encoding="utf-8", newline="")
    try:
        yield from csv.reader(text, strict=True)
    except (csv.Error, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise UnreadableCsvError(str(error)) from error
    finally:
        text.detach()


def row_hashes(
    file: IO[bytes], key: tuple[str, ...], *, compressed: bool = False
) -> Iterator[tuple[int, int]]:
    """Yield two hashes for each row of strict CSV: of its values in ``key``, and of all of it.

    Columns of ``key`` that the file does not have are left out. The hashes are good for
    comparisons within one process only.

    Raises:
        UnreadableCsvError: If the file is not strict CSV.
    """
    rows = read_csv(file, compressed=compressed)
    header = next(rows, [])
    places = [header.index(name) for name in key if name in header]
    for row in rows:
        yield hash(tuple(row[place] for place in places)), hash(tuple(row))


def row_keys(file: IO[bytes], key: tuple[str, ...], *, compressed: bool = False) -> set[int]:
    """Return a hash of each row's values in the columns ``key``."""
    return {name for name, _ in row_hashes(file, key, compressed=compressed)}


def _order(names: list[str], report: Report) -> list[int]:
    """The places in ``names`` of the catalogue's columns, in its order, then of all others."""
    if len(set(names)) < len(names) or "" in names:
        raise HeaderError(f"a column has no name or another's: {', '.join(names)}")
    known = [column.name for column in report.columns]
    missing = [name for name in known if name not in names]
    if missing:
        raise HeaderError(
            f"{report.slug} came without {', '.join(missing)}; its header was: {', '.join(names)}"
        )
    return [names.index(name) for name in known] + [
        index for index, name in enumerate(names) if name not in known
    ]


def _cleaner(is_text: bool) -> Callable[[str], str]:
    return _clean_text if is_text else _clean


def _clean_text(value: str) -> str:
    return _clean("'" + value if value.startswith(_FORMULA_STARTS) else value)


def _clean(value: str) -> str:
    if value.isascii() and value.isprintable():
        return value
    return _LINE_BREAK.sub(" ", value).replace(HIVE_ESCAPE, "\ufffd")


def _blocks(columns: tuple[str, ...], cells: Iterator[list[str]]) -> Iterator[tuple[bytes, int]]:
    """The file in pieces, each with the number of rows in it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    written = 0
    while True:
        if buffer.tell():
            yield buffer.getvalue().encode(), written
            buffer.seek(0)
            buffer.truncate()
        some = list(islice(cells, _ROWS_AT_ONCE))
        if not some:
            return
        writer.writerows(some)
        written = len(some)
