"""The index of day files in the bucket: brought up to date at the end of a run.

What a run has listed is compared with the index. A row that is missing or older than its file is
made again, by HEAD, and the quality checks look at each file whose row is made. Nothing is decided
by the index, so that a failure is logged and the next run makes up for it.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from room_reports.deadline import Deadline
from room_reports.export.day_listings import DayListings
from room_reports.export.planner import Task
from room_reports.export.publish import ExportedTask
from room_reports.export.region_index import IndexUpdate, MonthUpdate, RegionIndex
from room_reports.model import acknowledgements
from room_reports.model.acknowledgements import Acknowledgements, parse_acknowledgements
from room_reports.model.day_files import (
    DayFile,
    expired_row,
    format_rows,
    merged,
    month_of,
    parse_rows,
)
from room_reports.model.findings import Finding, duplicates_of
from room_reports.model.freshness import State
from room_reports.model.reports import ATTENDEES, ROOM_DATA
from room_reports.model.windows import Granularity, iso
from room_reports.runtime import Runtime
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import ConflictError, StorageError
from room_reports.storage.keys import DAY_INDEX_PREFIX, day_index_key
from room_reports.storage.objects import StoredObject
from room_reports.telemetry import logger

_WRITE_ATTEMPTS = 5
_SECONDS = 30.0
"""The longest that a run reads the index, and the longest that it writes it."""
_UNTOLD = timedelta(days=2)
"""How long the findings of a file can be left to a later run."""
_LEFT = 30.0
"""Seconds that a run must have left to do so."""


@dataclass(frozen=True)
class DayIndex:
    """The index of day files of one bucket."""

    bucket: Bucket
    settings: Settings
    runtime: Runtime
    deadline: Deadline

    def examine(
        self,
        listings: DayListings,
        exported: Sequence[ExportedTask],
        marked: Sequence[Task],
        now: datetime,
    ) -> IndexUpdate:
        """Return what has to be changed in the index, and what looks wrong about new files.

        Takes half a minute at most. A failure is logged, and leaves it to the next run.

        Args:
            marked: Tasks of which only the metadata were written.
            now: The run's time.
        """
        since = now - _UNTOLD

        def work(until: Deadline) -> IndexUpdate:
            return self._examine(listings, exported, marked, since, until)

        return self._within(work) or IndexUpdate()

    def write(self, update: IndexUpdate) -> None:
        """Write the index. Takes half a minute at most; a failure is logged."""
        if update.months:
            self._within(lambda _: self._write(update.months))

    def expire(self, files: Sequence[StoredObject], now: datetime) -> None:
        """Say of day files that they have expired; their counts are removed from the index.

        A failure is logged: the row then stays, of a file that the listing does not have.

        Args:
            files: Of one series.
            now: When they expire, for the rows.
        """
        rows: dict[tuple[str, str], list[DayFile]] = {}
        for item in files:
            series, dt = item.parsed.series, item.parsed.label
            if series.granularity is Granularity.DAY:
                row = expired_row(series.slug, dt, iso(now))
                rows.setdefault((series.region, month_of(dt)), []).append(row)
        for (region, month), made in rows.items():
            try:
                found = self.bucket.read_small(day_index_key(region, month))
                if found:
                    before = parse_rows(found.text)
                    self._write_month(MonthUpdate(region, month, found.etag, before, made, set()))
            except StorageError as error:
                logger.warning("The index keeps rows of expired files", error=str(error))

    def _within(self, work: Callable[[Deadline], "IndexUpdate | None"]) -> "IndexUpdate | None":
        """Do some work in a thread of its own, and do not wait for it beyond its time.

        Args:
            work: Gets a deadline after half of the time, so that what it has done by then counts.
        """
        seconds = min(_SECONDS, self.deadline.remaining() - _LEFT)
        if seconds <= 0:
            logger.info("No time is left for the index of day files")
            return None
        until = self.runtime.monotonic() + seconds
        half = Deadline(until - seconds / 2, self.runtime.monotonic)
        done = self.runtime.submit(lambda: work(half))
        while not done.done() and (left := until - self.runtime.monotonic()) > 0:
            self.runtime.wait_any([done], left)
        if not done.done():
            logger.warning("The index of day files takes too long; the next run goes on with it")
            return None
        try:
            return done.result()
        except StorageError as error:
            logger.warning("The index of day files is left to the next run", error=str(error))
            return None

    def _examine(
        self,
        listings: DayListings,
        exported: Sequence[ExportedTask],
        marked: Sequence[Task],
        since: datetime,
        until: Deadline,
    ) -> IndexUpdate:
        acknowledged = self._acknowledged() if listings.by_series or exported or marked else None
        update = IndexUpdate(findings=_findings_in_hours(exported, acknowledged))
        update.news = sum(each.is_news for each in update.findings)
        written = [*(done.task for done in exported), *marked]
        days = [task for task in written if task.series.granularity is Granularity.DAY]
        regions = sorted(
            {series.region for series in listings.by_series} | {task.series.region for task in days}
        )
        existing = set(self.bucket.keys(DAY_INDEX_PREFIX)) if regions else set()
        for region in regions:
            examined = RegionIndex(
                self.bucket,
                self.runtime,
                region,
                existing=existing,
                listed=listings.of(region),
                written={
                    (task.window.dt, task.series.slug): task.key
                    for task in days
                    if task.series.region == region
                },
                since=iso(since),
                comparable=self._comparable(),
                acknowledged=acknowledged,
            )
            try:
                examined.examine(update, until)
            except StorageError as error:
                logger.warning(
                    "The index of day files is left to the next run",
                    region=region,
                    error=str(error),
                )
        return update

    def _acknowledged(self) -> Acknowledgements | None:
        """Return what the operator has acknowledged; None if it cannot be read."""
        try:
            keys = self.bucket.keys(acknowledgements.PREFIX)
            files = [self.bucket.read_listed(key) for key in keys if not key.endswith("/")]
        except StorageError as error:
            logger.warning("Acknowledgements cannot be read", error=str(error))
            return None
        found, wrong = parse_acknowledgements(each.text for each in files if each)
        if wrong:
            logger.warning("Acknowledgements with mistakes are left out", lines=wrong)
        return found

    def _write(self, months: Sequence[MonthUpdate]) -> None:
        for each in months:
            self._write_month(each)

    def _write_month(self, update: MonthUpdate) -> None:
        key = day_index_key(update.region, update.month)
        rows, etag = update.before, update.etag
        for _ in range(_WRITE_ATTEMPTS):
            result = merged(rows, update.made, update.gone)
            if result == rows:
                return
            body = format_rows(result)
            try:
                self.bucket.publish(
                    key, io.BytesIO(body), hashlib.sha256(body).hexdigest(), {}, etag
                )
            except ConflictError:
                found = self.bucket.read_small(key)
                rows, etag = (parse_rows(found.text), found.etag) if found else ({}, None)
            else:
                return
        logger.warning("Other runs write the index of day files; the next run goes on", key=key)

    def _comparable(self) -> bool:
        filters = self.settings.filters
        return filters.get(ROOM_DATA.slug, {}) == filters.get(ATTENDEES.slug, {})


def _findings_in_hours(
    exported: Iterable[ExportedTask], acknowledged: Acknowledgements | None
) -> list[Finding]:
    """Return the findings of hour files, which have no index: what is wrong within each."""
    found = (
        duplicates_of(
            done.figures.duplicates or 0,
            done.fetched.summary.rows,
            (*_report_and_region(done), Granularity.HOUR.value, done.task.window.label),
        )
        for done in exported
        if done.task.series.granularity is Granularity.HOUR
        and done.figures.duplicates
        and done.state is not State.OPEN
    )
    known = acknowledged or Acknowledgements()
    return [
        replace(each, acknowledged=known.reason(each.code, each.region, each.start[:10]))
        for each in found
    ]


def _report_and_region(done: ExportedTask) -> tuple[str, str]:
    return done.task.series.slug, done.task.series.region
