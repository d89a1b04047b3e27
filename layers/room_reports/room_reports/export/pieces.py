"""A report in pieces: by room, and by session where one room is too much for one request.

A report that Kaltura cuts off, or cannot compute, is never split by time: unique users and ratios
do not add up over shorter windows.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import IO, Protocol, TypeVar

from room_reports.export.completeness import is_complete, is_suspect
from room_reports.export.errors import RowCapError
from room_reports.export.receive import Received, Receiver, spool
from room_reports.export.room_sessions import SESSION_COLUMN, RoomSessions
from room_reports.kaltura.errors import TooHeavyError
from room_reports.kaltura.request import ReportRequest
from room_reports.storage.csv_file import read_csv

_MAX_IDS = 500
"""The most ids in one request: a few KiB of parameters."""
_SHORTEST_WINDOW = 60
"""Seconds. Rooms are not searched for in shorter windows than this."""


@dataclass(frozen=True)
class Piece:
    """The rows of some rooms or sessions, in a file of strict CSV."""

    received: Received
    file: IO[bytes]
    column: str
    """The column with the ids that were asked for."""
    wanted: frozenset[str]
    """The ids that were asked for."""
    ids: frozenset[str]
    """The ids that its rows belong to."""
    has_headroom: bool
    """Whether it is so small that a request for twice as many ids would be complete, too."""

    def rows(self) -> Iterator[list[str]]:
        """Yield its rows, without those that belong to another piece."""
        rows = read_csv(self.file)
        place = next(rows).index(self.column)
        return (row for row in rows if row[place] in self.wanted)


def find_room_sessions(receiver: Receiver, request: ReportRequest) -> RoomSessions:
    """Return the rooms and sessions of a window.

    A response that may be cut off is completed by those for the halves of the window: for finding
    rooms, unlike for figures, shorter windows do.

    Raises:
        RowCapError: If even the shortest window may be cut off.
        KalturaError: If Kaltura does not return the report.
    """
    shortest = request.end - request.start <= _SHORTEST_WINDOW
    try:
        with tempfile.TemporaryFile() as scratch:
            received = receiver.receive(request, scratch)
        if not is_suspect(received.summary.rows, receiver.settings):
            return received.room_sessions
        if shortest:
            raise _cut_off(request, received.summary.rows)
        found = received.room_sessions
    except TooHeavyError:
        if shortest:
            raise
        found = RoomSessions()
    middle = (request.start + request.end) // 2
    return (
        found
        | find_room_sessions(receiver, replace(request, end=middle))
        | find_room_sessions(receiver, replace(request, start=middle))
    )


def fetch_pieces(
    receiver: Receiver, request: ReportRequest, known: RoomSessions, files: ExitStack
) -> Iterator[Piece]:
    """Yield every piece that makes up a report.

    Args:
        request: For a report that has a filter on rooms.
        known: Rooms and sessions to ask for. Others that show up in the pieces are added.
        files: Keeps the pieces' files open.

    Raises:
        RowCapError: If one session alone may be cut off.
        KalturaError: If Kaltura does not return a piece.
    """
    report = request.report
    room_filter, room_column = report.room_filter or "", report.room_column or ""
    rooms = set(request.filters.get(room_filter, ())) or known.rooms()

    def fetch(narrowed: ReportRequest, column: str, ids: tuple[str, ...]) -> Piece:
        return _fetch_piece(receiver, narrowed, column, ids, files)

    def by_session(room: str) -> Iterator[Piece]:
        one = _narrowed(request, room_filter, (room,))
        name = report.session_filter or ""
        sessions = set(request.filters.get(name, ())) or known.of(room)
        if not sessions:
            raise RowCapError(one, "it may be cut off, and none of its sessions is known")
        return in_batches(
            sessions, lambda ids: fetch(_narrowed(one, name, ids), SESSION_COLUMN, ids)
        )

    return in_batches(
        rooms,
        lambda ids: fetch(_narrowed(request, room_filter, ids), room_column, ids),
        by_session if report.session_filter else None,
    )


class Batch(Protocol):
    """What one request for some ids returned."""

    @property
    def ids(self) -> frozenset[str]:
        """The ids that its rows belong to."""

    @property
    def has_headroom(self) -> bool:
        """Whether it is so small that a request for twice as many ids would be complete, too."""


_B = TypeVar("_B", bound=Batch)


def in_batches(
    ids: Iterable[str],
    fetch: Callable[[tuple[str, ...]], _B],
    split: Callable[[str], Iterator[_B]] | None = None,
) -> Iterator[_B]:
    """Yield batches that make up the rows of ``ids``, and of any other id that occurs in them.

    Args:
        fetch: Returns the rows of some ids. It is called again with fewer ids when it raises
            TooHeavyError or RowCapError.
        split: Returns the rows of one id that is too much for one request.

    Raises:
        TooHeavyError, RowCapError: If one id is too much and there is no ``split``.
    """
    queue = sorted(set(ids))
    known = set(queue)
    size = max(1, min(_MAX_IDS, len(queue) // 2))
    while queue:
        chosen = tuple(queue[:size])
        try:
            batch = fetch(chosen)
        except (TooHeavyError, RowCapError):
            if len(chosen) > 1:
                size = len(chosen) // 2
            elif split:
                del queue[0]
                yield from split(chosen[0])
            else:
                raise
            continue
        del queue[: len(chosen)]
        yield batch
        new = sorted(batch.ids - known)
        known.update(new)
        queue.extend(new)
        if batch.has_headroom:
            size = min(size * 2, _MAX_IDS)


def _fetch_piece(
    receiver: Receiver,
    request: ReportRequest,
    column: str,
    ids: tuple[str, ...],
    files: ExitStack,
) -> Piece:
    """Return the rows of some rooms or sessions; raise RowCapError if they may be cut off."""
    file = files.enter_context(spool())
    received = receiver.receive(request, file)
    rows = received.summary.rows
    if not is_complete(receiver, request, rows, file):
        raise _cut_off(request, rows)
    place = 1 if column == SESSION_COLUMN else 0
    return Piece(
        received=received,
        file=file,
        column=column,
        wanted=frozenset(ids),
        ids=frozenset(pair[place] for pair in received.room_sessions.pairs),
        has_headroom=rows < min(receiver.settings.row_caps) / 4,
    )


def _cut_off(request: ReportRequest, rows: int) -> RowCapError:
    return RowCapError(request, f"exactly {rows} rows came")


def _narrowed(request: ReportRequest, name: str, ids: tuple[str, ...]) -> ReportRequest:
    if any(not value or ";" in value for value in ids):
        raise RowCapError(request, f"a {name} among its rows cannot be asked for")
    return replace(request, filters={**request.filters, name: ids})
