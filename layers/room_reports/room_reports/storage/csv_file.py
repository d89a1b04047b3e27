"""Strict CSV: RFC 4180 in UTF-8, with the columns in the catalogue's order and one row a line."""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Protocol, cast

from room_reports.model.reports import Report
from room_reports.storage.errors import HeaderError, UnreadableCsvError
from room_reports.storage.strict_lines import Spans, StrictLines

HIVE_ESCAPE = "\ue000"
"""The escape character of the Athena tables, which must not occur in a value."""

FORMULA_STARTS = frozenset("=+-@\t\r")
"""What a spreadsheet takes for the beginning of a formula."""
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_ROWS_AT_ONCE = 64
_WRITTEN_AT_ONCE = 1 << 16
_TYPICAL_LINE = 128
_READ_AT_ONCE = 1 << 16
_LONGEST_LINE = 1 << 24

_Block = tuple[bytes, int, Spans, list[list[str]]] | list[list[str]]
"""Rows; or lines, how many they are, which of them are not strict CSV, and the rows of those."""

csv.field_size_limit(_LONGEST_LINE)


@dataclass(frozen=True)
class CsvSummary:
    """The properties of a file that was written."""

    rows: int
    size: int
    """The number of bytes before compression."""
    sha256: str
    """The SHA-256 of the bytes before compression, in hexadecimal."""
    stored_sha256: str
    """The SHA-256 of the bytes as written."""
    columns: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    """Columns that are not in the catalogue; they follow those that are."""

    @property
    def schema(self) -> str:
        """A short hash of the header, which shows whether it has changed."""
        return hashlib.sha256(",".join(self.columns).encode()).hexdigest()[:16]


class CsvSource(Protocol):
    """A table whose lines may be strict CSV already, such as Kaltura's CSV."""

    @property
    def header(self) -> list[str]:
        """The names of the columns."""

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the rows."""

    def blocks(
        self, segments: Callable[[bytes], Iterable[tuple[bytes, int, Spans]]]
    ) -> Iterator[tuple[bytes, int, Spans, list[list[str]]] | list[list[str]]]:
        """Yield the rows several at a time, as lines where ``segments`` says that they are rows."""


def normalise(
    source: CsvSource,
    report: Report,
    out: IO[bytes],
    *,
    neutralise: bool = True,
    compress: bool = False,
) -> CsvSummary:
    """Write the rows of ``source`` to ``out`` as strict CSV, byte for byte as ``write_csv`` does.

    Lines that are strict CSV already are copied, unless the columns must be put in another order.

    Raises:
        HeaderError: As ``write_csv`` does.
    """
    header = source.header
    if len(header) < 2 or (order := _order(header, report)) != sorted(order):
        return write_csv(header, source, report, out, neutralise=neutralise, compress=compress)
    blocks = source.blocks(StrictLines(len(header), neutralise))
    return _write(header, blocks, report, out, neutralise=neutralise, compress=compress)


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
    blocks = _batches(rows)
    return _write(header, blocks, report, out, neutralise=neutralise, compress=compress)


def _write(
    header: list[str],
    blocks: Iterable[_Block],
    report: Report,
    out: IO[bytes],
    *,
    neutralise: bool,
    compress: bool,
) -> CsvSummary:
    names = header or [column.name for column in report.columns]
    columns = tuple(names[index] for index in _order(names, report))
    first = io.StringIO()
    if columns:
        csv.writer(first, lineterminator="\n").writerow(columns)
    lines = _Lines(names, report, neutralise=neutralise)
    known = {column.name for column in report.columns}
    plain = hashlib.sha256()
    stored = _HashedFile(out) if compress else None
    target = gzip.GzipFile("", "wb", 6, stored, mtime=0) if stored else out
    rows = size = 0
    try:
        blocks = chain([(first.getvalue().encode(), 0, [], [])], blocks)
        for written, count in _pieces(blocks, lines):
            plain.update(written)
            size += len(written)
            rows += count
            target.write(written)
    finally:  # otherwise it might be closed later than ``out``
        if target is not out:
            target.close()
    return CsvSummary(
        rows=rows,
        size=size,
        sha256=plain.hexdigest(),
        stored_sha256=(stored.digest if stored else plain).hexdigest(),
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
    try:
        yield from _parsed(_complete_lines(source))
    except (csv.Error, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise UnreadableCsvError(str(error)) from error


def _complete_lines(source: IO[bytes]) -> Iterator[str]:
    """Yield a file in blocks of complete lines."""
    rest = b""
    while chunk := source.read(_READ_AT_ONCE):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield (rest + chunk[:end]).decode()
            rest = chunk[end:]
        else:
            rest += chunk
        if len(rest) > _LONGEST_LINE:
            raise csv.Error(f"a line is longer than {_LONGEST_LINE} bytes")
    if rest:
        yield rest.decode()


def _parsed(blocks: Iterator[str]) -> Iterator[list[str]]:
    """Yield the rows in blocks of complete lines.

    A block without a quote needs no parser. Nor may it have an empty line or a carriage return,
    which mean something else to the parser than to ``split``.
    """
    for block in blocks:
        if not ('"' in block or "\r" in block or "\n\n" in block or block[0] == "\n"):
            for line in block.removesuffix("\n").split("\n"):
                yield line.split(",")
            continue
        lines = list(io.StringIO(block, newline=""))
        following = (line for later in blocks for line in io.StringIO(later, newline=""))
        reader = csv.reader(chain(lines, following), strict=True)
        while reader.line_num < len(lines):
            yield next(reader)
        if reader.line_num > len(lines):  # a row goes on in the next block
            yield from reader


def row_hashes(
    file: IO[bytes],
    key: tuple[str, ...],
    *,
    compressed: bool = False,
    without: Collection[str] = (),
) -> Iterator[tuple[int, int]]:
    """Yield two hashes for each row of strict CSV: of its values in ``key``, and of all of it.

    The second one is without the columns ``without``.

    Columns of ``key`` that the file does not have are left out. The hashes can be
    compared only within one process.

    Raises:
        UnreadableCsvError: If the file is not strict CSV.
    """
    rows = read_csv(file, compressed=compressed)
    header = next(rows, [])
    places = [header.index(name) for name in key if name in header]
    left_out = [place for place, name in enumerate(header) if name in without]
    for row in rows:
        if len(row) != len(header):
            raise UnreadableCsvError(
                f"a row has {len(row)} values where the header has {len(header)}"
            )
        name = hash(tuple(row[place] for place in places))
        for place in left_out:
            row[place] = ""
        yield name, hash(tuple(row))


def row_keys(file: IO[bytes], key: tuple[str, ...], *, compressed: bool = False) -> set[int]:
    """Return a hash of each row's values in the columns ``key``."""
    return {name for name, _ in row_hashes(file, key, compressed=compressed)}


