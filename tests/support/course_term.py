"""A small generated term with courses, rosters and a policy, with everything that goes wrong.

A seed decides what happened in each room, and what is published of it: lost and header-only files,
files that were exported too early, findings. The files and the index are written from the parts of
sessions in each day, which the expected rows are computed from as well.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from room_reports.model.reports import ATTENDEES, BREAKOUT_SESSIONS, ROOM_DATA
from tests.support.world import export_key

ZONE = ZoneInfo("America/New_York")
AUTUMN, SPRING = date(2026, 10, 28), date(2026, 3, 4)
"""First days of the terms. The first Sunday has 25 hours in autumn and 23 in spring."""
DAYS = 15
CHANGE = 9
"""The day of a term, counted from 0, from which users have ids of another form, if they ever do."""
REPORTS = (ROOM_DATA.slug, ATTENDEES.slug, BREAKOUT_SESSIONS.slug)
TICK = 10
UNKNOWN = ("Unknown", "0", "Error", "")
INDEX_COLUMNS = (
    *("report", "dt", "state", "exported_at", "window_start", "window_end", "rows", "sessions"),
    *("users", "minutes", "findings", "last_modified"),
)


@dataclass(frozen=True)
class Stay:
    """A person's presence in a session; times in Unix seconds."""

    person: str
    user_id: str
    """The id in the report."""
    start: int
    end: int
    known_at: int
    """When Kaltura has processed it; late data come hours after the end."""


@dataclass(frozen=True)
class Meeting:
    """A session as it really was."""

    region: str
    room: str
    cue: str
    start: int
    end: int
    endless: bool
    """Whether Kaltura never stores the end."""
    stays: tuple[Stay, ...]
    course: str
    """The course that it was for; empty for none."""


@dataclass(frozen=True)
class Part:
    """What the files of one day say about a session."""

    region: str
    day: str
    room: str
    cue: str
    start: int
    end: int
    """0 if it is not known."""
    users: int
    seconds: dict[str, int]
    """By the id in the report; empty if the file of attendees lacks them."""


@dataclass(frozen=True)
class File:
    """A file that exists."""

    state: str
    exported_at: int
    findings: str


@dataclass
class CourseTerm:
    """What happened, and what is published of it."""

    first: date = AUTUMN
    new_ids: bool = False
    """Whether all ids of users have another form from the day ``CHANGE`` on."""
    meetings: list[Meeting] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    """Of the days with a file of room_data; ``seconds`` is empty without one of attendees."""
    orphans: list[Part] = field(default_factory=list)
    """Of the days that have a file of attendees only."""
    files: dict[tuple[str, str, str], File] = field(default_factory=dict)
    """By region, report and day."""
    rooms: list[tuple[str, ...]] = field(default_factory=list)
    rosters: list[tuple[str, ...]] = field(default_factory=list)
    people: dict[str, list[str]] = field(default_factory=dict)
    """The roster ids of each person, who may have had several."""
    policy: dict[str, Any] = field(default_factory=dict)
    partly_lost: list[tuple[str, str, str]] = field(default_factory=list)
    """Region, day and session of each part whose attendees are not all in the file."""

    def days(self) -> list[date]:
        """Return the days of the term."""
        return [self.first + timedelta(days=number) for number in range(DAYS)]

    def now(self) -> datetime:
        """Return the time of the latest exports, when the last days have not come yet."""
        return datetime.fromtimestamp(day_start(self.days()[-3]) + 12 * 3600, ZONE)

    def changed(self, day: date) -> bool:
        """Return whether the ids of users have the other form on a day."""
        return self.new_ids and day >= self.days()[CHANGE]


def day_start(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp())


def local_day(moment: float) -> str:
    return datetime.fromtimestamp(moment, ZONE).date().isoformat()


def generate(seed: int) -> CourseTerm:
    """Return the term of a seed."""
    drawn = Random(seed)
    term = CourseTerm(SPRING if seed % 4 == 1 else AUTUMN, new_ids=seed % 3 == 1)
    _enrol(term, drawn)
    term.policy = _policy(drawn)
    for region in ("us", "eu")[: 1 + (seed % 3 == 0)]:
        for room in ("1_single", "1_shared", "1_team", "1_free", "1_moved", "1_twins"):
            term.meetings += _meetings(term, drawn, region, f"{room}_{region}", room)
        _publish_parts(term, drawn, region)
    return term


