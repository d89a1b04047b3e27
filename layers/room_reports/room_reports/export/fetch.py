"""Fetching a complete report: in one call, or in pieces where one call does not return all of it.

A request travels down through these modules and comes back once:

    fetch           a complete report
      pieces        its rooms and sessions, when it must be split
        completeness    whether one response has all rows
          receive       one call, written as strict CSV
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO

from room_reports.export.completeness import is_complete
from room_reports.export.errors import RowCapError
from room_reports.export.pieces import fetch_pieces, find_room_sessions
from room_reports.export.receive import Receiver
from room_reports.export.room_sessions import RoomSessions
from room_reports.kaltura.errors import MalformedReportError, TooHeavyError
from room_reports.kaltura.request import ReportRequest
from room_reports.model.reports import ROOM_DATA
from room_reports.storage.csv_file import CsvSummary, row_keys, write_csv
from room_reports.telemetry import logger


@dataclass(frozen=True)
class FetchedReport:
    """A complete report."""

    summary: CsvSummary
    replaced: int
    """The number of invalid UTF-8 sequences that were replaced."""
    pieces: int
    """The number of responses that it consists of."""


def fetch_report(
    receiver: Receiver, request: ReportRequest, out: IO[bytes], *, compress: bool
) -> FetchedReport:
    """Write a complete report to ``out`` as strict CSV.

    Raises:
        RowCapError: If even the smallest piece may be cut off, or if the pieces lack a row that
            the first response had.
        KalturaError: If Kaltura does not return the report.
    """
    key = request.report.primary_key
    known: set[int] = set()
    try:
        received = receiver.receive(request, out, compress=compress)
        rows = received.summary.rows
        if is_complete(receiver, request, rows, out, compressed=compress):
            return FetchedReport(received.summary, received.replaced, 1)
        refusal: TooHeavyError | RowCapError = RowCapError(request, f"exactly {rows} rows came")
        seen = received.room_sessions
        known = row_keys(out, key, compressed=compress)
    except TooHeavyError as error:
        seen, refusal = RoomSessions(), error
    if not request.report.room_filter:
        raise refusal
    logger.info("Fetching in pieces", report=request.report.slug, start=request.start)
    seen = seen | find_room_sessions(receiver, _room_request(request))
    if not seen.rooms():
        raise refusal  # there is no piece to ask for
    fetched = _assemble(receiver, request, seen, out, compress=compress)
    # Some ids, such as 0, stand for no room, and a request for them finds nothing.
    if missing := known - row_keys(out, key, compressed=compress):
        raise RowCapError(request, f"its pieces lack {len(missing)} of the rows that came")
    return fetched


def _room_request(request: ReportRequest) -> ReportRequest:
    """Return the request for the report that lists the rooms of the same window."""
    filters = request.filters if request.report == ROOM_DATA else {}
    return replace(request, report=ROOM_DATA, filters=filters)


def _assemble(
    receiver: Receiver,
    request: ReportRequest,
    seen: RoomSessions,
    out: IO[bytes],
    *,
    compress: bool,
) -> FetchedReport:
    """Fetch a report in pieces and write them to ``out`` as one file."""
    with ExitStack() as files:
        pieces = list(fetch_pieces(receiver, request, seen, files))
        headers = {
            piece.received.summary.columns for piece in pieces if piece.received.summary.rows
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
    return FetchedReport(summary, sum(piece.received.replaced for piece in pieces), len(pieces))
