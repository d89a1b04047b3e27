"""One task: from Kaltura's response to the object in the bucket."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO

from room_reports.deadline import Deadline
from room_reports.export.changes import Change, compare
from room_reports.export.errors import FewerRowsError, RowCapError, TooLateError
from room_reports.export.fetch import FetchedReport, ReportFetcher
from room_reports.export.piece_store import BucketPieceStore
from room_reports.export.planner import Reason, Task
from room_reports.export.receive import ConcurrentMap, Receiver, spool
from room_reports.kaltura.client import KalturaRegion
from room_reports.kaltura.request import ReportRequest
from room_reports.model.freshness import CLOCK_SKEW, State, milestones, state_at
from room_reports.model.windows import iso
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket, ObjectHead
from room_reports.storage.errors import ConflictError, StorageError, UnreadableCsvError
from room_reports.telemetry import logger

_PUBLISH_ATTEMPTS = 5
_TOLERATED_LOSS = 0.02
"""The share of an export's rows that may be missing in the next export of the same window."""


@dataclass(frozen=True)
class ExportedTask:
    """A task that was exported."""

    task: Task
    state: State
    fetched: FetchedReport
    change: Change | None
    """What it changed in the previous export, if there was one that could be read."""
    same: bool
    """Whether the bytes are those of the previous export, so that only metadata was written."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the object says of itself."""
    fewer_rows_than: int | None = None
    """The number of rows of the previous export, if an event accepted that there are fewer."""
    former_state: str | None = None
    """The state of the previous export, if there was one that says it."""


@dataclass(frozen=True)
class Superseded:
    """Another run has published a task in the meantime, or something newer."""


