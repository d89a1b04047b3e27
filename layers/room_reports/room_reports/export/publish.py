"""Doing one task: from Kaltura's answer to the object in the bucket."""

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
    """A task that was done."""

    task: Task
    state: State
    fetched: FetchedReport
    change: Change | None
    """What it changed in the export before it, if there was one that could be read."""
    same: bool
    """Whether the bytes are those of the export before it, so that only metadata was written."""


@dataclass(frozen=True)
class TaskExporter:
    """Does tasks of one run; safe to share between threads."""

    settings: Settings
    bucket: Bucket
    run_id: str
    clock: Callable[[], datetime]
    ahead: timedelta
    """What to add to ``clock`` for the run's own time, which begins with its "now"."""

    def export(self, task: Task, region: KalturaRegion, deadline: Deadline) -> ExportedTask | None:
        """Fetches, checks, normalises and publishes one report.

        Returns:
            What was published; None when another run published something newer meanwhile.

        Raises:
            KalturaError, StorageError, ConflictError, TooLateError: and then nothing was published.
        """
        started = self.clock()
        self._check_not_late(task, started)  # in vain, if it is late already
        request = ReportRequest(
            report=task.report,
            start=int(task.window.start.timestamp()),
            end=int(task.window.end.timestamp()),
            filters=self.settings.filters.get(task.report.slug, {}),
        )
        # What is known of a file only at its end, its rows and hash, must be sent to S3 before
        # its first byte. So it waits here, on disk when it is large; one PUT is atomic, too.
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
        """Refuses to publish after a milestone what was fetched before it.

        The planner tells by when an object was last written whether it was exported after a
        milestone, so that this one would never be replaced by what Kaltura has at the milestone.
        """
        latest = self.clock() + CLOCK_SKEW
        passing = milestones(task.window, self.settings.settle)
        if any(started < moment <= latest for moment in passing):
            raise TooLateError(str(task))

    def _change(
        self, task: Task, file: IO[bytes], sha256: str, found: ObjectHead | None
    ) -> tuple[Change | None, bool]:
        """What the export changes in the one that the planner saw, and whether nothing at all."""
        if found is None or task.stored is None:
            return None, False
        if found.metadata.get("sha256") == sha256:
            return Change(), task.stored.etag == found.etag
        with spool() as old:
            try:
                if self.bucket.read(task.key, old):
                    return compare(old, file, task.report.primary_key, compressed=task.gzip), False
            except UnreadableCsvError as error:
                logger.warning("The export before is unreadable", task=task.key, error=str(error))
        return None, False

    def _publish(
        self, task: Task, file: IO[bytes], metadata: dict[str, str], *, same: bool
    ) -> bool:
        """Publishes unless something newer is there; says whether it did."""
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
                    return True  # S3's answer was lost, and boto3's retry met our own object
                if found and _is_newer(found, task, metadata):
                    return False
                replacing = found.etag if found else None
            else:
                return True
        raise ConflictError(task.key)


def _is_newer(found: ObjectHead, task: Task, metadata: dict[str, str]) -> bool:
    """Whether another run has written since the planner looked, and what it fetched later."""
    if task.stored and found.last_modified <= task.stored.last_modified:
        return False
    newer = found.metadata.get("exported-at", "") >= metadata["exported-at"]
    if newer:
        logger.info("Another run was faster", task=task.key, run=found.metadata.get("run-id"))
    return newer
