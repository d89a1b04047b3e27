"""The catalogue: the properties of each Kaltura report, as data."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kind of a column's values. Every kind but ``TEXT`` is a number as Kaltura writes it."""

    TEXT = "text"
    INTEGER = "integer"
    TIMESTAMP = "timestamp"
    """Unix time in seconds."""
    SECONDS = "seconds"
    MINUTES = "minutes"
    RATIO = "ratio"
    """From 0 to 1 or a percentage, as Kaltura sends it."""


_AT_EXPORT = "As it was when the file was exported; empty if it no longer exists in Kaltura."


@dataclass(frozen=True)
class Column:
    """One column of a report, by its name in Kaltura's header."""

    name: str
    kind: Kind = Kind.TEXT
    meaning: str = ""
    """What the values mean. Part of the data dictionary."""
    caveat: str = ""
    """How the values can be misread. Part of the data dictionary."""
    personal: bool = False
    """Whether a value identifies a person, so that it can be dropped or become a pseudonym."""

    @property
    def is_name(self) -> bool:
        """Whether Kaltura looks it up when it is asked, so that it can change at any time."""
        return self.caveat.startswith(_AT_EXPORT)


_UNKNOWN_USER = "0, Unknown or Error if Kaltura does not know the user."
_NO_END = "0 or empty while it runs, and if it was never ended."
_ESTIMATE = (
    "Kaltura's estimate, within about 2 %, for this window only: do not add up over windows."
)
_SHARE = "For this window only. From 0 to 1 or a percentage, as Kaltura sends it."

PERSONAL_FILTERS = ("user_ids", "userIds")
"""Filters whose values identify people. They are sent to Kaltura, and shown nowhere."""

_ROOM = Column("entry_id", meaning="Room.")
_SESSION = Column("cue_point_id", meaning="Session: one use of a room, from start to end.")


@dataclass(frozen=True)
class Report:
    """One Kaltura report.

    ``columns`` is empty for a report that is known only by its id. Its own header names them.
    """

    id: int
    slug: str
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    """The columns that identify a row."""
    filters: tuple[str, ...] | None = None
    """The optional parameters in the spelling of this report; None if they are not known."""
    session_key: tuple[str, ...] = ()
    """The columns that tell sessions apart; empty if the report has none."""
    user_column: str | None = None
    """The column with the user, if each row is of one."""
    user_count_column: str | None = None
    """The column with the number of users of a session, if there is one."""
    room_column: str | None = None
    """The column with the room that a row belongs to."""
    room_filter: str | None = None
    """The filter on ``room_column``, for requesting a report in pieces."""
    session_filter: str | None = None
    """The filter on ``cue_point_id``, for requesting still smaller pieces."""
    date_parameters: tuple[tuple[str, str], ...] = (("from_date", "to_date"),)
    """Each spelling of the window's start and end to send; Kaltura ignores unknown names."""

    @property
    def minutes_column(self) -> str | None:
        """The name of the column with the minutes of a row, if there is one."""
        return next((column.name for column in self.columns if column.kind is Kind.MINUTES), None)

    @property
    def numbers(self) -> frozenset[str]:
        """The names of the columns that hold numbers."""
        return frozenset(column.name for column in self.columns if column.kind is not Kind.TEXT)

    @property
    def names(self) -> frozenset[str]:
        """The columns with names of rooms and users, which can change at any time."""
        return frozenset(column.name for column in self.columns if column.is_name)

    def accepts(self, name: str) -> bool:
        """Return whether ``name`` is a filter of this report, as far as that is known."""
        return self.filters is None or name in self.filters


