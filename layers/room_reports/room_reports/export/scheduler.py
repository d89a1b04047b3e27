"""The scheduler: which task of a region runs next, so that no series can starve another.

The unit is the series (report, region, granularity). Series take turns; inside a series the order
of the planner holds. Everything here is pure: the time and the outcomes are passed in.

What it promises, for a region with T threads, n series with work and D seconds until the deadline:

- A series whose breaker is closed never waits for more than one task of each other series.
- While other series wait for a thread, no series holds more than its share of the threads, and no
  task runs longer than ``D * T / (T + waiting)`` seconds, or 20 if that is less. So a series whose
  tasks all hang takes its share of a run, and no more.
- In each run one series, in rotation, may use half of the run for one task. So a task that needs
  much time gets it once in a bounded number of runs, whatever the other series do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Protocol, TypeVar

from room_reports.export.breaker import CircuitBreaker, RegionHealth
from room_reports.storage.keys import Series

_FIRST_ESTIMATE = 20.0
"""Seconds that a task is assumed to take before the first one of its series has finished."""
_SAFETY_FACTOR = 1.5
_PROBE_LIMIT = 60.0
"""Seconds that a probe may take, or longer where the series' tasks have taken longer."""
_PERIODS = (1, 24, 24 * 7, 24 * 11)
"""Hours between runs of usual schedules."""

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class TaskQueue(Protocol[_T_co]):
    """The tasks of one series that have not been started, in the order in which to run them."""

    def __len__(self) -> int:
        """Return the number of tasks."""

    def take_first(self) -> _T_co:
        """Return the first task and remove it."""

    def take_last(self) -> _T_co:
        """Return the last task and remove it."""


class Outcome(Enum):
    """What a finished task shows about Kaltura."""

    SUCCESS = "success"
    """The report was exported."""
    RESPONDED = "responded"
    """The report was fetched, but cannot be published for a reason of this window alone."""
    REPORT_FAULT = "report fault"
    """The report failed in a way that may pass."""
    REPORT_REFUSED = "report refused"
    """The report failed in a way that every other window of it would, or used up its time."""
    REGION_FAULT = "region fault"
    """The region failed in a way that may pass."""
    REGION_REFUSED = "region refused"
    """The region failed in a way that every other call would."""
    NEITHER = "neither"
    """Nothing, because the fault was not Kaltura's."""


@dataclass(frozen=True)
class Started(Generic[_T]):
    """A task to run now."""

    series: Series
    task: _T
    limit: float
    """Seconds that it may take."""
    began: float
    report_probe: bool
    region_probe: bool


@dataclass
class _SeriesState(Generic[_T]):
    """One series in one run."""

    tasks: TaskQueue[_T]
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    running: int = 0
    borrowed: int = 0
    """Threads that its running tasks use besides their own."""
    turn: int = 0
    """The number of the turn in which it last started a task."""
    longest: float = _FIRST_ESTIMATE / _SAFETY_FACTOR
    """Seconds that its slowest task took."""

    @property
    def threads(self) -> int:
        return self.running + self.borrowed


