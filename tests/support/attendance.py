"""Attendance of a term, drawn by chance, in the views that the command reads."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from room_reports_command.attendance.rows import COLUMNS, AttendanceRow
from tools.athena.duck_athena import DuckAthena

FIRST = date(2026, 9, 7)
"""A Monday."""
POLICY: dict[str, Any] = {
    "min_minutes": 10.0,
    "min_share": 0.75,
    "late_minutes": 5.0,
    "early_minutes": 0.0,
    "gap_minutes": 30.0,
    "roles": ["Student", "Auditor"],
    "min_class_minutes": 0.0,
    "min_class_users": 1,
    "ignore_case": True,
    "drop_domains": ["example.edu"],
    "drop_prefixes": [],
}
HOSTILE = '=HYPERLINK("http://example.com";"Click")'
"""A name that a user typed, and a spreadsheet would run."""
_REASONS = {
    "present": "{minutes:.2f} of {length:.2f} minutes",
    "partial": "{minutes:.2f} of {length:.2f} minutes, below 0.75",
    "not_seen": "no minutes in any session of the class",
    "provisional": "not final; so far it would be not_seen",
    "no_data": "a day of the class has no file",
}
_TYPES = {
    "class_start": "TIMESTAMPTZ",
    "class_end": "TIMESTAMPTZ",
    "exported_at": "TIMESTAMPTZ",
    "class_minutes": "DOUBLE",
    "minutes": "DOUBLE",
    "share": "DOUBLE",
    "final": "BOOLEAN",
}


def term_of(
    courses: Sequence[str], weeks: int = 3, people: int = 6, seed: int = 7
) -> list[AttendanceRow]:
    """Return the rows of some courses, each with a class every week in the same room."""
    drawn = random.Random(seed)
    rows = []
    for number, course in enumerate(courses):
        for week in range(weeks):
            day = FIRST + timedelta(weeks=week, days=number % 5)
            start = datetime(day.year, day.month, day.day, 13, 30, tzinfo=UTC)
            undecided = {0: "", 1: "no_data"}.get(drawn.randrange(6), "")
            if week == weeks - 1:
                undecided = "provisional"
            entry = f"1_room{number:04}"
            row = AttendanceRow(
                region="us",
                course_id=course,
                course_name=f"Course {number}",
                user_id="",
                user_key="",
                role="Student",
                class_id=f"us/{entry}/{week:08}",
                entry_id=entry,
                dt=day.isoformat(),
                class_start=start,
                class_end=start + timedelta(minutes=75.5),
                class_minutes=75.5,
                minutes=0.0,
                share=0.0,
                status="",
                reason="",
                final=undecided != "provisional",
                exported_at=start + timedelta(days=3),
            )
            rows += [_person(row, person, drawn, undecided) for person in range(people)]
    return rows


def _person(row: AttendanceRow, person: int, drawn: random.Random, undecided: str) -> AttendanceRow:
    minutes = drawn.choice([0.0, 12.25, 74.0 + 1 / 60])
    status = undecided or ("present" if minutes > 70 else "partial" if minutes else "not_seen")
    return replace(
        row,
        user_id=f"Person{person}@example.edu",
        user_key=f"person{person}",
        role="Auditor" if person == 0 else "Student",
        minutes=minutes,
        share=minutes / 75.5,
        status=status,
        reason=_REASONS[status].format(minutes=minutes, length=75.5),
    )


class AttendanceViews:
    """DuckDB with the views that the command reads, holding some rows."""

    def __init__(self, rows: Iterable[AttendanceRow], zone: str = "UTC") -> None:
        self._athena = DuckAthena(None, zone)
        self._connection = duckdb.connect()
        self._connection.execute(f"SET TimeZone = '{zone}'")
        columns = ", ".join(f"{name} {_TYPES.get(name, 'VARCHAR')}" for name in COLUMNS)
        self._connection.execute(f"CREATE TABLE attendance_status ({columns})")
        places = ", ".join("?" * len(COLUMNS))
        values = [[getattr(row, name) for name in COLUMNS] for row in rows]
        self._connection.executemany(f"INSERT INTO attendance_status VALUES ({places})", values)
        self._connection.execute(
            "CREATE TABLE day_files AS SELECT 'us' AS region, strftime(day, '%Y-%m-%d') AS dt, "
            "report, 'settled' AS state FROM "
            "generate_series(DATE '2025-01-01', DATE '2027-12-31', INTERVAL 1 DAY) AS days (day), "
            "(VALUES ('room_data'), ('attendees')) AS reports (report)"
        )
        self._connection.execute(
            "CREATE VIEW last_attendance AS SELECT course_id, min(user_id) AS user_id, user_key, "
            "max(dt) FILTER (WHERE minutes > 0) AS last_dt, max(dt) AS known_until, "
            "count(*) FILTER (WHERE status IN ('provisional', 'no_data')) = 0 AS final "
            "FROM attendance_status GROUP BY course_id, user_key"
        )
        settings = ", ".join(f"? AS {name}" for name in POLICY)
        self._connection.execute(f"CREATE TABLE policy AS SELECT {settings}", [*POLICY.values()])

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query in Athena's SQL."""
        found = self._connection.execute(self._athena.transpile(sql))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