ROOM_DATA = Report(
    id=6000,
    slug="room_data",
    columns=(
        _ROOM,
        Column("entry_name", meaning="Name of the room.", caveat=_AT_EXPORT),
        Column(
            "parent_entry_id",
            meaning="Room that this room belongs to.",
            caveat="0 or empty if there is none.",
        ),
        _SESSION,
        Column("session_start_time", Kind.TIMESTAMP, "Start, in this window or before it."),
        Column("session_end_time", Kind.TIMESTAMP, "End, in this window or after it.", _NO_END),
        Column(
            "session_host_user_id",
            meaning="User who hosted the session.",
            caveat=_UNKNOWN_USER,
            personal=True,
        ),
        Column(
            "meeting_view_period_unique_users",
            Kind.INTEGER,
            "Users who were in the session.",
            _ESTIMATE,
        ),
        Column(
            "meeting_engaged_play_time_ratio",
            Kind.RATIO,
            "Share of the time in the session that users were engaged.",
            _SHARE,
        ),
    ),
    primary_key=("entry_id", "cue_point_id"),
    session_key=("entry_id", "cue_point_id"),
    user_count_column="meeting_view_period_unique_users",
    filters=("entry_ids", "virtual_event_ids"),
    room_column="entry_id",
    room_filter="entry_ids",
)

ATTENDEES = Report(
    id=6001,
    slug="attendees",
    columns=(
        _ROOM,
        _SESSION,
        Column(
            "user_id",
            meaning="User.",
            caveat="0, Unknown or Error for all users that Kaltura does not know.",
            personal=True,
        ),
        Column("user_name", meaning="Name of the user.", caveat=_AT_EXPORT, personal=True),
        Column(
            "user_email",
            meaning="Email address.",
            caveat=_AT_EXPORT + " 0 if there is none.",
            personal=True,
        ),
        Column("user_type", meaning="Role in the session, such as host or attendee."),
        Column(
            "meeting_view_time",
            Kind.MINUTES,
            "Time in the session.",
            "For this window only; can be added up over windows. In steps of ten seconds.",
        ),
        Column(
            "meeting_engaged_play_time_ratio",
            Kind.RATIO,
            "Share of the time in the session that the user was engaged.",
            _SHARE,
        ),
    ),
    primary_key=("entry_id", "cue_point_id", "user_id"),
    session_key=("entry_id", "cue_point_id"),
    user_column="user_id",
    filters=("entry_ids", "virtual_event_ids", "user_ids", "cue_point_ids"),
    room_column="entry_id",
    room_filter="entry_ids",
    session_filter="cue_point_ids",
)

BREAKOUT_SESSIONS = Report(
    id=6002,
    slug="breakout_sessions",
    columns=(
        Column("parent_entry_id", meaning="Room that the breakout belongs to."),
        Column("parent_entry_name", meaning="Name of that room.", caveat=_AT_EXPORT),
        Column("breakout_entry_id", meaning="Breakout room."),
        Column("breakout_entry_name", meaning="Name of the breakout room.", caveat=_AT_EXPORT),
        _SESSION,
        Column(
            "session_initiator",
            meaning="User who started the breakout.",
            caveat=_UNKNOWN_USER,
            personal=True,
        ),
        Column("session_start_time", Kind.TIMESTAMP, "Start, in this window or before it."),
        Column("session_end_time", Kind.TIMESTAMP, "End, in this window or after it.", _NO_END),
        Column("duration", Kind.SECONDS, "From start to end.", "0 if there is no end."),
        Column("participant_count", Kind.INTEGER, "Users who were in the breakout.", _ESTIMATE),
        Column("engagement_rate", Kind.RATIO, "Share of the time that users were engaged.", _SHARE),
    ),
    primary_key=("parent_entry_id", "breakout_entry_id", "cue_point_id"),
    session_key=("cue_point_id",),
    filters=("parentEntryIds", "virtual_event_ids"),
    room_column="parent_entry_id",
    room_filter="parentEntryIds",
    date_parameters=(("from_date", "to_date"), ("fromDate", "toDate")),
)

REPORTS: tuple[Report, ...] = (ROOM_DATA, ATTENDEES, BREAKOUT_SESSIONS)


def report_with_id(report_id: int) -> Report:
    """Return the catalogue's report with this id, or a report without columns if it has none."""
    known = {report.id: report for report in REPORTS}
    return known.get(report_id) or Report(id=report_id, slug=f"report_{report_id}")
