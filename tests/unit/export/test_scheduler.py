"""The scheduler is fair: for any mix of durations and outcomes, and for any number of runs."""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from room_reports.export.scheduler import (
    Outcome,
    RegionScheduler,
    Started,
    favoured_series,
)
from room_reports.model.windows import Granularity
from room_reports.storage.keys import Series

RUN = 880.0
"""Seconds."""
HANGS = float("inf")
SERIES = [
    Series(slug, "us", granularity)
    for slug in ("room_data", "attendees", "breakout_sessions")
    for granularity in Granularity
]


class Tasks(deque[float]):
    """The durations of a series' tasks, in seconds."""

    def take_first(self) -> float:
        return self.popleft()

    def take_last(self) -> float:
        return self.pop()


@dataclass
class Simulation:
    """Runs the scheduler as the workers do, on a simulated clock."""

    scheduler: RegionScheduler[float]
    threads: int
    outcome: Callable[[Series], Outcome]
    now: float = 0.0
    done: dict[Series, int] = field(default_factory=dict)
    """How many tasks succeeded."""
    attempts: dict[Series, int] = field(default_factory=dict)

    def run(self) -> None:
        running: list[tuple[float, int, Started[float], Outcome]] = []
        number = 0
        while True:
            while started := self.scheduler.start(self.now):
                number += 1
                self.attempts[started.series] = self.attempts.get(started.series, 0) + 1
                limit = min(started.limit, RUN - self.now)
                outcome = self.outcome(started.series)
                if started.task > limit:
                    outcome = Outcome.REPORT_REFUSED
                ends = self.now + min(started.task, limit)
                heapq.heappush(running, (ends, number, started, outcome))
                assert len(running) <= self.threads
            wake_at = self.scheduler.wake_at(self.now)
            if running:
                self.now, _, started, outcome = heapq.heappop(running)
                self.scheduler.finish(started, outcome, self.now)
                if outcome is Outcome.SUCCESS:
                    self.done[started.series] = self.done.get(started.series, 0) + 1
            elif wake_at is not None and wake_at > self.now:
                self.now = wake_at
            else:
                return
            assert self.now <= RUN


def run_once(
    work: dict[Series, Tasks], threads: int, outcome: Callable[[Series], Outcome], hour: int = 0
) -> Simulation:
    favoured = favoured_series([series for series, tasks in work.items() if tasks], hour)
    simulation = Simulation(RegionScheduler(work, threads, RUN, favoured), threads, outcome)
    simulation.run()
    return simulation


BAD = st.sampled_from([*Outcome])
DURATIONS = st.sampled_from([0.1, 5.0, 60.0, 400.0, HANGS])


