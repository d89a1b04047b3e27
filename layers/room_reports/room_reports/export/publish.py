"""One task's complete report, published as one object in the bucket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO

from room_reports.export.changes import Change, compare
from room_reports.export.fetch import FetchedReport
from room_reports.export.planner import Task
from room_reports.export.receive import spool
from room_reports.export.tasks import FetchedTask, Superseded, check_not_late
from room_reports.model.freshness import State, state_at
from room_reports.model.windows import iso
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import ConflictError, StorageError, UnreadableCsvError
from room_reports.storage.figures import Figures, count_figures
from room_reports.storage.objects import ObjectHead
from room_reports.telemetry import logger

_PUBLISH_ATTEMPTS = 5


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
    former_exported_at: str | None = None
    """When the previous export began to be fetched, if there was one that says it."""
    figures: Figures = field(default_factory=Figures)
    """What is counted in the file."""

    @property
    def in_names_only(self) -> bool:
        """Whether nothing changed in the previous export but names of rooms and users."""
        return self.same or (self.change is not None and self.change.in_names_only)


@dataclass(frozen=True)
class TaskPublisher:
    """Publishes the reports of one run's tasks; safe to share between threads."""

    settings: Settings
    bucket: Bucket
    run_id: str
    clock: Callable[[], datetime]
    ahead: timedelta
    """How far the run's own time, which begins with its "now", is ahead of ``clock``."""

    def publish(self, done: FetchedTask) -> ExportedTask | Superseded:
        """Publish a report that was fetched, and close its file.

        Raises:
            StorageError, ConflictError, TooLateError: Nothing was published.
        """
        task, found = done.task, done.found
        with done.file as file:
            check_not_late(task, self.settings.settle, done.started, self.clock())
            state = state_at(task.window, self.settings.settle, done.started + self.ahead)
            metadata = self._metadata(done, state)
            change, same = self._change(task, file, metadata["sha256"], found)
            figures = Figures.of(found.metadata) if found and same else None
            figures = figures or count_figures(
                file, done.fetched.summary.columns, task.report, compressed=task.gzip
            )
            metadata |= figures.metadata()
            sha256 = done.fetched.summary.stored_sha256
            if not self._publish(task, file, sha256, metadata, found, same=same):
                return Superseded()
            former = found.metadata if found and found.size else {}
            return ExportedTask(
                task,
                state,
                done.fetched,
                change,
                same,
                metadata,
                done.fewer_rows_than,
                former.get("state"),
                former.get("exported-at"),
                figures,
            )

    def _metadata(self, done: FetchedTask, state: State) -> dict[str, str]:
        task, fetched = done.task, done.fetched
        metadata = {
            "rows": str(fetched.summary.rows),
            "sha256": fetched.summary.sha256,
            "window-start": iso(task.window.start),
            "window-end": iso(task.window.end),
            "exported-at": iso(done.started),
            "state": state.value,
            "run-id": self.run_id,
            "schema": fetched.summary.schema,
            "time-zone": self.settings.zone.key,
            "filters": self.settings.filters_digest(task.report.slug),
            "source": done.region.base_url,
        }
        if privacy := self.settings.privacy.digest(task.report.slug):
            metadata["privacy"] = privacy
        if fetched.pieces > 1:
            metadata["pieces"] = str(fetched.pieces)
        return metadata

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
                    report = task.report
                    change = compare(
                        old,
                        file,
                        report.primary_key,
                        compressed=task.gzip,
                        names=report.names,
                    )
                    return change, False
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
