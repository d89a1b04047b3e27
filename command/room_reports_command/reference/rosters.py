"""Rosters from Brightspace's enrolments and users."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from room_reports_command.errors import InputError
from room_reports_command.reference.courses import Course
from room_reports_command.reference.data_sets import DataSet, DataSets, Record
from room_reports_command.reference.enrolments import Event, Stay, periods, stays
from room_reports_command.reference.tables import Row
from room_reports_command.reference.unmatched import Unmatched

USER_COLUMNS = ("UserName", "OrgDefinedId", "UserId", "ExternalEmail")
"""Columns of the data set Users, one of which holds the id that Kaltura gets."""
_ACTIONS = {"enroll": True, "unenroll": False}
"""D2L documents that Action says whether it is an enrolment or a withdrawal, and not the words."""

_Place = tuple[str, str]
"""Numbers of an org unit and of a user."""


@dataclass(frozen=True)
class Member:
    """A person on a roster, by the number that Brightspace has for the person."""

    course: Course
    user: str
    role: str
    start: str
    end: str


@dataclass(frozen=True)
class _Log:
    """What the log tells."""

    stays: dict[_Place, list[Stay]]
    withdrawn: Mapping[_Place, datetime]
    """When those withdrew whose last event is a withdrawal."""
    unmatched: list[Unmatched]
    """What it does not tell."""


@dataclass(frozen=True)
class Members:
    """The rosters before the people's ids are known."""

    found: tuple[Member, ...]
    unmatched: tuple[Unmatched, ...]


def read_members(
    data: DataSets,
    courses: Mapping[str, Course],
    zone: tzinfo,
    *,
    roles: Collection[str] = (),
    whole_days: bool = False,
) -> Members:
    """Return who was on the roster of some courses, and when.

    Args:
        courses: The courses by the number of their org unit; others are left out.
        zone: The time zone of the days.
        roles: Names of the roles to keep; all if there are none.
        whole_days: As ``periods`` takes it.

    Raises:
        InputError: If a data set is missing, or a value is wrong.
    """
    log = _logged(data, courses)
    found = _with_current(data, courses, log)
    wanted = {role.lower() for role in roles}
    members = [
        Member(
            courses[unit],
            user,
            period.role,
            period.start.isoformat(),
            period.end.isoformat() if period.end else "",
        )
        for (unit, user), several in found.items()
        for period in periods(several, zone, whole_days=whole_days)
        if not wanted or period.role.lower() in wanted
    ]
    return Members(tuple(members), tuple(log.unmatched))


def read_users(data: DataSets, members: Iterable[Member]) -> dict[str, Record]:
    """Return the rows of the members in the data set Users, by the user's number.

    Raises:
        InputError: If there is no such file.
    """
    data.require(DataSet.USERS)
    wanted = {member.user for member in members}
    records = data.records(DataSet.USERS)
    return {record["UserId"]: record for record in records if record["UserId"] in wanted}


def roster_rows(
    members: Sequence[Member], users: Mapping[str, Record], column: str
) -> tuple[list[Row], list[Unmatched]]:
    """Return the rows of the table ``rosters``, and the people without an id.

    Args:
        column: The column of Users that holds the id.
    """
    ids = {user: record[column].strip() for user, record in users.items()}
    holders = defaultdict[str, set[str]](set)
    for user, value in ids.items():
        holders[value].add(user)
    reasons: dict[str, str] = {}
    rows: list[Row] = []
    for member in members:
        value = ids.get(member.user, "")
        if member.user not in ids:
            reasons[member.user] = "not in the data set Users"
        elif not value:
            reasons[member.user] = f"no {column}"
        elif len(holders[value]) > 1:
            reasons[member.user] = f"the {column} is that of several users"
        else:
            rows.append((member.course.id, value, member.role, member.start, member.end))
    return rows, [Unmatched("user", user, reason) for user, reason in reasons.items()]


