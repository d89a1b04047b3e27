"""Compares what the views conclude with what really happened in a term of courses."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import pytest

from room_reports.model.reports import ATTENDEES, ROOM_DATA
from tests.support.course_status_expected import ExpectedStatuses
from tests.support.course_term import UNKNOWN, CourseTerm, Meeting, Stay, local_day
from tests.support.course_term_expected import Row, as_day, later, user_key


class Truth:
    """What really happened in a term, whatever its files say."""

    def __init__(self, term: CourseTerm, expected: ExpectedStatuses) -> None:
        self.term = term
        self.policy = expected.policy
        self.class_of: dict[str, tuple[str, str]] = {}
        """The class that each session belongs to: its first session and its day."""
        for each in expected.classes():
            for group in each.groups:
                self.class_of.setdefault(group.cue, (each.first.cue, each.dt))
        self.listed: defaultdict[str, set[str | None]] = defaultdict(set)
        """The keys that the files have of each session."""
        for cue, group in ((group.cue, group) for group in expected.groups.values()):
            self.listed[cue] |= {user_key(user, self.policy) for user in expected.people(group)}
        self.persons: defaultdict[str, set[str]] = defaultdict(set)
        for person, ids in term.people.items():
            for written in ids:
                self.persons[user_key(written, self.policy) or ""].add(person)

    def meetings(self, row: Row) -> list[Meeting]:
        """Return the sessions of the class of a row."""
        found = row["class_id"].split("/")[-1], row["dt"]
        return [each for each in self.term.meetings if self.class_of.get(each.cue) == found]

    def key_of(self, stay: Stay) -> str | None:
        """Return the key by which the views know the user of a stay, None for none."""
        return None if stay.user_id in UNKNOWN else user_key(stay.user_id, self.policy)

    def courses(self, meeting: Meeting) -> set[str]:
        """Return the courses that a session was for: that of the room, if it has only one."""
        mapped = self._mapped(meeting, local_day(meeting.start))
        return mapped if len(mapped) < 2 else mapped & {*meeting.courses}

    def _mapped(self, meeting: Meeting, day: str) -> set[str]:
        return {
            course
            for entry, course, _, start, end in self.term.rooms
            if entry in (meeting.room, meeting.parent) and start <= day < (end or "9999")
        }

    def assert_status(self, row: Row) -> None:
        if row["status"] not in ("not_seen", "partial", "present"):
            return
        meetings = self.meetings(row)
        assert meetings
        for meeting in meetings:
            self._assert_files_are_final(meeting)
        stays = [stay for meeting in meetings for stay in meeting.stays]
        seen = sum(s.end - s.start for s in stays if self.key_of(s) == row["user_key"])
        self._assert_minutes(row, meetings, seen / 60)
        assert (row["status"] == "not_seen") == (seen == 0)
        if seen:
            return
        assert not any(row["user_key"] in self.listed[near.cue] for near in self._near(row))
        assert row["course_id"] in set().union(*map(self.courses, meetings))
        assert not any(self.term.changed(date.fromisoformat(local_day(m.start))) for m in meetings)
        persons = self.persons[row["user_key"]]
        for stay in stays:
            # A person who was there, and is not seen, had an id that does not tell who it was.
            if stay.person in persons and not self._on_roster(row, self.key_of(stay)):
                assert "match no roster" in row["reason"]

    def _assert_minutes(self, row: Row, meetings: list[Meeting], minutes: float) -> None:
        cues = {meeting.cue for meeting in meetings}
        parts = [part for part in (*self.term.parts, *self.term.orphans) if part.cue in cues]
        if any(part.seconds[user] == 0 for part in parts for user in part.seconds):
            assert row["minutes"] <= minutes + 1e-6
        else:
            assert row["minutes"] == pytest.approx(minutes)

    def _near(self, row: Row) -> Iterator[Meeting]:
        """Yield the sessions of the course, in any room, at about the time of a class."""
        gap = 60 * self.policy["gap_minutes"]
        own = self.meetings(row)
        first, last = min(each.start for each in own), max(each.end for each in own)
        for meeting in self.term.meetings:
            _, day = self.class_of.get(meeting.cue, ("", ""))
            if (meeting.region, day) != (row["region"], row["dt"]):
                continue
            is_near = meeting.start - last <= gap and first - meeting.end <= gap
            if is_near and row["course_id"] in self.courses(meeting):
                yield meeting

    def assert_rows(self, rows: list[Row]) -> None:
        """Assert that each person who was seen in a class of a course has a row in it."""
        if {"roles", "min_class_minutes", "min_class_users"} & set(self.term.policy):
            return
        found = {
            (row["class_id"].split("/")[-1], row["course_id"], row["user_key"]) for row in rows
        }
        for meeting in self.term.meetings:
            first, day = self.class_of.get(meeting.cue, ("", ""))
            for key in self.listed[meeting.cue] - {None}:
                courses = [
                    course
                    for course in {room[1] for room in self.term.rooms if room[0] == meeting.room}
                    if self._on_roster({"course_id": course, "dt": day}, key)
                ]
                if len(courses) == 1 and courses[0] in self._mapped(meeting, day):
                    assert (first, courses[0], key) in found

    def _on_roster(self, row: Row, key: str | None) -> bool:
        return any(
            course == row["course_id"]
            and user_key(written, self.policy) == key
            and as_day(start, "") <= row["dt"] < as_day(end, "9999")
            for course, written, _, start, end in self.term.rosters
        )

    def _assert_files_are_final(self, meeting: Meeting) -> None:
        day = local_day(meeting.start)
        while day <= local_day(max(stay.end for stay in meeting.stays)):
            assert (meeting.region, day, meeting.cue) not in self.term.partly_lost
            for report in (ROOM_DATA.slug, ATTENDEES.slug):
                file = self.term.files[meeting.region, report, day]
                assert file.state == "settled"
                assert not file.findings
            day = later(day, 1)

    def assert_last_attendance(self, row: Row) -> None:
        """Assert that no class in which the person was seen is later than a final one."""
        unusual = {"min_class_minutes", "min_class_users"} & set(self.term.policy)
        if row["known_until"] is None or unusual:
            return
        until = row["known_until"]
        sure, possible = [""], {""}
        for meeting in self.term.meetings:
            # Another day than that of its start if its files are lost; the class is known then.
            _, day = self.class_of.get(meeting.cue, ("", local_day(meeting.start)))
            enrolled = self._on_roster({**row, "dt": day}, row["user_key"])
            seen = any(self.key_of(stay) == row["user_key"] for stay in meeting.stays)
            if enrolled and seen:
                possible.add(day)
                if day <= until and row["course_id"] in self.courses(meeting):
                    sure.append(day)
        assert max(sure) <= (row["last_dt"] or "") in possible
        last = max(as_day(end, "9999-12-31") for end in self._ends(row))
        today = self.term.now().date().isoformat()
        assert row["final"] == (until >= min(later(last, -1), today))

    def _ends(self, row: Row) -> list[str]:
        return [
            end
            for course, written, _, _, end in self.term.rosters
            if course == row["course_id"] and user_key(written, self.policy) == row["user_key"]
        ]
