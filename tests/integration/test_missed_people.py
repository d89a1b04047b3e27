"""No person is not_seen who was there: a small term for each way in which one could be missed."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from room_reports.model.pseudonyms import Pseudonyms
from tests.support.course_term import ZONE, CourseTerm, File, Part, day_start
from tests.support.course_term_expected import later
from tests.support.course_term_files import publish
from tools.athena.duck_athena import DuckAthena
from tools.athena.sources import queries

DAY = "2026-10-29"
PEOPLE = {course: [f"{course.lower()}{n}" for n in range(10)] for course in "ABC"}
Seconds = dict[str, int]


def people(course: str, count: int, minutes: int, first: int = 0) -> Seconds:
    return dict.fromkeys(PEOPLE[course][first : first + count], 60 * minutes)


class Term:
    """A term with one shared room, two rooms of the course C, and settled files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.term = CourseTerm()
        self.term.rooms = [("1_ab", "A", "", "", ""), ("1_ab", "B", "", "", "")]
        self.term.rooms += [("1_c", "C", "", "", ""), ("1_d", "C", "", "", "")]
        self.term.rosters = [
            (course, user, "student", "", "") for course in "AB" for user in PEOPLE[course]
        ]
        self.enrol("C", 4)
        self.settle("us")

    def settle(self, region: str) -> None:
        """Have files of each day in a region."""
        for number in range(12):
            day = self.term.first + timedelta(days=number)
            exported = day_start(day) + 3 * 86400
            for report in ("room_data", "attendees"):
                self.term.files[region, report, day.isoformat()] = File("settled", exported, "")

    def enrol(self, course: str, count: int, end: str = "") -> None:
        others = [row for row in self.term.rosters if row[0] != course]
        added = ((course, user, "student", "", end) for user in PEOPLE[course][:count])
        self.term.rosters = [*others, *added]

    def part(  # noqa: PLR0917 - as in the file
        self,
        room: str,
        start: str,
        end: str,
        seconds: Seconds,
        users: int = 0,
        day: str = DAY,
        parent: str = "",
    ) -> Part:
        cue = f"1_{room[2:]}{start.replace(':', '')}"
        times = (_moment(day, start), _moment(day, end) if end else 0)
        return Part("us", day, room, cue, *times, users or len(seconds), seconds, parent=parent)

    def add(self, *parts: Part) -> None:
        self.term.parts += parts

    def views(self) -> DuckAthena:
        publish(self.term, self.folder)
        return DuckAthena(self.folder, ZONE.key, self.term.now(), loaded=True, session_days=1)

    def statuses(self) -> Counter[tuple[str, str, str]]:
        """Return how many people have each status, by the start of the class's id and course."""
        rows = self.views().query("SELECT class_id, course_id, status FROM attendance_status")
        names = ((row["class_id"].split("_")[-1], row["course_id"], row["status"]) for row in rows)
        return Counter(names)


def _moment(day: str, time: str) -> int:
    hours, minutes = map(int, time.split(":"))
    return day_start(date.fromisoformat(day)) + 3600 * hours + 60 * minutes


@pytest.fixture
def term(tmp_path: Path) -> Term:
    return Term(tmp_path)


def test_two_courses_in_one_room_within_the_gap_are_two_classes(term: Term) -> None:
    term.add(term.part("1_ab", "10:00", "10:50", people("A", 9, 50)))
    term.add(term.part("1_ab", "11:00", "11:50", people("B", 4, 50)))
    assert term.statuses() == {
        ("ab1000", "A", "present"): 9,
        ("ab1000", "A", "not_seen"): 1,
        ("ab1100", "B", "present"): 4,
        ("ab1100", "B", "not_seen"): 6,
    }


def test_a_restart_of_one_course_in_a_shared_room_is_one_class(term: Term) -> None:
    term.add(term.part("1_ab", "10:00", "10:20", people("A", 4, 20)))
    term.add(term.part("1_ab", "10:25", "10:50", people("A", 8, 25)))
    assert {key[0] for key in term.statuses()} == {"ab1000"}


def test_a_restart_of_which_too_few_tell_the_course_does_not_make_anybody_unseen(
    term: Term,
) -> None:
    term.add(term.part("1_ab", "10:00", "10:20", people("A", 9, 20)))
    term.add(term.part("1_ab", "10:25", "10:50", people("A", 1, 25, first=9)))
    assert term.statuses()["ab1000", "A", "no_data"] == 1
    assert not [key for key in term.statuses() if key[2] == "not_seen"]


