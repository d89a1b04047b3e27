"""Strict CSV: RFC 4180 in UTF-8, with the columns in the catalogue's order and one row a line."""

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
"""The escape character of the Athena tables, which must not occur in a value."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_ROWS_AT_ONCE = 2000

csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class CsvSummary:
    """The properties of a file that was written."""

    rows: int
    size: int
    """The number of bytes before compression."""
    sha256: str
    """The SHA-256 of the bytes before compression, in hexadecimal."""
    columns: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    """Columns that are not in the catalogue; they follow those that are."""

    @property
    def schema(self) -> str:
        """A short hash of the header, which shows whether it has changed."""
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
    """Write ``rows`` to ``out`` as strict CSV, in constant memory.

    Args:
        header: The names of the columns, in the order of the values. Empty if Kaltura sent none;
            then there are no rows.
        rows: The rows, each with as many values as the header.
        report: The report that the rows belong to.
        out: The file to write to.
        neutralise: Whether text that a spreadsheet would run as a formula gets an apostrophe.
        compress: Whether to compress with gzip. The file has no time stamp, so equal rows give
            equal bytes.

    Raises:
        HeaderError: If a column of the catalogue is missing, or a name is empty or occurs twice.
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
    finally:  # otherwise it might be closed later than ``out``
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
    """Yield the rows of a file that ``write_csv`` wrote, from its start and the header first.

    Raises:
        UnreadableCsvError: If the file is not strict CSV.
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

    Columns of ``key`` that the file does not have are left out. The hashes can be
    compared only within one process.

    Raises:
        UnreadableCsvError: If the file is not strict CSV.
    """
    rows = read_csv(file, compressed=compressed)
    header = next(rows, [])
    indexes = [header.index(name) for name in key if name in header]
    for row in rows:
        yield hash(tuple(row[index] for index in indexes)), hash(tuple(row))


def row_keys(file: IO[bytes], key: tuple[str, ...], *, compressed: bool = False) -> set[int]:
    """Return a hash of each row's values in the columns ``key``."""
    return {name for name, _ in row_hashes(file, key, compressed=compressed)}


def _order(names: list[str], report: Report) -> list[int]:
    """Return the indexes in ``names`` of the catalogue's columns, in its order, then all others."""
    if len(set(names)) < len(names) or "" in names:
        raise HeaderError(f"a column has no name or the name of another: {', '.join(names)}")
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
    """Yield the file in blocks, each with the number of rows in it."""
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
        batch = list(islice(cells, _ROWS_AT_ONCE))
        if not batch:
            return
        writer.writerows(batch)
        written = len(batch)