def _enrol(term: CourseTerm, drawn: Random) -> None:
    middle = term.days()[7].isoformat()
    for region in ("us", "eu"):
        term.rooms += [
            (f"1_single_{region}", "BIO", "Biology", "", ""),
            (f"1_shared_{region}", "CHEM", 'Chemistry, "C"', "", ""),
            (f"1_shared_{region}", "PHYS", "", "", ""),
            (f"1_team_{region}", "ART", "Art", "2026-01-01", "2027-01-01"),
            (f"1_moved_{region}", "BIO", "Biology", middle, ""),
            (f"1_twins_{region}", "LAB", "Lab", "", ""),
            (f"1_twins_{region}", "LEC", "Lecture", "", ""),
        ]
    term.rooms.append(term.rooms[0])
    for course, size in (("BIO", 5), ("CHEM", 4), ("PHYS", 4), ("ART", 3), ("LAB", 3)):
        for number in range(size):
            name = f"{course.lower()}{number}"
            written = drawn.choice([name, name.upper(), f"{name}@example.edu", f" {name} "])
            left = drawn.choice(["", "", "", middle])
            term.rosters.append((course, written, "student", "", left))
            term.people[name] = [written]
            if course == "LAB":
                term.rosters.append(("LEC", written, "student", "", left))
    for course, teacher in (
        *(("BIO", "t1"), ("CHEM", "t2"), ("PHYS", "t2"), ("ART", "t1"), ("ART", "t3")),
        *(("LAB", "t3"), ("LEC", "t3")),
    ):
        term.rosters.append((course, teacher, drawn.choice(["teacher", "assistant"]), "", ""))
        term.people[teacher] = [teacher]
    # Renamed in the middle of the term: with an entry for each name, and with one that came late.
    term.rosters += [("BIO", "old.name", "student", "", middle)]
    term.rosters += [("BIO", "new.name", "student", middle, "")]
    term.people["renamed"] = ["old.name", "new.name"]
    # Two forms of one id, an id of which nothing is left, and one that a spreadsheet would run.
    term.rosters += [("ART", "both", "student", "", ""), ("ART", "BOTH", "auditor", "", "")]
    term.rosters += [("ART", "@example.edu", "student", "", ""), ("ART", "=cmd", "student", "", "")]
    term.people |= {"both": ["both", "BOTH"], "cmd": ["=cmd"]}
    term.rosters.append(term.rosters[0])


def _policy(drawn: Random) -> dict[str, Any]:
    choices: dict[str, list[Any]] = {
        "min_minutes": [0, 5, 12.5],
        "min_share": [0.75, 0.7, 0.15, 1, 0],
        "late_minutes": [5, 10],
        "early_minutes": [5, 500],
        "gap_minutes": [0, 10, 60],
        "roles": [["student"], ["student", "auditor"]],
        "min_class_minutes": [15, 40],
        "min_class_users": [0, 2, 4],
        "ignore_case": [True, False],
        "drop_domains": [["example.edu"], ["*"]],
        "drop_prefixes": [["d2l_"], ["x", "d2l_"]],
    }
    return {name: drawn.choice(values) for name, values in choices.items() if drawn.random() < 0.45}


def _meetings(
    term: CourseTerm, drawn: Random, region: str, room: str, kind: str
) -> Iterator[Meeting]:
    courses = [row[1] for row in term.rooms if row[0] == room]
    number = 0
    for day in term.days():
        course = drawn.choice(courses) if courses and drawn.random() < 0.85 else ""
        for start, end, left in _times(drawn, day):
            stays = [*_stays(term, drawn, course, day, start, left)]
            stays += _visit(term, drawn, course, courses, day, start, left)
            if not stays:
                continue
            number += 1
            cue = f"{drawn.randrange(10)}_{region}{kind[2:5]}{number:03}"
            endless = drawn.random() < 0.06
            yield Meeting(region, room, cue, start, end, endless, tuple(stays), course)


