"""A report in pieces: by room, and by session where one room is too much for one call.

A report that Kaltura cuts off, or cannot compute, is never put together from shorter windows:
unique users and ratios do not add up over them. Shorter windows only tell which rows there are.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import IO, Protocol

from room_reports.export.batches import MAX_IDS, in_batches
from room_reports.export.completeness import is_complete
from room_reports.export.errors import RowCapError
from room_reports.export.receive import Receiver, spool
from room_reports.export.room_sessions import SESSION_COLUMN, RoomSessions, room_sessions_in
from room_reports.kaltura.request import ReportRequest


@dataclass(frozen=True)
class Piece:
    """The rows of some rooms or sessions, in a file of strict CSV."""

    column: str
    """The column with the ids that were asked for."""
    wanted: frozenset[str]
    """The ids that were asked for; any other row belongs to another piece."""
    columns: tuple[str, ...]
    rows: int
    replaced: int
    file: IO[bytes]
    ids: frozenset[str] = frozenset()
    """The ids that its rows belong to."""
    has_headroom: bool = False
    """Whether it is so small that a call for twice as many ids would be complete, too."""
    fetched_at: float = 0.0
    """Unix time at which the call was made."""
    room: str = ""
    """The room, if its sessions were asked for one by one."""


class PieceStore(Protocol):
    """Keeps the pieces of a report, so that the next run need not fetch them again."""

    def load(self, files: ExitStack) -> list[Piece]:
        """Return the pieces that an earlier run has fetched."""

    def save(self, piece: Piece) -> None:
        """Keep a piece."""


@dataclass(frozen=True)
class PieceFetcher:
    """Fetches the pieces of one report."""

    receiver: Receiver
    request: ReportRequest
    known: RoomSessions
    """Rooms and sessions to ask for. Others that occur in the pieces are added."""
    files: ExitStack
    """Keeps the pieces' files open."""
    store: PieceStore | None = None
    clock: Callable[[], float] = field(default=lambda: 0.0)
    """Returns the Unix time."""

    def fetch(self) -> list[Piece]:
        """Return every piece that makes up the report.

        Raises:
            RowCapError: If one session alone may be cut off.
            KalturaError: If Kaltura does not return a piece.
        """
        report = self.request.report
        room_filter, column = report.room_filter or "", report.room_column or ""
        rooms = set(self.request.filters.get(room_filter, ())) or self.known.rooms()
        stored = self.store.load(self.files) if self.store else []
        kept = [piece for piece in stored if piece.column == column]
        sessions = [piece for piece in stored if piece.column == SESSION_COLUMN]
        done = frozenset().union(*(piece.wanted for piece in kept))
        # Rooms that only a kept piece mentions are asked for as well.
        rooms = rooms.union(*(piece.ids for piece in kept))
        # An earlier run has found these too large for one call.
        large = sorted({piece.room for piece in sessions} & (rooms - done))
        by_session = self.receiver.concurrently(
            lambda room: self._by_session(room, sessions), large
        )
        rest = in_batches(
            rooms - done - set(large),
            lambda ids: self._piece(
                _narrowed(self.request, room_filter, ids),
                column,
                ids,
                can_split=len(ids) > 1 or bool(report.session_filter),
            ),
            (lambda room: self._by_session(room, sessions)) if report.session_filter else None,
            concurrently=self.receiver.concurrently,
            known=done.union(large),
            most=_largest(kept),
        )
        return [*kept, *chain.from_iterable(by_session), *rest]

    def _by_session(self, room: str, stored: list[Piece]) -> list[Piece]:
        """Return the pieces of a room's sessions.

        Args:
            stored: The pieces by session that an earlier run has fetched, of any room.
        """
        report = self.request.report
        one = _narrowed(self.request, report.room_filter or "", (room,))
        name = report.session_filter or ""
        sessions = set(self.request.filters.get(name, ())) or self.known.of(room)
        if not sessions:
            raise RowCapError(one, "it may be cut off, and none of its sessions is known")
        kept = [piece for piece in stored if piece.room == room]
        done = frozenset().union(*(piece.wanted for piece in kept))
        sessions = sessions.union(*(piece.ids for piece in kept))
        return kept + in_batches(
            sessions - done,
            lambda ids: self._piece(
                _narrowed(one, name, ids), SESSION_COLUMN, ids, can_split=len(ids) > 1, room=room
            ),
            concurrently=self.receiver.concurrently,
            known=done,
            most=_largest(kept),
        )

    def _piece(
        self,
        request: ReportRequest,
        column: str,
        ids: tuple[str, ...],
        *,
        can_split: bool,
        room: str = "",
    ) -> Piece:
        """Return the rows of some rooms or sessions; raise RowCapError if they may be cut off."""
        file = self.files.enter_context(spool())
        fetched_at = self.clock()
        received = self.receiver.receive(request, file, can_split=can_split)
        rows = received.summary.rows
        if not is_complete(self.receiver, request, rows, file):
            raise RowCapError(request, f"exactly {rows} rows came, which may be a cap")
        place = 1 if column == SESSION_COLUMN else 0
        piece = Piece(
            column=column,
            wanted=frozenset(ids),
            columns=received.summary.columns,
            rows=rows,
            replaced=received.replaced,
            file=file,
            ids=frozenset(pair[place] for pair in room_sessions_in(file, request.report).pairs),
            has_headroom=rows < min(self.receiver.settings.row_caps) / 4,
            fetched_at=fetched_at,
            room=room,
        )
        if self.store:
            self.store.save(piece)
        return piece


def _largest(kept: list[Piece]) -> int:
    """Return how many ids a call may have, by what worked in an earlier run."""
    return max((len(piece.wanted) for piece in kept), default=MAX_IDS)


def _narrowed(request: ReportRequest, name: str, ids: tuple[str, ...]) -> ReportRequest:
    if any(not value or ";" in value for value in ids):
        raise RowCapError(request, f"a {name} among its rows cannot be asked for")
    return replace(request, filters={**request.filters, name: ids})
