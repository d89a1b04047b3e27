"""A small term with courses, rosters and a policy: what happened, and what the files say of it.

``course_term_made`` generates one from a seed.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from room_reports.model.reports import ATTENDEES, BREAKOUT_SESSIONS, ROOM_DATA

ZONE = ZoneInfo("America/New_York")
AUTUMN, SPRING = date(2026, 10, 28), date(2026, 3, 4)
"""First days of the terms. The first Sunday has 25 hours in autumn and 23 in spring."""
DAYS = 15
CHANGE = 9
"""The day of a term, counted from 0, from which users have ids of another form, if they ever do."""
REPORTS = (ROOM_DATA.slug, ATTENDEES.slug, BREAKOUT_SESSIONS.slug)
TICK = 10
UNKNOWN = ("Unknown", "0", "Error", "")


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
    courses: tuple[str, ...] = ()
    """The courses that it was for: several if they were taught together."""
    parent: str = ""
    """The room that its room belongs to."""


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
    blank: frozenset[str] = frozenset()
    """Those whose minutes are left empty; ``seconds`` has 0."""
    twice: frozenset[str] = frozenset()
    """Those who have a second row, with fewer minutes."""
    parent: str = ""


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
    """Of the sessions that only a file of attendees has."""
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
