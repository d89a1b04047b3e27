"""The reader of Kaltura's CSV, which has no quoting and may have line breaks within a row.

Kaltura replaces commas inside values by spaces, so every comma separates two values. It sends
line breaks, quotes and all other characters inside values unchanged. The first column of a report
is an id, which has no line break, so a line without a comma never begins a row:

- within a row that lacks commas, it continues the value that the line before ends in;
- after a row that has all of its commas, it continues the last value of that row. If the last
  column is a number, which has no line break either, the report is malformed.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from room_reports.kaltura.errors import CutReportError, KalturaError, MalformedReportError
from room_reports.kaltura.response import BOM
from room_reports.model.reports import Report

EXCERPT_BYTES = 32768
"""The most bytes before a line that cannot be read, and from it on, that its error carries."""

_LONGEST_ROW = 1 << 20
_BLOCK = 1 << 16

Spans = list[tuple[int, int]]
"""Start and end of some lines."""
Segments = Callable[[bytes], Iterable[tuple[bytes, int, Spans]]]
"""Splits complete lines into segments: how many rows each has if each line is a row, 0 if not, and
which of these lines are not strict CSV."""
Block = tuple[bytes, int, Spans, list[list[str]]] | list[list[str]]
"""Rows; or lines, how many they are, which of them are not strict CSV, and the rows of those."""


@dataclass
class KalturaCsvReader:
    """Reads a report in Kaltura's CSV from a stream of bytes, in constant memory.

    Iterating yields the rows, each with as many values as the header. The values are those that
    Kaltura holds, except for the commas. Only U+000A ends a line: U+2028, NEL, VT and FF are
    ordinary characters.
    """

    chunks: Iterable[bytes]
    report: Report | None = None
    """Tells which columns are numbers. Without it, every column may have line breaks."""
    header: list[str] = field(init=False)
    """The columns' names; empty when the response was only a BOM and a line end."""
    replaced: int = 0
    """The number of invalid UTF-8 sequences that were replaced by U+FFFD."""

    def __post_init__(self) -> None:
        self._source = _blocks(self.chunks)
        self._before = b""
        self._block = next(self._source)
        self._lines_before = 0
        self._number = 1
        # The lines of a row that may go on, and how many commas and characters they have.
        self._open: list[str] = []
        self._commas = self._length = 0
        first, _, self._rest = self._block.partition(b"\n")
        if not first.startswith(BOM):
            raise self._malformed(
                "the byte order mark at its start is missing, so it is not a Kaltura report"
            )
        text = self._decode(first[len(BOM) :]).removesuffix("\r")
        self.header = [unquoted(name) for name in text.split(",")] if text else []
        numbers = self.report.numbers if self.report else frozenset[str]()
        self._last_may_break = len(self.header) > 1 and self.header[-1] not in numbers

    def __iter__(self) -> Iterator[list[str]]:
        for block in self._blocks():
            yield from self._rows(block)
        yield from self._last_row()

    def blocks(self, segments: Segments) -> Iterator[Block]:
        """Yield the rows as ``__iter__`` does, several at a time.

        Args:
            segments: Says which lines are rows, and which of them are not strict CSV. A report
                with such lines has at least two columns.
        """
        for block in self._blocks():
            for lines, count, spans in segments(block):
                if not count or self._in_row():
                    yield self._rows(lines)
                elif not self._last_may_break:
                    self._number += count
                    yield lines, count, spans, self._rows_of(lines, spans)
                else:
                    yield self._last_row()
                    yield self._without_last(lines, count, spans)
        yield self._last_row()

    def _rows_of(self, lines: bytes, spans: Spans) -> list[list[str]]:
        """Return the rows of some lines, each of which is one."""
        if not spans:
            return []
        split = self._decode(b"".join([lines[start:end] for start, end in spans])).split("\n")
        del split[-1]
        return [_unquoted(line.split(",")) if '"' in line else line.split(",") for line in split]

    def _without_last(self, lines: bytes, count: int, spans: Spans) -> Block:
        """Return all rows but the last, which may go on."""
        self._number += count
        last = lines.rfind(b"\n", 0, -1) + 1
        self._keep(self._decode(lines[last:-1]))
        spans = [span for span in spans if span[0] < last]
        return lines[:last], count - 1, spans, self._rows_of(lines, spans)

    def _blocks(self) -> Iterator[bytes]:
        """Yield complete lines, without the header."""
        yield self._rest
        self._rest = b""
        for block in self._source:
            self._before, self._block = self._block, block
            self._lines_before = self._number
            yield block

    def _in_row(self) -> bool:
        """Return whether the lines so far end in a row that lacks commas."""
        return bool(self._open) and self._commas < len(self.header) - 1

    def _rows(self, lines: bytes) -> list[list[str]]:
        """Return the rows that these complete lines end."""
        width = len(self.header)
        rows: list[list[str]] = []
        split = self._decode(lines).split("\n")
        del split[-1]
        first = self._number + 1
        for place, line in enumerate(split):
            values = line.split(",")
            if len(values) == width and not self._open:
                rows.append(_unquoted(values) if '"' in line else values)
            else:
                self._number = first + place
                self._add(line, len(values) - 1, rows, split[place - 1])
        if self._last_may_break and rows and not self._open:
            rows.pop()
            self._keep(split[-1])
        self._number = first + len(split) - 1
        return rows

    def _add(self, line: str, commas: int, rows: list[list[str]], before: str) -> None:
        """Add a line that is not a row by itself, or follows one that may go on.

        Args:
            before: The line before. It is the last of ``rows``, if that may go on.
        """
        last = len(self.header) - 1
        if self._open and self._commas == last and commas:
            rows.append(self._close())
        if not self._in_row() and commas == 0 < last:
            self._check_continues(line, rows)
            if not self._open:
                rows.pop()
                self._keep(before)
        self._open.append(line)
        self._commas += commas
        self._length += len(line) + 1
        if self._commas > last:
            raise self._malformed(
                f"line {self._number} ends a row of {self._commas + 1 if line else 0} values "
                f"where the header has {last + 1}"
            )
        if self._commas == last and not self._last_may_break:
            rows.append(self._close())
        elif self._length > _LONGEST_ROW:
            raise self._malformed(
                f"the row in line {self._number} is longer than {_LONGEST_ROW} characters"
            )

    def _check_continues(self, line: str, rows: list[list[str]]) -> None:
        """Raise MalformedReportError unless a line without a comma can be the end of a row."""
        if not line:
            raise self._malformed(
                f"line {self._number} ends a row of 0 values "
                f"where the header has {len(self.header)}"
            )
        if not self._last_may_break or not (rows or self._open):
            raise self._malformed(
                f"line {self._number} has no comma, and no row before it that it can continue"
            )

    def _keep(self, line: str) -> None:
        """Keep a line that has all commas of its row, whose last value may go on."""
        self._open = [line]
        self._commas = len(self.header) - 1
        self._length = len(line) + 1

    def _close(self) -> list[str]:
        row = "\n".join(self._open)
        self._open, self._commas, self._length = [], 0, 0
        return _unquoted(row.split(",")) if '"' in row else row.split(",")

    def _last_row(self) -> list[list[str]]:
        """Return the row that the lines so far may end in.

        Raises:
            CutReportError: If it lacks commas.
        """
        if self._in_row():
            raise CutReportError(f"the report ends in line {self._number}, in the middle of a row")
        return [self._close()] if self._open else []

    def _decode(self, lines: bytes) -> str:
        try:
            return lines.decode()
        except UnicodeDecodeError:
            text = lines.decode(errors="replace")
            self.replaced += text.count("\ufffd") - lines.count("\ufffd".encode())
            return text

    def _malformed(self, message: str) -> MalformedReportError:
        """Return an error that carries the bytes around the current line."""
        rest = self._block.split(b"\n", self._number - self._lines_before - 1)[-1]
        start = len(self._block) - len(rest)
        return MalformedReportError(
            message, _excerpt(self._before + self._block[:start], self._block[start:], self._source)
        )