def _times(drawn: Random, day: date) -> Iterator[tuple[int, int, int]]:
    """Yield the start and the end of the sessions of a day, and when all people have left."""
    chance = drawn.random()
    noon = day_start(day) + 12 * 3600
    start = noon + TICK * drawn.randrange(0, 2000)
    end = start + TICK * drawn.randrange(60, 500)
    if chance < 0.35:
        left_open = 3600 * drawn.randrange(1, 6) if drawn.random() < 0.2 else 0
        yield start, end + left_open, end
    if chance < 0.1:  # A restart, after a gap that is within the policy's or not.
        again = end + TICK * drawn.choice([-30, 0, 30, 60, 180, 181, 360, 500])
        yield again, (done := again + TICK * drawn.randrange(6, 300)), done
    if 0.35 < chance < 0.45:  # Across midnight, with or without a restart.
        late = noon + 11 * 3600 + TICK * drawn.randrange(0, 300)
        done = late + TICK * drawn.randrange(300, 900)
        if drawn.random() < 0.5:
            midnight = day_start(day + timedelta(days=1))
            stopped = max(late + 60 * TICK, min(done, midnight - TICK * drawn.randrange(30)))
            yield late, stopped, stopped
            late = stopped + TICK * drawn.choice([6, 30, 60, 170, 180, 190, 360])
            done = late + TICK * drawn.randrange(6, 300)
        yield late, done, done
    if 0.45 < chance < 0.5:  # Left open over several days, some of them more than SessionDays.
        days_later = end + 86400 * drawn.randrange(1, 8)
        yield start, days_later, drawn.choice([end, days_later, days_later])


def _stays(  # noqa: PLR0917 - a private step
    term: CourseTerm, drawn: Random, course: str, day: date, start: int, end: int
) -> Iterator[Stay]:
    members = {row[1] for row in term.rosters if row[0] == course}
    for person, ids in term.people.items():
        if members.intersection(ids) and drawn.random() < 0.75:
            written = drawn.choice(ids) if person != "renamed" else ids[day >= term.days()[7]]
            shown = drawn.choice(
                [written.strip(), written.strip().upper(), f"d2l_{written.strip()}"]
            )
            if person in ("renamed", "cmd", "both") or drawn.random() < 0.6:
                shown = written.strip()
            if term.changed(day):
                shown = f"15495cdc_{written.strip()[::-1]}"
            if drawn.random() < 0.1:
                shown = drawn.choice(UNKNOWN)  # Without an account.
            yield from _pieces(drawn, person, shown, start, end)
    if drawn.random() < 0.3:
        yield from _pieces(drawn, "guest", drawn.choice(("guest.1", *UNKNOWN)), start, end)


def _visit(  # noqa: PLR0917 - a private step
    term: CourseTerm,
    drawn: Random,
    course: str,
    courses: list[str],
    day: date,
    start: int,
    end: int,
) -> Iterator[Stay]:
    """Yield the stays of the one person who also looks in at another course of the room."""
    others = sorted(set(courses) - {course})
    if len(courses) > 1 and others and drawn.random() < 0.25:
        person = f"{others[0].lower()}0"
        if person in term.people and not term.changed(day):
            yield from _pieces(drawn, person, term.people[person][0].strip(), start, end)


def _pieces(drawn: Random, person: str, user_id: str, start: int, end: int) -> Iterator[Stay]:
    for _ in range(drawn.choice([1, 1, 2])):
        ticks = (end - start) // TICK
        first, last = sorted((drawn.randrange(0, ticks + 1), drawn.randrange(0, ticks + 1)))
        if drawn.random() < 0.5:
            first, last = 0, ticks
        if last > first:
            came, left = start + TICK * first, start + TICK * last
            late = drawn.random() < 0.1 and left - came < 6 * 3600
            known_at = left + 3600 * drawn.randrange(1, 40) if late else left
            yield Stay(person, user_id, came, left, known_at)


def _publish_parts(term: CourseTerm, drawn: Random, region: str) -> None:
    now = term.now().date()
    for day in term.days():
        begin, end = day_start(day), day_start(day + timedelta(days=1))
        age = (now - day).days
        for report in REPORTS:
            lost = drawn.random() < 0.04
            if age < 0 or lost:
                continue
            state = "settled" if age > 2 else "settling" if age > 0 else "open"
            hours = {"settled": 49, "settling": 1, "open": -3}[state]
            finding = "FEW_ROWS: 3 rows, usually 40" if drawn.random() < 0.02 else ""
            exported = end + 3600 * hours + drawn.randrange(3000)
            term.files[region, report, day.isoformat()] = File(state, exported, finding)
        rooms = term.files.get((region, ROOM_DATA.slug, day.isoformat()))
        people = term.files.get((region, ATTENDEES.slug, day.isoformat()))
        header_only = people is not None and drawn.random() < 0.04
        for meeting in term.meetings:
            if meeting.region != region:
                continue
            part = _part(meeting, day.isoformat(), begin, end, rooms, people)
            if header_only or drawn.random() < 0.01:
                part = replace(part, seconds={})
            elif drawn.random() < 0.1 and _can_lose(part):
                kept = drawn.sample([*part.seconds], len(part.seconds) - drawn.choice([2, 3]))
                part = replace(part, seconds={user: part.seconds[user] for user in kept})
                term.partly_lost.append((region, part.day, part.cue))
            if rooms and part.users:
                term.parts.append(part)
            elif people and not rooms and part.seconds:
                term.orphans.append(part)


