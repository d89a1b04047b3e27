"""Courses, and the rooms of each, from Brightspace's org units and LTI links."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import unquote

from room_reports_command.errors import InputError
from room_reports_command.reference.data_sets import DataSet, DataSets
from room_reports_command.reference.tables import Row
from room_reports_command.reference.unmatched import Unmatched

COURSE_OFFERING = "Course Offering"
_TOKEN = re.compile(r"[0-9A-Za-z_]+")
_LIKE_AN_ENTRY = re.compile(r"[01]_[0-9a-z]{8}")


@dataclass(frozen=True)
class Course:
    """A course: an org unit of the type that was asked for."""

    id: str
    """As it is written into the tables: the org unit's code, or its number."""
    name: str


@dataclass(frozen=True)
class Courses:
    """The courses by the number of their org unit."""

    by_org_unit: Mapping[str, Course]
    unmatched: tuple[Unmatched, ...]


def read_courses(data: DataSets, course_id: str, org_unit_type: str) -> Courses:
    """Return the courses of an organisation.

    Args:
        course_id: The column to identify courses by: ``Code`` or ``OrgUnitId``.
        org_unit_type: The type of the org units that are courses.

    Raises:
        InputError: If no org unit is of this type.
    """
    data.require(DataSet.ORGANIZATIONAL_UNITS)
    found: dict[str, Course] = {}
    reasons: dict[str, str] = {}
    types: set[str] = set()
    for record in data.records(DataSet.ORGANIZATIONAL_UNITS):
        types.add(record["Type"])
        unit = record["OrgUnitId"]
        found.pop(unit, None)
        reasons.pop(unit, None)
        if record["Type"].strip().lower() != org_unit_type.lower():
            continue
        name = " ".join(record["Name"].split())
        if record.is_true("IsDeleted"):
            reasons[unit] = "it is deleted in Brightspace"
        elif not record[course_id].strip():
            reasons[unit] = f"it has no {course_id}"
        else:
            found[unit] = Course(record[course_id].strip(), name)
    if not found and not reasons:
        named = ", ".join(sorted(types)) or "none"
        raise InputError(
            f"No org unit has the type {org_unit_type!r}.",
            f"Give --org-unit-type one of these: {named}.",
        )
    for unit in _shared(found):
        reasons[unit] = f"its {course_id} {found.pop(unit).id!r} is that of several courses"
    unmatched = tuple(Unmatched("course", unit, reason) for unit, reason in reasons.items())
    return Courses(found, unmatched)


def rooms_of_courses(
    data: DataSets, courses: Courses, known: AbstractSet[str]
) -> tuple[list[Row], list[Unmatched]]:
    """Return the rows of the table ``rooms``, and what could not be matched.

    A link leads to a room if its address contains the room's id. It belongs to the courses that it
    was launched in, and to the one that it was made in.

    Args:
        known: The ids of the rooms that the reports have, or the rows of an earlier import.
    """
    org_units = defaultdict[str, set[str]](set)
    for launch in data.records(DataSet.LTI_LAUNCHES):
        if launch["LTILinkId"]:
            org_units[launch["LTILinkId"]].add(launch["OrgUnitId"])
    rows: list[Row] = []
    unmatched: list[Unmatched] = []
    for link in data.records(DataSet.LTI_LINKS):
        number = link["LtiLinkId"]
        rooms, reason = _rooms_in(link["Url"], known)
        units = {*org_units[number], link["OrgUnitId"]} & courses.by_org_unit.keys()
        if reason or not units:
            reason = reason or "it was neither made nor launched in a course"
            unmatched.append(Unmatched("LTI link", number, reason))
            continue
        found = [courses.by_org_unit[unit] for unit in units]
        rows += [(room, course.id, course.name, "", "") for room in rooms for course in found]
    return sorted(set(rows)), unmatched


def _rooms_in(url: str, known: AbstractSet[str]) -> tuple[Sequence[str], str]:
    """Return the rooms that an address leads to; if there are none, the reason."""
    words = _TOKEN.findall(unquote(unquote(url)))
    rooms = sorted({word for word in words if word in known})
    if rooms:
        return rooms, ""
    if any(_LIKE_AN_ENTRY.fullmatch(word) for word in words):
        return (), "its address has the id of an entry that is no room of the reports"
    return (), "its address has no room id"


def _shared(found: Mapping[str, Course]) -> Iterator[str]:
    units = defaultdict[str, list[str]](list)
    for unit, course in found.items():
        units[course.id].append(unit)
    return iter([unit for several in units.values() if len(several) > 1 for unit in several])
