"""Acknowledgements: findings that the operator has looked at, or expects, and why they are right.

They are reference data, in CSV files that anybody may write. A line that cannot be read is left
out, and ``room-reports reference check`` says what is wrong with it.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from room_reports.model.errors import WindowError
from room_reports.model.windows import parse_date

PREFIX = "reference/acknowledged/"
COLUMNS = ("code", "region", "from", "to", "reason")


@dataclass(frozen=True)
class Acknowledgement:
    """Findings of one code, in the days from ``first`` up to and without ``end``."""

    code: str
    region: str
    """Empty for all regions."""
    first: str
    end: str
    reason: str

    def covers(self, code: str, region: str, dt: str) -> bool:
        """Return whether it is about a finding of this code on this day."""
        return code == self.code and self.region in ("", region) and self.first <= dt < self.end


@dataclass(frozen=True)
class Acknowledgements:
    """All of them."""

    several: tuple[Acknowledgement, ...] = ()

    def reason(self, code: str, region: str, dt: str) -> str | None:
        """Return why a finding was acknowledged; None if it was not."""
        return next((each.reason for each in self.several if each.covers(code, region, dt)), None)


def parse_acknowledgements(texts: Iterable[str]) -> tuple[Acknowledgements, int]:
    """Return the acknowledgements in some CSV files, and the number of lines that are none."""
    found, wrong = list[Acknowledgement](), 0
    for text in texts:
        for each in _rows(text):
            if each is None:
                wrong += 1
            else:
                found.append(each)
    return Acknowledgements(tuple(found)), wrong


def _rows(text: str) -> Iterator[Acknowledgement | None]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        if tuple(next(reader, ())) != COLUMNS:
            yield None
            return
        for row in reader:
            yield _acknowledgement(row)
    except csv.Error:
        yield None


def _acknowledgement(row: list[str]) -> Acknowledgement | None:
    if len(row) != len(COLUMNS):
        return None
    code, region, first, end, reason = (value.strip() for value in row)
    try:
        # Without an end, what comes in later years would be acknowledged before it is seen.
        is_range = parse_date(first) < parse_date(end)
    except WindowError:
        return None
    if not code or not is_range or not is_reason(reason):
        return None
    return Acknowledgement(code, region, first, end, reason)


def is_reason(text: str) -> bool:
    """Return whether a text can be the reason: one line, without the bar that divides findings."""
    return bool(text) and text.isprintable() and "|" not in text
