"""The reader of Kaltura's CSV, which has no quoting and may have line breaks within a row.

Kaltura replaces commas inside values by spaces, so every comma separates two values. It sends
line breaks, quotes and all other characters inside values unchanged. The first column of a report
is an id and the last a number, so a row is complete when it has all its commas.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from room_reports.kaltura.errors import CutReportError, MalformedReportError
from room_reports.kaltura.response import BOM

_LONGEST_ROW = 1 << 20


@dataclass
class KalturaCsvReader:
    """Reads a report in Kaltura's CSV from a stream of bytes, in constant memory.

    Iterating yields the rows, each with as many values as the header. The values are those that
    Kaltura holds, except for the commas. Only U+000A ends a line: U+2028, NEL, VT and FF are
    ordinary characters.
    """

    chunks: Iterable[bytes]
    header: list[str] = field(init=False)
    """The columns' names; empty when the response was only a BOM and a line end."""
    replaced: int = 0
    """The number of invalid UTF-8 sequences that were replaced by U+FFFD."""

    def __post_init__(self) -> None:
        self._lines = _lines(self.chunks)
        first = next(self._lines)
        if not first.startswith(BOM):
            raise MalformedReportError(
                "the byte order mark at its start is missing, so it is not a Kaltura report"
            )
        text = self._decode(first[len(BOM) :]).removesuffix("\r")
        self.header = [unquoted(name) for name in text.split(",")] if text else []

    def __iter__(self) -> Iterator[list[str]]:
        width = len(self.header)
        number, lines, commas, length = 1, list[str](), 0, 0
        for raw in self._lines:
            number += 1
            line = self._decode(raw)
            lines.append(line)
            commas += line.count(",")
            length += len(line) + 1
            if commas < width - 1 and length > 1:
                if length > _LONGEST_ROW:
                    raise MalformedReportError(
                        f"the row in line {number} is longer than {_LONGEST_ROW} characters"
                    )
                continue
            row = "\n".join(lines)
            values = row.split(",")
            if len(values) != width or not (row or width == 1):
                raise MalformedReportError(
                    f"line {number} makes a row of {len(values) if row else 0} values "
                    f"where the header has {width}"
                )
            lines, commas, length = [], 0, 0
            yield [unquoted(value) if '"' in value else value for value in values]
        if lines:
            raise CutReportError(f"the report ends in line {number}, in the middle of a row")

    def _decode(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            text = line.decode(errors="replace")
            self.replaced += text.count("\ufffd") - line.count("\ufffd".encode())
            return text


def unquoted(value: str) -> str:
    """Return ``value`` without the quotes that Kaltura puts around values of some columns.

    Kaltura doubles every quote inside such a value. Any other quote is an ordinary character.
    """
    inner = value[1:-1]
    if len(value) < 2 or value[0] != '"' or value[-1] != '"' or '"' in inner.replace('""', ""):
        return value
    return inner.replace('""', '"')


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream without their U+000A; at least one.

    Raises:
        CutReportError: If the last line has no line end, which a complete report always has.
        MalformedReportError: If a line is too long.
    """
    rest = b""
    has_line = False
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        has_line = has_line or bool(lines)
        yield from lines
        if len(rest) > 4 * _LONGEST_ROW:
            raise MalformedReportError(f"a line is longer than {_LONGEST_ROW} characters")
    if rest or not has_line:
        raise CutReportError("the report stops before the end of its last line")