class RegionScheduler(Generic[_T]):
    """One region's tasks in one run. Not safe to share between threads without a lock."""

    def __init__(
        self,
        series: Mapping[Series, TaskQueue[_T]],
        threads: int,
        deadline: float,
        favoured: Series | None = None,
        *,
        patient: bool = True,
    ) -> None:
        """Schedule the tasks of several series.

        Args:
            series: The tasks of each series.
            threads: The most tasks, or parts of tasks, that ask Kaltura at a time. Twice as
                many may be under way, of which the others are publishing.
            deadline: When the run ends, in seconds on the clock of ``now``.
            favoured: The series that may use half of the run for one task.
            patient: Whether the run is worth waiting for a circuit breaker to close.
        """
        self._patient = patient
        self._series = {name: _SeriesState(tasks) for name, tasks in series.items()}
        if favoured in self._series:
            self._series[favoured].turn = -1
        self._threads = threads
        self._deadline = deadline
        self._favoured = favoured
        self._region = CircuitBreaker(first_is_worth_it=False)
        self._health = RegionHealth(frozenset(name.slug for name in series))
        self._turns = 0
        self._publishing = 0
        self._ended = False

    def start(self, now: float) -> Started[_T] | None:
        """Return the task to start now, or None when none can be."""
        if self._ended or self._free() <= 0 or not self._region.allows(now):
            return None
        if self._publishing + self._threads - self._free() >= 2 * self._threads:
            return None  # the files of all of them wait in memory and on disk
        remaining = self._deadline - now
        candidates = self._candidates(now, idle=False)
        if not candidates and self._free() == self._threads and not self._publishing:
            candidates = self._candidates(now, idle=True)
        if not candidates:
            return None
        *_, series = min(candidates)
        state = self._series[series]
        limit = self._limit(series, remaining, now)
        self._turns += 1
        state.turn = self._turns
        state.running += 1
        probe, region_probe = state.breaker.begin(), self._region.begin()
        if probe:
            limit = min(limit, max(_PROBE_LIMIT, state.longest * _SAFETY_FACTOR))
        # The first tasks have failed. A probe takes the last one, so that windows that fail for
        # good do not hide that the others of the series can be exported.
        task = state.tasks.take_last() if probe or region_probe else state.tasks.take_first()
        return Started(series, task, limit, now, report_probe=probe, region_probe=region_probe)

    def _candidates(self, now: float, *, idle: bool) -> list[tuple[int, int, int, Series]]:
        """Return the series that can start a task now, with what decides which one does."""
        remaining = self._deadline - now
        return [
            (state.threads, state.turn, place, series)
            for place, (series, state) in enumerate(self._series.items())
            if state.tasks
            and state.breaker.allows(now, idle=idle)
            and state.longest * _SAFETY_FACTOR <= remaining
            and self._may_grow(series)
        ]

    def release(self, started: Started[_T]) -> None:
        """Free the thread of a task that has fetched its report and is about to publish it.

        Kaltura can compute the next report meanwhile.
        """
        self._series[started.series].running -= 1
        self._publishing += 1

    def finish(
        self, started: Started[_T], outcome: Outcome, now: float, *, released: bool = False
    ) -> None:
        """Record the outcome of a task that ``start`` returned.

        Args:
            released: Whether ``release`` has freed its thread.
        """
        state = self._series[started.series]
        if released:
            self._publishing -= 1
        else:
            state.running -= 1
        spent = now - started.began
        report, region = state.breaker, self._region
        match outcome:
            case Outcome.SUCCESS | Outcome.RESPONDED:
                if outcome is Outcome.SUCCESS:
                    state.longest = max(state.longest, spent)
                report.record_success()
                region.record_success()
                self._health.record_success()
            case Outcome.REPORT_FAULT | Outcome.REPORT_REFUSED:
                report.record_failure(
                    now,
                    probe=started.report_probe,
                    at_once=outcome is Outcome.REPORT_REFUSED,
                    passing=outcome is Outcome.REPORT_FAULT,
                    spent=spent,
                )
                if self._health.record_failure(started.series.slug):
                    region.record_failure(now, probe=started.region_probe, at_once=True)
                else:
                    region.record_success()  # the region responds
            case Outcome.REGION_FAULT | Outcome.REGION_REFUSED:
                report.record_neither(probe=started.report_probe)
                region.record_failure(
                    now,
                    probe=started.region_probe,
                    at_once=outcome is Outcome.REGION_REFUSED,
                    passing=outcome is Outcome.REGION_FAULT,
                )
            case Outcome.NEITHER:
                report.record_neither(probe=started.report_probe)
                region.record_neither(probe=started.region_probe)

    def wake_at(self, now: float) -> float | None:
        """Return when to call ``start`` again although nothing is running.

        None when waiting is not worth it, so that the region's run is over.
        """
        region = now if not self._region.is_open else self._region.worth_waiting_until()
        if self._ended or region is None or not self._patient:
            return None
        times = []
        for state in self._series.values():
            report = now if not state.breaker.is_open else state.breaker.worth_waiting_until()
            if state.tasks and report is not None:
                at = max(region, report, now)
                if at + state.longest * _SAFETY_FACTOR <= self._deadline:
                    times.append(at)
        return min(times, default=None)

    def borrow(self, series: Series, wanted: int) -> int:
        """Return how many more threads, up to ``wanted``, a running task of a series may use."""
        state = self._series[series]
        granted = 0
        while granted < wanted and self._free() > 0 and self._may_grow(series):
            state.borrowed += 1
            granted += 1
        return granted

    def give_back(self, series: Series, threads: int) -> None:
        """Take back threads that were borrowed."""
        self._series[series].borrowed -= threads

    def end(self) -> None:
        """Start nothing any more."""
        self._ended = True

    def _free(self) -> int:
        return self._threads - sum(state.threads for state in self._series.values())

    def _may_grow(self, series: Series) -> bool:
        """Return whether a series may use one thread more.

        It may up to its share. Beyond that it may use only what the others do not need for
        theirs.
        """
        contenders = [state for state in self._series.values() if state.threads or state.tasks]
        share = max(1, self._threads // max(1, len(contenders)))
        state = self._series[series]
        if state.threads < share:
            return True
        needed = sum(
            max(0, share - other.threads)
            for other in contenders
            if other is not state and other.tasks
        )
        return self._free() > needed

    def _limit(self, series: Series, remaining: float, now: float) -> float:
        """Return the seconds that a task may take, so that every waiting series gets its turn."""
        waiting = sum(
            1
            for name, state in self._series.items()
            if name != series and not state.threads and state.tasks and state.breaker.allows(now)
        )
        if waiting <= self._free() - 1:
            return remaining
        share = remaining * self._threads / (self._threads + waiting)
        # A shorter task would hardly do anything but time out.
        share = min(max(share, _FIRST_ESTIMATE), remaining)
        return max(share, remaining / 2) if series == self._favoured else share


def favoured_series(series: Iterable[Series], hour: int) -> Series | None:
    """Return the series that may use half of a run for one task: another one from run to run.

    The sum visits every series within a bounded number of runs, whether they are an hour, a day
    or a week apart.

    Args:
        hour: The run's time in hours since 1970.
    """
    names = sorted(series)
    return names[sum(hour // hours for hours in _PERIODS) % len(names)] if names else None
