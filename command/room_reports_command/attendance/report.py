"""An attendance report: what the workbook, the CSV and the JSON are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from typing import Any

from room_reports.model.windows import iso
from room_reports_command.attendance.days import OpenDay
from room_reports_command.attendance.rows import AttendanceRow, LastAttendance
from room_reports_command.attendance.summary import CourseAttendance, by_course


@dataclass(frozen=True)
class AttendanceReport:
    """The attendance of some courses in some days."""

    made_at: datetime
    first: str
    """The first day."""
    last: str
    """The day after the last one."""
    zone: tzinfo
    rows: Sequence[AttendanceRow]
    """In the order of courses, classes and people."""
    last_attendance: LastAttendance
    of_all_days: bool
    """Whether ``last_attendance`` is of all days, and not of those from ``first`` to ``last``."""
    policy: Mapping[str, str]
    open_days: Sequence[OpenDay]
    """Days of these of which classes may be missing, because a file is missing or not settled."""
    asked_for: tuple[str, ...]
    """Ids of the courses that were asked for; empty for all."""

    def courses(self) -> list[CourseAttendance]:
        """Return the attendance by course."""
        return by_course(self.rows)

    def without_classes(self) -> list[str]:
        """Return the courses that were asked for and have no row."""
        present = {row.course_id for row in self.rows}
        return [course for course in self.asked_for if course not in present]

    def local(self, moment: datetime | None) -> datetime | None:
        """Return a moment in the deployment's time zone, without the zone, as Excel has times."""
        return moment.astimezone(self.zone).replace(tzinfo=None) if moment else None

    def to_dict(self, *, with_rows: bool) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        document: dict[str, Any] = {
            "from": self.first,
            "to": self.last,
            "time_zone": str(self.zone),
            "made_at": iso(self.made_at),
            "policy": dict(self.policy),
            "courses": [course.to_dict() for course in self.courses()],
            "without_classes": self.without_classes(),
            "open_days": [day.to_dict() for day in self.open_days],
        }
        if with_rows:
            document["rows"] = [row_dict(row) for row in self.rows]
        return document


def row_dict(row: AttendanceRow) -> dict[str, Any]:
    """Return a row as JSON holds it, with times in UTC."""
    times = {
        name: iso(value) if value else None
        for name, value in (
            ("class_start", row.class_start),
            ("class_end", row.class_end),
            ("exported_at", row.exported_at),
        )
    }
    return {**asdict(row), **times}
