"""Expiry: emptying the files of windows that have expired.

The exporter cannot delete. It empties a file, and lifecycle rules remove the empty object and the
former versions. What decides is the end of the window and not the age of the object, which begins
again whenever a window is exported again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from room_reports.deadline import Deadline
from room_reports.export.day_index import DayIndex
from room_reports.model.errors import WindowError
from room_reports.model.windows import Calendar, Granularity, Window
from room_reports.runtime import Runtime, map_concurrently
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import ConflictError, StorageError
from room_reports.storage.keys import Series
from room_reports.storage.objects import StoredObject
from room_reports.telemetry import logger

MOST_EMPTIED = 1000
"""The most files that a run empties; the next run goes on."""
_CONCURRENT = 8
_BATCH = 50
_LEFT = 60.0
"""Seconds that a run must have left to empty more files."""
_FIRST_DT = "1970-01-01"


@dataclass(frozen=True)
class Expiry:
    """The files of one bucket that have expired."""

    settings: Settings
    bucket: Bucket
    runtime: Runtime
    deadline: Deadline
    index: DayIndex

    def empty(self, now: datetime) -> Mapping[Series, tuple[str, ...]]:
        """Empty files whose windows have expired, at most ``MOST_EMPTIED``.

        A failure is logged, and leaves the rest to the next run.

        Returns:
            The labels of the windows whose files were emptied, oldest first, by series.
        """
        cutoff = self.settings.retention.cutoff(now)
        if cutoff is None:
            return {}
        wanted = [
            Series(report.slug, region, granularity)
            for region, reports in self.settings.reports_by_region.items()
            for report in reports
            for granularity in Granularity  # also of one that was exported formerly
        ]
        emptied: dict[Series, tuple[str, ...]] = {}
        left = MOST_EMPTIED
        for place, series in enumerate(wanted):
            if self.deadline.remaining() < _LEFT:
                logger.info("No time is left to empty files that have expired")
                break
            # What a series does not need is there for those after it.
            share = left // (len(wanted) - place)
            try:
                found = list(islice(self._expired(series, cutoff), share))
                labels = self._empty(found, now)
            except StorageError as error:
                logger.warning(
                    "Files that have expired are left", at=series.prefix, error=str(error)
                )
                continue
            if labels:
                emptied[series] = labels
                left -= len(found)
                logger.info("Emptied files that have expired", at=series.prefix, files=len(labels))
        return emptied

    def _expired(self, series: Series, cutoff: datetime) -> Iterator[StoredObject]:
        calendar = self.settings.calendar(series.granularity)
        last = calendar.containing(cutoff).dt
        for item in self.bucket.exports(series, _FIRST_DT, last):
            if window_of(item, calendar).end <= cutoff:
                yield item

    def _empty(self, found: Sequence[StoredObject], now: datetime) -> tuple[str, ...]:
        labels: list[str] = []
        for first in range(0, len(found), _BATCH):
            batch = found[first : first + _BATCH]
            if self.deadline.remaining() < _LEFT:
                break
            # The index first: a run that is killed in between finds the files again.
            self.index.expire(batch, now)
            done = map_concurrently(self.runtime, self._empty_one, batch, _CONCURRENT)
            pairs = zip(batch, done, strict=True)
            labels += [item.parsed.label for item, emptied in pairs if emptied]
        return tuple(dict.fromkeys(labels))

    def _empty_one(self, item: StoredObject) -> bool:
        try:
            self.bucket.retire(item.key, item.etag)
        except ConflictError:
            return False  # another run has done it, or was about to write the file
        return True


def window_of(item: StoredObject, calendar: Calendar) -> Window:
    """Return the window of a file.

    A day that the calendar's time zone skipped, and another one had, is the day in UTC.
    """
    try:
        return calendar.window(item.parsed.label)
    except WindowError:
        return Calendar(calendar.granularity, ZoneInfo("UTC")).window(item.parsed.label)
