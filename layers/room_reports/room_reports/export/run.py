"""One run: everything that is due, several tasks at once, and no failure stops the others."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from room_reports.deadline import Deadline
from room_reports.export.day_index import DayIndex
from room_reports.export.day_listings import DayListings
from room_reports.export.errors import RunFailedError
from room_reports.export.expiry import Expiry
from room_reports.export.notifications import Notifier, Send
from room_reports.export.other_runs import OtherRuns, announce
from room_reports.export.planner import ALL_WINDOWS, Plan, SeriesPlan, Task, plan_series
from room_reports.export.progress import Progress
from room_reports.export.publish import ExportedTask, TaskPublisher
from room_reports.export.receive import ConcurrentMap
from room_reports.export.region_index import IndexUpdate
from room_reports.export.result import RunResult
from room_reports.export.run_metrics import expiring_sessions, measure
from room_reports.export.sampling import Sampling, undisturbed
from room_reports.export.scheduler import RegionScheduler, favoured_series
from room_reports.export.scope import Scope
from room_reports.export.state import SettingsInForce, end_run
from room_reports.export.tasks import Superseded, TaskFetcher
from room_reports.export.workers import Attempt, Publish, TaskResult, Workers
from room_reports.kaltura.client import KalturaRegion
from room_reports.model.freshness import CLOCK_SKEW, milestones
from room_reports.model.reports import Report
from room_reports.runtime import Runtime, map_concurrently
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import ConflictError, StorageError
from room_reports.storage.keys import Series, run_record_key
from room_reports.storage.objects import StoredObject
from room_reports.telemetry import logger

_CONCURRENT_LISTINGS = 8
LATEST_DELIVERY = timedelta(hours=1)
"""How late an event may come: the sum of EventBridge's and Lambda's maximum event ages."""


_LEFT_AFTER_WAITING = 200.0
"""Seconds of a run that must be left when it has waited for windows to settle."""


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
    send: Send | None = None
    """Sends notifications; None: none are sent."""

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
        scheduled = scope.trigger == "schedule"
        seen = announce(
            self.run_id,
            self.bucket,
            self.settings,
            self.runtime,
            started,
            count_quarantined=scheduled,
        )
        listings = DayListings()
        plan = self.plan(scope, seen, listings)
        if (wait := self._wait(plan, scope)) and not scope.dry_run:
            logger.info("Waiting for windows to settle", seconds=wait.total_seconds())
            self.runtime.sleep(wait.total_seconds())
            scope = replace(scope, now=scope.now + wait)
            plan = self.plan(scope, seen, listings)
        due = sum(map(len, plan.values()))
        skipped = sum(planned.skipped for planned in plan.values())
        logger.info("Planned", due=due, skipped=skipped, trigger=scope.trigger)
        mask = self.settings.hides_people
        progress = Progress(self.run_id, self.bucket, started, mask)
        notifier = Notifier(self.send, self.bucket, self.settings, self.run_id, self.deadline)
        if not scope.dry_run:
            self._work(plan, scope, seen, progress, notifier)
            self._retire_duplicates(plan, progress)
        # Before the run record, which may fail to be written: these would be lost for good.
        unsent = notifier.finish()
        index = DayIndex(self.bucket, self.settings, self.runtime, self.deadline)
        if scheduled and not scope.dry_run:
            expiry = Expiry(self.settings, self.bucket, self.runtime, self.deadline, index)
            progress.emptied = expiry.empty(min(scope.now, self.clock()))
        checked = (
            IndexUpdate()
            if scope.dry_run
            else index.examine(listings, progress.exported, progress.marked, scope.now)
        )
        result = progress.result(plan, scope.now, checked)
        record = result.run_record(scope, started, self.clock())
        self.bucket.write_json(run_record_key(started, self.run_id), record)
        end_run(self.bucket, self.run_id)
        index.write(checked)
        measure(
            result,
            scheduled=scheduled,
            unsent=unsent,
            calls={name: region.calls.take() for name, region in self.regions.items()},
            expiring=expiring_sessions(self.regions, scope.now, self.deadline) if scheduled else 0,
            quarantined_before=seen.quarantined,
        )
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

    def plan(
        self,
        scope: Scope,
        seen: OtherRuns | None = None,
        listings: DayListings | None = None,
    ) -> Plan:
        """Return what is due within ``scope``, by series.

        Args:
            seen: What other runs have left; by default, their work is not left out.
            listings: Remembers the day files that the bucket holds.

        Raises:
            StorageError: If the bucket cannot be listed.
        """
        share = seen.share if seen else ALL_WINDOWS
        in_force = (
            seen.in_force
            if seen
            else SettingsInForce.read(self.settings, self.bucket, self.clock())
        )

        def planned(wanted: tuple[Report, Series]) -> SeriesPlan:
            report, series = wanted
            stored = self._stored(scope, series, listings or DayListings())
            plan = plan_series(
                scope,
                report,
                series,
                stored,
                self.settings.settle,
                gzip=self.settings.gzip,
                inspect=lambda item, window: in_force.inspect(
                    item, window, self.settings, self.bucket
                ),
                share=share,
            )
            deque(stored, maxlen=0)  # the listing goes on after the last window
            return plan

        wanted = [
            (report, Series(report.slug, region, granularity))
            for report, region, granularity in scope.series()
        ]
        plans = map_concurrently(self.runtime, planned, wanted, _CONCURRENT_LISTINGS)
        return {plan.series: plan for plan in plans}

    def _stored(
        self, scope: Scope, series: Series, listings: DayListings
    ) -> Iterator[StoredObject]:
        days = scope.days(series.granularity)
        if days is None:
            return iter(())
        return listings.watched(series, days, self.bucket.exports(series, *days))

    def _work(
        self,
        plan: Plan,
        scope: Scope,
        seen: OtherRuns,
        progress: Progress,
        notifier: Notifier,
    ) -> None:
        """Carry out the tasks."""
        started = self.clock()
        ahead = self._ahead(scope)
        fetcher = TaskFetcher(
            settings=self.settings,
            bucket=self.bucket,
            clock=self.clock,
            ahead=ahead,
            listed_at=started,
            windows_with_pieces=seen.windows_with_pieces,
        )
        publisher = TaskPublisher(self.settings, self.bucket, self.run_id, self.clock, ahead)
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
        ) -> Publish | Superseded:
            region = self.regions[task.series.region]
            fetched = fetcher.fetch(task, region, deadline, concurrently)
            if isinstance(fetched, Superseded):
                return fetched
            return lambda: publisher.publish(fetched)

        def report(task: Task, result: TaskResult) -> None:
            progress.record(task, result)
            if isinstance(result, ExportedTask):
                notifier.exported(result)

        Workers(self.runtime, schedulers, self.deadline, attempt).run(report)
        if scope.sample_days and -LATEST_DELIVERY <= scope.now - started <= CLOCK_SKEW:
            plans = undisturbed(plan, progress)
            sampling = Sampling(self.settings, self.bucket, scope, seen.share, plans)
            self._sample(sampling, attempt, progress, notifier)

    def _sample(
        self, sampling: Sampling, attempt: Attempt, progress: Progress, notifier: Notifier
    ) -> None:
        """Ask again for some settled windows, in half of the time that is left.

        Nothing of what was due is under way any more, so that samples delay none of it. The other
        half is for what comes after them.
        """
        until = self.deadline.part(0.5)
        sampling.fill(self.runtime)
        schedulers = {
            region: RegionScheduler(
                {series: q for series, q in sampling.queues.items() if series.region == region},
                self.settings.concurrency,
                until.at,
                patient=False,
            )
            for region in sampling.scope.regions
        }

        def report(task: Task, result: TaskResult) -> None:
            progress.record_sample(task, result)
            if isinstance(result, ExportedTask):
                notifier.exported(result)

        recorder = sampling.recorder(report)
        Workers(self.runtime, schedulers, until, attempt).run(recorder)
        progress.marked += sampling.marked
        progress.samples_not_asked += sum(map(len, sampling.queues.values()))

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

    def _retire_duplicates(self, plan: Plan, progress: Progress) -> None:
        """Empty the older one of two objects of one window, which would count twice."""
        for planned in plan.values():
            for item in planned.duplicates:
                logger.warning("Two objects of one window", retired=item.key)
                try:
                    self.bucket.retire(item.key, item.etag)
                    progress.retired.append(item.key)
                except (ConflictError, StorageError) as error:
                    logger.error("Could not retire", key=item.key, error=str(error))
