"""One run: everything that is due, several tasks at once, and no failure stops the others."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from aws_lambda_powertools.metrics import MetricUnit

from room_reports.deadline import Deadline
from room_reports.errors import RoomReportsError
from room_reports.export.errors import RowCapError, RunFailedError
from room_reports.export.planner import Listing, Plan, Task, plan
from room_reports.export.publish import ExportedTask, TaskExporter
from room_reports.export.result import FailedTask, RunResult
from room_reports.export.scope import Scope
from room_reports.export.workers import Deferred, Superseded, TaskResult, WorkerPool
from room_reports.kaltura.client import KalturaRegion
from room_reports.kaltura.errors import KalturaError
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket, StoredObject, latest_by_label
from room_reports.storage.errors import StorageError
from room_reports.storage.keys import Series, quarantine_key, run_record_key
from room_reports.telemetry import logger, metrics

_CONCURRENT_LISTINGS = 8
_LATEST_DELIVERY = timedelta(hours=1)
"""How late EventBridge may deliver an event: the limit that the template sets."""


@dataclass(frozen=True)
class Run:
    """The work of one invocation."""

    run_id: str
    settings: Settings
    regions: Mapping[str, KalturaRegion]
    bucket: Bucket
    deadline: Deadline
    clock: Callable[[], datetime]

    def execute(self, scope: Scope) -> RunResult:
        """Export what is due within ``scope`` and write the run record.

        Raises:
            RunFailedError: If a task failed, after all others have finished.
            StorageError: If the bucket cannot be listed or the record cannot be written.
        """
        started = self.clock()
        due = plan(scope, self.settings.settle, self._listing(scope), gzip=self.settings.gzip)
        logger.info("Planned", due=len(due.tasks), skipped=due.skipped, trigger=scope.trigger)
        result = self._result(due, self._work(due, scope), started)
        record = result.run_record(scope, started, self.clock())
        self.bucket.write_json(run_record_key(started, self.run_id), record)
        _measure(result)
        if result.failed:
            raise RunFailedError(result.to_dict())
        return result

    def _listing(self, scope: Scope) -> Listing:
        def stored(series: Series) -> Mapping[str, StoredObject]:
            days = [window.dt for window in scope.windows(series.granularity)]
            return latest_by_label(self.bucket.exports(series, days[0], days[-1])) if days else {}

        wanted = [
            Series(report.slug, region, granularity)
            for report, region, granularity in scope.series()
        ]
        with ThreadPoolExecutor(_CONCURRENT_LISTINGS) as pool:
            return dict(zip(wanted, pool.map(stored, wanted), strict=True))

    def _work(self, due: Plan, scope: Scope) -> Sequence["Future[TaskResult]"]:
        """Carry out the tasks, those of each region in their order."""
        exporter = TaskExporter(
            self.settings, self.bucket, self.run_id, self.clock, self._ahead(scope)
        )
        pools = {
            name: WorkerPool(self.regions[name], exporter, self.deadline, self.settings.concurrency)
            for name in scope.regions
        }
        futures = [pools[task.series.region].submit(task) for task in due.tasks]
        for pool in pools.values():
            pool.close()
        return futures

    def _ahead(self, scope: Scope) -> timedelta:
        """Return how far the run's own time is ahead of the clock.

        An event can be delivered late, and then the export is as fresh as the clock says. Only an
        event of another time altogether, such as a replay, brings a time of its own.
        """
        ahead = scope.now - self.clock()
        return timedelta() if -_LATEST_DELIVERY <= ahead <= timedelta() else ahead

    def _result(
        self, due: Plan, futures: Sequence["Future[TaskResult]"], started: datetime
    ) -> RunResult:
        exported: list[ExportedTask] = []
        failed: list[FailedTask] = []
        superseded = deferred = 0
        for task, future in zip(due.tasks, futures, strict=True):
            error = future.exception()
            if error:
                failed.append(_failed(task, error))
                self._quarantine(task, error, started)
                continue
            match future.result():
                case Deferred():
                    deferred += 1
                case Superseded():
                    superseded += 1
                case ExportedTask() as done:
                    exported.append(done)
                    _log_exported(done)
        return RunResult(
            run_id=self.run_id,
            exported=tuple(exported),
            skipped=due.skipped + superseded,
            deferred=deferred,
            failed=tuple(failed),
        )

    def _quarantine(self, task: Task, error: BaseException, started: datetime) -> None:
        """Keep a response that could not be read, for the operator to inspect."""
        if not isinstance(error, KalturaError) or error.response_sample is None:
            return
        sample = error.response_sample
        document = {
            "task": task.key,
            "error": str(error),
            "status": sample.status,
            "headers": dict(sample.headers),
            "body": sample.body.decode(errors="backslashreplace"),
        }
        key = quarantine_key(started, self.run_id, task.series, task.window)
        try:
            self.bucket.write_json(key, json.dumps(document, ensure_ascii=False, indent=1))
        except StorageError as failure:
            logger.error("Could not quarantine", task=task.key, error=str(failure))
        else:
            logger.error("Quarantined", task=task.key, quarantine_key=key)


def _failed(task: Task, error: BaseException) -> FailedTask:
    known = isinstance(error, KalturaError | RowCapError)
    text = str(error) if known else f"{type(error).__name__}: {error}"
    logger.error("Failed", task=task.key, error=text)
    return FailedTask(task, text, isinstance(error, RoomReportsError) and error.retryable)


def _log_exported(done: ExportedTask) -> None:
    summary, key = done.fetched.summary, done.task.key
    logger.info("Exported", task=key, rows=summary.rows, state=done.state)
    if summary.unknown_columns:
        logger.warning("Unknown columns", task=key, columns=summary.unknown_columns)
    if done.fetched.replaced:
        logger.warning("Invalid UTF-8 replaced", task=key, count=done.fetched.replaced)


def _measure(result: RunResult) -> None:
    for name, value in {
        "TasksExported": len(result.exported),
        "TasksFailed": len(result.failed),
        "TasksDeferred": result.deferred,
        "RowsExported": sum(done.fetched.summary.rows for done in result.exported),
    }.items():
        metrics.add_metric(name, MetricUnit.Count, value)
