"""A report in pieces: by room, and by session where one room is too much for one call.

A report that Kaltura cuts off, or cannot compute, is never put together from shorter windows:
unique users and ratios do not add up over them. Shorter windows only tell which rows there are.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import IO, Protocol, TypeVar

from room_reports.export.completeness import is_complete, is_suspect
from room_reports.export.errors import RowCapError
from room_reports.export.receive import ConcurrentMap, Receiver, map_in_turn, spool
from room_reports.export.room_sessions import SESSION_COLUMN, RoomSessions, room_sessions_in
from room_reports.kaltura.errors import TooHeavyError
from room_reports.kaltura.request import ReportRequest
from room_reports.storage.csv_file import row_keys

_MAX_IDS = 500
"""The most ids in one call: a few KiB of parameters."""
_SHORTEST_WINDOW = 60
"""Seconds. Rows are not searched for in shorter windows than this."""
_ROW_WINDOWS = 32
"""The most windows that a window is divided into to find its rows."""
_WAVE = 8
"""The most calls that are begun before the results of any are looked at."""


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


@dataclass(frozen=True)
class Survey:
    """Which rows a report has, as far as is known before its pieces are fetched."""

    room_sessions: RoomSessions = field(default_factory=RoomSessions)
    keys: frozenset[int] = frozenset()
    """A hash of each row's primary key."""
    complete: bool = True
    """Whether no row is missing."""

    def __or__(self, other: "Survey") -> "Survey":
        return Survey(
            self.room_sessions | other.room_sessions,
            self.keys | other.keys,
            self.complete and other.complete,
        )


class PieceStore(Protocol):
    """Keeps the pieces of a report, so that the next run need not fetch them again."""

    def load(self, files: ExitStack) -> list[Piece]:
        """Return the pieces that an earlier run has fetched."""

    def save(self, piece: Piece) -> None:
        """Keep a piece."""


@dataclass
class Surveyor:
    """Finds which rows a report has, by asking for it in shorter windows until none is suspect."""

    receiver: Receiver
    shortest: float
    """Seconds. A window of this length that is still suspect ends the survey."""
    given_up: bool = False

    def survey(self, request: ReportRequest) -> Survey:
        """Return which rows a report has; incomplete if a shortest window is still suspect.

        Raises:
            KalturaError: If Kaltura does not return the report of a window.
        """
        if self.given_up:
            return Survey(complete=False)
        length = request.end - request.start
        is_shortest = length <= max(self.shortest, 1)
        found = Survey(complete=False)
        try:
            with spool() as scratch:
                received = self.receiver.receive(request, scratch, can_split=not is_shortest)
                keys = frozenset(row_keys(scratch, request.report.primary_key))
                room_sessions = room_sessions_in(scratch, request.report)
            suspect = is_suspect(received.summary.rows, self.receiver.settings)
            found = Survey(room_sessions, keys, complete=not suspect)
        except TooHeavyError:
            if is_shortest:
                raise
        if found.complete:
            return found
        if is_shortest:
            self.given_up = True
            return found
        middle = (request.start + request.end) // 2
        halves = [replace(request, end=middle), replace(request, start=middle)]
        first, second = self.receiver.concurrently(self.survey, halves)
        both = first | second
        return Survey(
            both.room_sessions | found.room_sessions, both.keys | found.keys, both.complete
        )


def survey_rooms(receiver: Receiver, request: ReportRequest) -> Survey:
    """Return the rooms of a window, searched for in windows of a minute if need be.

    Raises:
        KalturaError: If Kaltura does not return the report of a window.
    """
    return Surveyor(receiver, _SHORTEST_WINDOW).survey(request)