@given(
    st.integers(1, 8),
    st.integers(1, 40),
    st.floats(0.1, 40.0),
    st.dictionaries(st.sampled_from(SERIES[1:]), st.tuples(BAD, DURATIONS), max_size=5),
)
@settings(max_examples=300)
def test_a_series_whose_tasks_succeed_is_done_in_runs_that_depend_on_its_own_work(
    threads: int, tasks: int, seconds: float, others: dict[Series, tuple[Outcome, float]]
) -> None:
    healthy = SERIES[0]
    left = tasks
    region_faults = (Outcome.REGION_FAULT, Outcome.REGION_REFUSED)
    others = {name: each for name, each in others.items() if each[0] not in region_faults}

    def outcome(series: Series) -> Outcome:
        return Outcome.SUCCESS if series == healthy else others[series][0]

    runs = 0
    while left:
        # The others never get any less: each run finds as many of their tasks as the one before.
        work = {name: Tasks([each[1]] * 500) for name, each in others.items()}
        own = {healthy: Tasks([seconds] * left)}
        done = run_once({**own, **work}, threads, outcome, runs).done.get(healthy, 0)
        assert done, "it advances in every run"
        runs += 1
        if threads > len(others):
            per_run = int((RUN - 1.5 * max(20.0, seconds)) // seconds)
            assert done >= min(left, per_run), "nothing holds it up"
        left -= done
    assert runs <= tasks


@given(st.integers(1, 8), st.lists(DURATIONS, min_size=6, max_size=6), st.data())
def test_no_series_holds_more_than_its_share_while_others_wait(
    threads: int, durations: list[float], data: st.DataObject
) -> None:
    work = {
        series: Tasks([seconds] * 50) for series, seconds in zip(SERIES, durations, strict=True)
    }
    scheduler = RegionScheduler(work, threads, RUN)
    running: list[Started[float]] = []
    now = 0.0
    for _ in range(60):
        while started := scheduler.start(now):
            running.append(started)
            held = [each.series for each in running]
            share = max(1, threads // len(SERIES))
            if any(series not in held for series in SERIES):
                most = max(held.count(series) for series in SERIES)
                free = threads - len(held)
                missing = sum(series not in held for series in SERIES)
                assert most <= share or free >= missing
        if not running:
            break
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        now += data.draw(st.floats(0, 10))
        scheduler.finish(ended, data.draw(BAD), now)


@given(st.integers(1, 8), st.integers(1, 2), st.integers(0, 10_000))
def test_one_that_hangs_leaves_every_other_series_its_part_of_a_run(
    threads: int, hanging: int, hour: int
) -> None:
    hung = SERIES[:hanging]
    # As in a run every hour: a window or two of each series.
    work = {name: Tasks([HANGS if name in hung else 1.0] * 2) for name in SERIES}
    simulation = run_once(work, threads, lambda _: Outcome.SUCCESS, hour)
    for name in SERIES[hanging:]:
        assert simulation.done.get(name) == 2, name


@pytest.mark.parametrize("hour", range(6))
@pytest.mark.parametrize("hanging", [SERIES[1:2], SERIES[1:3]])
def test_one_thread_is_free_again_for_the_others_when_a_first_task_hangs(
    hanging: list[Series], hour: int
) -> None:
    work = {SERIES[0]: Tasks([10.0] * 12), **{each: Tasks([HANGS] * 20) for each in hanging}}
    assert run_once(work, 1, lambda _: Outcome.SUCCESS, hour).done[SERIES[0]] == 12


@pytest.mark.parametrize("step", [1, 24, 7 * 24])
@pytest.mark.parametrize("count", range(1, 13))
def test_every_series_is_favoured_in_a_bounded_number_of_runs(step: int, count: int) -> None:
    names = [Series(f"report_{number}", "us", Granularity.DAY) for number in range(count)]
    for first in range(0, 100_000, 9973):
        seen = {favoured_series(names, first + run * step) for run in range(12 * count)}
        assert seen == set(names)


def test_a_task_that_takes_half_a_run_is_done_in_a_bounded_number_of_runs() -> None:
    heavy = SERIES[0]
    runs = 0
    while True:
        work = {name: Tasks([30.0] * 500) for name in SERIES[1:]}
        simulation = run_once(
            {heavy: Tasks([400.0]), **work}, 1, lambda _: Outcome.SUCCESS, hour=runs
        )
        runs += 1
        if simulation.done.get(heavy):
            break
    assert runs <= 12 * len(SERIES)


def test_three_faults_of_the_region_pause_it_and_do_not_end_the_run() -> None:
    faults = iter([Outcome.REGION_FAULT] * 3)
    work = {name: Tasks([1.0] * 10) for name in SERIES}
    simulation = run_once(work, 4, lambda _: next(faults, Outcome.SUCCESS))
    assert sum(simulation.done.values()) == 10 * len(SERIES) - 3


def test_a_region_that_stays_down_is_asked_a_few_times_only() -> None:
    work = {name: Tasks([1.0] * 100) for name in SERIES}
    simulation = run_once(work, 4, lambda _: Outcome.REGION_FAULT)
    assert sum(simulation.attempts.values()) <= 4 + 3 + 3
    assert simulation.now < 300


def test_a_report_that_stays_broken_is_asked_a_few_times_only() -> None:
    broken = SERIES[0]

    def outcome(series: Series) -> Outcome:
        return Outcome.REPORT_FAULT if series == broken else Outcome.SUCCESS

    work = {name: Tasks([1.0] * 400) for name in SERIES}
    simulation = run_once(work, 4, outcome)
    assert simulation.attempts[broken] <= 7
    for name in SERIES[1:]:
        assert simulation.done[name] == 400


def test_windows_that_fail_for_good_do_not_hide_the_others_of_their_series() -> None:
    series = SERIES[0]
    bad = 30

    class Windows(Tasks):
        pass

    tasks = Windows([*range(1, 101)])
    failed: list[float] = []
    done: list[float] = []
    scheduler = RegionScheduler({series: tasks}, 1, RUN)
    now = 0.0
    while True:
        started = scheduler.start(now)
        if started is None:
            wake_at = scheduler.wake_at(now)
            if wake_at is None:
                break
            now = wake_at
            continue
        now += 1.0
        is_bad = started.task <= bad
        (failed if is_bad else done).append(started.task)
        outcome = Outcome.REPORT_FAULT if is_bad else Outcome.SUCCESS
        scheduler.finish(started, outcome, now)
    assert sorted(done) == list(range(bad + 1, 101))


def test_borrowed_threads_count_and_come_back() -> None:
    work = {name: Tasks([1.0] * 3) for name in SERIES[:2]}
    scheduler = RegionScheduler(work, 4, RUN)
    first = scheduler.start(0.0)
    assert first
    assert scheduler.borrow(first.series, 10) == 1, "the other series keeps its share"
    second = scheduler.start(0.0)
    assert second
    assert second.series != first.series
    third = scheduler.start(0.0)
    assert third
    assert scheduler.start(0.0) is None
    scheduler.give_back(first.series, 1)
    assert scheduler.start(0.0)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("bad", [Outcome.REPORT_REFUSED, Outcome.REPORT_FAULT])
def test_a_window_that_is_refused_for_good_does_not_end_its_series(
    threads: int, bad: Outcome
) -> None:
    work = {name: Tasks([1.0]) for name in SERIES[1:]}
    windows = Tasks([2.0, 1.0, 1.0, 1.0])  # the first one fails
    scheduler = RegionScheduler({SERIES[0]: windows, **work}, threads, RUN)
    running: list[Started[float]] = []
    now, done = 0.0, 0
    while True:
        while started := scheduler.start(now):
            running.append(started)
        if running:
            now += 1.0
            started = running.pop(0)
            fails = started.series == SERIES[0] and started.task == 2.0
            done += started.series == SERIES[0] and not fails
            scheduler.finish(started, bad if fails else Outcome.SUCCESS, now)
        elif (wake_at := scheduler.wake_at(now)) is not None:
            now = max(now, wake_at)
        else:
            break
    assert done == 3


def test_good_windows_behind_bad_ones_advance_although_every_report_has_failed() -> None:
    work = {SERIES[0]: Tasks([2.0] * 3 + [1.0] * 20), SERIES[2]: Tasks([2.0] * 20)}
    scheduler = RegionScheduler(work, 1, RUN)
    now, done = 0.0, 0
    while True:
        started = scheduler.start(now)
        if started is None:
            wake_at = scheduler.wake_at(now)
            if wake_at is None:
                break
            now = max(now, wake_at)
            continue
        now += 1.0
        fails = started.task == 2.0
        done += not fails
        scheduler.finish(started, Outcome.REPORT_FAULT if fails else Outcome.SUCCESS, now)
    assert done, "it advances in every run"


@given(st.integers(1, 8), st.lists(st.booleans(), max_size=60))
def test_the_next_report_is_fetched_while_another_is_published(
    threads: int, steps: list[bool]
) -> None:
    scheduler = RegionScheduler({SERIES[0]: Tasks([1.0] * 500)}, threads, RUN)
    fetching: list[Started[float]] = []
    publishing: list[Started[float]] = []
    for fetched in steps:
        while started := scheduler.start(0.0):
            fetching.append(started)
        assert len(fetching) <= threads
        assert len(fetching) == threads or len(fetching) + len(publishing) == 2 * threads
        if fetched and fetching:
            publishing.append(fetching.pop())
            scheduler.release(publishing[-1])
        elif publishing:
            scheduler.finish(publishing.pop(0), Outcome.SUCCESS, 0.0, released=True)
    for started in fetching:
        scheduler.finish(started, Outcome.SUCCESS, 0.0)
    for started in publishing:
        scheduler.finish(started, Outcome.SUCCESS, 0.0, released=True)
    restarted = [scheduler.start(0.0) for _ in range(threads + 1)]
    assert restarted.count(None) == 1


@given(
    st.dictionaries(st.sampled_from(SERIES), st.integers(1, 5), min_size=1),
    st.integers(1, 4),
    st.sampled_from([each for each in Outcome if each is not Outcome.SUCCESS]),
)
def test_an_impatient_run_never_waits_for_a_circuit_breaker(
    numbers: dict[Series, int], threads: int, outcome: Outcome
) -> None:
    """Samples are taken like this: the run ends instead of waiting until it may try again."""
    simulations = [
        Simulation(
            RegionScheduler(
                {series: Tasks([5.0] * number) for series, number in numbers.items()},
                threads,
                RUN,
                patient=patient,
            ),
            threads,
            lambda _: outcome,
        )
        for patient in (True, False)
    ]
    for simulation in simulations:
        simulation.run()
    patient, impatient = simulations
    assert impatient.now <= 5.0 * sum(numbers.values())
    assert impatient.now <= patient.now
    assert sum(impatient.attempts.values()) <= sum(patient.attempts.values())
