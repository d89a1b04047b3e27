"""The fast path of normalising: finding the lines of Kaltura's CSV that are strict CSV already.

Most of them are. A line can be published unchanged if

- it has exactly the report's number of commas, so that it is one row;
- it has no quote and no carriage return, and U+E000 does not occur in it;
- no value in it begins like a formula (a number with a sign is left to the slow path, too);
- it is valid UTF-8.

Each condition is checked for a block of some hundred lines at once, by a method of ``bytes`` that
runs at the speed of memory: ``find`` for what hardly ever occurs, ``translate`` to delete all but
commas and line ends and compare the rest with that of a good block, ``decode``. Only where a
condition does not hold is the line looked for. It and nothing else takes the slow path, as a row of
values; and only if it has more or fewer commas than a row, through the CSV reader line by line.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_ALL_BUT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b",\n")
_ESCAPE = "\ue000".encode()
_SAMPLE = 2048
"""Bytes at the start of a block that tell whether most of its lines are awkward."""
_FEW_LINES = 8
_SIGNS = (b"=", b"+", b"-", b"@", b"\t")
_NONE = (sys.maxsize, sys.maxsize)
# A line without all of its commas, or with more, when every good line has become a "g".
_WRONG_LINE = re.compile(rb",*\n|,+g")
# Every sign is marked as "=" and what precedes a value as ",", so that one search finds all.
_MARKED = bytes.maketrans(b"\n" + b"".join(_SIGNS), b"," + b"=" * len(_SIGNS))


Spans = list[tuple[int, int]]
"""Start and end of some lines."""


@dataclass(frozen=True)
class StrictLines:
    """Splits blocks of complete lines into segments of rows, and lines that are no rows."""

    columns: int
    """The number of columns, at least 2."""
    neutralise: bool
    """Whether values that begin like a formula are changed."""

    def __call__(self, block: bytes) -> Iterator[tuple[bytes, int, Spans]]:
        """Yield all lines of a block in segments.

        Each comes with the number of its lines if each of them is one row, and with which of them
        are not strict. That number is 0 where a line may be less or more than a row.
        """
        sample = block[: block.rfind(b"\n", 0, _SAMPLE) + 1]
        wrong, awkward, _ = self._awkward(sample)
        if 2 * len(wrong | awkward) > sample.count(b"\n"):
            yield block, 0, []  # to look for the few strict lines would cost more than they save
            return
        wrong, awkward, count = self._awkward(block)
        if not wrong and not awkward:
            yield block, count, []
            return
        spans = iter([*((at, awkward[at]) for at in sorted(awkward) if at not in wrong), _NONE])
        span = next(spans)
        run = end = 0  # of wrong lines
        for start in [*sorted(wrong), len(block)]:
            if start > end:
                if end > run:
                    yield block[run:end], 0, []
                within: Spans = []
                while span[0] < start:
                    within.append((span[0] - end, span[1] - end))
                    span = next(spans)
                yield block[end:start], block.count(b"\n", end, start), within
                run = start
            end = wrong.get(start, start)
        if end > run:
            yield block[run:end], 0, []

    def _awkward(self, block: bytes) -> tuple[dict[int, int], dict[int, int], int]:
        """Return the start and the end of each line that is no row, and of each that is not strict.

        A line that is no row can be among the others, too. The last value is the number of lines.
        """
        wrong: dict[int, int] = {}
        lines: dict[int, int] = {}
        _find(block, b'"', lines)
        _find(block, b"\r", lines)
        if b"\xee" in block:
            _find(block, _ESCAPE, lines)
        count = self._find_wrong_commas(block, wrong)
        if self.neutralise:
            _find_formulas(block, lines)
        if not block.isascii():
            _find_invalid_utf8(block, lines)
        return wrong, lines, count

    def _find_wrong_commas(self, block: bytes, lines: dict[int, int]) -> int:
        """Add the lines that have more or fewer commas than a row; return the number of lines."""
        good = b"," * (self.columns - 1) + b"\n"
        structure = block.translate(None, _ALL_BUT_STRUCTURE)
        count = len(structure) // self.columns
        if structure == good * count:
            return count
        count = structure.count(b"\n")
        length = len(block) // count
        at = place = 0
        marked = structure.replace(good, b"g")
        for wrong in _WRONG_LINE.finditer(marked):
            at = _skip(block, at, wrong.start() - place, length)
            lines[at] = block.find(b"\n", at) + 1
            at, place = lines[at], wrong.end()
        return count


def _skip(block: bytes, start: int, lines: int, length: int) -> int:
    """Return where the line begins that comes some lines after the one at ``start``.

    Goes forward by most of the bytes that so many lines of a usual ``length`` have, and counts,
    until few lines are left: several times as fast as to split the block.
    """
    while lines > _FEW_LINES:
        place = start + lines * length * 7 // 8
        end = block.rfind(b"\n", start, place) + 1 or block.find(b"\n", place) + 1
        skipped = block.count(b"\n", start, end)
        if skipped <= lines:
            start, lines = end, lines - skipped
        else:  # these lines are shorter; a line has at least one byte
            length = max(1, length // 2)
    for _ in range(lines):
        start = block.find(b"\n", start) + 1
    return start


def _find(block: bytes, wanted: bytes, lines: dict[int, int]) -> None:
    """Add the lines in which some bytes occur."""
    place = block.find(wanted)
    while place >= 0:
        place = block.find(wanted, _add(block, place, lines)[1])


def _find_formulas(block: bytes, lines: dict[int, int]) -> None:
    """Add the lines in which a value begins like a formula."""
    if not any(sign in block for sign in _SIGNS):
        return
    marked = block.translate(_MARKED)
    place = marked.rfind(b",=")  # twice as fast as find()
    while place >= 0:
        start = _add(block, place + 1, lines)[0]
        place = marked.rfind(b",=", 0, start)
    if marked.startswith(b"="):
        _add(block, 0, lines)


def _find_invalid_utf8(block: bytes, lines: dict[int, int]) -> None:
    """Add the lines that are not valid UTF-8."""
    view, start = memoryview(block), 0
    while start < len(block):
        try:
            str(view[start:], "utf-8")
        except UnicodeDecodeError as error:
            start = _add(block, start + error.start, lines)[1]
        else:
            return


def _add(block: bytes, place: int, lines: dict[int, int]) -> tuple[int, int]:
    """Add the line that a byte lies in, and return its start and its end."""
    start = block.rfind(b"\n", 0, place) + 1
    end = block.find(b"\n", place) + 1
    lines[start] = end
    return start, end
