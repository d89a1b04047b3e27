"""The catalogue: everything that is particular to one Kaltura report, as data."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a column's values are; everything but text is a number in Kaltura's rendering."""

    TEXT = "text"
    INTEGER = "integer"
    TIMESTAMP = "timestamp"
    """Unix time in seconds."""
    SECONDS = "seconds"
    MINUTES = "minutes"
    RATIO = "ratio"
    """0 to 1, or a percentage: as Kaltura sends it."""


@dataclass(frozen=True)
class Column:
    """One column of a report, under the name that Kaltura's header gives it."""

    name: str
    kind: Kind = Kind.TEXT
    meaning: str = ""
    """For whoever reads the column, as is ``caveat``: what not to take it for."""
    caveat: str = ""


_AT_EXPORT = "As it was when the file was exported; empty if Kaltura has none any more."
_NOBODY = "0, Unknown or Error: Kaltura does not know."
_NO_END = "0 or empty while it runs, and for one that nobody ended."
_ESTIMATE = "Kaltura's estimate, about 2 % off, of this window only: does not add up over windows."
_SHARE = "Of this window only. 0 to 1 or per cent, as Kaltura sends it."

_ROOM = Column("entry_id", meaning="Room.")
_SESSION = Column("cue_point_id", meaning="Session: one use of a room, from start to end.")


@dataclass(frozen=True)
class Report:
    """One report that Kaltura sells.

    ``columns`` is empty for a report that is known by its number only: its own header names them.
    """

    id: int
    slug: str
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    """The columns that tell one row from another."""
    filters: tuple[str, ...] | None = None
    """The optional parameters, spelt as this report wants them; None: not known."""
    room_column: str | None = None
    """The column that says which room a row is of."""
    room_filter: str | None = None
    """The filter on ``room_column``, for asking for a report in pieces."""
    session_filter: str | None = None
    """The filter on ``cue_point_id``, for asking in still smaller pieces."""
    date_parameters: tuple[tuple[str, str], ...] = (("from_date", "to_date"),)
    """Every spelling of the window's start and end to send; Kaltura ignores unknown names."""

    def accepts(self, name: str) -> bool:
        """Whether ``name`` is a filter of this report, as far as that is known."""
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
            caveat="0 or empty: none.",
        ),
        _SESSION,
        Column("session_start_time", Kind.TIMESTAMP, "Start, in this window or before it."),
        Column("session_end_time", Kind.TIMESTAMP, "End, in this window or after it.", _NO_END),
        Column("session_host_user_id", meaning="User who hosted the session.", caveat=_NOBODY),
        Column(
            "meeting_view_period_unique_users",
            Kind.INTEGER,
            "Users who were in the session.",
            _ESTIMATE,
        ),
        Column(
            "meeting_engaged_play_time_ratio",
            Kind.RATIO,
            "Share of all users' time that they were engaged.",
            _SHARE,
        ),
    ),
    primary_key=("entry_id", "cue_point_id"),
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
            caveat="0, Unknown or Error: all whom Kaltura does not know.",
        ),
        Column("user_name", meaning="Name of the user.", caveat=_AT_EXPORT),
        Column("user_email", meaning="E-mail address.", caveat=_AT_EXPORT + " 0: none."),
        Column("user_type", meaning="Role in the session, such as host or attendee."),
        Column(
            "meeting_view_time",
            Kind.MINUTES,
            "Time in the session.",
            "Of this window only; adds up over windows. In steps of ten seconds.",
        ),
        Column(
            "meeting_engaged_play_time_ratio",
            Kind.RATIO,
            "Share of the user's time that the user was engaged.",
            _SHARE,
        ),
    ),
    primary_key=("entry_id", "cue_point_id", "user_id"),
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
        Column("session_initiator", meaning="User who started the breakout.", caveat=_NOBODY),
        Column("session_start_time", Kind.TIMESTAMP, "Start, in this window or before it."),
        Column("session_end_time", Kind.TIMESTAMP, "End, in this window or after it.", _NO_END),
        Column("duration", Kind.SECONDS, "From start to end.", "0 where there is no end."),
        Column("participant_count", Kind.INTEGER, "Users who were in the breakout.", _ESTIMATE),
        Column("engagement_rate", Kind.RATIO, "Share of the time that users were engaged.", _SHARE),
    ),
    primary_key=("parent_entry_id", "breakout_entry_id", "cue_point_id"),
    filters=("parentEntryIds", "virtual_event_ids"),
    room_column="parent_entry_id",
    room_filter="parentEntryIds",
    date_parameters=(("from_date", "to_date"), ("fromDate", "toDate")),
)

REPORTS: tuple[Report, ...] = (ROOM_DATA, ATTENDEES, BREAKOUT_SESSIONS)


def report_with_id(report_id: int) -> Report:
    """The catalogue's report of this id, or a bare one for an id that is not in it."""
    known = {report.id: report for report in REPORTS}
    return known.get(report_id) or Report(id=report_id, slug=f"report_{report_id}")
