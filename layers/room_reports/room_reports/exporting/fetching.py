"""Fetching a report whole: in one call, or in pieces where one call cannot be trusted with it."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO

from room_reports.catalogue import ROOM_DATA
from room_reports.deadline import Deadline
from room_reports.exporting.batches import in_batches
from room_reports.exporting.completeness import CompletenessCheck, RowCapError, row_keys
from room_reports.exporting.sessions import SESSION, Sessions, Watched
from room_reports.normalise import CsvSummary, HeaderError, read_csv, write_csv
from room_reports.settings import Settings
from room_reports.source.client import KalturaRegion
from room_reports.source.dialect import KalturaCsv, MalformedReportError
from room_reports.source.errors import TooHeavyError
from room_reports.source.request import ReportRequest
from room_reports.telemetry import logger

_IN_MEMORY = 8 << 20
"""Bytes."""
_SMALLEST_SPAN = 60
"""Seconds."""


@dataclass(frozen=True)
class Fetched:
    """A whole report."""

    summary: CsvSummary
    replaced: int
    """Invalid sequences of UTF-8 that were replaced."""
    pieces: int
    """How many answers it was put together from."""


@dataclass(frozen=True)
class _Piece:
    """The rows of some ids, in a file of strict CSV."""

    fetched: Fetched
    file: IO[bytes]
    column: str
    wanted: frozenset[str]
    ids: frozenset[str]
    roomy: bool

    def rows(self) -> Iterator[list[str]]:
        """Its rows, without any that belong to another piece."""
        rows = read_csv(self.file)
        place = next(rows).index(self.column)
        return (row for row in rows if row[place] in self.wanted)


@dataclass(frozen=True)
class Fetcher:
    """Fetches one region's reports whole."""

    settings: Settings
    region: KalturaRegion
    deadline: Deadline

    def fetch(self, request: ReportRequest, out: IO[bytes], *, compress: bool) -> Fetched:
        """Writes a report to ``out`` as strict CSV.

        An answer that may have been cut off, or that Kaltura cannot compute, is asked for again in
        batches of rooms, then of sessions. Never by time: unique users and ratios do not add up
        over shorter windows.

        Raises:
            RowCapError: when even the smallest piece may have been cut off, or the pieces lack a
                row that came with the whole.
            KalturaError: when there is no report to be had.
        """
        known: set[int] = set()
        try:
            fetched, seen = self._ask(request, out, compress=compress)
            rows = fetched.summary.rows
            if not self._check.may_be_cut(request, rows, out, compressed=compress):
                return fetched
            refusal: TooHeavyError = RowCapError(request, f"exactly {rows} rows came")
            known = row_keys(out, request.report.key, compressed=compress)
        except TooHeavyError as error:
            seen, refusal = Sessions(), error
        if not request.report.room_filter:
            raise refusal
        logger.info("Asking in pieces", report=request.report.slug, start=request.start)
        seen = seen | self._sessions_in(
            replace(
                request,
                report=ROOM_DATA,
                filters=request.filters if request.report == ROOM_DATA else {},
            )
        )
        if not seen.rooms():
            raise refusal  # for want of any piece to ask for
        whole = self._in_pieces(request, seen, out, compress=compress)
        # Some ids stand for none, such as 0, and find nothing when they are asked for.
        if lost := known - row_keys(out, request.report.key, compressed=compress):
            raise RowCapError(request, f"its pieces lack {len(lost)} of the rows that came")
        return whole

    @property
    def _check(self) -> CompletenessCheck:
        def ask(request: ReportRequest, out: IO[bytes]) -> int:
            return self._ask(request, out)[0].summary.rows

        return CompletenessCheck(self.settings.row_caps, ask)

    def _ask(
        self, request: ReportRequest, out: IO[bytes], *, compress: bool = False
    ) -> tuple[Fetched, Sessions]:
        report = request.report
        columns = tuple(filter(None, (report.room_column,)))
        if report == ROOM_DATA:
            columns += ("parent_entry_id",)

        def consume(chunks: Iterator[bytes]) -> tuple[Fetched, Sessions]:
            out.seek(0)
            out.truncate()
            answer = KalturaCsv(chunks)
            watched = Watched(answer.header, answer, columns)
            try:
                summary = write_csv(
                    answer.header,
                    watched,
                    report,
                    out,
                    neutralise=self.settings.neutralise_formulas,
                    compress=compress,
                )
            except HeaderError as error:
                raise MalformedReportError(str(error)) from error
            return Fetched(summary, answer.replaced, 1), Sessions(frozenset(watched.pairs))

        return self.region.fetch(request, consume, self.deadline)

    def _in_pieces(
        self, request: ReportRequest, sessions: Sessions, out: IO[bytes], *, compress: bool
    ) -> Fetched:
        with ExitStack() as files:
            pieces = list(self._by_room(request, sessions, files))
            headers = {
                piece.fetched.summary.columns for piece in pieces if piece.fetched.summary.rows
            }
            if len(headers) > 1:
                raise MalformedReportError(
                    f"{request.report.slug} came with different headers in its pieces"
                )
            out.seek(0)
            out.truncate()
            summary = write_csv(
                list(next(iter(headers), ())),
                chain.from_iterable(piece.rows() for piece in pieces),
                request.report,
                out,
                neutralise=False,
                compress=compress,
            )
        return Fetched(summary, sum(piece.fetched.replaced for piece in pieces), len(pieces))

    def _sessions_in(self, request: ReportRequest) -> Sessions:
        """The sessions of a window, which may be found in smaller ones as well."""
        smallest = request.end - request.start <= _SMALLEST_SPAN
        try:
            with tempfile.TemporaryFile() as scratch:
                fetched, sessions = self._ask(request, scratch)
            if not self._check.is_suspect(fetched.summary.rows):
                return sessions
            if smallest:
                raise RowCapError(request, f"exactly {fetched.summary.rows} rows came")
        except TooHeavyError:
            if smallest:
                raise
            sessions = Sessions()
        middle = (request.start + request.end) // 2
        return (
            sessions
            | self._sessions_in(replace(request, end=middle))
            | self._sessions_in(replace(request, start=middle))
        )

    def _by_room(
        self, request: ReportRequest, sessions: Sessions, files: ExitStack
    ) -> Iterator[_Piece]:
        report = request.report
        room_filter, room_column = report.room_filter or "", report.room_column or ""
        rooms = set(request.filters.get(room_filter, ())) or sessions.rooms()

        def split(room: str) -> Iterator[_Piece]:
            one = _narrowed(request, room_filter, (room,))
            name = report.session_filter or ""
            ids = set(request.filters.get(name, ())) or sessions.of(room)
            if not ids:
                raise RowCapError(one, "it may be cut off, none of its sessions is known")
            return in_batches(
                ids,
                lambda batch: self._piece(_narrowed(one, name, batch), SESSION, batch, files),
            )

        return in_batches(
            rooms,
            lambda batch: self._piece(
                _narrowed(request, room_filter, batch), room_column, batch, files
            ),
            split if report.session_filter else None,
        )

    def _piece(
        self, request: ReportRequest, column: str, ids: tuple[str, ...], files: ExitStack
    ) -> _Piece:
        """The rows of some rooms or sessions; raises RowCapError when they may be cut off."""
        file = files.enter_context(spool())
        fetched, sessions = self._ask(request, file)
        rows = fetched.summary.rows
        if self._check.may_be_cut(request, rows, file):
            raise RowCapError(request, f"exactly {rows} rows came")
        found = {pair[1] if column == SESSION else pair[0] for pair in sessions.pairs}
        return _Piece(
            fetched=fetched,
            file=file,
            column=column,
            wanted=frozenset(ids),
            ids=frozenset(found),
            roomy=rows < min(self.settings.row_caps) / 4,
        )


def spool() -> IO[bytes]:
    """A file that is kept on disk only when it is large, and goes when it is closed."""
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)


def _narrowed(request: ReportRequest, name: str, ids: tuple[str, ...]) -> ReportRequest:
    if any(not value or ";" in value for value in ids):
        raise RowCapError(request, f"a {name} among its rows cannot be asked for")
    return replace(request, filters={**request.filters, name: ids})