def unquoted(value: str) -> str:
    """Return ``value`` without the quotes that Kaltura puts around values of some columns.

    Kaltura doubles every quote inside such a value. Any other quote is an ordinary character.
    """
    inner = value[1:-1]
    if len(value) < 2 or value[0] != '"' or value[-1] != '"' or '"' in inner.replace('""', ""):
        return value
    return inner.replace('""', '"')


def _unquoted(values: list[str]) -> list[str]:
    return [unquoted(value) if '"' in value else value for value in values]


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a stream in blocks of complete lines; at least one.

    Raises:
        CutReportError: If the last line has no line end, which a complete report always has.
        MalformedReportError: If a line is too long.
    """
    rest = before = b""
    has_line = False
    pieces = _pieces(chunks)
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            before = rest + piece[:end]
            rest = piece[end:]
            has_line = True
            yield before
        else:
            rest += piece
        if len(rest) > 4 * _LONGEST_ROW:
            raise MalformedReportError(
                f"a line is longer than {_LONGEST_ROW} characters", _excerpt(before, rest, pieces)
            )
    if rest or not has_line:
        raise CutReportError("the report stops before the end of its last line")


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a stream in pieces of about the size of a block, whatever the sizes of its chunks."""
    waiting, size = list[bytes](), 0
    for chunk in chunks:
        for start in range(0, len(chunk), _BLOCK):
            part = chunk[start : start + _BLOCK]
            waiting.append(part)
            size += len(part)
            if size >= _BLOCK // 2:
                yield b"".join(waiting)
                waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _excerpt(before: bytes, line: bytes, source: Iterator[bytes]) -> bytes:
    """Return the bytes around the start of a line, reading on if they have not come yet."""
    with suppress(KalturaError):
        while len(line) < EXCERPT_BYTES and (more := next(source, b"")):
            line += more
    kept = before[-EXCERPT_BYTES:]
    if len(kept) < len(before):
        # Not from the middle of a line: a credential that was cut could not be recognised.
        kept = kept[kept.find(b"\n") + 1 :] if b"\n" in kept else b""
    return kept + line[:EXCERPT_BYTES]
