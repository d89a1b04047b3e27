"""Rooms and rosters from Brightspace Data Sets."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum

from room_reports_command.errors import InputError
from room_reports_command.reference.courses import (
    COURSE_OFFERING,
    read_courses,
    rooms_of_courses,
)
from room_reports_command.reference.data_sets import DataSet, DataSets
from room_reports_command.reference.rosters import (
    USER_COLUMNS,
    read_members,
    read_users,
    roster_rows,
)
from room_reports_command.reference.tables import ROOMS, ROSTERS, Row, Table
from room_reports_command.reference.unmatched import Unmatched


class UserColumn(StrEnum):
    """The column of Users with the id that Kaltura gets."""

    USER_NAME = "UserName"
    ORG_DEFINED_ID = "OrgDefinedId"
    USER_ID = "UserId"
    EXTERNAL_EMAIL = "ExternalEmail"


class CourseColumn(StrEnum):
    """The column of Organizational Units that identifies a course."""

    CODE = "Code"
    ORG_UNIT_ID = "OrgUnitId"


@dataclass(frozen=True)
class Options:
    """How rooms and rosters are made from data sets."""

    user_id: UserColumn | None = None
    """None if it has not been chosen yet."""
    course_id: CourseColumn = CourseColumn.CODE
    org_unit_type: str = COURSE_OFFERING
    roles: tuple[str, ...] = ()
    all_courses: bool = False
    """Whether to make rosters of courses without a room as well."""
    whole_days: bool = False


@dataclass(frozen=True)
class Made:
    """What was made from data sets."""

    rows: Mapping[Table, tuple[Row, ...]]
    """The rows of each table that could be made from what was given."""
    unmatched: tuple[Unmatched, ...]
    candidates: Mapping[str, frozenset[str]]
    """The ids of the people on the rosters, by the column of Users that has them."""


def make(
    data: DataSets,
    options: Options,
    zone: tzinfo,
    known_rooms: AbstractSet[str],
    courses_with_rooms: AbstractSet[str],
) -> Made:
    """Return rooms and rosters from data sets.

    Without a column for the ids of users, the rosters are left out.

    Args:
        zone: The time zone of the days of rosters.
        known_rooms: The ids of the rooms in the reports.
        courses_with_rooms: The ids of courses that have a room without this import.

    Raises:
        InputError: If a data set is missing, or one of their values is wrong.
    """
    courses = read_courses(data, options.course_id, options.org_unit_type)
    unmatched = list(courses.unmatched)
    rows: dict[Table, tuple[Row, ...]] = {}
    candidates: dict[str, frozenset[str]] = {}
    with_rooms = set(courses_with_rooms)
    if DataSet.LTI_LINKS in data:
        rooms, without = rooms_of_courses(data, courses, known_rooms)
        rows[ROOMS] = tuple(rooms)
        unmatched += without
        with_rooms |= {ROOMS.value(row, "course_id") for row in rooms}
    elif DataSet.LTI_LAUNCHES in data:
        data.require(DataSet.LTI_LINKS)
    if DataSet.ENROLLMENTS_AND_WITHDRAWALS in data or DataSet.USER_ENROLLMENTS in data:
        wanted = {
            unit: course
            for unit, course in courses.by_org_unit.items()
            if options.all_courses or course.id in with_rooms
        }
        if not wanted:
            raise InputError(
                "None of the courses has a room, so that there is no roster to make.",
                "Give LTI Links and LTI Launches as well, import rooms first, "
                "or add --all-courses.",
            )
        members = read_members(
            data, wanted, zone, roles=options.roles, whole_days=options.whole_days
        )
        users = read_users(data, members.found)
        unmatched += members.unmatched
        candidates = {
            column: frozenset(user[column].strip() for user in users.values()) - {""}
            for column in USER_COLUMNS
        }
        if options.user_id:
            roster, without_id = roster_rows(members.found, users, options.user_id)
            rows[ROSTERS] = tuple(sorted(set(roster)))
            unmatched += without_id
    for made_table, several in rows.items():
        right, wrong = _readable(made_table, several)
        rows[made_table] = right
        unmatched += wrong
    if not rows and not candidates:
        raise InputError(
            "The data sets have neither rooms nor rosters.",
            "Give LTI Links for rooms, or Enrollments and Withdrawals or User Enrollments.",
        )
    return Made(rows, tuple(unmatched), candidates)


def _readable(table: Table, rows: Iterable[Row]) -> tuple[tuple[Row, ...], list[Unmatched]]:
    """Return the rows that Athena can read, and what is wrong with the others."""
    right: list[Row] = []
    wrong: list[Unmatched] = []
    for row in rows:
        problem = next(table.problems(row, ""), None)
        if problem:
            wrong.append(Unmatched(f"row of {table.name}", row[1], problem.text))
        else:
            right.append(row)
    return tuple(right), wrong