def _can_lose(part: Part) -> bool:
    """Return whether rows can be lost; beside those of unknown users no check would notice it."""
    return len(part.seconds) > 3 and not set(UNKNOWN).intersection(part.seconds)


def _part(  # noqa: PLR0917 - a private step
    meeting: Meeting, day: str, begin: int, end: int, rooms: File | None, people: File | None
) -> Part:
    seen = _seconds(meeting, begin, end, rooms.exported_at if rooms else end)
    seconds = _seconds(meeting, begin, end, people.exported_at) if people else {}
    ended = rooms is not None and rooms.exported_at >= meeting.end and not meeting.endless
    return Part(
        *(meeting.region, day, meeting.room, meeting.cue, meeting.start),
        *(meeting.end if ended else 0, len(seen), seconds),
    )


def _seconds(meeting: Meeting, begin: int, end: int, exported_at: int) -> dict[str, int]:
    """Return what an export has of each user; of a stay that goes on, the time until then."""
    found: dict[str, int] = {}
    for stay in meeting.stays:
        seconds = min(stay.end, end, exported_at) - max(stay.start, begin)
        if seconds > 0 and (stay.known_at <= exported_at or exported_at < stay.end):
            found[stay.user_id] = found.get(stay.user_id, 0) + seconds // TICK * TICK
    return {user: seconds for user, seconds in found.items() if seconds}


def publish(term: CourseTerm, root: Path) -> None:
    """Write the files of a term, its index and its reference data under ``root``, by their keys."""
    for region, report, day in term.files:
        lines = list(_lines(term, region, report, day))
        _write(root / export_key(report, region, day), ["header"], lines)
    for region, month in {(region, day[:7]) for region, _, day in term.files}:
        rows = [
            _index_row(report, day, file)
            for (other, report, day), file in sorted(term.files.items())
            if (other, day[:7]) == (region, month)
        ]
        name = f"index/day_files/region={region}/month={month}/day_files_{region}_{month}.csv"
        _write(root / name, INDEX_COLUMNS, rows)
    header = ("entry_id", "course_id", "course_name", "from", "to")
    _write(root / "reference/rooms/rooms.csv", header, term.rooms)
    half = len(term.rosters) // 2
    header = ("course_id", "user_id", "role", "from", "to")
    _write(root / "reference/rosters/a.csv", header, term.rosters[:half])
    _write(root / "reference/rosters/b.csv", header, term.rosters[half:])
    if term.policy:
        path = root / "reference/policy/policy.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(term.policy) + "\n", encoding="utf-8")


def _lines(term: CourseTerm, region: str, report: str, day: str) -> Iterator[tuple[Any, ...]]:
    orphans = term.orphans if report == ATTENDEES.slug else []
    parts = [p for p in (*term.parts, *orphans) if (p.region, p.day) == (region, day)]
    for part in parts:
        if report == ROOM_DATA.slug:
            name = f"Room {part.room}"
            times = (part.start, part.end)
            yield (part.room, name, "0", part.cue, *times, "host", part.users, "0.5")
        elif report == ATTENDEES.slug:
            for user, seconds in part.seconds.items():
                written = f"'{user}" if user[:1] in tuple("=+-@") else user
                minutes = f"{seconds / 60:.14g}"
                yield (part.room, part.cue, written, "Name", "0", "attendee", minutes, "0.5")
        else:
            ids = (f"{part.room}_b", "Group", f"{part.cue}_b")
            times = (part.start, part.end)
            length = max(0, part.end - part.start)
            yield (part.room, "Room", *ids, "host", *times, length, part.users, "0.5")


def _index_row(report: str, day: str, file: File) -> tuple[str, ...]:
    exported = iso(file.exported_at)
    empty = ("", "", "", "", "", "")
    return (report, day, file.state, exported, *empty, file.findings, exported)


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
