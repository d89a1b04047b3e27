"""What a run has done so far: the results of its tasks, one by one, and in the end all together."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from room_reports.export.lateness import SeriesFreshness
from room_reports.export.planner import Plan, Task
from room_reports.export.publish import ExportedTask
from room_reports.export.region_index import IndexUpdate
from room_reports.export.result import FailedTask, RunResult, SampleResult, describe_error
from room_reports.export.tasks import Superseded
from room_reports.export.workers import Deferred, Failed, TaskResult, is_retryable
from room_reports.kaltura.errors import Fault, KalturaError
from room_reports.kaltura.redaction import masked
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import Series, quarantine_key
from room_reports.telemetry import logger


@dataclass
class Progress:
    """What a run has done so far."""

    run_id: str
    bucket: Bucket
    started: datetime
    mask: bool = False
    """Whether what is kept of a response must not have personal data."""
    exported: list[ExportedTask] = field(default_factory=list)
    failed: list[FailedTask] = field(default_factory=list)
    deferred: list[Task] = field(default_factory=list)
    superseded: int = 0
    quarantined: int = 0
    retired: list[str] = field(default_factory=list)
    emptied: Mapping[Series, tuple[str, ...]] = field(default_factory=dict)
    failed_samples: list[FailedTask] = field(default_factory=list)
    samples_not_asked: int = 0
    marked: list[Task] = field(default_factory=list)
    """Samples of which Kaltura returned fewer rows than the file has, as the file says now."""

    def record(self, task: Task, result: TaskResult) -> None:
        """Record the result of a task, and log it."""
        match result:
            case ExportedTask():
                self.exported.append(result)
                _log_exported(result)
            case Superseded():
                self.superseded += 1
            case Deferred():
                self.deferred.append(task)
            case Failed(error=error):
                self.failed.append(_failed(task, describe_error(error, mask=self.mask), error))
                self.quarantined += self._quarantine(task, error)

    def record_sample(self, task: Task, result: TaskResult) -> None:
        """Record the result of a sample, which is not due: the run neither fails nor is late."""
        match result:
            case ExportedTask():
                self.exported.append(result)
                _log_exported(result)
            case Superseded():
                pass
            case Deferred():
                self.samples_not_asked += 1
            case Failed(error=error):
                text = describe_error(error, mask=self.mask)
                self.failed_samples.append(_failed(task, text, error))
                self.quarantined += self._quarantine(task, error)

    def result(self, plan: Plan, now: datetime, checked: IndexUpdate) -> RunResult:
        """Return the result of the run.

        Args:
            plan: What is left of it.
            now: The run's "now".
            checked: What the quality checks have found.
        """
        unfinished: dict[Series, list[Task]] = {series: [] for series in plan}
        for task in (*self.deferred, *(failed.task for failed in self.failed)):
            unfinished[task.series].append(task)
        left = sum(map(len, plan.values()))
        order = {series: place for place, series in enumerate(plan)}

        def place(task: Task) -> tuple[int, float, float, int]:
            window = task.window
            end, start = window.end.timestamp(), window.start.timestamp()
            return task.reason, -end, -start, order[task.series]

        return RunResult(
            run_id=self.run_id,
            exported=tuple(sorted(self.exported, key=lambda done: place(done.task))),
            skipped=sum(planned.skipped for planned in plan.values()) + self.superseded,
            deferred=left + len(self.deferred),
            failed=tuple(sorted(self.failed, key=lambda failed: place(failed.task))),
            quarantined=self.quarantined,
            freshness=tuple(
                SeriesFreshness.of(planned, unfinished[series], now)
                for series, planned in plan.items()
            ),
            retired=tuple(self.retired),
            other_filters={
                series: tuple(planned.other_filters)
                for series, planned in plan.items()
                if planned.other_filters
            },
            other_privacy={
                series: tuple(planned.other_privacy)
                for series, planned in plan.items()
                if planned.other_privacy
            },
            findings=tuple(checked.findings),
            new_findings=checked.news,
            samples=self._samples(),
            expired=sum(planned.expired for planned in plan.values()),
            emptied=self.emptied,
        )

    def _samples(self) -> SampleResult:
        answered = [done for done in self.exported if done.task.is_sample]
        return SampleResult(
            asked=len(answered) + len(self.failed_samples),
            changed=sum(not done.in_names_only for done in answered),
            not_asked=self.samples_not_asked,
            failed=tuple(self.failed_samples),
        )

    def _quarantine(self, task: Task, error: BaseException) -> bool:
        """Keep a response that could not be read, for the operator to inspect."""
        if not isinstance(error, KalturaError) or error.response_sample is None:
            return False
        sample = error.response_sample
        body = masked(sample.body) if self.mask else sample.body
        document = {
            "task": task.key,
            "error": str(error),
            "status": sample.status,
            "headers": dict(sample.headers),
            "body": body.decode(errors="backslashreplace"),
        }
        key = quarantine_key(self.started, self.run_id, task.series, task.window)
        try:
            self.bucket.write_json(key, json.dumps(document, ensure_ascii=False, indent=1))
        except StorageError as failure:
            logger.error("Could not quarantine", task=task.key, error=str(failure))
            return False
        logger.error("Quarantined", task=task.key, quarantine_key=key)
        return True


def _failed(task: Task, text: str, error: BaseException) -> FailedTask:
    if task.is_sample:
        logger.warning("Sample failed", task=task.key, error=text)
    else:
        logger.error("Failed", task=task.key, error=text)
    region_fault = isinstance(error, KalturaError) and error.fault is Fault.REGION
    return FailedTask(task, text, is_retryable(error), region_fault)


def _log_exported(done: ExportedTask) -> None:
    summary, key = done.fetched.summary, done.task.key
    logger.info("Exported", task=key, rows=summary.rows, state=done.state)
    if summary.unknown_columns:
        logger.warning("Unknown columns", task=key, columns=summary.unknown_columns)
    if done.fetched.replaced:
        logger.warning("Invalid UTF-8 replaced", task=key, count=done.fetched.replaced)
    if done.fewer_rows_than is not None:
        logger.warning("Fewer rows accepted", task=key, published=done.fewer_rows_than)
