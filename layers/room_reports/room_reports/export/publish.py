"""One task: fetching a report, and publishing it as an object in the bucket."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO

from room_reports.deadline import Deadline
from room_reports.export.changes import Change, compare
from room_reports.export.errors import TooLateError
from room_reports.export.fetch import FetchedReport, fetch_report
from room_reports.export.planner import Task
from room_reports.export.receive import Receiver, spool
from room_reports.kaltura.client import KalturaRegion
from room_reports.kaltura.request import ReportRequest
from room_reports.model.freshness import CLOCK_SKEW, State, milestones, state_at
from room_reports.model.windows import iso
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket, ObjectHead
from room_reports.storage.errors import ConflictError, UnreadableCsvError
from room_reports.telemetry import logger

_PUBLISH_ATTEMPTS = 5


@dataclass(frozen=True)
class ExportedTask:
    """A task that was completed."""

    task: Task
    state: State
    fetched: FetchedReport
    change: Change | None
    """The differences from the previous export, if there is one that can be read."""
    same: bool
    """Whether the bytes equal those of the previous export, so that only metadata was written."""


@dataclass(frozen=True)
class TaskExporter:
    """Executes the tasks of one run; safe to share between threads."""

    settings: Settings
    bucket: Bucket
    run_id: str
    clock: Callable[[], datetime]
    ahead: timedelta
    """The difference between the run's own time, which begins with its "now", and ``clock``."""

    def export(self, task: Task, region: KalturaRegion, deadline: Deadline) -> ExportedTask | None:
        """Fetch, check, normalise and publish one report.

        Returns:
            The completed task, or None if another run published a newer export in the meantime.

        Raises:
            KalturaError: If the report cannot be fetched.
            HeaderError: If the report's header does not fit the catalogue.
            RowCapError: If Kaltura cuts the report off and no smaller request avoids it.
            StorageError: If S3 refuses or fails.
            ConflictError: If other runs replace the object again and again.
            TooLateError: If a milestone passes between fetching and publishing.
        """
        started = self.clock()
        self._check_not_late(task, started)  # before fetching, which would be useless
        request = ReportRequest(
            report=task.report,
            start=int(task.window.start.timestamp()),
            end=int(task.window.end.timestamp()),
            filters=self.settings.filters.get(task.report.slug, {}),
        )
        # The number of rows and the hash are known only at the end of the file, but S3 needs them
        # before its first byte. So the file is spooled first, on disk if it is large.
        with spool() as file:
            receiver = Receiver(self.settings, region, deadline)
            fetched = fetch_report(receiver, request, file, compress=task.gzip)
            self._check_not_late(task, started)
            state = state_at(task.window, self.settings.settle, started + self.ahead)
            metadata = self._metadata(task, fetched, state, started)
            found = self.bucket.head(task.key) if task.stored else None
            if found and _is_newer(found, task, metadata):
                return None
            change, same = self._change(task, file, metadata["sha256"], found)
            if not self._publish(task, file, metadata, same=same):
                return None
            return ExportedTask(task, state, fetched, change, same)

    def _metadata(
        self, task: Task, fetched: FetchedReport, state: State, started: datetime
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
        }
        if fetched.pieces > 1:
            metadata["pieces"] = str(fetched.pieces)
        return metadata

    def _check_not_late(self, task: Task, started: datetime) -> None:
        """Raise TooLateError if a milestone passes between the start of the export and now.

        The planner compares an object's last modification with the milestones. It would take such
        an object for one that was fetched after the milestone, and never replace it.
        """
        latest = self.clock() + CLOCK_SKEW
        passing = milestones(task.window, self.settings.settle)
        if any(started < moment <= latest for moment in passing):
            raise TooLateError(str(task))

    def _change(
        self, task: Task, file: IO[bytes], sha256: str, found: ObjectHead | None
    ) -> tuple[Change | None, bool]:
        """Return what the export changes in the previous one, and whether their bytes are equal."""
        if found is None or task.stored is None:
            return None, False
        if found.metadata.get("sha256") == sha256:
            return Change(), task.stored.etag == found.etag
        with spool() as old:
            try:
                if self.bucket.read(task.key, old):
                    return compare(old, file, task.report.primary_key, compressed=task.gzip), False
            except UnreadableCsvError as error:
                logger.warning("The previous export is unreadable", task=task.key, error=str(error))
        return None, False

    def _publish(
        self, task: Task, file: IO[bytes], metadata: dict[str, str], *, same: bool
    ) -> bool:
        """Publish unless the object is newer already; return whether it was published."""
        replacing = task.stored.etag if task.stored else None
        for _ in range(_PUBLISH_ATTEMPTS):
            try:
                if same and replacing:
                    self.bucket.replace_metadata(task.key, metadata, replacing)
                else:
                    self.bucket.publish(task.key, file, metadata, replacing)
            except ConflictError:
                found, same = self.bucket.head(task.key), False
                if found and found.metadata == metadata:
                    return True  # S3's response was lost, and boto3's retry found our own object
                if found and _is_newer(found, task, metadata):
                    return False
                replacing = found.etag if found else None
            else:
                return True
        raise ConflictError(task.key)


def _is_newer(found: ObjectHead, task: Task, metadata: dict[str, str]) -> bool:
    """Return whether another run has since written an export that was fetched later."""
    if task.stored and found.last_modified <= task.stored.last_modified:
        return False
    newer = found.metadata.get("exported-at", "") >= metadata["exported-at"]
    if newer:
        logger.info(
            "Another run published a newer export", task=task.key, run=found.metadata.get("run-id")
        )
    return newer
