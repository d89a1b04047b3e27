"""One run: everything that is due, several tasks at once, and no failure stopping the others."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from aws_lambda_powertools.metrics import MetricUnit

from room_reports.deadline import Deadline
from room_reports.exporting.export import Exported, Exporter
from room_reports.exporting.lane import Lane, Left
from room_reports.exporting.outcome import Failure, Outcome, RunFailedError
from room_reports.exporting.planner import Listing, Plan, Task, plan
from room_reports.exporting.scope import Scope
from room_reports.lake.bucket import Bucket, LakeError, StoredObject, by_label
from room_reports.lake.keys import Series, quarantine_key, run_record_key
from room_reports.settings import Settings
from room_reports.source.client import KalturaRegion
from room_reports.source.errors import KalturaError
from room_reports.telemetry import logger, metrics

_LISTINGS_AT_ONCE = 8
_DELIVERY = timedelta(hours=1)
"""How late EventBridge may deliver an event: the longest that the template allows."""


@dataclass(frozen=True)
class Run:
    """One invocation's work."""

    run_id: str
    settings: Settings
    regions: Mapping[str, KalturaRegion]
    bucket: Bucket
    deadline: Deadline
    clock: Callable[[], datetime]

    def do(self, scope: Scope) -> Outcome:
        """Does what is due within ``scope`` and leaves a record of it.

        Raises:
            RunFailedError: when a task failed, after all others were done.
            LakeError: when the bucket cannot be listed or the record cannot be written.
        """
        started = self.clock()
        due = plan(scope, self.settings.settle, self._listing(scope), gzip=self.settings.gzip)
        logger.info("Planned", due=len(due.tasks), skipped=due.skipped, trigger=scope.trigger)
        outcome = self._outcome(due, self._work(due, scope), started)
        record = outcome.record(scope, started, self.clock())
        self.bucket.write_json(run_record_key(started, self.run_id), record)
        _measure(outcome)
        if outcome.failed:
            raise RunFailedError(outcome)
        return outcome

    def _listing(self, scope: Scope) -> Listing:
        def held(series: Series) -> Mapping[str, StoredObject]:
            days = [window.dt for window in scope.windows(series.granularity)]
            return by_label(self.bucket.exports(series, days[0], days[-1])) if days else {}

        wanted = [
            Series(report.slug, region, granularity)
            for report, region, granularity in scope.series()
        ]
        with ThreadPoolExecutor(_LISTINGS_AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(held, wanted), strict=True))

    def _work(self, due: Plan, scope: Scope) -> list["Future[Exported | Left]"]:
        """Does the tasks, those of each region in their order."""
        exporter = Exporter(self.settings, self.bucket, self.run_id, self.clock, self._ahead(scope))
        lanes = {
            name: Lane(self.regions[name], exporter, self.deadline, self.settings.concurrency)
            for name in scope.regions
        }
        futures = [lanes[task.series.region].submit(task) for task in due.tasks]
        for lane in lanes.values():
            lane.close()
        return futures

    def _ahead(self, scope: Scope) -> timedelta:
        """How far the run's own time is ahead of the clock.

        An event may be delivered late, and then the export is as fresh as the clock says; only
        an event of another time altogether, as for a replay, brings its own.
        """
        ahead = scope.now - self.clock()
        return timedelta() if -_DELIVERY <= ahead <= timedelta() else ahead

    def _outcome(
        self, due: Plan, futures: list["Future[Exported | Left]"], started: datetime
    ) -> Outcome:
        exported: list[Exported] = []
        failed: list[Failure] = []
        left: list[Left] = []
        for task, future in zip(due.tasks, futures, strict=True):
            error = future.exception()
            if error:
                failed.append(_failure(task, error))
                self._quarantine(task, error, started)
                continue
            result = future.result()
            if isinstance(result, Left):
                left.append(result)
            else:
                exported.append(result)
                _log_exported(result)
        return Outcome(
            run_id=self.run_id,
            exported=tuple(exported),
            skipped=due.skipped + left.count(Left.SUPERSEDED),
            deferred=left.count(Left.DEFERRED),
            failed=tuple(failed),
        )

    def _quarantine(self, task: Task, error: BaseException, started: datetime) -> None:
        """Keeps an answer that nobody could make sense of, for the operator to see."""
        if not isinstance(error, KalturaError) or error.answer is None:
            return
        answer = error.answer
        document = {
            "task": task.key,
            "error": str(error),
            "status": answer.status,
            "headers": dict(answer.headers),
            "body": answer.body.decode(errors="backslashreplace"),
        }
        key = quarantine_key(started, self.run_id, task.series, task.window)
        try:
            self.bucket.write_json(key, json.dumps(document, ensure_ascii=False, indent=1))
        except LakeError as failure:
            logger.error("Could not quarantine", task=task.key, error=str(failure))
        else:
            logger.error("Quarantined", task=task.key, answer=key)


def _failure(task: Task, error: BaseException) -> Failure:
    text = str(error) if isinstance(error, KalturaError) else f"{type(error).__name__}: {error}"
    logger.error("Failed", task=task.key, error=text)
    return Failure(task, text, getattr(error, "retryable", False))


def _log_exported(done: Exported) -> None:
    summary, key = done.fetched.summary, done.task.key
    logger.info("Exported", task=key, rows=summary.rows, state=done.state)
    if summary.unknown_columns:
        logger.warning("Unknown columns", task=key, columns=summary.unknown_columns)
    if done.fetched.replaced:
        logger.warning("Invalid UTF-8 replaced", task=key, count=done.fetched.replaced)


def _measure(outcome: Outcome) -> None:
    for name, value in {
        "TasksExported": len(outcome.exported),
        "TasksFailed": len(outcome.failed),
        "TasksDeferred": outcome.deferred,
        "RowsExported": sum(done.fetched.summary.rows for done in outcome.exported),
    }.items():
        metrics.add_metric(name, MetricUnit.Count, value)