def _order(names: list[str], report: Report) -> list[int]:
    """Return the indexes in ``names`` of the catalogue's columns, in its order, then all others."""
    known = [column.name for column in report.columns]
    if len(set(names)) < len(names) or "" in names:
        raise HeaderError("a column has no name or the name of another", names, known)
    missing = [name for name in known if name not in names]
    if missing:
        problem = f"the report {report.slug} lacks the columns {', '.join(missing)}"
        raise HeaderError(problem, names, known)
    return [names.index(name) for name in known] + [
        index for index, name in enumerate(names) if name not in known
    ]


class _HashedFile:
    """Passes on what is written to a file, and hashes it."""

    def __init__(self, out: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._out = out

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()


class _Lines:
    """Turns rows into lines of strict CSV, with the columns in the catalogue's order.

    Works on the columns of some rows at a time, because most of them need no change in any row.
    """

    def __init__(self, names: list[str], report: Report, *, neutralise: bool) -> None:
        order = _order(names, report)
        numbers = report.numbers if neutralise else frozenset(names)
        self._columns = [(index, names[index] not in numbers) for index in order]

    def __call__(self, rows: list[list[str]]) -> list[str]:
        """Return the line of each row, without its line end."""
        lines: list[str] = []
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            lines += self._few(rows[start : start + _ROWS_AT_ONCE])
        return lines

    def _few(self, rows: list[list[str]]) -> Iterable[str]:
        values = list(zip(*rows, strict=True))
        columns = [_cells(values[index], is_text=is_text) for index, is_text in self._columns]
        if len(columns) == 1:  # an empty line would be no row
            return [value or '""' for value in columns[0]]
        return map(",".join, zip(*columns, strict=True))


def _cells(values: Sequence[str], *, is_text: bool) -> Sequence[str]:
    """Return the values of one column as strict CSV."""
    together = "".join(values)
    if is_text and any(sign in together for sign in FORMULA_STARTS):
        values = ["'" + value if value[:1] in FORMULA_STARTS else value for value in values]
    if "\n" in together or "\r" in together:
        values = [_LINE_BREAK.sub(" ", value) for value in values]
    if HIVE_ESCAPE in together:
        values = [value.replace(HIVE_ESCAPE, "\ufffd") for value in values]
    if '"' in together or "," in together:
        values = [_quoted(value) if '"' in value or "," in value else value for value in values]
    return values


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _pieces(blocks: Iterable[_Block], lines: _Lines) -> Iterator[tuple[bytes, int]]:
    """Yield the file in pieces that are large enough to write and to hash, and their rows."""
    waiting: list[_Block] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += len(block[0]) if isinstance(block, tuple) else len(block) * _TYPICAL_LINE
        if size >= _WRITTEN_AT_ONCE:
            yield _joined(waiting, lines)
            waiting, size = [], 0
    yield _joined(waiting, lines)


def _joined(blocks: list[_Block], lines: _Lines) -> tuple[bytes, int]:
    """Return blocks as one; all rows that they contain become lines together."""
    slow = lines([row for block in blocks for row in _rows(block)])
    encoded = "\n".join(slow).encode().split(b"\n")  # a line has no line end in it
    joined, rows, place = list[bytes](), 0, 0
    for block in blocks:
        if isinstance(block, tuple):
            text, count, spans, _ = block
            rows += count
            copied = 0
            for start, end in spans:
                joined += (text[copied:start], encoded[place])
                place += 1
                copied = end - 1  # its line end
            joined.append(text[copied:] if copied else text)
        elif block:
            joined += (b"\n".join(encoded[place : place + len(block)]), b"\n")
            place += len(block)
            rows += len(block)
    return b"".join(joined), rows


def _rows(block: _Block) -> list[list[str]]:
    """Return the rows of a block that must become lines."""
    return block[3] if isinstance(block, tuple) else block


def _batches(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    rows = iter(rows)
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        yield batch
