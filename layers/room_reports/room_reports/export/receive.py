"""One call to Kaltura, written as strict CSV: the bottom of fetching."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Protocol, TypeVar

from room_reports.deadline import Deadline
from room_reports.kaltura.client import KalturaRegion
from room_reports.kaltura.csv_reader import KalturaCsvReader
from room_reports.kaltura.errors import DeadlineError, MalformedReportError, TimedOutError
from room_reports.kaltura.request import ReportRequest
from room_reports.model.reports import Report
from room_reports.settings import Settings
from room_reports.storage.csv_file import CsvSource, CsvSummary, normalise, write_csv
from room_reports.storage.erased import ErasedTable
from room_reports.storage.errors import HeaderError
from room_reports.storage.protected import ProtectedTable

_BYTES_IN_MEMORY = 8 << 20
_HALF = 0.5
_T = TypeVar("_T")
_R = TypeVar("_R")


class ConcurrentMap(Protocol):
    """Calls a function for several items, with the threads that are free."""

    def __call__(self, call: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """Return ``call(item)`` for each item, in their order."""


def map_in_turn(call: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
    """Return ``call(item)`` for each item, one after the other."""
    return [call(item) for item in items]


@dataclass(frozen=True)
class Received:
    """What one call returned."""

    summary: CsvSummary
    replaced: int
    """The number of invalid UTF-8 sequences that were replaced."""


@dataclass(frozen=True)
class Receiver:
    """Calls one region for one task, until a deadline."""

    settings: Settings
    region: KalturaRegion
    deadline: Deadline
    concurrently: ConcurrentMap = map_in_turn

    def receive(
        self,
        request: ReportRequest,
        out: IO[bytes],
        *,
        compress: bool = False,
        can_split: bool = False,
    ) -> Received:
        """Write what Kaltura returns for ``request`` to ``out`` as strict CSV.

        Whether Kaltura cut it off at a row cap is for ``completeness`` to decide.

        Args:
            can_split: Whether smaller calls can replace this one. Then it gets half of the time
                that is left, so that there is time for them.

        Raises:
            TimedOutError: If the call has used up its half of the time.
            KalturaError: If Kaltura returns no report, retries included.
        """

        def consume(chunks: Iterator[bytes]) -> Received:
            out.seek(0)
            out.truncate()
            reader = KalturaCsvReader(chunks, request.report)
            try:
                summary = self._write(reader, request.report, out, compress=compress)
            except HeaderError as error:
                raise MalformedReportError(str(error)) from error
            return Received(summary, reader.replaced)

        request = replace(request, excluded=self.settings.privacy.dropped(request.report))
        deadline = self.deadline.part(_HALF) if can_split else self.deadline
        try:
            return self.region.fetch(request, consume, deadline)
        except DeadlineError as error:
            if can_split and self.deadline.remaining() > 0:
                raise TimedOutError from error
            raise

    def _write(
        self, source: CsvSource, report: Report, out: IO[bytes], *, compress: bool
    ) -> CsvSummary:
        """Write a report as strict CSV, without the values that must not be published.

        The rows of people whose rows are to be removed are there, without what identifies them,
        so that everything that compares or counts rows sees those that Kaltura sent.
        """
        privacy, neutralise = self.settings.privacy, self.settings.neutralise_formulas
        suppression = self.settings.suppression
        if suppression is not None:
            source = ErasedTable(source, report, suppression)
        if not privacy.of(report):
            return normalise(source, report, out, neutralise=neutralise, compress=compress)
        tokens = suppression.tokens if suppression else frozenset[str]()
        table = ProtectedTable(source, report, privacy, tokens)
        return write_csv(table.header, table, report, out, neutralise=neutralise, compress=compress)


def spool() -> IO[bytes]:
    """Return a temporary file that goes to disk only when it is large."""
    return tempfile.SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY)
