"""The tables of reference data: rooms of courses, rosters, and acknowledgements."""

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from room_reports.model import acknowledgements
from room_reports.model.findings import CODES
from room_reports.storage.csv_file import HIVE_ESCAPE
from room_reports_command.reference.problems import Problem, quoted

PREFIX = "reference/"
Row = tuple[str, ...]
"""The values of a row, in the order of the table's columns."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_CURE = "Write it like 2026-09-01, or leave it empty for no bound."
_DATES = ("from", "to")


@dataclass(frozen=True)
class Table:
    """A table whose rows are in the CSV files under one prefix."""

    name: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]
    """Columns that have a value in every row."""
    rules: Mapping[str, Callable[[str], tuple[str, str] | None]] = field(
        default_factory=dict, hash=False
    )
    """For some columns, what returns what is wrong with a value, and what would be right."""

    @property
    def prefix(self) -> str:
        """The prefix of its files in the bucket."""
        return f"{PREFIX}{self.name}/"

    def key(self, name: str) -> str:
        """Return the key of a file by the name that it was imported under."""
        return f"{self.prefix}{name}.csv"

    def value(self, row: Row, column: str) -> str:
        """Return a value of a row."""
        return row[self.columns.index(column)]

    def problems(self, row: Row, file: str, line: int | None = None) -> Iterator[Problem]:
        """Yield what is wrong with a row."""
        for column, value in zip(self.columns, row, strict=True):
            found = _problem(value, column, needed=column in self.needed)
            rule = self.rules.get(column)
            if found := found or (rule(value) if rule else None):
                yield Problem(file, *found, line, column)
        start, end = self.value(row, "from"), self.value(row, "to")
        if _is_date(start) and _is_date(end) and start >= end:
            text = f"The range from {start} to {end} is empty."
            yield Problem(file, text, "The last day does not count: write the day after it.", line)


ROOMS = Table(
    "rooms", ("entry_id", "course_id", "course_name", "from", "to"), ("entry_id", "course_id")
)
ROSTERS = Table("rosters", ("course_id", "user_id", "role", "from", "to"), ("course_id", "user_id"))
TABLES = (ROOMS, ROSTERS)
"""The tables that Athena reads."""


def _code(value: str) -> tuple[str, str] | None:
    if value in CODES:
        return None
    return f"{quoted(value)} is no code of a finding.", f"There are {', '.join(CODES)}."


def _reason(value: str) -> tuple[str, str] | None:
    if acknowledgements.is_reason(value):
        return None
    return f"{quoted(value)} cannot be shown.", "Write it in one line, without the character |."


ACKNOWLEDGED = Table(
    "acknowledged",
    acknowledgements.COLUMNS,
    ("code", "from", "to", "reason"),
    {"code": _code, "reason": _reason},
)
"""What the exporter reads: findings that the operator has looked at, or expects."""


def to_csv(table: Table, rows: Iterable[Row]) -> bytes:
    """Return rows as a file of a table: each row once, in order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(sorted(set(rows)))
    return text.getvalue().encode()


def overlaps(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """Return pairs of roster rows of the same person and course whose ranges overlap.

    A person in such a pair has two rows for each class in both ranges.
    """
    by_person = defaultdict[Row, list[Row]](list)
    for row in sorted(set(rows)):
        by_person[row[:2]].append(row)
    found = []
    for several in by_person.values():
        ordered = sorted(several, key=lambda row: row[3])
        found += [
            (earlier, later)
            for earlier, later in pairwise(ordered)
            if not earlier[4] or later[3] < earlier[4]
        ]
    return found


def names_of_courses(rooms: Iterable[Row]) -> Mapping[str, Sequence[str]]:
    """Return the names that each course has in the rows of rooms."""
    names = defaultdict[str, set[str]](set)
    for row in rooms:
        names[row[1]].add(row[2])
    return {course: sorted(found) for course, found in names.items()}


def _problem(value: str, column: str, *, needed: bool) -> tuple[str, str] | None:
    """Return what is wrong with a value, and what would be right."""
    if needed and not value.strip():
        return "There is no value.", "Each row needs one."
    if value != value.strip():
        return f"{quoted(value)} has spaces around it.", "Ids are compared with them: remove them."
    if column in _DATES:
        wrong = bool(value) and not _is_date(value)
        return (f"{quoted(value)} is no date.", _DATE_CURE) if wrong else None
    wrong_characters = [c for c in value if unicodedata.category(c) == "Cc" or c == HIVE_ESCAPE]
    if wrong_characters:
        named = " ".join(f"U+{ord(each):04X}" for each in dict.fromkeys(wrong_characters))
        return f"{quoted(value)} contains {named}.", "Athena cannot read it: remove it."
    return None


def _is_date(value: str) -> bool:
    if not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
