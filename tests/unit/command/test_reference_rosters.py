"""Rooms and rosters from data sets in D2L's layout: compared with what is known to be right."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from room_reports_command.errors import InputError
from room_reports_command.reference.brightspace import (
    CourseColumn,
    Made,
    Options,
    UserColumn,
    make,
)
from room_reports_command.reference.data_sets import COLUMNS, DataSet, data_set_of
from room_reports_command.reference.inputs import read_inputs
from room_reports_command.reference.tables import ROOMS, ROSTERS
from tests.support.brightspace import LAYOUTS, Brightspace

ZONE = ZoneInfo("America/New_York")
ROOM, OTHER_ROOM, SHARED = "1_abcd1234", "0_zzzz9999", "1_shared00"
KNOWN = frozenset({ROOM, OTHER_ROOM, SHARED})
BY_NAME = Options(user_id=UserColumn.USER_NAME)


@pytest.fixture
def campus() -> Brightspace:
    """Return two courses with rooms, one without, and people."""
    found = Brightspace()
    found.course(6606, "ORG", kind="Organization")
    found.course(101, "BIO-101", "Biology,\n the first")
    found.course(102, "ART-2", "Art")
    found.course(103, "LAW-3", "Law without a room")
    found.course(901, "BIO-101-S1", kind="Section")
    found.role(110, "Student")
    found.role(109, "Instructor")
    for number, name in enumerate(("Jane", "Omar", "Wei", "Ana"), 1):
        found.user(number, name, f"000{number}", f"{name}@example.edu")
    found.link(1, 101, f"https://kaf.example.edu/browseandembed/index/media/entryid/{ROOM}/x/1")
    found.link(2, 6606, f"https://kaf.example.edu/hosted/index?entry%2F{OTHER_ROOM}")
    found.launch(2, 102)
    return found


def made(
    campus: Brightspace,
    folder: Path,
    options: Options = BY_NAME,
    names: Sequence[str] = (),
) -> Made:
    inputs = read_inputs(campus.write(folder, names or used(campus)), None)
    return make(inputs.data_sets, options, ZONE, KNOWN, frozenset())


def used(campus: Brightspace) -> list[str]:
    """Return the data sets, without that of current enrolments if it has none."""
    return [name for name in LAYOUTS if name != "UserEnrollments" or campus.rows[name]]


def reasons(found: Made) -> Counter[tuple[str, str]]:
    return Counter((each.what, each.reason) for each in found.unmatched)


# Recognising the data sets


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_data_set_is_recognised_by_the_documented_columns(name: str) -> None:
    expected = name.replace("LTI", "LTI ").lower().replace(" ", "")
    found = data_set_of(list(LAYOUTS[name]))
    assert found is not None
    assert found.value.lower().replace(" ", "") == expected


@pytest.mark.parametrize("data_set", DataSet)
def test_only_documented_columns_are_used(data_set: DataSet) -> None:
    layouts = {name.lower(): columns for name, columns in LAYOUTS.items()}
    documented = layouts[data_set.value.replace(" ", "").lower()]
    assert set(COLUMNS[data_set]) <= set(documented)


def test_columns_are_recognised_in_any_order_with_more_columns_and_other_capitals() -> None:
    header = ["New", *(name.upper() for name in reversed([*LAYOUTS["LTILinks"]]))]
    assert data_set_of(header) is DataSet.LTI_LINKS


@pytest.mark.parametrize("packed", [True, False])
def test_files_are_read_packed_and_unpacked(
    campus: Brightspace, tmp_path: Path, packed: bool
) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-08-31T12:00:00.000Z")
    inputs = read_inputs(campus.write(tmp_path, used(campus), packed=packed), None)
    found = make(inputs.data_sets, BY_NAME, ZONE, KNOWN, frozenset())
    assert found.rows[ROSTERS] == (("BIO-101", "Jane", "Student", "2026-08-31", ""),)


# Rooms


def test_a_room_belongs_to_the_course_of_its_link_and_of_its_launches(
    campus: Brightspace, tmp_path: Path
) -> None:
    found = made(campus, tmp_path)
    assert found.rows[ROOMS] == (
        (OTHER_ROOM, "ART-2", "Art", "", ""),
        (ROOM, "BIO-101", "Biology, the first", "", ""),
    )


def test_a_room_can_belong_to_several_courses(campus: Brightspace, tmp_path: Path) -> None:
    campus.link(3, 6606, f"https://kaf.example.edu/{SHARED}")
    for course in (101, 103, 103, 901):
        campus.launch(3, course)
    rooms = made(campus, tmp_path).rows[ROOMS]
    assert [row[1] for row in rooms if row[0] == SHARED] == ["BIO-101", "LAW-3"]


def test_links_that_lead_to_no_room_are_named_with_the_reason(
    campus: Brightspace, tmp_path: Path
) -> None:
    campus.link(3, 101, "https://kaf.example.edu/mymedia")
    campus.link(4, 101, "https://kaf.example.edu/media/entryid/1_video000")
    campus.link(5, 6606, f"https://kaf.example.edu/{ROOM}")
    campus.link(6, 101, f"https://kaf.example.edu/x{ROOM}y")
    campus.launch("", 101)
    found = reasons(made(campus, tmp_path))
    assert found == {
        ("LTI link", "its address has no room id"): 2,
        ("LTI link", "its address has the id of an entry that is no room of the reports"): 1,
        ("LTI link", "it was neither made nor launched in a course"): 1,
    }


def test_courses_that_cannot_be_named_are_left_out(campus: Brightspace, tmp_path: Path) -> None:
    campus.course(104, "")
    campus.course(105, "TWICE")
    campus.course(106, "TWICE")
    campus.course(107, "GONE", deleted=True)
    for course in (104, 105, 106, 107):
        campus.launch(2, course)
    found = made(campus, tmp_path)
    assert {row[1] for row in found.rows[ROOMS]} == {"BIO-101", "ART-2"}
    assert reasons(found) == {
        ("course", "it has no Code"): 1,
        ("course", "its Code 'TWICE' is that of several courses"): 2,
        ("course", "it is deleted in Brightspace"): 1,
    }
    by_number = made(
        campus, tmp_path, Options(user_id=UserColumn.USER_NAME, course_id=CourseColumn.ORG_UNIT_ID)
    )
    assert {row[1] for row in by_number.rows[ROOMS]} == {"101", "102", "104", "105", "106"}


def test_a_type_of_org_unit_that_does_not_exist_names_those_that_do(
    campus: Brightspace, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="'Class'") as caught:
        made(campus, tmp_path, Options(org_unit_type="Class"))
    assert "Course Offering, Organization, Section" in caught.value.cure


# Rosters


def test_days_are_those_of_the_time_zone_and_the_last_day_is_included(
    campus: Brightspace, tmp_path: Path
) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T03:59:00.000Z")
    campus.log(101, 1, "", "Unenroll", "2026-10-01T04:00:01.000Z")
    campus.log(101, 2, 110, "Enroll", "2026-09-01T04:00:00.000Z")
    campus.log(101, 2, 109, "enroll", "2026-09-15T12:00:00.000Z")
    rows = made(campus, tmp_path).rows[ROSTERS]
    assert rows == (
        ("BIO-101", "Jane", "Student", "2026-08-31", "2026-10-02"),
        ("BIO-101", "Omar", "Instructor", "2026-09-15", ""),
        ("BIO-101", "Omar", "Student", "2026-09-01", "2026-09-15"),
    )


def test_whole_days_leave_out_the_days_of_the_events(campus: Brightspace, tmp_path: Path) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T12:00:00.000Z")
    campus.log(101, 1, "", "Unenroll", "2026-10-01T12:00:00.000Z")
    options = Options(user_id=UserColumn.USER_NAME, whole_days=True)
    assert made(campus, tmp_path, options).rows[ROSTERS] == (
        ("BIO-101", "Jane", "Student", "2026-09-02", "2026-10-01"),
    )


def test_the_current_enrolments_complete_the_log(campus: Brightspace, tmp_path: Path) -> None:
    noon = "T16:00:00.000Z"
    campus.log(101, 1, 110, "Enroll", f"2026-09-01{noon}")  # is enrolled in both
    campus.enrolled(101, 1, "Student", f"2026-09-01{noon}")
    campus.log(101, 2, 110, "Enroll", f"2026-09-01{noon}")  # left by a cascading role
    campus.enrolled(101, 3, "Instructor", f"2026-09-03{noon}")  # came by a cascading role
    campus.log(102, 4, 110, "Enroll", f"2026-09-01{noon}")  # withdrew, and came back
    campus.log(102, 4, "", "Unenroll", f"2026-09-10{noon}")
    campus.enrolled(102, 4, "Student", f"2026-09-12{noon}")
    found = made(campus, tmp_path)
    assert found.rows[ROSTERS] == (
        ("ART-2", "Ana", "Student", "2026-09-01", "2026-09-11"),
        ("ART-2", "Ana", "Student", "2026-09-12", ""),
        ("BIO-101", "Jane", "Student", "2026-09-01", ""),
        ("BIO-101", "Wei", "Instructor", "2026-09-03", ""),
    )
    (unmatched,) = found.unmatched
    assert (unmatched.what, unmatched.id) == ("enrolment", "2")
    assert "the end is not known" in unmatched.reason


def test_a_person_who_withdrew_is_not_put_back_by_an_older_list(
    campus: Brightspace, tmp_path: Path
) -> None:
    noon = "T16:00:00.000Z"
    campus.log(101, 1, 110, "Enroll", f"2026-09-01{noon}")
    campus.log(101, 1, "", "Unenroll", f"2026-11-20{noon}")
    campus.enrolled(101, 1, "Student", f"2026-09-01{noon}")
    campus.log(101, 2, "", "Unenroll", f"2026-11-20{noon}")  # enrolled before the log begins
    campus.enrolled(101, 2, "Student", f"2026-08-01{noon}")
    found = made(campus, tmp_path)
    assert found.rows[ROSTERS] == (("BIO-101", "Jane", "Student", "2026-09-01", "2026-11-21"),)
    reason = "withdrew by the log, and still in User Enrollments: give the latest file of both"
    assert [each.id for each in found.unmatched if each.reason == reason] == ["1", "2"]


def test_a_cascading_role_brings_back_a_person_who_withdrew(
    campus: Brightspace, tmp_path: Path
) -> None:
    noon = "T16:00:00.000Z"
    campus.role(120, "Auditor", cascading=True)
    campus.log(101, 1, 110, "Enroll", f"2026-09-01{noon}")
    campus.log(101, 1, "", "Unenroll", f"2026-11-20{noon}")
    campus.enrolled(101, 1, "Auditor", f"2026-08-01{noon}")
    assert made(campus, tmp_path).rows[ROSTERS] == (
        ("BIO-101", "Jane", "Auditor", "2026-11-20", ""),
        ("BIO-101", "Jane", "Student", "2026-09-01", "2026-11-20"),
    )


def test_a_list_of_current_enrolments_without_the_courses_is_refused(
    campus: Brightspace, tmp_path: Path
) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    with pytest.raises(InputError, match="no enrolment in any of the courses"):
        made(campus, tmp_path, names=tuple(LAYOUTS))


def test_current_enrolments_alone_make_a_roster(campus: Brightspace, tmp_path: Path) -> None:
    campus.enrolled(101, 1, "Student", "2026-09-01T16:00:00.000Z")
    names = ["Users", "UserEnrollments", "OrganizationalUnits", "LTILinks"]
    assert made(campus, tmp_path, names=names).rows[ROSTERS] == (
        ("BIO-101", "Jane", "Student", "2026-09-01", ""),
    )


def test_rosters_are_made_of_courses_with_a_room(campus: Brightspace, tmp_path: Path) -> None:
    for course in (101, 103, 901):
        campus.log(course, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    assert {row[0] for row in made(campus, tmp_path).rows[ROSTERS]} == {"BIO-101"}
    everything = Options(user_id=UserColumn.USER_NAME, all_courses=True)
    found = made(campus, tmp_path, everything)
    assert {row[0] for row in found.rows[ROSTERS]} == {"BIO-101", "LAW-3"}


def test_only_the_roles_that_were_asked_for_are_kept(campus: Brightspace, tmp_path: Path) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    campus.log(101, 2, 109, "Enroll", "2026-09-01T16:00:00.000Z")
    options = Options(user_id=UserColumn.USER_NAME, roles=("student",))
    assert {row[2] for row in made(campus, tmp_path, options).rows[ROSTERS]} == {"Student"}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (UserColumn.USER_NAME, "Jane"),
        (UserColumn.ORG_DEFINED_ID, "0001"),
        (UserColumn.USER_ID, "1"),
        (UserColumn.EXTERNAL_EMAIL, "Jane@example.edu"),
    ],
)
def test_people_have_the_id_of_the_column_that_was_chosen(
    campus: Brightspace, tmp_path: Path, column: UserColumn, expected: str
) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    ((_, user, *_),) = made(campus, tmp_path, Options(user_id=column)).rows[ROSTERS]
    assert user == expected


def test_without_a_column_there_are_candidates_and_no_roster(
    campus: Brightspace, tmp_path: Path
) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    found = made(campus, tmp_path, Options())
    assert ROSTERS not in found.rows
    assert found.candidates["OrgDefinedId"] == {"0001"}


def test_people_without_an_id_of_their_own_are_named_with_the_reason(
    campus: Brightspace, tmp_path: Path
) -> None:
    campus.user(5, "Five", "")
    campus.user(6, "Six", "0007")
    campus.user(7, "Seven", "0007")
    campus.user(8, "Eight", "a\x07b")
    for user in (1, 5, 6, 7, 8, 99):
        campus.log(101, user, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    found = made(campus, tmp_path, Options(user_id=UserColumn.ORG_DEFINED_ID))
    assert [row[1] for row in found.rows[ROSTERS]] == ["0001"]
    assert reasons(found) == {
        ("user", "no OrgDefinedId"): 1,
        ("user", "the OrgDefinedId is that of several users"): 2,
        ("user", "not in the data set Users"): 1,
        ("row of rosters", "'a\\x07b' contains U+0007."): 1,
    }


def test_nothing_is_matched_by_a_name(campus: Brightspace, tmp_path: Path) -> None:
    """A link's title, a user's names and a course's name lead to no row."""
    campus.rows["LTILinks"].append(
        {"LtiLinkId": 9, "OrgUnitId": 101, "Title": f"Biology {SHARED}", "Url": ""}
    )
    campus.rows["Users"].append(
        {"UserId": 9, "UserName": "", "FirstName": "Jane", "LastName": "Jane"}
    )
    campus.log(101, 9, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    found = made(campus, tmp_path)
    assert SHARED not in {row[0] for row in found.rows[ROOMS]}
    assert found.rows[ROSTERS] == ()


def test_a_full_and_a_differential_log_add_up(campus: Brightspace, tmp_path: Path) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    first = campus.write(tmp_path, used(campus))
    later = Brightspace()
    later.rows["EnrollmentsAndWithdrawals"] = list(campus.rows["EnrollmentsAndWithdrawals"])
    later.log(101, 1, "", "Unenroll", "2026-09-08T16:00:00.000Z")
    (tmp_path / "differential").mkdir()
    second = later.write(tmp_path / "differential", ["EnrollmentsAndWithdrawals"])
    inputs = read_inputs([*second, *first], None)
    found = make(inputs.data_sets, BY_NAME, ZONE, KNOWN, frozenset())
    assert found.rows[ROSTERS] == (("BIO-101", "Jane", "Student", "2026-09-01", "2026-09-09"),)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "EnrollmentsAndWithdrawals"])
def test_two_files_of_one_data_set_are_refused(
    campus: Brightspace, tmp_path: Path, name: str
) -> None:
    """Which of two rows of a person is newer is not in the files."""
    (tmp_path / "differential").mkdir()
    files = [*campus.write(tmp_path), *campus.write(tmp_path / "differential", [name])]
    for order in (files, files[::-1]):
        with pytest.raises(InputError, match="are of one data set") as caught:
            read_inputs(order, None)
        assert "latest full one" in caught.value.cure


# What is wrong


def test_a_withdrawal_without_an_enrolment_is_named(campus: Brightspace, tmp_path: Path) -> None:
    campus.log(101, 1, "", "Unenroll", "2026-09-01T16:00:00.000Z")
    campus.log(101, 2, 777, "Enroll", "2026-09-01T16:00:00.000Z")
    found = made(campus, tmp_path)
    assert found.rows[ROSTERS] == ()
    assert reasons(found) == {
        ("enrolment", "a withdrawal without an enrolment: give the full data set"): 1,
        ("enrolment", "the role 777 is not in Role Details"): 1,
    }


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("Action", "Invited", "line 2, column Action: 'Invited' is not known. Known are Enroll"),
        ("EnrollmentDate", "soon", "line 2, column EnrollmentDate: 'soon' is no time. D2L writes"),
        ("UserId", "1,0E+05", "line 2, column UserId: '1,0E+05' is no id. Give the file as D2L"),
        ("OrgUnitId", "", "line 2, column OrgUnitId: '' is no id"),
    ],
)
def test_a_wrong_value_names_its_place_and_what_is_right(
    campus: Brightspace, tmp_path: Path, column: str, value: str, message: str
) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    campus.rows["EnrollmentsAndWithdrawals"][0] = {
        **campus.rows["EnrollmentsAndWithdrawals"][0],
        column: value,
    }
    with pytest.raises(InputError) as caught:
        made(campus, tmp_path)
    place = "EnrollmentsAndWithdrawals.zip: EnrollmentsAndWithdrawals.csv, "
    assert caught.value.cause.startswith(place + message)


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("Users", "Users"),
        ("OrganizationalUnits", "Organizational Units"),
        ("RoleDetails", "Role Details"),
        ("LTILinks", "LTI Links"),
    ],
)
def test_a_missing_data_set_is_named(
    campus: Brightspace, tmp_path: Path, missing: str, named: str
) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    with pytest.raises(InputError, match=f"no file of the data set {named}"):
        made(campus, tmp_path, names=[name for name in used(campus) if name != missing])


def test_without_a_course_that_has_a_room_there_is_no_roster(
    campus: Brightspace, tmp_path: Path
) -> None:
    campus.log(101, 1, 110, "Enroll", "2026-09-01T16:00:00.000Z")
    names = [name for name in used(campus) if not name.startswith("LTI")]
    with pytest.raises(InputError, match="None of the courses has a room"):
        made(campus, tmp_path, names=names)


def test_data_sets_without_rooms_and_enrolments_are_refused(
    campus: Brightspace, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="neither rooms nor rosters"):
        made(campus, tmp_path, names=["OrganizationalUnits"])
