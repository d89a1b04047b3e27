"""What a university consists of: rooms, sessions, breakouts, people, and how much of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Size:
    """How big a university is, and of what kind."""

    rooms: int = 12
    attendees: int = 8
    """The mean number of attendees of a session."""
    weekly_sessions: int = 3
    """Sessions of one room in a week."""
    nasty: float = 0.08
    """The share of names that break programs."""
    lag_hours: float = 0.0
    """Events become visible up to this many hours late, by session."""
    busy: Mapping[str, int] = field(default_factory=dict)
    """Days (ISO dates, local) with so many attendees more, spread over all rooms."""


@dataclass(frozen=True, slots=True)
class Room:
    """A virtual classroom, as an entry of Kaltura's."""

    entry_id: str
    name: str
    parent_entry_id: str
    virtual_event_id: str


@dataclass(frozen=True, slots=True)
class Breakout:
    """A breakout session: a share of a session's attendees, for a part of its time."""

    entry_id: str
    name: str
    cue_point_id: str
    initiator: str
    start: int
    end: int
    group: int
    groups: int


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a room; times in Unix seconds."""

    room: Room
    cue_point_id: str
    start: int
    end: int
    never_ended: bool
    """Kaltura holds no end for it, ever: it prints 0."""
    host: str
    size: int
    key: str
    """What its attendees are generated from."""
    lag: int
    """Seconds until its events are visible."""
    breakouts: tuple[Breakout, ...]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who attends."""

    id: str
    name: str
    email: str


Presence = tuple[int, int, int]
"""Time of the first tick, number of ticks, and how many of these the attendee was engaged."""

Attendance = tuple[int, str, tuple[Presence, ...]]
"""Index of the user, user type, and presences."""
