"""Attendance as the views give it: the queries, and the rows of their results."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from room_reports_command.athena import QueryResult, literal
from room_reports_command.attendance.days import OpenDay, day_before
from room_reports_command.attendance.statuses import status_of

COLUMNS = (
    *("region", "course_id", "course_name", "user_id", "user_key", "role", "class_id", "entry_id"),
    *("dt", "class_start", "class_end", "class_minutes", "minutes", "share", "status", "reason"),
    *("final", "exported_at"),
)
"""The columns of ``attendance_status``."""
_TIMES = ("class_start", "class_end", "exported_at")
_LISTS = ("roles", "drop_domains", "drop_prefixes")
_POLICY = (
    *("min_minutes", "min_share", "late_minutes", "early_minutes", "gap_minutes", "roles"),
    *("min_class_minutes", "min_class_users", "ignore_case", "drop_domains", "drop_prefixes"),
)


class LastSeen(NamedTuple):
    """The last day on which a person was seen in a course, and how sure that is."""

    day: str
    """Empty if there is none."""
    known_until: str
    """The last day up to which nothing is missing or open; empty if ``day`` itself is not sure."""
    final: bool
    """Whether that is the last day that matters, so that ``day`` stays as it is."""


LastAttendance = Mapping[tuple[str, str], LastSeen]
"""By the id of the course and ``person_key``."""


@dataclass(frozen=True)
class AttendanceRow:
    """A person on a roster, in a class."""

    region: str
    course_id: str
    course_name: str
    user_id: str
    user_key: str
    role: str
    class_id: str
    entry_id: str
    dt: str
    class_start: datetime | None
    """In UTC."""
    class_end: datetime | None
    """In UTC."""
    class_minutes: float | None
    minutes: float | None
    share: float | None
    status: str
    reason: str
    final: bool
    exported_at: datetime | None
    """In UTC."""


def attendance_sql(courses: Sequence[str], first: str, last: str) -> str:
    """Return the query for the attendance of some days.

    Args:
        courses: Ids of courses; all if there are none.
        first: The first day, inclusive.
        last: The last day, exclusive.
    """
    chosen = ", ".join(
        f"to_unixtime({name}) AS {name}" if name in _TIMES else name for name in COLUMNS
    )
    return (
        f"SELECT {chosen} FROM attendance_status "  # noqa: S608 - names of ours, and literals
        f"WHERE dt >= {literal(first)} AND dt < {literal(last)}{_of_courses(courses)}"
    )


def last_attendance_sql(courses: Sequence[str]) -> str:
    """Return the query for the last attendance of the people of some courses, of all days."""
    condition = _of_courses(courses).replace(" AND ", " WHERE ", 1)
    return (
        "SELECT course_id, user_id, user_key, last_dt, known_until, final "  # noqa: S608 - literals
        f"FROM last_attendance{condition}"
    )


def policy_sql() -> str:
    """Return the query for the policy that the views use."""
    chosen = ", ".join(
        f"array_join({name}, ', ') AS {name}" if name in _LISTS else name for name in _POLICY
    )
    return f"SELECT {chosen} FROM policy"  # noqa: S608 - names of ours


def attendance_rows(result: QueryResult) -> list[AttendanceRow]:
    """Return the rows of a result of ``attendance_sql``, by course, class and person."""
    found = [_row(dict(zip(result.columns, row, strict=True))) for row in result.rows]
    return sorted(set(found), key=_order)


def last_attendance(result: QueryResult) -> LastAttendance:
    """Return the last attendance in a result of ``last_attendance_sql``."""
    return {
        (course or "", person_key(key or "", user or "")): LastSeen(
            day or "", until or "", final == "true"
        )
        for course, user, key, day, until, final in result.rows
    }


def last_attendance_of(
    rows: Iterable[AttendanceRow], first: str, last: str, open_days: Iterable[OpenDay]
) -> LastAttendance:
    """Return the last attendance in the rows of some days, as the view defines it for all days.

    Args:
        first: The first day.
        last: The day after the last one.
        open_days: The days of which classes may be missing.
    """
    not_known = {each.dt for each in open_days}
    people = defaultdict[tuple[str, str], list[AttendanceRow]](list)
    for row in rows:
        people[row.course_id, person_key(row.user_key, row.user_id)].append(row)
    found = {}
    for person, several in people.items():
        day = max((row.dt for row in several if row.minutes), default="")
        undecided = {row.dt for row in several if not status_of(row.status).decided}
        later = [each for each in not_known | undecided if each >= day]
        until = day_before(min([*later, last]))
        found[person] = LastSeen(day, until if until >= max(day, first) else "", not later)
    return found


def person_key(user_key: str, user_id: str) -> str:
    """Return what tells people apart: the id under the policy's rules, if any of it is left."""
    return user_key or f"\0{user_id}"


def policy(result: QueryResult) -> Mapping[str, str]:
    """Return the policy, each setting as text."""
    rows = result.rows[:1]
    return {
        name: value or "" for row in rows for name, value in zip(result.columns, row, strict=True)
    }


def _of_courses(courses: Sequence[str]) -> str:
    return f" AND course_id IN ({', '.join(map(literal, courses))})" if courses else ""


def _order(row: AttendanceRow) -> tuple[object, ...]:
    start = row.class_start.timestamp() if row.class_start else 0.0
    return row.course_id, row.dt, start, row.class_id, row.user_id, row.role


def _row(values: Mapping[str, str | None]) -> AttendanceRow:
    texts = {name: values[name] or "" for name in COLUMNS}
    return AttendanceRow(
        region=texts["region"],
        course_id=texts["course_id"],
        course_name=texts["course_name"],
        user_id=texts["user_id"],
        user_key=texts["user_key"],
        role=texts["role"],
        class_id=texts["class_id"],
        entry_id=texts["entry_id"],
        dt=texts["dt"],
        class_start=_time(values["class_start"]),
        class_end=_time(values["class_end"]),
        class_minutes=_number(values["class_minutes"]),
        minutes=_number(values["minutes"]),
        share=_number(values["share"]),
        status=texts["status"],
        reason=texts["reason"],
        final=values["final"] == "true",
        exported_at=_time(values["exported_at"]),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(float(text), UTC) if text else None


def _number(text: str | None) -> float | None:
    return float(text) if text else None
