"""A lane: one region's tasks, several at once, apart from those of other regions.

A region that hangs keeps its own lane busy, and no other.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum, auto

from room_reports.deadline import Deadline
from room_reports.exporting.breaker import CircuitBreaker
from room_reports.exporting.export import Exported, Exporter, TooLateError
from room_reports.exporting.planner import Task
from room_reports.source.body import DeadlineError
from room_reports.source.client import KalturaRegion
from room_reports.source.errors import KalturaError

_FIRST_ESTIMATE = 20.0
"""Seconds that a task is thought to take before any was done."""
_CAUTION = 1.5


class Left(Enum):
    """Why a task was neither exported nor failed."""

    DEFERRED = auto()
    """It is left to the next run."""
    SUPERSEDED = auto()
    """Another run has published something newer meanwhile."""


class Lane:
    """One region's lane through one run."""

    def __init__(
        self, region: KalturaRegion, exporter: Exporter, deadline: Deadline, width: int
    ) -> None:
        self._region = region
        self._exporter = exporter
        self._deadline = deadline
        self._budget = deadline.remaining()
        self._breaker = CircuitBreaker()
        self._longest = _FIRST_ESTIMATE / _CAUTION
        """Seconds that the slowest task so far took."""
        self._pool = ThreadPoolExecutor(width)

    def submit(self, task: Task) -> "Future[Exported | Left]":
        """Has ``task`` done after those that were submitted before it."""
        return self._pool.submit(self._attempt, task)

    def close(self) -> None:
        """Waits until everything that was submitted is done."""
        self._pool.shutdown()

    def _attempt(self, task: Task) -> Exported | Left:
        left = self._deadline.remaining()
        if self._breaker.is_open or left < self._longest * _CAUTION:
            return Left.DEFERRED
        began = time.monotonic()
        try:
            done = self._exporter.export(task, self._region, self._deadline)
        except TooLateError:
            return Left.DEFERRED
        except DeadlineError:
            if left < self._budget / 2:
                return Left.DEFERRED
            raise  # it had the better part of a run's time, and the next run has no more
        except KalturaError as error:
            self._breaker.failed(error)
            raise
        self._breaker.succeeded()
        self._longest = max(self._longest, time.monotonic() - began)
        return done or Left.SUPERSEDED
