"""Doing one task: from Kaltura's answer to the object in the bucket."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from room_reports.deadline import Deadline
from room_reports.exporting.planner import Task, milestones, state_at
from room_reports.lake.bucket import Bucket, ConflictError
from room_reports.normalise import CsvSummary, write_csv
from room_reports.settings import CLOCK_SKEW, Settings
from room_reports.source.client import KalturaRegion
from room_reports.source.dialect import KalturaCsv
from room_reports.source.errors import TaskError
from room_reports.source.request import ReportRequest
from room_reports.telemetry import logger
from room_reports.windows import iso

_IN_MEMORY = 8 << 20
"""Bytes of a report beyond which it waits on disk for its publication."""
_PUBLISH_ATTEMPTS = 5


class RowCapError(TaskError):
    """Raised for an answer that Kaltura may have cut off, which is never published."""

    def __init__(self, rows: int) -> None:
        super().__init__(
            "ROW_CAP",
            f"the report has exactly {rows} rows, where Kaltura cuts reports off silently",
        )


class TooLateError(Exception):
    """Raised when an export took so long that it could pass for a later one than it is."""


@dataclass(frozen=True)
class Exported:
    """A task that was done."""

    task: Task
    state: str
    rows: int
    size: int
    """Bytes before compression."""
    sha256: str
    unknown_columns: tuple[str, ...]
    replaced: int
    """Invalid sequences of UTF-8 in Kaltura's answer."""


@dataclass(frozen=True)
class Exporter:
    """Does tasks of one run; safe to share between threads."""

    settings: Settings
    bucket: Bucket
    run_id: str
    now: datetime
    """The run's "now", by which an export's state is told."""
    clock: Callable[[], datetime]

    def export(self, task: Task, region: KalturaRegion, deadline: Deadline) -> Exported | None:
        """Fetches, checks, normalises and publishes one report.

        Returns:
            What was published; None when another run published something newer meanwhile.

        Raises:
            KalturaError, HeaderError, LakeError, TooLateError: and then nothing was published.
        """
        started = self.clock()
        # What is known of a file only at its end, its rows and hash, must be sent to S3 before
        # its first byte. So it waits here, on disk when it is large; one PUT is atomic, too.
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            summary, replaced = self._fetch(task, region, spool, deadline)
            if summary.rows in self.settings.row_caps:
                raise RowCapError(summary.rows)
            self._check_not_late(task, started)
            exported = Exported(
                task=task,
                state=state_at(task.window, self.settings.settle, self.now),
                rows=summary.rows,
                size=summary.size,
                sha256=summary.sha256,
                unknown_columns=summary.unknown_columns,
                replaced=replaced,
            )
            metadata = {
                "rows": str(summary.rows),
                "sha256": summary.sha256,
                "window-start": iso(task.window.start),
                "window-end": iso(task.window.end),
                "exported-at": iso(started),
                "state": exported.state,
                "run-id": self.run_id,
                "schema": summary.schema,
            }
            return exported if self._publish(task, spool, metadata) else None

    def _fetch(
        self, task: Task, region: KalturaRegion, spool: IO[bytes], deadline: Deadline
    ) -> tuple[CsvSummary, int]:
        def consume(chunks: Iterator[bytes]) -> tuple[CsvSummary, int]:
            spool.seek(0)
            spool.truncate()
            answer = KalturaCsv(chunks)
            summary = write_csv(
                answer.header,
                answer,
                task.report,
                spool,
                neutralise=self.settings.neutralise_formulas,
                compress=task.key.endswith(".gz"),
            )
            return summary, answer.replaced

        request = ReportRequest(
            report=task.report,
            start=int(task.window.start.timestamp()),
            end=int(task.window.end.timestamp()),
            filters=self.settings.filters.get(task.report.slug, {}),
        )
        return region.fetch(request, consume, deadline)

    def _check_not_late(self, task: Task, started: datetime) -> None:
        """Refuses to publish after a milestone what was fetched before it.

        The planner tells by when an object was last written whether it was exported after a
        milestone, so that this one would never be replaced by what Kaltura has at the milestone.
        """
        latest = self.clock() + CLOCK_SKEW
        if any(
            started < moment <= latest for moment in milestones(task.window, self.settings.settle)
        ):
            raise TooLateError(str(task))

    def _publish(self, task: Task, spool: IO[bytes], metadata: dict[str, str]) -> bool:
        """Publishes unless something newer is there; says whether it did."""
        replacing = task.stored.etag if task.stored else None
        for _ in range(_PUBLISH_ATTEMPTS):
            try:
                self.bucket.publish(task.key, spool, metadata, replacing)
            except ConflictError:
                found = self.bucket.metadata(task.key)
                if found is None:
                    replacing = None
                    continue
                replacing, theirs = found
                if (
                    theirs.get("run-id") == self.run_id
                    and theirs.get("sha256") == metadata["sha256"]
                ):
                    return True  # an answer of S3's was lost, and the retry met our own object
                if theirs.get("exported-at", "") >= metadata["exported-at"]:
                    logger.info("Another run was faster", task=str(task), run=theirs.get("run-id"))
                    return False
            else:
                return True
        raise ConflictError(task.key)
