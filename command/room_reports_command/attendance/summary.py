"""Attendance by course: its classes, its people, and how often each status occurs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from room_reports_command.attendance.rows import AttendanceRow
from room_reports_command.attendance.statuses import status_of

Person = tuple[str, str]
"""The id and the role of a person on a roster."""
ClassKey = tuple[str, str]
"""The day and the id of a class. A session that is cut off has the same id on several days."""


@dataclass(frozen=True)
class Class:
    """A class of a course."""

    id: str
    region: str
    entry_id: str
    dt: str
    start: datetime | None
    minutes: float | None

    @property
    def key(self) -> ClassKey:
        """What tells it apart from other classes."""
        return self.dt, self.id


@dataclass(frozen=True)
class CourseAttendance:
    """The attendance of one course."""

    id: str
    name: str
    classes: tuple[Class, ...]
    """The oldest first."""
    people: tuple[Person, ...]
    rows: Mapping[tuple[Person, ClassKey], AttendanceRow]
    """The row of each person and class, as far as the person was on the roster then."""

    @property
    def counts(self) -> Counter[str]:
        """How often each status occurs."""
        return Counter(row.status for row in self.rows.values())

    def of_person(self, person: Person) -> list[AttendanceRow]:
        """Return the rows of a person, in the order of the classes."""
        found = (self.rows.get((person, each.key)) for each in self.classes)
        return [row for row in found if row]

    def undecided(self) -> list[tuple[Class, list[AttendanceRow]]]:
        """Return the classes of which nothing can be concluded for some people, with their rows."""
        found = []
        for each in self.classes:
            rows = [row for row in self.rows.values() if _class_key(row) == each.key]
            rows = [row for row in rows if not status_of(row.status).decided]
            if rows:
                found.append((each, rows))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON holds them."""
        return {
            "course_id": self.id,
            "course_name": self.name,
            "classes": len(self.classes),
            "people": len(self.people),
            "statuses": dict(sorted(self.counts.items())),
        }


def by_course(rows: Sequence[AttendanceRow]) -> list[CourseAttendance]:
    """Return the attendance of each course, from rows in the order of their courses."""
    return [
        _course(course_id, list(several))
        for course_id, several in groupby(rows, key=attrgetter("course_id"))
    ]


def _course(course_id: str, rows: Sequence[AttendanceRow]) -> CourseAttendance:
    classes = {
        _class_key(row): Class(
            row.class_id, row.region, row.entry_id, row.dt, row.class_start, row.class_minutes
        )
        for row in rows
    }
    return CourseAttendance(
        course_id,
        next((row.course_name for row in rows if row.course_name), ""),
        tuple(classes.values()),
        tuple(sorted({_person(row) for row in rows})),
        {(_person(row), _class_key(row)): row for row in rows},
    )


def _class_key(row: AttendanceRow) -> ClassKey:
    return row.dt, row.class_id


def _person(row: AttendanceRow) -> Person:
    return row.user_id, row.role


def totals(courses: Iterable[CourseAttendance]) -> Counter[str]:
    """Return how often each status occurs in some courses."""
    return sum((course.counts for course in courses), Counter[str]())
