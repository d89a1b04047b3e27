"""Fetching a complete report: in one call, or in pieces where one call does not return all of it.

A request travels down through these modules and comes back once:

    fetch           a complete report
      survey        which rooms, sessions and rows it has, when it must be split
      pieces        its rooms and sessions
        completeness    whether one response has all rows
          receive       one call, written as strict CSV
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import IO

from room_reports.export.completeness import is_complete
from room_reports.export.errors import RowCapError
from room_reports.export.pieces import Piece, PieceFetcher, PieceStore
from room_reports.export.receive import Receiver, spool
from room_reports.export.room_sessions import RoomSessions, room_sessions_in
from room_reports.export.survey import Survey, survey_halves, survey_rooms, survey_rows
from room_reports.kaltura.errors import MalformedReportError, TooHeavyError
from room_reports.kaltura.request import ReportRequest
from room_reports.model.reports import ROOM_DATA
from room_reports.storage.csv_file import CsvSummary, read_csv, row_keys, write_csv
from room_reports.telemetry import logger

_NONE_SEEN = RoomSessions()
_EARLIER = 14 * 86_400
"""Seconds before a window in which rooms are looked for when it has none."""
_NAMED_ROOMS = 5
"""The most rooms that a message names."""


@dataclass(frozen=True)
class FetchedReport:
    """A complete report."""

    summary: CsvSummary
    replaced: int
    """The number of invalid UTF-8 sequences that were replaced."""
    pieces: int
    """The number of responses that it consists of."""
    fetched_at: float | None = None
    """Unix time of the oldest piece; None when the report was fetched in one call."""


@dataclass(frozen=True)
class ReportFetcher:
    """Fetches complete reports of one region for one task."""

    receiver: Receiver
    store: PieceStore | None = None
    clock: Callable[[], float] = field(default=lambda: 0.0)
    """Returns the Unix time."""

    def fetch(self, request: ReportRequest, out: IO[bytes], *, compress: bool) -> FetchedReport:
        """Write a complete report to ``out`` as strict CSV.

        Raises:
            RowCapError: If even the smallest piece may be cut off, or if the pieces lack a row
                that the report is known to have.
            KalturaError: If Kaltura does not return the report.
        """
        with spool() as whole:
            try:
                received = self.receiver.receive(
                    request, out, compress=compress, can_split=bool(request.report.room_filter)
                )
                rows = received.summary.rows
                if is_complete(self.receiver, request, rows, out, compressed=compress):
                    return FetchedReport(received.summary, received.replaced, 1)
                refusal: TooHeavyError | RowCapError = RowCapError(
                    request, f"exactly {rows} rows came, which may be a cap"
                )
                seen = room_sessions_in(out, request.report, compressed=compress)
                _copy(out, whole, request, compressed=compress)
            except TooHeavyError as error:
                seen, refusal = RoomSessions(), error
            cut = isinstance(refusal, RowCapError)
            if not request.report.room_filter:
                raise refusal
            return self._split(
                request,
                out,
                refusal,
                compress=compress,
                whole=whole if cut else None,
                seen=seen,
            )

    def fetch_by_room(
        self, request: ReportRequest, out: IO[bytes], *, compress: bool
    ) -> FetchedReport:
        """Write a complete report to ``out`` without asking for it in one call.

        Raises:
            RowCapError, KalturaError: As ``fetch`` does.
        """
        refusal = RowCapError(request, "no room of it is known")
        return self._split(request, out, refusal, compress=compress)

    def _split(
        self,
        request: ReportRequest,
        out: IO[bytes],
        refusal: TooHeavyError | RowCapError,
        *,
        compress: bool,
        whole: IO[bytes] | None = None,
        seen: RoomSessions = _NONE_SEEN,
    ) -> FetchedReport:
        """Fetch a report in pieces.

        Args:
            refusal: What to raise when there is no piece to ask for.
            whole: The response to the call for all of it, when that was cut off.
            seen: The rooms and sessions in it.
        """
        logger.info("Fetching in pieces", report=request.report.slug, start=request.start)
        found = Survey(seen, complete=False)
        if request.report != ROOM_DATA:
            if whole is not None:
                found = survey_rows(self.receiver, request)
                found = replace(found, room_sessions=found.room_sessions | seen)
            elif isinstance(refusal, TooHeavyError):
                # Shorter windows may well be too heavy as well, so they get one try, and the
                # report of rooms is asked in any case.
                found = survey_halves(self.receiver, request)
        if not found.complete:
            rooms = survey_rooms(self.receiver, _room_request(request))
            if not rooms.complete:
                raise refusal
            if request.report == ROOM_DATA:
                found = rooms
            found = replace(found, room_sessions=found.room_sessions | rooms.room_sessions | seen)
        if not found.room_sessions.rooms() and request.report != ROOM_DATA:
            # No room of the window does not prove an empty report: the report of rooms may have
            # failed as well. That earlier rooms have no row in the window does.
            earlier = replace(request, start=request.start - _EARLIER)
            known = survey_rooms(self.receiver, _room_request(earlier)).room_sessions
            found = replace(found, room_sessions=known)
        if not found.room_sessions.rooms():
            raise refusal
        with ExitStack() as files:
            fetcher = PieceFetcher(
                self.receiver, request, found.room_sessions, files, self.store, self.clock
            )
            return _assemble(request, fetcher.fetch(), found, whole, out, compress=compress)


def _room_request(request: ReportRequest) -> ReportRequest:
    """Return the request for the report that lists the rooms of the same window."""
    filters = request.filters if request.report == ROOM_DATA else {}
    return replace(request, report=ROOM_DATA, filters=filters)


def _copy(
    source: IO[bytes], target: IO[bytes], request: ReportRequest, *, compressed: bool
) -> None:
    rows = read_csv(source, compressed=compressed)
    write_csv(next(rows), rows, request.report, target, neutralise=False)


def _assemble(
    request: ReportRequest,
    pieces: list[Piece],
    found: Survey,
    whole: IO[bytes] | None,
    out: IO[bytes],
    *,
    compress: bool,
) -> FetchedReport:
    """Write the rows of all pieces to ``out`` as one file, and prove that none is missing."""
    key = request.report.primary_key
    with_rows = {piece.columns for piece in pieces if piece.rows}
    if len(with_rows) > 1:
        raise MalformedReportError(
            f"{request.report.slug} came with different headers in its pieces"
        )
    reached = {each for piece in pieces for each in _own_keys(piece, key)}
    in_whole = row_keys(whole, key) if whole is not None else set()
    unreached = set(found.keys | in_whole) - reached
    # Some ids, such as 0, stand for no room, and a call for them finds nothing. Their rows are
    # taken from the call for the whole report, if that is known to have all of them.
    if unreached and not (found.complete and unreached <= in_whole):
        raise RowCapError(request, _missing(request, whole, unreached))
    rest = _rows_with(whole, key, unreached) if whole is not None else iter(())
    header = list(next(iter(with_rows), ()) or (_header(whole) if unreached and whole else ()))
    out.seek(0)
    out.truncate()
    summary = write_csv(
        header,
        chain(chain.from_iterable(map(_own_rows, pieces)), rest),
        request.report,
        out,
        neutralise=False,
        compress=compress,
    )
    return FetchedReport(
        summary,
        replaced=sum(piece.replaced for piece in pieces),
        pieces=len(pieces) + bool(unreached),
        fetched_at=min((piece.fetched_at for piece in pieces), default=None),
    )


def _missing(request: ReportRequest, whole: IO[bytes] | None, keys: set[int]) -> str:
    """Return which rows no piece has, as far as the response to the whole call shows them."""
    if whole is None:
        return f"its pieces lack {len(keys)} of the rows that came for half of its window"
    column = request.report.room_column or ""
    place = _header(whole).index(column)
    rooms = sorted({row[place] for row in _rows_with(whole, request.report.primary_key, keys)})
    named = ", ".join(repr(room) for room in rooms[:_NAMED_ROOMS]) or "rows beyond the cap"
    return f"its pieces lack {len(keys)} of the rows that came ({column}: {named})"


def _own_rows(piece: Piece) -> Iterator[list[str]]:
    """Yield the rows of a piece, without those that belong to another piece."""
    rows = read_csv(piece.file)
    place = next(rows).index(piece.column)
    # An id that begins like a formula has an apostrophe before it in the file.
    return (row for row in rows if {row[place], row[place].removeprefix("'")} & piece.wanted)


def _own_keys(piece: Piece, key: tuple[str, ...]) -> Iterator[int]:
    """Yield a hash of the primary key of each row of a piece."""
    places = [piece.columns.index(name) for name in key]
    return (hash(tuple(row[place] for place in places)) for row in _own_rows(piece))


def _header(file: IO[bytes]) -> list[str]:
    return next(read_csv(file))


def _rows_with(file: IO[bytes], key: tuple[str, ...], wanted: set[int]) -> Iterator[list[str]]:
    """Yield the rows whose primary key has one of these hashes."""
    if not wanted:
        return
    rows = read_csv(file)
    header = next(rows)
    places = [header.index(name) for name in key if name in header]
    for row in rows:
        if hash(tuple(row[place] for place in places)) in wanted:
            yield row