def survey_rows(receiver: Receiver, request: ReportRequest) -> Survey:
    """Return the rows of a report as far as a few shorter windows show them.

    Where so many people are there at the same time that every window is cut off, it ends soon.

    Raises:
        KalturaError: If Kaltura does not return the report of a window.
    """
    return Surveyor(receiver, (request.end - request.start) / _ROW_WINDOWS).survey(request)


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
        kept = self.store.load(self.files) if self.store else []
        kept = [piece for piece in kept if piece.column == column]
        done = frozenset().union(*(piece.wanted for piece in kept))
        # Rooms that only a kept piece mentions are asked for as well.
        rooms = rooms.union(*(piece.ids for piece in kept))
        return kept + in_batches(
            rooms - done,
            lambda ids: self._piece(
                _narrowed(self.request, room_filter, ids),
                column,
                ids,
                can_split=len(ids) > 1 or bool(report.session_filter),
            ),
            self._by_session if report.session_filter else None,
            self.receiver.concurrently,
            known=done,
        )

    def _by_session(self, room: str) -> list[Piece]:
        report = self.request.report
        one = _narrowed(self.request, report.room_filter or "", (room,))
        name = report.session_filter or ""
        sessions = set(self.request.filters.get(name, ())) or self.known.of(room)
        if not sessions:
            raise RowCapError(one, "it may be cut off, and none of its sessions is known")
        return in_batches(
            sessions,
            lambda ids: self._piece(
                _narrowed(one, name, ids), SESSION_COLUMN, ids, can_split=len(ids) > 1
            ),
            None,
            self.receiver.concurrently,
        )

    def _piece(
        self, request: ReportRequest, column: str, ids: tuple[str, ...], *, can_split: bool
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
        )
        if self.store and column != SESSION_COLUMN:
            self.store.save(piece)
        return piece


class Batch(Protocol):
    """What one call for some ids returned."""

    @property
    def ids(self) -> frozenset[str]:
        """The ids that its rows belong to."""

    @property
    def has_headroom(self) -> bool:
        """Whether it is so small that a call for twice as many ids would be complete, too."""


_B = TypeVar("_B", bound=Batch)


def in_batches(
    ids: Iterable[str],
    fetch: Callable[[tuple[str, ...]], _B],
    split: Callable[[str], list[_B]] | None = None,
    concurrently: ConcurrentMap = map_in_turn,
    known: frozenset[str] = frozenset(),
) -> list[_B]:
    """Return batches that make up the rows of ``ids``, and of any other id that occurs in them.

    Args:
        fetch: Returns the rows of some ids. It is called again with fewer ids when it raises
            TooHeavyError or RowCapError.
        split: Returns the rows of one id that is too much for one call.
        concurrently: Makes several calls at a time.
        known: Ids that other batches cover already.

    Raises:
        TooHeavyError, RowCapError: If one id is too much and there is no ``split``.
    """
    queue = sorted(set(ids))
    seen = known | set(queue)
    size = max(1, min(_MAX_IDS, len(queue) // 2))
    batches: list[_B] = []

    def attempt(chosen: tuple[str, ...]) -> _B | TooHeavyError | RowCapError:
        try:
            return fetch(chosen)
        except (TooHeavyError, RowCapError) as error:
            return error

    while queue:
        # One call first: the others are only begun once their size is known to work.
        width = _WAVE if batches else 1
        wave = [tuple(queue[at : at + size]) for at in range(0, len(queue), size)][:width]
        del queue[: sum(map(len, wave))]
        again: list[str] = []
        new: set[str] = set()
        headroom = True
        for chosen, result in zip(wave, concurrently(attempt, wave), strict=True):
            if not isinstance(result, TooHeavyError | RowCapError):
                batches.append(result)
                new |= result.ids - seen
                headroom = headroom and result.has_headroom
            elif len(chosen) > 1:
                size, headroom = max(1, min(size, len(chosen) // 2)), False
                again.extend(chosen)
            elif split:
                batches.extend(split(chosen[0]))
            else:
                raise result
        seen |= new
        queue = again + queue + sorted(new)
        if headroom:
            size = min(size * 2, _MAX_IDS)
    return batches


def _narrowed(request: ReportRequest, name: str, ids: tuple[str, ...]) -> ReportRequest:
    if any(not value or ";" in value for value in ids):
        raise RowCapError(request, f"a {name} among its rows cannot be asked for")
    return replace(request, filters={**request.filters, name: ids})
