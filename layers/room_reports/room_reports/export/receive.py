"""One call to Kaltura, written as strict CSV: the bottom of fetching."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from room_reports.deadline import Deadline
from room_reports.export.room_sessions import RoomSessions, collected
from room_reports.kaltura.client import KalturaRegion
from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.errors import MalformedReportError
from room_reports.kaltura.request import ReportRequest
from room_reports.settings import Settings
from room_reports.storage.csv_file import CsvSummary, write_csv
from room_reports.storage.errors import HeaderError

_BYTES_IN_MEMORY = 8 << 20


@dataclass(frozen=True)
class Received:
    """What one call returned."""

    summary: CsvSummary
    replaced: int
    """The number of invalid UTF-8 sequences that were replaced."""
    room_sessions: RoomSessions
    """The rooms and sessions that occur in its rows."""


@dataclass(frozen=True)
class Receiver:
    """Calls one region until a deadline; safe to share between threads."""

    settings: Settings
    region: KalturaRegion
    deadline: Deadline

    def receive(
        self, request: ReportRequest, out: IO[bytes], *, compress: bool = False
    ) -> Received:
        """Write what Kaltura returns for ``request`` to ``out`` as strict CSV.

        Whether Kaltura cut it off at a row cap is for ``completeness`` to decide.

        Raises:
            KalturaError: If Kaltura returns no report, retries included.
        """

        def consume(chunks: Iterator[bytes]) -> Received:
            out.seek(0)
            out.truncate()
            reader = KalturaCsvReader(chunks)
            pairs: set[tuple[str, str]] = set()
            try:
                summary = write_csv(
                    reader.header,
                    collected(reader.header, reader, request.report, pairs),
                    request.report,
                    out,
                    neutralise=self.settings.neutralise_formulas,
                    compress=compress,
                )
            except HeaderError as error:
                raise MalformedReportError(str(error)) from error
            return Received(summary, reader.replaced, RoomSessions(frozenset(pairs)))

        return self.region.fetch(request, consume, self.deadline)


def spool() -> IO[bytes]:
    """Return a temporary file that goes to disk only when it is large."""
    return tempfile.SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY)
