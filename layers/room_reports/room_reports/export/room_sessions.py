"""The rooms, and the sessions in them, that the rows of a report belong to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from room_reports.model.reports import ROOM_DATA, Report

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


def collected(
    header: list[str],
    rows: Iterable[list[str]],
    report: Report,
    pairs: set[tuple[str, str]],
) -> Iterator[list[str]]:
    """Yield ``rows`` unchanged and add the room and session of each to ``pairs``."""
    if SESSION_COLUMN not in header:
        yield from rows
        return
    columns = [report.room_column] if report.room_column else []
    if report == ROOM_DATA:
        columns.append("parent_entry_id")
    session = header.index(SESSION_COLUMN)
    rooms = [header.index(name) for name in columns if name in header]
    for row in rows:
        pairs.update((row[room], row[session]) for room in rooms if row[room])
        yield row