def test_of_courses_that_are_taught_together_the_smaller_keeps_its_people(term: Term) -> None:
    term.enrol("B", 5, later(DAY, 2))
    term.add(term.part("1_ab", "10:00", "11:00", people("A", 9, 60) | people("B", 3, 60)))
    assert term.statuses() == {
        ("ab1000", "A", "present"): 9,
        ("ab1000", "A", "not_seen"): 1,
        ("ab1000", "B", "no_data"): 5,
    }
    rows = term.views().query("SELECT final FROM last_attendance WHERE course_id = 'B'")
    assert [row["final"] for row in rows] == [False] * 5


def test_a_visitor_of_another_course_has_a_row(term: Term) -> None:
    term.add(term.part("1_ab", "10:00", "11:00", people("A", 9, 60) | people("B", 1, 60)))
    assert term.statuses()["ab1000", "B", "no_data"] == 1


@pytest.mark.parametrize("blank", [frozenset(), frozenset(["c3"])])
def test_a_person_who_is_listed_without_minutes_has_no_data(
    blank: frozenset[str], term: Term
) -> None:
    part = term.part("1_c", "10:00", "11:00", people("C", 3, 60) | {"c3": 0})
    term.add(Part(**{**vars(part), "blank": blank}))
    assert term.statuses() == {("c1000", "C", "present"): 3, ("c1000", "C", "no_data"): 1}


def test_a_session_that_only_attendees_has_makes_the_others_of_the_day_incomplete(
    term: Term,
) -> None:
    term.add(term.part("1_c", "10:00", "10:30", people("C", 2, 30)))
    term.term.orphans.append(term.part("1_c", "10:31", "11:30", people("C", 4, 59)))
    assert {key[2] for key in term.statuses()} == {"no_data"}


def test_a_part_after_midnight_that_only_attendees_has_makes_the_class_incomplete(
    term: Term,
) -> None:
    night = term.part("1_c", "23:00", "25:00", people("C", 2, 60))
    term.add(night)
    day = later(DAY, 1)
    term.term.orphans.append(Part(**{**vars(night), "day": day, "seconds": people("C", 3, 60)}))
    assert {key[2] for key in term.statuses()} == {"no_data"}


def test_unknown_users_are_counted_by_session(term: Term) -> None:
    """Half of the people came to each of two sessions; half of those in each are not identified."""
    term.enrol("C", 10)
    unknown = {"Unknown": 3600}
    term.add(term.part("1_c", "10:00", "10:30", people("C", 3, 30) | unknown, users=7))
    term.add(term.part("1_c", "10:31", "11:00", people("C", 3, 29, first=3) | unknown, users=7))
    found = term.statuses()
    assert found["c1000", "C", "no_data"] == 4
    assert found["c1000", "C", "partial"] == 6


def test_as_many_unknown_people_as_unseen_ones_leave_it_open(term: Term) -> None:
    term.enrol("C", 10)
    seen = people("C", 7, 60) | {"Unknown": 3 * 3600}
    term.add(term.part("1_c", "10:00", "11:00", seen, users=10))
    assert term.statuses() == {("c1000", "C", "present"): 7, ("c1000", "C", "no_data"): 3}


def test_who_was_in_another_room_of_the_course_is_not_unseen(term: Term) -> None:
    term.add(term.part("1_c", "10:00", "11:00", people("C", 2, 60)))
    term.add(term.part("1_d", "11:20", "12:00", people("C", 1, 40, first=2)))
    found = term.statuses()
    assert found["c1000", "C", "no_data"] == 1
    assert found["c1000", "C", "not_seen"] == 1
    reasons = term.views().query("SELECT reason FROM attendance_status WHERE status = 'no_data'")
    assert {row["reason"][-5:] for row in reasons} == {" 1_d.", " 1_c."}


def test_who_was_in_a_room_of_the_course_in_another_region_is_not_unseen(term: Term) -> None:
    term.settle("eu")
    term.add(term.part("1_c", "10:00", "11:00", people("C", 2, 60)))
    other = term.part("1_d", "10:00", "11:00", people("C", 2, 60, first=2))
    term.add(replace(other, region="eu"))
    assert term.statuses() == {
        ("c1000", "C", "present"): 2,
        ("c1000", "C", "no_data"): 2,
        ("d1000", "C", "present"): 2,
        ("d1000", "C", "no_data"): 2,
    }


def test_who_was_in_a_breakout_room_only_is_not_unseen(term: Term) -> None:
    term.add(term.part("1_c", "10:00", "11:00", people("C", 2, 60)))
    term.add(term.part("1_e", "10:05", "11:00", people("C", 1, 55, first=2), parent="1_c"))
    found = term.statuses()
    assert {key[0] for key in found} == {"c1000"}
    assert (found["c1000", "C", "no_data"], found["c1000", "C", "not_seen"]) == (1, 1)


