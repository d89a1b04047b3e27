"""Workers: one region's threads, and the circuit breaker that protects a failing region.

A region that hangs keeps its own threads busy, and no others.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from room_reports.deadline import Deadline
from room_reports.export.errors import RowCapError, TooLateError
from room_reports.export.planner import Task
from room_reports.export.publish import ExportedTask, TaskExporter
from room_reports.kaltura.client import KalturaRegion
from room_reports.kaltura.errors import DeadlineError, KalturaError, RegionError

_FIRST_ESTIMATE = 20.0
"""Seconds that a task is assumed to take before the first one has finished."""
_SAFETY_FACTOR = 1.5
_FAILURES = 3
"""Failures in a row that open the circuit breaker."""


@dataclass(frozen=True)
class Deferred:
    """A task that is still due and is left to the next run."""


@dataclass(frozen=True)
class Superseded:
    """A task for which another run has published something newer in the meantime."""


TaskResult = ExportedTask | Deferred | Superseded


class CircuitBreaker:
    """Stops one region's tasks for the rest of a run; safe to share between threads.

    It opens when Kaltura says that nothing can be fetched from the region, or when several tasks
    in a row fail in ways that any other task would. It stays open until the next run.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._in_a_row = 0
        self._open = False

    @property
    def is_open(self) -> bool:
        """Whether the region must not be called any more."""
        return self._open

    def record_success(self) -> None:
        """Record that the region returned a report."""
        with self._lock:
            self._in_a_row = 0

    def record_failure(self, error: KalturaError) -> None:
        """Record how a task failed. A fault of the task alone shows that the region works."""
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if error.regional else 0
            if isinstance(error, RegionError) or self._in_a_row >= _FAILURES:
                self._open = True


class WorkerPool:
    """One region's threads in one run."""

    def __init__(
        self, region: KalturaRegion, exporter: TaskExporter, deadline: Deadline, threads: int
    ) -> None:
        self._region = region
        self._exporter = exporter
        self._deadline = deadline
        self._budget = deadline.remaining()
        self._breaker = CircuitBreaker()
        self._longest = _FIRST_ESTIMATE / _SAFETY_FACTOR
        """Seconds that the slowest task so far took."""
        self._pool = ThreadPoolExecutor(threads)

    def submit(self, task: Task) -> "Future[TaskResult]":
        """Start ``task`` after those that were submitted before it."""
        return self._pool.submit(self._attempt, task)

    def close(self) -> None:
        """Wait until every submitted task has finished."""
        self._pool.shutdown()

    def _attempt(self, task: Task) -> TaskResult:
        remaining = self._deadline.remaining()
        if self._breaker.is_open or remaining < self._longest * _SAFETY_FACTOR:
            return Deferred()
        began = time.monotonic()
        try:
            exported = self._exporter.export(task, self._region, self._deadline)
        except TooLateError:
            return Deferred()
        except DeadlineError:
            if remaining < self._budget / 2:
                return Deferred()
            raise  # it had more than half of the run's time, and the next run has no more
        except RowCapError:
            self._breaker.record_success()  # the region returned reports
            raise
        except KalturaError as error:
            self._breaker.record_failure(error)
            raise
        self._breaker.record_success()
        self._longest = max(self._longest, time.monotonic() - began)
        return exported or Superseded()
