"""Sampling: the samples of one run, which come when nothing is due any more.

A run lists the days of the sample, and keeps the tasks in queues that a scheduler takes them from.
Windows beside one that was different join the queues.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from room_reports.export.errors import FewerRowsError
from room_reports.export.planner import Plan, Reason, SeriesPlan, Share, Task
from room_reports.export.progress import Progress
from room_reports.export.publish import ExportedTask
from room_reports.export.samples import neighbours, plan_samples, sampled_days
from room_reports.export.scope import Scope
from room_reports.export.workers import Failed, TaskResult
from room_reports.runtime import Runtime, map_concurrently
from room_reports.settings import Settings
from room_reports.storage.bucket import Bucket
from room_reports.storage.errors import ConflictError, StorageError
from room_reports.storage.keys import Series
from room_reports.telemetry import logger

_CONCURRENT_LISTINGS = 8
MOST_NEIGHBOURS = 50
"""Windows of a region that a run asks for because a window beside them was different."""


@dataclass
class SampleQueue:
    """The samples of one series that have not been started, in the order in which to run them."""

    tasks: deque[Task] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.tasks)

    def take_first(self) -> Task:
        """Return the first task and remove it."""
        return self.tasks.popleft()

    def take_last(self) -> Task:
        """Return the last task and remove it."""
        return self.tasks.pop()


@dataclass
class Sampling:
    """The samples of one run."""

    settings: Settings
    bucket: Bucket
    scope: Scope
    share: Share
    """The part of the sample that is this run's, when several runs work at the same time."""
    plans: Mapping[Series, SeriesPlan]
    """The series that may be asked for."""
    queues: dict[Series, SampleQueue] = field(init=False)
    marked: list[Task] = field(default_factory=list)
    """Those whose file says that Kaltura returned fewer rows."""
    _planned: set[tuple[Series, str]] = field(default_factory=set)
    """Each window that has been in a queue."""
    _neighbours: dict[str, int] = field(default_factory=dict)
    """How many windows have joined the queues, by region."""

    def __post_init__(self) -> None:
        self.queues = {series: SampleQueue() for series in self.plans}

    def fill(self, runtime: Runtime) -> None:
        """List the days of the sample, and queue the windows on them that are to be asked for."""

        def listed(wanted: tuple[Series, date]) -> list[Task]:
            series, day = wanted
            return self._settled(series, day.isoformat(), Reason.SAMPLE)

        on, settle = self.scope.now.date(), self.settings.settle
        wanted = [
            (series, day)
            for series in self.plans
            for day in sampled_days(series, on, self.scope.sample_days, settle)
        ]
        for tasks in map_concurrently(runtime, listed, wanted, _CONCURRENT_LISTINGS):
            # Nothing is lost if the run that has the other part does not come to it.
            self._add(task for task in tasks if self._is_own(task))

    def recorder(
        self, record: Callable[[Task, TaskResult], None]
    ) -> Callable[[Task, TaskResult], None]:
        """Return what takes note of a result, besides ``record``."""

        def take_note(task: Task, result: TaskResult) -> None:
            record(task, result)
            match result:
                case ExportedTask(in_names_only=False):
                    self._add_neighbours(task)
                case Failed(error=FewerRowsError() as error):
                    self._mark(task, error)

        return take_note

    def _is_own(self, task: Task) -> bool:
        return self.share.includes(int(task.window.start.timestamp()))

    def _add(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            window = task.series, task.window.label
            if window not in self._planned:
                self._planned.add(window)
                self.queues[task.series].tasks.append(task)

    def _add_neighbours(self, task: Task) -> None:
        """Queue the windows before and after one that was different, and its other reports."""
        series, window = task.series, task.window
        beside = [(series, each) for each in neighbours(self.plans[series].calendar, window)]
        beside += [
            (other, window)
            for other in self.plans
            if (other.region, other.granularity) == (series.region, series.granularity)
            and other != series
        ]
        for other, each in beside:
            if (other, each.label) in self._planned:
                continue
            if self._neighbours.get(series.region, 0) >= MOST_NEIGHBOURS:
                logger.warning("More settled windows may have changed", near=task.key)
                return
            found = self._settled(other, each.dt, Reason.NEIGHBOUR)
            tasks = [found_task for found_task in found if found_task.window == each]
            self._neighbours[series.region] = self._neighbours.get(series.region, 0) + len(tasks)
            self._add(tasks)

    def _settled(self, series: Series, dt: str, reason: Reason) -> list[Task]:
        """Return the tasks for the windows of one ``dt``; none if S3 fails."""
        planned = self.plans[series]
        try:
            stored = self.bucket.exports(series, dt, dt)
            tasks = plan_samples(planned, stored, self.scope.now, reason)
            return [task for task in tasks if not self.scope.is_expired(task.window)]
        except StorageError as error:
            logger.warning("A sample cannot be looked for", dt=dt, error=str(error))
            return []

    def _mark(self, task: Task, error: FewerRowsError) -> None:
        """Note on a file that Kaltura returned fewer rows, so that it is not asked for again today.

        Its content stays as it is.
        """
        try:
            found = self.bucket.head(task.key)
            if found and not _written_since(found.last_modified, task.since):
                metadata = {**found.metadata, "fewer-rows": str(error.now)}
                self.bucket.replace_metadata(task.key, metadata, found.etag)
                self.marked.append(task)
        except (ConflictError, StorageError) as failure:
            logger.warning("A sample will be repeated", task=task.key, error=str(failure))


def undisturbed(plan: Plan, progress: Progress) -> dict[Series, SeriesPlan]:
    """Return the series that a run may ask for samples, when it has exported what it could.

    A series of which anything is left is none of them, nor is one whose region has failed: what is
    due comes first.
    """
    unfinished = [failed.task for failed in progress.failed] + progress.deferred
    troubled = {task.series for task in unfinished}
    down = {failed.task.series.region for failed in progress.failed if failed.region_fault}
    return {
        series: planned
        for series, planned in plan.items()
        if not planned and series not in troubled and series.region not in down
    }


def _written_since(written: datetime, since: datetime | None) -> bool:
    return since is not None and written >= since
