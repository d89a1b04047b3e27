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


@dataclass(frozen=True)
class Report:
    """One report that Kaltura sells.

    ``columns`` is empty for a report that is known by its number only: its own header names them.
    """

    id: int
    slug: str
    columns: tuple[Column, ...] = ()
    key: tuple[str, ...] = ()
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
        Column("entry_id"),
        Column("entry_name"),
        Column("parent_entry_id"),
        Column("cue_point_id"),
        Column("session_start_time", Kind.TIMESTAMP),
        Column("session_end_time", Kind.TIMESTAMP),
        Column("session_host_user_id"),
        Column("meeting_view_period_unique_users", Kind.INTEGER),
        Column("meeting_engaged_play_time_ratio", Kind.RATIO),
    ),
    key=("entry_id", "cue_point_id"),
    filters=("entry_ids", "virtual_event_ids"),
    room_column="entry_id",
    room_filter="entry_ids",
)

ATTENDEES = Report(
    id=6001,
    slug="attendees",
    columns=(
        Column("entry_id"),
        Column("cue_point_id"),
        Column("user_id"),
        Column("user_name"),
        Column("user_email"),
        Column("user_type"),
        Column("meeting_view_time", Kind.MINUTES),
        Column("meeting_engaged_play_time_ratio", Kind.RATIO),
    ),
    key=("entry_id", "cue_point_id", "user_id"),
    filters=("entry_ids", "virtual_event_ids", "user_ids", "cue_point_ids"),
    room_column="entry_id",
    room_filter="entry_ids",
    session_filter="cue_point_ids",
)

BREAKOUT_SESSIONS = Report(
    id=6002,
    slug="breakout_sessions",
    columns=(
        Column("parent_entry_id"),
        Column("parent_entry_name"),
        Column("breakout_entry_id"),
        Column("breakout_entry_name"),
        Column("cue_point_id"),
        Column("session_initiator"),
        Column("session_start_time", Kind.TIMESTAMP),
        Column("session_end_time", Kind.TIMESTAMP),
        Column("duration", Kind.SECONDS),
        Column("participant_count", Kind.INTEGER),
        Column("engagement_rate", Kind.RATIO),
    ),
    key=("parent_entry_id", "breakout_entry_id", "cue_point_id"),
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
