"""One run: everything that is due, several tasks at once, and no failure stopping the others."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from aws_lambda_powertools.metrics import MetricUnit

from room_reports.deadline import Deadline
from room_reports.exporting.export import Exported, Exporter, TooLateError
from room_reports.exporting.outcome import Failure, Outcome, RunFailedError
from room_reports.exporting.planner import Listing, Plan, Task, by_label, plan
from room_reports.exporting.scope import Scope
from room_reports.lake.bucket import Bucket, StoredObject
from room_reports.lake.keys import Series, run_record_key
from room_reports.settings import Settings
from room_reports.source.client import KalturaRegion
from room_reports.source.errors import KalturaError, RegionError
from room_reports.telemetry import logger, metrics

_FIRST_ESTIMATE = 20.0
"""Seconds that a task is thought to take before any was done."""
_CAUTION = 1.5


@dataclass
class Run:
    """One invocation's work."""

    run_id: str
    settings: Settings
    regions: Mapping[str, KalturaRegion]
    bucket: Bucket
    deadline: Deadline
    clock: Callable[[], datetime]
    _given_up: dict[str, RegionError] = field(default_factory=dict)
    _longest: float = 0.0
    """Seconds that the slowest task so far took."""

    def do(self, scope: Scope) -> Outcome:
        """Does what is due within ``scope`` and leaves a record of it.

        Raises:
            RunFailedError: when a task failed, after all others were done.
            LakeError: when the bucket cannot be listed or the record cannot be written.
        """
        started = self.clock()
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            listing = self._listing(scope, pool)
            due = plan(scope, self.settings.settle, listing, gzip=self.settings.gzip)
            logger.info("Planned", due=len(due.tasks), skipped=due.skipped, trigger=scope.trigger)
            exporter = Exporter(self.settings, self.bucket, self.run_id, scope.now, self.clock)
            futures = [pool.submit(self._attempt, exporter, task) for task in due.tasks]
        outcome = self._outcome(due, futures)
        record = outcome.record(scope, started, self.clock())
        self.bucket.write_json(run_record_key(started, self.run_id), record)
        _measure(outcome)
        if outcome.failed:
            raise RunFailedError(outcome)
        return outcome

    def _listing(self, scope: Scope, pool: ThreadPoolExecutor) -> Listing:
        def held(series: Series) -> dict[str, StoredObject]:
            days = [window.dt for window in scope.windows(series.granularity)]
            if not days:
                return {}
            return by_label(self.bucket.exports(series, days[0], days[-1]))

        wanted = [
            Series(report.slug, region, granularity)
            for report, region, granularity in scope.series()
        ]
        return dict(zip(wanted, pool.map(held, wanted), strict=True))

    def _attempt(self, exporter: Exporter, task: Task) -> Exported | None:
        """Does one task; None when it is left to the next run, or another run has done it."""
        region = task.series.region
        if region in self._given_up:
            return None
        if self.deadline.remaining() < max(self._longest * _CAUTION, _FIRST_ESTIMATE):
            return None
        began = time.monotonic()
        try:
            done = exporter.export(task, self.regions[region], self.deadline)
        except RegionError as error:
            self._given_up[region] = error
            raise
        except TooLateError:
            return None
        self._longest = max(self._longest, time.monotonic() - began)
        if done:
            _log_exported(done)
        return done

    def _outcome(self, due: Plan, futures: list[Future[Exported | None]]) -> Outcome:
        exported: list[Exported] = []
        failed: list[Failure] = []
        deferred = 0
        for task, future in zip(due.tasks, futures, strict=True):
            error = future.exception()
            done = None if error else future.result()
            if error:
                failed.append(_failure(task, error))
            elif done:
                exported.append(done)
            else:
                deferred += 1
        return Outcome(self.run_id, tuple(exported), due.skipped, deferred, tuple(failed))


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