@dataclass(frozen=True)
class TaskExporter:
    """Exports the tasks of one run; safe to share between threads."""

    settings: Settings
    bucket: Bucket
    run_id: str
    clock: Callable[[], datetime]
    ahead: timedelta
    """How far the run's own time, which begins with its "now", is ahead of ``clock``."""
    listed_at: datetime
    """When the run looked at the bucket."""
    windows_with_pieces: frozenset[str] = frozenset()
    """The windows of which an earlier run has kept pieces."""

    def export(
        self,
        task: Task,
        region: KalturaRegion,
        deadline: Deadline,
        concurrently: ConcurrentMap,
    ) -> ExportedTask | Superseded:
        """Fetch, check, normalise and publish one report.

        Raises:
            KalturaError, StorageError, ConflictError, ExportError: Nothing was published.
        """
        started = self.clock()
        self._check_not_late(task, started)
        found = self._look_again(task)
        if found and self._is_done(task, found):
            return Superseded()
        request = self._request(task)
        # S3 wants to know a file's rows and hash before its first byte, and both are known only
        # after its last one. So the file waits here, on disk when it is large.
        with spool() as file:
            receiver = Receiver(self.settings, region, deadline, concurrently)
            store = self._piece_store(task, region, request)
            fetcher = ReportFetcher(receiver, store, lambda: self.clock().timestamp())
            fetched, accepted = self._fetch(task, fetcher, request, file, found)
            started = _oldest(started, fetched)
            self._check_not_late(task, started)
            state = state_at(task.window, self.settings.settle, started + self.ahead)
            metadata = self._metadata(task, region, fetched, state, started)
            change, same = self._change(task, file, metadata["sha256"], found)
            sha256 = fetched.summary.stored_sha256
            if not self._publish(task, file, sha256, metadata, found, same=same):
                return Superseded()
            former = found.metadata.get("state") if found and found.size else None
            return ExportedTask(task, state, fetched, change, same, metadata, accepted, former)

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

    def _is_done(self, task: Task, found: ObjectHead) -> bool:
        """Return whether another run has done the task since this one looked at the bucket."""
        if not found.size:
            return False  # an empty object is no export, but one that was retired, or not ours
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
        origin = [region.base_url, request.params(), self.settings.neutralise_formulas]
        return BucketPieceStore(
            bucket=self.bucket,
            window=name,
            origin=hashlib.sha256(json.dumps(origin).encode()).hexdigest(),
            since=passed[-1].timestamp(),
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
        if before is None or self._is_enough(fetched, before):
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
        if not self._is_enough(fetched, before):
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

    def _is_enough(self, fetched: FetchedReport, before: int) -> bool:
        return fetched.summary.rows >= before - int(before * _TOLERATED_LOSS)

    def _metadata(
        self,
        task: Task,
        region: KalturaRegion,
        fetched: FetchedReport,
        state: State,
        started: datetime,
    ) -> dict[str, str]:
        metadata = {
            "rows": str(fetched.summary.rows),
            "sha256": fetched.summary.sha256,
            "window-start": iso(task.window.start),
            "window-end": iso(task.window.end),
            "exported-at": iso(started),
            "state": state.value,
            "run-id": self.run_id,
            "schema": fetched.summary.schema,
            "time-zone": self.settings.zone.key,
            "filters": self.settings.filters_digest(task.report.slug),
            "source": region.base_url,
        }
        if fetched.pieces > 1:
            metadata["pieces"] = str(fetched.pieces)
        return metadata

    def _check_not_late(self, task: Task, started: datetime) -> None:
        """Refuse to publish after a milestone what was fetched before it.

        The planner tells by when an object was last written whether it was exported after a
        milestone. It would never replace this one by what Kaltura has at the milestone.
        """
        latest = self.clock() + CLOCK_SKEW
        passing = milestones(task.window, self.settings.settle)
        if any(started < moment <= latest for moment in passing):
            raise TooLateError(str(task))

    def _change(
        self, task: Task, file: IO[bytes], sha256: str, found: ObjectHead | None
    ) -> tuple[Change | None, bool]:
        """Return what the export changes in the previous one, and whether they are the same."""
        if found is None:
            return None, False
        if found.metadata.get("sha256") == sha256:
            return Change(), True
        with spool() as old:
            try:
                if self.bucket.read(task.key, old):
                    return compare(old, file, task.report.primary_key, compressed=task.gzip), False
            except (UnreadableCsvError, StorageError) as error:
                logger.warning(
                    "Replacing a file that is not strict CSV", task=task.key, error=str(error)
                )
        return None, False

    def _publish(
        self,
        task: Task,
        file: IO[bytes],
        sha256: str,
        metadata: dict[str, str],
        found: ObjectHead | None,
        *,
        same: bool,
    ) -> bool:
        """Publish unless something newer is there; return whether it did."""
        replacing = found.etag if found else None
        seen = found
        for _ in range(_PUBLISH_ATTEMPTS):
            try:
                if same and replacing:
                    self.bucket.replace_metadata(task.key, metadata, replacing)
                else:
                    self.bucket.publish(task.key, file, sha256, metadata, replacing)
            except ConflictError:
                found, same = self.bucket.head(task.key), False
                if found and found.metadata == metadata:
                    return True  # S3's response was lost, and boto3's retry met our own object
                if found and _is_newer(found, seen, task, metadata):
                    return False
                replacing = found.etag if found else None
            else:
                return True
        raise ConflictError(task.key, "PreconditionFailed")


def _oldest(started: datetime, fetched: FetchedReport) -> datetime:
    """Return when the oldest part of a report was fetched."""
    if fetched.fetched_at is None:
        return started
    return min(started, datetime.fromtimestamp(fetched.fetched_at, UTC))


def _is_newer(
    found: ObjectHead, seen: ObjectHead | None, task: Task, metadata: dict[str, str]
) -> bool:
    """Return whether another run has written since, and has fetched later than this one."""
    if seen and found.last_modified <= seen.last_modified:
        return False
    newer = found.metadata.get("exported-at", "") >= metadata["exported-at"]
    if newer:
        logger.info(
            "Another run published a newer export", task=task.key, run=found.metadata.get("run-id")
        )
    return newer
