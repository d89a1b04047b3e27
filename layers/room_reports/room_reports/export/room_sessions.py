"""The rooms, and the sessions in them, that the rows of a report belong to."""

from dataclasses import dataclass
from typing import IO

from room_reports.model.reports import ROOM_DATA, Report
from room_reports.storage.csv_file import FORMULA_STARTS, read_csv

SESSION_COLUMN = "cue_point_id"


@dataclass(frozen=True)
class RoomSessions:
    """Sessions by room, as far as they are known."""

    pairs: frozenset[tuple[str, str]] = frozenset()
    """Ids of rooms and of sessions in them."""

    def rooms(self) -> set[str]:
        """Return the ids of the rooms."""
        return {room for room, _ in self.pairs}

    def of(self, room: str) -> set[str]:
        """Return the ids of one room's sessions."""
        return {session for other, session in self.pairs if other == room}

    def __or__(self, other: "RoomSessions") -> "RoomSessions":
        return RoomSessions(self.pairs | other.pairs)


def room_sessions_in(file: IO[bytes], report: Report, *, compressed: bool = False) -> RoomSessions:
    """Return the rooms and the sessions that the rows of a file of strict CSV belong to.

    The apostrophe that ``normalise`` puts before an id that begins like a formula is removed.

    Raises:
        UnreadableCsvError: If the file is not strict CSV.
    """
    rows = read_csv(file, compressed=compressed)
    header = next(rows, [])
    if SESSION_COLUMN not in header:
        return RoomSessions()
    columns = [report.room_column] if report.room_column else []
    if report == ROOM_DATA:
        columns.append("parent_entry_id")
    session = header.index(SESSION_COLUMN)
    rooms = [header.index(name) for name in columns if name in header]
    pairs = {(row[room], row[session]) for row in rows for room in rooms if row[room]}
    return RoomSessions(frozenset((_as_sent(room), _as_sent(name)) for room, name in pairs))


def _as_sent(value: str) -> str:
    return value[1:] if value[:1] == "'" and value[1:2] in FORMULA_STARTS else value
