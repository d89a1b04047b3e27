"""One task up to its complete report: look at the bucket again, fetch, and check for lost rows."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import IO

from room_reports.deadline import Deadline
from room_reports.export.erasure import leave_out
from room_reports.export.errors import FewerRowsError, RowCapError, TooLateError
from room_reports.export.fetch import FetchedReport, ReportFetcher
from room_reports.export.piece_store import BucketPieceStore
from room_reports.export.planner import Reason, Task
from room_reports.export.receive import ConcurrentMap, Receiver, spool
from room_reports.kaltura.client import KalturaRegion
from room_reports.kaltura.request import ReportRequest
from room_reports.model.freshness import CLOCK_SKEW, milestones
from room_reports.model.windows import iso
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.objects import ObjectHead
from room_reports.telemetry import logger

_TOLERATED_LOSS = 0.02
"""The share of an export's rows that may be missing in the next one, if that is due."""


@dataclass(frozen=True)
class Superseded:
    """Another run has published a task in the meantime, or something newer."""


@dataclass(frozen=True)
class FetchedTask:
    """A task whose report was fetched and is complete."""

    task: Task
    region: KalturaRegion
    fetched: FetchedReport
    file: IO[bytes]
    """The report as strict CSV."""
    started: datetime
    """When Kaltura was asked for it, or for the oldest of its pieces."""
    found: ObjectHead | None
    """What the bucket held before."""
    fewer_rows_than: int | None
    """The published number of rows, if an event accepted that there are fewer."""