def _logged(data: DataSets, courses: Mapping[str, Course]) -> _Log:
    """Return what the log tells of each person."""
    if DataSet.ENROLLMENTS_AND_WITHDRAWALS not in data:
        data.require(DataSet.USER_ENROLLMENTS)
        return _Log({}, {}, [])
    data.require(DataSet.ROLE_DETAILS)
    names = {
        each["RoleId"]: each["RoleName"].strip() for each in data.records(DataSet.ROLE_DETAILS)
    }
    events = defaultdict[_Place, dict[int, Event]](dict)
    unmatched: dict[Unmatched, None] = {}
    for record in data.records(DataSet.ENROLLMENTS_AND_WITHDRAWALS):
        if record["OrgUnitId"] not in courses:
            continue
        enrolled = _enrolled(record)
        role = names.get(record["RoleId"])
        if enrolled and role is None:
            reason = f"the role {record['RoleId'] or '(none)'} is not in Role Details"
            unmatched[Unmatched("enrolment", record["UserId"], reason)] = None
            continue
        log_id = int(record["LogId"])
        event = Event(record.moment("EnrollmentDate"), log_id, role or "", enrolled)
        events[record["OrgUnitId"], record["UserId"]][log_id] = event
    found: dict[_Place, list[Stay]] = {}
    withdrawn: dict[_Place, datetime] = {}
    for place, by_id in events.items():
        last = max(by_id.values(), key=lambda each: (each.moment, each.log_id))
        if not last.enrolled:
            withdrawn[place] = last.moment
        found[place], lacking = stays(by_id.values())
        if lacking:
            reason = "a withdrawal without an enrolment: give the full data set"
            unmatched[Unmatched("enrolment", place[1], reason)] = None
    return _Log(found, withdrawn, list(unmatched))


def _with_current(
    data: DataSets, courses: Mapping[str, Course], log: _Log
) -> dict[_Place, list[Stay]]:
    """Return the stays, with what only the list of current enrolments tells.

    The log has no enrolments and no withdrawals that a role at a higher level brings about. A
    person who withdrew by the log can be in an older list: then the list is not believed.
    """
    logged = log.stays
    if DataSet.USER_ENROLLMENTS not in data:
        return logged
    current = {
        (record["OrgUnitId"], record["UserId"]): Stay(
            record["RoleName"].strip(), record.moment("EnrollmentDate"), None
        )
        for record in data.records(DataSet.USER_ENROLLMENTS)
        if record["OrgUnitId"] in courses
    }
    if not current:
        raise InputError(
            "The data set User Enrollments has no enrolment in any of the courses.",
            "Give the full data set, not a differential one, or leave it out.",
        )
    for place, several in logged.items():
        open_stay = bool(several) and several[-1].end is None
        if open_stay and place not in current:
            reason = "enrolled by the log, and not in User Enrollments: the end is not known"
            log.unmatched.append(Unmatched("enrolment", place[1], reason))
            several.pop()
        elif open_stay:
            del current[place]
    cascading = {
        each["RoleName"].strip()
        for each in data.records(DataSet.ROLE_DETAILS)
        if each.is_true("IsCascading")
    }
    for place, stay in current.items():
        ended = log.withdrawn.get(place)
        if ended and stay.start <= ended and stay.role not in cascading:
            reason = (
                "withdrew by the log, and still in User Enrollments: give the latest file of both"
            )
            log.unmatched.append(Unmatched("enrolment", place[1], reason))
            continue
        several = logged.setdefault(place, [])
        several.append(replace(stay, start=max(stay.start, ended)) if ended else stay)
    return logged


def _enrolled(record: Record) -> bool:
    try:
        return _ACTIONS[record["Action"].strip().lower()]
    except KeyError:
        problem = record.problem(
            "Action", f"{record['Action']!r} is not known.", "Known are Enroll and Unenroll."
        )
        raise InputError(str(problem)) from None
