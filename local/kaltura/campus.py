"""The parts of a university: rooms, sessions, breakout sessions and users, and how many of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Size:
    """The size of a university, and what its data is like."""

    rooms: int = 12
    attendees: int = 8
    """The mean number of attendees of a session."""
    weekly_sessions: int = 3
    """Sessions of one room in a week."""
    special_names: float = 0.08
    """The share of names with characters that break programs."""
    lag_hours: float = 0.0
    """Events become visible up to this many hours late, by session."""
    late: Mapping[str, float] = field(default_factory=dict)
    """Local days (ISO dates), and how many hours after the day its sessions have become visible."""
    busy: Mapping[str, int] = field(default_factory=dict)
    """Local days (ISO dates) and how many more attendees they have, spread over all rooms."""


@dataclass(frozen=True, slots=True)
class Room:
    """A virtual classroom, which is an entry in Kaltura."""

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
    """Whether Kaltura never stores its end, and prints 0."""
    host: str
    size: int
    key: str
    """What its attendees are generated from."""
    lag: int
    """Seconds until its events are visible."""
    breakouts: tuple[Breakout, ...]


@dataclass(frozen=True, slots=True)
class User:
    """A user who attends sessions."""

    id: str
    name: str
    email: str


Presence = tuple[int, int, int]
"""Time of the first tick, number of ticks, and how many of these the attendee was engaged."""

Attendance = tuple[int, str, tuple[Presence, ...]]
"""Index of the user, user type, and presences."""