@dataclass(frozen=True)
class TaskFetcher:
    """Fetches the reports of one run's tasks; safe to share between threads."""

    settings: Settings
    bucket: Bucket
    clock: Callable[[], datetime]
    ahead: timedelta
    """How far the run's own time, which begins with its "now", is ahead of ``clock``."""
    listed_at: datetime
    """When the run looked at the bucket."""
    windows_with_pieces: frozenset[str] = frozenset()
    """The windows of which an earlier run has kept pieces."""

    def fetch(
        self,
        task: Task,
        region: KalturaRegion,
        deadline: Deadline,
        concurrently: ConcurrentMap,
    ) -> FetchedTask | Superseded:
        """Fetch, check and normalise one report.

        Raises:
            KalturaError, StorageError, ExportError: The report was not fetched.
        """
        started = self.clock()
        check_not_late(task, self.settings.settle, started, started)
        found = self._look_again(task)
        if self._is_done(task, found):
            return Superseded()
        request = self._request(task)
        # S3 wants to know a file's rows and hash before its first byte, and both are known only
        # after its last one. So the file waits here, on disk when it is large.
        file = spool()
        try:
            receiver = Receiver(self.settings, region, deadline, concurrently)
            store = self._piece_store(task, region, request)
            fetcher = ReportFetcher(receiver, store, lambda: self.clock().timestamp())
            fetched, accepted = self._fetch(task, fetcher, request, file, found)
            if suppression := self.settings.suppression:
                summary = leave_out(
                    file, fetched.summary, task.report, suppression.removed, compress=task.gzip
                )
                fetched = replace(fetched, summary=summary)
        except BaseException:
            file.close()
            raise
        return FetchedTask(task, region, fetched, file, _oldest(started, fetched), found, accepted)

    def _request(self, task: Task) -> ReportRequest:
        return ReportRequest(
            report=task.report,
            start=int(task.window.start.timestamp()),
            end=int(task.window.end.timestamp()),
            filters=self.settings.filters.get(task.report.slug, {}),
        )

    def _look_again(self, task: Task) -> ObjectHead | None:
        """Return what the bucket holds for a task now, right before Kaltura is asked.

        Another run can have exported it since this one has listed the bucket. To look costs a few
        milliseconds, and to ask Kaltura in vain some seconds.
        """
        if task.replaces or self.bucket.find(task.key):
            return self.bucket.head(task.key)
        return None

    def _is_done(self, task: Task, found: ObjectHead | None) -> bool:
        """Return whether another run has done the task since this one looked at the bucket.

        A sample is also done when there is no file that it could be compared with.
        """
        if found is None or not found.size:
            # An empty object is no export, but one that was retired, or not ours.
            return task.is_sample
        if task.since:
            return found.last_modified >= task.since or self._comparable_rows(task, found) is None
        if task.reason is Reason.RECUT:
            return self._comparable_rows(task, found) is not None
        if task.reason in (Reason.OPEN, Reason.FORCED):
            return found.last_modified > self.listed_at + CLOCK_SKEW
        now = self.clock() + self.ahead
        passed = [m for m in milestones(task.window, self.settings.settle) if m <= now]
        return bool(passed) and found.last_modified >= passed[-1]

    def _piece_store(
        self, task: Task, region: KalturaRegion, request: ReportRequest
    ) -> BucketPieceStore | None:
        now = self.clock() + self.ahead
        passed = [m for m in milestones(task.window, self.settings.settle) if m <= now]
        if not passed or self.ahead:
            return None  # what an open window has now is out of date in the next run
        name = task.series.file_name(task.window.label).removesuffix(".csv")
        privacy = self.settings.privacy.digest(task.report.slug)
        origin = [region.base_url, request.params(), self.settings.neutralise_formulas, privacy]
        if self.settings.suppression:
            origin.append(self.settings.suppression.digest)
        return BucketPieceStore(
            bucket=self.bucket,
            window=name,
            origin=hashlib.sha256(json.dumps(origin).encode()).hexdigest(),
            since=max(passed[-1], task.since or passed[-1]).timestamp(),
            exists=name in self.windows_with_pieces,
            clock=lambda: self.clock().timestamp(),
        )

    def _fetch(
        self,
        task: Task,
        fetcher: ReportFetcher,
        request: ReportRequest,
        file: IO[bytes],
        found: ObjectHead | None,
    ) -> tuple[FetchedReport, int | None]:
        """Fetch a report that does not lack rows of the published one, or that may lack them.

        Returns:
            The report, and the published number of rows if an event accepted that there are fewer.

        Raises:
            FewerRowsError: If the report lacks rows, asked for in another way as well.
        """
        fetched = fetcher.fetch(request, file, compress=task.gzip)
        before = self._comparable_rows(task, found)
        if before is None or _is_enough(task, fetched, before):
            return fetched, None
        logger.warning(
            "Fewer rows than published", task=task.key, rows=fetched.summary.rows, published=before
        )
        if task.forced:
            return fetched, before
        if request.report.room_filter:
            try:
                fetched = fetcher.fetch_by_room(request, file, compress=task.gzip)
            except RowCapError as error:
                raise FewerRowsError(task.key, before, fetched.summary.rows) from error
        if not _is_enough(task, fetched, before):
            raise FewerRowsError(task.key, before, fetched.summary.rows)
        return fetched, None

    def _comparable_rows(self, task: Task, found: ObjectHead | None) -> int | None:
        """Return the published number of rows; None if it is unknown or of another request."""
        if found is None:
            return None
        metadata = found.metadata
        same_request = (
            metadata.get("window-start", ""),
            metadata.get("window-end", ""),
            metadata.get("filters", "none"),
        ) == (
            iso(task.window.start),
            iso(task.window.end),
            self.settings.filters_digest(task.report.slug),
        )
        text = metadata.get("rows", "")
        return int(text) if same_request and text.isascii() and text.isdigit() else None


def _is_enough(task: Task, fetched: FetchedReport, before: int) -> bool:
    """Return whether a report may replace the published one with this number of rows.

    A sample may lack none: it replaces a file that has settled, and nothing else would tell.
    """
    tolerated = 0 if task.is_sample else int(before * _TOLERATED_LOSS)
    return fetched.summary.rows >= before - tolerated


def check_not_late(task: Task, settle: timedelta, started: datetime, now: datetime) -> None:
    """Refuse to publish after a milestone what was fetched before it.

    The planner tells by when an object was last written whether it was exported after a
    milestone. It would never replace this one by what Kaltura has at the milestone.

    Raises:
        TooLateError: If a milestone lies between ``started`` and ``now``, or is about to pass.
    """
    passing = milestones(task.window, settle)
    if any(started < moment <= now + CLOCK_SKEW for moment in passing):
        raise TooLateError(str(task))


def _oldest(started: datetime, fetched: FetchedReport) -> datetime:
    """Return when the oldest part of a report was fetched."""
    if fetched.fetched_at is None:
        return started
    return min(started, datetime.fromtimestamp(fetched.fetched_at, UTC))
