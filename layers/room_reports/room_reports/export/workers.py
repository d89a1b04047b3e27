"""Workers: carry out a plan with several threads, as the schedulers of the regions decide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from room_reports.deadline import Deadline
from room_reports.errors import RoomReportsError
from room_reports.export.errors import ExportError, TooLateError
from room_reports.export.planner import Task
from room_reports.export.publish import ExportedTask
from room_reports.export.scheduler import Outcome, RegionScheduler, Started
from room_reports.export.tasks import Superseded
from room_reports.kaltura.errors import DeadlineError, Fault, KalturaError, TimedOutError
from room_reports.runtime import Runtime, map_concurrently
from room_reports.storage.keys import Series

if TYPE_CHECKING:
    from concurrent.futures import Future

_OUTCOMES = {
    (Fault.REGION, True): Outcome.REGION_FAULT,
    (Fault.REGION, False): Outcome.REGION_REFUSED,
    (Fault.REPORT, True): Outcome.REPORT_FAULT,
    (Fault.REPORT, False): Outcome.REPORT_REFUSED,
}
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Deferred:
    """A task that was started, and is left to the next run."""

    out_of_time: bool
    """Whether it has used up its time."""


@dataclass(frozen=True)
class Failed:
    """A task that failed and is still due."""

    error: BaseException


TaskResult = ExportedTask | Superseded | Deferred | Failed


class Threads:
    """The threads that one task may use; a task that is split borrows free ones."""

    def __init__(
        self, runtime: Runtime, scheduler: RegionScheduler[Task], lock: Lock, series: Series
    ) -> None:
        self._runtime = runtime
        self._scheduler = scheduler
        self._lock = lock
        self._series = series

    def __call__(self, call: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """Return ``call(item)`` for each item, in their order, with the threads that are free.

        Raises:
            Exception: The first that ``call`` raises, when no call is under way any more.
        """
        with self._lock:
            borrowed = self._scheduler.borrow(self._series, len(items) - 1)
        try:
            if not borrowed:
                return [call(item) for item in items]
            return map_concurrently(self._runtime, call, items, borrowed + 1)
        finally:
            with self._lock:
                self._scheduler.give_back(self._series, borrowed)


Publish = Callable[[], ExportedTask | Superseded]
"""Publishes what a task has fetched; nothing is asked of Kaltura any more."""

Attempt = Callable[[Task, Deadline, Threads], Publish | Superseded]


@dataclass(frozen=True)
class _Running:
    """A task that is under way."""

    region: str
    started: Started[Task]
    publishing: bool = False
    """Whether its report has been fetched."""


class Workers:
    """Carries out the tasks of all regions in one run."""

    def __init__(
        self,
        runtime: Runtime,
        schedulers: Mapping[str, RegionScheduler[Task]],
        deadline: Deadline,
        attempt: Attempt,
    ) -> None:
        """Carry out what the schedulers of the regions return.

        Args:
            schedulers: By the region's name.
            attempt: Fetches the report of a task by a deadline and returns how to publish it, or
                raises.
        """
        self._runtime = runtime
        self._schedulers = schedulers
        self._deadline = deadline
        self._budget = deadline.remaining()
        self._attempt = attempt
        self._lock = Lock()

    def run(self, report: Callable[[Task, TaskResult], None]) -> None:
        """Carry out tasks until there is none left that can be started.

        Args:
            report: Called with each result, by the calling thread.
        """
        running: dict[Future[TaskResult | Publish], _Running] = {}
        while True:
            for region in self._schedulers:
                while started := self._start(region):
                    future = self._runtime.submit(self._bound(region, started))
                    running[future] = _Running(region, started)
            wake_at = self._wake_at(idle=not running)
            if not running and wake_at is None:
                return
            now = self._deadline.clock()
            timeout = None if wake_at is None else max(wake_at - now, 0.0)
            self._runtime.wait_any(list(running), timeout)
            if not running and timeout and self._deadline.clock() - now < timeout / 2:
                return  # the runtime's clock is not the deadline's, and waiting would not end
            for future in [future for future in running if future.done()]:
                task = running.pop(future)
                result = future.result()
                if callable(result):
                    with self._lock:
                        self._schedulers[task.region].release(task.started)
                    publishing = self._runtime.submit(self._publishing(task.started, result))
                    running[publishing] = replace(task, publishing=True)
                    continue
                with self._lock:
                    self._schedulers[task.region].finish(
                        task.started,
                        outcome_of(result),
                        self._deadline.clock(),
                        released=task.publishing,
                    )
                report(task.started.task, result)

    def _start(self, region: str) -> Started[Task] | None:
        with self._lock:
            return self._schedulers[region].start(self._deadline.clock())

    def _wake_at(self, *, idle: bool) -> float | None:
        now = self._deadline.clock()
        with self._lock:
            times = [scheduler.wake_at(now) for scheduler in self._schedulers.values()]
        return min((at for at in times if at is not None and (idle or at > now)), default=None)

    def _bound(self, region: str, started: Started[Task]) -> Callable[[], TaskResult | Publish]:
        threads = Threads(self._runtime, self._schedulers[region], self._lock, started.series)
        deadline = Deadline(
            min(self._deadline.at, started.began + started.limit), self._deadline.clock
        )
        return lambda: self._try(started, lambda: self._attempt(started.task, deadline, threads))

    def _publishing(
        self, started: Started[Task], publish: Publish
    ) -> Callable[[], TaskResult | Publish]:
        return lambda: self._try(started, publish)

    def _try(
        self, started: Started[Task], call: Callable[[], Publish | ExportedTask | Superseded]
    ) -> TaskResult | Publish:
        try:
            return call()
        except TooLateError:
            return Deferred(out_of_time=False)
        except DeadlineError as error:
            # It had the better part of a run, and a later run cannot give it more.
            failed = started.limit >= self._budget / 2
            return Failed(error) if failed else Deferred(out_of_time=True)
        except Exception as error:  # noqa: BLE001 - one task must not stop the others
            return Failed(error)


def outcome_of(result: TaskResult) -> Outcome:
    """Return what the result of a task shows about Kaltura."""
    match result:
        case ExportedTask():
            return Outcome.SUCCESS
        case Failed(error=ExportError()):
            return Outcome.RESPONDED
        case Deferred(out_of_time=True) | Failed(error=DeadlineError() | TimedOutError()):
            return Outcome.REPORT_REFUSED  # the next task would use up its time as well
        case Failed(error=KalturaError() as error):
            return _OUTCOMES[error.fault, error.retryable]
        case _:
            return Outcome.NEITHER


def is_retryable(error: BaseException) -> bool:
    """Return whether a later run may succeed although the operator changes nothing."""
    return isinstance(error, RoomReportsError) and error.retryable
