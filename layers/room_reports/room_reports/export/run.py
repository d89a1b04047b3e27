"""One run: everything that is due, several tasks at once, and no failure stops the others."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from room_reports.deadline import Deadline
from room_reports.export.errors import RunFailedError
from room_reports.export.lateness import SeriesFreshness
from room_reports.export.piece_store import windows_with_pieces
from room_reports.export.planner import ALL_WINDOWS, Plan, SeriesPlan, Share, Task, plan_series
from room_reports.export.publish import ExportedTask, Superseded, TaskExporter
from room_reports.export.receive import ConcurrentMap
from room_reports.export.result import FailedTask, RunResult, describe_error
from room_reports.export.run_metrics import measure
from room_reports.export.scheduler import RegionScheduler, favoured_series
from room_reports.export.scope import Scope
from room_reports.export.state import SettingsInForce, begin_run, end_run
from room_reports.export.workers import (
    Deferred,
    Failed,
    TaskResult,
    Workers,
    is_retryable,
)
from room_reports.kaltura.client import KalturaRegion
from room_reports.kaltura.errors import Fault, KalturaError
from room_reports.model.freshness import CLOCK_SKEW, milestones
from room_reports.model.reports import Report
from room_reports.runtime import Runtime, map_concurrently
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket, StoredObject
from room_reports.storage.errors import ConflictError, StorageError
from room_reports.storage.keys import Series, quarantine_key, run_record_key
from room_reports.telemetry import logger

_CONCURRENT_LISTINGS = 8
LATEST_DELIVERY = timedelta(hours=1)
"""How late an event may come: the sum of EventBridge's and Lambda's maximum event ages."""


_LEFT_AFTER_WAITING = 200.0
"""Seconds of a run that must be left when it has waited for windows to settle."""


@dataclass
class _Progress:
    """What a run has done so far."""

    exported: list[ExportedTask] = field(default_factory=list)
    failed: list[FailedTask] = field(default_factory=list)
    deferred: list[Task] = field(default_factory=list)
    superseded: int = 0
    retired: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """The work of one invocation."""

    run_id: str
    settings: Settings
    regions: Mapping[str, KalturaRegion]
    bucket: Bucket
    deadline: Deadline
    clock: Callable[[], datetime]
    runtime: Runtime

    def execute(self, scope: Scope) -> RunResult:
        """Export what is due within ``scope`` and write the run record.

        Raises:
            RunFailedError: If a task failed, after all others have finished.
            StorageError: If the bucket cannot be listed or the record cannot be written.
        """
        result = self.carry_out(scope)
        if result.failed:
            raise RunFailedError(result.to_dict())
        return result

    def carry_out(self, scope: Scope) -> RunResult:
        """Do the same, but return the result also when a task failed.

        Raises:
            StorageError: If the bucket cannot be listed or the record cannot be written.
        """
        started = self.clock()
        share = begin_run(self.bucket, self.run_id, started)
        plan = self.plan(scope, share)
        if (wait := self._wait(plan, scope)) and not scope.dry_run:
            logger.info("Waiting for windows to settle", seconds=wait.total_seconds())
            self.runtime.sleep(wait.total_seconds())
            scope = replace(scope, now=scope.now + wait)
            plan = self.plan(scope, share)
        due = sum(map(len, plan.values()))
        skipped = sum(planned.skipped for planned in plan.values())
        logger.info("Planned", due=due, skipped=skipped, trigger=scope.trigger)
        progress = _Progress()
        if not scope.dry_run:
            self._work(plan, scope, self.clock(), progress)
            self._retire_duplicates(plan, progress)
        result = self._result(scope, plan, progress)
        record = result.run_record(scope, started, self.clock())
        self.bucket.write_json(run_record_key(started, self.run_id), record)
        end_run(self.bucket, self.run_id)
        measure(result, scheduled=scope.trigger == "schedule")
        return result

    def _wait(self, plan: Plan, scope: Scope) -> timedelta:
        """Return how long to wait until windows settle that are about to.

        What is fetched right before a window settles must not be published after it, so that
        these windows could not be exported in this run. With a short SettleHours and a schedule
        that comes right before, they never could be on time.
        """
        waits = [timedelta()]
        for planned in plan.values():
            for due in planned.remaining():
                settled = milestones(due.window, self.settings.settle)[1]
                if settled + CLOCK_SKEW < scope.now:
                    break  # the first windows are the newest
                if due.window.end <= scope.now < settled <= scope.now + CLOCK_SKEW:
                    waits.append(settled - scope.now)
        wait = max(waits)
        left = self.deadline.remaining() - wait.total_seconds()
        return wait if left >= _LEFT_AFTER_WAITING else timedelta()

    def plan(self, scope: Scope, share: Share = ALL_WINDOWS) -> Plan:
        """Return what is due within ``scope``, by series.

        Raises:
            StorageError: If the bucket cannot be listed.
        """
        in_force = SettingsInForce.read(self.settings, self.bucket, self.clock())

        def planned(wanted: tuple[Report, Series]) -> SeriesPlan:
            report, series = wanted
            return plan_series(
                scope,
                report,
                series,
                self._stored(scope, series),
                self.settings.settle,
                gzip=self.settings.gzip,
                inspect=lambda item, window: in_force.inspect(
                    item, window, self.settings, self.bucket
                ),
                share=share,
            )

        wanted = [
            (report, Series(report.slug, region, granularity))
            for report, region, granularity in scope.series()
        ]
        plans = map_concurrently(self.runtime, planned, wanted, _CONCURRENT_LISTINGS)
        return {plan.series: plan for plan in plans}

    def _stored(self, scope: Scope, series: Series) -> Iterable[StoredObject]:
        days = scope.days(series.granularity)
        return self.bucket.exports(series, *days) if days else ()

    def _work(self, plan: Plan, scope: Scope, started: datetime, progress: _Progress) -> None:
        """Carry out the tasks."""
        exporter = TaskExporter(
            settings=self.settings,
            bucket=self.bucket,
            run_id=self.run_id,
            clock=self.clock,
            ahead=self._ahead(scope),
            listed_at=started,
            windows_with_pieces=windows_with_pieces(self.bucket),
        )
        hour = int(scope.now.timestamp()) // 3600
        schedulers = {}
        for region in scope.regions:
            of_region = {series: p for series, p in plan.items() if series.region == region}
            schedulers[region] = RegionScheduler(
                of_region,
                self.settings.concurrency,
                self.deadline.at,
                self._favoured(of_region, hour),
            )

        def attempt(
            task: Task, deadline: Deadline, concurrently: ConcurrentMap
        ) -> ExportedTask | Superseded:
            region = self.regions[task.series.region]
            return exporter.export(task, region, deadline, concurrently)

        def report(task: Task, result: TaskResult) -> None:
            match result:
                case ExportedTask():
                    progress.exported.append(result)
                    _log_exported(result)
                case Superseded():
                    progress.superseded += 1
                case Deferred():
                    progress.deferred.append(task)
                case Failed(error=error):
                    progress.failed.append(_failed(task, error))
                    self._quarantine(task, error, started)

        Workers(self.runtime, schedulers, self.deadline, attempt).run(report)

    def _favoured(self, plan: Plan, hour: int) -> Series | None:
        """Return the series of a region that may use half of the run for one task.

        None when each has a thread of its own, so that no task is limited.
        """
        waiting = [series for series, planned in plan.items() if planned]
        return favoured_series(waiting, hour) if len(waiting) > self.settings.concurrency else None

    def _ahead(self, scope: Scope) -> timedelta:
        """Return how far the run's own time is ahead of the clock.

        An event can be delivered late, and then the export is as fresh as the clock says. Only an
        event of another time altogether, such as a replay, brings a time of its own.
        """
        ahead = scope.now - self.clock()
        return timedelta() if -LATEST_DELIVERY <= ahead <= timedelta() else ahead

    def _retire_duplicates(self, plan: Plan, progress: _Progress) -> None:
        """Empty the older one of two objects of one window, which would count twice."""
        for planned in plan.values():
            for item in planned.duplicates:
                logger.warning("Two objects of one window", retired=item.key)
                try:
                    self.bucket.retire(item.key, item.etag)
                    progress.retired.append(item.key)
                except (ConflictError, StorageError) as error:
                    logger.error("Could not retire", key=item.key, error=str(error))

    def _result(self, scope: Scope, plan: Plan, progress: _Progress) -> RunResult:
        unfinished: dict[Series, list[Task]] = {series: [] for series in plan}
        for task in (*progress.deferred, *(failed.task for failed in progress.failed)):
            unfinished[task.series].append(task)
        left = sum(map(len, plan.values()))
        order = {series: place for place, series in enumerate(plan)}

        def place(task: Task) -> tuple[int, float, float, int]:
            window = task.window
            end, start = window.end.timestamp(), window.start.timestamp()
            return task.reason, -end, -start, order[task.series]

        return RunResult(
            run_id=self.run_id,
            exported=tuple(sorted(progress.exported, key=lambda done: place(done.task))),
            skipped=sum(planned.skipped for planned in plan.values()) + progress.superseded,
            deferred=left + len(progress.deferred),
            failed=tuple(sorted(progress.failed, key=lambda failed: place(failed.task))),
            freshness=tuple(
                SeriesFreshness.of(planned, unfinished[series], scope.now)
                for series, planned in plan.items()
            ),
            retired=tuple(progress.retired),
            other_filters={
                series: tuple(planned.other_filters)
                for series, planned in plan.items()
                if planned.other_filters
            },
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
    text = describe_error(error)
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