def test_who_may_have_been_in_a_breakout_room_is_not_unseen(term: Term) -> None:
    term.add(term.part("1_c", "10:00", "11:00", people("C", 2, 60)))
    term.add(term.part("1_e", "10:05", "11:00", {}, users=1, parent="1_c"))
    assert term.statuses() == {("c1000", "C", "present"): 2, ("c1000", "C", "no_data"): 2}


def test_who_came_after_a_session_without_an_end_is_not_unseen(term: Term) -> None:
    term.add(term.part("1_c", "09:00", "", people("C", 2, 10)))
    term.add(term.part("1_c", "10:25", "11:00", people("C", 1, 35, first=2)))
    found = term.statuses()
    assert found["c0900", "C", "no_data"] == 1
    assert found["c0900", "C", "not_seen"] == 1
    assert found["c1025", "C", "no_data"] == 2


def test_a_class_without_an_end_may_go_on_on_the_next_day(term: Term) -> None:
    term.add(term.part("1_c", "23:00", "", people("C", 2, 10)))
    term.add(term.part("1_c", "00:05", "01:00", people("C", 3, 55), day=later(DAY, 1)))
    assert term.statuses()["c2300", "C", "no_data"] == 2


def test_a_row_that_is_there_twice_counts_once(term: Term) -> None:
    part = term.part("1_c", "10:00", "11:00", people("C", 3, 60) | people("C", 1, 30, first=3))
    term.add(Part(**{**vars(part), "twice": frozenset(["c3"])}))
    assert term.statuses() == {("c1000", "C", "present"): 3, ("c1000", "C", "partial"): 1}


def test_a_room_with_another_form_of_days_keeps_its_course(term: Term) -> None:
    """As a text, the day is before all others, so that the course would have no class."""
    term.term.rooms[1] = ("1_ab", "B", "", "", "01/12/2026")
    term.add(term.part("1_ab", "10:00", "11:00", people("B", 8, 60)))
    assert term.statuses()["ab1000", "B", "present"] == 8


@pytest.mark.parametrize(("start", "end"), [("30.09.2026", ""), ("", "01/12/2026")])
def test_every_view_reads_the_days_of_a_room_alike(start: str, end: str, term: Term) -> None:
    term.term.rooms[2] = ("1_c", "C", "", start, end)
    term.add(term.part("1_c", "10:00", "11:00", people("C", 4, 60)))
    views = term.views()
    found = views.query("SELECT DISTINCT course_id, on_roster FROM attendance_by_course")
    assert found == [{"course_id": "C", "on_roster": True}]
    assert views.query("SELECT * FROM unmatched_rooms") == []
    assert views.query("SELECT * FROM unmatched_users") == []


def test_pseudonyms_match_no_roster_and_no_person_is_unseen(term: Term) -> None:
    """What docs/privacy.md says of attendees.user_id=pseudonym."""
    hidden = Pseudonyms(bytes(32))
    seen = {hidden.of(user): seconds for user, seconds in people("C", 2, 60).items()}
    term.add(term.part("1_c", "10:00", "11:00", seen))
    term.add(term.part("1_ab", "10:00", "11:00", {hidden.of("a0"): 3600}))
    views = term.views()
    statuses = views.query("SELECT DISTINCT status FROM attendance_status")
    assert statuses == [{"status": "no_data"}]
    (missed,) = (query for query in queries() if query.name == "missed-classes")
    assert views.run(missed) == []
    assert views.query("SELECT DISTINCT user_rate FROM match_rate") == [{"user_rate": 0}]
    listed = views.query("SELECT DISTINCT user_id FROM unmatched_users")
    assert {row["user_id"] for row in listed} == {*seen, hidden.of("a0")}


@pytest.mark.parametrize("written", ["01/12/2026", "2026-13-01", "2026-1-1", "soon"])
@pytest.mark.parametrize("place", [3, 4])
def test_a_roster_with_another_form_of_days_decides_nothing(
    written: str, place: int, term: Term
) -> None:
    bounds = ["", ""]
    bounds[place - 3] = written
    term.term.rosters.append(("C", "c9", "student", bounds[0], bounds[1]))
    term.add(term.part("1_c", "10:00", "11:00", people("C", 4, 60)))
    assert term.statuses() == {("c1000", "C", "present"): 4, ("c1000", "C", "no_data"): 1}
    rows = term.views().query("SELECT final FROM last_attendance WHERE user_id = 'c9'")
    assert [row["final"] for row in rows] == [False]
